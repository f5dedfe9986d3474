"""The float32 functions that training spends its time in, by the shortest way that stays within 1.7 units.

Where float64 carries pairs, to have 1 unit, one float32 is enough here: exp by one polynomial, log by one without a
division, tanh and expit with one division (tanh without, where `vector_math_table` serves), erf as 1 - e^P(x). Muller,
Elementary Functions, 3rd ed. (2016), chapters 10 and 11.
"""

from __future__ import annotations

import math

from chainrule.native import ir
from chainrule.native import vector_math_table as table
from chainrule.native.polynomials import INVERSE_LN2, LN2
from chainrule.native.square_root import LANES, is_wide, reciprocal
from chainrule.native.vector_math_lanes import Lanes, Pair, fma, polynomial, quick_sum


def _reduced(x: Lanes) -> tuple[Lanes, Lanes]:
    """n, in the low bits of an integer, and e^r - 1, such that e^x = 2^n e^r, for |x| < 2^20."""
    shifted = fma(x, x.format.rounded(INVERSE_LN2), x.format.magic)
    n = shifted - x.format.magic
    ln2 = Pair.split(x, LN2)
    r = fma(-n, ln2.low, fma(-n, ln2.high, x))
    return shifted.bits(), fma(r * r, polynomial(r, r.fit("exp")), r)


def _power_of_two(n: Lanes) -> Lanes:
    """2^n for integers n in the low bits, above which the bits of `magic` are shifted out."""
    format = n.format
    return ((n << format.fraction) + format.one).floats()


def exp(x: Lanes) -> Lanes:
    """e^x, of float64 too: 2^n is multiplied in two steps, so that subnormal results come out right."""
    bounded = x.at_most(x.choose(89.0, 710.0)).at_least(x.choose(-105.0, -750.0))
    n, r = _reduced(bounded)
    if is_wide(x):
        return _scaled(r + 1.0, n.floats() - x.format.magic)
    half = n >> 1
    return (r + 1.0) * _power_of_two(half) * _power_of_two(n - half)


def _scaled(x: Lanes, n: Lanes) -> Lanes:
    """x * 2^n for integers n by one instruction, which rounds once: a third of exp's time less, and the same bits."""
    kind, lanes, rounding = x.kind, ir.IntType(LANES), ir.IntType(32)
    name = "llvm.x86.avx512.mask.scalef.ps.512"
    signature = ir.FunctionType(kind, [kind, kind, kind, lanes, rounding])
    function = x.builder.module.globals.get(name) or ir.Function(x.builder.module, signature, name)
    every, nearest = lanes(2**LANES - 1), rounding(4)
    return Lanes(x.builder, x.builder.call(function, [x.value, n.value, x.value, every, nearest]))


def _exp_normal(x: Lanes) -> Lanes:
    """e^x where that is a normal number, and the next power of two is finite."""
    n, r = _reduced(x)
    return (r + 1.0) * _power_of_two(n)


def expit(x: Lanes) -> Lanes:
    """1 / (1 + e^-x), of the e^-|x| that cannot overflow."""
    z = exp(-x.abs())
    total = quick_sum(x.like(1.0), z)  # rounded to one number, it would cost a unit where z is small
    inverse = reciprocal(total.high)
    rest = inverse * fma(-total.low, inverse, fma(-total.high, inverse, 1.0))
    numerator = (x < 0.0).where(z, x.like(1.0))
    return fma(numerator, inverse, numerator * rest)


def tanh(x: Lanes) -> Lanes:
    """1 - 2 / (e^2|x| + 1), and near 0 a polynomial; by a table where that is faster."""
    if table.has_tables(x):
        return table.tanh(x)
    a = x.abs()
    square = x * x
    small = fma(x * square, polynomial(square, x.fit("tanh")), x)
    bounded = a.at_most(10.0)
    large = fma(reciprocal(_exp_normal(bounded + bounded) + 1.0), -2.0, 1.0)
    return (a < 0.625).where(small, large).copysign(x)


def _log1p_tail(f: Lanes) -> Lanes:
    """log(1 + f) - f, for f between -0.293 and 0.5."""
    square = f * f
    return fma(f * square, polynomial(f, f.fit("log_1")), square * -0.5)


def log(x: Lanes) -> Lanes:
    """The natural logarithm: x = 2^k (1 + f) with 1 + f within a factor sqrt(2) of 1."""
    format, build = x.format, x.builder
    tiny = x < format.smallest_normal
    bits = tiny.where(x * 2.0 ** (format.fraction + 1), x).bits()
    exponent = (bits - format.bits_of(math.sqrt(0.5))) >> format.fraction
    f = (bits - (exponent << format.fraction)).floats() - 1.0
    k = Lanes(build, build.sitofp(exponent.value, x.kind)) - tiny.where(x.like(format.fraction + 1.0), 0.0)
    ln2 = Pair.trimmed(x, LN2)
    result = fma(k, ln2.high, f + fma(k, ln2.low, _log1p_tail(f)))
    result = (x < math.inf).where(result, x)
    return (x > 0.0).where(result, x.equals(0.0).where(-math.inf, (x < 0.0).where(math.nan, x)))


def softplus(x: Lanes) -> Lanes:
    """log(1 + e^x) = max(x, 0) + log(1 + z) with z = e^-|x|; 1 + z is halved where that brings it nearer to 1."""
    z = exp(-x.abs())
    halved = z > 0.5
    f = halved.where(fma(z, 0.5, -0.5), z)
    ln2 = x.format.rounded(LN2)
    return f + _log1p_tail(f) + halved.where(x.like(ln2), 0.0) + x.at_least(0.0)


def erf(x: Lanes) -> Lanes:
    """The integral of 2/sqrt(pi) exp(-t^2) from 0 to x: a polynomial below 1, and 1 - e^P(x), P being log(erfc(x))."""
    a = x.abs()
    square = x * x
    small = fma(x, polynomial(square, x.fit("erf")), x)
    large = 1.0 - _exp_normal(polynomial(a.at_most(4.0), x.fit("erfc_log")))
    return (a < 1.0).where(small, large.copysign(x))
