"""Functions of floats as LLVM IR that are exact, or rounded once: arithmetic, rounding, and a number's own parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from chainrule.native import ir
from chainrule.native.outlined import call_outlined, repeat_while
from chainrule.native.square_root import square_root
from chainrule.native.vector_math_lanes import Lanes, fma, shaped, suffix


def _minimum(x: Lanes, y: Lanes) -> Lanes:
    """The lesser; NaN where an operand is; of two zeros the second, as NumPy on x86-64."""
    return x.is_nan().where(x, (x < y).where(x, y))


def _maximum(x: Lanes, y: Lanes) -> Lanes:
    """The greater; NaN where an operand is; of two zeros the second, as NumPy on x86-64."""
    return x.is_nan().where(x, (x > y).where(x, y))


def _is_finite(x: Lanes) -> Lanes:
    return x.abs() < math.inf


def _is_regular(x: Lanes) -> Lanes:
    """Neither 0 nor infinite nor NaN."""
    return _is_finite(x) & x.compare("!=", 0.0)


def _normal_bits(x: Lanes) -> tuple[Lanes, Lanes]:
    """The bits of x, brought into the normal range, and by which power of two that multiplied it."""
    by = x.format.fraction + 1
    small = x.abs() < x.format.smallest_normal
    bits = small.where(x * 2.0**by, x).bits()
    return bits, small.where(bits.like(by), bits.like(0))


def _exponent_bits(x: Lanes) -> Lanes:
    """e of x = m 2^e with |m| in [1/2, 1), as integers of the format's width; 0 for 0, infinity and NaN."""
    bits, by = _normal_bits(x)
    field = (bits >> x.format.fraction) & ((1 << (x.format.width - x.format.fraction - 1)) - 1)
    return _is_regular(x).where(field - by - (x.format.bias - 1), 0)


def exponent(x: Lanes) -> Lanes:
    """The exponent as int32, as C's `frexp` gives it."""
    e = _exponent_bits(x)
    kind = shaped(ir.IntType(32), x.kind)
    return Lanes(x.builder, e.value if e.kind == kind else x.builder.trunc(e.value, kind))


def mantissa(x: Lanes) -> Lanes:
    """m of x = m 2^e with |m| in [1/2, 1); 0, infinity and NaN as they are."""
    format = x.format
    field = ((1 << (format.width - format.fraction - 1)) - 1) << format.fraction
    bits, _ = _normal_bits(x)
    return _is_regular(x).where(((bits & ~field) | format.bits_of(0.5)).floats(), x)


def ldexp(x: Lanes, n: Lanes) -> Lanes:
    """x 2^n, rounded once, for integers n."""
    limit = 3 << (x.format.width - x.format.fraction - 1)  # beyond it every result is 0 or infinite
    bounded = (n > limit).where(limit, (n < -limit).where(-limit, n)).value
    e = _exponent_bits(x)
    build, width = x.builder, n.kind.width if isinstance(n.kind, ir.IntType) else n.kind.element.width  # type: ignore
    if width > x.format.width:
        bounded = build.trunc(bounded, e.kind)
    elif width < x.format.width:
        bounded = build.sext(bounded, e.kind)
    total = e + Lanes(build, bounded)
    power = Lanes(build, build.sitofp(total.value, x.kind))
    scaled = mantissa(x).scale(power.at_least(x.choose(-160.0, -1100.0)).at_most(x.choose(140.0, 1030.0)))
    return _is_regular(x).where(scaled, x)


def nextafter(x: Lanes, y: Lanes) -> Lanes:
    """The float next to x in the direction of y; y where they are equal."""
    bits = x.bits()
    outward = (x < y).where(bits.compare(">=", 0), bits.compare("<", 0))  # so that the magnitude grows
    next_ = outward.where(bits + 1, bits - 1).floats()
    from_zero = x.like(x.format.smallest_subnormal).copysign(y)
    result = x.equals(0.0).where(from_zero, next_)
    return (x.is_nan() | y.is_nan()).where(x + y, x.equals(y).where(y, result))


def spacing(x: Lanes) -> Lanes:
    """The distance to the float next to x away from 0, with the sign of x (but for -0); NaN for infinity."""
    a = x.abs()
    distance = (a.bits() + 1).floats() - a
    return _is_finite(x).where(x.equals(0.0).where(distance, distance.copysign(x)), math.nan)


def fmod(x: Lanes, y: Lanes) -> Lanes:
    """x - y trunc(x / y), which is exact; the sign is that of x."""

    def body(build: ir.IRBuilder, *operands: Any) -> Any:
        return _fmod_body(*(Lanes(build, operand) for operand in operands)).value

    symbol = f"chainrule.fmod.{suffix(x.kind)}"
    return Lanes(x.builder, call_outlined(x.builder, symbol, x.kind, (x.value, y.value), body))


def _grow(x: Lanes, n: Lanes) -> Lanes:
    """x 2^n for n >= 0 up to what takes the least number to the largest."""
    first = n.at_most(x.choose(100.0, 1000.0))
    return (x * first.power_of_two()).scale(n - first)


def _fmod_body(x: Lanes, y: Lanes) -> Lanes:
    """Long division by digits of `fraction - 2` bits: the divisor times a power of two is taken off while it fits.

    A digit is the truncated quotient of two floats, which is right or 1 too large; the fma is exact.
    """
    build = x.builder
    valid = _is_finite(x) & y.compare("!=", 0.0) & ~y.is_nan()
    rest, divisor = valid.where(x.abs(), 0.0), valid.where(y.abs(), 1.0)
    divisor_exponent = _exponent_bits(divisor)

    def step(value: Any) -> list[Any]:
        r = Lanes(build, value)
        steps = _exponent_bits(r) - divisor_exponent - (x.format.fraction - 2)
        power = (steps > 0).where(steps, 0)
        part = _grow(divisor, Lanes(build, build.sitofp(power.value, x.kind)))
        active = r >= divisor
        part = active.where(part, 1.0)
        digit = (r / part).intrinsic("trunc")
        less = fma(-digit, part, r)
        less = (less < 0.0).where(less + part, less)
        return [active.where(less, r).value]

    (value,) = repeat_while(build, [rest.value], lambda value: (Lanes(build, value) >= divisor).any(), step)
    result = valid.where(Lanes(build, value).copysign(x), math.nan)
    return (x.is_nan() | y.is_nan()).where(x + y, result)


_RELATIONS = {
    "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
}  # fmt: skip
RELATIONS: Mapping[str, str] = MappingProxyType(_RELATIONS)
"""LLVM's relation of each comparison."""

FLOATS: Mapping[str, Callable[..., Lanes]] = MappingProxyType(
    {
        "add": lambda x, y: x + y,
        "subtract": lambda x, y: x - y,
        "multiply": lambda x, y: x * y,
        "divide": lambda x, y: x / y,
        "fmod": fmod,
        "minimum": _minimum,
        "maximum": _maximum,
        "negative": lambda x: -x,
        "absolute": lambda x: x.abs(),
        "fma": fma,
        "floor": lambda x: x.floor(),
        "ceil": lambda x: x.intrinsic("ceil"),
        "trunc": lambda x: x.intrinsic("trunc"),
        "rint": lambda x: x.intrinsic("rint"),
        "sqrt": square_root,
        "copysign": lambda x, y: x.copysign(y),
        "spacing": spacing,
        "mantissa": mantissa,
        "exponent": exponent,
        "ldexp": ldexp,
        "nextafter": nextafter,
    }
)
"""What each function of `loops` is on floats, but for the elementary ones."""
