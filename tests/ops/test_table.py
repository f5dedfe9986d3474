"""The derivative table against an independent witness: its scalar bodies in numbers of 40 digits (mpmath).

Every declared partial must be the slope that mpmath measures of the body, and every value of NumPy or SciPy in float64
must be within a few units in the last place of the body's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
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
M = MultiplePrecision()

ONLY_FLOATS = {"nextafter", "spacing"}  # they speak of the spaces between floats
PARAMETERS = {"polygamma": {"order": 2}}

REAL = [(-2.3,), (-0.7,), (0.4,), (1.6,), (3.2,)]
POSITIVE = [(0.03,), (0.4,), (1.7,), (9.5,), (210.0,)]
INSIDE = [(-0.98,), (-0.4,), (0.1,), (0.7,)]
PAIRS = [(0.6, 1.9), (-1.3, 2.6), (2.2, -0.45), (-3.1, -0.8)]
POINTS = {
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


def points(operation: Elementwise) -> list[tuple[Any, ...]]:
    """Where a smooth operation is compared: away from kinks, at both sides of every seam in its formulas."""
    kinds = kinds_of(operation)
    return POINTS.get(operation.name, [] if "O" not in kinds else REAL if kinds == "O" else PAIRS)


def kinds_of(operation: Elementwise) -> str:
    """The kinds of its operands: O for numbers, i for integers, b for truth values."""
    return "".join(np.asarray(operand).dtype.kind for operand in next(iter(operation.samples())).operands)


def in_digits(node: Node, known: dict[Node, Any]) -> Any:
    """The value of a node without axes in mpmath's numbers, through the scalar bodies."""
    for step in Graph([], [node]).nodes:
        if step in known:
            continue
        if isinstance(step, Constant):
            known[step] = number(step.value[()])
        elif isinstance(step.operation, Elementwise):
            known[step] = step.operation.scalar(M, *(known[operand] for operand in step.operands), **step.parameters)
        else:
            assert step.operation.name == "astype", step
            known[step] = number(known[step.operands[0]]) if step.dtype.kind == "f" else known[step.operands[0]]
    return known[node]


def number(value: Any) -> Any:
    """A number of mpmath, exactly what the float is; integers and truth values as they are."""
    return (
        bool(value)
        if isinstance(value, (bool, np.bool_))
        else mp.mpf(value.item() if hasattr(value, "item") else value)
    )


def check_partials(operation: Elementwise, operands: Sequence[Any]) -> None:
    """The declared partials are the slopes of the body."""
    parameters = PARAMETERS.get(operation.name, {})
    inputs = [Input(ArrayType.of(operand)) for operand in operands]
    node = operation(*inputs, **parameters)
    partials = operation.derivative.rule(*inputs, node, **parameters)
    partials = partials if isinstance(partials, tuple) else (partials,)
    with mp.workdps(DIGITS):
        numbers = [operand if isinstance(operand, (bool, int)) else mp.mpf(operand) for operand in operands]
        for k, partial in enumerate(partials):
            if isinstance(numbers[k], (bool, int)):
                continue
            slope = mp.diff(
                lambda t, k=k: operation.scalar(M, *numbers[:k], t, *numbers[k + 1 :], **parameters), numbers[k]
            )
            declared = (
                in_digits(partial, dict(zip(inputs, numbers, strict=True)))
                if isinstance(partial, Node)
                else mp.mpf(partial or 0)
            )
            assert mp.fabs(declared - slope) <= AGREEMENT * (1 + mp.fabs(slope)), (
                f"{operation.name}{operands}: {k}: {declared} is not {slope}"
            )


TABLE = [
    operation
    for operation in OPERATIONS.values()
    if isinstance(operation, Elementwise) and operation.name not in ONLY_FLOATS
]
SMOOTH = [operation for operation in TABLE if isinstance(operation.derivative, Partials)]


@pytest.mark.parametrize("operation", SMOOTH, ids=lambda operation: operation.name)
def test_partials_are_the_slopes_of_the_body(operation):
    for operands in points(operation):
        check_partials(operation, operands)


def test_a_wrong_partial_is_caught():
    for wrong in (lambda x, out: -np.cos(x), lambda x, out: np.cos(x) + 1e-20, lambda x, out: None):
        planted = dataclasses.replace(OPERATIONS["sin"], name="planted", derivative=Partials(wrong))
        del OPERATIONS["planted"]
        with pytest.raises(AssertionError, match="planted"):
            check_partials(planted, (0.4,))


# --------------------------------------------------------------------------------------------------- values in float64

