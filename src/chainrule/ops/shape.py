"""Shapes: the same elements under other axes.

Three operations carry the family: reshape, transpose and broadcast_to. All else that moves axes is written in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.graph import Element, Linear, Node, Operation, SameElements, Sample, as_node, reaches
from chainrule.loops import aligned
from chainrule.ops.samples import F
from chainrule.ops.settings import in_given_order, integer, integers
from chainrule.types import ArrayType, broadcast_shapes, normalize_axes, normalize_axis, size_of

Shape = tuple[int, ...]


# ---------------------------------------------------------------------------------------------- the three operations


def _infer_reshape(kind: ArrayType, *, shape: Shape) -> ArrayType:
    if min(shape, default=0) < 0 or size_of(shape) != size_of(kind.shape):
        raise _no_reshape(kind.shape, shape)
    return ArrayType(shape, kind.dtype)


def _no_reshape(old: Shape, new: Shape) -> ShapeError:
    return ShapeError(
        "reshape",
        expected=f"a shape of {size_of(old)} elements, with at most one length left open as -1",
        got=f"{new} for an array of shape {old}",
        remedy="Choose lengths whose product is the number of elements.",
    )


def _infer_transpose(kind: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    if sorted(axes) != list(range(kind.ndim)):
        raise AxisError(
            "transpose",
            expected=f"each of the axes 0 to {kind.ndim - 1} once"
            if kind.ndim
            else "no axes, since the operand has none",
            got=f"{axes} for an array of shape {kind.shape}",
            remedy="Give a permutation of the axes.",
        )
    return ArrayType(tuple(kind.shape[axis] for axis in axes), kind.dtype)


def _infer_broadcast(kind: ArrayType, *, shape: Shape) -> ArrayType:
    lead = len(shape) - kind.ndim
    if lead < 0 or any(old not in (1, new) for old, new in zip(kind.shape, shape[lead:], strict=True)):
        raise ShapeError(
            "broadcast_to",
            expected=f"a shape that {kind.shape} broadcasts to: the same lengths at the end, or others where it has 1",
            got=f"{shape}",
            remedy="Insert axes with np.expand_dims, or reshape the array first.",
        )
    return ArrayType(shape, kind.dtype)


def _batch_broadcast(operands: Sequence[Node], batched: Sequence[bool], size: int, *, shape: Shape) -> Node:
    (x,) = operands
    gap = (1,) * (len(shape) + 1 - x.ndim)
    return np.broadcast_to(np.reshape(x, (size, *gap, *x.shape[1:])), (size, *shape))


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


reshape = Operation(
    name="reshape",
    infer=_infer_reshape,
    reference=lambda x, *, shape: np.reshape(x, shape),
    exact=lambda x, *, shape: np.reshape(x, shape),
    derivative=Linear(lambda g, k, x, *, shape: np.reshape(g, x.shape)),
    batch=lambda operands, batched, size, *, shape: np.reshape(operands[0], (size, *shape)),
    lowering=SameElements(),
    latex=r"\operatorname{{reshape}} {0}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), shape=(3, 2)),
        Sample(F("1/2").reshape(()), shape=(1, 1)),
        Sample(np.zeros((0, 2)), shape=(3, 0)),
    ],
    rejects=lambda: [
        Sample(
            np.zeros((2, 3)),
            shape=(4, 2),
            words="a shape of 6 elements, with at most one length left open as -1; got (4, 2)",
        ),
        Sample(np.zeros((2, 3)), shape=(-2, -3), words="got (-2, -3) for an array of shape (2, 3)"),
    ],
)

transpose = Operation(
    name="transpose",
    infer=_infer_transpose,
    reference=lambda x, *, axes: np.transpose(x, axes),
    exact=lambda x, *, axes: np.transpose(x, axes),
    derivative=Linear(lambda g, k, x, *, axes: np.transpose(g, _inverse(axes))),
    batch=lambda operands, batched, size, *, axes: np.transpose(operands[0], (0, *(axis + 1 for axis in axes))),
    lowering=Element(lambda index, x, *, axes: x[tuple(index[axis] for axis in _inverse(axes))]),
    latex=r"{{{0}}}^{{\mathsf{{T}}}}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), axes=(1, 0)),
        Sample(F([[1], [2], [3]], [[4], [5], [6]]), axes=(2, 0, 1)),
    ],
    rejects=lambda: [
        Sample(np.zeros((2, 3)), axes=(0, 0), words="each of the axes 0 to 1 once; got (0, 0)"),
        Sample(np.zeros(()), axes=(0,), words="no axes, since the operand has none"),
    ],
)

broadcast = Operation(
    name="broadcast_to",
    infer=_infer_broadcast,
    reference=lambda x, *, shape: np.broadcast_to(x, shape),
    exact=lambda x, *, shape: np.broadcast_to(x, shape),
    derivative=Linear(lambda g, k, x, *, shape: unbroadcast(g, x.shape)),
    batch=_batch_broadcast,
    lowering=Element(lambda index, x, *, shape: x[aligned(index, x.shape)]),
    latex=r"\operatorname{{broadcast}} {0}",
    samples=lambda: [
        Sample(F(1, 2, 3), shape=(2, 3)),
        Sample(F([1], [2]), shape=(3, 2, 4)),
        Sample(F("1/2").reshape(()), shape=(2,)),
        Sample(F([1, 2]), shape=(0, 2)),
    ],
    rejects=lambda: [
        Sample(np.zeros(3), shape=(2, 4), words="a shape that (3,) broadcasts to"),
        Sample(np.zeros((2, 3)), shape=(3,), words="got (3,)"),
    ],
)


def unbroadcast(x: Node, shape: Shape) -> Node:
    """Sum an array back to the shape that was broadcast to its own: the adjoint of broadcasting."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    axes = (*range(lead), *(lead + axis for axis, n in enumerate(shape) if n == 1 and x.shape[lead + axis] != 1))
    return np.reshape(np.sum(x, axis=axes), shape)


