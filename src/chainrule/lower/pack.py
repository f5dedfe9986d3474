"""Packing: an operand laid out for the loop that reads it.

Takes a kernel; leaves it with a kernel before it, which copies an operand with its axes in another order, where a fold
would otherwise read that operand across its rows: once for many, since a fold reads it again for each row of the
result. The copy has last the axis that is last in the result, which the lanes of vectors follow. Large products copy
their operands in panels anyhow (`native/tiles.py`), and turn them there.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chainrule.loops import (
    Accumulate,
    Apply,
    Buffer,
    For,
    Index,
    Kernel,
    Load,
    Scalar,
    Statement,
    Store,
    in_order,
    load,
    loads_of,
    loop,
    statements,
    store,
    substitute,
)
from chainrule.loops.affine import address, affine, uses
from chainrule.lower.build import described
from chainrule.lower.program import Place, Program, Run, rewrite
from chainrule.types import ArrayType

OFTEN = 6
"""How many times an element must be read for a copy to pay."""
LONG, LARGE_BYTES = 256, 1 << 19
PANEL_READS, PANEL_LENGTH = 64, 64
"""An operand that so many results read, with axes of such a length, is turned where it is copied in panels."""
LONG_STEPS = 1024
MUCH_BETTER = 0.7
_VECTOR_BYTES = 64  # of the widest machines; what fills those fills all
_SCATTERED, _COPYING = 12.0, 8.0  # in reads of a vector: lanes one by one, a copy of as many elements


@dataclass(frozen=True)
class Packing:
    """A kernel in another form, after copies: what to copy with which kernel from which of its places, and of which
    places, counting the copies after its own, the new form is."""

    copies: tuple[tuple[Kernel, int, ArrayType], ...]
    kernel: Kernel
    places: tuple[int, ...]

    def runs(self, run: Run, new_place: Callable[[ArrayType], Place]) -> list[Run]:
        """The steps in the place of the kernel's."""
        fresh = [new_place(kind) for _, _, kind in self.copies]
        places = (*run.places, *fresh)
        copies = [Run(one, (places[k], to)) for (one, k, _), to in zip(self.copies, fresh, strict=True)]
        return [*copies, Run(self.kernel, tuple(places[k] for k in self.places))]


def pack_operands(program: Program) -> Program:
    """Put the packing of operands before the kernels for which it pays."""
    numbers = itertools.count()
    known: dict[Kernel, Packing | None] = {}

    def new_place(kind: ArrayType) -> Place:
        return Place(f"packed{next(numbers)}", kind)

    def packed(run: Run) -> list[Run]:
        if run.kernel not in known:
            known[run.kernel] = packing(run.kernel)
        found = known[run.kernel]
        return [run] if found is None else found.runs(run, new_place)

    rewrite(program.steps, packed)
    return program


def packing(kernel: Kernel) -> Packing | None:
    """How the operands of a kernel are packed; None where none is."""
    found = _fold_of(kernel.body)
    if found is None:
        return None
    extents, fold = found
    last = _best_axis(fold, extents) if 0 not in extents.values() else None
    if last is None:
        return None
    copies: list[tuple[Kernel, int, ArrayType]] = []
    changed: dict[Scalar, Scalar] = {}
    fresh: list[tuple[Buffer, int]] = []
    for one in in_order([fold.value]):
        end = _wanted_last(one, last, extents, fold) if isinstance(one, Load) else None
        if isinstance(one, Load) and end is not None:
            order = sorted(_axes(one), key=lambda index, end=end: index is end)
            kind = ArrayType(tuple(extents[index] for index in order), one.dtype)
            packed = described(f"p{len(copies)}", kind.shape, kind.dtype, "input")
            fresh.append((packed, len(kernel.buffers) + len(copies)))
            copies.append((_copy(one, order, kind), kernel.buffers.index(one.buffer), kind))
            changed[one] = load(packed, *order)
    if not copies:
        return None
    body = tuple(_replaced(statement, fold, changed) for statement in kernel.body)
    used = {one.buffer for one in _loads(body)}
    kept = [(one, k) for k, one in enumerate(kernel.buffers) if one.role == "output" or one in used]
    inputs = [pair for pair in kept if pair[0].role == "input"]
    outputs = [pair for pair in kept if pair[0].role != "input"]
    buffers, places = zip(*inputs, *fresh, *outputs, strict=True)
    return Packing(tuple(copies), Kernel(kernel.name, buffers, body), places)


def _fold_of(body: tuple[Statement, ...]) -> tuple[dict[Index, int], Accumulate] | None:
    """The lengths of the loops, and the fold, of a kernel that is one nest around one fold."""
    extents: dict[Index, int] = {}
    folds: list[Accumulate] = []

    def walk(statements: tuple[Statement, ...]) -> bool:
        for one in statements:
            if isinstance(one, For):
                if affine(one.start).indices or affine(one.stop).indices or one.index in extents:
                    return False
                extents[one.index] = affine(one.stop).constant
                if not walk(one.body):
                    return False
            elif isinstance(one, Accumulate):
                folds.append(one)
            elif not isinstance(one, Store):
                return False
        return True

    if len(body) != 1 or not walk(body) or len(folds) != 1:
        return None
    return extents, folds[0]


