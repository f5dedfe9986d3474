"""Reshapes that are computed where they are read, so that they keep no kernels apart.

Takes an element's place in a reshaped array; leaves its place in the source. Where axes were made one, the index along
the new one must fall apart into indices of the old ones: a kernel whose root has such axes loops over the old ones
instead, `i * 2 + j` for an axis of 28 that was one of 14 and one of 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.loops import Index, Scalar, constant
from chainrule.loops.affine import digits

Factors = tuple[tuple[int, ...], ...]
"""For each axis of a shape the lengths whose product it is."""


def is_unit_reshape(shape: Sequence[int], source: Sequence[int]) -> bool:
    """Whether a reshape only adds or drops axes of length 1, so that it moves nothing wherever it is computed.

    >>> is_unit_reshape((4, 1, 2), (1, 4, 2)), is_unit_reshape((4, 2), (2, 4))
    (True, False)
    """
    return [n for n in shape if n != 1] == [n for n in source if n != 1]


def factors(shape: Sequence[int], source: Sequence[int]) -> Factors | None:
    """How the axes of a shape fall apart into those of its source; None where one does into parts of several.

    >>> factors((5, 28), (5, 14, 2)), factors((4, 6), (24,)), factors((4, 6), (6, 4))
    (((5,), (14, 2)), ((4,), (6,)), None)
    """
    found: list[tuple[int, ...]] = [(n,) for n in shape]
    for axes, sources in _groups(shape, source):
        if len(axes) == 1:
            found[axes[0]] = tuple(source[axis] for axis in sources)
        elif len(sources) > 1:
            return None
    return tuple(found)


def source_index(
    index: Sequence[Scalar], shape: Sequence[int], source: Sequence[int], extents: Mapping[Index, int]
) -> tuple[Scalar, ...] | None:
    """Where an element of a reshaped array is in its source; None where the index does not fall apart."""
    found: list[Any] = [constant(0, np.int64)] * len(source)
    for axes, sources in _groups(shape, source):
        flat: Any = index[axes[0]]
        for axis in axes[1:]:
            flat = flat * shape[axis] + index[axis]
        parts = (flat,) if len(sources) == 1 else digits(flat, [source[axis] for axis in sources], extents)
        if parts is None:
            return None
        for axis, part in zip(sources, parts, strict=True):
            found[axis] = part
    return tuple(found)


def _groups(shape: Sequence[int], source: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """The shortest runs of axes of both that have the same length, axes of length 1 aside. Neither is empty."""
    ours = [axis for axis, n in enumerate(shape) if n != 1]
    theirs = [axis for axis, n in enumerate(source) if n != 1]
    groups = []
    while ours and theirs:
        mine, other = [ours.pop(0)], [theirs.pop(0)]
        while (difference := math.prod(shape[k] for k in mine) - math.prod(source[k] for k in other)) != 0:
            (other if difference > 0 else mine).append((theirs if difference > 0 else ours).pop(0))
        groups.append((mine, other))
    return groups
