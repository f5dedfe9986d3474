"""Slices: reading and writing an array at evenly spaced places of each axis.

A range (start, length, step) says which places of one axis: start, start + step, ... A slice reads at such ranges,
`write_slice` puts new values there; each is the adjoint of the other. Flips, diagonals and padding are slices too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.errors import AxisError, ShapeError
from chainrule.graph import Element, Linear, Node, Operation, Sample, Statements, as_node, constant, reaches
from chainrule.loops import Statement, each, store
from chainrule.ops.samples import F
from chainrule.ops.settings import in_given_order, integer
from chainrule.types import ArrayType, normalize_axes

Range = tuple[int, int, int]
Ranges = tuple[Range, ...]


def whole(n: int) -> Range:
    """All places of an axis of length n."""
    return 0, n, 1


def range_of(part: slice, n: int) -> Range:
    """The places that a slice of Python's means on an axis of length n.

    >>> range_of(slice(None, None, -2), 5), range_of(slice(7, 9), 5)
    ((4, 3, -2), (0, 0, 1))
    """
    places = range(*part.indices(n))
    return (places.start, len(places), places.step if len(places) > 1 else 1) if places else (0, 0, 1)


def _python(ranges: Ranges) -> tuple[slice, ...]:
    """The ranges as slices of Python's, in which a step backwards past the first element has no number."""
    ends = [start + length * step for start, length, step in ranges]
    return tuple(
        slice(start, end if end >= 0 else None, step) if length else slice(0, 0)
        for (start, length, step), end in zip(ranges, ends, strict=True)
    )


def _check_ranges(operation: str, shape: tuple[int, ...], ranges: Ranges) -> tuple[int, ...]:
    """The shape of the slice; an error where a range leaves its axis."""
    if len(ranges) != len(shape):
        raise ShapeError(
            operation,
            expected=f"a range for each axis of {shape}",
            got=f"{ranges}",
            remedy="Give whole(n) for a whole axis.",
        )
    for axis, (n, (start, length, step)) in enumerate(zip(shape, ranges, strict=True)):
        last = start + (length - 1) * step
        if length < 0 or (length and not (0 <= start < n and 0 <= last < n)) or (length > 1 and step == 0):
            raise AxisError(
                operation,
                expected=f"places from 0 to {n - 1} along axis {axis} of shape {shape}",
                got=f"{length} of them from {start} in steps of {step}",
                remedy="Cut the range to the axis.",
            )
    return tuple(length for _, length, _ in ranges)


def _infer_write(x: ArrayType, values: ArrayType, *, ranges: Ranges) -> ArrayType:
    room = _check_ranges("write_slice", x.shape, ranges)
    if values != ArrayType(room, x.dtype):
        raise ShapeError(
            "write_slice",
            expected=f"values of type {ArrayType(room, x.dtype)}",
            got=f"{values}",
            remedy="Cast and broadcast the values to the slice that they replace.",
        )
    return x


def _written(x: Any, values: Any, *, ranges: Ranges) -> Any:
    result = np.array(x)
    result[(..., *_python(ranges))] = values  # the dots make a view, also of an array without axes
    return result


def _write_statements(result: Any, x: Any, values: Any, *, ranges: Ranges) -> Iterator[Statement]:
    """The values over the elements of x that they replace."""

    def replaced(index: tuple[Any, ...]) -> Statement:
        places = tuple(start + i * step for i, (start, _, step) in zip(index, ranges, strict=True))
        return store(result, places, values[index])

    yield from each(values.shape, replaced)


def _adjoint_of_write(g: Node, k: int, x: Node, values: Node, *, ranges: Ranges) -> Node:
    return cut(g, ranges) if k == 1 else write_slice(g, filled(0, values.shape, g.dtype), ranges=ranges)


def _batch_write(operands: Any, batched: Any, size: int, *, ranges: Ranges) -> Node:
    x, values = (
        node if has else np.broadcast_to(node, (size, *node.shape)) for node, has in zip(operands, batched, strict=True)
    )
    return write_slice(x, values, ranges=(whole(size), *ranges))


slice_ = Operation(
    name="slice",
    infer=lambda x, *, ranges: ArrayType(_check_ranges("slice", x.shape, ranges), x.dtype),
    reference=lambda x, *, ranges: np.asarray(x)[_python(ranges)],
    exact=lambda x, *, ranges: np.asarray(x)[_python(ranges)],
    derivative=Linear(lambda g, k, x, *, ranges: place(g, x.shape, ranges)),
    batch=lambda operands, batched, size, *, ranges: slice_(operands[0], ranges=(whole(size), *ranges)),
    lowering=Element(
        lambda index, x, *, ranges: x[
            tuple(start + i * step for i, (start, _, step) in zip(index, ranges, strict=True))
        ]
    ),
    latex=r"\operatorname{{slice}} {0}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), ranges=((0, 2, 1), (2, 2, -2))),
        Sample(F([1, 2, 3], [4, 5, 6]), ranges=((1, 1, 1), (0, 0, 1))),
    ],
    rejects=lambda: [
        Sample(
            np.zeros((2, 3)),
            ranges=((0, 2, 1), (0, 3, 2)),
            words="places from 0 to 2 along axis 1 of shape (2, 3); got 3 of them",
        ),
        Sample(np.zeros(3), ranges=(), words="a range for each axis"),
    ],
)

