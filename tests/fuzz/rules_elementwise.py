"""How errors pass through operations on each element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.fuzz.bounded import SAFETY, Bounded, bounded, deviation, eps, exactly, flagged, limit, rounding, tiny

ARITHMETIC = frozenset(
    "add subtract multiply divide reciprocal square sqrt contribute remainder deg2rad rad2deg".split()
)
"""Right to one unit in the last place; exact where whole numbers stay whole."""
EXACT = frozenset(
    "negative positive absolute fabs copysign heaviside nextafter ldexp maximum minimum fmax fmin where floor ceil "
    "trunc rint sign spacing fmod floor_divide stop_gradient".split()
)
"""Exact where the operands are: they choose, or what they compute is defined to the bit."""
COMPOSED = frozenset(
    "sinc logaddexp logaddexp2 log_ndtr ndtr logit log_expit gammaln digamma polygamma xlogy erfcx erfc expit".split()
)
"""Made of other functions: as if the operands were rounded before."""
ABSOLUTE = frozenset("sinc logit gammaln digamma".split())
"""With zeros that are not at zero, near which only the absolute error is small."""
CALM = frozenset(
    "add subtract multiply negative positive absolute fabs maximum minimum fmax fmin stop_gradient contribute tanh "
    "arctan arcsinh expit erf erfc ndtr log_expit square deg2rad rad2deg logaddexp logaddexp2 hypot copysign "
    "ldexp".split()
)
"""So smooth that errors as large as the result itself are understood; elsewhere they end the comparison."""
STEADY = frozenset(
    "add subtract multiply contribute square negative positive absolute fabs maximum minimum fmax fmin stop_gradient "
    "deg2rad rad2deg".split()
)
"""Of these the largest deviation is at a corner, so none is missed."""
WAVES = frozenset("sin cos tan sinc".split())
DIVISIONS = frozenset("remainder fmod floor_divide".split())
CHOICES = frozenset("maximum minimum fmax fmin".split())
ABSORBING = {"bitwise_and": False, "logical_and": False, "bitwise_or": True, "logical_or": True}
"""The truth value by which alone the result is certain."""


def elementwise(name: str, function: Callable[..., Any], operands: Sequence[Bounded]) -> Bounded:
    """The result of an elementwise operation, with its error."""
    values = [one.value for one in operands]
    result = np.asarray(function(*values))
    own = _own(name, function, values, result)
    if all(one.exact for one in operands):
        return bounded(result, own)
    if name == "where":
        return _chosen(result, *operands)
    if name in ABSORBING and all(one.value.dtype.kind == "b" for one in operands):
        first, second = ((one.value == ABSORBING[name]) & (one.error == 0) for one in operands)
        return bounded(result, np.where(first | second, 0.0, np.where(flagged(operands), np.inf, 0.0)))
    if name in ("equal", "not_equal"):
        return bounded(result, _touching(*operands))
    if name not in CALM:
        operands = [_known(one) for one in operands]
    spread = (1 + 1e-6 if name in STEADY else SAFETY) * deviation(function, operands, result)
    if result.dtype.kind == "f":
        touched = np.broadcast_to(sum(one.error for one in operands) > 0, result.shape)
        spread = np.where(touched, _passed_on(name, operands, result, spread), spread)
    return bounded(result, spread + own)


def _known(one: Bounded) -> Bounded:
    """The operand without errors larger than itself: a function is not asked for its values so far away."""
    return Bounded(one.value, np.where(one.error > 1 + np.abs(one.value.astype(float)), np.inf, one.error))


def _own(name: str, function: Callable[..., Any], values: Sequence[np.ndarray], result: np.ndarray) -> Any:
    """The error that the operation itself makes."""
    if name in ("signbit", "copysign") and values[-1].dtype.kind == "f":
        return np.where(np.isnan(values[-1]), np.inf, 0.0)  # the sign of a NaN is nobody's promise
    if name == "frexp_exponent":
        return np.where(np.isfinite(values[0]), 0.0, np.inf)  # C leaves it open
    if result.dtype.kind != "f":
        return 0.0
    if name in CHOICES:
        tie = (result == 0) & (np.signbit(values[0]) != np.signbit(values[1]))
        return np.where(tie, tiny(result.dtype), 0.0)
    if name in EXACT:
        return 0.0
    if name in ARITHMETIC:
        # The zero of `contribute` is that of the product or the plain one, as suits the code around it.
        zero = np.where(result == 0, tiny(result.dtype), 0.0) if name == "contribute" else 0.0
        # NumPy's factor of deg2rad and rad2deg is a quotient of rounded numbers: it is off by nearly a unit itself.
        units = 2 if name in ("deg2rad", "rad2deg") else 1
        return np.where(_unrounded(name, values, result), zero, rounding(result, units))
    if name not in COMPOSED:
        return rounding(result, 8)
    moving = [bounded(value, rounding(value, 4)) if value.dtype.kind == "f" else exactly(value) for value in values]
    least = float(np.finfo(result.dtype).tiny)  # a reciprocal that overflows on the way loses what is smaller
    absolute = 16 * eps(result.dtype) if name in ABSOLUTE else least
    return rounding(result, 64) + SAFETY * deviation(function, moving, result) + absolute


def _unrounded(name: str, values: Sequence[np.ndarray], result: np.ndarray) -> Any:
    """Where the result has no rounding, whatever it is fused with: small whole numbers, and what is no number."""
    plain = ~np.isfinite(result)
    if name in ("deg2rad", "rad2deg"):
        return plain
    small = np.abs(result) <= limit(result.dtype)
    for value in values:
        small = small & (np.rint(value) == value) & (np.abs(value) <= limit(result.dtype))
    if name in ("divide", "reciprocal", "sqrt"):
        small = small & (np.rint(result) == result) & (result != 0)
    return small | plain


def _passed_on(name: str, operands: Sequence[Bounded], result: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """The spread of a result whose operands have errors; infinite where samples do not tell what is between them."""
    spread = np.maximum(spread, np.where(result == 0, tiny(result.dtype), 0))
    if name == "nextafter":
        return spread + rounding(result, 4)
    if name == "spacing":
        return np.full(result.shape, np.inf)
    if name in CALM:
        return spread
    lost = spread > 0.1 * np.abs(result) + 64 * tiny(result.dtype)
    if name in WAVES:
        lost = operands[0].error > 0.01
    if name in DIVISIONS:
        lost = lost | (operands[0].error + operands[1].error > 0.02 * np.abs(operands[1].value))
    return np.where(lost, np.inf, spread)


def _chosen(result: np.ndarray, condition: Bounded, x: Bounded, y: Bounded) -> Bounded:
    """By an open condition a result is open too, unless the choices are the same to the bit."""
    same = (x.value == y.value) & (x.error + y.error == 0)
    if result.dtype.kind == "f":
        same = same & (np.signbit(x.value) == np.signbit(y.value))
    error = np.where(condition.value, x.error, y.error)
    return bounded(result, np.where(np.isinf(condition.error) & ~same, np.inf, error))


def _touching(x: Bounded, y: Bounded) -> np.ndarray:
    """Where errors could make equal what is not, or the other way round."""
    room = x.error + y.error
    gap = np.where(x.value == y.value, 0, np.abs(x.value.astype(float) - y.value.astype(float)))
    return np.where((room > 0) & ~(gap > 2 * room), np.inf, 0.0)


def cast(one: Bounded, dtype: np.dtype) -> Bounded:
    """A conversion. It is rounded right; what a whole number cannot hold, C leaves open."""
    value, result = one.value, one.value.astype(dtype)
    if value.dtype.kind != "f":
        return bounded(result, one.error)
    if dtype.kind == "f":
        error = np.where(one.error > 0, one.error + rounding(result, 2), 0.0)
        return bounded(
            result,
            np.where(np.isinf(result) & np.isfinite(value), one.error * np.inf, error) if one.error.any() else error,
        )
    if dtype.kind == "b":
        return bounded(result, np.where((one.error > 0) & (np.abs(value) <= one.error), np.inf, 0.0))
    bounds, wide = np.iinfo(dtype), value.astype(float)
    low, high = np.trunc(wide - one.error), np.trunc(wide + one.error)
    inside = (low >= float(bounds.min)) & (high < float(bounds.max) + (bounds.bits < 64))
    return bounded(result, np.where(inside & (low == high), 0.0, np.inf))
