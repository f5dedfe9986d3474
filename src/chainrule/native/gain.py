"""Whether several threads repay what they cost: the time of a program's steps in one thread over that in several.

Work is divided, but threads that meet wait, and what one wrote another fetches from its cache, line by line: in small
networks that takes longer than the work itself. So this follows, through the steps in their order, who wrote each place
last and who has fetched it since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.lower.program import Branch, Call, Evaluate, Place, Repeat, Step, While

if TYPE_CHECKING:
    from chainrule.native.rows import Touch
    from chainrule.native.share import Shares

_A_MEETING = 300.0  # nanoseconds: of a barrier 60, and the rest for threads that are not equally fast
_A_BYTE, _A_BYTE_OF_MANY, _MANY_BYTES = 0.12, 0.05, 65_536
"""Nanoseconds: of a cache line 8, that goes to another core and back for the next write; of long rows of lines, which
the processor fetches ahead, 3. (On a virtual Xeon it was 0 to 12 and 4, as the cores were placed.)"""
_UNKNOWN_STEPS = 10

Cost = Callable[[Sequence[Step]], float]


def gain(steps: Sequence[Step], shares: Shares, cost: Cost, threads: int) -> float:
    """How many times faster some threads are than one. `cost` is the time of steps in one thread, in nanoseconds."""
    alone, together = (_Walk(shares, cost, count).steps(steps) for count in (1, threads))
    return alone / max(1.0, together)


class _Walk:
    """The time of steps in some threads, but for what takes as long in any number: routines and callbacks."""

    def __init__(self, shares: Shares, cost: Cost, threads: int) -> None:
        self.shares, self.cost, self.threads = shares, cost, threads
        self.meeting = _A_MEETING if threads > 1 else 0.0
        self.written: dict[Place, Touch] = {}
        self.fetched: dict[Place, set[Any]] = {}

    def steps(self, steps: Sequence[Step]) -> float:
        """The time of some steps, one after another."""
        meets = {step for step, divisors in self.shares.before.items() if divisors % self.threads}
        return sum(self._step(step) + self.meeting * (step in meets) for step in steps)

    def _step(self, step: Step) -> float:
        if step in self.shares.spread:
            return self.cost([step]) / self.threads
        match step:
            case Branch():
                return max(self.steps(step.then), self.steps(step.otherwise))
            case Repeat():
                return step.length * self._again(step, step.body)
            case While():
                return _UNKNOWN_STEPS * self._again(step, [*step.condition, *step.body])
        if isinstance(step, Evaluate | Call):
            return 0.0
        share = self.threads if self.shares.ways.get(step) == "split" else 1
        return self.cost([step]) / share + self._moved(self.shares.touches.get(step, ()))

    def _again(self, loop: Step, body: Sequence[Step]) -> float:
        """The time of a loop's step after the first, which finds what the one before it has left where."""
        self.steps(body)
        return self.steps(body) + self.meeting * (loop in self.shares.after)

    def _moved(self, touches: Sequence[Touch]) -> float:
        """The time in which a step's operands come from the threads that wrote them."""
        total = 0.0
        if self.threads == 1:
            return total
        for touch in touches:
            place, before = touch.place.root, self.written.get(touch.place.root)
            if touch.writes or before is None:
                continue
            is_own = before.agreement(touch) % self.threads == 0
            if is_own or (touch.way, touch.rows) in self.fetched[place]:
                continue
            self.fetched[place].add((touch.way, touch.rows))
            part = 1 / self.threads if touch.rows is not None else (self.threads - 1) / self.threads
            total += _transfer(touch.place.bytes * part)
        for touch in touches:
            if touch.writes:
                self.written[touch.place.root], self.fetched[touch.place.root] = touch, set()
        return total


def _transfer(size: float) -> float:
    """The time in which so many bytes come from another core's cache."""
    return _A_BYTE * min(size, _MANY_BYTES) + _A_BYTE_OF_MANY * max(0.0, size - _MANY_BYTES)
