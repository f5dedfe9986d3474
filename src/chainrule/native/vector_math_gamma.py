"""gammaln, digamma, polygamma, erfcx. All are computed in float64; float32 is rounded from that.

Where the argument is small, ln Gamma and its derivative come from polynomials around 1, 3/2 and 2, which have their
zeros as factors, and a recurrence; beyond 8 from Stirling's series (Abramowitz and Stegun, 6.1.40, 6.3.18); for
negative arguments from the reflection (6.1.17, 6.3.7). The sums are of pairs, so that what cancels near a zero is
small. polygamma is n! times Hurwitz's zeta function by Euler and Maclaurin's formula (23.2.5, 23.2.9).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from chainrule.native import ir
from chainrule.native.outlined import call_outlined
from chainrule.native.polynomials import (
    DIGAMMA_SLOPE,
    DIGAMMA_ZERO,
    EULER,
    HALF_LOG_TAU,
    INVERSE_SQRT_PI,
    LN_PI,
    PI,
)
from chainrule.native.vector_math_exponential import reduced, significand
from chainrule.native.vector_math_lanes import (
    DOUBLE,
    Lanes,
    Pair,
    fma,
    horner,
    polynomial,
    quick_sum,
    shaped,
    suffix,
    two_product,
    two_sum,
    where,
)
from chainrule.native.vector_math_logarithm import log_pair, pow
from chainrule.native.vector_math_special import scaled_complement, small_erf
from chainrule.native.vector_math_trigonometric import cosine, sine

STIRLING = 8.0
"""From here on the series is used."""


def _bernoulli(count: int) -> list[Fraction]:
    """B_2, B_4, ... (Abramowitz and Stegun, 23.1.3)."""
    numbers = [Fraction(1)]
    for n in range(1, 2 * count + 1):
        numbers.append(-sum((math.comb(n + 1, k) * b for k, b in enumerate(numbers)), Fraction(0)) / (n + 1))
    return numbers[2::2]


BERNOULLI = _bernoulli(12)


def _in_double(function: Callable[[Lanes], Lanes], x: Lanes) -> Lanes:
    return function(x.to(DOUBLE)).to(x.format)


def _stirling(x: Lanes, divisor: Callable[[int], int]) -> Lanes:
    """The sum of B_2k / (divisor(2k) x^2k), times x^2, in powers of 1 / x^2."""
    inverse = 1.0 / x
    return polynomial(inverse * inverse, [float(b / divisor(2 * k)) for k, b in enumerate(BERNOULLI, 1)])


# ----------------------------------------------------------------------------------------------------- ln |Gamma(x)|


def _near_zero(t: Lanes, table: str, first: Fraction, second: Fraction) -> Pair:
    """t (c + t (d + t P(t))): ln Gamma around one of its zeros."""
    inner = Pair.split(t, second) + t * polynomial(t, t.fit(table))
    return (inner * t + Pair.split(t, first)) * t


def _log_gamma(x: Lanes) -> Pair:
    """ln Gamma(x) for x > 0, and not so large that it overflows."""
    one = x.like(1.0)
    large, small = x >= STIRLING, x < 0.5
    steps = (x - 1.5).floor().at_least(0.0)  # down to [3/2, 5/2)
    product = Pair.of(one)
    for j in range(1, 7):
        factor = product * (x - float(j))
        product = where(steps >= float(j), factor, product)
    argument = where(large | small, Pair.of(x), product)
    logarithm = log_pair(argument.high, argument.low)
    base = small.where(x + 1.0, x - steps)
    lower = base < 1.5
    from_one = _near_zero(small.where(x, lower.where(base - 1.0, 0.0)), "gammaln_1", -EULER, PI * PI / 12)
    from_two = _near_zero((lower | large).where(0.0, base - 2.0), "gammaln_2", 1 - EULER, PI * PI / 12 - Fraction(1, 2))
    near = where(lower, from_one, from_two) + where(small, -logarithm, logarithm)
    far = (logarithm + -one) * two_sum(x, x.like(-0.5))
    series = _stirling(large.where(x, 8.0), lambda k: k * (k - 1)) / large.where(x, 8.0)
    far = far + Pair.split(x, HALF_LOG_TAU - Fraction(1, 2)) + series
    return where(large, far, near)


def _half_turns(a: Lanes) -> tuple[Pair, Pair]:
    """sin(pi a) and cos(pi a), but for a common sign, for a >= 0."""
    rest = a - a.intrinsic("rint")
    steep = rest.abs() > 0.25
    angle = Pair.split(a, PI) * steep.where(0.5 - rest.abs(), rest.abs())
    s, c = sine(angle), cosine(angle)
    s, c = quick_sum(s.high, s.low), quick_sum(c.high, c.low)
    sign = rest.like(1.0).copysign(rest)
    s, c = where(steep, c, s), where(steep, s, c)
    return Pair(s.high * sign, s.low * sign), c


def gammaln(x: Lanes) -> Lanes:
    """ln |Gamma(x)|; between the poles its error is that of the terms, which cancel at its zeros."""
    if x.format is not DOUBLE:
        return _in_double(gammaln, x)
    a = x.abs()
    tiny, huge = a < 2.0**-60, a > 2.556348163871691e305
    inside = (tiny | huge | x.is_nan()).where(1.0, a)
    value = _log_gamma(inside)
    s, _ = _half_turns(inside)
    pole = s.high.equals(0.0)
    s = where(pole, Pair.of(x.like(1.0)), s)
    flipped = s.high < 0.0
    s = where(flipped, -s, s)
    reflected = Pair.split(x, LN_PI) + -log_pair(s.high, s.low) + -log_pair(inside) + -value
    negative = x < 0.0
    result = where(negative, reflected, value).high
    result = (negative & pole).where(math.inf, result)
    at_zero = log_pair(tiny.where(a, 1.0)).high
    result = tiny.where(a.equals(0.0).where(math.inf, -at_zero), result)
    result = huge.where(x.equals(-math.inf).where(x, math.inf), result)
    return x.is_nan().where(x, result)


# ------------------------------------------------------------------------------------------ its derivative, digamma


def _psi(x: Lanes) -> Pair:
    """digamma for 2^-60 <= x < infinity: (x - z) (R(x)) on [1, 2], z being its zero, and 1 / (x - j) summed."""
    large, small = x >= STIRLING, x < 1.0
    steps = small.where(-1.0, (x - 1.0).floor().at_least(0.0).at_most(7.0))
    t = large.where(0.0, x - (steps + 1.5))
    numerator, denominator = Pair.of(x.like(0.0)), Pair.of(x.like(1.0))
    for j in range(1, 8):
        factor, used = x - float(j), steps >= float(j)
        numerator = where(used, numerator * factor + denominator, numerator)
        denominator = where(used, denominator * factor, denominator)
    numerator = where(small, Pair.of(x.like(-1.0)), numerator)
    denominator = where(small, Pair.of(x), denominator)
    zero = Pair.split(x, DIGAMMA_ZERO - Fraction(3, 2))
    distance = Pair.of(t) + -zero
    slope = Pair.split(x, DIGAMMA_SLOPE) + t * polynomial(t, x.fit("digamma"))
    near = distance * slope + numerator / denominator
    bounded = large.where(x, STIRLING)
    inverse = 1.0 / bounded
    tail = Pair.of(x.like(-0.5)) / Pair.of(bounded) + -(_stirling(bounded, lambda k: k) * inverse * inverse)
    return where(large, log_pair(bounded) + tail, near)


def digamma(x: Lanes) -> Lanes:
    """The derivative of ln Gamma; NaN at the poles, but at the zeros infinity with the opposite sign."""
    if x.format is not DOUBLE:
        return _in_double(digamma, x)
    a = x.abs()
    tiny, finite = a < 2.0**-60, a < math.inf
    inside = (tiny | ~finite).where(1.5, a)
    value = _psi(inside)
    s, c = _half_turns(inside)
    pole = s.high.equals(0.0)
    s = where(pole, Pair.of(x.like(1.0)), s)
    one = Pair.of(x.like(1.0))
    reflected = value + one / Pair.of(inside) + Pair.split(x, PI) * c / s
    negative = x < 0.0
    result = where(negative, reflected, value).high
    result = (negative & (pole | ~finite)).where(math.nan, result)
    result = tiny.where(-1.0 / x, result)
    return (x.is_nan() | x.equals(math.inf)).where(x, result)


# ---------------------------------------------------------------------------------------------------------- polygamma


def _call(name: str, function: Callable[..., Lanes], x: Lanes, y: Lanes) -> Lanes:
    """A function of two numbers as one of the module."""
    symbol = f"chainrule.{name}.{suffix(x.kind)}"
    value = call_outlined(
        x.builder, symbol, x.kind, (x.value, y.value), lambda build, *v: function(*(Lanes(build, w) for w in v)).value
    )
    return Lanes(x.builder, value)


def _zeta(s: Lanes, q: Lanes) -> Lanes:
    """The sum of (q + k)^-s over k >= 0, for s >= 2 and q > 0: ten terms, and Euler and Maclaurin's formula."""
    near = q < 2.0**20  # beyond it the formula needs no terms, and their sum would lose digits
    a, terms = q, []
    for _ in range(10):
        terms.append(near.where(_call("pow", pow, a, -s), 0.0))
        a = near.where(a + 1.0, a)
    weight = _call("pow", pow, a, 1.0 - s)
    total = weight / (s - 1.0) + weight / a * 0.5
    inverse = 1.0 / a
    factor = weight * inverse
    rising = s * inverse
    for k, number in enumerate(BERNOULLI, 1):
        total = fma(factor * rising, float(number / math.factorial(2 * k)), total)
        rising = rising * ((s + (2.0 * k - 1.0)) * inverse) * ((s + 2.0 * k) * inverse)
    for term in reversed(terms):
        total = total + term
    return total


