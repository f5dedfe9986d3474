"""Evaluation in exact fractions: the very graph that ran, without rounding.

A float is read as the fraction that it is. Where a value is not rational an InexactError says which operation it was;
where it does not exist (a division by zero) it is `UNDEFINED`, which behaves as NaN does and harms nothing unless used.
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import InexactError
from chainrule.evaluate.program import Program, values_for
from chainrule.graph import Graph


class Undefined:
    """The exact value that is none, such as 1/0: arithmetic with it gives it back, and no comparison with it holds."""

    def _same(self, *_: Any) -> Undefined:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _same
    __pow__ = __rpow__ = __mod__ = __rmod__ = __floordiv__ = __rfloordiv__ = __neg__ = __abs__ = __pos__ = _same
    __floor__ = __ceil__ = __trunc__ = __round__ = root = _same

    def _never(self, _: Any) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = _never
    __hash__ = object.__hash__

    def __ne__(self, _: Any) -> bool:
        return True

    def __float__(self) -> float:
        return math.nan

    def __repr__(self) -> str:
        return "UNDEFINED"


UNDEFINED = Undefined()
_RATIONAL = (int, Fraction)
_ROOTS = {2: "square root", 3: "cube root"}


class ExactArithmetic:
    """The arithmetic that scalar bodies run in over fractions (and over dual numbers of them).

    It knows of the words in `chainrule.ops.declare` those that can be rational; any other raises InexactError.
    """

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """`then` where the condition holds, else `otherwise`."""
        return then if condition else otherwise

    def divide(self, x: Any, y: Any) -> Any:
        """The quotient; UNDEFINED by zero."""
        return UNDEFINED if y == 0 else x / (Fraction(y) if isinstance(y, int) else y)

    def absolute(self, x: Any) -> Any:
        """x without its sign."""
        return -x if x < 0 else x

    def copysign(self, x: Any, y: Any) -> Any:
        """x with the sign of y; a fraction has no negative zero."""
        return -self.absolute(x) if y < 0 else self.absolute(x)

    def floor(self, x: Any) -> Any:
        """The largest integer that is not above x."""
        return _whole(math.floor(x))

    def ceil(self, x: Any) -> Any:
        """The smallest integer that is not below x."""
        return _whole(math.ceil(x))

    def trunc(self, x: Any) -> Any:
        """The integer part of x."""
        return _whole(math.trunc(x))

    def rint(self, x: Any) -> Any:
        """The nearest integer, and of two as near the even one."""
        return _whole(round(x))

    def fmod(self, x: Any, y: Any) -> Any:
        """The remainder of x by y with the sign of x."""
        return UNDEFINED if y == 0 else x - y * self.trunc(self.divide(x, y))

    def power(self, x: Any, y: Any) -> Any:
        """x to the y where that is rational."""
        if not (isinstance(x, _RATIONAL) and isinstance(y, _RATIONAL)):
            return x**y  # UNDEFINED, or a number that knows its own powers
        if isinstance(y, Fraction) and y.denominator != 1:
            return self.power(self.root(x, y.denominator), Fraction(y.numerator))
        return UNDEFINED if x == 0 and y < 0 else Fraction(x) ** int(y)

    def ldexp(self, x: Any, y: Any) -> Any:
        """x times two to the integer y."""
        return x * Fraction(2) ** int(y)

    def hypot(self, x: Any, y: Any) -> Any:
        """The hypotenuse of a right triangle whose sides are rational."""
        return self.sqrt(x * x + y * y)

    def sqrt(self, x: Any) -> Any:
        """The square root of the square of a fraction."""
        return self.root(x, 2)

    def cbrt(self, x: Any) -> Any:
        """The cube root of the cube of a fraction, with its sign."""
        return -self.root(-x, 3) if x < 0 else self.root(x, 3)

    def root(self, x: Any, degree: int) -> Any:
        """The root of that degree of a fraction that has one (or of a number that knows its own roots)."""
        if hasattr(x, "root"):
            return x.root(degree)
        if x < 0:
            return UNDEFINED
        x = Fraction(x)
        top, bottom = (_integer_root(part, degree) for part in (x.numerator, x.denominator))
        if top is None or bottom is None:
            raise inexact("root", f"the {_ROOTS.get(degree, f'{degree}th root')} of {x}")
        return Fraction(top, bottom)

    def bitwise_and(self, x: Any, y: Any) -> Any:
        """The bits that both have."""
        return _on_bits(operator.and_, x, y)

    def bitwise_or(self, x: Any, y: Any) -> Any:
        """The bits that one of them has."""
        return _on_bits(operator.or_, x, y)

    def bitwise_xor(self, x: Any, y: Any) -> Any:
        """The bits that just one of them has."""
        return _on_bits(operator.xor, x, y)

    def invert(self, x: Any) -> Any:
        """Every bit turned over."""
        return not x if isinstance(x, bool) else _on_bits(operator.invert, x)

    def left_shift(self, x: Any, y: Any) -> Any:
        """The bits of x moved up by y."""
        return _on_bits(operator.lshift, x, y)

    def right_shift(self, x: Any, y: Any) -> Any:
        """The bits of x moved down by y."""
        return _on_bits(operator.rshift, x, y)

    def bitwise_count(self, x: Any) -> Any:
        """The number of ones in the absolute value of an integer."""
        return _on_bits(int.bit_count, x)

    def gcd(self, x: Any, y: Any) -> Any:
        """The greatest common divisor of two integers."""
        return _on_bits(math.gcd, x, y)

    def lcm(self, x: Any, y: Any) -> Any:
        """The least common multiple of two integers."""
        return _on_bits(math.lcm, x, y)

    def __getattr__(self, name: str) -> Any:
        def refuse(*values: Any) -> Any:
            raise inexact(name, f"{name}({', '.join(map(str, values))})")

        return refuse


def _whole(x: Any) -> Any:
    return Fraction(x) if isinstance(x, int) else x  # UNDEFINED stays


def _on_bits(function: Any, *numbers: Any) -> Any:
    """A function of integers: of the integers that fractions are, or of booleans."""
    result = function(*(number if isinstance(number, bool) else int(number) for number in numbers))
    return result if isinstance(result, bool) else Fraction(result)


def _integer_root(n: int, degree: int) -> int | None:
    """The integer whose power of that degree is n, by bisection; None where there is none."""
    low, high = 0, 1 << (n.bit_length() // degree + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**degree <= n else (low, middle)
    return low if low**degree == n else None


def inexact(operation: str, value: str) -> InexactError:
    """The error for a value that no fraction equals."""
    return InexactError(
        operation,
        expected="a rational value",
        got=value,
        remedy="Evaluate in floating point, or choose inputs where the value is a fraction.",
    )


exact_arithmetic = ExactArithmetic()


def to_fractions(value: Any) -> np.ndarray:
    """An object array of the fractions that these numbers are; booleans stay booleans, NaN becomes UNDEFINED.

    >>> to_fractions([0.5, 3])
    array([Fraction(1, 2), Fraction(3, 1)], dtype=object)
    """
    array = np.asarray(value)
    result = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        result[index] = _fraction(array[index])
    return result


def _fraction(number: Any) -> Any:
    if isinstance(number, (bool, np.bool_)):
        return bool(number)
    if isinstance(number, (Fraction, Undefined)):
        return number
    if isinstance(number, (int, np.integer)):
        return Fraction(int(number))
    if isinstance(number, (float, np.floating)):
        if math.isnan(number):
            return UNDEFINED
        if math.isinf(number):
            raise inexact("evaluate_exactly", str(float(number)))
        return Fraction(*float(number).as_integer_ratio())
    return number  # a dual number, or whatever else a law evaluates in


def evaluate_exactly(graph: Graph, *values: Any) -> tuple[np.ndarray, ...]:
    """The outputs of a graph as object arrays of fractions.

    >>> from chainrule.graph import Input
    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> evaluate_exactly(Graph([x], [x / 3]), Fraction(1, 2))
    (array(Fraction(1, 6), dtype=object),)
    """
    arrays = values_for("evaluate_exactly", graph, values)
    results = Program(graph, "exact", to_fractions).run([to_fractions(array) for array in arrays])
    return tuple(_as_objects(result) for result in results)


def _as_objects(result: Any) -> np.ndarray:
    if isinstance(result, np.ndarray):
        return result
    array = np.empty((), object)
    array[()] = result
    return array
