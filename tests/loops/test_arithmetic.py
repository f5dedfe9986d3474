"""The scalar body of every elementwise operation, as a kernel, against NumPy's reference: samples and edges."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import chainrule.ops  # noqa: F401 (registers the operations)
from chainrule.errors import ChainruleError, DtypeError, UnsupportedError
from chainrule.graph import OPERATIONS
from chainrule.loops import LoopArithmetic, buffer, elementwise_kernel, interpret, parse_kernel, verify
from chainrule.loops.scalar import Choice
from chainrule.ops.declare import Elementwise
from chainrule.types import DTYPES

ELEMENTWISE = {name: one for name, one in OPERATIONS.items() if isinstance(one, Elementwise)}

# In units in the last place. Bodies of one rounded step agree to the last bit; those of several have this much room.
# Where the reference takes another way (ndtr, log_ndtr, logaddexp2) a difference of nearby numbers loses more.
ROOM = {"expit": 2, "log_expit": 4, "logaddexp": 4, "logaddexp2": 16, "deg2rad": 2, "rad2deg": 2, "sinc": 2, "logit": 4}
ROOM |= {"ndtr": 2000, "log_ndtr": 2000}
TRANSCENDENTAL = 1  # NumPy's loops over arrays may round otherwise than those over single numbers
EITHER_ZERO = {"maximum", "minimum", "fmax", "fmin", "log_expit"}  # NumPy leaves the sign open, or SciPy has the other
SPECIAL = [0.0, 0.5, 1.0, 2.0, 3.0, 2.5, 7.25, 1 / 3, 1e-4, 20.0, np.inf]


def signatures(operation: Elementwise) -> Iterator[tuple[np.dtype, ...]]:
    """The dtypes of operands and result that an operation computes in."""
    arity = len(next(iter(operation.samples())).operands)
    for kinds in itertools.product(sorted(DTYPES, key=str), repeat=arity):
        try:
            found = operation.promotion(operation.name, kinds)
        except ChainruleError:
            continue
        if found[:-1] == kinds:
            yield found


def edges(dtype: np.dtype) -> list[Any]:
    """The numbers of a dtype where something happens."""
    if dtype.kind == "b":
        return [False, True]
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        numbers = [
            0,
            1,
            2,
            3,
            5,
            7,
            limits.max,
            limits.max - 1,
            limits.max // 2,
            limits.min,
            limits.min + 1,
            -1,
            -2,
            -7,
        ]
        return [number for number in numbers if limits.min <= number <= limits.max]
    limits = np.finfo(dtype)
    small = float(limits.smallest_subnormal)
    positive = [*SPECIAL, small, small * 12345, float(limits.tiny), float(limits.max)]
    return [*positive, *(-number for number in positive), np.nan]


def is_defined(name: str, numbers: tuple[Any, ...], kind: str) -> bool:
    """Whether NumPy has a value here that the body is held to."""
    if name == "power" and kind in "iu":
        return numbers[1] >= 0  # NumPy raises an error
    if name == "reciprocal" and kind in "iu":
        return numbers[0] != 0  # NumPy casts an infinity to an integer, which C leaves undefined
    return not (name == "deg2rad" and 1e38 < abs(numbers[0]) < np.inf)  # x pi overflows where x (pi / 180) does not


def distance(result: np.ndarray, expected: np.ndarray, either_zero: bool) -> np.ndarray:
    """How far results are from what was expected, in units in the last place; 0 for equal numbers, NaN and NaN."""
    if result.dtype.kind != "f":
        return (result != expected).astype(float)
    with np.errstate(all="ignore"):
        gap = np.abs(result.astype(float) - expected) / np.spacing(np.abs(expected)).astype(float)
    same = (result == expected) & (either_zero | (np.signbit(result) == np.signbit(expected)))
    same |= np.isnan(result) & np.isnan(expected)
    return np.where(same, 0, np.where(np.isfinite(gap) & (result != expected), gap, np.inf))


def check(
    operation: Elementwise, signature: tuple[np.dtype, ...], arrays: Sequence[np.ndarray], **parameters: Any
) -> None:
    """Run the body as a kernel on arrays of one shape and compare it with the reference."""
    kernel = verify(elementwise_kernel(operation.name, operation.scalar, signature, arrays[0].shape, **parameters))
    assert str(parse_kernel(str(kernel))) == str(kernel)
    (result,) = interpret(kernel, *arrays)
    with np.errstate(all="ignore"):
        expected = np.asarray(operation.reference(*arrays, **parameters))
    assert result.dtype == expected.dtype == signature[-1]
    room = ROOM.get(operation.name, TRANSCENDENTAL if operation.points is not None or operation.name == "power" else 0)
    far = distance(result, expected, operation.name in EITHER_ZERO)
    worst = np.unravel_index(np.argmax(far), far.shape)
    assert far[worst] <= room, (
        f"{operation.name}({', '.join(str(array[worst]) for array in arrays)}) in {signature}: "
        f"{result[worst]!r}, expected {expected[worst]!r}"
    )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_edges(name):
    operation = ELEMENTWISE[name]
    parameters = next(iter(operation.samples())).parameters
    tried = 0
    for signature in signatures(operation):
        kinds = signature[:-1]
        rows = [row for row in itertools.product(*map(edges, kinds)) if is_defined(name, row, kinds[0].kind)]
        columns = [np.array(column, kind) for column, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
        check(operation, signature, columns, **parameters)
        tried += 1
    assert tried >= 2


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_samples(name):
    operation = ELEMENTWISE[name]
    for sample in operation.samples():
        for signature in signatures(operation):
            pairs = zip(sample.operands, signature, strict=False)
            arrays = np.broadcast_arrays(*(numbers(one, kind) for one, kind in pairs))
            if is_all_defined(name, arrays):
                check(operation, signature, arrays, **sample.parameters)


def numbers(values: Any, dtype: np.dtype) -> np.ndarray:
    """The operand of a sample in a dtype, fractions cut to integers where it must be."""
    array = np.asarray(values)
    if array.dtype == object and dtype.kind in "iu":
        array = array.astype(float).astype(np.int64)
    return array.astype(dtype)


def is_all_defined(name: str, arrays: Sequence[np.ndarray]) -> bool:
    """Whether the body is held to NumPy's value on all of them."""
    rows = zip(*(array.ravel().tolist() for array in arrays), strict=True)
    return all(is_defined(name, row, arrays[0].dtype.kind) for row in rows)


