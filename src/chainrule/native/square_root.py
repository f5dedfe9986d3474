"""The square root of a vector of float32 faster than by the processor's own instruction, and with the same bits; and a
reciprocal, likewise.

A processor with AVX-512 takes 12 cycles for 16 roots, during which it cannot divide either. An approximation of 14 bits
and two steps of multiply-adds take 6, and leave the divider to others: a step of Adam is so a fifth faster. The last
step adds to a root of nearly all digits its error, which a fused multiply-add gives exactly, so that the sum is the
correctly rounded root. That holds for every number (all were tried; `tests/native/test_square_root.py` tries two
octaves, since a root's digits depend on no more than whether the exponent is even) but those so small that the error
has too few digits: vectors that have such a one, a negative number, an infinity or a NaN, go to the processor's own.

Source: P. Markstein, Computation of elementary functions on the IBM RISC System/6000 processor, IBM Journal of Research
and Development 34 (1990).
"""

from __future__ import annotations

from chainrule.native import ir
from chainrule.native.host import host_machine
from chainrule.native.outlined import any_lane
from chainrule.native.vector_math_lanes import SINGLE, Lanes, fma

LANES = 16
_LEAST = 2.0**-96


def square_root(x: Lanes) -> Lanes:
    """The correctly rounded square root."""
    if not is_wide(x):
        return x.sqrt()
    build = x.builder
    zero = x.equals(0.0)
    least, infinity = SINGLE.bits_of(_LEAST), SINGLE.bits_of(float("inf"))
    offset = x.bits() - least
    beyond = Lanes(build, build.icmp_unsigned(">=", offset.value, offset.like(infinity - least).value))
    fast = _by_steps(x, zero)
    before = build.block
    with build.if_then(any_lane(build, (beyond & ~zero).value), likely=False):
        exact = x.sqrt()
        rare = build.block
    root = build.phi(x.kind)
    root.add_incoming(fast.value, before)
    root.add_incoming(exact.value, rare)
    return Lanes(build, root)


def reciprocal(x: Lanes) -> Lanes:
    """1 / x, correctly rounded if that is normal: a division takes 16 cycles, this takes 6."""
    if not is_wide(x):
        return 1.0 / x
    y = _approximate("rcp14", x, ir.Constant(ir.IntType(LANES), 2**LANES - 1))
    for _ in range(2):
        y = fma(y, fma(-x, y, 1.0), y)
    digits = (1 << x.format.fraction) - 1
    all_ones = (x.bits() & digits).equals(digits)  # of these alone the result lies in the middle, and is taken below it
    return all_ones.where((y.bits() + 1).floats(), y)


def _approximate(name: str, x: Lanes, lanes: ir.Value) -> Lanes:
    """An instruction that gives 14 bits of a result in some lanes, and 0 in the others."""
    kind = ir.FunctionType(x.kind, [x.kind, x.kind, lanes.type])
    name = f"llvm.x86.avx512.{name}.ps.512"
    function = x.builder.module.globals.get(name) or ir.Function(x.builder.module, kind, name)
    return Lanes(x.builder, x.builder.call(function, [x.value, x.like(0.0).value, lanes]))


def is_wide(x: Lanes) -> bool:
    """Whether these are float32 that fill a register of AVX-512, for which it has the instructions."""
    is_vector = isinstance(x.kind, ir.VectorType) and x.kind.count == LANES
    return is_vector and x.format is SINGLE and host_machine().has("avx512f")


def _by_steps(x: Lanes, zero: Lanes) -> Lanes:
    """The root of positive numbers, and of zeros of either sign."""
    y = _approximate("rsqrt14", x, x.builder.bitcast((~zero).value, ir.IntType(LANES)))  # 1 / sqrt(x), and 0 for 0
    root, half = x * y, y * 0.5
    error = fma(-root, half, x.like(0.5))
    root, half = fma(root, error, root), fma(half, error, half)
    return fma(fma(-root, root, x), half, root)
