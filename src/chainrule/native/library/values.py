"""What the library's routines compute with: kinds of elements, values with operators, and arrays in memory.

Operators take Python numbers beside values, and work on vectors as on scalars.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from chainrule.native import ir
from chainrule.types import check_dtype

POINTER = ir.PointerType()
INDEX = ir.IntType(64)
BIT = ir.IntType(1)
NOTHING = ir.VoidType()

_FLOATS = {4: ir.FloatType(), 8: ir.DoubleType()}


@dataclass(frozen=True)
class Kind:
    """The type of an element in memory; a boolean is a byte that is 0 or 1.

    >>> Kind.of("int8"), Kind.of("bool").type == Kind.of("uint8").type
    (Kind(name='int8'), True)
    """

    name: str

    @staticmethod
    def of(dtype: Any) -> Kind:
        """The kind of a dtype that a graph can hold; a `DtypeError` for another."""
        return Kind(check_dtype("library", dtype).name)

    @property
    def dtype(self) -> np.dtype:
        """NumPy's."""
        return np.dtype(self.name)

    @property
    def bytes(self) -> int:
        """The size of an element."""
        return self.dtype.itemsize

    @property
    def is_float(self) -> bool:
        """Whether there are NaN and a zero with a sign."""
        return self.dtype.kind == "f"

    @property
    def is_signed(self) -> bool:
        """Whether integers of this kind have a sign."""
        return self.dtype.kind == "i"

    @property
    def type(self) -> ir.Type:
        """LLVM's."""
        return _FLOATS[self.bytes] if self.is_float else ir.IntType(8 * self.bytes)


INT64, UINT64, BYTE = Kind("int64"), Kind("uint64"), Kind("uint8")


