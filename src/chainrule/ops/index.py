"""Indexing: `x[...]` in all of NumPy's forms.

An index is read into a plan: which range of each axis is cut out, and which of the remaining axes are looked up by
index arrays. The cut is a slice and a reshape; the axes looked up are merged to one, whose rows are gathered. A mask
stands for the places where it holds; only their number is fixed when the function is traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, DtypeError
from chainrule.graph import Constant, Node, as_node, concrete, reaches
from chainrule.ops.join import array_of
from chainrule.ops.rows import check_index, counted_from_front, gather, nonzero
from chainrule.ops.slices import Range, cut, range_of, whole
from chainrule.record import record
from chainrule.types import broadcast_shapes, size_of

Places = Any  # an index array: numbers that are known, or a node


@record
class Plan:
    """What an index means for an array of some shape.

    `ranges` cut the array, and `room` is the shape of the cut without the axes of integers, with the new axes, and with
    the axes under a mask merged. `places` are looked up along the axes `looked_up` of it, all broadcast to
    `found`, whose axes stand at `front` in the result: where the index arrays are in the index if they (and the
    integers among them) stand together, else first.
    """

    ranges: tuple[Range, ...]
    room: tuple[int, ...]
    places: tuple[Places, ...]
    looked_up: tuple[int, ...]
    found: tuple[int, ...]
    front: int

    @property
    def kept(self) -> list[int]:
        """The axes of the room that are not looked up."""
        return [axis for axis in range(len(self.room)) if axis not in self.looked_up]

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of the kept axes: of what one place holds."""
        return tuple(self.room[axis] for axis in self.kept)

    @property
    def flat(self) -> Places:
        """The places as numbers of rows, the looked-up axes being merged in order."""
        total, *rest = self.places
        for axis, places in zip(self.looked_up[1:], rest, strict=True):
            total = total * self.room[axis] + places
        return total

    @property
    def result(self) -> tuple[int, ...]:
        """The shape of the indexed array."""
        return self.row[: self.front] + self.found + self.row[self.front :]


def read(index: Any, shape: tuple[int, ...]) -> Plan:
    """The plan of an index into an array of this shape; an error where they do not fit."""
    ranges: list[Range] = []
    room: list[int] = []
    places: list[Places] = []
    looked_up: list[int] = []
    parts, front = _parts(index, shape), 0
    runs = [k for k, part in enumerate(parts) if _is_places(part) or isinstance(part, int)]
    together = runs and runs[-1] - runs[0] + 1 == len(runs)  # even dots that stand for no axis keep index arrays apart
    for k, part in enumerate(parts):
        axis = len(ranges)
        if runs and k == runs[0]:
            front = len(room)
        if part is None:
            room.append(1)
        elif isinstance(part, slice):
            ranges.append(_range(part, axis, shape))
            room.append(ranges[-1][1])
        elif isinstance(part, int):
            ranges.append((int(counted_from_front(np.array(part), axis, shape)), 1, 1))
        elif part is not Ellipsis:
            covered = shape[axis : axis + _axes_of(part)]
            looked_up.append(len(room))
            places.append(_true_places(part, axis, shape) if part.dtype == bool else _checked(part, axis, shape))
            ranges.extend(map(whole, covered))
            room.append(size_of(covered))
    found = broadcast_shapes("index", *(part.shape for part in places)) if places else ()
    return Plan(tuple(ranges), tuple(room), tuple(places), tuple(looked_up), found, front if together else 0)


# ------------------------------------------------------------------------------------------------ reading an index


def _parts(index: Any, shape: tuple[int, ...]) -> list[Any]:
    """The parts of an index for each axis, new axis or mask: None, a slice, an integer, or an array of places.

    Axes that are left out are slices, after the dots that stand for them.
    """
    given = [_part(part) for part in (index if isinstance(index, tuple) else (index,))]
    used = sum(map(_axes_of, given))
    if used > len(shape):
        raise AxisError(
            "index",
            expected=f"at most {len(shape)} indices for an array of shape {shape}",
            got=f"{used}",
            remedy="Leave the last ones out, or add axes with np.expand_dims first.",
        )
    rest = [slice(None)] * (len(shape) - used)
    dots = [k for k, part in enumerate(given) if part is Ellipsis]
    if len(dots) > 1:
        raise ArgumentError(
            "index", expected="at most one '...'", got=f"{len(dots)} of them", remedy="Write : for single axes."
        )
    at = dots[0] if dots else len(given)
    return [*given[: at + 1], *rest, *given[at + 1 :]]


