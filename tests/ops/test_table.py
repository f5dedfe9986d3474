"""The derivative table against an independent witness: its scalar bodies in numbers of 40 digits (mpmath).

Every declared partial must be the slope that mpmath measures of the body, and every value of NumPy or SciPy in float64
must be within a few units in the last place of the body's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from mpmath import mp

import chainrule.ops
from chainrule.graph import OPERATIONS, Constant, Graph, Input, Node, Partials
from chainrule.ops.declare import Elementwise
from chainrule.types import ArrayType
from tests.arithmetic import FloatArithmetic, MultiplePrecision

assert chainrule.ops
DIGITS, AGREEMENT = 40, mp.mpf("1e-25")
ONLY_FLOATS = {"nextafter", "spacing"}  # they speak of the spaces between floats
TABLE = [one for one in OPERATIONS.values() if isinstance(one, Elementwise) and one.name not in ONLY_FLOATS]
SMOOTH = [one for one in TABLE if isinstance(one.derivative, Partials)]
IRRATIONAL = [one for one in TABLE if one.points is not None]
PARAMETERS = {"polygamma": {"order": 2}}

REAL = [(-2.3,), (-0.7,), (0.4,), (1.6,), (3.2,)]
POSITIVE = [(0.03,), (0.4,), (1.7,), (9.5,), (210.0,)]
INSIDE = [(-0.98,), (-0.4,), (0.1,), (0.7,)]
PAIRS = [(0.6, 1.9), (-1.3, 2.6), (2.2, -0.45), (-3.1, -0.8)]
POINTS: dict[str, list[tuple[Any, ...]]] = {
    **dict.fromkeys(["sqrt", "log", "log2", "log10", "log1p", "gammaln", "digamma", "polygamma"], POSITIVE),
    **dict.fromkeys(["arcsin", "arccos", "arctanh"], INSIDE),
    "arccosh": [(1.02,), (1.9,), (70.0,)],
    "logit": [(0.01,), (0.4,), (0.6,), (0.99,)],
    "sinc": [(-0.2,), (0.01,), (0.24,), (0.26,), (1.4,), (7.3,)],
    "log_ndtr": [(-200.0,), (-30.0,), (-1.5,), (0.3,), (6.0,)],
    "power": [(0.6, 1.9), (2.2, -0.45), (3.0, 0.0), (0.02, 5.0)],
    "xlogy": [(0.6, 1.9), (-1.3, 2.6), (0.0, 0.5)],
    "ldexp": [(0.6, 3), (-1.3, -2)],
    "where": [(True, 0.6, 1.9), (False, -1.3, 2.6)],
    "contribute": [*PAIRS, (0.0, 1.5)],
}


def kinds_of(operation: Elementwise) -> str:
    """The kinds of its operands: O for numbers, i for integers, b for truth values."""
    return "".join(np.asarray(operand).dtype.kind for operand in next(iter(operation.samples())).operands)


def points(operation: Elementwise) -> list[tuple[Any, ...]]:
    """Where an operation is compared: away from kinks, on both sides of every seam in its formulas."""
    kinds = kinds_of(operation)
    return POINTS.get(operation.name, [] if "O" not in kinds else REAL if kinds == "O" else PAIRS)


def body(operation: Elementwise) -> Callable[..., Any]:
    """The scalar body in mpmath's numbers."""
    arithmetic, parameters = MultiplePrecision(), PARAMETERS.get(operation.name, {})
    return lambda *numbers: operation.scalar(arithmetic, *numbers, **parameters)


def number(value: Any) -> Any:
    """A number of mpmath, exactly what the float is; integers and truth values as they are."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, (bool, int)) else mp.mpf(value)


def measured(operation: Elementwise, numbers: Sequence[Any], k: int) -> Any:
    """The slope of the body in operand k, from differences in higher precision."""
    run = body(operation)
    return mp.diff(lambda moved: run(*numbers[:k], moved, *numbers[k + 1 :]), numbers[k])


def in_digits(node: Any, known: dict[Node, Any]) -> Any:
    """The value of a partial in mpmath's numbers: of a node without axes, through the scalar bodies."""
    if not isinstance(node, Node):
        return mp.mpf(node or 0)
    for step in Graph([], [node]).nodes:
        operands = [known[operand] for operand in step.operands]
        if isinstance(step, Constant):
            known[step] = number(step.value[()])
        elif isinstance(step.operation, Elementwise):
            known[step] = step.operation.scalar(MultiplePrecision(), *operands, **step.parameters)
        elif step not in known:
            assert step.operation.name == "astype", step
            known[step] = mp.mpf(operands[0]) if step.dtype.kind == "f" else operands[0]
    return known[node]


# ------------------------------------------------------------------------------------------------------------- partials


def check_partials(operation: Elementwise, operands: Sequence[Any]) -> None:
    """The declared partials are the slopes of the body."""
    inputs = [Input(ArrayType.of(operand)) for operand in operands]
    parameters = PARAMETERS.get(operation.name, {})
    partials = operation.derivative.rule(*inputs, operation(*inputs, **parameters), **parameters)
    with mp.workdps(DIGITS):
        numbers = [number(operand) for operand in operands]
        for k, partial in enumerate(partials if isinstance(partials, tuple) else (partials,)):
            if isinstance(numbers[k], mp.mpf):
                slope = measured(operation, numbers, k)
                declared = in_digits(partial, dict(zip(inputs, numbers, strict=True)))
                here = f"{operation.name}{operands}, operand {k}: {declared} is not {slope}"
                assert mp.fabs(declared - slope) <= AGREEMENT * (1 + mp.fabs(slope)), here


