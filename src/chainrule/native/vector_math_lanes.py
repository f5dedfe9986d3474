"""Vectors of floats as Python values that emit LLVM IR, and unevaluated sums of two of them.

`Lanes` lets an elementary function be written as its mathematics: `a * b + c` emits two instructions, and `fma(a, b,
c)` one, rounded once. No instruction carries a fast-math flag, so a lane's result depends on that lane's operands
alone: it has the same bits at every vector width. `Pair` is double-double arithmetic, where a function needs more
digits than its type has.

Sources: T. J. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971); J.-M.
Muller et al., Handbook of Floating-Point Arithmetic, 2nd ed. (2018), chapters 4, 5 and 14.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from chainrule.native import ir
from chainrule.native.outlined import any_lane
from chainrule.native.polynomials import POLYNOMIALS


@dataclass(frozen=True)
class Format:
    """A binary floating-point format of IEEE 754: its LLVM type and what the bits of a number mean."""

    name: str  # as LLVM mangles it
    float_type: ir.Type
    width: int  # bits of a number
    fraction: int  # bits stored of the significand

    @property
    def bias(self) -> int:
        """The exponent field of 1."""
        return (1 << (self.width - self.fraction - 2)) - 1

    @property
    def one(self) -> int:
        """The bits of 1."""
        return self.bias << self.fraction

    @property
    def magic(self) -> float:
        """1.5 * 2^fraction: a small number added to it is rounded to an integer, which then stands in the low bits."""
        return 1.5 * 2.0**self.fraction

    @property
    def smallest_normal(self) -> float:
        """The least positive number with all its digits."""
        return 2.0 ** (1 - self.bias)

    @property
    def smallest_subnormal(self) -> float:
        """The least positive number."""
        return 2.0 ** (1 - self.bias - self.fraction)

    def rounded(self, number: Fraction) -> float:
        """The nearest number of this format."""
        return struct.unpack("f", struct.pack("f", number))[0] if self.width == 32 else float(number)

    def bits_of(self, number: float) -> int:
        """The bits of a number, as an unsigned integer."""
        return int.from_bytes(struct.pack(">f" if self.width == 32 else ">d", number), "big")

    @property
    def integer_type(self) -> ir.IntType:
        """The integer as wide as a number."""
        return ir.IntType(self.width)


SINGLE = Format("f32", ir.FloatType(), 32, 23)
DOUBLE = Format("f64", ir.DoubleType(), 64, 52)


def element(kind: ir.Type) -> ir.Type:
    """The type of one lane."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def shaped(kind: ir.Type, like: ir.Type) -> ir.Type:
    """The scalar type `kind` with the lanes of `like`."""
    return ir.VectorType(kind, like.count) if isinstance(like, ir.VectorType) else kind


def suffix(kind: ir.Type) -> str:
    """A float type as LLVM mangles it into the name of an intrinsic: `f64`, `v8f32`."""
    name = (SINGLE if isinstance(element(kind), ir.FloatType) else DOUBLE).name
    return f"v{kind.count}{name}" if isinstance(kind, ir.VectorType) else name


def constant(kind: ir.Type, number: float | int) -> ir.Constant:
    """One number in every lane."""
    return ir.Constant(kind, [number] * kind.count if isinstance(kind, ir.VectorType) else number)


