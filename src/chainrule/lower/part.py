"""Long folds of few results, in two levels: so that each thread has parts of a sum to do, and of its own rows.

Takes a program; leaves it with such a fold as two kernels: one that folds each of some equal parts of an axis, and one
that folds what these gave. Into how many parts follows from the lengths alone, and with it the order of every sum, so
the number of threads changes no bit (Demmel and Nguyen, Fast reproducible floating-point summation, 2013, section 4).

Two kinds of folds are worth it: those of too few results to share out, and those along rows that threads have shared
out before, as the gradient of a weight is along the batch. The results of the parts then go from one thread to another
instead of all the rows.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from chainrule.loops import (
    Accumulate,
    Buffer,
    For,
    Index,
    Kernel,
    Statement,
    Store,
    accumulate,
    extent_of,
    loads_of,
    loop,
    statements,
    store,
    substitute,
)
from chainrule.loops.affine import uses
from chainrule.lower.build import described
from chainrule.lower.join import accesses, blocks, every
from chainrule.lower.program import Place, Program, Run, Step
from chainrule.types import ArrayType, size_of

PARTS = 8
LONG = 64 * PARTS
"""Steps of a fold for each of its results, from which on the parts' results are little beside them."""
MUCH, MANY = 1 << 16, 32
"""Steps in all that are worth it; rows of the result that threads share out as they are."""
PARTS_OF_ROWS = 4
ROWS, ELEMENTS, TIMES = 64, 4096, 2
"""Rows that are worth staying where they are, and the least that they hold: also so many times what the parts give."""
PART = Index("part")


def part_folds(program: Program) -> Program:
    """Fold in two levels what is long and has few results."""
    numbers = itertools.count()
    _part_block(program, program.steps, lambda kind: Place(f"parts{next(numbers)}", kind))
    return program


def _part_block(program: Program, steps: list[Step], new_place: Callable[[ArrayType], Place]) -> None:
    """The second kernels come as late as they can, and so do folds to one number (of a loss, say) with what follows
    from it: the threads then meet once for many of them."""
    found: list[Step] = []
    waiting: list[Step] = []
    for step in steps:
        for block in blocks(step):
            _part_block(program, block, new_place)
        follows = any(_meets(step, one) for one in waiting)
        if follows and not _is_small(step, program.fault):
            found, waiting, follows = found + waiting, [], False
        first, *last = parted(step, new_place) if isinstance(step, Run) else [step]
        (waiting if follows or _comes_to_one(first, program.fault) else found).append(first)
        waiting += last
    steps[:] = found + waiting


def _comes_to_one(step: Step, fault: Place) -> bool:
    """Whether a kernel makes one number of many. A check, which writes the fault, comes before what it is for."""
    if not isinstance(step, Run) or fault in step.writes:
        return False
    return all(map(_is_one, step.writes)) and not all(map(_is_one, step.reads))


def _is_small(step: Step, fault: Place) -> bool:
    """Whether a step is a kernel of single numbers."""
    return isinstance(step, Run) and fault not in step.writes and all(map(_is_one, step.places))


def _is_one(place: Place) -> bool:
    return size_of(place.type.shape) == 1


def _meets(step: Step, kernel: Step) -> bool:
    """Whether a step, or one inside it, touches what a kernel writes or writes what it reads."""
    reads, writes = ({place.root for place in places} for places in accesses(kernel))
    for one in every([step]):
        read, written = ({place.root for place in places} for places in accesses(one))
        if (read | written) & writes or written & reads:
            return True
    return False


