"""Looking up: the errors, and the edges against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ConcreteError, DtypeError, ShapeError
from chainrule.functions.batching import jit, vmap
from chainrule.functions.gradient import grad
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)
EDGES = np.array([-np.inf, -1.0, -0.0, 0.0, 0.5, 2.0, 3.0, np.inf, np.nan])


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: np.searchsorted(x, 1.0), x23, ShapeError, "sorted numbers along one axis; got shape (2, 3)"),
        (
            lambda x: np.searchsorted(x, 1.0, side="middle"),
            x,
            ArgumentError,
            """the side "left" or "right"; got 'middle'""",
        ),
        (lambda x: np.digitize(x, [0, 2, 1]), x, ArgumentError, "bins that rise or fall throughout; got [0 2 1]"),
        (
            lambda x: np.digitize(x, x23),
            x,
            ShapeError,
            "digitize: expected sorted numbers along one axis; got shape (2, 3)",
        ),
        (lambda x: np.interp(0.5, x, x[:2]), x, ShapeError, "at least one point; got shapes (3,) and (2,)"),
        (lambda x: np.interp(0.5, x[:0], x[:0]), x, ShapeError, "at least one point; got shapes (0,) and (0,)"),
        (
            lambda x: np.select([x > 0], [x, x]),
            x,
            ArgumentError,
            "as many choices as conditions, at least one; got 2 for 1 conditions",
        ),
        (
            lambda x: np.select([x > 0, x], [x, x]),
            x,
            DtypeError,
            "conditions of booleans; got float64[3] in condition 1",
        ),
        (
            lambda x: np.choose([0, 5, 1], [x, x]),
            x,
            AxisError,
            "an index from -2 to 1 into axis 0 of shape (2,); got 5",
        ),
        (lambda x: np.bincount([0, 1], weights=x), x, ShapeError, "weights of shape (2,); got (3,)"),
        (lambda x: np.bincount(x), x, DtypeError, "integers along one axis; got float64[3]"),
        (lambda x: np.bincount(x.astype(int) - 1), x, ArgumentError, "integers of 0 or more; got -1"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


@pytest.mark.parametrize("side", ["left", "right"])
def test_search_at_the_edges(side):
    table = np.array([-1.0, 0.0, 0.0, 2.0, np.nan])
    np.testing.assert_array_equal(
        jit(lambda a, v: np.searchsorted(a, v, side))(table, EDGES), np.searchsorted(table, EDGES, side)
    )


def test_search_compares_in_the_common_dtype():
    table = np.array([1, 2, 3], np.int32)
    np.testing.assert_array_equal(jit(np.searchsorted)(table, np.array([1.5, 3.0])), [1, 2])


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [[-1.0, 0.0, 2.0], [2.0, 0.0, -1.0], [1.0], [], [0.0, 0.0]])
def test_digitize_at_the_edges(bins, right):
    bins = np.array(bins)
    expected = np.digitize(EDGES, bins, right)
    np.testing.assert_array_equal(jit(lambda x: np.digitize(x, bins, right))(EDGES), expected)
    np.testing.assert_array_equal(jit(lambda x, bins: np.digitize(x, bins, right))(EDGES, bins), expected)


@pytest.mark.parametrize("options", [{}, {"left": -7.0}, {"right": 9.0}])
@pytest.mark.parametrize("points", [[-1.0, 0.0, 2.0], [0.0, 0.0, 2.0], [-1.0, 2.0, 2.0], [0.5]])
def test_interp_at_the_edges(points, options):
    points = np.array(points)
    values = np.array([1.0, -3.0, 0.7])[: len(points)]
    expected = np.interp(EDGES, points, values, **options)
    np.testing.assert_array_equal(jit(lambda *a: np.interp(*a, **options))(EDGES, points, values), expected)


def test_interp_has_the_slope_of_the_segment_to_the_right_and_none_outside():
    slope = vmap(grad(lambda x: np.interp(x, np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 8.0]))))
    assert slope(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])).tolist() == [0, 2, 2, 3, 3, 3, 0]


def test_unique_takes_nan_for_one_number_unless_told_otherwise():
    values = np.array([np.nan, 1.0, np.nan, 1.0])
    for equal in (True, False):
        found = jit(lambda x, equal=equal: np.unique(x, equal_nan=equal))(values)
        np.testing.assert_array_equal(found, np.unique(values, equal_nan=equal))


def test_counts_need_numbers():
    assert jit(np.bincount)(np.array([], int)).tolist() == []
    assert jit(lambda i: np.bincount(i, minlength=2))(np.array([], int)).tolist() == [0, 0]
    assert jit(np.bincount)(np.array([True, False, True])).tolist() == [1, 2]
    with pytest.raises(ConcreteError, match="for each number k"):
        vmap(np.bincount)(np.array([[1, 2], [0, 1]]))
    with pytest.raises(ConcreteError, match=r"np\.sort"):
        vmap(np.unique)(x23)


def test_choose_takes_numbers_of_python_as_weak():
    chosen = jit(lambda i, x: np.choose(i, [x, 1.5]))(np.array([0, 1]), np.ones(2, np.float32))
    assert chosen.dtype == np.float32
