"""Values with a bound on what rounding may change about them.

A backend may sum in another order, fuse a product with a sum, or compute the exponential by another polynomial. How far
its result may then lie from NumPy's is bounded element by element, by a running error analysis (Higham, Accuracy and
Stability of Numerical Algorithms, 2nd ed., section 3.3). An error of 0 asks for the same bits; an infinite one says
that the element cannot be compared, as of `floor` where a rounded operand lies at a whole number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

SAFETY = 4.0
"""What a deviation seen at sampled operands is multiplied by, since the samples may have missed the largest."""


@dataclass(frozen=True)
class Bounded:
    """An array and, in float64, the largest difference of each element that rounding explains."""

    value: np.ndarray
    error: np.ndarray

    @property
    def exact(self) -> bool:
        """Whether every element must be the same to the bit."""
        return not self.error.any()


def exactly(value: Any) -> Bounded:
    """A value that every backend must have to the bit, such as an input."""
    array = np.asarray(value)
    return Bounded(array, np.zeros(array.shape))


def unknown(value: Any) -> Bounded:
    """A value that cannot be compared."""
    array = np.asarray(value)
    return Bounded(array, np.full(array.shape, np.inf))


def bounded(value: Any, error: Any) -> Bounded:
    """The value with this error; beyond the largest number of its dtype, and for whole numbers, any error is too much.

    Infinities and NaN have no error: they are met or not.
    """
    array = np.asarray(value)
    error = np.array(np.broadcast_to(np.asarray(error, float), array.shape))
    error[np.isnan(error)] = np.inf
    if array.dtype.kind != "f":
        return Bounded(array, np.where(error > 0, np.inf, 0.0))
    finite = np.isfinite(array)
    error[~finite & np.isfinite(error)] = 0
    near_limit = finite & (error > 0) & (np.abs(array.astype(float)) + error > np.finfo(array.dtype).max)
    error[near_limit] = np.inf
    return Bounded(array, error)


def eps(dtype: np.dtype) -> float:
    """The distance from 1 to the next number."""
    return float(np.finfo(dtype).eps)


def tiny(dtype: np.dtype) -> float:
    """The smallest number above zero. As an error of a zero it says that the sign of the zero is open."""
    return float(np.finfo(dtype).smallest_subnormal)


def rounding(value: np.ndarray, ulps: float) -> np.ndarray:
    """The error of a result that is right to a number of units in the last place."""
    return np.abs(value.astype(float)) * (ulps * eps(value.dtype)) + ulps * tiny(value.dtype)


def whole(*arrays: np.ndarray) -> bool:
    """Whether all elements are whole numbers: sums and products of such have no rounding while they are small."""
    return all(array.dtype.kind != "f" or bool(np.all(np.rint(array) == array)) for array in arrays)


def limit(dtype: np.dtype) -> float:
    """Up to here every whole number is a number of the dtype."""
    return 1 / eps(dtype)


def positive_zero_or_open(value: np.ndarray, magnitude: np.ndarray, error: np.ndarray) -> np.ndarray:
    """The error with the sign of zeros left open that are sums of zeros: it depends on what a sum starts from."""
    return np.where((value == 0) & (magnitude == 0), np.maximum(error, tiny(value.dtype)), error)


def flagged(operands: Sequence[Bounded]) -> np.ndarray:
    """Where an elementwise result has an operand that is a whole number or a truth value and cannot be compared."""
    flags = [np.isinf(one.error) for one in operands]
    return np.logical_or.reduce(np.broadcast_arrays(*flags)) if flags else np.zeros((), bool)


def moved(values: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values less and plus their errors, at least one number further where there is an error at all, in float64."""
    wide = values.astype(float)
    change = np.where(np.isfinite(error), error, 0)
    down, up = wide - change, wide + change
    down = np.where((change > 0) & (down == wide), np.nextafter(wide, -np.inf), down)
    return down, np.where((change > 0) & (up == wide), np.nextafter(wide, np.inf), up)


def deviation(function: Callable[..., Any], operands: Sequence[Bounded], result: np.ndarray) -> np.ndarray:
    """How far an elementwise function strays when its operands move within their errors: at the corners, and inside.

    It is infinite where a move makes a number of what was none, or the other way round. Computed in float64, so that
    the rounding of float32 does not hide in it.
    """
    sides = []
    for one in operands:
        if one.exact or one.value.dtype.kind != "f":
            sides.append([one.value.astype(float) if one.value.dtype.kind == "f" else one.value])
        else:
            down, up = moved(one.value, one.error)
            sides.append([down, up, 0.7 * down + 0.3 * up, one.value.astype(float)])
    target = result.dtype
    here = np.asarray(
        function(*(one.value.astype(float) if one.value.dtype.kind == "f" else one.value for one in operands))
    )
    worst = np.zeros(result.shape)
    for corner in product(*sides):
        there = np.asarray(function(*corner))
        if target.kind != "f":
            worst = np.where(there != here, np.inf, worst)
            continue
        ends = there.astype(target)
        same = (np.isnan(ends) & np.isnan(result)) | (ends == result)
        gap = np.where(same, np.abs(np.nan_to_num(there - here)), np.abs(there - here))
        gap = np.where(np.isfinite(ends) == np.isfinite(result), gap, np.inf)
        gap = np.where(np.isnan(gap), np.inf, gap)
        worst = np.maximum(worst, np.where(~np.isfinite(result) & same, 0, gap))
    return np.where(flagged(operands), np.inf, worst)