def _best_axis(fold: Accumulate, extents: dict[Index, int]) -> Index | None:
    """The axis of the result that lanes should follow: the last one, if no other is much better.

    An axis is good if it fills vectors, and if what is read moves along it in memory, or may be packed so that it does.
    """
    axes = [index for index in fold.indices if isinstance(index, Index)]
    reads = [one for one in in_order([fold.value]) if isinstance(one, Load)]
    if not axes or not reads:
        return axes[-1] if axes else None
    lanes = _VECTOR_BYTES // fold.value.dtype.itemsize
    if _follows_steps(fold, reads, extents, lanes):
        return None

    def cost(index: Index) -> float:
        n = extents[index]
        total = 1.0
        for one in reads:
            step = address(one.operands, one.buffer.shape).indices.get(index, 0)
            hidden = any(index in uses(other, {}) for other in address(one.operands, one.buffer.shape).others)
            scattered = _SCATTERED if not _is_plain(one, extents) or hidden else 1.0 + _COPYING / _times(one, extents)
            total += scattered if hidden or abs(step) > 1 else 1.0
        return total * -(-n // lanes) * lanes / n

    last = axes[-1]
    best = min(reversed(axes), key=cost)
    return best if cost(best) < MUCH_BETTER * cost(last) else last


def _follows_steps(fold: Accumulate, reads: Sequence[Load], extents: dict[Index, int], lanes: int) -> bool:
    """Whether lanes may follow an axis of the fold, along which all is read for so long that their sum is little."""
    steps = {index: n for index, n in extents.items() if not any(index in uses(one, {}) for one in fold.indices)}
    moves = [address(one.operands, one.buffer.shape).indices for one in reads]
    along = any(n % lanes == 0 and all(one.get(index) == 1 for one in moves) for index, n in steps.items())
    return along and math.prod(steps.values()) >= LONG_STEPS


def _is_plain(one: Load, extents: dict[Index, int]) -> bool:
    """Whether a load takes whole axes, each by an index of its own: so that it can be copied in another order."""
    axes = _axes(one)
    plain = all(isinstance(index, Index) or not uses(index, {}) for index in one.operands)
    whole = zip(one.operands, one.buffer.shape, strict=True)
    return plain and len(set(axes)) == len(axes) and all(extents[i] == n for i, n in whole if isinstance(i, Index))


def _times(one: Load, extents: dict[Index, int]) -> int:
    """How often each element is read."""
    own = set(_axes(one))
    return math.prod(n for index, n in extents.items() if index not in own)


def _axes(one: Load) -> list[Index]:
    return [index for index in one.operands if isinstance(index, Index)]


def _wanted_last(one: Load, last: Index, extents: dict[Index, int], fold: Accumulate) -> Index | None:
    """The axis that a load should have last, if it has not and if it is read often enough for a copy.

    That is the last axis of the result. A large operand without it, of which one element at a time is read, should have
    last the axis of the fold, so that those elements follow one another.
    """
    axes = _axes(one)
    own = set(axes)
    if not _is_plain(one, extents) or len(axes) < 2:
        return None
    times = _times(one, extents)
    if last in own:
        if axes[-1] is last or times < OFTEN or extents[last] < 4 or _is_turned_in_panels(one, last, extents, fold):
            return None
        return last
    inner = [index for index in axes if not any(index is outer for outer in fold.indices)]
    far = inner and axes[-1] is not inner[-1] and extents[inner[-1]] >= LONG and times >= OFTEN * OFTEN
    large = math.prod(one.buffer.shape) * one.dtype.itemsize >= LARGE_BYTES
    return inner[-1] if far and large else None


def _is_turned_in_panels(one: Load, last: Index, extents: dict[Index, int], fold: Accumulate) -> bool:
    """Whether machine code lays an operand out as it goes: one of a plain product, in which it has of all axes of the
    result the last alone, and after that an axis of the fold."""
    axes, results = _axes(one), {index for index in fold.indices if isinstance(index, Index)}
    functions = {x.function for x in in_order([fold.value]) if isinstance(x, Apply)}
    plain = functions == {"multiply"} and fold.indices[-1] is last and one.dtype.kind != "b"
    reads = math.prod(extents[index] for index in results if index is not last)
    long = min(extents[last], extents[axes[-1]]) >= PANEL_LENGTH
    return plain and long and reads >= PANEL_READS and results.intersection(axes) == {last} and axes[-1] is not last


def _copy(one: Load, order: list[Index], kind: ArrayType) -> Kernel:
    """The kernel that fills a packed operand."""
    source = described("x0", one.buffer.shape, one.dtype, "input")
    target = described("y0", kind.shape, one.dtype, "output")
    names = {index: Index(f"i{axis}") for axis, index in enumerate(order)}
    indices = tuple(names[index] if isinstance(index, Index) else index for index in one.operands)
    body: tuple[Statement, ...] = (store(target, tuple(names[index] for index in order), load(source, *indices)),)
    for index, n in reversed(list(zip(order, kind.shape, strict=True))):
        body = (loop(names[index], n, *body, kind="parallel"),)
    return Kernel("pack", (source, target), body)


def _replaced(statement: Statement, fold: Accumulate, changed: dict[Scalar, Scalar]) -> Statement:
    """A statement with other loads in its fold."""
    if isinstance(statement, For):
        return replace(statement, body=tuple(_replaced(one, fold, changed) for one in statement.body))
    if statement is fold:
        return replace(fold, value=substitute(fold.value, changed))
    return statement


def _loads(body: tuple[Statement, ...]) -> list[Load]:
    return [found for one in statements(body) for found in loads_of(one)]
