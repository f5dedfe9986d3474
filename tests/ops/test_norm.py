"""Norms where the generic tests do not look: at zero, of nothing, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.functions.batching import jit
from chainrule.functions.gradient import grad

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])


@pytest.mark.parametrize("order", [None, 1, 2, 3, np.inf, -np.inf])
def test_the_gradient_at_zero_is_zero(order):
    np.testing.assert_array_equal(grad(lambda x: np.linalg.norm(x, order))(np.zeros(3)), np.zeros(3))


def test_the_second_derivative_at_zero_is_a_number():
    curvature = grad(lambda x: np.sum(grad(np.linalg.norm)(x) * np.array([1.0, 2.0])))(np.zeros(2))
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("order", [2, -2, "nuc"])
def test_norms_of_singular_values(order):
    matrices = np.stack([X, X[::-1] ** 2])
    for options in ({"axis": (1, 2)}, {"axis": (2, 1), "keepdims": True}):
        found = jit(lambda x, o=options: np.linalg.norm(x, order, **o))(matrices)
        np.testing.assert_allclose(found, np.linalg.norm(matrices, order, **options), rtol=1e-12)


def test_the_norm_of_no_numbers_is_zero():
    assert jit(lambda x: np.linalg.norm(x, np.inf))(np.zeros((0, 2))) == 0


@pytest.mark.parametrize("x", [np.array([3, -4]), np.array([True, True]), np.array([3.0, -4.0], np.float32)])
@pytest.mark.parametrize("order", [None, 0, 1, 3, np.inf])
def test_dtypes(x, order):
    found, expected = jit(lambda x: np.linalg.norm(x, order))(x), np.linalg.norm(x, order)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("x", "options", "words"),
    [
        (np.ones((2, 2, 2)), {"ord": 2}, "axis=None for shape (2, 2, 2)"),
        (np.ones((2, 2, 2)), {"axis": (0, 1, 2)}, "axis=(0, 1, 2)"),
        (np.ones((2, 2)), {"axis": (1, -1)}, "axis=(1, -1)"),
        (np.array(3.0), {"ord": 1}, "axis=None for shape ()"),
    ],
)
def test_axes_that_are_no_vector_and_no_matrix_are_refused(x, options, words):
    with pytest.raises(ShapeError) as caught:
        jit(lambda x: np.linalg.norm(x, **options))(x)
    assert words in str(caught.value)


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(AxisError):
        jit(lambda x: np.linalg.norm(x, axis=2))(X)


@pytest.mark.parametrize(("x", "order"), [(X, 3), (X, "max"), (X[0], "fro")])
def test_unknown_orders_are_refused(x, order):
    with pytest.raises(ArgumentError, match=f"got {order!r}"):
        jit(lambda x: np.linalg.norm(x, order))(x)


def test_a_vector_is_no_matrix():
    with pytest.raises(ShapeError, match=r"at least two axes; got shape \(3,\)"):
        jit(np.linalg.matrix_norm)(X[0])
