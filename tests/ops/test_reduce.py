"""Reductions where the generic tests do not look: ties, NaN, nothing to reduce, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError, UnsupportedError
from chainrule.evaluate import UNDEFINED, to_fractions
from chainrule.functions.batching import jit
from chainrule.functions.gradient import grad
from chainrule.graph import OPERATIONS

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])


@pytest.mark.parametrize("function", [np.max, np.min])
def test_ties_share_equally(function):
    slope = grad(lambda x: function(x, axis=(0, 1)))(np.full((2, 2), 3.0))
    np.testing.assert_array_equal(slope, np.full((2, 2), 0.25))


def test_ties_share_within_each_row():
    slope = grad(lambda x: np.sum(np.max(x, axis=1) * np.array([6.0, 1.0])))(
        np.array([[2.0, 2.0, 0.0], [1.0, 5.0, 4.0]])
    )
    np.testing.assert_array_equal(slope, [[3.0, 3.0, 0.0], [0.0, 1.0, 0.0]])


@pytest.mark.parametrize("function", [np.max, np.min])
def test_nan_propagates_and_takes_the_gradient(function):
    x = np.array([1.0, np.nan, 3.0])
    assert np.isnan(jit(function)(x))
    np.testing.assert_array_equal(grad(function)(x), [0.0, 1.0, 0.0])


@pytest.mark.parametrize("function", [np.argmax, np.argmin])
def test_the_place_of_nan_comes_first(function):
    x = np.array([1.0, np.nan, -3.0, np.nan])
    assert jit(function)(x) == function(x) == 1


def test_an_extreme_is_exactly_undefined_where_an_element_is():
    for name in ("max", "min"):
        for row in ([1, np.nan, 3], [np.nan, 1, 3]):
            assert OPERATIONS[name].exact(to_fractions(row), axes=(0,)) is UNDEFINED


def test_initial_beats_an_empty_selection_and_takes_the_gradient():
    def highest(x, start):
        return np.max(x, initial=start, where=x > 9)

    assert jit(highest)(X[0], 0.5) == 0.5
    slope, by_start = grad(highest, argnums=(0, 1))(X[0], 0.5)
    np.testing.assert_array_equal(slope, np.zeros(3))
    assert by_start == 1


def test_a_product_with_zeros_has_the_gradient_of_a_polynomial():
    np.testing.assert_array_equal(grad(np.prod)(np.array([0.0, 2.0, 3.0])), [6.0, 0.0, 0.0])
    np.testing.assert_array_equal(grad(np.prod)(np.array([0.0, 2.0, 0.0])), [0.0, 0.0, 0.0])


def test_what_is_not_selected_contributes_nothing():
    slope = grad(lambda x: np.sum(x, where=np.isfinite(x)))(np.array([1.0, np.inf, np.nan]))
    np.testing.assert_array_equal(slope, [1.0, 0.0, 0.0])
    slope = grad(lambda x: np.where(x[0] > 5, np.prod(x), x[0]))(np.array([2.0, np.inf, 3.0]))
    np.testing.assert_array_equal(slope, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("function", [np.max, np.min, np.argmax, np.argmin, np.ptp])
def test_a_choice_among_nothing_is_refused(function):
    with pytest.raises(ShapeError, match=r"an element along axis 1; got shape \(2, 0\)\. Leave out what is empty"):
        jit(lambda x: function(x, axis=1))(np.zeros((2, 0)))


def test_the_remedy_for_an_empty_maximum_is_initial():
    with pytest.raises(ShapeError, match="or give `initial`"):
        jit(np.max)(np.zeros(0))


@pytest.mark.parametrize(("function", "bound"), [(np.max, "-inf"), (np.min, "inf")])
def test_a_masked_extreme_needs_initial(function, bound):
    with pytest.raises(ArgumentError, match=f"Add initial={bound}"):
        jit(lambda x: function(x, where=x > 0))(X)


def test_a_mask_must_be_of_booleans():
    with pytest.raises(DtypeError, match="where of dtype int64"):
        jit(lambda x: np.sum(x, where=np.array([1, 0, 1])))(X)


@pytest.mark.parametrize("shape", [(2,), (4, 2, 3)])
def test_a_mask_must_fit(shape):
    with pytest.raises(ShapeError):
        jit(lambda x: np.sum(x, where=np.ones(shape, bool)))(X)


def test_initial_is_one_number():
    with pytest.raises(ShapeError, match=r"one number as initial; got shape \(3,\)"):
        jit(lambda x: np.sum(x, axis=0, initial=np.ones(3)))(X)


@pytest.mark.parametrize("function", [np.sum, np.prod, np.max, np.any, np.argmax, np.mean])
def test_an_axis_that_is_not_there_is_refused(function):
    with pytest.raises(AxisError, match="expected an axis from -2 to 1; got 2"):
        jit(lambda x: function(x, axis=2))(X)


def test_an_axis_twice_is_refused():
    with pytest.raises(AxisError, match="each axis once"):
        jit(lambda x: np.sum(x, axis=(0, -2)))(X)


def test_argmax_takes_one_axis():
    with pytest.raises(ArgumentError, match=r"an integer axis; got \(0, 1\)"):
        jit(lambda x: np.argmax(x, axis=(0, 1)))(X)


def test_a_spread_of_booleans_is_refused_as_numpy_does():
    with pytest.raises(DtypeError):
        jit(np.ptp)(np.array([True, False]))


def test_options_that_are_not_traced_are_named():
    with pytest.raises(UnsupportedError, match=r"numpy\.logical_or\.reduce.*initial"):
        jit(lambda x: np.logical_or.reduce(x, initial=True))(X)
