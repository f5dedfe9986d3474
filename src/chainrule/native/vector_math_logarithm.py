"""log, log2, log10, log1p, softplus, log_expit, logaddexp, the inverse hyperbolic functions, and pow.

x = 2^k m with m within a factor sqrt(2) of 1, and log m = 2 artanh(s), s = (m - 1) / (m + 1), as the pair 2s plus s^3
(2/3 + s^2 P(s^2)) (Muller, Elementary Functions, 3rd ed. (2016), section 11.2; Tang, ACM TOMS 16 (1990)). The pair
makes log1p of a pair possible, from which the others follow without cancellation.
"""

from __future__ import annotations

import math
from fractions import Fraction

from chainrule.native import vector_math_single as single
from chainrule.native.polynomials import INVERSE_LN2, INVERSE_LN10, LN2, LOG10_2
from chainrule.native.vector_math_exponential import decay, kernel, reduced, significand
from chainrule.native.vector_math_lanes import DOUBLE, SINGLE, Lanes, Pair, fma, polynomial, quick_sum, two_sum, where

LARGE = 2.0**60  # 1 is lost beside it, and its square is still finite in either format


def _artanh(f: Pair, precise: bool) -> Pair:
    """log(1 + f) for f between -0.3 and 0.42; where `precise`, with 12 bits more than the format has and a half."""
    s = f / (f + f.high.like(2.0))
    third = Pair.split(s.high, Fraction(2, 3))
    z = s.high * s.high
    series = z * polynomial(z, z.fit("log"))
    double = s.times(2.0)
    if precise:
        square = s * s
        return double + s * (square * third + square.high * series)
    return quick_sum(double.high, fma(s.high * z, third.high + series, double.low))


def parts(x: Lanes, low: Lanes | None = None, *, precise: bool = False) -> tuple[Lanes, Pair]:
    """k and log m, such that x + low = 2^k m, for normal positive x."""
    format = x.format
    bits = x.bits()
    k = (bits - format.bits_of(math.sqrt(0.5))) >> format.fraction
    shift = k << format.fraction
    f = Pair.of((bits - shift).floats() - 1.0)
    if low is not None:
        f = two_sum(f.high, (x < LARGE).where(low * (format.one - shift).floats(), 0.0))
    power = (k + format.bits_of(format.magic)).floats() - format.magic
    return power, _artanh(f, precise)


def _normal(x: Lanes) -> tuple[Lanes, Lanes]:
    """x brought into the normal range, and the power of two by which that multiplied it, negated."""
    by = x.format.fraction + 1.0
    tiny = x < x.format.smallest_normal
    return tiny.where(x * 2.0**by, x), tiny.where(x.like(-by), x.like(0.0))


def _edges(x: Lanes, result: Lanes) -> Lanes:
    """The result, where x is not 0, negative, infinite or NaN; there, what a logarithm is."""
    result = (x < math.inf).where(result, x)
    return (x < 0.0).where(math.nan, x.equals(0.0).where(-math.inf, result))


def log(x: Lanes) -> Lanes:
    """The natural logarithm."""
    if x.format is SINGLE:
        return single.log(x)
    normal, shift = _normal(x)
    k, m = parts(normal)
    return _edges(x, _join(k + shift, m).value())


def _join(k: Lanes, m: Pair) -> Pair:
    """k ln 2 + log m; the pair may overlap by a bit or two."""
    ln2 = Pair.trimmed(k, LN2)
    total = quick_sum(k * ln2.high, m.high)
    return Pair(total.high, fma(k, ln2.low, m.low) + total.low)


def log_pair(x: Lanes, low: Lanes | None = None) -> Pair:
    """log(x + low) for positive x, with half the digits of the format more; `low` counts only if x is normal."""
    normal, shift = _normal(x)
    k, m = parts(normal, low, precise=True)
    joined = _join(k + shift, m)
    return quick_sum(joined.high, joined.low)


def log2(x: Lanes) -> Lanes:
    """The logarithm to base 2."""
    normal, shift = _normal(x)
    k, m = parts(normal)
    m = m * Pair.split(x, INVERSE_LN2)
    total = quick_sum(k + shift, m.high)
    return _edges(x, total.high + (total.low + m.low))


def log10(x: Lanes) -> Lanes:
    """The logarithm to base 10."""
    normal, shift = _normal(x)
    k, m = parts(normal)
    k, two, m = k + shift, Pair.trimmed(x, LOG10_2), m * Pair.split(x, INVERSE_LN10)
    total = quick_sum(k * two.high, m.high)
    return _edges(x, total.high + (fma(k, two.low, m.low) + total.low))


def log1p_pair(v: Pair, doubled: Lanes | None = None) -> Pair:
    """log(1 + v) for v > -1, where 1 + v is normal; with ln 2 more where the mask `doubled` holds."""
    one = two_sum(v.high.like(1.0), v.high)
    k, m = parts(one.high, one.low + v.low)
    return _join(k if doubled is None else doubled.where(k + 1.0, k), m)


