"""Copies that change the order of axes, in square blocks that are transposed in registers: whole nests, and panels.

A block of as many vectors as a vector has lanes is read along the one axis, transposed, and written along the other.
The transposition exchanges the halves of pairs of vectors, then quarters, and so on (Eklundh, A fast computer method
for matrix transposing, 1972): with n lanes n log2(n) shuffles for n^2 elements.
"""

from __future__ import annotations

import math
from typing import Any

from chainrule.loops import Load
from chainrule.loops.affine import address, uses
from chainrule.lower.pack import PANEL_LENGTH, PANEL_READS
from chainrule.native import ir
from chainrule.native.code import shuffle
from chainrule.native.nest import Axis, Nest


def crossed_axis(nest: Nest, along: Axis | None, lanes: int) -> Axis | None:
    """For a nest that only copies, with rows of the source across the lanes: the axis along which these rows run."""
    if nest.fold is not None or len(nest.stores) != 1 or along is None:
        return None
    (target,), source = nest.stores, nest.stores[0].value
    if not isinstance(source, Load) or source.dtype.kind == "b":
        return None
    read, written = address(source.operands, source.buffer.shape), address(target.indices, target.buffer.shape)
    if read.others or written.others or written.indices.get(along.index, 0) != 1:
        return None
    for axis in nest.outer:
        if axis is not along and read.indices.get(axis.index, 0) == 1 and min(axis.extent, along.extent) >= lanes:
            return axis if read.indices.get(along.index, 0) not in (0, 1) else None
    return None


def crossed_in_fold(nest: Nest, load: Load, along: Axis) -> Axis | None:
    """For an operand of a fold that lies in rows across the lanes, and that many results read: the axis of the fold
    along which these rows run. A transposed panel is worth its copy then; lowering counts on it and makes none."""
    place, used = address(load.operands, load.buffer.shape), uses(load, nest.facts)
    if nest.fold is None or place.others or load.dtype.kind == "b" or place.indices.get(along.index, 0) in (0, 1):
        return None
    others = [axis for axis in nest.outer if axis is not along]
    if any(axis.index in used for axis in others) or math.prod(axis.extent for axis in others) < PANEL_READS:
        return None
    if address(nest.fold.indices, nest.fold.buffer.shape).indices.get(along.index, 0) != 1:
        return None
    rows = (axis for axis in nest.inner if place.indices.get(axis.index, 0) == 1)
    return next((axis for axis in rows if min(axis.extent, along.extent) >= PANEL_LENGTH), None)


def transposed(builder: ir.IRBuilder, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors, as vectors."""
    count, found = len(rows), list(rows)
    distance = 1
    while distance < count:
        low = [c if not c & distance else count + c - distance for c in range(count)]
        high = [c + distance if not c & distance else count + c for c in range(count)]
        for row in range(count):
            if not row & distance:
                first, second = found[row], found[row + distance]
                found[row] = builder.shuffle_vector(first, second, shuffle(low))
                found[row + distance] = builder.shuffle_vector(first, second, shuffle(high))
        distance *= 2
    return found
