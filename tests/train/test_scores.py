"""Scores: their definitions, computed another way, their edges and their errors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import DataError, ShapeError
from chainrule.train.scores import accuracy, log_loss, r2, rmse, root_mean_square

numbers = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=30)


@given(numbers)
def test_r2_and_rmse_are_their_definitions(pairs):
    truth, predicted = (np.array(side) for side in zip(*pairs, strict=True))
    residual, total = math.fsum((truth - predicted) ** 2), math.fsum((truth - truth.mean()) ** 2)
    assert math.isclose(rmse(truth, predicted), math.sqrt(residual / len(pairs)), rel_tol=1e-9, abs_tol=1e-150)
    if total > 1e-6:
        assert math.isclose(r2(truth, predicted), 1 - residual / total, rel_tol=1e-9, abs_tol=1e-9)


def test_r2_of_known_predictions():
    assert r2([3, -0.5, 2, 7], [2.5, 0.0, 2, 8]) == pytest.approx(0.948608, abs=1e-6)  # scikit-learn's own example
    assert r2([1, 2, 3], [3, 2, 1]) == pytest.approx(-3)


@pytest.mark.parametrize("truth", [[2.0], [0.1, 0.1, 0.1]])
def test_r2_of_a_constant_truth_is_not_a_number(truth):
    assert math.isnan(r2(truth, [1.0] * len(truth)))


def test_predictions_that_are_not_finite_are_not_hidden():
    assert r2([1.0, 2.0], [1.0, math.inf]) == -math.inf
    assert rmse([1.0, 2.0], [1.0, math.inf]) == math.inf
    assert math.isnan(rmse([1.0, 2.0], [1.0, math.nan]))
    assert math.isnan(r2([1.0, 2.0], [1.0, math.nan]))


def test_squares_neither_overflow_nor_vanish():
    assert rmse([3e200, 0.0], [0.0, 4e200]) == pytest.approx(math.sqrt(12.5) * 1e200)
    assert rmse([3e-200, 0.0], [0.0, 4e-200]) == pytest.approx(math.sqrt(12.5) * 1e-200)
    assert r2([1e-200, 3e-200], [1e-200, 2e-200]) == pytest.approx(0.5)
    assert root_mean_square(np.zeros(3)) == 0.0


def test_accuracy():
    assert accuracy([1, 2, 3, 4], np.array([1, 2, 3, 5])) == 0.75
    assert accuracy([True], [False]) == 0.0


def test_log_loss_is_its_definition():
    probabilities = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.25, 0.25, 0.5]]
    assert log_loss([0, 1, 0], probabilities) == pytest.approx(-(math.log(0.7) + math.log(0.8) + math.log(0.25)) / 3)


def test_log_loss_of_a_certain_mistake_is_bounded_by_the_dtype():
    assert log_loss([0], np.array([[0.0, 1.0]])) == pytest.approx(-math.log(np.finfo(np.float64).eps))
    assert log_loss([0], np.array([[0.0, 1.0]], np.float32)) == pytest.approx(-math.log(np.finfo(np.float32).eps))
    assert log_loss([1], np.array([[0, 1]])) == 0.0


def test_log_loss_allows_for_rounding():
    third = np.full((1, 3), 1 / 3, np.float32)
    assert log_loss([2], third) == pytest.approx(math.log(3))
    assert log_loss([0], np.array([[1 + 1e-12, 0.0]])) == 0.0


@pytest.mark.parametrize("score", [r2, rmse, accuracy])
def test_shapes_that_do_not_fit(score):
    for truth, predicted in (([1.0, 2.0], [1.0]), ([[1.0]], [[1.0]]), (1.0, 1.0)):
        with pytest.raises(ShapeError) as caught:
            score(truth, predicted)
        assert caught.value.operation == score.__name__
        assert caught.value.expected == "two arrays of one shape (n,)"
        assert caught.value.got == f"{np.shape(truth)} and {np.shape(predicted)}"
    with pytest.raises(DataError) as empty:
        score([], [])
    assert empty.value.operation == score.__name__
    assert empty.value.expected == "at least one row"


@pytest.mark.parametrize(("truth", "probabilities"), [([0], [0.5, 0.5]), ([0, 1], [[0.5, 0.5]]), ([[0]], [[0.5, 0.5]])])
def test_log_loss_of_shapes_that_do_not_fit(truth, probabilities):
    with pytest.raises(ShapeError, match=r"^log_loss: expected the shapes \(n,\) and \(n, k\)"):
        log_loss(truth, probabilities)


def test_log_loss_of_no_rows():
    with pytest.raises(DataError, match="at least one row"):
        log_loss([], np.zeros((0, 2)))


@pytest.mark.parametrize(
    ("truth", "got"), [([0, 2], "int64 from 0 to 2"), ([-1, 0], "int64 from -1 to 0"), ([0.0, 1.0], "float64 from")]
)
def test_log_loss_of_numbers_that_are_no_classes(truth, got):
    with pytest.raises(DataError) as caught:
        log_loss(truth, [[0.5, 0.5]] * 2)
    assert caught.value.expected == "class numbers from 0 to 1"
    assert caught.value.got.startswith(got)


@pytest.mark.parametrize("row", [[0.5, 0.6], [-0.5, 1.5], [math.nan, 1.0], [0.0, 0.0]])
def test_log_loss_of_rows_that_are_no_probabilities(row):
    with pytest.raises(DataError) as caught:
        log_loss([0, 0], [[1.0, 0.0], row])
    assert caught.value.got == f"{row} in row 2"
    assert "softmax" in caught.value.remedy