def log1p(x: Lanes) -> Lanes:
    """log(1 + x)."""
    tiny = x.abs() < x.choose(2.0**-26, 2.0**-55)
    return tiny.where(x, _edges(1.0 + x, log1p_pair(Pair.of(x)).value()))


def softplus(x: Lanes) -> Lanes:
    """log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    if x.format is SINGLE:
        return single.softplus(x)
    n, one, z = decay(x)
    total = log1p_pair(z) + x.at_least(0.0)
    result = ((x < 0.0) & (n < -60.0)).where(one.high.scale(n), total.high)
    return (x > x.choose(110.0, 800.0)).where(x, result)


def log_expit(x: Lanes) -> Lanes:
    """log(1 / (1 + e^-x))."""
    return -softplus(-x)


def logaddexp(x: Lanes, y: Lanes) -> Lanes:
    """log(e^x + e^y). In float64, near its zeros, where the greater operand cancels, the error is its unit."""
    if x.format is SINGLE:
        return logaddexp(x.to(DOUBLE), y.to(DOUBLE)).to(SINGLE)
    swap = x < y
    most, least = swap.where(y, x), swap.where(x, y)
    gap = two_sum(most, -least)
    close = gap.high < x.choose(105.0, 750.0)
    n, r = reduced(close.where(-gap.high, 0.0), close.where(-gap.low, 0.0))
    one, power = significand(r), n.at_least(-100.0).power_of_two()
    total = log1p_pair(Pair(one.high * power, one.low * power)) + most
    result = (n < -60.0).where(most + one.high.scale(n), total.high)
    return (x.is_nan() | y.is_nan()).where(x + y, close.where(result, most + 0.0))


def arcsinh(x: Lanes) -> Lanes:
    """log(1 + a + a^2 / (1 + sqrt(1 + a^2))) with a = |x|, and the sign of x."""
    a = x.abs()
    large = a > LARGE
    bounded = large.where(1.0, a)
    square, one = Pair.of(bounded) * bounded, x.like(1.0)
    v = square / ((square + one).sqrt() + one) + bounded
    result = log1p_pair(where(large, Pair.of(a), v), large).value().copysign(x)
    return ((a < x.choose(2.0**-13, 2.0**-28)) | ~(a < math.inf)).where(x, result)


def arccosh(x: Lanes) -> Lanes:
    """log(1 + t + sqrt(t (t + 2))) with t = x - 1."""
    large = x > LARGE
    t = two_sum(large.where(1.0, x), x.like(-1.0))
    v = t + (t * (t + x.like(2.0))).sqrt()
    result = log1p_pair(where(large, Pair.of(x), v), large).value()
    result = (x < math.inf).where(x.equals(1.0).where(0.0, result), x)
    return (x < 1.0).where(math.nan, result)


def arctanh(x: Lanes) -> Lanes:
    """log(1 + 2a / (1 - a)) / 2 with a = |x|, and the sign of x."""
    a = x.abs()
    v = Pair.of(a + a) / two_sum(x.like(1.0), -a)
    result = a.equals(1.0).where(math.inf, log1p_pair(v).value() * 0.5)
    result = (a <= 1.0).where(result, math.nan).copysign(x)
    return (a < x.choose(2.0**-13, 2.0**-28)).where(x, result)


def pow(x: Lanes, y: Lanes) -> Lanes:
    """x^y = 2^(y log2 |x|), with the sign and the edges of C's Annex F, which are NumPy's."""
    a = x.abs()
    normal, shift = _normal(a)
    k, m = parts(normal, precise=True)
    most = x.choose(2.0**35, 2.0**65)
    limit = x.choose(160.0, 1100.0)
    exponent = (m * Pair.split(x, INVERSE_LN2) + (k + shift)) * y.at_most(most).at_least(-most)
    inside = exponent.high.abs() < limit
    high = exponent.high.at_most(limit).at_least(-limit)
    n = high.nearest()
    r = quick_sum(high - n, inside.where(exponent.low, 0.0)) * Pair.split(x, LN2)
    return _power_edges(x, y, significand(kernel(r.high, r.low)).high.scale(n))


def _power_edges(x: Lanes, y: Lanes, magnitude: Lanes) -> Lanes:
    """Give the magnitude its sign, and zeros, infinities and NaN their values."""
    a, half = x.abs(), y * 0.5
    zero, infinite = a.equals(0.0), a.equals(math.inf)
    grows = (infinite & (y > 0.0)) | (zero & (y < 0.0))
    result = (zero | infinite).where(grows.where(x.like(math.inf), x.like(0.0)), magnitude)
    whole = y.floor().equals(y)
    odd = whole & half.floor().compare("!=", half)
    result = odd.where(result.copysign(x), result)
    result = ((x < 0.0) & ~(whole | infinite)).where(math.nan, result)
    result = (x.is_nan() | y.is_nan()).where(x + y, result)
    return (x.equals(1.0) | y.equals(0.0)).where(1.0, result)
