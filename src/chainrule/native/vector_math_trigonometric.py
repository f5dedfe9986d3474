"""sin, cos, tan and their inverses.

The angle is reduced to r in [-pi/4, pi/4], a pair: by three pieces of pi/2 where it is below 2^16 (float32) or 2^30
(float64), and by 192 of the 1280 stored bits of 2/pi beyond (M. Payne and R. Hanek, ACM SIGNUM Newsletter 18 (1983)),
so that there is no limit. The second way is a scalar function that only lanes beyond the bound use: it is skipped by
a branch where no lane does, which changes no result. Kernels: Muller, Elementary Functions, 3rd ed. (2016), sections
10.2 and 11.2, 11.3.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from chainrule.native import ir
from chainrule.native.polynomials import PI, TWO_OVER_PI, TWO_OVER_PI_BITS
from chainrule.native.vector_math_lanes import (
    DOUBLE,
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

I64, I128 = ir.IntType(64), ir.IntType(128)


def payne_hanek(module: ir.Module) -> ir.Function:
    """The function (x) -> {quadrant, high, low} of a float64 x >= 1: x = (4m + quadrant) pi/2 + high + low, some m."""
    name = "chainrule.payne_hanek"
    if name in module.globals:
        return module.globals[name]
    double = ir.DoubleType()
    function = ir.Function(module, ir.FunctionType(ir.LiteralStructType([double] * 3), [double]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block())
    bits = build.bitcast(function.args[0], I64)
    fraction = build.or_(build.and_(bits, I64((1 << 52) - 1)), I64(1 << 52))
    # x = fraction * 2^(field - 1075). Bits of 2/pi whose product with x is a multiple of 4 are not read: the first that
    # counts is the one of weight 2^-(field - 1076). 64 zeros stand before the stored bits.
    first = build.sub(build.lshr(bits, I64(52)), I64(1077 - 64))
    top, quadrant = _window(build, fraction, first)
    return_value = _fraction_to_angle(build, top, quadrant)
    build.ret(return_value)
    return function


def _window(build: ir.IRBuilder, fraction: Any, first: Any) -> tuple[Any, Any]:
    """fraction * (192 bits of 2/pi from bit `first`), modulo 2^192: its upper 128 bits, and the quadrant."""
    module = build.module
    words = [0] + [TWO_OVER_PI_BITS >> 64 * (19 - i) & (2**64 - 1) for i in range(20)]
    kind = ir.ArrayType(I64, len(words))
    table = ir.GlobalVariable(module, kind, "chainrule.two_over_pi")
    table.linkage, table.global_constant, table.initializer = "internal", True, kind(words)
    word, offset = build.lshr(first, I64(6)), build.and_(first, I64(63))
    read = [build.load(build.gep(table, [I64(0), build.add(word, I64(i))], inbounds=True)) for i in range(4)]
    funnel = module.declare_intrinsic("llvm.fshl.i64", (), ir.FunctionType(I64, [I64] * 3))
    high, middle, low = (build.zext(build.call(funnel, [read[i], read[i + 1], offset]), I128) for i in range(3))
    wide = build.zext(fraction, I128)
    # The carry of the lowest product, then the two upper words; all modulo 2^128 above the lowest word.
    carry = build.lshr(build.mul(wide, low), I128(64))
    upper = build.add(build.shl(build.mul(wide, high), I128(64)), build.mul(wide, middle))
    top = build.add(upper, carry)
    quadrant = build.and_(build.lshr(build.add(top, I128(1 << 125)), I128(126)), I128(3))
    return top, build.uitofp(build.trunc(quadrant, I64), ir.DoubleType())


def _fraction_to_angle(build: ir.IRBuilder, top: Any, quadrant: Any) -> Any:
    """The last 126 bits of `top` as a signed fraction, times pi/2, beside the quadrant."""
    signed = build.shl(top, I128(2))
    negative = build.icmp_signed("<", signed, I128(0))
    magnitude = build.select(negative, build.neg(signed), signed)
    zeros = build.ctlz(magnitude, ir.IntType(1)(0))
    shifted = build.shl(magnitude, zeros)

    def digits(right: int) -> Lanes:
        piece = build.and_(build.trunc(build.lshr(shifted, I128(right)), I64), I64((1 << 53) - 1))
        return Lanes(build, build.uitofp(piece, ir.DoubleType()))

    count = Lanes(build, build.uitofp(build.trunc(zeros, I64), ir.DoubleType()))
    scale = (-count).power_of_two()
    turn = Pair(digits(75) * 2.0**-53 * scale, digits(22) * 2.0**-106 * scale)
    angle = turn * Pair.split(turn.high, PI / 2)
    sign = Lanes(build, negative)
    angle = where(sign, -angle, angle)
    result = ir.Constant(ir.LiteralStructType([ir.DoubleType()] * 3), ir.Undefined)
    for i, part in enumerate((quadrant, angle.high.value, angle.low.value)):
        result = build.insert_value(result, part, i)
    return result


def _reduce_large(a: Lanes, large: Lanes, near: tuple[Lanes, Pair]) -> tuple[Lanes, Pair]:
    """The reduction where some lane is beyond the bound: those lanes' from `payne_hanek`, the others' as they are."""
    build, kind, format = a.builder, a.kind, a.format
    before, block, after = build.block, build.append_basic_block(), build.append_basic_block()
    old = [near[0].value, near[1].high.value, near[1].low.value]
    build.cbranch(large.any(), block, after)
    build.position_at_end(block)
    finite = a < math.inf
    safe = (large & finite).where(a, 1.0).to(DOUBLE)
    function = payne_hanek(build.module)
    if isinstance(kind, ir.VectorType):
        far: list[Any] = [ir.Constant(safe.kind, ir.Undefined)] * 3
        for lane in range(kind.count):
            index = ir.IntType(32)(lane)
            answer = build.call(function, [build.extract_element(safe.value, index)])
            far = [build.insert_element(v, build.extract_value(answer, i), index) for i, v in enumerate(far)]
    else:
        answer = build.call(function, [safe.value])
        far = [build.extract_value(answer, i) for i in range(3)]
    quadrant, high, low = (Lanes(build, value) for value in far)
    short = finite.where(high.to(format), math.nan)
    rest = ((high - short.to(DOUBLE)) + low).to(format)
    new = [
        large.where(Lanes(build, v), Lanes(build, o)).value
        for v, o in zip((quadrant.to(format).value, short.value, rest.value), old, strict=True)
    ]
    build.branch(after)
    build.position_at_end(after)
    joined = []
    for changed, kept in zip(new, old, strict=True):
        phi = build.phi(kind)
        phi.add_incoming(kept, before)
        phi.add_incoming(changed, block)
        joined.append(Lanes(build, phi))
    return joined[0], Pair(joined[1], joined[2])


def reduced(a: Lanes) -> tuple[Lanes, Pair]:
    """The quadrant, modulo 4 as bits, and r, for a >= 0: a = quadrant * pi/2 + r."""
    large = a >= a.choose(2.0**16, 2.0**30)
    inside = large.where(0.0, a)
    n = (inside * a.format.rounded(TWO_OVER_PI)).nearest()
    first = a.format.rounded(PI / 2)
    rest = Pair.split(a, PI / 2 - type(PI)(first))
    r = fma(-n, first, inside)  # exact
    product = two_product(n, rest.high)
    total = two_sum(r, -product.high)
    r = quick_sum(total.high, total.low - fma(n, rest.low, product.low))
    quadrant, r = _reduce_large(a, large, (n, r))
    return (quadrant + a.format.magic).bits(), r


def _reduced_single(a: Lanes) -> tuple[Lanes, Lanes]:
    """The same in float32, where one number is enough: n pi/2 in three pieces, each product exact or rounded once."""
    large = a >= 2.0**16
    n = fma(a, a.format.rounded(TWO_OVER_PI), a.format.magic) - a.format.magic
    pieces, rest = [], PI / 2
    for _ in range(3):
        pieces.append(a.format.rounded(rest))
        rest -= Fraction(pieces[-1])
    r = a
    for piece in pieces:
        r = fma(-n, piece, r)
    quadrant, pair = _reduce_large(a, large, (n, Pair.of(r)))
    return (quadrant + a.format.magic).bits(), pair.value()


def _turned_single(quadrant: Lanes, r: Lanes) -> Lanes:
    """sin r, or where the quadrant is odd cos r, negative in the last two of four quadrants."""
    z = r * r
    sine = fma(r * z, polynomial(z, z.fit("sin")), r)
    cosine = fma(z * z, polynomial(z, z.fit("cos")), fma(z, -0.5, 1.0))
    result = _bit(quadrant, 1).where(cosine, sine)
    return (result.bits() ^ ((quadrant & 2) << (r.format.width - 2))).floats()


def sine(r: Pair) -> Pair:
    """sin r, a pair whose low part holds all but the first term."""
    z = r.high * r.high
    tail = fma(-z * 0.5, r.low, r.low)
    return Pair(r.high, fma(r.high * z, polynomial(z, z.fit("sin")), tail))


def cosine(r: Pair) -> Pair:
    """cos r = 1 - r^2 / 2 + r^4 C(r^2)."""
    z = two_product(r.high, r.high)
    total = quick_sum(z.high.like(1.0), z.high * -0.5)
    tail = fma(z.high * z.high, polynomial(z.high, z.high.fit("cos")), -fma(r.high, r.low, z.low * 0.5))
    return Pair(total.high, total.low + tail)


def _bit(quadrant: Lanes, bit: int) -> Lanes:
    return (quadrant & bit).compare("!=", 0)


def sin(x: Lanes) -> Lanes:
    """The sine."""
    if x.format is SINGLE:
        result = _turned_single(*_reduced_single(x.abs()))
        return (result.bits() ^ (x.bits() & -(2**31))).floats()
    quadrant, r = reduced(x.abs())
    result = where(_bit(quadrant, 1), cosine(r), sine(r)).value()
    result = _bit(quadrant, 2).where(-result, result)
    tiny = x.abs() < x.choose(2.0**-13, 2.0**-27)
    return tiny.where(x, _finite(x, (x < 0.0).where(-result, result)))


def cos(x: Lanes) -> Lanes:
    """The cosine."""
    if x.format is SINGLE:
        quadrant, r = _reduced_single(x.abs())
        return _turned_single(quadrant + 1, r)
    quadrant, r = reduced(x.abs())
    result = where(_bit(quadrant, 1), sine(r), cosine(r)).value()
    return _finite(x, _bit(quadrant + 1, 2).where(-result, result))


def tan(x: Lanes) -> Lanes:
    """The tangent, as the quotient of two pairs."""
    quadrant, r = reduced(x.abs())
    odd, s, c = _bit(quadrant, 1), sine(r), cosine(r)
    s, c = quick_sum(s.high, s.low), quick_sum(c.high, c.low)
    result = (where(odd, -c, s) / where(odd, s, c)).high
    tiny = x.abs() < x.choose(2.0**-13, 2.0**-28)
    return tiny.where(x, _finite(x, (x < 0.0).where(-result, result)))


def _finite(x: Lanes, result: Lanes) -> Lanes:
    """The result where x is finite, else NaN."""
    return (x.abs() < math.inf).where(result, x - x)


def _arctangent(most: Lanes, least: Lanes) -> Pair:
    """arctan(least / most), for most > 0 and 0 <= least <= most, whose quotient's digits do not underflow."""
    steep = least > most * (math.sqrt(2.0) - 1.0)
    difference, total = two_sum(least, -most), two_sum(most, least)
    t = where(steep, difference, Pair.of(least)) / where(steep, total, Pair.of(most))
    z = t.high * t.high
    tail = fma(t.high * z, polynomial(z, z.fit("atan")), t.low)
    quarter = Pair.split(z, PI / 4)
    start = quick_sum(steep.where(quarter.high, 0.0), t.high)
    return Pair(start.high, start.low + (steep.where(quarter.low, 0.0) + tail))


