"""Functions of integers and truth values as LLVM IR, defined for every operand in every lane.

LLVM leaves a division by 0, the least integer divided by -1, and a shift by all bits undefined, in a lane that nobody
reads too. So an operand that is not allowed is replaced first, and the result chosen after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chainrule.native import ir
from chainrule.native.outlined import any_lane, call_outlined, repeat_while
from chainrule.native.vector_math_lanes import constant, element, shaped


@dataclass(frozen=True)
class Integers:
    """Emits functions of integers of one type, signed or not, into one block."""

    builder: ir.IRBuilder
    kind: ir.Type
    signed: bool

    @property
    def width(self) -> int:
        """The bits of a number."""
        return element(self.kind).width  # type: ignore[attr-defined]

    @property
    def name(self) -> str:
        """The type in the name of an intrinsic: `i32`, `v8i32`."""
        lanes = f"v{self.kind.count}" if isinstance(self.kind, ir.VectorType) else ""
        return f"{lanes}i{self.width}"

    def number(self, value: int) -> ir.Constant:
        """One number in every lane."""
        return constant(self.kind, value)

    def is_zero(self, x: Any) -> Any:
        """A mask."""
        return self.builder.icmp_unsigned("==", x, self.number(0))

    def compare(self, relation: str, x: Any, y: Any) -> Any:
        """A mask."""
        compare = self.builder.icmp_signed if self.signed else self.builder.icmp_unsigned
        return compare(relation, x, y)

    def select(self, mask: Any, yes: Any, no: Any) -> Any:
        """The mask chooses, lane by lane."""
        return self.builder.select(mask, yes, no)

    def intrinsic(self, name: str, x: Any, *flags: Any) -> Any:
        """An intrinsic of LLVM of one operand, and flags."""
        signature = ir.FunctionType(self.kind, [self.kind, *(flag.type for flag in flags)])
        function = self.builder.module.declare_intrinsic(f"llvm.{name}.{self.name}", (), signature)
        return self.builder.call(function, [x, *flags])

    def outlined(self, name: str, operands: tuple[Any, ...], body: Callable[..., Any]) -> Any:
        """Call `body(integers, *operands)` as a function that the module holds once."""
        symbol = f"chainrule.{name}.{'s' if self.signed else 'u'}.{self.name}"
        return call_outlined(
            self.builder,
            symbol,
            self.kind,
            operands,
            lambda builder, *inner: body(Integers(builder, self.kind, self.signed), *inner),
        )


def _divide(on: Integers, x: Any, y: Any) -> Any:
    """The quotient toward zero; 0 by 0; the least integer by -1 wraps to itself."""
    build, zero = on.builder, on.is_zero(y)
    if not on.signed:
        return on.select(zero, on.number(0), build.udiv(x, on.select(zero, on.number(1), y)))
    minus = build.icmp_signed("==", y, on.number(-1))
    quotient = build.sdiv(x, on.select(build.or_(zero, minus), on.number(1), y))
    return on.select(zero, on.number(0), on.select(minus, build.neg(x), quotient))


def _remainder(on: Integers, x: Any, y: Any) -> Any:
    """The remainder with the sign of x; 0 by 0. That by 1 is 0, so 1 stands in for the divisors with this remainder."""
    build, zero = on.builder, on.is_zero(y)
    if not on.signed:
        return build.urem(x, on.select(zero, on.number(1), y))
    minus = build.icmp_signed("==", y, on.number(-1))
    return build.srem(x, on.select(build.or_(zero, minus), on.number(1), y))


def _shift(on: Integers, x: Any, y: Any, *, left: bool) -> Any:
    build = on.builder
    inside = build.icmp_unsigned("<", y, on.number(on.width))  # a negative count is a great unsigned one
    count = on.select(inside, y, on.number(0 if left or not on.signed else on.width - 1))
    if left:
        return on.select(inside, build.shl(x, count), on.number(0))
    if on.signed:
        return build.ashr(x, count)
    return on.select(inside, build.lshr(x, count), on.number(0))


def _power(on: Integers, x: Any, y: Any) -> Any:
    """x^y by squaring, for as many bits as the largest exponent of a lane has; 0 for a negative exponent."""
    return on.outlined("power", (x, y), _power_body)


def _power_body(on: Integers, x: Any, y: Any) -> Any:
    build = on.builder
    negative = on.compare("<", y, on.number(0))

    def step(result: Any, square: Any, rest: Any) -> list[Any]:
        odd = build.icmp_unsigned("!=", build.and_(rest, on.number(1)), on.number(0))
        multiplied = on.select(odd, build.mul(result, square), result)
        return [multiplied, build.mul(square, square), build.lshr(rest, on.number(1))]

    start = [on.number(1), x, on.select(negative, on.number(0), y)]
    result, _, _ = repeat_while(build, start, lambda r, s, rest: any_lane(build, build.not_(on.is_zero(rest))), step)
    return on.select(negative, on.number(0), result)


def _magnitude(on: Integers, x: Any) -> Any:
    """|x|, whose bits are right as an unsigned number for the least integer too."""
    return on.select(on.compare("<", x, on.number(0)), on.builder.neg(x), x) if on.signed else x


def _gcd(on: Integers, x: Any, y: Any) -> Any:
    """The greatest common divisor of the magnitudes."""
    return on.outlined("gcd", (x, y), _gcd_body)


def _gcd_body(on: Integers, x: Any, y: Any) -> Any:
    """Stein's algorithm (Knuth, The Art of Computer Programming 2, 3rd ed. (1997), section 4.5.2, algorithm B)."""
    build = on.builder
    x, y = _magnitude(on, x), _magnitude(on, y)
    poison_at_zero = ir.IntType(1)(0)

    def twos(number: Any) -> Any:
        """How often 2 divides it: a shift that is allowed, for 0 too."""
        return build.and_(on.intrinsic("cttz", number, poison_at_zero), on.number(on.width - 1))

    def step(u: Any, v: Any) -> list[Any]:  # u is odd; a lane whose v is 0 is done
        odd = build.lshr(v, twos(v))
        less = build.icmp_unsigned("<", odd, u)
        least, most = on.select(less, odd, u), on.select(less, u, odd)
        done = on.is_zero(v)
        return [on.select(done, u, least), on.select(done, v, build.sub(most, least))]

    common = twos(build.or_(x, y))
    empty = on.is_zero(x)
    u, v = on.select(empty, y, x), on.select(empty, on.number(0), y)
    state = [build.lshr(u, twos(u)), v]
    u, _ = repeat_while(build, state, lambda u, v: any_lane(build, build.not_(on.is_zero(v))), step)
    return build.shl(u, common)


