"""Whether lowered steps find what they read: no local place is read before there is something in it."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.lower.join import accesses
from chainrule.lower.program import Branch, Place, Program, Repeat, Step, While


def read_too_soon(program: Program) -> list[str]:
    """The places that some step reads although nothing has surely been written there."""
    found: list[str] = []
    _walk(program.steps, set(), found)
    return found


def _walk(steps: Sequence[Step], written: set[Place], found: list[str]) -> None:
    """Go through the steps of a block; what they surely write is added to `written`."""
    for step in steps:
        if isinstance(step, While):
            _walk(step.condition, written, found)
        reads, writes = accesses(step)
        found += [str(one) for one in reads if one.bytes and one.root.kind == "local" and one.root not in written]
        written |= {place.root for place in writes}
        match step:
            case Branch():
                sides = [set(written), set(written)]
                _walk(step.then, sides[0], found)
                _walk(step.otherwise, sides[1], found)
                written |= sides[0] & sides[1]
            case Repeat() if step.length:
                _walk(step.body, written, found)
            case While():
                _walk(step.body, set(written), found)
