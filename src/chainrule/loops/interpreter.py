"""The meaning of a kernel: run on NumPy's numbers, one element at a time. Slow, and the oracle for machine code.

Functions are NumPy's own (SciPy's for the special ones) on numbers of the expression's dtype, so this shares nothing
with generated code. Temporaries and outputs begin as nothing at all: to read an element that was not written is an
error here, and so is an index outside the buffer, whatever the verifier may have missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DependencyError, GraphError
from chainrule.loops.nest import COMBINES, Accumulate, Fill, For, If, Kernel, Statement, Store, scalars_of
from chainrule.loops.scalar import Apply, Buffer, Cast, Constant, Index, Load, Scalar, in_order, wrap


def interpret(kernel: Kernel, *inputs: Any) -> tuple[np.ndarray, ...]:
    """The outputs of a kernel for these inputs, which must have the shapes and dtypes of its input buffers.

    >>> from chainrule.loops.nest import elementwise_kernel
    >>> square = elementwise_kernel("square", lambda m, x: x * x, [np.dtype(float)] * 2, (3,))
    >>> interpret(square, [1.0, 2.0, 3.0])
    (array([1., 4., 9.]),)
    """
    wanted = kernel.role("input")
    arrays = [np.asarray(array) for array in inputs]
    kinds = [(one.shape, one.dtype) for one in wanted]
    if [(array.shape, array.dtype) for array in arrays] != kinds:
        raise ArgumentError(
            kernel.name,
            expected=f"arrays for {', '.join(map(str, wanted)) or 'no inputs'}",
            got=", ".join(f"{array.dtype.name}[{', '.join(map(str, array.shape))}]" for array in arrays) or "none",
            remedy="Give one array for each input buffer.",
        )
    memory = Memory(kernel, dict(zip(wanted, arrays, strict=True)))
    with np.errstate(all="ignore"):
        memory.run(kernel.body)
    return tuple(memory.arrays[one] for one in kernel.role("output"))


class Memory:
    """The arrays of a running kernel, which of their elements are written, and the values of the loops' indices."""

    def __init__(self, kernel: Kernel, given: dict[Buffer, np.ndarray]) -> None:
        self.arrays = {one: given[one] if one in given else np.zeros(one.shape, one.dtype) for one in kernel.buffers}
        self.written = {one: np.full(one.shape, one in given) for one in kernel.buffers}
        self.indices: dict[Index, np.int64] = {}
        self.orders: dict[Statement, list[Scalar]] = {}

    def run(self, body: Iterable[Statement]) -> None:
        """Run statements one after another."""
        for statement in body:
            values = self.evaluate(statement)
            match statement:
                case For():
                    for number in range(int(values[0]), int(values[1])):
                        self.indices[statement.index] = np.int64(number)
                        self.run(statement.body)
                case If():
                    if values[0]:
                        self.run(statement.body)
                case Fill():
                    self.arrays[statement.buffer][...] = values[0]
                    self.written[statement.buffer][...] = True
                case Store():
                    place = self.place(statement.buffer, values[:-1], reads=False)
                    self.arrays[statement.buffer][place] = values[-1]
                    self.written[statement.buffer][place] = True
                case Accumulate():
                    place = self.place(statement.buffer, values[:-1], reads=True)
                    array = self.arrays[statement.buffer]
                    array[place] = compute(COMBINES[statement.combine], array[place], values[-1])

    def evaluate(self, statement: Statement) -> list[Any]:
        """The values of a statement's own expressions, what they share computed once."""
        if statement not in self.orders:
            self.orders[statement] = in_order(scalars_of(statement))
        values: dict[Scalar, Any] = {}
        for scalar in self.orders[statement]:
            values[scalar] = self.value(scalar, [values[operand] for operand in scalar.operands])
        return [values[root] for root in scalars_of(statement)]

    def value(self, scalar: Scalar, operands: list[Any]) -> Any:
        """The value of an expression from those of its operands."""
        match scalar:
            case Constant():
                return scalar.dtype.type(scalar.value)
            case Index():
                return self.indices[scalar]
            case Load():
                return self.arrays[scalar.buffer][self.place(scalar.buffer, operands, reads=True)]
            case Cast():
                return operands[0].astype(scalar.dtype)
            case Apply():
                return scalar.dtype.type(compute(scalar.function, *operands))
        raise GraphError(
            "interpret", expected="a scalar", got=repr(type(scalar).__name__), remedy="Teach the interpreter about it."
        )

    def place(self, buffer: Buffer, indices: list[Any], *, reads: bool) -> tuple[int, ...]:
        """The place of an element, which must be inside the buffer and, to be read, written."""
        place = tuple(map(int, indices))
        inside = all(0 <= index < length for index, length in zip(place, buffer.shape, strict=True))
        if not inside or (reads and not self.written[buffer][place]):
            raise GraphError(
                "interpret",
                expected=f"an element of {buffer}" if not inside else "an element that was written",
                got=f"{buffer.name}[{', '.join(map(str, place))}]",
                remedy="Verify the kernel; correct the pass that made it.",
            )
        return place


