"""Strips: kernels that go through the same rows, taken together grain by grain.

Takes a program's steps and how threads share them; leaves the strips: kernels that follow one another without a
barrier, each on a thread's own rows of equally many. What one leaves is in the cache when the next asks for it, if a
thread takes one grain of its rows through all of them, and then the next grain (Wolfe, More iteration space tiling,
1989). No kernel of a strip reads rows of another grain that one of them writes, or there would be a barrier between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from chainrule.lower.join import blocks
from chainrule.lower.program import Run, Step
from chainrule.native.mapping import choose
from chainrule.native.share import Shares, divisible_nest

STRIP_BYTES = 1 << 20
"""What a strip touches at least: less stays in a cache however it is gone through."""


@dataclass
class Strip:
    """Kernels one after another that share out equally many rows."""

    rows: int
    steps: list[Run] = field(default_factory=list)


def strips(steps: Sequence[Step], shares: Shares, width: int) -> dict[Step, Strip]:
    """Every strip, by its first step."""
    found: dict[Step, Strip] = {}
    strip = Strip(0)
    for step in steps:
        for block in blocks(step):
            found |= strips(block, shares, width)
        rows = _rows(step, shares, width)
        if rows != strip.rows or step in shares.before:
            strip = Strip(rows)
        if isinstance(step, Run) and rows:
            strip.steps.append(step)
            found[strip.steps[0]] = strip
    return {first: strip for first, strip in found.items() if _is_worth_it(strip)}


def _rows(step: Step, shares: Shares, width: int) -> int:
    """How many rows the threads share out of a kernel that a strip may have; 0 if it is none."""
    nest = divisible_nest(step, width) if isinstance(step, Run) and shares.ways.get(step) == "split" else None
    plan = choose(nest, width) if nest is not None else None
    whole = plan is None or plan.panel or plan.by_columns  # panels are for all rows at once
    return 0 if nest is None or whole else nest.leading_extent


def _is_worth_it(strip: Strip) -> bool:
    touched = {place.root: place.root.bytes for step in strip.steps for place in step.places}
    return len(strip.steps) > 1 and sum(touched.values()) >= STRIP_BYTES
