"""Joining and splitting.

Concatenation is the one operation here; its adjoint cuts the cotangent apart again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.graph import Linear, Node, Operation, Sample, Statements, as_node, reaches
from chainrule.loops import Statement, each, store
from chainrule.ops.declare import cast
from chainrule.ops.samples import F
from chainrule.ops.settings import integer, integers
from chainrule.ops.slices import cut_axis
from chainrule.types import ArrayType, normalize_axis, promote

# ------------------------------------------------------------------------------------------------------ concatenation


def _infer_concatenate(*types: ArrayType, axis: int) -> ArrayType:
    first = types[0]
    for number, kind in enumerate(types):
        if kind.dtype != first.dtype:
            raise DtypeError(
                "concatenate",
                expected=f"operands already cast to {first.dtype.name}",
                got=f"{kind.dtype.name} in operand {number}",
                remedy="Apply astype to it.",
            )
        if not 0 <= axis < kind.ndim:
            raise AxisError(
                "concatenate",
                expected=f"operands that have axis {axis}",
                got=f"shape {kind.shape} in operand {number}",
                remedy="Use np.stack to join along a new axis.",
            )
        if with_lengths(kind.shape, axis) != with_lengths(first.shape, axis):
            raise ShapeError(
                "concatenate",
                expected=f"operands of the shape {first.shape} but for axis {axis}",
                got=f"{kind.shape} in operand {number}",
                remedy="Give all the same lengths along the other axes.",
            )
    return ArrayType(with_lengths(first.shape, axis, sum(kind.shape[axis] for kind in types)), first.dtype)


def with_lengths(shape: tuple[int, ...], axis: int, *lengths: int) -> tuple[int, ...]:
    """The shape with other lengths, one or several or none, in the place of that of one axis."""
    return shape[:axis] + lengths + shape[axis + 1 :]


def _adjoint(g: Node, k: int, *operands: Node, axis: int) -> Node:
    start = sum(operand.shape[axis] for operand in operands[:k])
    return cut_axis(g, axis, start, operands[k].shape[axis])


def _batch(operands: Sequence[Node], batched: Sequence[bool], size: int, *, axis: int) -> Node:
    stacks = (
        node if has else np.broadcast_to(node, (size, *node.shape)) for node, has in zip(operands, batched, strict=True)
    )
    return concatenate(*stacks, axis=axis + 1)


def _concatenate_statements(result: Any, *arrays: Any, axis: int) -> Iterator[Statement]:
    start = 0
    for array in arrays:

        def placed(index: tuple[Any, ...], array: Any = array, start: int = start) -> Statement:
            place = (*index[:axis], index[axis] + start, *index[axis + 1 :])
            return store(result, place, array[index])

        yield from each(array.shape, placed)
        start += array.shape[axis]


concatenate = Operation(
    name="concatenate",
    infer=_infer_concatenate,
    reference=lambda *arrays, axis: np.concatenate(arrays, axis),
    exact=lambda *arrays, axis: np.concatenate(arrays, axis),
    derivative=Linear(_adjoint, jointly=True),
    batch=_batch,
    lowering=Statements(_concatenate_statements),
    latex=r"\operatorname{{concatenate}}({0}, \dots)",
    samples=lambda: [
        Sample(F([1, 2], [3, "1/4"]), F([5], [6]), axis=1),
        Sample(F(1, 2), F(7, "-8/3", 9), np.zeros(0), axis=0),
        Sample(F([1, 2]), axis=0),
    ],
    rejects=lambda: [
        Sample(
            np.zeros((2, 3)),
            np.zeros((3, 3)),
            axis=1,
            words="of the shape (2, 3) but for axis 1; got (3, 3) in operand 1",
        ),
        Sample(np.zeros((2, 3)), np.zeros(3), axis=0, words="got (3,) in operand 1"),
        Sample(np.zeros(2), np.zeros(()), axis=0, words="operands that have axis 0; got shape () in operand 1"),
        Sample(np.zeros(2), np.zeros(2, int), axis=0, words="int64 in operand 1"),
    ],
)


def array_of(value: Any) -> Node:
    """A number, an array, or nested lists of them and of nodes, as one node."""
    if isinstance(value, (list, tuple)) and any(isinstance(part, (Node, list, tuple)) for part in value):
        return np.stack([array_of(part) for part in value])
    return as_node(value)


@reaches(np.concatenate, np.concat)
def _concatenate(arrays: Any, /, axis: Any = 0, *, dtype: Any = None, casting: str = "same_kind") -> Node:
    nodes: list[Any] = list(map(as_node, arrays))
    if axis is None:
        nodes, axis = [np.ravel(node) for node in nodes], 0
    axis = normalize_axis("concatenate", axis, nodes[0].ndim)
    common = promote("concatenate", *(node.dtype for node in nodes)) if dtype is None else np.dtype(dtype)
    for number, node in enumerate(nodes):
        if not np.can_cast(node.dtype, common, casting):
            raise DtypeError(
                "concatenate",
                expected=f"arrays that {casting} casting brings to {common.name}",
                got=f"{node.type} in array {number}",
                remedy="Cast it with astype first.",
            )
    nodes = [cast(node, common) for node in nodes]
    return nodes[0] if len(nodes) == 1 else concatenate(*nodes, axis=axis)


@reaches(np.stack)
def _stack(arrays: Any, axis: Any = 0, **options: Any) -> Node:
    nodes = list(map(as_node, arrays))
    for number, node in enumerate(nodes):
        if node.shape != nodes[0].shape:
            raise ShapeError(
                "stack",
                expected=f"arrays of one shape, {nodes[0].shape} as the first",
                got=f"{node.shape} in array {number}",
                remedy="Broadcast them to one shape first, or join along an axis that there is with np.concatenate.",
            )
    axis = normalize_axis("stack", axis, nodes[0].ndim + 1)
    return np.concatenate([np.expand_dims(node, axis) for node in nodes], axis, **options)


@reaches(np.vstack)
def _vstack(tup: Any, **options: Any) -> Node:
    return np.concatenate([np.atleast_2d(as_node(array)) for array in tup], 0, **options)


@reaches(np.hstack)
def _hstack(tup: Any, **options: Any) -> Node:
    nodes = [np.atleast_1d(as_node(array)) for array in tup]
    return np.concatenate(nodes, 0 if nodes[0].ndim == 1 else 1, **options)


@reaches(np.dstack)
def _dstack(tup: Any) -> Node:
    return np.concatenate([np.atleast_3d(as_node(array)) for array in tup], 2)


@reaches(np.column_stack)
def _column_stack(tup: Any) -> Node:
    nodes = map(as_node, tup)
    return np.concatenate([np.reshape(node, (-1, 1)) if node.ndim < 2 else node for node in nodes], 1)


@reaches(np.block)
def _block(arrays: Any) -> Node:
    depth = _depth(arrays)
    rank = max(depth, *(node.ndim for node in _leaves(arrays)))

    def joined(part: Any, level: int) -> Node:
        if level == depth:
            node = as_node(part)
            return np.reshape(node, (*(1,) * (rank - node.ndim), *node.shape))
        return np.concatenate([joined(inner, level + 1) for inner in part], level - depth)

    return joined(arrays, 0)


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(part) for part in arrays}
    if len(depths) != 1:
        raise ArgumentError(
            "block",
            expected="lists nested to one depth, none of them empty",
            got=f"depths {sorted(depths)}",
            remedy="Wrap the shallow parts in lists.",
        )
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list[Node]:
    return [leaf for part in arrays for leaf in _leaves(part)] if isinstance(arrays, list) else [as_node(arrays)]


@reaches(np.append)
def _append(arr: Any, values: Any, axis: Any = None) -> Node:
    return np.concatenate([as_node(arr), array_of(values)], axis)


# --------------------------------------------------------------------------------------------------------- splitting


@reaches(np.array_split)
def _array_split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Node]:
    ary = as_node(ary)
    axis = normalize_axis("array_split", axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sections = integer("array_split", indices_or_sections)
        if sections < 1:
            raise ArgumentError(
                "array_split", expected="at least one section", got=f"{sections}", remedy="Give a positive number."
            )
        short, longer = divmod(n, sections)
        ends = list(accumulate([short + 1] * longer + [short] * (sections - longer)))
    else:
        ends = [*integers("array_split", indices_or_sections), n]
    places = [range(*slice(start, end).indices(n)) for start, end in zip([0, *ends], ends, strict=False)]
    return [cut_axis(ary, axis, part.start if part else 0, len(part)) for part in places]


@reaches(np.split)
def _split(ary: Any, indices_or_sections: Any, axis: Any = 0) -> list[Node]:
    ary = as_node(ary)
    if np.ndim(indices_or_sections) == 0:
        sections = integer("split", indices_or_sections)
        n = ary.shape[normalize_axis("split", axis, ary.ndim)]
        if sections < 1 or n % sections:
            raise ShapeError(
                "split",
                expected=f"a number of sections that divides the length {n} of axis {axis}",
                got=f"{sections}",
                remedy="Use np.array_split for sections of unequal length.",
            )
    return np.array_split(ary, indices_or_sections, axis)


def _split_along(operation: str, ary: Any, sections: Any, axis: int, rank: int) -> list[Node]:
    ary = as_node(ary)
    if ary.ndim < rank:
        raise ShapeError(
            operation,
            expected=f"an array of at least {rank} axes",
            got=f"shape {ary.shape}",
            remedy="Use np.split with an axis.",
        )
    return np.split(ary, sections, axis)


@reaches(np.vsplit)
def _vsplit(ary: Any, indices_or_sections: Any) -> list[Node]:
    return _split_along("vsplit", ary, indices_or_sections, 0, 2)


@reaches(np.hsplit)
def _hsplit(ary: Any, indices_or_sections: Any) -> list[Node]:
    return _split_along("hsplit", ary, indices_or_sections, min(ary.ndim - 1, 1), 1)


@reaches(np.dsplit)
def _dsplit(ary: Any, indices_or_sections: Any) -> list[Node]:
    return _split_along("dsplit", ary, indices_or_sections, 2, 3)


@reaches("numpy.unstack")
def _unstack(x: Any, /, *, axis: Any = 0) -> tuple[Node, ...]:
    x = as_node(x)
    return tuple(np.moveaxis(x, normalize_axis("unstack", axis, x.ndim), 0))
