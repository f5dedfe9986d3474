"""logsumexp and softmax against SciPy, where they are safe and where they are not finite."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from chainrule.functions.check import check_grads
from chainrule.functions.gradient import grad
from chainrule.ops.softmax import log_softmax, logsumexp, softmax
from chainrule.trace import apply_function

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])
B = np.array([[0.5, 2.0, -0.25], [1.5, 0.0, 3.0]])
EDGES = [
    np.array([1000.0, 1000.5]),
    np.array([-1000.0, -1001.0]),
    np.array([-np.inf, 0.0]),
    np.array([-np.inf, -np.inf]),
    np.array([np.inf, 0.0]),
    np.array([np.nan, 0.0]),
]


def on(function, *arrays, **options):
    """A function over nodes, on arrays."""
    return apply_function(function, *arrays, **options)


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 1)}])
def test_logsumexp_is_scipys(options):
    np.testing.assert_allclose(on(logsumexp, X, **options), scipy.special.logsumexp(X, **options), rtol=1e-14)


@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": 0, "return_sign": True, "keepdims": True}])
def test_weighted_logsumexp_is_scipys(options):
    for weights in (B, B[1]):
        found, expected = on(logsumexp, X, b=weights, **options), scipy.special.logsumexp(X, b=weights, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("x", EDGES, ids=str)
@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_edges_are_scipys(name, x):
    function = {"logsumexp": logsumexp, "softmax": softmax, "log_softmax": log_softmax}[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = getattr(scipy.special, name)(x)
    np.testing.assert_allclose(on(function, x), expected, rtol=1e-13)


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_softmax_is_scipys(axis):
    np.testing.assert_allclose(on(softmax, X, axis=axis), scipy.special.softmax(X, axis=axis), rtol=1e-13)
    np.testing.assert_allclose(on(log_softmax, X, axis=axis), scipy.special.log_softmax(X, axis=axis), rtol=1e-13)


def test_the_logarithm_of_an_empty_sum():
    assert on(logsumexp, np.zeros(0)) == -np.inf


@pytest.mark.parametrize("x", [np.array([1, 2], np.int8), np.array([1.0, 2.0], np.float32)])
def test_dtypes(x):
    assert on(logsumexp, x).dtype == scipy.special.logsumexp(x).dtype
    assert on(softmax, x).dtype == np.result_type(x.dtype, np.float32 if x.dtype == np.float32 else np.float64)


def test_derivatives_to_second_order():
    check_grads(lambda x: apply_function(logsumexp, x, axis=1), (X / 4,))
    check_grads(lambda x, b: apply_function(logsumexp, x, axis=1, b=b), (X / 4, np.abs(B) + 0.5))
    check_grads(lambda x: apply_function(softmax, x, axis=1), (X / 4,))
    check_grads(lambda x: apply_function(log_softmax, x, axis=0), (X / 4,))


def test_the_gradient_of_logsumexp_is_softmax():
    slope = grad(lambda x: apply_function(logsumexp, x))(X)
    np.testing.assert_allclose(slope, scipy.special.softmax(X), rtol=1e-14)


def test_a_weight_of_zero_silences_infinity():
    def total(x, b):
        return apply_function(logsumexp, x, b=b)

    x, b = np.array([0.0, np.inf]), np.array([1.0, 0.0])
    assert total(x, b) == 0
    slopes = grad(total, argnums=(0, 1))(x, b)
    np.testing.assert_array_equal(slopes[0], [1.0, 0.0])
    assert np.isfinite(slopes[1]).all()


def test_a_weight_of_zero_has_a_slope():
    slope = grad(lambda b: apply_function(logsumexp, np.array([0.0, 1.0]), b=b))(np.array([1.0, 0.0]))
    np.testing.assert_allclose(slope, [1.0, np.e], rtol=1e-14)