# ---------------------------------------------------------------------------------------------------------- functions


def compute(name: str, *operands: Any) -> Any:
    """The value of a function of `FUNCTIONS` on numbers of NumPy, in their dtype.

    >>> compute("divide", np.int32(-7), np.int32(2))
    np.int32(-3)
    """
    kind = operands[0].dtype.kind
    function = (_OF_INTEGERS.get(name) if kind in "iu" else None) or _OWN.get(name) or _of_library(name)
    return function(*operands)


@cache
def _of_library(name: str) -> Callable[..., Any]:
    function = getattr(np, name, None)
    if function is not None:
        return function
    try:
        from scipy import special
    except ImportError:
        raise DependencyError(
            name,
            expected="the package scipy to compute it",
            got="no module 'scipy'",
            remedy="Run: pip install 'chainrule[scipy]'",
        ) from None
    return getattr(special, name)


def _divide(x: Any, y: Any) -> Any:
    """The quotient rounded toward zero; 0 by 0."""
    if y == 0:
        return y
    quotient = abs(int(x)) // abs(int(y))
    return x.dtype.type(wrap(quotient if (x < 0) == (y < 0) else -quotient, x.dtype))


def _power(x: Any, y: Any) -> Any:
    """NumPy's power of arrays: for a scalar exponent of 0.5 or 2 it takes the square root or the square instead."""
    return x.dtype.type(0) if x.dtype.kind in "iu" and y < 0 else np.power([x], [y], dtype=x.dtype)[0]


def _fma(x: Any, y: Any, z: Any) -> Any:
    """The sum of a product, rounded once."""
    plain = x * y + z
    if not np.isfinite(x) or not np.isfinite(y):
        return plain
    if not np.isfinite(z):
        return z  # though the product may overflow
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return plain  # whose zero has the right sign, since nothing was rounded
    return nearest(exact, plain.dtype)


def nearest(exact: Fraction, dtype: np.dtype) -> Any:
    """The float that is nearest to a fraction, and of two as near the even one.

    >>> nearest(Fraction(1, 3), np.dtype("float32"))
    np.float32(0.33333334)
    """
    try:
        double = float(exact)
    except OverflowError:
        double = math.inf if exact > 0 else -math.inf
    rounded = dtype.type(double)
    if not np.isfinite(rounded):
        return rounded
    # Rounding to float64 first may have made a tie that `exact` does not have: the neighbours stand for election.
    candidates = (rounded, np.nextafter(rounded, dtype.type(-np.inf)), np.nextafter(rounded, dtype.type(np.inf)))
    finite = [one for one in candidates if np.isfinite(one)]
    return min(finite, key=lambda one: abs(Fraction(float(one)) - exact))


_OF_INTEGERS: dict[str, Callable[..., Any]] = {"divide": _divide}
_OWN: dict[str, Callable[..., Any]] = {
    "select": lambda condition, then, otherwise: then if condition else otherwise,
    "power": _power,
    "fma": _fma,
    "mantissa": lambda x: np.frexp(x)[0],
    "exponent": lambda x: np.frexp(x)[1] if np.isfinite(x) else 0,
}
