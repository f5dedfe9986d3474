"""The type of a value in a graph: its shape and its dtype."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.errors import GraphError
from chainrule.types.dtype import DTYPES, check_dtype, check_plain


@dataclass(frozen=True, slots=True)
class ArrayType:
    """Shape and dtype.

    >>> str(ArrayType((4, 3), np.dtype("float32")))
    'float32[4, 3]'
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.name}[{', '.join(map(str, self.shape))}]"

    @staticmethod
    def of(value: Any, operation: str = "input") -> ArrayType:
        """The type of a number or an array.

        >>> str(ArrayType.of(np.zeros((2, 0))))
        'float64[2, 0]'
        """
        array = np.asarray(check_plain(operation, value))
        return ArrayType(array.shape, check_dtype(operation, array.dtype))

    @staticmethod
    def parse(text: str) -> ArrayType:
        """The type that a text like `float32[4, 3]` names.

        >>> ArrayType.parse("float32[4, 3]").shape
        (4, 3)
        """
        found = re.fullmatch(r"(\w+)\[((?:\d+(?:, )?)*)\]", text)
        if found is None or found[1] not in {dtype.name for dtype in DTYPES}:
            raise GraphError(
                "parse",
                expected="a type such as float32[4, 3]",
                got=repr(text),
                remedy="Write the dtype, then the shape in brackets.",
            )
        return ArrayType(tuple(int(part) for part in found[2].split(", ") if part), np.dtype(found[1]))
