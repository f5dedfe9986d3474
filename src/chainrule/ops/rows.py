"""Rows at computed places: what every index array, mask and assignment comes down to.

`gather` reads rows of an array, `scatter_add` adds rows up where it read them; each is the adjoint of the other. The
rest answers questions about indices: whether one is within bounds, where a mask holds, who wrote last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.graph import Condition, Element, Evaluated, Flat, Linear, Node, Operation, Routine, Sample, Statements
from chainrule.loops import Statement, apply, each, fill, is_within, store, within
from chainrule.loops import cast as to_dtype
from chainrule.ops.samples import F
from chainrule.types import ArrayType

_INT = np.dtype(np.int64)


def _numbers(index: Any) -> np.ndarray:
    """An index as NumPy takes one: in exact arithmetic its integers come as fractions."""
    return np.asarray(index).astype(_INT)


def _fractions(index: np.ndarray) -> Any:
    return np.frompyfunc(Fraction, 1, 1)(index)


def _check_integers(operation: str, index: ArrayType) -> None:
    if index.dtype != _INT:
        raise DtypeError(
            operation, expected="an index of dtype int64", got=f"{index}", remedy="Convert it with astype(np.int64)."
        )


# ------------------------------------------------------------------------------------------------ gather and scatter


def _infer_gather(x: ArrayType, index: ArrayType) -> ArrayType:
    _check_integers("gather", index)
    if not x.ndim:
        raise ShapeError(
            "gather", expected="an array with an axis to index", got=f"{x}", remedy="Index it with an empty tuple."
        )
    return ArrayType(index.shape + x.shape[1:], x.dtype)


def _infer_scatter(index: ArrayType, rows: ArrayType, *, length: int) -> ArrayType:
    _check_integers("scatter_add", index)
    if length < 0 or rows.shape[: index.ndim] != index.shape:
        raise ShapeError(
            "scatter_add",
            expected=f"a row for each index of {index}, to be added up to {length} rows",
            got=f"{rows}",
            remedy="Broadcast the rows to the shape of the index, then the shape of a row.",
        )
    return ArrayType((length, *rows.shape[index.ndim :]), rows.dtype)


def _add_up(zero: Any, index: Any, rows: Any, length: int) -> np.ndarray:
    rows, index = np.asarray(rows), _numbers(index)
    total = np.full((length, *rows.shape[index.ndim :]), zero, rows.dtype)
    np.add.at(total, index, rows)
    return total


def _asked_within(x: Any, places: Any) -> Condition | None:
    """The condition that an index is within bounds; None where `check_index` has seen to that."""
    checked = places.node
    if checked.operation is check_index and x.shape[0] == checked.parameters["shape"][checked.parameters["axis"]]:
        return None
    return Condition(places.shape, lambda index: is_within(places[index], x.shape[0]))


def _scatter_statements(result: Any, index: Any, rows: Any, *, length: int) -> Iterator[Statement]:
    """One row after the other, as they may meet; the elements of a row do not."""
    yield fill(result, 0)
    if length:
        lead = len(index.shape)

        def added(place: tuple[Any, ...]) -> Statement:
            target = (within(index[place[:lead]], length), *place[lead:])
            return store(result, target, result[target] + rows[place])

        yield from each(rows.shape, added, serial=tuple(range(lead)))


def _stacked(node: Node, has: bool, size: int) -> Node:
    return node if has else np.broadcast_to(node, (size, *node.shape))


def _offset(index: Node, size: int, length: int) -> Node:
    """The index of each example, counted in one array that holds the rows of all examples."""
    return index + np.reshape(length * np.arange(size), (size, *(1,) * (index.ndim - 1)))


def _batch_gather(operands: Sequence[Node], batched: Sequence[bool], size: int) -> Node:
    x, index = operands
    if not batched[0]:
        return gather(x, index)
    rows = np.reshape(x, (size * x.shape[1], *x.shape[2:]))
    return gather(rows, _offset(_stacked(index, batched[1], size), size, x.shape[1]))


def _batch_scatter(operands: Sequence[Node], batched: Sequence[bool], size: int, *, length: int) -> Node:
    index, rows = (_stacked(node, has, size) for node, has in zip(operands, batched, strict=True))
    total = scatter_add(_offset(index, size, length), rows, length=size * length)
    return np.reshape(total, (size, length, *total.shape[1:]))


_ROWS, _PLACES = F([1, 2], [3, "1/4"], [5, 6]), np.array([[2, 0], [2, 2]])

gather = Operation(
    name="gather",
    infer=_infer_gather,
    reference=lambda x, index: np.take(x, index, axis=0),
    exact=lambda x, index: np.take(x, _numbers(index), axis=0),
    derivative=Linear(lambda g, k, x, index: scatter_add(index, g, length=x.shape[0]), operands=(0,)),
    batch=_batch_gather,
    lowering=Element(
        lambda index, x, places: x[
            (within(places[index[: len(places.shape)]], x.shape[0]), *index[len(places.shape) :])
        ],
        valid=_asked_within,
    ),
    latex=r"{{{0}}}_{{{1}}}",
    samples=lambda: [Sample(_ROWS, _PLACES), Sample(F(1, "1/2"), np.array(1)), Sample(_ROWS, np.zeros((0, 2), int))],
    rejects=lambda: [
        Sample(np.zeros(3), np.zeros(2), words="an index of dtype int64; got float64[2]"),
        Sample(np.zeros(()), np.zeros(2, int), words="an array with an axis to index"),
    ],
)

scatter_add = Operation(
    name="scatter_add",
    infer=_infer_scatter,
    reference=lambda index, rows, *, length: _add_up(0, index, rows, length),
    exact=lambda index, rows, *, length: _add_up(Fraction(0), index, rows, length),
    derivative=Linear(lambda g, k, index, rows, *, length: gather(g, index), operands=(1,)),
    batch=_batch_scatter,
    lowering=Statements(
        _scatter_statements,
        valid=lambda index, rows, *, length: Condition(index.shape, lambda place: is_within(index[place], length)),
    ),
    latex=r"\sum_{{i = {0}}} {1}",
    samples=lambda: [
        Sample(_PLACES, F([[1, 2], [3, 4]], [[5, "1/6"], [7, 8]]), length=4),
        Sample(np.array(1), F("1/2"), length=2),
    ],
    rejects=lambda: [
        Sample(
            np.zeros(2, int),
            np.zeros(3),
            length=4,
            words="a row for each index of int64[2], to be added up to 4 rows; got float64[3]",
        ),
        Sample(np.zeros(2), np.zeros(2), length=4, words="got float64[2]"),
    ],
)


# ------------------------------------------------------------------------------------------------ bounds of an index


def counted_from_front(index: np.ndarray, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """An index as integers of 0 or more; an error that names one which is out of bounds."""
    n = shape[axis]
    outside = (index < -n) | (index >= n)
    if outside.any():
        raise AxisError(
            "index",
            expected=f"an index from {-n} to {n - 1} into axis {axis} of shape {shape}"
            if n
            else f"no index into axis {axis} of shape {shape}",
            got=f"{index[outside].ravel()[0]}",
            remedy="Count from 0, or from -1 backwards; np.clip brings an index within bounds."
            if n
            else "Leave out what is empty.",
        )
    index = index.astype(_INT)
    return np.where(index < 0, index + n, index)


def _from_front(index: Any, n: int) -> Any:
    """A scalar index as an int64 that counts from the front; out of bounds where it was."""
    if index.dtype.kind == "u":  # what int64 cannot hold is out of any bounds
        index = apply("minimum", index, min(n, np.iinfo(index.dtype).max))
    index = to_dtype(index, _INT)
    return apply("select", index < 0, index + n, index)


def _infer_check(index: ArrayType, *, axis: int, shape: tuple[int, ...]) -> ArrayType:
    if index.dtype.kind not in "iu":
        raise DtypeError(
            "index",
            expected=f"integers or booleans to index axis {axis} of shape {shape}",
            got=f"{index}",
            remedy="Convert it with astype(int).",
        )
    return ArrayType(index.shape, _INT)


check_index = Operation(
    name="check_index",
    infer=_infer_check,
    reference=lambda index, *, axis, shape: counted_from_front(np.asarray(index), axis, shape),
    exact=lambda index, *, axis, shape: _fractions(counted_from_front(_numbers(index), axis, shape)),
    derivative=Flat(),
    batch=lambda operands, batched, size, *, axis, shape: check_index(operands[0], axis=axis, shape=shape),
    lowering=Element(
        lambda place, index, *, axis, shape: within(_from_front(index[place], shape[axis]), shape[axis]),
        valid=lambda index, *, axis, shape: Condition(
            index.shape, lambda place: is_within(_from_front(index[place], shape[axis]), shape[axis])
        ),
    ),
    latex="{0}",
    samples=lambda: [Sample(np.array([[0, -1], [2, -3]]), axis=1, shape=(2, 3))],
    rejects=lambda: [
        Sample(
            np.zeros(2), axis=0, shape=(3,), words="integers or booleans to index axis 0 of shape (3,); got float64[2]"
        )
    ],
)


# ------------------------------------------------------------------------------------------- where a mask holds


def _infer_nonzero(mask: ArrayType, *, count: int) -> ArrayType:
    if mask.dtype.kind != "b" or not mask.ndim or not 0 <= count <= mask.shape[-1]:
        raise ArgumentError(
            "nonzero",
            expected="a mask with an axis, and at most as many places as it has",
            got=f"{mask} and {count}",
            remedy="Compare with 0 first.",
        )
    return ArrayType((*mask.shape[:-1], count), _INT)


def _holding_first(mask: Any, count: int) -> np.ndarray:
    return np.argsort(~np.asarray(mask, dtype=bool), axis=-1, kind="stable")[..., :count]


# Of each row of the mask the `count` first places, those where it holds before the others. The count is part of the
# shape, so it cannot depend on the values; a guard of the trace says that it is the number of places that hold.
nonzero = Operation(
    name="nonzero",
    infer=_infer_nonzero,
    reference=lambda mask, *, count: _holding_first(mask, count),
    exact=lambda mask, *, count: _fractions(_holding_first(mask, count)),
    derivative=Flat(),
    batch=lambda operands, batched, size, *, count: nonzero(operands[0], count=count),
    lowering=Routine(
        "nonzero", lambda mask, *, count: (math.prod(mask.shape[:-1]), mask.shape[-1], count), Evaluated()
    ),
    latex=r"\operatorname{{nonzero}} {0}",
    samples=lambda: [Sample(np.array([[True, False, True], [False, True, True]]), count=2)],
    rejects=lambda: [
        Sample(np.array([True, False]), count=3, words="got bool[2] and 3"),
        Sample(np.zeros(2), count=1, words="float64[2]"),
    ],
)


# ------------------------------------------------------------------------------------------------ who wrote last


def _infer_writer(index: ArrayType, *, length: int) -> ArrayType:
    _check_integers("last_writer", index)
    if not index.ndim or length < 0:
        raise ShapeError(
            "last_writer",
            expected="an index with an axis",
            got=f"{index} into {length} rows",
            remedy="Reshape the index to (1,).",
        )
    return ArrayType((*index.shape[:-1], length), _INT)


def _last_writer(index: np.ndarray, length: int) -> np.ndarray:
    *lead, count = index.shape
    owner = np.full((*lead, length), -1, _INT)
    rows = tuple(place[..., None] for place in np.indices(lead, sparse=True))
    np.maximum.at(owner, (*rows, index), np.arange(count))
    return owner


# For each of `length` rows the number of the last element of the index (along its last axis) that is that row, or -1.
last_writer = Operation(
    name="last_writer",
    infer=_infer_writer,
    reference=lambda index, *, length: _last_writer(np.asarray(index), length),
    exact=lambda index, *, length: _fractions(_last_writer(_numbers(index), length)),
    derivative=Flat(),
    batch=lambda operands, batched, size, *, length: last_writer(operands[0], length=length),
    lowering=Evaluated(),
    latex=r"\operatorname{{writer}} {0}",
    samples=lambda: [Sample(np.array([[2, 0, 2], [1, 1, 0]]), length=4), Sample(np.array([1, 1]), length=2)],
    rejects=lambda: [
        Sample(np.zeros(2), length=3, words="got float64[2]"),
        Sample(np.array(1), length=3, words="an index with an axis; got int64[] into 3 rows"),
    ],
)