def _hurwitz(s: Lanes, q: Lanes) -> Lanes:
    """The same for any q: for q < 0 the sum over all integers, less that of those below; infinite at the poles."""
    negative, whole = q < 0.0, q.floor().equals(q)
    inside = (whole & (q <= 0.0)).where(0.5, q)
    above = negative.where(inside - inside.floor(), inside)
    below = negative.where(-(inside - inside.intrinsic("ceil")), 1.0)
    half = s * 0.5
    sign = half.floor().equals(half).where(s.like(1.0), -1.0)
    result = _call("zeta", _zeta, s, above)
    both = result + sign * _call("zeta", _zeta, s, below)
    reflected = both - sign * _call("zeta", _zeta, s, negative.where(1.0 - inside, 1.0))
    result = negative.where(reflected, result)
    return (whole & (q <= 0.0)).where(math.inf, result)


def _factorial(n: Lanes) -> Lanes:
    """n! for n >= 1, rounded; infinity where it overflows."""
    values = [float(math.factorial(k)) for k in range(171)] + [math.inf]
    index = Lanes(n.builder, n.builder.fptosi(n.at_most(171.0).value, shaped(ir.IntType(64), n.kind)))
    build, kind = n.builder, ir.ArrayType(ir.DoubleType(), len(values))
    table = build.module.globals.get("chainrule.factorials")
    if table is None:
        table = ir.GlobalVariable(build.module, kind, "chainrule.factorials")
        table.linkage, table.global_constant, table.initializer = "internal", True, kind(values)

    def entry(position: Any) -> Any:
        return build.load(build.gep(table, [ir.IntType(64)(0), position], inbounds=True))

    if not isinstance(n.kind, ir.VectorType):
        return Lanes(build, entry(index.value))
    read = ir.Constant(n.kind, ir.Undefined)
    for lane in range(n.kind.count):
        at = ir.IntType(32)(lane)
        read = build.insert_element(read, entry(build.extract_element(index.value, at)), at)
    return Lanes(build, read)


