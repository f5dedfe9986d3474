"""Joining places: a copy between two places that may be one is no copy.

Takes a program; leaves it with places joined, and without the copies within one place. Two places may be one if neither
is written while the other still holds what will be read: the test of a register allocator that coalesces (Chaitin,
Register allocation and spilling via graph coloring, 1982), on a program whose loops and branches have kept their shape.
A loop's carries come to be worked on in place in this way, through any depth of branches.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from chainrule.loops import Accumulate, For, Load, Scalar, Store, in_order, same, scalars_of, statements
from chainrule.lower.program import SMALL_BYTES, Branch, Call, Copy, Evaluate, Place, Program, Repeat, Run, Step, While

Live: TypeAlias = frozenset[Place]
NOTHING: Live = frozenset()


def join(program: Program) -> Program:
    """The program with every copy gone that need not be."""
    touched: dict[int, dict[Place, list[int]]] = {}
    _note(program.steps, touched)
    finals = {place.joined for place in program.outputs}
    for copy, inside in list(_copies(program.steps, None)):
        _try(program, copy, inside, touched, finals)
    _drop(program.steps)
    return program


def _copies(steps: list[Step], inside: Repeat | None) -> Iterator[tuple[Copy, Repeat | None]]:
    for step in steps:
        match step:
            case Copy():
                yield step, inside
            case Branch():
                yield from _copies(step.then, inside)
                yield from _copies(step.otherwise, inside)
            case Repeat():
                yield from _copies(step.body, step)
            case While():
                yield from _copies(step.condition, None)
                yield from _copies(step.body, None)


def blocks(step: Step) -> tuple[list[Step], ...]:
    """The blocks inside a step."""
    match step:
        case Branch():
            return step.then, step.otherwise
        case Repeat():
            return (step.body,)
        case While():
            return step.condition, step.body
    return ()


def every(steps: Sequence[Step]) -> list[Step]:
    """Every step, each before those inside it."""
    found: list[Step] = []
    for step in steps:
        found.append(step)
        for block in blocks(step):
            found += every(block)
    return found


def accesses(step: Step) -> tuple[Sequence[Place], Sequence[Place]]:
    """What a step itself reads and writes, blocks inside aside."""
    match step:
        case Run() | Copy() | Evaluate() | Call():
            return step.reads, step.writes
        case Branch() | While():
            return (step.predicate,), ()
    return (), ()


def _note(steps: list[Step], touched: dict[int, dict[Place, list[int]]]) -> set[Place]:
    """For each block, which of its steps touch a place, in themselves or in what is inside them."""
    own: dict[Place, list[int]] = {}
    for number, step in enumerate(steps):
        reads, writes = accesses(step)
        found = {place.joined for place in (*reads, *writes)}
        found |= {place.root for place in found}
        for block in blocks(step):
            found |= _note(block, touched)
        for place in found:
            own.setdefault(place, []).append(number)
    touched[id(steps)] = own
    return set(own)


def _try(
    program: Program,
    copy: Copy,
    inside: Repeat | None,
    touched: dict[int, dict[Place, list[int]]],
    finals: set[Place],
) -> None:
    target, source = copy.target.joined, copy.source.joined
    if target is source or target.type.dtype != source.type.dtype or target.bytes != source.bytes:
        return
    if target.bytes <= SMALL_BYTES and not (
        target.kind == source.kind == "local" and target.base is source.base is None
    ):
        return  # what is small stays where registers can hold it
    pair = Pair(target, source, touched)
    if target.base is not None:
        # The slice of this step: what is kept in it must be made in this step, and nothing else may be at its memory.
        if source.kind != "local" or source.base is not None or inside is None or inside.counter is not target.counter:
            return
        if pair.count(program.steps, source) != pair.count(inside.body, source):
            return
        if pair.count(inside.body, target.root) != 1:
            return
        if source in pair.before(inside.body, NOTHING) or pair.conflict:
            return
        source.same_as = target
    else:
        if source.base is not None:
            return
        free = [place for place in (source, target) if place.kind == "local"]
        if not free:
            return
        if source.kind in ("input", "constant") and pair.written(program.steps, target):
            return
        start = frozenset(place for place in (target, source) if place in finals)
        pair.before(program.steps, start)
        if pair.conflict:
            return
        gone, kept = (source, target) if source.kind == "local" else (target, source)
        gone.same_as = kept
    merge(touched, *((source, target) if source.same_as is not None else (target, source)))


def merge(touched: dict[int, dict[Place, list[int]]], gone: Place, kept: Place) -> None:
    """Count what touched a place as touching another."""
    for own in touched.values():
        if gone in own:
            numbers = own.pop(gone)
            own[kept] = list(heapq.merge(own[kept], numbers)) if kept in own else numbers


class Pair:
    """Two places, and whether one is ever written while the other is needed."""

    def __init__(self, target: Place, source: Place, touched: dict[int, dict[Place, list[int]]]) -> None:
        self.target, self.source, self.touched = target, source, touched
        self.both = frozenset((target, source))
        self.conflict = False

    def steps(self, block: list[Step], *places: Place) -> list[Step]:
        """The steps of a block that touch one of some places, the last first."""
        own = self.touched[id(block)]
        numbers = sorted({number for place in places for number in own.get(place, ())}, reverse=True)
        return [block[number] for number in numbers]

    def count(self, block: list[Step], place: Place) -> int:
        """How often a place is touched in a block."""
        total = 0
        for step in self.steps(block, place):
            reads, writes = accesses(step)
            total += sum(other.joined is place or other.root is place for other in (*reads, *writes))
            total += sum(self.count(inner, place) for inner in blocks(step))
        return total

    def written(self, block: list[Step], place: Place) -> bool:
        """Whether anything but a copy from the other writes a place."""
        for step in self.steps(block, place):
            _, writes = accesses(step)
            if any(other.joined is place for other in writes) and not self._is_copy(step):
                return True
            if any(self.written(inner, place) for inner in blocks(step)):
                return True
        return False

    def _is_copy(self, step: Step) -> bool:
        return isinstance(step, Copy) and {step.target.joined, step.source.joined} == set(self.both)

    def before(self, block: list[Step], live: Live) -> Live:
        """Which of the two are needed before a block, of which `live` are needed after it."""
        for step in self.steps(block, *self.both):
            live = self._before_step(step, live)
        return live

    def _before_step(self, step: Step, live: Live) -> Live:
        match step:
            case Branch():
                found = self.before(step.then, live) | self.before(step.otherwise, live)
                return found | (self.both & {step.predicate.joined})
            case Repeat():
                return self._around(live, lambda after: self.before(step.body, after))
            case While():
                asked = self.both & {step.predicate.joined}
                return self._around(
                    live, lambda after: self.before(step.condition, asked | live | self.before(step.body, after))
                )
        return self._before_leaf(step, live)

    def _around(self, live: Live, once: Callable[[Live], Live]) -> Live:
        """What is needed before a loop: as much as needs be for it to come round to itself."""
        found = live
        while True:
            grown = found | live | once(found)
            if grown == found:
                return found
            found = grown

    def _before_leaf(self, step: Step, live: Live) -> Live:
        if isinstance(step, Copy) and self._is_copy(step):
            target = step.target.joined
            return (live - {target}) | ({step.source.joined} if target in live else set())
        reads, writes = accesses(step)
        killed = self.both & {place.joined for place in writes}
        written = killed | (self.both & {place.root for place in writes})  # of a part of a place the rest stays
        read = self.both & {one for place in reads for one in (place.joined, place.root)}
        if len(written) == 2:
            self.conflict = True
        for place in written:
            (other,) = self.both - {place}
            if other in live or (other in read and not reads_in_place(step, other, place)):
                self.conflict = True
        return (live - killed) | read


def reads_in_place(step: Step, source: Place, target: Place) -> bool:
    """Whether a step reads each element of the one place before it writes that element of the other."""
    if isinstance(step, Evaluate):
        return True
    if not isinstance(step, Run):
        return False
    inside = list(statements(step.kernel.body))
    if len(step.kernel.body) != 1 and not all(isinstance(one, Store) for one in inside):
        return False  # a later nest would read what an earlier one has written
    if any(isinstance(one, Accumulate) or (isinstance(one, For) and one.kind != "parallel") for one in inside):
        return False
    buffers = dict(zip(step.kernel.buffers, (place.joined for place in step.places), strict=True))
    stores = [one for one in inside if isinstance(one, Store)]
    places = [(one.buffer.shape, one.indices) for one in stores if buffers[one.buffer] is target]
    if len(places) != 1:
        return False
    for one in stores:
        for scalar in in_order(scalars_of(one)):
            elsewhere = isinstance(scalar, Load) and not _is_at(scalar, *places[0])
            if elsewhere and buffers[scalar.buffer] is source:  # type: ignore[attr-defined]
                return False
    return True


def _is_at(load: Load, shape: tuple[int, ...], indices: tuple[Scalar, ...]) -> bool:
    return load.buffer.shape == shape and same(load.operands, indices)


def _drop(steps: list[Step]) -> None:
    """Leave out the copies within one place."""
    for step in steps:
        for block in blocks(step):
            _drop(block)
    steps[:] = [s for s in steps if not (isinstance(s, Copy) and s.target.joined is s.source.joined)]
