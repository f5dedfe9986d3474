"""Elementwise functions: kinks and edges, dtypes, and what is refused."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError, InexactError, ShapeError, UnsupportedError
from chainrule.evaluate import UNDEFINED, evaluate_exactly
from chainrule.functions.batching import jit
from chainrule.graph import FUNCTIONS, OPERATIONS, Constant, Graph, Input, constant
from chainrule.ops import contribute
from chainrule.ops.elementwise import select
from chainrule.types import ArrayType
from tests.ops.refuse import refused

NAN, INF = np.nan, np.inf
IN_OTHER_FILES = {"matmul", "vecdot", "matvec", "vecmat"}  # contractions
OF_DATES = {"isnat"}


def test_every_ufunc_of_numpy_is_reached():
    ufuncs = {name: value for name, value in vars(np).items() if isinstance(value, np.ufunc)}
    missing = {value.__name__ for value in ufuncs.values() if value not in FUNCTIONS}
    assert missing - IN_OTHER_FILES == OF_DATES


def slopes(function, *operands):
    """The gradient by each operand, as plain numbers."""
    found = cr.grad(function, argnums=tuple(range(len(operands))))(*map(np.float64, operands))
    return tuple(float(one) for one in found)


# ------------------------------------------------------------------------------------------------------ kinks and edges


@pytest.mark.parametrize(
    ("function", "operands", "expected"),
    [
        (np.absolute, (0.0,), (0.0,)),
        (np.fabs, (0.0,), (0.0,)),
        (np.maximum, (2.0, 2.0), (0.5, 0.5)),
        (np.minimum, (2.0, 2.0), (0.5, 0.5)),
        (np.fmax, (2.0, 2.0), (0.5, 0.5)),
        (np.fmax, (NAN, 2.0), (0.0, 1.0)),
        (np.fmin, (2.0, NAN), (1.0, 0.0)),
        (np.hypot, (0.0, 0.0), (0.0, 0.0)),
        (np.hypot, (3e200, 4e200), (0.6, 0.8)),
        (np.arctan2, (0.0, 0.0), (0.0, 0.0)),
        (np.arctan2, (0.0, 1e-200), (1e200, 0.0)),
        (np.arctan2, (3e-200, 4e-200), (0.16e200, -0.12e200)),
        (np.copysign, (0.0, -1.0), (0.0, 0.0)),
        (np.heaviside, (0.0, 0.5), (0.0, 1.0)),
        (np.sqrt, (0.0,), (INF,)),
        (np.power, (0.0, 0.0), (0.0, 0.0)),
        (np.power, (0.0, 1.0), (1.0, 0.0)),
        (np.power, (0.0, 2.0), (0.0, 0.0)),
        (np.power, (-2.0, 0.0), (0.0, NAN)),
        (np.power, (-2.0, 3.0), (12.0, NAN)),
        (np.logaddexp, (1000.0, -1000.0), (1.0, 0.0)),
        (np.logaddexp, (-1000.0, -1000.0), (0.5, 0.5)),
        (np.logaddexp2, (5000.0, 5000.0), (0.5, 0.5)),
        (np.arcsinh, (1e200,), (1e-200,)),
        (np.tanh, (800.0,), (0.0,)),
        (np.sinc, (0.0,), (0.0,)),
        (np.expm1, (-40.0,), (np.exp(-40.0),)),
        (np.fmod, (1.0, 0.1), (1.0, -9.0)),  # though 1 / 0.1 is 10
        (np.remainder, (-7.0, 3.0), (1.0, 3.0)),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_slopes_at_kinks_and_edges(function, operands, expected):
    np.testing.assert_allclose(slopes(function, *operands), expected, rtol=1e-15)


@pytest.mark.parametrize("function", [np.hypot, np.arctan2])
def test_the_origin_is_flat_to_second_order(function):
    slope = lambda x, y: cr.grad(function)(x, y) + cr.grad(function, 1)(x, y)  # noqa: E731
    assert slopes(slope, 0.0, 0.0) == (0.0, 0.0)


def test_integer_powers_of_a_number():
    x = np.float64(0.0)
    for order, expected in enumerate([0.0, 0.0, 0.0, 6.0, 0.0]):
        function = lambda x: x**3  # noqa: E731
        for _ in range(order):
            function = cr.grad(function)
        assert function(x) == expected


def test_a_power_of_a_constant_exponent_has_no_logarithm():
    x = Input(ArrayType.of(1.0))
    by_x, by_y = OPERATIONS["power"].derivative.rule(x, constant(2.5), x**2.5)
    assert by_y is None
    assert by_x.operation.name == "multiply"
    assert OPERATIONS["power"].derivative.rule(x, constant(0.0), x**0.0) == (0, None)


def test_sinc_is_smooth_around_zero():
    third = cr.grad(cr.grad(cr.grad(np.sinc)))
    second = cr.grad(cr.grad(np.sinc))
    for x in (0.0, 1e-9, 1e-4, -0.03):
        assert second(x) == pytest.approx(-(np.pi**2) / 3 + np.pi**4 * x**2 / 10, rel=1e-4)
        assert third(x) == pytest.approx(np.pi**4 * x / 5, rel=2e-3)
    assert second(0.2499999) == pytest.approx(second(0.2500001), rel=1e-5)


def test_a_zero_factor_contributes_zero():
    zeros = np.array([0.0, NAN, INF, 3.0])
    other = np.array([INF, 0.0, 0.0, 2.0])
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(contribute.reference(zeros, other), [0, 0, 0, 6])
    both = lambda x: np.sum(np.where(x > 0, np.sqrt(np.where(x > 0, x, 0)), 0))  # noqa: E731
    np.testing.assert_array_equal(cr.grad(both)(np.array([0.0, 4.0])), [0, 0.25])
    alone = lambda x: np.sum(np.where(x > 0, np.log(x), 0))  # noqa: E731
    np.testing.assert_array_equal(cr.grad(alone)(np.array([0.0, 4.0])), [0, 0.25])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(cr.grad(alone)(x)))(np.array([0.0, 4.0])), [0, -1 / 16])


def test_stop_gradient():
    assert cr.grad(lambda x: x * cr.stop_gradient(x) ** 2)(3.0) == 9.0
    assert OPERATIONS["stop_gradient"](Input(ArrayType.of(np.float32(1)))).dtype == np.float32


# --------------------------------------------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize("other", [2, 2.0, True, np.float32(2), np.float64(2), np.int8(2), np.arange(3, dtype="u1")])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
@pytest.mark.parametrize("function", [np.add, np.multiply, np.maximum, np.equal, np.hypot, np.power, np.where])
def test_promotion_is_numpys(function, dtype, other):
    x = np.array([1, 0, 1]).astype(dtype)
    call = (lambda x: np.where(x > 0, x, other)) if function is np.where else (lambda x: function(x, other))
    expected = call(x)
    if expected.dtype == np.float16:
        with pytest.raises(DtypeError, match="float16"):
            jit(call)(x)
    else:
        found = jit(call)(x)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_dtype_of_a_call():
    x = np.array([1, 2], np.int32)
    assert jit(lambda x: np.add(x, 1, dtype=np.float32))(x.astype(np.float64)).dtype == np.float32
    square = np.ones((2, 2))
    assert jit(lambda x: np.matmul(x, x, dtype=np.float32))(square).dtype == np.float32
    assert jit(lambda x: np.less(x, 2, dtype=bool))(x).dtype == bool
    assert jit(lambda x: np.multiply.outer(x, x, dtype=np.float64))(x).dtype == np.float64
    words = "int32 and int with dtype=bool"
    refused(lambda x: np.subtract(x, 1, dtype=bool), x, error=DtypeError, words=words)


def test_comparison_with_a_number_that_the_dtype_cannot_hold():
    x = np.array([1, 255], np.uint8)
    np.testing.assert_array_equal(jit(lambda x: (x < 300) & (x != -1))(x), [True, True])
    refused(lambda x: x + 300, x, error=DtypeError, words="an integer that uint8 can hold; got 300")


def test_dtypes_that_a_function_does_not_have():
    truth = np.array([True, False])
    refused(lambda x: -x, truth, error=DtypeError, words="dtypes that numpy.negative computes in; got bool")
    refused(lambda x: x - True, truth, error=DtypeError, words="bool and bool")
    refused(lambda x: np.sin(x), truth, error=DtypeError, words="float16")
    refused(lambda x: x & 1, np.ones(2), error=DtypeError, words="float64 and int")


def test_where_takes_any_condition():
    condition = np.array([0.0, NAN, 2.0])
    np.testing.assert_array_equal(jit(lambda c: np.where(c, 1, 2))(condition), [2, 1, 1])
    np.testing.assert_array_equal(jit(lambda c: np.where(c)[0])(condition), [1, 2])


def test_operands_of_a_graph_are_cast_already():
    with pytest.raises(DtypeError, match="operands already cast to bool, float64, float64"):
        select.infer(*(ArrayType((2,), np.dtype(name)) for name in ("float64", "float64", "float64")))


# ----------------------------------------------------------------------------------------------------------- the calls


def test_options_that_are_refused():
    x = np.ones(3)
    refused(lambda x: np.add(x, x, where=x > 0), x, error=UnsupportedError, words="where=")
    refused(lambda x: np.exp(x, casting="no"), x, error=UnsupportedError, words="casting='no'")
    refused(lambda x: np.add.outer(x, x, order="F"), x, error=UnsupportedError, words="numpy.add.outer")


def test_shapes_that_do_not_broadcast():
    refused(lambda x: x + np.ones(2), np.ones(3), error=ShapeError, words="axis -1 is 3 and 2")


def test_constants_are_shared():
    assert isinstance(constant(2.0), Constant)
    x = Input(ArrayType.of(np.float32(1)))
    assert (x * 2) is (x * np.float32(2))


# ---------------------------------------------------------------------------------------------------- exact evaluation


def exactly(function, *values):
    """The value of a function over fractions."""
    inputs = [Input(ArrayType.of(1.0)) for _ in values]
    return evaluate_exactly(Graph(inputs, [function(*inputs)]), *values)[0][()]


def test_what_is_not_selected_may_be_undefined():
    function = lambda x: np.where(x > 0, np.sin(1 / x), x)  # noqa: E731
    assert exactly(function, Fraction(0)) == 0
    assert exactly(lambda x: (1 / x) ** 2, Fraction(0)) is UNDEFINED
    assert exactly(lambda x: 2 ** (1 / x) + (x - 1) ** -0.5, Fraction(0)) is UNDEFINED
    assert exactly(lambda x: np.sqrt(-x) + np.floor(1 / (x - 1)), Fraction(1)) is UNDEFINED


def test_irrational_values_are_refused():
    for function in (np.sin, np.sqrt, np.log, lambda x: 2.0**x):
        with pytest.raises(InexactError, match="a rational value"):
            exactly(function, Fraction(1, 3))


def test_truths_add_to_a_truth():
    add = OPERATIONS["add"].exact
    truth, falsehood = np.array(True, object), np.array(False, object)
    assert add(truth, truth) is True
    assert add(falsehood, falsehood) is False
    assert OPERATIONS["sign"].exact(np.array(Fraction(-7, 2), object)) == Fraction(-1)