def polygamma(order: Lanes, x: Lanes) -> Lanes:
    """The derivative of digamma of that order, int64: digamma itself of order 0, and NaN of a negative one.

    As SciPy has it, it overflows with n!, beyond order 170, and is infinite at its poles.
    """
    if x.format is not DOUBLE:
        return polygamma(order, x.to(DOUBLE)).to(x.format)
    positive = order > 0
    n = Lanes(x.builder, x.builder.sitofp(positive.where(order, 1).value, x.kind))
    inside = (x.abs() < math.inf).where(x, 1.0)
    value = _factorial(n) * _hurwitz(n + 1.0, inside)
    value = x.equals(math.inf).where(_factorial(n) * 0.0, x.equals(-math.inf).where(math.inf, value))
    value = (order & 1).compare("!=", 0).where(value, -value)
    value = (x.is_nan() | (order < 0)).where(math.nan, value)
    return order.equals(0).where(digamma(x), value)


# -------------------------------------------------------------------------------------------------------------- erfcx


def erfcx(x: Lanes) -> Lanes:
    """e^(x^2) erfc(x): erfc's quotient without the exponential; beyond it, the series in 1 / 2 x^2 (7.1.23)."""
    if x.format is not DOUBLE:
        return _in_double(erfcx, x)
    a = x.abs()
    near = scaled_complement(a.at_most(26.0))
    far = a.at_least(26.0)
    z = 0.5 / far / far
    odd = [float((-1) ** k * math.prod(range(1, 2 * k, 2))) for k in range(9)]
    series = (Pair.split(x, INVERSE_SQRT_PI) * horner(z, odd) / Pair.of(far)).high
    square = two_product(a.at_most(30.0), a.at_most(30.0))
    n, r = reduced(square.high, square.low)
    grown = significand(r)
    power = (n + 1.0).power_of_two()
    reflected = (Pair(grown.high * power, grown.low * power) + -near).high
    one = Pair.of(x.like(1.0)) + -small_erf(x.at_most(0.5).at_least(-0.5))
    small = (grown * one).high * n.power_of_two()
    result = (x < 0.0).where(reflected, (a > 26.0).where(series, near.high))
    result = (a < 0.5).where(small, result)
    result = (x < -7.0).where(grown.high.scale(n + 1.0), result)
    result = x.equals(math.inf).where(0.0, (x < -27.0).where(math.inf, result))
    return x.is_nan().where(x, result)
