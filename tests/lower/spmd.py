"""Many threads run one program, at the worst pace: from barrier to barrier each does all of its part before the next
thread begins, or steps of one come between those of others. A barrier that is missing then shows in every run, and not
once in a million."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np

from chainrule.loops import For, Index, Kernel, constant
from chainrule.lower.program import Branch, Evaluate, Place, Program, Repeat, Run, Step, While
from chainrule.native.mapping import choose, grain_of
from chainrule.native.nest import recognise
from chainrule.native.share import Shares
from tests.lower.interpreter import RUBBISH, Machine

WIDTH = 32
"""The bytes of the vectors of the machine that shares are made for."""


def run_together(
    program: Program, shares: Shares, values: Sequence[Any], threads: int, order: Sequence[int] | int
) -> list[np.ndarray]:
    """The outputs; `order` says who goes first after each barrier, or is the seed by which steps are interleaved."""
    first = Machine(program, values)
    team = [Thread(program, values, shares, number, threads, first) for number in range(threads)]
    random = Random(order) if isinstance(order, int) else None
    numbers = range(threads) if isinstance(order, int) else order
    at_work = {number: team[number].walk(program.steps) for number in numbers}
    with np.errstate(all="ignore"):
        while at_work:
            going, ends = list(at_work), set()
            while going:
                number = random.choice(going) if random is not None else going[0]
                found = next(at_work[number], "over")
                if found != "step":
                    going.remove(number)
                    ends |= {found}
            assert len(ends) == 1, "some threads wait at a barrier that others never come to"
            at_work = {} if ends == {"over"} else at_work
    return [first.outputs[place] for place in program.outputs]


class Thread(Machine):
    """One of the threads: the memory is everybody's, but for its own places."""

    def __init__(
        self, program: Program, values: Sequence[Any], shares: Shares, number: int, threads: int, first: Machine
    ) -> None:
        super().__init__(program, values)
        self.shares, self.number, self.threads = shares, number, threads
        self.common, self.arena = first.arena, np.full(program.arena + 1, RUBBISH, np.uint8)
        self.inputs, self.outputs, self.fault = first.inputs, first.outputs, first.fault
        self.own = {place: np.full(max(1, place.bytes), RUBBISH, np.uint8) for place in shares.own}
        self.spreading: Step | None = None

    def memory(self, place: Place) -> np.ndarray:
        """The bytes of a local place."""
        if place in self.own:
            return self.own[place][: place.bytes]
        inside = self.spreading is not None and place in self.shares.spread[self.spreading]
        return (self.arena if inside else self.common)[place.offset : place.offset + place.bytes]

    def walk(self, steps: Sequence[Step]) -> Iterator[str]:
        """Do one's part of the steps, one at a time; "barrier" where one has to wait."""
        for step in steps:
            if self.shares.before.get(step, 0) % self.threads:
                yield "barrier"
            match step:
                case Branch():
                    holds = bool(self.array(step.predicate))
                    yield from self.walk(step.then if holds else step.otherwise)
                    if (step, holds) in self.shares.at_end:
                        yield "barrier"
                case Repeat() if step in self.shares.spread:
                    yield from self.spread(step)
                    yield "barrier"
                case Repeat():
                    for k in reversed(range(step.length)) if step.reverse else range(step.length):
                        self.counters[step.counter] = k
                        yield from self.walk(step.body)
                        if step in self.shares.after:
                            yield "barrier"
                case While():
                    yield from self.loop(step)
                case _:
                    self.part(step)
                    yield "barrier" if isinstance(step, Evaluate) else "step"

    def loop(self, step: While) -> Iterator[str]:
        """A loop until a condition holds no more."""
        done = 0
        while step.steps is None or done < step.steps:
            yield from self.walk(step.condition)
            if not self.array(step.predicate):
                break
            yield from self.walk(step.body)
            if step in self.shares.after:
                yield "barrier"
            done += 1
        if step in self.shares.after:
            yield "barrier"

    def spread(self, step: Repeat) -> Iterator[str]:
        """The steps of a loop that are one's own, on an arena of one's own."""
        start, stop = share_of(step.length, self.number, self.threads, 1)
        self.spreading = step
        for k in range(start, stop):
            self.counters[step.counter] = step.length - 1 - k if step.reverse else k
            yield from self.walk(step.body)
        self.spreading = None

    def part(self, step: Step) -> None:
        """One's part of a step."""
        way = self.shares.ways.get(step)
        if way == "one" and self.number:
            return
        if way != "split":
            self.step(step)
            return
        assert isinstance(step, Run)
        (outer,) = step.kernel.body
        assert isinstance(outer, For)
        extent = int(outer.stop.value)  # type: ignore[attr-defined]
        nest = recognise(outer)
        plan = choose(nest, WIDTH) if nest is not None else None
        if plan is not None and plan.by_columns and plan.along is not None:
            grain = plan.lanes * plan.vectors
            bounds = share_of(plan.along.extent, self.number, self.threads, grain)
            mine = bounded(outer, plan.along.index, *bounds)
        else:
            mine = bounded(outer, outer.index, *share_of(extent, self.number, self.threads, grain_of(extent)))
        self.kernel(Run(Kernel(step.kernel.name, step.kernel.buffers, (mine,)), step.places))


def bounded(loop: For, index: Index, start: int, stop: int) -> For:
    """Loops in which an index goes from start to stop alone."""
    if loop.index is index:
        return replace(loop, start=constant(start, np.int64), stop=constant(stop, np.int64))
    body = (bounded(one, index, start, stop) if isinstance(one, For) else one for one in loop.body)
    return replace(loop, body=tuple(body))


def share_of(extent: int, number: int, threads: int, grain: int) -> tuple[int, int]:
    """The rows of a thread: whole grains, one after another."""
    grains = -(-extent // grain)
    start, stop = (min(extent, who * grains // threads * grain) for who in (number, number + 1))
    return start, stop