def _part(part: Any) -> Any:
    """One part of an index as None, ..., a slice, an integer, or an array of integers or booleans."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    places = as_places(part)
    if isinstance(places, Node) or places.dtype.kind in "biu":
        known = isinstance(places, np.ndarray) and places.ndim == 0 and places.dtype != bool
        return int(places) if known else places
    raise DtypeError(
        "index",
        expected="integers, slices, None, ..., or arrays of integers or booleans",
        got=f"{places.dtype.name}{list(places.shape)}" if isinstance(part, np.ndarray) else f"{part!r}",
        remedy="Convert it with int(...) or astype(int).",
    )


def as_places(value: Any) -> Places:
    """Numbers, nested lists of them and of nodes: as a node if there is one among them, else as an array."""
    if isinstance(value, Constant):
        return value.value
    if isinstance(value, Node):
        return value
    if isinstance(value, (list, tuple)):
        if any(isinstance(part, Node) for part in _flat(value)):
            return array_of(value)
        return np.asarray(value) if any(True for _ in _flat(value)) else np.asarray(value).astype(np.int64)
    return np.asarray(value)


def _flat(value: Any) -> Iterator[Any]:
    """What stands in nested lists."""
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _flat(part)
    else:
        yield value


def _is_places(part: Any) -> bool:
    return isinstance(part, (Node, np.ndarray))


def _axes_of(part: Any) -> int:
    """How many axes of the indexed array a part of an index is for."""
    if part is None or part is Ellipsis:
        return 0
    return part.ndim if _is_places(part) and part.dtype == bool else 1


def _range(part: slice, axis: int, shape: tuple[int, ...]) -> Range:
    try:
        return range_of(part, shape[axis])
    except (TypeError, ValueError):
        raise ArgumentError(
            "index",
            expected=f"a slice of integers, its step not zero, for axis {axis} of shape {shape}",
            got=f"{part!r}",
            remedy="Convert the bounds with int(...), and step by another number than 0.",
        ) from None


def _checked(places: Places, axis: int, shape: tuple[int, ...]) -> Places:
    """Places along an axis, counted from the front; those of a node are checked when it has numbers."""
    return (
        check_index(places, axis=axis, shape=shape)
        if isinstance(places, Node)
        else counted_from_front(places, axis, shape)
    )


def _true_places(mask: Places, axis: int, shape: tuple[int, ...]) -> Places:
    """Where a mask holds, as numbers along the axes that it covers, merged to one."""
    covered = shape[axis : axis + mask.ndim]
    if mask.shape != covered:
        raise AxisError(
            "index",
            expected=f"a mask of shape {covered} for axis {axis} and those after it of shape {shape}",
            got=f"{mask.shape}",
            remedy="Give the mask the lengths of the axes that it selects from.",
        )
    return places_of(mask)


def places_of(mask: Places, construct: str = "np.where(mask, x, 0), whose shape does not depend on the mask") -> Places:
    """The numbers of the elements of a mask that hold, counted in C order. Their count is guarded, not the mask."""
    if not isinstance(mask, Node):
        return np.flatnonzero(mask)
    count = int(concrete(np.sum(mask), construct))
    return nonzero(np.ravel(mask), count=count)


# ---------------------------------------------------------------------------------------------------- carrying it out


def to_rows(room: Node, plan: Plan) -> Node:
    """The cut array with the looked-up axes merged in front."""
    front = np.transpose(room, (*plan.looked_up, *plan.kept))
    return np.reshape(front, (size_of([plan.room[axis] for axis in plan.looked_up]), *plan.row))


def from_rows(rows: Node, plan: Plan) -> Node:
    """The inverse of `to_rows`."""
    order = [*plan.looked_up, *plan.kept]
    front = np.reshape(rows, tuple(plan.room[axis] for axis in order))
    return np.transpose(front, [order.index(axis) for axis in range(len(order))])


@reaches("getitem")
def getitem(x: Any, index: Any) -> Node:
    """What `x[index]` is."""
    x = as_node(x)
    plan = read(index, x.shape)
    room = np.reshape(cut(x, plan.ranges), plan.room)
    if not plan.places:
        return room
    taken = gather(to_rows(room, plan), plan.flat)
    rank = len(plan.found)
    return np.moveaxis(taken, tuple(range(rank)), tuple(range(plan.front, plan.front + rank)))