def _lcm(on: Integers, x: Any, y: Any) -> Any:
    """The least common multiple of the magnitudes, wrapped; 0 where one of them is 0."""
    divisor = _gcd(on, x, y)
    safe = on.select(on.is_zero(divisor), on.number(1), divisor)
    return on.builder.mul(on.builder.udiv(_magnitude(on, x), safe), _magnitude(on, y))


def _bitwise_count(on: Integers, x: Any) -> Any:
    """The ones in the magnitude, as uint8."""
    count = on.intrinsic("ctpop", _magnitude(on, x))
    return count if on.width == 8 else on.builder.trunc(count, shaped(ir.IntType(8), on.kind))


INTEGERS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "add": lambda on, x, y: on.builder.add(x, y),
        "subtract": lambda on, x, y: on.builder.sub(x, y),
        "multiply": lambda on, x, y: on.builder.mul(x, y),
        "divide": _divide,
        "fmod": _remainder,
        "power": _power,
        "minimum": lambda on, x, y: on.select(on.compare("<", x, y), x, y),
        "maximum": lambda on, x, y: on.select(on.compare(">", x, y), x, y),
        "negative": lambda on, x: on.builder.neg(x),
        "absolute": _magnitude,
        "bitwise_and": lambda on, x, y: on.builder.and_(x, y),
        "bitwise_or": lambda on, x, y: on.builder.or_(x, y),
        "bitwise_xor": lambda on, x, y: on.builder.xor(x, y),
        "invert": lambda on, x: on.builder.not_(x),
        "left_shift": lambda on, x, y: _shift(on, x, y, left=True),
        "right_shift": lambda on, x, y: _shift(on, x, y, left=False),
        "gcd": _gcd,
        "lcm": _lcm,
        "bitwise_count": _bitwise_count,
    }
)
"""What each function of `loops` is on integers, whose types `Integers` tells. Truth values are integers of one bit."""
