"""The types of LLVM's values. Equal types are one object, which carries its text."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from chainrule.native.ir.values import Constant


class Type:
    """A type. A call of it makes a constant.

    >>> print(VectorType(IntType(32), 4), IntType(8)(3))
    <4 x i32> i8 3
    >>> VectorType(FloatType(), 8) is VectorType(FloatType(), 8)
    True
    """

    text: str
    _made: ClassVar[dict[Any, Any]] = {}

    def __str__(self) -> str:
        return self.text

    def __call__(self, value: Any) -> Constant:
        from chainrule.native.ir.values import Constant

        return Constant(self, value)

    def as_pointer(self) -> PointerType:
        """The pointer to such a value: a load by it has this type."""
        return PointerType(self)

    def format(self, value: Any) -> str:
        """A constant of this type, in LLVM's words."""
        return str(value)


def _one(kind: type, *parts: Any) -> tuple[Any, bool]:
    """(the type of these parts, whether it is new)."""
    key = (kind, *parts)
    found = Type._made.get(key)
    if found is not None:
        return found, False
    Type._made[key] = found = object.__new__(kind)
    return found, True


class IntType(Type):
    """An integer of so many bits."""

    width: int

    def __new__(cls, width: int) -> IntType:
        made, new = _one(cls, width)
        if new:
            made.width, made.text = width, f"i{width}"
        return made

    def format(self, value: Any) -> str:
        """A whole number."""
        return str(int(value))


class FloatType(Type):
    """A number of IEEE 754's binary32."""

    def __new__(cls) -> FloatType:
        made, _ = _one(cls)
        made.text = "float"
        return made

    def format(self, value: Any) -> str:
        """A number as the bits of the double that it is: LLVM takes no other form for all of them."""
        return _double(struct.unpack("<f", struct.pack("<f", value))[0])


class DoubleType(Type):
    """A number of IEEE 754's binary64."""

    def __new__(cls) -> DoubleType:
        made, _ = _one(cls)
        made.text = "double"
        return made

    def format(self, value: Any) -> str:
        """A number as its bits."""
        return _double(value)


def _double(value: float) -> str:
    (bits,) = struct.unpack("<Q", struct.pack("<d", value))
    return f"0x{bits:016x}"


class VoidType(Type):
    """The result of a function that gives none."""

    def __new__(cls) -> VoidType:
        made, _ = _one(cls)
        made.text = "void"
        return made


class PointerType(Type):
    """An address. `pointee` is what stands there, None where that is not said."""

    pointee: Type | None

    def __new__(cls, pointee: Type | None = None) -> PointerType:
        made, _ = _one(cls, pointee)
        made.pointee, made.text = pointee, "ptr"
        return made


class VectorType(Type):
    """So many numbers of one type."""

    element: Type
    count: int

    def __new__(cls, element: Type, count: int) -> VectorType:
        made, new = _one(cls, element, count)
        if new:
            made.element, made.count, made.text = element, count, f"<{count} x {element.text}>"
        return made

    def format(self, value: Any) -> str:
        """A number for each lane."""
        return f"<{_each(self.element, value)}>"


class ArrayType(Type):
    """So many values of one type in memory."""

    element: Type
    count: int

    def __new__(cls, element: Type, count: int) -> ArrayType:
        made, new = _one(cls, element, count)
        if new:
            made.element, made.count, made.text = element, count, f"[{count} x {element.text}]"
        return made

    def format(self, value: Any) -> str:
        """Bytes, or the elements."""
        if isinstance(value, bytes | bytearray):
            return 'c"' + "".join(_LETTERS[byte] for byte in value) + '"'
        return f"[{_each(self.element, value)}]"


_LETTERS = [chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:02x}" for byte in range(256)]


def _each(element: Type, values: Sequence[Any]) -> str:
    first, text = values[0], element.text
    if isinstance(first, int | float) and values.count(first) == len(values) and first != 0:  # 0.0 and -0.0 are equal
        return ", ".join([f"{text} {element.format(first)}"] * len(values))
    return ", ".join([f"{text} {one.text if hasattr(one, 'text') else element.format(one)}" for one in values])


class LiteralStructType(Type):
    """Some values of different types."""

    elements: tuple[Type, ...]

    def __new__(cls, elements: Sequence[Type]) -> LiteralStructType:
        made, new = _one(cls, *elements)
        if new:
            made.elements, made.text = tuple(elements), "{" + ", ".join(one.text for one in elements) + "}"
        return made


class FunctionType(Type):
    """What a function takes and gives."""

    return_type: Type
    args: tuple[Type, ...]

    def __new__(cls, return_type: Type, args: Sequence[Type]) -> FunctionType:
        made, new = _one(cls, return_type, *args)
        if new:
            made.return_type, made.args = return_type, tuple(args)
            made.text = f"{return_type.text} ({', '.join(one.text for one in args)})"
        return made
