"""Dual numbers over fractions: value + slope * eps with eps^2 = 0, the independent witness for declared derivatives.

Clifford, "Preliminary sketch of biquaternions" (1873).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.evaluate import UNDEFINED, exact_arithmetic


class Dual:
    """A value and its slope; arithmetic follows the rules of differentiation, comparisons look at the value."""

    def __init__(self, value: Any, slope: Any = Fraction(0)) -> None:
        self.value, self.slope = value, slope

    @staticmethod
    def of(number: Any) -> Dual:
        return number if isinstance(number, Dual) else Dual(number)

    def __add__(self, other):
        other = Dual.of(other)
        return Dual(self.value + other.value, self.slope + other.slope)

    def __neg__(self):
        return Dual(-self.value, -self.slope)

    def __sub__(self, other):
        return self + -Dual.of(other)

    def __rsub__(self, other):
        return Dual.of(other) - self

    def __mul__(self, other):
        other = Dual.of(other)
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)

    def __truediv__(self, other):
        other = Dual.of(other)
        if other.value == 0:
            return UNDEFINED
        quotient = self.value / Fraction(other.value)
        return Dual(quotient, (self.slope - quotient * other.slope) / Fraction(other.value))

    def __rtruediv__(self, other):
        return Dual.of(other) / self

    def __pow__(self, exponent):
        exponent = Fraction(getattr(exponent, "value", exponent))
        if exponent == 0:
            return Dual(Fraction(1))
        return Dual(
            exact_arithmetic.power(self.value, exponent),
            exponent * exact_arithmetic.power(self.value, exponent - 1) * self.slope,
        )

    def root(self, degree):
        root = exact_arithmetic.root(self.value, degree)
        return Dual(root, self.slope / (degree * root ** (degree - 1)))

    __radd__, __rmul__ = __add__, __mul__

    def __abs__(self):
        return -self if self.value < 0 else self

    def __lt__(self, other):
        return self.value < Dual.of(other).value

    def __le__(self, other):
        return self.value <= Dual.of(other).value

    def __gt__(self, other):
        return self.value > Dual.of(other).value

    def __ge__(self, other):
        return self.value >= Dual.of(other).value

    def __eq__(self, other):
        return self.value == Dual.of(other).value

    __hash__ = object.__hash__

    def __bool__(self):
        return bool(self.value)

    def __int__(self):
        return int(self.value)

    def __floor__(self):
        return math.floor(self.value)

    def __ceil__(self):
        return math.ceil(self.value)

    def __trunc__(self):
        return math.trunc(self.value)

    def __round__(self, digits=None):
        return round(self.value, digits)

    def __float__(self):
        return float(self.value)

    def __repr__(self):
        return f"Dual({self.value}, {self.slope})"


def duals(values: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """An object array of dual numbers."""
    result = np.empty(values.shape, object)
    for index in np.ndindex(values.shape):
        result[index] = Dual(values[index], slopes[index])
    return result


def slopes_of(values: Any) -> np.ndarray:
    """The slopes of an array of dual numbers; 0 for a plain number."""
    array = np.asarray(values, dtype=object)
    result = np.empty(array.shape, object)
    for index in np.ndindex(array.shape):
        result[index] = getattr(array[index], "slope", Fraction(0))
    return result
