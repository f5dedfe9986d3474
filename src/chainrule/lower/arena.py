"""The arena: one piece of memory for all local places, laid out before anything runs.

Takes a program; leaves every local place with an offset. Places that are never needed at the same time share memory.
"""

from __future__ import annotations

import bisect
import heapq
import itertools
import math
from dataclasses import dataclass

from chainrule.lower.join import accesses, blocks
from chainrule.lower.program import Place, Program, Repeat, Step, While

ALIGNMENT = 64
REST, RESTING_BYTES = 24, range(1 << 10, 4 << 20)
"""So long (two for each step) memory of these sizes is not given out again: whoever writes to memory that others have
just read must wait for them, and would end a strip of kernels that go through their rows together."""


@dataclass
class Span:
    """From the first to the last step that needs a place."""

    first: int
    last: int
    loops: tuple[Step, ...]
    """The loops around all accesses."""
    begins_with_write: bool
    crossed: set[Step]
    """The loops around some of the accesses only."""


def lay_out_arena(program: Program) -> Program:
    """The program with an offset for each local place, and the size of the arena."""
    spans: dict[Place, Span] = {}
    ranges: dict[Step, tuple[int, int]] = {}
    _walk(program.steps, (), itertools.count(), spans, ranges)
    ordered = sorted(
        ((place, _whole(span, ranges)) for place, span in spans.items() if place.kind == "local"),
        key=lambda pair: pair[1],
    )
    program.arena = _assign(ordered)
    return program


def _walk(
    steps: list[Step],
    loops: tuple[Step, ...],
    clock: itertools.count[int],
    spans: dict[Place, Span],
    ranges: dict[Step, tuple[int, int]],
) -> None:
    for step in steps:
        start = next(clock)
        reads, writes = accesses(step)
        inside = (*loops, step) if isinstance(step, (Repeat, While)) else loops
        for place, writing in (*((p, False) for p in reads), *((p, True) for p in writes)):
            _touch(spans, place.root, start, inside, writing and place.joined.base is None)
        for block in blocks(step):
            _walk(block, inside, clock, spans, ranges)
        ranges[step] = start, next(clock)
        if isinstance(step, While):
            _touch(spans, step.predicate.root, ranges[step][1], inside, False)


def _touch(spans: dict[Place, Span], place: Place, time: int, loops: tuple[Step, ...], writing: bool) -> None:
    if place not in spans:
        spans[place] = Span(time, time, loops, writing, set())
        return
    span = spans[place]
    common = tuple(one for one, other in zip(span.loops, loops, strict=False) if one is other)
    span.crossed |= {*span.loops, *loops} - set(common)
    span.last, span.loops = max(span.last, time), common


def _whole(span: Span, ranges: dict[Step, tuple[int, int]]) -> tuple[int, int]:
    """The span, with all of each loop that it lives through: what is read first lives from step to step."""
    crossed = span.crossed if span.begins_with_write else {*span.crossed, *span.loops}
    around = [ranges[loop] for loop in crossed]
    return min([span.first, *(first for first, _ in around)]), max([span.last, *(last for _, last in around)])


def _assign(ordered: list[tuple[Place, tuple[int, int]]]) -> int:
    """Offsets by first fit, in the order in which the places are first needed."""
    gaps, total = _Gaps(), 0
    active: list[tuple[int, int, int]] = []  # (last, offset, end), a heap
    for place, (first, last) in ordered:
        while active and active[0][0] < first:
            _, start, end = heapq.heappop(active)
            gaps.give(start, end)
        size = -(-max(1, place.bytes) // ALIGNMENT) * ALIGNMENT
        last += REST if size in RESTING_BYTES else 0
        place.offset = gaps.take(size)
        heapq.heappush(active, (last, place.offset, place.offset + size))
        total = max(total, place.offset + size)
    return total


class _Gaps:
    """The memory that no place has, as pairs of where it begins and ends, in order; the last one has no end."""

    def __init__(self) -> None:
        self.gaps: list[tuple[int, float]] = [(0, math.inf)]

    def take(self, size: int) -> int:
        """The first so many bytes side by side."""
        at = next(k for k, (start, end) in enumerate(self.gaps) if end - start >= size)
        start, end = self.gaps[at]
        self.gaps[at : at + 1] = [(start + size, end)] if end - start > size else []
        return start

    def give(self, start: int, end: float) -> None:
        """Memory from one offset to another, and with the gaps beside it one gap."""
        after = bisect.bisect(self.gaps, (start,))
        before = after - 1 if after and self.gaps[after - 1][1] == start else after
        if before < after:
            start = self.gaps[before][0]
        if self.gaps[after][0] == end:
            end = self.gaps[after][1]
            after += 1
        self.gaps[before:after] = [(start, end)]
