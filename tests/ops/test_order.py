"""Sorting and quantiles where the generic tests do not look: NaN, ties, infinities, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.functions.batching import jit, vmap
from chainrule.functions.gradient import grad

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])


def test_nan_comes_last():
    x = np.array([np.nan, 2.0, np.nan, -np.inf, 1.0])
    np.testing.assert_array_equal(jit(np.sort)(x), np.sort(x))
    np.testing.assert_array_equal(jit(np.argsort)(x), np.argsort(x, kind="stable"))


def test_order_among_equals_is_kept():
    x = np.array([1.0, 0.0, 1.0, 0.0, 1.0] * 20)
    np.testing.assert_array_equal(jit(np.argsort)(x), np.argsort(x, kind="stable"))
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.sort(x) * np.arange(5.0)))(np.ones(5)), np.arange(5.0))


@pytest.mark.parametrize("function", [np.median, lambda x, axis: np.quantile(x, 0.3, axis=axis)])
def test_nan_makes_a_quantile_nan(function):
    x = np.array([[1.0, np.nan, 3.0], [2.0, 5.0, 4.0]])
    np.testing.assert_array_equal(jit(lambda x: function(x, axis=1))(x), function(x, axis=1))


def test_infinities_among_the_quantiles_are_as_in_numpy():
    for x in ([np.inf, np.inf], [1.0, np.inf], [-np.inf, 1.0, 2.0]):
        for q in (0.5, 0.25, 1.0):
            with np.errstate(invalid="ignore"):
                np.testing.assert_array_equal(jit(lambda x, q=q: np.quantile(x, q))(np.array(x)), np.quantile(x, q))


def test_the_median_of_nothing_is_nan():
    found = jit(lambda x: np.median(x, axis=0))(np.zeros((0, 2)))
    np.testing.assert_array_equal(found, [np.nan, np.nan])


def test_the_middle_two_share_the_gradient_of_a_median():
    np.testing.assert_array_equal(grad(np.median)(np.array([4.0, 1.0, 3.0, 2.0])), [0.0, 0.0, 0.5, 0.5])


def test_a_quantile_has_a_gradient_by_its_level():
    assert grad(lambda q: np.quantile(np.array([1.0, 2.0, 5.0]), q))(0.75) == 6.0


def test_a_traced_level_is_held_between_0_and_1():
    levels = np.array([-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(vmap(lambda q: np.quantile(np.array([1.0, 2.0, 5.0]), q))(levels), [1.0, 2.0, 5.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("q", [0.3, 1, np.float64(0.3), [0.3], np.array(0.3, np.float32)], ids=repr)
def test_the_dtype_of_a_quantile_is_numpys(dtype, q):
    x = X.astype(dtype)
    for function, scale in ((np.quantile, 1), (np.percentile, 100)):
        level = q if scale == 1 else np.multiply(q, 100).tolist() if isinstance(q, list) else q * 100
        found, expected = jit(lambda x, f=function, level=level: f(x, level))(x), function(x, level)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(("function", "q"), [(np.quantile, 1.5), (np.quantile, [0.5, np.nan]), (np.percentile, -1)])
def test_a_level_out_of_range_is_refused(function, q):
    with pytest.raises(ArgumentError, match=r"expected q from 0 to 1(00)?; got"):
        jit(lambda x: function(x, q))(X)


def test_other_methods_are_refused():
    with pytest.raises(ArgumentError, match="expected method 'linear'; got 'nearest'"):
        jit(lambda x: np.quantile(x, 0.5, method="nearest"))(X)


def test_a_quantile_of_nothing_is_refused():
    with pytest.raises(ShapeError, match=r"elements along the axes \(0,\); got shape \(0, 2\)"):
        jit(lambda x: np.quantile(x, 0.5, axis=0))(np.zeros((0, 2)))


def test_a_quantile_of_booleans_is_refused_as_numpy_does():
    with pytest.raises(DtypeError):
        jit(lambda x: np.quantile(x, 0.5))(np.array([True, False]))


@pytest.mark.parametrize("function", [np.sort, np.argsort])
def test_a_kind_of_sort_that_numpy_does_not_know_is_refused(function):
    with pytest.raises(ArgumentError, match="kind='bubble'"):
        jit(lambda x: function(x, kind="bubble"))(X)
    with pytest.raises(ArgumentError, match="stable=True"):
        jit(lambda x: function(x, kind="stable", stable=True))(X)


def test_a_number_cannot_be_sorted():
    with pytest.raises(AxisError):
        jit(np.sort)(2.0)


@pytest.mark.parametrize("function", [np.partition, np.argpartition])
def test_a_place_that_is_not_there_is_refused(function):
    with pytest.raises(AxisError, match="kth from -3 to 2; got 3"):
        jit(lambda x: function(x, (1, 3)))(X)