def parted(run: Run, new_place: Callable[[ArrayType], Place]) -> list[Run]:
    """The kernel, or the two that do the same."""
    outer, body = _around(run.kernel.body, "parallel")
    if len(body) < 2 or not isinstance(body[0], Store):
        return [run]
    inner, rest = _around(body[1:2], "serial")
    step, start = rest[0], body[0]
    if len(rest) > 1 or not isinstance(step, Accumulate) or step.buffer is not start.buffer:
        return [run]
    split, count = _division(step, outer, inner)
    if split is None:
        return [run]
    shape = tuple(map(_extent, outer))
    type_ = ArrayType((count, *shape), step.buffer.dtype)
    parts, place = described("parts", type_.shape, type_.dtype, "output"), new_place(type_)
    where = PART, *(one.index for one in outer)
    per = _extent(split) // count
    value = substitute(step.value, {split.index: PART * per + split.index if per > 1 else PART})
    shorter = [loop(one.index, per if one is split else one.stop) for one in inner if one is not split or per > 1]
    first = _within(
        [loop(PART, count, kind="parallel"), *outer],
        store(parts, where, start.value),
        *_within(shorter, accumulate(parts, where, step.combine, value)),
    )
    given = replace(parts, role="input")
    last = _within(outer, start, loop(PART, count, replace(step, value=given[where])), *body[2:])
    inputs = [(b, p) for b, p in zip(run.kernel.buffers, run.places, strict=True) if b.role != "output"]
    outputs = [(b, p) for b, p in zip(run.kernel.buffers, run.places, strict=True) if b.role == "output"]
    return [
        _run(run.kernel.name, first, [*inputs, (parts, place)]),
        _run(run.kernel.name, last, [*inputs, (given, place), *outputs]),
    ]


def _division(step: Accumulate, outer: Sequence[For], inner: Sequence[For]) -> tuple[For | None, int]:
    """The axis that is to be divided and into how many parts; None where it is better left whole."""
    shape, steps = tuple(map(_extent, outer)), math.prod(map(_extent, inner))
    results, rows = math.prod(shape), next((n for n in shape if n > 1), 1)
    if rows < MANY and steps >= LONG and results * steps >= MUCH:
        return next((one for one in inner if _extent(one) % PARTS == 0), None), PARTS
    for one in inner:
        if _extent(one) >= ROWS and _extent(one) % PARTS_OF_ROWS == 0:
            held = _elements_of_rows(step, one)
            if held >= max(ELEMENTS, TIMES * PARTS_OF_ROWS * results):
                return one, PARTS_OF_ROWS
    return None, 0


def _elements_of_rows(step: Accumulate, rows: For) -> int:
    """How many elements of the arrays whose rows a loop goes through are read; 0 where it goes through columns too, as
    in the product of a batch with a weight, whose results are rows of the batch and shared out as such."""
    loads = [load for load in loads_of(step) if load.operands and load.operands[0] is rows.index]
    if any(rows.index in uses(operand, {}) for load in loads_of(step) for operand in load.operands[1:]):
        return 0
    buffers = {load.buffer for load in loads if load.buffer.shape[0] == _extent(rows)}
    return sum(size_of(buffer.shape) for buffer in buffers)


def _around(body: Sequence[Statement], kind: str) -> tuple[list[For], Sequence[Statement]]:
    """The loops of a kind that stand one in another, with lengths that are known, and what is inside them."""
    found: list[For] = []
    while len(body) == 1 and isinstance(one := body[0], For) and one.kind == kind and _extent(one):
        found.append(one)
        body = one.body
    return found, body


def _extent(one: For) -> int:
    """The length of a loop from 0; 0 where that is not known."""
    return extent_of(one) or 0


def _within(loops: Sequence[For], *body: Statement) -> tuple[Statement, ...]:
    """Statements inside loops, the first of which is the outermost."""
    for one in reversed(loops):
        body = (replace(one, body=body),)
    return body


def _run(name: str, body: tuple[Statement, ...], buffers: Sequence[tuple[Buffer, Place]]) -> Run:
    """The kernel of some statements, with those of the buffers that they touch."""
    touched = {one.buffer for one in statements(body) if isinstance(one, (Store, Accumulate))}
    touched |= {load.buffer for one in statements(body) for load in loads_of(one)}
    kept = [(buffer, place) for buffer, place in buffers if buffer in touched]
    return Run(Kernel(name, tuple(b for b, _ in kept), body), tuple(p for _, p in kept))