@dataclass(frozen=True, eq=False)
class Lanes:
    """A value of the function being emitted: floats, integers (`bits`) or a mask (comparisons), one to a lane."""

    builder: ir.IRBuilder
    value: Any  # ir.Value

    @property
    def kind(self) -> ir.Type:
        """The LLVM type: a scalar or a vector."""
        return self.value.type

    @property
    def format(self) -> Format:
        """The format of floats, or the one whose bits these integers are."""
        kind = element(self.kind)
        return SINGLE if isinstance(kind, ir.FloatType) or kind == ir.IntType(32) else DOUBLE

    def like(self, number: float | int) -> Lanes:
        """A constant of this value's type."""
        return Lanes(self.builder, constant(self.kind, number))

    def _with(self, instruction: str, other: Lanes | float | int) -> Lanes:
        right = other if isinstance(other, Lanes) else self.like(other)
        return Lanes(self.builder, getattr(self.builder, instruction)(self.value, right.value))

    def _is_float(self) -> bool:
        return not isinstance(element(self.kind), ir.IntType)

    def __add__(self, other: Lanes | float) -> Lanes:
        return self._with("fadd" if self._is_float() else "add", other)

    def __sub__(self, other: Lanes | float) -> Lanes:
        return self._with("fsub" if self._is_float() else "sub", other)

    def __mul__(self, other: Lanes | float) -> Lanes:
        return self._with("fmul", other)

    def __truediv__(self, other: Lanes | float) -> Lanes:
        return self._with("fdiv", other)

    def __radd__(self, other: float) -> Lanes:
        return self + other

    def __rmul__(self, other: float) -> Lanes:
        return self * other

    def __rsub__(self, other: float) -> Lanes:
        return self.like(other) - self

    def __rtruediv__(self, other: float) -> Lanes:
        return self.like(other) / self

    def __neg__(self) -> Lanes:
        return Lanes(self.builder, self.builder.fneg(self.value))

    def __and__(self, other: Lanes | int) -> Lanes:
        return self._with("and_", other)

    def __or__(self, other: Lanes | int) -> Lanes:
        return self._with("or_", other)

    def __xor__(self, other: Lanes | int) -> Lanes:
        return self._with("xor", other)

    def __invert__(self) -> Lanes:
        return self._with("xor", -1 if element(self.kind).width > 1 else 1)  # type: ignore[attr-defined]

    def __lshift__(self, count: int) -> Lanes:
        return self._with("shl", count)

    def __rshift__(self, count: int) -> Lanes:
        return self._with("ashr", count)

    def compare(self, relation: str, other: Lanes | float | int) -> Lanes:
        """A mask; of floats, one that is false wherever an operand is NaN (but for `!=`)."""
        right = other if isinstance(other, Lanes) else self.like(other)
        if not self._is_float():
            return Lanes(self.builder, self.builder.icmp_signed(relation, self.value, right.value))
        compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return Lanes(self.builder, compare(relation, self.value, right.value))

    def __lt__(self, other: Lanes | float) -> Lanes:
        return self.compare("<", other)

    def __le__(self, other: Lanes | float) -> Lanes:
        return self.compare("<=", other)

    def __gt__(self, other: Lanes | float) -> Lanes:
        return self.compare(">", other)

    def __ge__(self, other: Lanes | float) -> Lanes:
        return self.compare(">=", other)

    def equals(self, other: Lanes | float | int) -> Lanes:
        """A mask. (`==` stays Python's identity, since a mask has no truth value.)"""
        return self.compare("==", other)

    def is_nan(self) -> Lanes:
        """A mask of the lanes that hold NaN."""
        return self.compare("!=", self)

    def where(self, yes: Lanes | float, no: Lanes | float) -> Lanes:
        """This mask chooses, lane by lane; one of the two at least is typed."""
        sample: Any = yes if isinstance(yes, Lanes) else no
        chosen = [side.value if isinstance(side, Lanes) else sample.like(side).value for side in (yes, no)]
        return Lanes(self.builder, self.builder.select(self.value, *chosen))

    def any(self) -> Any:
        """One bit: does this mask hold in some lane?"""
        return any_lane(self.builder, self.value)

    def bits(self) -> Lanes:
        """The same bits as integers."""
        kind = shaped(self.format.integer_type, self.kind)
        return Lanes(self.builder, self.builder.bitcast(self.value, kind))

    def floats(self) -> Lanes:
        """The same bits as floats."""
        kind = shaped(self.format.float_type, self.kind)
        return Lanes(self.builder, self.builder.bitcast(self.value, kind))

    def to(self, format: Format) -> Lanes:
        """Converted to another format, rounded to nearest."""
        kind = shaped(format.float_type, self.kind)
        if format is self.format:
            return self
        convert = self.builder.fpext if format is DOUBLE else self.builder.fptrunc
        return Lanes(self.builder, convert(self.value, kind))

    def intrinsic(self, name: str, *others: Lanes) -> Lanes:
        """An intrinsic of LLVM that is one instruction where the hardware has it: fma, sqrt, fabs, copysign, floor."""
        function = self.builder.module.declare_intrinsic(
            f"llvm.{name}.{suffix(self.kind)}", (), ir.FunctionType(self.kind, [self.kind] * (1 + len(others)))
        )
        return Lanes(self.builder, self.builder.call(function, [self.value, *(other.value for other in others)]))

    def abs(self) -> Lanes:
        """The magnitude."""
        return self.intrinsic("fabs")

    def sqrt(self) -> Lanes:
        """The square root, correctly rounded."""
        return self.intrinsic("sqrt")

    def floor(self) -> Lanes:
        """The greatest integer that is not greater."""
        return self.intrinsic("floor")

    def copysign(self, sign: Lanes) -> Lanes:
        """This magnitude with the sign of another."""
        return self.intrinsic("copysign", sign)

    def choose(self, single: float, double: float) -> float:
        """The bound that belongs to this format."""
        return single if self.format is SINGLE else double

    def fit(self, name: str) -> Sequence[float]:
        """Coefficients from the table, for this format."""
        return POLYNOMIALS[name][self.format.name]

    def at_most(self, bound: float | Lanes) -> Lanes:
        """The lesser of the two; NaN stays NaN."""
        return (self > bound).where(bound, self)

    def at_least(self, bound: float | Lanes) -> Lanes:
        """The greater of the two; NaN stays NaN."""
        return (self < bound).where(bound, self)

    def nearest(self) -> Lanes:
        """The nearest integer, ties to even, for magnitudes below 2^(fraction - 1)."""
        return (self + self.format.magic) - self.format.magic

    def power_of_two(self) -> Lanes:
        """2^n for integers n, as floats, whose 2^n is a normal number: the exponent field is written directly."""
        format = self.format
        return ((self + (format.magic + format.bias)).bits() << format.fraction).floats()

    def scale(self, n: Lanes) -> Lanes:
        """self * 2^n in two steps, so that subnormal and just finite results come out right (Muller, section 11.3)."""
        half = (n * 0.5).nearest()
        return self * half.power_of_two() * (n - half).power_of_two()