ULPS = {"gammaln": 24, "erfcx": 8}  # what SciPy is off by near the zeros of the one, and near 0 in the other; else 4
ROUNDED_INSIDE = {
    "sinc",
    "logaddexp",
    "logaddexp2",
    "ndtr",
    "log_ndtr",
    "erfc",
    "erfcx",
    "gammaln",
    "digamma",
    "polygamma",
}
"""Functions that round on the way (sinc: pi x), so that they are right for an operand that is off by one ulp."""
RANGE = {"sinc": (-1e15, 1e15), "polygamma": (1e-40, 1e15)}  # where mpmath's 40 digits are enough, and fast

SPREAD = [
    0.0,
    *(
        sign * float(f"{digit}e{power}")
        for power in (-300, -100, -20, -7, -3, -1)
        for digit in (1.3, 7.1)
        for sign in (1, -1)
    ),
]
SPREAD += [
    sign * x
    for x in (0.9, 1.1, 1.49, 2.7, 3.3, 5.5, 11.3, 24.9, 36.5, 310.2, 7.7e4, 1.2e9, 3.4e22, 1e100, 1e300)
    for sign in (1, -1)
]


def check_value(operation: Elementwise, operands: Sequence[Any]) -> bool:
    """NumPy's value is the body's to a few units in the last place; False where there is no normal number to compare."""
    parameters = PARAMETERS.get(operation.name, {})
    with np.errstate(all="ignore"):
        value = operation.reference(*map(np.asarray, operands), **parameters)
    with mp.workdps(DIGITS):
        numbers = [operand if isinstance(operand, (bool, int)) else mp.mpf(operand) for operand in operands]
        try:
            exact = operation.scalar(M, *numbers, **parameters)
        except (ValueError, ZeroDivisionError, OverflowError):
            return False
        if (
            not isinstance(exact, (bool, int, mp.mpf))
            or mp.isnan(exact)
            or not (exact == 0 or 1e-300 < abs(exact) < 1e300)
        ):
            return False
        allowed = ULPS.get(operation.name, 4) * np.spacing(abs(float(exact)))
        if operation.name in ROUNDED_INSIDE:
            for k, x in enumerate(numbers):
                slope = mp.diff(lambda t, k=k: operation.scalar(M, *numbers[:k], t, *numbers[k + 1 :], **parameters), x)
                allowed += mp.fabs(slope) * np.spacing(abs(float(x)))
        assert mp.fabs(mp.mpf(float(value)) - exact) <= allowed, (
            f"{operation.name}{operands}: {value} is not {mp.nstr(exact, 20)}"
        )
    return True


def spread(operation: Elementwise) -> list[tuple[Any, ...]]:
    """Operands of all sizes, as many as say something."""
    low, high = RANGE.get(operation.name, (-np.inf, np.inf))
    columns = {"O": [x for x in SPREAD if low <= x <= high], "i": [1, 2, 3, 6, 12], "b": [True, False]}
    rows = list(product(*(columns[kind] for kind in kinds_of(operation))))
    return rows[:: max(1, len(rows) // 80)]


@pytest.mark.parametrize("operation", TABLE, ids=lambda operation: operation.name)
def test_values_are_right_to_a_few_ulps(operation):
    compared = sum(check_value(operation, operands) for operands in [*spread(operation), *points(operation)])
    assert compared >= (15 if "O" in kinds_of(operation) else 2)


EDGES = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 5e-324, -800.0, 800.0]


@pytest.mark.parametrize(
    "operation", [one for one in TABLE if one.points is not None], ids=lambda operation: operation.name
)
def test_transcendental_bodies_in_floats(operation):
    """What will be compiled: the body in floats has NumPy's value, and its NaN and infinities."""
    parameters = PARAMETERS.get(operation.name, {})
    low, high = RANGE.get(operation.name, (-np.inf, np.inf))
    columns = list(product([x for x in EDGES if not low > x], repeat=len(kinds_of(operation))))
    columns += [row for row in spread(operation) if all(low <= x <= high for x in row)]
    for row in columns:
        operands = [np.float64(x) for x in row]
        with np.errstate(all="ignore"):
            expected = operation.reference(*map(np.asarray, operands), **parameters)
            found = operation.scalar(FloatArithmetic(), *operands, **parameters)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=5e-308, err_msg=f"{operation.name}{row}")


def test_a_wrong_value_is_caught():
    planted = dataclasses.replace(OPERATIONS["sin"], name="planted", reference=lambda x: np.sin(x) * (1 + 1e-14))
    del OPERATIONS["planted"]
    with pytest.raises(AssertionError, match="planted"):
        check_value(planted, (0.4,))