@pytest.mark.parametrize("operation", SMOOTH, ids=lambda operation: operation.name)
def test_partials_are_the_slopes_of_the_body(operation):
    for operands in points(operation):
        check_partials(operation, operands)


@pytest.fixture
def planted():
    """Make a faulty copy of the sine."""

    def plant(**changes):
        return dataclasses.replace(OPERATIONS["sin"], name="planted", **changes)

    yield plant
    del OPERATIONS["planted"]


@pytest.mark.parametrize("wrong", [lambda x, out: -np.cos(x), lambda x, out: np.cos(x) + 1e-20, lambda x, out: None])
def test_a_wrong_partial_is_caught(wrong, planted):
    operation = planted(derivative=Partials(wrong))
    with pytest.raises(AssertionError, match="planted"):
        check_partials(operation, (0.4,))


# ----------------------------------------------------------------------------------------------------- values in floats

ULPS = {"gammaln": 24, "erfcx": 8}  # what SciPy is off by near the zeros of the one, and near 0 in the other; else 4
ROUNDED_INSIDE = set("sinc logaddexp logaddexp2 ndtr log_ndtr erfc erfcx gammaln digamma polygamma".split())
"""Functions that round on the way (sinc: pi x), so that they are right for an operand that is off by one ulp."""
RANGE = {"sinc": (-1e15, 1e15), "polygamma": (1e-40, 1e15)}  # where mpmath's 40 digits are enough, and fast

SIZES = [float(f"{digit}e{power}") for power in (-300, -100, -20, -7, -3, -1) for digit in (1.3, 7.1)]
SIZES += [0.9, 1.1, 1.49, 2.7, 3.3, 5.5, 11.3, 24.9, 36.5, 310.2, 7.7e4, 1.2e9, 3.4e22, 1e100, 1e300]
SPREAD = [0.0, *(sign * size for size in SIZES for sign in (1, -1))]
EDGES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, -800.0, 800.0]


def spread(operation: Elementwise, numbers: Sequence[float]) -> list[tuple[Any, ...]]:
    """Operands of all sizes: at most about 120 of the pairs."""
    low, high = RANGE.get(operation.name, (-np.inf, np.inf))
    columns = {"O": [x for x in numbers if not (x < low or x > high)], "i": [1, 2, 3, 6, 12], "b": [True, False]}
    rows = list(product(*(columns[kind] for kind in kinds_of(operation))))
    return rows[:: max(1, len(rows) // 60)]


def is_comparable(exact: Any) -> bool:
    """Whether a value is a number, and a normal one in floats."""
    return (
        isinstance(exact, (bool, int, mp.mpf)) and not mp.isnan(exact) and (exact == 0 or 1e-300 < abs(exact) < 1e300)
    )


def check_value(operation: Elementwise, operands: Sequence[Any]) -> bool:
    """NumPy's value is the body's to a few units in the last place; False where there is nothing to compare."""
    with np.errstate(all="ignore"):
        value = operation.reference(*map(np.asarray, operands), **PARAMETERS.get(operation.name, {}))
    with mp.workdps(DIGITS):
        numbers = [number(operand) for operand in operands]
        try:
            exact = body(operation)(*numbers)
        except (ValueError, ZeroDivisionError, OverflowError):
            return False
        if not is_comparable(exact):
            return False
        allowed = ULPS.get(operation.name, 4) * np.spacing(abs(float(exact)))
        if operation.name in ROUNDED_INSIDE:
            ulps = [np.spacing(abs(operand)) for operand in operands]
            allowed += sum(mp.fabs(measured(operation, numbers, k)) * ulp for k, ulp in enumerate(ulps))
        here = f"{operation.name}{operands}: {value} is not {mp.nstr(exact, 20)}"
        assert mp.fabs(mp.mpf(float(value)) - exact) <= allowed, here
    return True


@pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.name)
def test_values_are_right_to_a_few_ulps(operation):
    compared = sum(check_value(operation, operands) for operands in [*spread(operation, SPREAD), *points(operation)])
    assert compared >= (15 if "O" in kinds_of(operation) else 2)


def test_a_wrong_value_is_caught(planted):
    operation = planted(reference=lambda x: np.sin(x) * (1 + 1e-14))
    with pytest.raises(AssertionError, match="planted"):
        check_value(operation, (0.4,))


@pytest.mark.parametrize("operation", IRRATIONAL, ids=lambda operation: operation.name)
def test_bodies_in_floats(operation):
    """What will be compiled: the body in floats has NumPy's values, with its NaN and its infinities."""
    parameters = PARAMETERS.get(operation.name, {})
    for row in [*spread(operation, EDGES), *spread(operation, SPREAD)]:
        with np.errstate(all="ignore"):
            expected = operation.reference(*map(np.asarray, row), **parameters)
            found = operation.scalar(FloatArithmetic(), *map(np.float64, row), **parameters)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=5e-308, err_msg=f"{operation.name}{row}")
