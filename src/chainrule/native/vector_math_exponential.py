"""exp, exp2, expm1, sinh, cosh, tanh, expit: from one reduction and one polynomial.

x = n ln 2 + r with |r| <= ln(2)/2, subtracted in two pieces (Cody and Waite, Software Manual for the Elementary
Functions (1980)), and e^r - 1 = r + r^2 P(r), whose small terms are added last, so that hardly more than one rounding
is left. The hyperbolic functions are rational in e^x - 1 carried as a pair, so they cancel nowhere (Muller,
Elementary Functions, 3rd ed. (2016), sections 10.2 and 11.1).
"""

from __future__ import annotations

from chainrule.native import vector_math_single as single
from chainrule.native.polynomials import INVERSE_LN2, LN2
from chainrule.native.vector_math_lanes import SINGLE, Lanes, Pair, fma, polynomial, quick_sum, two_sum, where


def kernel(r: Lanes, low: Lanes) -> Pair:
    """e^(r + low) - 1 for |r| <= 0.3466, as r and all the rest."""
    tail = r * r * polynomial(r, r.fit("exp"))
    return Pair(r, tail + fma(low, r + tail, low))


def reduced(x: Lanes, low: Lanes | None = None) -> tuple[Lanes, Pair]:
    """n and e^r - 1 (r and the rest), such that e^(x + low) = 2^n e^r."""
    n = (x * x.format.rounded(INVERSE_LN2)).nearest()
    ln2 = Pair.split(x, LN2)
    r = quick_sum(fma(-n, ln2.high, x), -n * ln2.low)  # the fma is exact: it cancels all but 53 (24) bits
    return n, kernel(r.high, r.low if low is None else r.low + low)


def significand(r: Pair) -> Pair:
    """1 + r, for a pair between -0.3 and 0.42."""
    total = quick_sum(r.high.like(1.0), r.high)
    return quick_sum(total.high, total.low + r.low)


def expm1_pair(n: Lanes, r: Pair) -> Pair:
    """Half of 2^n (1 + r) - 1, where 2^(n - 1) is normal: half, so that it overflows only where the whole does."""
    half = (n - 1.0).power_of_two()
    whole = two_sum(half, half.like(-0.5))
    total = two_sum(whole.high, r.high * half)
    return quick_sum(total.high, fma(r.low, half, whole.low) + total.low)


def bounded(x: Lanes) -> Lanes:
    """x, kept where e^x neither overflows nor underflows by so much that n would."""
    return x.at_most(x.choose(89.0, 710.0)).at_least(x.choose(-105.0, -750.0))


def exp(x: Lanes) -> Lanes:
    """e^x."""
    return single.exp(x)


def exp2(x: Lanes) -> Lanes:
    """2^x: x - n is exact, and its product with ln 2 is a pair."""
    x = x.at_most(x.choose(129.0, 1025.0)).at_least(x.choose(-151.0, -1076.0))
    n = x.nearest()
    r = Pair.split(x, LN2) * (x - n)
    return significand(kernel(r.high, r.low)).high.scale(n)


def expm1(x: Lanes) -> Lanes:
    """e^x - 1."""
    inside = bounded(x).at_least(x.choose(-20.0, -45.0))
    n, r = reduced(inside)
    tiny = x.abs() < x.choose(2.0**-26, 2.0**-55)
    return tiny.where(x, expm1_pair(n, r).high * 2.0)


def tanh(x: Lanes) -> Lanes:
    """(e^2x - 1) / (e^2x + 1)."""
    if x.format is SINGLE:
        return single.tanh(x)
    a = x.abs().at_most(x.choose(10.0, 22.0))
    n, r = reduced(a + a)
    half = expm1_pair(n, r)
    tiny = a < x.choose(2.0**-13, 2.0**-28)
    return tiny.where(x, (half / (half + x.like(1.0))).high.copysign(x))


def _magnitude(x: Lanes) -> tuple[Lanes, Lanes, Lanes, Pair]:
    """For sinh and cosh: |x|, e^|x| / 2, n bounded to where the reflected term still counts, r."""
    a = x.abs().at_most(x.choose(90.0, 712.0))
    n, r = reduced(a)
    return a, significand(r).high.scale(n - 1.0), n.at_most(64.0), r


def sinh(x: Lanes) -> Lanes:
    """(E + E / (E + 1)) / 2 with E = e^|x| - 1."""
    a, large, n, r = _magnitude(x)
    half = expm1_pair(n, r)
    small = half + (half / (half.times(2.0) + x.like(1.0)))
    tiny = a < x.choose(2.0**-13, 2.0**-28)
    return tiny.where(x, (a > 40.0).where(large, small.high).copysign(x))


def cosh(x: Lanes) -> Lanes:
    """h + 1 / 4h with h = e^|x| / 2."""
    a, large, n, r = _magnitude(x)
    half = (n - 1.0).power_of_two()
    h = significand(r)
    h = Pair(h.high * half, h.low * half)
    return (a > 40.0).where(large, (h + Pair.of(x.like(0.25)) / h).high)


def decay(x: Lanes) -> tuple[Lanes, Pair, Pair]:
    """e^-|x| as n and a significand, and their product, a pair, right where it is not negligible beside 1."""
    n, r = reduced(-(x.abs().at_most(x.choose(105.0, 750.0))))
    one = significand(r)
    power = n.at_least(-100.0).power_of_two()
    return n, one, Pair(one.high * power, one.low * power)


def expit(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), of the e^-|x| that cannot overflow."""
    if x.format is SINGLE:
        return single.expit(x)
    n, one, z = decay(x)
    negative = x < 0.0
    whole = Pair.of(x.like(1.0))
    ratio = where(negative, one, whole) / (whole + z)
    return ratio.high.scale(negative.where(n, 0.0))