@dataclass(frozen=True, eq=False)
class Value:
    """A number, a mask or a pointer of the routine being written, or a vector of them."""

    builder: ir.IRBuilder
    value: Any  # ir.Value
    signed: bool = True

    @property
    def type(self) -> ir.Type:
        """LLVM's type."""
        return self.value.type

    @property
    def element(self) -> ir.Type:
        """The type of one lane."""
        return self.type.element if isinstance(self.type, ir.VectorType) else self.type

    @property
    def count(self) -> int:
        """How many lanes; 1 of a scalar."""
        return self.type.count if isinstance(self.type, ir.VectorType) else 1

    @property
    def is_float(self) -> bool:
        """Whether this holds floating-point numbers."""
        return not isinstance(self.element, ir.IntType)

    def with_value(self, value: Any) -> Value:
        """Another value, its sign read as this one's."""
        return replace(self, value=value)

    def like(self, number: Value | float) -> Value:
        """A number of Python's as a constant of this type; a value as it is."""
        if isinstance(number, Value):
            return number
        lanes = [number] * self.type.count if isinstance(self.type, ir.VectorType) else number
        return self.with_value(ir.Constant(self.type, lanes))

    def _operate(self, integers: str, floats: str, other: Value | float) -> Value:
        operate = getattr(self.builder, floats if self.is_float else integers)
        return self.with_value(operate(self.value, self.like(other).value))

    def __add__(self, other: Value | float) -> Value:
        return self._operate("add", "fadd", other)

    def __sub__(self, other: Value | float) -> Value:
        return self._operate("sub", "fsub", other)

    def __rsub__(self, other: float) -> Value:
        return self.like(other) - self

    def __mul__(self, other: Value | float) -> Value:
        return self._operate("mul", "fmul", other)

    def __and__(self, other: Value | int) -> Value:
        return self._operate("and_", "", other)

    def __or__(self, other: Value | int) -> Value:
        return self._operate("or_", "", other)

    def __xor__(self, other: Value | int) -> Value:
        return self._operate("xor", "", other)

    def __invert__(self) -> Value:
        return self ^ -1

    def __lshift__(self, places: Value | int) -> Value:
        return self._operate("shl", "", places)

    def __rshift__(self, places: Value | int) -> Value:
        return self._operate("ashr" if self.signed else "lshr", "", places)

    def compare(self, relation: str, other: Value | float) -> Value:
        """A mask, or one bit: false wherever an operand is NaN, but for `!=`."""
        right = self.like(other).value
        if self.is_float:
            compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        else:
            compare = self.builder.icmp_signed if self.signed else self.builder.icmp_unsigned
        return Value(self.builder, compare(relation, self.value, right), signed=False)

    def __lt__(self, other: Value | float) -> Value:
        return self.compare("<", other)

    def __le__(self, other: Value | float) -> Value:
        return self.compare("<=", other)

    def __gt__(self, other: Value | float) -> Value:
        return self.compare(">", other)

    def __ge__(self, other: Value | float) -> Value:
        return self.compare(">=", other)

    def equals(self, other: Value | float) -> Value:
        """A mask, or one bit. (`==` stays Python's identity.)"""
        return self.compare("==", other)

    def differs(self, other: Value | float) -> Value:
        """A mask, or one bit; `x.differs(x)` where x is NaN."""
        return self.compare("!=", other)

    def where(self, yes: Value, no: Value | float) -> Value:
        """This mask chooses."""
        return yes.with_value(self.builder.select(self.value, yes.value, yes.like(no).value))

    def where_unforeseen(self, yes: Value, no: Value) -> Value:
        """This bit chooses, and so often either way that LLVM is told not to make a branch of it."""
        chosen = self.builder.select(self.value, yes.value, no.value, predictable=False)
        return yes.with_value(chosen)

    def any(self) -> Value:
        """One bit: does this mask hold in some lane?"""
        whole = ir.IntType(self.count)
        return Value(self.builder, self.builder.bitcast(self.value, whole), signed=False).differs(0)

    def as_signed(self, signed: bool) -> Value:
        """The same bits, read with or without a sign."""
        return replace(self, signed=signed)

    def resized(self, kind: Any) -> Value:
        """An integer at another width, or a vector of them: extended as its sign says, or cut off."""
        old: Any = self.element
        if kind.width == old.width:
            return self
        extend = self.builder.sext if self.signed else self.builder.zext
        whole = kind if self.count == 1 else ir.VectorType(kind, self.count)
        return self.with_value((self.builder.trunc if kind.width < old.width else extend)(self.value, whole))

    def bits(self, kind: ir.Type) -> Value:
        """The same bits as another type."""
        return self.with_value(self.builder.bitcast(self.value, kind))

    def splat(self, lanes: int) -> Value:
        """This number in every lane of a vector; of one lane the number itself."""
        if lanes == 1:
            return self
        kind = ir.VectorType(self.type, lanes)
        alone = self.builder.insert_element(ir.Constant(kind, ir.Undefined), self.value, ir.Constant(INDEX, 0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
        return self.with_value(self.builder.shuffle_vector(alone, alone, zeros))

    def halves(self) -> tuple[Value, Value]:
        """The lower and the upper lanes of a vector."""
        half = self.count // 2
        masks = [ir.Constant(ir.VectorType(ir.IntType(32), half), list(range(k, k + half))) for k in (0, half)]
        lower, upper = (self.builder.shuffle_vector(self.value, self.value, mask) for mask in masks)
        return self.with_value(lower), self.with_value(upper)

    def lane(self, place: int) -> Value:
        """One lane."""
        return self.with_value(self.builder.extract_element(self.value, ir.Constant(INDEX, place)))

    def zeros(self, end: Literal["leading", "trailing"]) -> Value:
        """How many bits are 0 at an end of an integer, "leading" or "trailing"; all of them of 0."""
        count = getattr(self.builder, {"leading": "ctlz", "trailing": "cttz"}[end])
        return Value(self.builder, count(self.value, ir.Constant(BIT, 0)))


@dataclass(frozen=True, eq=False)
class Array:
    """Elements of one kind from a pointer on: `array[i]`, `array[i] = value`, and vectors of neighbours."""

    kind: Kind
    pointer: Value

    def at(self, index: Value | int) -> Array:
        """The array from an element on."""
        builder = self.pointer.builder
        place = index.value if isinstance(index, Value) else ir.Constant(INDEX, index)
        return Array(
            self.kind, self.pointer.with_value(builder.gep(self.pointer.value, [place], source_etype=self.kind.type))
        )

    def __getitem__(self, index: Value | int) -> Value:
        return self.load(index, 1)

    def __setitem__(self, index: Value | int, value: Value) -> None:
        self.store(index, value)

    def store(self, index: Value | int, value: Value) -> None:
        """Store an element, or the neighbours that a vector holds."""
        self.pointer.builder.store(value.value, self.at(index).pointer.value, align=self.kind.bytes)

    def load(self, index: Value | int, lanes: int) -> Value:
        """The vector of the elements from an index on; one lane is the element itself."""
        kind = ir.VectorType(self.kind.type, lanes) if lanes > 1 else self.kind.type
        loaded = self.pointer.builder.load(self.at(index).pointer.value, align=self.kind.bytes, typ=kind)
        return Value(self.pointer.builder, loaded, self.kind.is_signed)

    def clear(self, count: int) -> None:
        """Fill elements with 0, a number of them that is known now: without a call of C's `memset`."""
        builder = self.pointer.builder
        signature = ir.FunctionType(NOTHING, [POINTER, ir.IntType(8), INDEX, BIT])
        fill = builder.module.declare_intrinsic("llvm.memset.inline.p0.i64", (), signature)
        arguments = [ir.IntType(8)(0), INDEX(self.kind.bytes * count), BIT(0)]
        builder.call(fill, [self.pointer.value, *arguments])
