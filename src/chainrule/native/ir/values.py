"""What instructions take: values by their names, and constants."""

from __future__ import annotations

from typing import Any, Final

from chainrule.native.ir.types import ArrayType, DoubleType, FloatType, LiteralStructType, Type, VectorType


class _Undefined:
    """What a constant is that may be anything."""


Undefined: Final = _Undefined()


class Value:
    """A value of a type. `text` is what names it in the function, or the constant itself."""

    __slots__ = ("text", "type")

    def __init__(self, kind: Type, text: str) -> None:
        self.type: Any = kind
        self.text = text

    def __str__(self) -> str:
        return f"{self.type.text} {self.text}"


class Constant(Value):
    """A number, or one for each lane, element or field; None is zero in all of them.

    >>> print(Constant(VectorType(FloatType(), 2), [1, -0.5]), Constant(DoubleType(), None))
    <2 x float> <float 0x3ff0000000000000, float 0xbfe0000000000000> double 0.0
    """

    __slots__ = ("constant",)

    def __init__(self, kind: Type, constant: Any) -> None:
        self.type, self.constant = kind, constant
        if constant is None:
            self.text = _zero(kind)
        elif constant is Undefined:
            self.text = "undef"
        else:
            self.text = kind.format(constant)


def _zero(kind: Type) -> str:
    if isinstance(kind, VectorType | ArrayType | LiteralStructType):
        return "zeroinitializer"
    if kind.text == "ptr":
        return "null"
    return "0.0" if isinstance(kind, FloatType | DoubleType) else "0"
