"""Shapes and dtypes: what an array is before it has numbers."""

from chainrule.types.dtype import DTYPES, check_dtype, check_plain, is_floating, promote
from chainrule.types.shape import broadcast_shapes, normalize_axes, normalize_axis, size_of
from chainrule.types.type import ArrayType

__all__ = [
    "DTYPES",
    "ArrayType",
    "broadcast_shapes",
    "check_dtype",
    "check_plain",
    "is_floating",
    "normalize_axes",
    "normalize_axis",
    "promote",
    "size_of",
]