def fma(a: Lanes, b: Lanes | float, c: Lanes | float) -> Lanes:
    """a * b + c, rounded once."""
    b, c = (side if isinstance(side, Lanes) else a.like(side) for side in (b, c))
    return a.intrinsic("fma", b, c)


def horner(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """The polynomial with these coefficients, the constant first."""
    total = x.like(coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = fma(total, x, coefficient)
    return total


def polynomial(x: Lanes, coefficients: Sequence[float]) -> Lanes:
    """The polynomial by Horner's scheme in x^2, even and odd parts apart: half the latency (Muller, section 5.3)."""
    if len(coefficients) < 4:
        return horner(x, coefficients)
    square = x * x
    return fma(horner(square, coefficients[1::2]), x, horner(square, coefficients[0::2]))


@dataclass(frozen=True, eq=False)
class Pair:
    """The unevaluated sum of two floats, `low` being at most about the rounding error of `high`."""

    high: Lanes
    low: Lanes

    @staticmethod
    def split(x: Lanes, number: Fraction) -> Pair:
        """A constant as a pair of the format of `x`."""
        high = x.format.rounded(number)
        return Pair(x.like(high), x.like(x.format.rounded(number - Fraction(high))))

    @staticmethod
    def of(high: Lanes) -> Pair:
        """A float as a pair."""
        return Pair(high, high.like(0.0))

    @staticmethod
    def trimmed(x: Lanes, number: Fraction) -> Pair:
        """A constant as a pair whose `high` ends in 12 (9) zero bits: its product with an exponent is exact."""
        unit = Fraction(2) ** (math.frexp(number)[1] - x.format.fraction - 1 + int(x.choose(9, 12)))
        high = round(number / unit) * unit
        return Pair(x.like(float(high)), x.like(x.format.rounded(number - high)))

    def value(self) -> Lanes:
        """Rounded to one float."""
        return self.high + self.low

    def __add__(self, other: Pair | Lanes) -> Pair:
        if isinstance(other, Lanes):
            total = two_sum(self.high, other)
            return quick_sum(total.high, total.low + self.low)
        total, rest = two_sum(self.high, other.high), two_sum(self.low, other.low)
        total = quick_sum(total.high, total.low + rest.high)
        return quick_sum(total.high, total.low + rest.low)

    def __neg__(self) -> Pair:
        return Pair(-self.high, -self.low)

    def __mul__(self, other: Pair | Lanes) -> Pair:
        if isinstance(other, Lanes):
            product = two_product(self.high, other)
            return quick_sum(product.high, fma(self.low, other, product.low))
        product = two_product(self.high, other.high)
        return quick_sum(product.high, product.low + fma(self.high, other.low, self.low * other.high))

    def __truediv__(self, other: Pair) -> Pair:
        inverse = 1.0 / other.high
        quotient = self.high * inverse
        rest = fma(-quotient, other.low, fma(-quotient, other.high, self.high) + self.low)
        return quick_sum(quotient, rest * inverse)

    def times(self, power: float) -> Pair:
        """Multiplied by a power of two: exact."""
        return Pair(self.high * power, self.low * power)

    def sqrt(self) -> Pair:
        """The square root of a positive number, by one step of Newton's from the rounded one."""
        root = self.high.sqrt()
        return quick_sum(root, (fma(-root, root, self.high) + self.low) / (root + root))


def two_sum(a: Lanes, b: Lanes) -> Pair:
    """a + b exactly (Knuth)."""
    total = a + b
    part = total - a
    return Pair(total, (a - (total - part)) + (b - part))


def quick_sum(a: Lanes, b: Lanes) -> Pair:
    """a + b exactly where |a| >= |b| or a is 0 (Dekker)."""
    total = a + b
    return Pair(total, b - (total - a))


def two_product(a: Lanes, b: Lanes) -> Pair:
    """a * b exactly, but for underflow."""
    product = a * b
    return Pair(product, fma(a, b, -product))


def where(mask: Lanes, yes: Pair, no: Pair) -> Pair:
    """A mask chooses between pairs, lane by lane."""
    return Pair(mask.where(yes.high, no.high), mask.where(yes.low, no.low))
