"""Longer and shorter along an axis: repeating, rolling, padding, deleting, inserting."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.graph import Node, as_node, concrete, reaches
from chainrule.ops.declare import cast
from chainrule.ops.join import array_of, with_lengths
from chainrule.ops.settings import integers
from chainrule.ops.slices import cut_axis, filled, write_slice
from chainrule.types import normalize_axis

# --------------------------------------------------------------------------------------------- repeating and rolling


@reaches(np.tile)
def _tile(A: Any, reps: Any) -> Node:
    counts, A = integers("tile", reps), as_node(A)
    rank = max(len(counts), A.ndim)
    counts = (*(1,) * (rank - len(counts)), *counts)
    shape = (*(1,) * (rank - A.ndim), *A.shape)
    if min(counts, default=0) < 0:
        raise ArgumentError(
            "tile", expected="counts of 0 or more", got=f"{counts}", remedy="Give how often each axis is repeated."
        )
    apart = np.reshape(A, tuple(length for n in shape for length in (1, n)))
    repeated = np.broadcast_to(apart, tuple(length for pair in zip(counts, shape, strict=True) for length in pair))
    return np.reshape(repeated, tuple(count * n for count, n in zip(counts, shape, strict=True)))


@reaches(np.repeat, method="repeat")
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Node:
    a = np.ravel(as_node(a)) if axis is None else as_node(a)
    axis = normalize_axis("repeat", 0 if axis is None else axis, a.ndim)
    counts, n = integers("repeat", repeats), a.shape[axis]
    if min(counts, default=0) < 0 or len(counts) not in (1, n):
        raise ArgumentError(
            "repeat",
            expected=f"one count of 0 or more, or {n} of them for axis {axis} of shape {a.shape}",
            got=f"{counts}",
            remedy="Give one integer, or one for each element of the axis.",
        )
    if len(counts) == 1:
        apart = np.broadcast_to(np.expand_dims(a, axis + 1), with_lengths(a.shape, axis, n, counts[0]))
        return np.reshape(apart, with_lengths(a.shape, axis, n * counts[0]))
    return np.take(a, np.repeat(np.arange(n), counts), axis)


@reaches(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Node:
    a = as_node(a)
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), sum(integers("roll", shift)), 0), a.shape)
    shifts = integers("roll", shift)
    axes = tuple(normalize_axis("roll", one, a.ndim) for one in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    if len(shifts) != len(axes) and 1 not in (len(shifts), len(axes)):
        raise ArgumentError(
            "roll",
            expected="as many shifts as axes, or one of them",
            got=f"{shift} and {axis}",
            remedy="Give each axis its shift.",
        )
    count = max(len(shifts), len(axes))
    for places, along in zip(shifts * (count // len(shifts)), axes * (count // len(axes)), strict=True):
        n = a.shape[along]
        back = places % n if n else 0
        if back:
            a = np.concatenate([cut_axis(a, along, n - back, back), cut_axis(a, along, 0, n - back)], along)
    return a


# ----------------------------------------------------------------------------------------------------------- padding
# edge, reflect, symmetric and wrap copy elements of the array; NumPy itself says which, when it pads their numbers.
_COPYING = ("edge", "reflect", "symmetric", "wrap")


def _copied(shape: tuple[int, ...], axis: int, pair: list[int], mode: Any) -> np.ndarray:
    if shape[axis] == 0:
        raise ShapeError(
            "pad",
            expected="an element to copy",
            got=f"none along axis {axis} of shape {shape}",
            remedy='Pad with mode="constant".',
        )
    return np.pad(np.arange(shape[axis]), pair, mode)


@reaches(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Node:
    array = as_node(array)
    try:
        widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2)).tolist()
    except ValueError:
        widths = [[-1]]
    if any(not isinstance(width, int) or width < 0 for pair in widths for width in pair):
        raise ArgumentError(
            "pad",
            expected=f"widths of 0 or more: one, a pair, or a pair for each of the {array.ndim} axes",
            got=f"{pad_width!r}",
            remedy="Give ((before, after), ...), one pair for each axis.",
        )
    if mode in _COPYING:
        for axis, pair in enumerate(widths):
            if any(pair):
                array = np.take(array, _copied(array.shape, axis, pair, mode), axis)
        return array
    if mode != "constant":
        raise ArgumentError(
            "pad",
            expected=f"a mode among constant, {', '.join(_COPYING)}",
            got=f"{mode!r}",
            remedy="Pad with np.concatenate instead.",
        )
    shape = tuple(before + n + after for n, (before, after) in zip(array.shape, widths, strict=True))
    if isinstance(constant_values, Node):
        frame = np.broadcast_to(cast(constant_values, array.dtype), shape)
    elif np.ndim(constant_values) == 0:
        frame = filled(constant_values, shape, array.dtype)
    else:
        frame = as_node(np.pad(np.zeros(array.shape, array.dtype), widths, constant_values=constant_values))
    return write_slice(
        frame, array, ranges=tuple((before, n, 1) for n, (before, _) in zip(array.shape, widths, strict=True))
    )


# ----------------------------------------------------------------------------------------- deleting and inserting


def _fixed(obj: Any) -> Any:
    """Places as plain numbers: the shape of the result depends on them."""
    return concrete(obj, "places that are the same for every example") if isinstance(obj, Node) else obj


def _no_places(operation: str, shape: tuple[int, ...], axis: int, obj: Any) -> AxisError:
    allowed = f"places along axis {axis} of shape {shape}"
    return AxisError(operation, expected=allowed, got=f"{obj!r}", remedy="Count them from 0, or from -1 backwards.")


@reaches(np.delete)
def _delete(arr: Any, obj: Any, axis: Any = None) -> Node:
    arr, obj = np.ravel(as_node(arr)) if axis is None else as_node(arr), _fixed(obj)
    axis = normalize_axis("delete", 0 if axis is None else axis, arr.ndim)
    try:
        kept = np.delete(np.arange(arr.shape[axis]), obj)
    except (IndexError, ValueError):
        raise _no_places("delete", arr.shape, axis, obj) from None
    return np.take(arr, kept, axis)


@reaches(np.insert)
def _insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Node:
    arr, obj, values = np.ravel(as_node(arr)) if axis is None else as_node(arr), _fixed(obj), array_of(values)
    axis = normalize_axis("insert", 0 if axis is None else axis, arr.ndim)
    values = cast(np.reshape(values, (*(1,) * (arr.ndim - values.ndim), *values.shape)), arr.dtype)
    if np.ndim(obj) == 0:  # NumPy's rule: at one place, the first axis of the values counts what is inserted
        values = np.moveaxis(values, 0, axis)
    n, count = arr.shape[axis], max(np.size(obj), values.shape[axis])
    values = np.broadcast_to(values, with_lengths(arr.shape, axis, count))
    try:
        order = np.insert(np.arange(n), obj, n + np.arange(count))  # where each element stands in arr, then the values
    except (IndexError, ValueError):
        raise _no_places("insert", arr.shape, axis, obj) from None
    return np.take(np.concatenate([arr, values], axis), order, axis)
