"""Looking numbers up in sorted ones, and choosing among arrays: searchsorted, interp, select, bincount, unique."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.graph import Constant, Evaluated, Flat, Node, Operation, Routine, Sample, as_node, concrete, reaches
from chainrule.ops.declare import cast
from chainrule.ops.index import as_places, places_of
from chainrule.ops.rows import scatter_add
from chainrule.ops.samples import F
from chainrule.ops.settings import integer
from chainrule.ops.slices import filled
from chainrule.types import ArrayType, broadcast_shapes, promote

# ---------------------------------------------------------------------------------------------------- searchsorted


def _infer_search(table: ArrayType, values: ArrayType, *, side: str) -> ArrayType:
    if table.ndim != 2 or values.ndim != 2 or table.shape[0] != values.shape[0] or table.dtype != values.dtype:
        raise ShapeError(
            "searchsorted",
            expected="rows of sorted numbers and as many rows of values, of one dtype",
            got=f"{table} and {values}",
            remedy="Reshape both to two axes.",
        )
    if side not in ("left", "right"):
        raise ArgumentError(
            "searchsorted", expected='the side "left" or "right"', got=f"{side!r}", remedy='Leave it out for "left".'
        )
    return ArrayType(values.shape, np.dtype(np.int64))


def _search(table: Any, values: Any, *, side: Any) -> np.ndarray:
    found = np.empty(np.shape(values), np.int64)
    for k, (row, sought) in enumerate(zip(table, values, strict=True)):
        found[k] = np.searchsorted(row, sought, side)
    return found


def _row_lengths(table: Any, values: Any, *, side: str) -> tuple[int, int, int, int]:
    """How many rows, the lengths of a row of the table and of the values, and whether the side is the left."""
    return table.shape[0], table.shape[1], values.shape[1], int(side == "left")


def _batch_search(operands: Sequence[Node], batched: Sequence[bool], size: int, *, side: str) -> Node:
    table, values = operands
    rows, count = values.shape[-2:]
    if not batched[0]:  # one table for every example: it is searched once for the values of all
        sought = np.reshape(np.swapaxes(values, 0, 1), (rows, size * count))
        return np.swapaxes(np.reshape(search(table, sought, side=side), (rows, size, count)), 0, 1)
    values = values if batched[1] else np.broadcast_to(values, (size, *values.shape))
    found = search(
        np.reshape(table, (size * rows, table.shape[-1])), np.reshape(values, (size * rows, count)), side=side
    )
    return np.reshape(found, (size, rows, count))


search = Operation(
    name="searchsorted",
    infer=_infer_search,
    reference=_search,
    exact=lambda table, values, *, side: np.frompyfunc(Fraction, 1, 1)(_search(table, values, side=side)),
    derivative=Flat(),
    batch=_batch_search,
    lowering=Routine("searchsorted", _row_lengths, Evaluated()),
    latex=r"\operatorname{{searchsorted}}({0}, {1})",
    samples=lambda: [
        Sample(F([1, 2, 5], [0, 1, 3]), F([4, 0, "1/2", 9], [1, -2, 2, "5/2"]), side="left"),
        Sample(F([1, 2, 2]), F([2, "3/2"]), side="right"),
    ],
    rejects=lambda: [
        Sample(np.zeros((1, 3)), np.zeros((2, 3)), side="left", words="got float64[1, 3] and float64[2, 3]"),
        Sample(np.zeros((1, 3)), np.zeros((1, 3)), side="middle", words="""the side "left" or "right"; got 'middle'"""),
    ],
)


@reaches(np.searchsorted, method="searchsorted")
def _searchsorted(a: Any, v: Any, side: str = "left", *, sorter: Any = None) -> Node:
    a, v = _table("searchsorted", a), as_node(v)
    a = a if sorter is None else np.take(a, sorter)
    common = promote("searchsorted", a.dtype, v.dtype)
    found = search(np.reshape(cast(a, common), (1, -1)), np.reshape(cast(v, common), (1, -1)), side=side)
    return np.reshape(found, v.shape)


def _table(operation: str, numbers: Any) -> Node:
    numbers = as_node(numbers)
    if numbers.ndim != 1:
        raise ShapeError(
            operation,
            expected="sorted numbers along one axis",
            got=f"shape {numbers.shape}",
            remedy="Apply it to each row with vmap.",
        )
    return numbers


@reaches(np.digitize)
def _digitize(x: Any, bins: Any, right: bool = False) -> Node:
    bins = _table("digitize", bins)
    side = "left" if right else "right"
    rising = np.searchsorted(bins, x, side)
    if bins.size < 2:
        return rising
    falling = bins.size - np.searchsorted(np.flip(bins), x, side)
    if isinstance(bins, Constant):
        steps = np.diff(bins.value)
        if not ((steps >= 0).all() or (steps <= 0).all()):
            raise ArgumentError(
                "digitize",
                expected="bins that rise or fall throughout",
                got=f"{bins.value}",
                remedy="Sort them with np.sort.",
            )
        return rising if (steps >= 0).all() else falling
    return np.where(bins[0] <= bins[-1], rising, falling)


# ---------------------------------------------------------------------------------------------------------- interp


@reaches(np.interp)
def _interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Node:
    x, xp, fp = (cast(as_node(part), np.float64) for part in (x, xp, fp))
    if xp.ndim != 1 or xp.shape != fp.shape or not xp.size:
        raise ShapeError(
            "interp",
            expected="xp and fp of one length, along one axis, and at least one point",
            got=f"shapes {xp.shape} and {fp.shape}",
            remedy="Interpolate each row of values with vmap.",
        )
    if period is not None:
        x, xp, fp = _unrolled(x, xp, fp, np.abs(period))
        left = right = None
    last = xp.size - 1
    place = np.maximum(np.searchsorted(xp, x, "right") - 1, 0)  # the point at or before x
    value = fp[place]
    if last:
        run, rise = xp[1:] - xp[:-1], fp[1:] - fp[:-1]
        slopes = np.where(run == 0, 0, rise / np.where(run == 0, 1, run))
        value = value + slopes[np.minimum(place, last - 1)] * (x - xp[place])
    value = np.where(x < xp[0], fp[0] if left is None else left, value)
    return np.where(x > xp[-1], fp[-1] if right is None else right, value)


def _unrolled(x: Node, xp: Node, fp: Node, period: Any) -> tuple[Node, Node, Node]:
    """The points within one period, sorted, with one more at each end from the neighbouring periods."""
    x, xp = x % period, xp % period
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    return x, np.concatenate([xp[-1:] - period, xp, xp[:1] + period]), np.concatenate([fp[-1:], fp, fp[:1]])


# ------------------------------------------------------------------------------------------------ choosing and counting


def _of_one_dtype(operation: str, choices: Sequence[Any]) -> list[Node]:
    """The choices cast to what NumPy makes of them together; numbers of Python's are weak."""
    kept = [choice if type(choice) in (int, float) else as_node(choice) for choice in choices]
    common = promote(operation, *(choice.dtype if isinstance(choice, Node) else choice for choice in kept))
    return [cast(as_node(choice), common) for choice in kept]


