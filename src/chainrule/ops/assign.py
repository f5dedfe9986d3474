"""Assignment: `x[index] = value` gives a new array, in which the indexed elements are replaced.

Where index arrays name an element twice the last value stays, as in NumPy, and only that one gets a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ShapeError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.declare import cast
from chainrule.ops.index import Plan, as_places, from_rows, read, to_rows
from chainrule.ops.join import array_of
from chainrule.ops.rows import gather, last_writer
from chainrule.ops.slices import cut, whole, write_slice
from chainrule.types import size_of


@reaches("setitem")
def setitem(x: Any, index: Any, value: Any) -> Node:
    """`x` after `x[index] = value`; the value is cast to the dtype of x and broadcast."""
    x = as_node(x)
    value = cast(array_of(value), x.dtype)
    mask = _whole_mask(x, index)
    if mask is not None and value.ndim <= x.ndim - mask.ndim:
        # One value wherever the mask holds: no need to know where that is.
        row = _fitted(value, x.shape[mask.ndim :])
        return np.where(np.reshape(mask, (*mask.shape, *(1,) * row.ndim)), row, x)
    plan = read(index, x.shape)
    value = _fitted(value, plan.result)
    if plan.places:
        value = _looked_up(cut(x, plan.ranges), plan, value)
    value = np.reshape(value, tuple(length for _, length, _ in plan.ranges))
    return value if plan.ranges == tuple(map(whole, x.shape)) else write_slice(x, value, ranges=plan.ranges)


def _whole_mask(x: Node, index: Any) -> Any:
    """The mask that is the whole index, if it is one and fits the first axes of x; else None."""
    (part,) = index if isinstance(index, tuple) and len(index) == 1 else (index,)
    if isinstance(part, (Node, np.ndarray, list)):
        places = as_places(part)
        if places.dtype == bool and places.ndim and places.shape == x.shape[: places.ndim]:
            return places
    return None


def _fitted(value: Node, shape: tuple[int, ...]) -> Node:
    """The value broadcast to the indexed elements; NumPy lets it have more axes if they have length 1."""
    extra = max(0, value.ndim - len(shape))
    fits = value.shape[:extra] == (1,) * extra
    short = value.shape[extra:]
    if not fits or any(n not in (1, m) for n, m in zip(reversed(short), reversed(shape), strict=False)):
        raise ShapeError(
            "assignment",
            expected=f"a value that broadcasts to the indexed elements, of shape {shape}",
            got=f"shape {value.shape}",
            remedy="Give a number, or an array of that shape.",
        )
    return np.broadcast_to(np.reshape(value, short), shape)


def _looked_up(room: Node, plan: Plan, value: Any) -> Node:
    """The cut array with values written at the places of the plan: each row is its last writer's, or stays."""
    rows = to_rows(np.reshape(room, plan.room), plan)
    count, rank = size_of(plan.found), len(plan.found)
    if count == 0:
        return room
    value = np.moveaxis(value, tuple(range(plan.front, plan.front + rank)), tuple(range(rank)))
    value = np.reshape(value, (count, *plan.row))
    places = np.reshape(np.broadcast_to(plan.flat, plan.found), (count,))
    owner = last_writer(places, length=rows.shape[0])
    written = np.reshape(owner >= 0, (-1, *(1,) * len(plan.row)))
    return from_rows(np.where(written, gather(value, np.maximum(owner, 0)), rows), plan)
