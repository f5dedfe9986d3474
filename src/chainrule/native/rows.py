"""Who touches which rows: how threads share out the rows of an array, and where two steps share them out alike.

The threads' bounds follow from the length of an axis alone, so a step that reads the very rows that its thread wrote
need not wait for the others, and finds them in its own cache.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from chainrule.loops import Buffer, For, Index, Load, Scalar, extent_of, in_order, scalars_of, statements
from chainrule.loops.affine import affine
from chainrule.lower.program import Place, Run
from chainrule.native.mapping import grain_of
from chainrule.native.nest import Nest

Way: TypeAlias = Literal["each", "split", "one"]
_Memory: TypeAlias = "tuple[int, int] | Place"
"""A piece of the arena, from byte to byte, or a place outside it."""


class Rows(NamedTuple):
    """How the rows of a place are shared out: grains of so many rows follow one another, and none is divided."""

    extent: int
    grain: int

    @classmethod
    def of(cls, extent: int) -> Rows:
        """The rows of an axis that is shared out as it is."""
        return cls(extent, grain_of(extent))

    @property
    def grains(self) -> int:
        """How many whole grains there are; 1 where the last one is not whole."""
        return self.extent // self.grain if self.extent % self.grain == 0 else 1


@dataclass
class Touch:
    """One step's access to one place."""

    place: Place
    way: Way
    rows: Rows | None
    """How the threads have its rows, where each touches only its own."""
    writes: bool

    def agreement(self, other: Touch) -> int:
        """For which numbers of threads a thread touches the same rows both times: the divisors of this; 0: for all.

        The threads' bounds are whole grains, as evenly as they go. Bounds by other grains are the same where the number
        of threads divides the number of either's grains.
        """
        if self.way == other.way == "one":
            return 0
        if not self.way == other.way == "split" or self.rows is None or other.rows is None:
            return 1
        if self.rows == other.rows:
            return 0
        return math.gcd(self.rows.grains, other.rows.grains) if self.rows.extent == other.rows.extent else 1


class Touched:
    """What was touched since the threads last met, found by its memory: one look does not cost more where much was."""

    def __init__(self, touches: Iterable[Touch] = ()) -> None:
        self._of: dict[_Memory, dict[Hashable, Touch]] = {}
        self._arena: list[tuple[int, int]] = []
        """The pieces of the arena among them, in order."""
        self._longest = 0
        self.add(touches)

    def __bool__(self) -> bool:
        return bool(self._of)

    def __iter__(self) -> Iterator[Touch]:
        return (touch for touches in self._of.values() for touch in touches.values())

    def add(self, touches: Iterable[Touch]) -> None:
        """Remember touches; one of those that make no difference is enough."""
        for touch in touches:
            memory, place = _memory(touch.place), touch.place
            if memory not in self._of and isinstance(memory, tuple):
                insort(self._arena, memory)
                self._longest = max(self._longest, memory[1] - memory[0])
            kind = (touch.way, touch.rows, touch.writes, None if place.base is None else place)
            self._of.setdefault(memory, {}).setdefault(kind, touch)

    def overlapping(self, place: Place) -> Iterator[Touch]:
        """Those that have memory in common with a place."""
        memory = _memory(place)
        shared = [memory] if memory in self._of else []
        if isinstance(memory, tuple):
            begin, end = memory
            first = bisect_left(self._arena, (begin - self._longest, 0))
            near = self._arena[first : bisect_left(self._arena, (end, 0))]
            shared = [one for one in near if one[1] > begin]
        return (touch for one in shared for touch in self._of[one].values())


def _memory(place: Place) -> _Memory:
    root = place.root
    return (root.offset, root.offset + root.bytes) if root.kind == "local" else root


def same_memory(one: Place, other: Place) -> bool:
    """Whether two places are one piece of memory, so that equal shares of their rows are as well."""
    if one is other:
        return True
    local = one.base is other.base is None and one.kind == other.kind == "local"
    return local and one.offset == other.offset and one.bytes == other.bytes


def rows_of_places(step: Run, nest: Nest) -> dict[Place, Rows | None]:
    """For each place how the rows are shared out that alone a thread touches."""
    rows: dict[Place, Rows | None] = {}
    places = dict(zip(step.kernel.buffers, (place.joined for place in step.places), strict=True))
    extents = {one.index: extent_of(one) for one in statements(step.kernel.body) if isinstance(one, For)}

    def note(buffer: Buffer, indices: Sequence[Scalar]) -> None:
        found = _rows_of(buffer, indices[0], nest, extents) if indices else None
        rows[places[buffer]] = found if rows.get(places[buffer], found) == found else None

    for one in statements(step.kernel.body):
        for scalar in in_order(scalars_of(one)):
            if isinstance(scalar, Load):
                note(scalar.buffer, scalar.operands)
        if hasattr(one, "indices"):
            note(one.buffer, one.indices)  # type: ignore[union-attr]
    return rows


def _rows_of(buffer: Buffer, index: Scalar, nest: Nest, extents: Mapping[Index, int | None]) -> Rows | None:
    """How the rows are shared out that an index goes through as threads share out the leading one: it is the leading
    index itself, or goes with each of its steps through a block of rows."""
    found, extent = affine(index), buffer.shape[0]
    rows = Rows.of(nest.leading_extent)
    if nest.leading is None or found.constant or found.others or extent % nest.leading_extent:
        return None
    block = extent // nest.leading_extent
    inside = {one: by for one, by in found.indices.items() if one is not nest.leading}
    is_block = len(inside) == (block > 1) and all(by == 1 and extents.get(one) == block for one, by in inside.items())
    return Rows(extent, rows.grain * block) if is_block and found.indices.get(nest.leading) == block else None
