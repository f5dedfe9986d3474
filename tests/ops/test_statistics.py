"""Means and variances where the generic tests do not look: nothing to average, NaN, degenerate weights."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.functions.batching import jit
from chainrule.functions.gradient import grad

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])


def same_without_warnings(call, *arrays):
    """The traced call warns of nothing and gives what NumPy gives, with its dtype."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = call(*arrays)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = jit(call)(*arrays)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("function", [np.mean, np.var, np.std])
def test_nothing_to_average_gives_nan(function):
    same_without_warnings(lambda x: function(x, axis=1), np.zeros((2, 0)))
    same_without_warnings(lambda x: function(x, axis=1, where=x > 4), X)


@pytest.mark.parametrize("function", [np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nansum, np.nanprod])
def test_rows_of_nan(function):
    same_without_warnings(lambda x: function(x, axis=1), np.array([[np.nan, np.nan], [1.0, np.nan], [2.0, 3.0]]))
    same_without_warnings(function, np.array([3, 1, 2], np.int8))


@pytest.mark.parametrize("function", [np.nanmean, np.nansum, np.nanmax])
def test_nan_has_no_gradient_where_it_is_passed_over(function):
    slope = grad(function)(np.array([1.0, np.nan, 3.0]))
    assert slope[1] == 0
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("options", [{"ddof": 3}, {"ddof": 5}, {"ddof": 1.5}, {"correction": 3}])
def test_degrees_of_freedom_never_fall_below_zero(options):
    same_without_warnings(lambda x: np.var(x, axis=1, **options), X.astype(np.float32))


def test_a_deviation_of_equal_elements_has_gradient_zero():
    np.testing.assert_array_equal(grad(np.std)(np.ones(3)), np.zeros(3))


def test_a_given_mean_lends_its_dtype():
    same_without_warnings(lambda x: np.var(x, axis=0, mean=np.array([[1.0, 2.0, 3.0]])), X.astype(np.float32))


def test_ddof_and_correction_exclude_each_other():
    with pytest.raises(ArgumentError, match="got ddof=1 and correction=1"):
        jit(lambda x: np.var(x, ddof=1, correction=1))(X)


def test_averages_are_not_taken_in_half_precision():
    with pytest.raises(DtypeError, match="float16"):
        jit(lambda x: np.mean(x, dtype=np.float16))(X)


def test_weights_that_sum_to_zero_give_no_number():
    assert not np.isfinite(jit(lambda x: np.average(x, weights=np.array([1.0, -1.0])))(np.array([1.0, 2.0])))


def test_weights_need_their_axis_and_their_length():
    with pytest.raises(ShapeError, match=r"weights of shape \(2, 3\); got shape \(3,\)"):
        jit(lambda x: np.average(x, weights=np.ones(3)))(X)
    with pytest.raises(ShapeError, match=r"weights of shape \(2, 3\) or \(3,\); got shape \(2,\)"):
        jit(lambda x: np.average(x, axis=1, weights=np.ones(2)))(X)


def test_a_sum_of_weights_is_an_integer_where_they_are_averaged_in_float():
    x, w = np.array([1, 2, 4]), np.array([1, 1, 2])
    found, expected = jit(lambda x: np.average(x, weights=w, returned=True))(x), np.average(x, weights=w, returned=True)
    assert [part.dtype for part in found] == [part.dtype for part in expected]
    assert found == expected