def arctan(x: Lanes) -> Lanes:
    """The angle whose tangent is x."""
    a = x.abs()
    steep = a > 1.0
    bounded = a.at_most(2.0**60)
    one = x.like(1.0)
    angle = _arctangent(steep.where(bounded, one), steep.where(one, bounded))
    result = where(steep, Pair.split(x, PI / 2) + -angle, angle).value().copysign(x)
    return (a < x.choose(2.0**-13, 2.0**-28)).where(x, result)


def arctan2(y: Lanes, x: Lanes) -> Lanes:
    """The angle of the point (x, y); zeros and infinities as in C's Annex F."""
    a, b = y.abs(), x.abs()
    both = a.equals(math.inf) & b.equals(math.inf)
    a, b = both.where(1.0, a), both.where(1.0, b)
    steep = a > b
    most, least = steep.where(a, b), steep.where(b, a)
    infinite = most.equals(math.inf)
    up, down = x.choose(2.0**64, 2.0**500), x.choose(2.0**-64, 2.0**-500)
    factor = (most > up).where(most.like(down), (most < down).where(most.like(up), most.like(1.0)))
    scaled = most.equals(0.0).where(1.0, most * factor)
    small, large = least * factor, infinite.where(1.0, scaled)
    small = infinite.where(0.0, small)
    angle = _arctangent(large, small)
    flat = small / large  # rounded once, where the pair's low part would underflow
    minute = flat < x.choose(2.0**-60, 2.0**-500)
    angle = where(minute, Pair.of(flat), angle)
    angle = where(steep, Pair.split(x, PI / 2) + -angle, angle)
    negative = x.bits().compare("<", 0)
    angle = where(negative, Pair.split(x, PI) + -angle, angle)
    return (x.is_nan() | y.is_nan()).where(x + y, angle.value().copysign(y))


