"""Shapes: broadcasting and axes, with errors that say which axis is at fault."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

from chainrule.errors import ArgumentError, AxisError, ShapeError

Shape = tuple[int, ...]


def size_of(shape: Sequence[int]) -> int:
    """How many elements an array of this shape has.

    >>> size_of((2, 3)), size_of(())
    (6, 1)
    """
    return math.prod(shape)


def broadcast_shapes(operation: str, *shapes: Shape) -> Shape:
    """The shape that these shapes broadcast to (NumPy's rule), or a `ShapeError` that names the axis.

    >>> broadcast_shapes("add", (2, 1), (3,))
    (2, 3)
    """
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    rank = max(map(len, shapes))
    result = []
    for axis in range(-rank, 0):
        sizes = [shape[axis] for shape in shapes if len(shape) >= -axis]
        proper = {size for size in sizes if size != 1}
        if len(proper) > 1:
            raise ShapeError(
                operation,
                expected="shapes that broadcast",
                got=f"{' and '.join(map(str, shapes))}, where axis {axis} is {' and '.join(map(str, sizes))}",
                remedy="Give all the same length there, or make one of them 1.",
            )
        result.append(proper.pop() if proper else 1)
    return tuple(result)


def normalize_axis(operation: str, axis: SupportsIndex, rank: int) -> int:
    """The axis counted from the front.

    >>> normalize_axis("sum", -1, 3)
    2
    """
    try:
        number = operator.index(axis)
    except TypeError:
        raise ArgumentError(
            operation, expected="an integer axis", got=f"{axis!r}", remedy="Give a Python integer."
        ) from None
    if not -rank <= number < rank:
        allowed = f"an axis from {-rank} to {rank - 1}" if rank else "no axis, since the operand has none"
        raise AxisError(
            operation,
            expected=allowed,
            got=f"{number}",
            remedy="Count the axes of the operand from 0, or from -1 backwards."
            if rank
            else "Give the operand axes first, for example with np.atleast_1d.",
        )
    return number % rank


def normalize_axes(operation: str, axis: SupportsIndex | Sequence[SupportsIndex] | None, rank: int) -> tuple[int, ...]:
    """The sorted axes that `axis` means: all for None, and each once.

    >>> normalize_axes("sum", (-1, 0), 3), normalize_axes("sum", None, 2)
    ((0, 2), (0, 1))
    """
    if axis is None:
        return tuple(range(rank))
    axes: Any = axis if isinstance(axis, (tuple, list)) else (axis,)
    normal = tuple(sorted(normalize_axis(operation, one, rank) for one in axes))
    if len(set(normal)) < len(normal):
        raise AxisError(operation, expected="each axis once", got=f"{tuple(axes)}", remedy="Name each axis one time.")
    return normal
