"""erf, erfc, cbrt, hypot.

erfc(x) = e^(-x^2) P((x - c) / (x + c)) / (1 + 2x) for every x >= 0, with one polynomial (M. Shepherd and J.
Laframboise, Math. Comp. 36 (1981)), where e^(-x^2) is of a pair, the rounding error of x^2 being part of the
exponent.
"""

from __future__ import annotations

import math

from chainrule.native import vector_math_single as single
from chainrule.native.polynomials import ERFC_CENTRE
from chainrule.native.vector_math_exponential import reduced, significand
from chainrule.native.vector_math_lanes import (
    SINGLE,
    Lanes,
    Pair,
    fma,
    polynomial,
    quick_sum,
    two_product,
    two_sum,
    where,
)


def scaled_complement(a: Lanes) -> Pair:
    """e^(a^2) erfc(a), for a >= 0 up to where erfc underflows."""
    centre = ERFC_CENTRE[a.format.name]
    t = (a - centre) / (a + centre)
    return two_sum(a.like(1.0), polynomial(t, t.fit("erfc"))) / two_sum(a.like(1.0), a + a)


def _complement(a: Lanes) -> tuple[Lanes, Pair]:
    """n and a pair whose product with 2^n is erfc(a), for a >= 0 up to where that underflows."""
    square = two_product(a, a)
    n, r = reduced(-square.high, -square.low)
    return n, significand(r) * scaled_complement(a)


def small_erf(a: Lanes) -> Pair:
    """erf(a) for 0 <= a <= 1, as a and the rest."""
    square = a * a
    return Pair(a, a * polynomial(square, square.fit("erf")))


def erfc(x: Lanes) -> Lanes:
    """1 - erf(x), with all its digits where that is small."""
    a = x.abs()
    n, value = _complement(a.at_most(x.choose(10.2, 27.4)))
    power = n.at_least(-100.0).power_of_two()
    reflected = Pair(value.high * -power, value.low * -power) + x.like(2.0)
    far = (x < 0.0).where(reflected.high, value.high.scale(n))
    small = small_erf(x.at_most(0.5).at_least(-0.5))
    near = quick_sum(x.like(1.0), -small.high)
    return (a < 0.5).where(near.high + (near.low - small.low), far)


def erf(x: Lanes) -> Lanes:
    """The integral of 2/sqrt(pi) exp(-t^2) from 0 to x: a polynomial below 1, 1 - erfc beyond."""
    if x.format is SINGLE:
        return single.erf(x)
    a = x.abs()
    n, value = _complement(a.at_most(x.choose(4.1, 6.1)))
    power = n.power_of_two()
    far = (Pair(value.high * -power, value.low * -power) + x.like(1.0)).high
    return (a < 1.0).where(small_erf(a.at_most(1.0)).value(), far).copysign(x)


def cbrt(x: Lanes) -> Lanes:
    """The cube root: a polynomial of the significand, a step of Halley's, one of Newton's with an exact residual."""
    format, a = x.format, x.abs()
    by = 3.0 * (format.fraction // 3 + 1)
    tiny = a < format.smallest_normal
    a = tiny.where(a * 2.0**by, a)
    bits = a.bits()
    m = ((bits & ((1 << format.fraction) - 1)) | format.one).floats()
    field = ((bits >> format.fraction) + format.bits_of(format.magic)).floats() - format.magic
    k = field - float(format.bias)
    third = fma(k, 1.0 / 3.0, -1.0 / 3.0).nearest()
    rest = k - third * 3.0  # 0, 1 or 2
    factor = rest.equals(0.0).where(rest.like(1.0), rest.equals(1.0).where(rest.like(2 ** (1 / 3)), 2 ** (2 / 3)))
    y = polynomial(m, m.fit("cbrt")) * factor
    m = m * rest.power_of_two()
    cube = y * y * y
    y = fma(y, (m - cube) / fma(cube, 2.0, m), y)
    square = Pair.of(y) * y
    residual = (Pair.of(m) + -(square * y)).value()
    y = y + residual / (square.high * 3.0)
    result = y * third.power_of_two() * tiny.where(x.like(2.0 ** (-by / 3.0)), 1.0)
    regular = (x.abs() < math.inf) & x.compare("!=", 0.0)
    return regular.where(result.copysign(x), x)


def hypot(x: Lanes, y: Lanes) -> Lanes:
    """sqrt(x^2 + y^2), scaled by a power of two so that nothing overflows or underflows; infinity beats NaN."""
    a, b = x.abs(), y.abs()
    swap = a < b
    most, least = swap.where(b, a), swap.where(a, b)
    up, down = x.choose(2.0**100, 2.0**600), x.choose(2.0**-100, 2.0**-600)
    one = most.like(1.0)
    big, small = most > x.choose(2.0**60, 2.0**500), most < x.choose(2.0**-50, 2.0**-450)
    factor = big.where(most.like(down), small.where(most.like(up), one))
    inverse = big.where(most.like(up), small.where(most.like(down), one))
    s, t = most * factor, least * factor
    total = two_product(s, s) + two_product(t, t)
    zero = most.equals(0.0)
    root = where(zero, Pair.of(one), total).sqrt().high * inverse
    infinite = a.equals(math.inf) | b.equals(math.inf)
    result = zero.where(0.0, root)
    return infinite.where(math.inf, (x.is_nan() | y.is_nan()).where(x + y, result))