# -------------------------------------------------------------------------------------------------- reshape and ravel


@reaches(np.reshape, method="reshape")
def _reshape(x: Any, *lengths: Any, shape: Any = None, order: str = "C") -> Node:
    x = as_node(x)
    given = shape if shape is not None else lengths[0] if len(lengths) == 1 else lengths
    new = _complete(x.shape, integers("reshape", given))
    if _column_major("reshape", order):
        return np.transpose(np.reshape(np.transpose(x), new[::-1]))
    return x if new == x.shape else reshape(x, shape=new)


def _complete(old: Shape, new: Shape) -> Shape:
    """The new shape with its -1, if there is one, replaced by the length that fits."""
    if new.count(-1) != 1:
        return new
    known = size_of([n for n in new if n != -1])
    if known < 1 or size_of(old) % known:
        raise _no_reshape(old, new)
    return tuple(size_of(old) // known if n == -1 else n for n in new)


def _column_major(operation: str, order: str) -> bool:
    """Whether `order` counts the first axis fastest; in a graph, which has no memory layout, "A" and "K" are "C"."""
    if order not in ("C", "F", "A", "K"):
        raise ArgumentError(
            operation, expected='the order "C" or "F"', got=f"{order!r}", remedy='Leave it out for "C", rows first.'
        )
    return order == "F"


@reaches(np.ravel, method="ravel")
@reaches("flatten", method="flatten")
def _ravel(x: Any, order: Any = "C") -> Node:
    return np.reshape(as_node(x), -1, order=order)


# ------------------------------------------------------------------------------------------------------- moving axes


@reaches(np.transpose, np.permute_dims, method="transpose")
def _transpose(x: Any, *order: Any, axes: Any = None) -> Node:
    x = as_node(x)
    given = axes if axes is not None else order[0] if len(order) == 1 else order or None
    given = tuple(reversed(range(x.ndim))) if given is None else integers("transpose", given)
    normal = tuple(normalize_axis("transpose", axis, x.ndim) for axis in given)
    return x if normal == tuple(range(x.ndim)) else transpose(x, axes=normal)


@reaches(np.swapaxes, method="swapaxes")
def _swapaxes(x: Any, axis1: Any, axis2: Any) -> Node:
    x = as_node(x)
    first, second = (normalize_axis("swapaxes", axis, x.ndim) for axis in (axis1, axis2))
    axes = list(range(x.ndim))
    axes[first], axes[second] = second, first
    return np.transpose(x, axes)


@reaches(np.matrix_transpose)
def _matrix_transpose(x: Any, /) -> Node:
    return np.swapaxes(as_node(x), -1, -2)


@reaches(np.moveaxis)
def _moveaxis(x: Any, source: Any, destination: Any) -> Node:
    x = as_node(x)
    sources, targets = (in_given_order("moveaxis", axes, x.ndim) for axes in (source, destination))
    if len(sources) != len(targets):
        raise ArgumentError(
            "moveaxis",
            expected="as many destinations as sources",
            got=f"{source} and {destination}",
            remedy="Give each axis its place.",
        )
    axes = [axis for axis in range(x.ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        axes.insert(target, axis)
    return np.transpose(x, axes)


@reaches(np.rollaxis)
def _rollaxis(x: Any, axis: Any, start: Any = 0) -> Node:
    x = as_node(x)
    axis = normalize_axis("rollaxis", axis, x.ndim)
    start = integer("rollaxis", start)
    target = start if start == x.ndim else normalize_axis("rollaxis", start, x.ndim)
    return np.moveaxis(x, axis, target - (axis < target))


# -------------------------------------------------------------------------------------------------- axes of length 1


@reaches(np.expand_dims)
def _expand_dims(x: Any, axis: Any) -> Node:
    x = as_node(x)
    rank = x.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    new, old = normalize_axes("expand_dims", axis, rank), iter(x.shape)
    return np.reshape(x, tuple(1 if place in new else next(old) for place in range(rank)))


@reaches(np.squeeze, method="squeeze")
def _squeeze(x: Any, axis: Any = None) -> Node:
    x = as_node(x)
    if axis is None:
        return np.reshape(x, tuple(n for n in x.shape if n != 1))
    axes = normalize_axes("squeeze", axis, x.ndim)
    for place in axes:
        if x.shape[place] != 1:
            raise ShapeError(
                "squeeze",
                expected="axes of length 1",
                got=f"axis {place} of length {x.shape[place]} in shape {x.shape}",
                remedy="Leave out axis to remove every axis of length 1.",
            )
    return np.reshape(x, tuple(n for place, n in enumerate(x.shape) if place not in axes))


def _at_least(rank: int, x: Node) -> Node:
    """The array with axes of length 1 added where NumPy adds them: in front, but the third one at the end."""
    missing, back = rank - x.ndim, int(rank == 3)
    return np.reshape(x, (*(1,) * (missing - back), *x.shape, *(1,) * back)) if missing > 0 else x


def _each(rank: int) -> Any:
    def at_least(*arrays: Any) -> Any:
        results = tuple(_at_least(rank, as_node(array)) for array in arrays)
        return results[0] if len(results) == 1 else results

    return at_least


reaches(np.atleast_1d)(_each(1))
reaches(np.atleast_2d)(_each(2))
reaches(np.atleast_3d)(_each(3))


# ------------------------------------------------------------------------------------------------------ broadcasting


@reaches(np.broadcast_to)
def _broadcast_to(x: Any, shape: Any) -> Node:
    x = as_node(x)
    target = integers("broadcast_to", shape)
    return x if target == x.shape else broadcast(x, shape=target)


@reaches(np.broadcast_arrays)
def _broadcast_arrays(*arrays: Any) -> tuple[Node, ...]:
    nodes = [as_node(array) for array in arrays]
    shape = broadcast_shapes("broadcast_arrays", *(node.shape for node in nodes))
    return tuple(np.broadcast_to(node, shape) for node in nodes)


@reaches(np.meshgrid)
def _meshgrid(*arrays: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Node, ...]:
    if indexing not in ("xy", "ij"):
        raise ArgumentError(
            "meshgrid", expected='indexing "xy" or "ij"', got=f"{indexing!r}", remedy='Leave it out for "xy".'
        )
    rank = len(arrays)
    places = [1, 0, *range(2, rank)] if indexing == "xy" and rank > 1 else list(range(rank))
    grids = tuple(
        np.reshape(as_node(array), (*(1,) * place, -1, *(1,) * (rank - 1 - place)))
        for array, place in zip(arrays, places, strict=True)
    )
    return grids if sparse else np.broadcast_arrays(*grids)


# -------------------------------------------------------------------------------------------------- plain questions


@reaches(np.shape)
def _shape(x: Any) -> Shape:
    return x.shape


@reaches(np.ndim)
def _ndim(x: Any) -> int:
    return x.ndim


@reaches(np.size)
def _size(x: Any, axis: Any = None) -> int:
    return size_of([x.shape[place] for place in normalize_axes("size", axis, x.ndim)])