def _arcsine_part(a: Lanes) -> tuple[Lanes, Pair]:
    """Where a > 1/2, and then arcsin(sqrt((1 - a) / 2)), else arcsin(a)."""
    big = a > 0.5
    half = (1.0 - a) * 0.5
    z = big.where(half, a * a)
    root = big.where(half, 0.0).sqrt()
    correction = fma(-root, root, half) / big.where(root + root, 1.0)
    s = big.where(root, a)
    low = (big & (root > 0.0)).where(correction, 0.0)
    return big, quick_sum(s, fma(s * z, polynomial(z, z.fit("asin")), low))


def arcsin(x: Lanes) -> Lanes:
    """The angle whose sine is x."""
    a = x.abs()
    big, part = _arcsine_part(a)
    result = where(big, Pair.split(x, PI / 2) + -part.times(2.0), part).value().copysign(x)
    result = (a < x.choose(2.0**-13, 2.0**-28)).where(x, result)
    return (a > 1.0).where(math.nan, result)


def arccos(x: Lanes) -> Lanes:
    """The angle whose cosine is x."""
    negative = x < 0.0
    big, part = _arcsine_part(x.abs())
    folded = part.times(2.0)
    far = where(negative, Pair.split(x, PI) + -folded, folded)
    near = Pair.split(x, PI / 2) + where(negative, part, -part)
    return (x.abs() > 1.0).where(math.nan, where(big, far, near).value())