write_slice = Operation(
    name="write_slice",
    infer=_infer_write,
    reference=_written,
    exact=_written,
    derivative=Linear(_adjoint_of_write, jointly=True),
    batch=_batch_write,
    lowering=Statements(_write_statements, over=0),
    latex=r"\operatorname{{write}}({0}, {1})",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), F([7, "-1/2"]), ranges=((1, 1, 1), (2, 2, -2))),
        Sample(F(1).reshape(()), F("1/3").reshape(()), ranges=()),
    ],
    rejects=lambda: [
        Sample(np.zeros(3), np.zeros(3), ranges=((0, 2, 1),), words="values of type float64[2]; got float64[3]"),
        Sample(np.zeros(3), np.zeros(2, int), ranges=((0, 2, 1),), words="got int64[2]"),
        Sample(np.zeros(3), np.zeros(2), ranges=((3, 2, -2),), words="got 2 of them from 3 in steps of -2"),
    ],
)


def filled(value: Any, shape: tuple[int, ...], dtype: np.dtype) -> Node:
    """An array of one number."""
    return np.broadcast_to(constant(value, dtype), shape)


def cut(x: Node, ranges: Ranges) -> Node:
    """The array at these ranges; the array itself where they are the whole of it."""
    return x if ranges == tuple(map(whole, x.shape)) else slice_(x, ranges=ranges)


def place(values: Node, shape: tuple[int, ...], ranges: Ranges) -> Node:
    """Zeros of a shape with values at some ranges: the adjoint of a slice."""
    return write_slice(filled(0, shape, values.dtype), values, ranges=ranges)


def cut_axis(x: Node, axis: int, start: int, length: int, step: int = 1) -> Node:
    """The array cut along one axis."""
    return cut(x, tuple((start, length, step) if k == axis else whole(n) for k, n in enumerate(x.shape)))


# --------------------------------------------------------------------------------------------------- flips and turns


@reaches(np.flip)
def _flip(m: Any, axis: Any = None) -> Node:
    m = as_node(m)
    axes = normalize_axes("flip", axis, m.ndim)
    return cut(m, tuple((n - 1, n, -1) if k in axes and n > 1 else whole(n) for k, n in enumerate(m.shape)))


@reaches(np.fliplr)
def _fliplr(m: Any) -> Node:
    return np.flip(m, 1)


@reaches(np.flipud)
def _flipud(m: Any) -> Node:
    return np.flip(m, 0)


@reaches(np.rot90)
def _rot90(m: Any, k: Any = 1, axes: Any = (0, 1)) -> Node:
    m = as_node(m)
    first, second = in_given_order("rot90", tuple(axes), m.ndim)
    match integer("rot90", k) % 4:
        case 0:
            return m
        case 1:
            return np.swapaxes(np.flip(m, second), first, second)
        case 2:
            return np.flip(m, (first, second))
        case _:
            return np.flip(np.swapaxes(m, first, second), second)


# --------------------------------------------------------------------------------------------------------- diagonals


@reaches(np.diagonal, method="diagonal")
def _diagonal(x: Any, offset: Any = 0, axis1: Any = 0, axis2: Any = 1) -> Node:
    x = _with_two_axes("diagonal", x)
    x = np.moveaxis(x, in_given_order("diagonal", (axis1, axis2), x.ndim), (-2, -1))
    offset, (rows, columns) = integer("diagonal", offset), x.shape[-2:]
    length = max(0, min(rows + min(offset, 0), columns - max(offset, 0)))
    start = (max(offset, 0) - min(offset, 0) * columns) if length else 0
    # Counted row by row, the elements of a diagonal are columns + 1 apart.
    return cut_axis(
        np.reshape(x, (*x.shape[:-2], rows * columns)), x.ndim - 2, start, length, columns + 1 if length > 1 else 1
    )


@reaches(np.diag)
def _diag(v: Any, k: Any = 0) -> Node:
    v = as_node(v)
    if v.ndim == 1:
        k = integer("diag", k)
        n = v.size + abs(k)
        start = (max(k, 0) - min(k, 0) * n) if v.size else 0
        return np.reshape(place(v, (n * n,), ((start, v.size, n + 1 if v.size > 1 else 1),)), (n, n))
    if v.ndim != 2:
        raise ShapeError(
            "diag",
            expected="an array of one or two axes",
            got=f"shape {v.shape}",
            remedy="Use np.diagonal, which takes axis1 and axis2.",
        )
    return np.diagonal(v, k)


@reaches(np.diagflat)
def _diagflat(v: Any, k: Any = 0) -> Node:
    return np.diag(np.ravel(v), k)


@reaches(np.tril)
def _tril(m: Any, k: Any = 0) -> Node:
    return _where_triangle("tril", m, k, lower=True)


@reaches(np.triu)
def _triu(m: Any, k: Any = 0) -> Node:
    return _where_triangle("triu", m, k, lower=False)


def _where_triangle(operation: str, m: Any, k: Any, *, lower: bool) -> Node:
    m = as_node(m)
    if m.ndim == 0:
        raise ShapeError(
            operation,
            expected="an array of at least one axis",
            got="shape ()",
            remedy="Give a matrix, or a stack of them.",
        )
    triangle = np.tri(
        *m.shape[-2:], k=integer(operation, k) - (not lower), dtype=bool
    )  # of a vector: of as many rows as columns
    return np.where(triangle if lower else ~triangle, m, constant(0, m.dtype))


@reaches(np.tril_indices_from)
def _tril_indices_from(m: Any, k: int = 0) -> tuple[np.ndarray, ...]:
    return np.tril_indices(m.shape[-2], k, m.shape[-1])


@reaches(np.triu_indices_from)
def _triu_indices_from(m: Any, k: int = 0) -> tuple[np.ndarray, ...]:
    return np.triu_indices(m.shape[-2], k, m.shape[-1])


def _with_two_axes(operation: str, x: Any) -> Node:
    x = as_node(x)
    if x.ndim < 2:
        raise ShapeError(
            operation,
            expected="an array of at least two axes",
            got=f"shape {x.shape}",
            remedy="Use np.diag to make a matrix of a vector.",
        )
    return x