def test_golden():
    relu = elementwise_kernel("relu", lambda m, x: m.select(x <= 0, 0, x), [np.dtype("float32")] * 2, (4,))
    assert str(relu) == (
        "kernel relu(input x0: float32[4], output out: float32[4]):\n"
        "  parallel for i0 in 0..4: out[i0] = select(x0[i0] <= 0, 0, x0[i0])"
    )
    divide = ELEMENTWISE["floor_divide"]
    assert str(elementwise_kernel("f", divide.scalar, [np.dtype("float32")] * 3, (2, 3))).splitlines()[1:] == [
        "  parallel for i0 in 0..2:",
        "    for i1 in 0..3:",
        "      let $0 = x0[i0, i1] / x1[i0, i1]",
        "      let $1 = x0[i0, i1] % x1[i0, i1]",
        "      let $2 = rint(((x0[i0, i1] - $1) / x1[i0, i1]) - "
        "select(($1 != 0) & (($1 < 0) != (x1[i0, i1] < 0)), float32(1), float32(0)))",
        "      out[i0, i1] = select(x1[i0, i1] == 0, $0, select($2 == 0, copysign(0, $0), $2))",
    ]
    scalar = elementwise_kernel("f", lambda m, x: m.sqrt(2) * x, [np.dtype("float64")] * 2, ())
    assert str(scalar).splitlines()[1] == "  out[] = 1.4142135623730951 * x0[]"


def test_words_on_python_numbers_alone():
    m = LoopArithmetic()
    assert m.sqrt(4) == 2.0
    assert m.floor(2.5) == 2.0
    assert m.copysign(3, -0.0) == -3.0
    assert m.divide(1, 4) == 0.25
    assert m.select(True, 1, 2) == 1
    assert m.select(False, 1, 2) == 2
    with pytest.raises(DtypeError, match="Give one operand a dtype"):
        m.erf(0.5)


def test_a_choice_between_numbers_is_weak():
    m = LoopArithmetic()
    x, n = buffer("x", (), "float32")[()], buffer("n", (), "int8")[()]
    choice = m.select(x > 0, 1, 0)
    assert isinstance(choice, Choice)
    assert (choice * x).dtype == "float32"
    assert (choice + n).dtype == "int8"
    assert m.maximum(n, choice).dtype == "int8"


def test_words_on_integers():
    m = LoopArithmetic()
    n, u = buffer("n", (), "int8")[()], buffer("u", (), "uint8")[()]
    assert m.rint(n) is n
    assert m.absolute(u) is u
    assert str(m.absolute(n)) == "absolute(n[])"
    assert str(m.copysign(n, n)).endswith("select(n[] < 0, -$0, $0)")
    assert str(m.copysign(0, n)) == "int8(0)"
    assert str(m.copysign(2, n)) == "select(n[] < 0, int8(-2), int8(2))"


def test_words_that_are_not_known():
    with pytest.raises(UnsupportedError, match="'sine'"):
        _ = LoopArithmetic().sine
    with pytest.raises(AttributeError):
        _ = LoopArithmetic().__wrapped__
