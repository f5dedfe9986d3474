"""Running sums, products and extremes where the generic tests do not look."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.evaluate import UNDEFINED, to_fractions
from chainrule.functions.batching import jit
from chainrule.functions.gradient import grad
from chainrule.graph import OPERATIONS
from chainrule.ops.cumulative import recurrence

X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])


def test_a_running_product_passes_zeros_in_the_gradient():
    slope = grad(lambda x: np.sum(np.cumprod(x)))(np.array([2.0, 0.0, 3.0, 0.0, 5.0]))
    np.testing.assert_array_equal(slope, [1.0, 8.0, 0.0, 0.0, 0.0])


def test_an_infinite_factor_that_nothing_depends_on_does_no_harm():
    slope = grad(lambda x: np.cumprod(x)[0])(np.array([2.0, np.inf, 3.0]))
    np.testing.assert_array_equal(slope, [1.0, 0.0, 0.0])


def test_a_running_product_costs_linear_time_in_its_gradient():
    x = np.ones(20_000)
    np.testing.assert_array_equal(grad(lambda x: np.cumprod(x)[-1])(x), x)


@pytest.mark.parametrize(("ufunc", "sign"), [(np.maximum, 1), (np.minimum, -1)])
def test_the_last_of_those_that_tie_sets_a_running_extreme(ufunc, sign):
    weights = np.array([1.0, 10.0, 100.0, 1000.0])
    slope = grad(lambda x: np.sum(ufunc.accumulate(x) * weights))(sign * np.array([2.0, 1.0, 2.0, 0.0]))
    np.testing.assert_array_equal(slope, [11.0, 0.0, 1100.0, 0.0])


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_nan_stays_in_a_running_extreme(ufunc):
    x = np.array([1.0, np.nan, 3.0])
    np.testing.assert_array_equal(jit(ufunc.accumulate)(x), ufunc.accumulate(x))
    np.testing.assert_array_equal(grad(lambda x: np.sum(ufunc.accumulate(x)))(x), [1.0, 2.0, 0.0])


def test_a_running_extreme_is_exactly_undefined_from_where_an_element_is():
    result = OPERATIONS["cummax"].exact(to_fractions([1, np.nan, 3]), axis=0)
    assert result[0] == 1
    assert result[1] is UNDEFINED
    assert result[2] is UNDEFINED


def test_a_recurrence_of_integers_is_refused():
    with pytest.raises(ShapeError, match=r"two floating operands of one type; got int64\[2\] and int64\[2\]"):
        recurrence(np.array([1, 2]), np.array([1, 2]), axis=0)


@pytest.mark.parametrize("function", [np.cumulative_sum, np.cumulative_prod])
def test_the_standard_running_functions_need_an_axis_where_there_are_several(function):
    with pytest.raises(ArgumentError, match=r"axis=None for float64\[2, 3\]"):
        jit(function)(X)


def test_accumulate_needs_an_axis():
    with pytest.raises(AxisError, match="no axis, since the operand has none"):
        jit(np.maximum.accumulate)(2.0)


def test_differences_need_an_axis_and_a_count():
    with pytest.raises(AxisError, match=r"an operand with an axis; got float64\[\]"):
        jit(np.diff)(2.0)
    with pytest.raises(ArgumentError, match="n of at least 0; got -1"):
        jit(lambda x: np.diff(x, n=-1))(X)


def test_the_ends_of_differences_keep_the_dtype():
    with pytest.raises(DtypeError, match="ends that fit into int64; got float64"):
        jit(lambda x: np.ediff1d(x, to_end=0.5))(np.arange(3))


def test_the_steps_of_the_trapezoid_rule_have_a_gradient():
    assert grad(lambda dx: np.trapezoid(np.array([1.0, 3.0, 2.0]), dx=dx))(0.5) == 4.5