@reaches(np.select)
def _select(condlist: Any, choicelist: Any, default: Any = 0) -> Node:
    conditions = [as_node(condition) for condition in condlist]
    if len(conditions) != len(choicelist) or not conditions:
        raise ArgumentError(
            "select",
            expected="as many choices as conditions, at least one",
            got=f"{len(choicelist)} for {len(conditions)} conditions",
            remedy="Give each condition its choice, and the rest as default.",
        )
    for number, condition in enumerate(conditions):
        if condition.dtype != bool:
            raise DtypeError(
                "select",
                expected="conditions of booleans",
                got=f"{condition.type} in condition {number}",
                remedy="Compare it with 0.",
            )
    *choices, result = _of_one_dtype("select", (*choicelist, default))
    shape = broadcast_shapes("select", *(node.shape for node in (*conditions, *choices, result)))
    result = np.broadcast_to(result, shape)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result


@reaches(np.choose, method="choose")
def _choose(a: Any, choices: Any, *, mode: Any = "raise") -> Node:
    places, *arrays = np.broadcast_arrays(as_node(a), *_of_one_dtype("choose", choices))
    count, shape = len(arrays), places.shape
    # The bounds are those of the list of choices: its numbers are looked up first, as `mode` says.
    places = np.reshape(np.take(as_node(np.arange(count)), places, mode=mode), (1, -1))
    rows = np.reshape(np.stack(arrays), (count, places.size))
    return np.reshape(np.take_along_axis(rows, places, axis=0), shape)


@reaches(np.bincount)
def _bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Node:
    places = as_places(x)
    if places.ndim != 1 or places.dtype.kind not in "bui":
        raise DtypeError(
            "bincount",
            expected="integers along one axis",
            got=f"{places.dtype.name}{list(places.shape)}",
            remedy="Ravel and convert with astype(int).",
        )
    rows = filled(1, places.shape, np.dtype(np.int64)) if weights is None else cast(as_node(weights), np.float64)
    if rows.shape != places.shape:
        raise ShapeError(
            "bincount",
            expected=f"weights of shape {places.shape}",
            got=f"{rows.shape}",
            remedy="Give one weight for each element.",
        )
    ends = [
        concrete(end, "np.sum(x == k) for each number k") if isinstance(end, Node) else end for end in _ends(places)
    ]
    least, most = map(int, ends)
    if least < 0:
        raise ArgumentError(
            "bincount", expected="integers of 0 or more", got=f"{least}", remedy="Subtract the least of them first."
        )
    length = max(integer("bincount", minlength), most + 1)
    return scatter_add(places.astype(np.int64), rows, length=length)


def _ends(places: Any) -> tuple[Any, Any]:
    """The least and the greatest of some integers; 0 and -1 where there is none."""
    return (np.min(places), np.max(places)) if places.size else (0, -1)


@reaches(np.unique)
def _unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    *,
    equal_nan: bool = True,
) -> Any:
    ar = as_node(ar)
    flat, n = np.ravel(ar), ar.size
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    differs = ordered[1:] != ordered[:-1]
    if equal_nan:
        differs = differs & ((ordered[1:] == ordered[1:]) | (ordered[:-1] == ordered[:-1]))
    is_first = np.concatenate([np.ones(min(n, 1), bool), differs])
    first = places_of(is_first, "np.sort, which keeps what is equal")
    wanted = [ordered[first]]
    if return_index:
        wanted.append(order[first])
    if return_inverse:
        wanted.append(np.reshape((np.cumsum(is_first) - 1)[np.argsort(order)], ar.shape))
    if return_counts:
        wanted.append(np.concatenate([first[1:], np.array([n][: min(n, 1)], np.int64)]) - first)
    return tuple(wanted) if len(wanted) > 1 else wanted[0]
