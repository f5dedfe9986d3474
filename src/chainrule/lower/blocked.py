"""Blocked arrays: the elements of sixteen rows side by side, so that lanes are rows and every vector is whole.

Takes a program; leaves it with the arrays around convolutions kept as (rows / 16, ..., 16) instead of (rows, ...).
Along the axes that a kernel slides over, lanes would be ragged and vectors would overlap; along the rows of a batch
they do neither. An array is blocked if kernels alone touch it and each goes through its rows with one loop, which then
becomes two: one over blocks, in its place, and one over the rows of a block, innermost.

The layout is that of oneDNN's `nChw16c` with the batch in the place of the channels: Georganas and others, Anatomy of
high-performance deep learning convolutions on SIMD architectures (2018), arXiv:1808.05567, section II.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from chainrule.loops import (
    Accumulate,
    Buffer,
    Fill,
    For,
    If,
    Index,
    Kernel,
    Load,
    Scalar,
    Statement,
    Store,
    extent_of,
    in_order,
    load,
    loads_of,
    loop,
    statements,
    substitute,
)
from chainrule.loops.affine import affine
from chainrule.lower.build import described
from chainrule.lower.join import accesses, every
from chainrule.lower.program import Place, Program, Run, Step

BLOCK = 16
"""Rows of a block: what the widest vectors hold of float32."""
LEAST_BLOCKS = 4


def block_rows(program: Program) -> Program:
    """Keep the arrays around convolutions in blocks."""
    runs = _runs(program.steps)
    ties = {run: _ties(run) for run in runs}
    able = _able(program, ties)
    chosen = {place for run in runs for place in _slid_over(run) if place in able}
    grown: set[Place] = set()
    while chosen - grown:
        grown = set(chosen)
        for run in runs:
            loops = {index for place in grown for index in ties[run].get(place, ())}
            chosen |= {place for place, mine in ties[run].items() if place in able and mine & loops}
    for run in runs:
        if chosen & ties[run].keys():
            run.kernel = _Rewriting(run, chosen, ties[run]).kernel()
    return program


def _runs(steps: Sequence[Step]) -> list[Run]:
    return [step for step in every(steps) if isinstance(step, Run)]


def _able(program: Program, ties: dict[Run, dict[Place, set[Index]]]) -> set[Place]:
    """The places that nothing but kernels touches, each of them by whole rows, and all by as many."""
    rows: dict[Place, set[int]] = {}
    for step in every(program.steps):
        reads, writes = accesses(step)
        for place in (*reads, *writes):
            tied = isinstance(step, Run) and place.joined is place.root and place.joined in ties[step]
            found = {_rows(b.shape)[0] for b in _buffers(step, place)} if tied else {0}  # type: ignore[arg-type]
            rows.setdefault(place.root, set()).update(found)
    return {
        place
        for place, found in rows.items()
        if place.kind == "local" and len(found) == 1 and min(found) % BLOCK == 0 and min(found) >= BLOCK * LEAST_BLOCKS
    }


def _buffers(run: Run, place: Place) -> list[Buffer]:
    found = zip(run.kernel.buffers, run.places, strict=True)
    return [buffer for buffer, where in found if where.joined is place.joined]


def _rows(shape: Sequence[int]) -> tuple[int, int]:
    """The length of the first axis that is longer than 1, and which it is; (0, 0) if none is."""
    return next(((n, axis) for axis, n in enumerate(shape) if n > 1), (0, 0))


def _ties(run: Run) -> dict[Place, set[Index]]:
    """The places that a kernel touches by the rows that its loops are at, each row of them; and these loops."""
    extents: dict[Index, set[int]] = {}
    for one in statements(run.kernel.body):
        if isinstance(one, For):
            extents.setdefault(one.index, set()).add(extent_of(one) or 0)
    places = dict(zip(run.kernel.buffers, (place.joined for place in run.places), strict=True))
    found: dict[Place, set[Index]] = {place: set() for place in places.values()}
    untied = {places[one.buffer] for one in statements(run.kernel.body) if isinstance(one, Fill)}
    for buffer, indices in _accesses(run.kernel.body):
        rows, axis = _rows(buffer.shape)
        index = indices[axis] if rows else None
        if isinstance(index, Index) and extents.get(index) == {rows}:
            found[places[buffer]].add(index)
        else:
            untied.add(places[buffer])
    return {place: indices for place, indices in found.items() if place not in untied}


def _accesses(body: Iterable[Statement]) -> Iterator[tuple[Buffer, Sequence[Scalar]]]:
    """Every element that statements read or set."""
    for one in statements(tuple(body)):
        if isinstance(one, (Store, Accumulate)):
            yield one.buffer, one.indices
        for read in loads_of(one):
            yield read.buffer, read.operands


def _slid_over(run: Run) -> Iterator[Place]:
    """What a fold reads at sums of indices, as a convolution does."""
    places = dict(zip(run.kernel.buffers, (place.joined for place in run.places), strict=True))
    for one in statements(run.kernel.body):
        if isinstance(one, Accumulate):
            for scalar in in_order([one.value]):
                if isinstance(scalar, Load) and any(len(affine(index).indices) > 1 for index in scalar.operands):
                    yield places[scalar.buffer]


@dataclass
class _Rewriting:
    """One kernel, with the loops over the rows of blocked places made two."""

    run: Run
    chosen: set[Place]
    ties: dict[Place, set[Index]]
    buffers: dict[Buffer, Buffer] = field(default_factory=dict)
    changed: dict[Scalar, Scalar] = field(default_factory=dict)

    def kernel(self) -> Kernel:
        """The new kernel."""
        old = self.run.kernel
        for buffer, place in zip(old.buffers, self.run.places, strict=True):
            if place.joined in self.chosen and place.joined in self.ties:
                rows, axis = _rows(buffer.shape)
                shape = (rows // BLOCK, *buffer.shape[axis + 1 :], BLOCK)
                self.buffers[buffer] = described(buffer.name, shape, buffer.dtype, buffer.role)
        for index in {index for place in self.chosen for index in self.ties.get(place, ())}:
            self.changed[index] = self._block_of(index) * BLOCK + self._row_of(index)
        for buffer, indices in list(_accesses(old.body)):
            if buffer in self.buffers:
                self.changed[load(buffer, *indices)] = load(self.buffers[buffer], *self._blocked(buffer, indices))
        body = tuple(self._statement(one) for one in old.body)
        return Kernel(old.name, tuple(self.buffers.get(one, one) for one in old.buffers), body)

    @staticmethod
    def _block_of(index: Index) -> Index:
        return Index(f"{index.name}_block")

    @staticmethod
    def _row_of(index: Index) -> Index:
        return Index(f"{index.name}_row")

    def _blocked(self, buffer: Buffer, indices: Sequence[Scalar]) -> tuple[Scalar, ...]:
        """Where an element of a blocked buffer is: its block, the rest of its place, its row in the block."""
        _, axis = _rows(buffer.shape)
        index: Any = indices[axis]
        return self._block_of(index), *map(self._new, indices[axis + 1 :]), self._row_of(index)

    def _new(self, scalar: Scalar) -> Scalar:
        return substitute(scalar, self.changed)

    def _statement(self, one: Statement) -> Statement:
        if isinstance(one, For):
            body = tuple(map(self._statement, one.body))
            if one.index not in self.changed:
                return replace(one, start=self._new(one.start), stop=self._new(one.stop), body=body)
            rows = int(one.stop.value)  # type: ignore[union-attr]
            return loop(self._block_of(one.index), rows // BLOCK, *self._rows_innermost(one, body), kind=one.kind)
        if isinstance(one, If):
            return replace(one, condition=self._new(one.condition), body=tuple(map(self._statement, one.body)))
        if isinstance(one, (Store, Accumulate)):
            indices = tuple(map(self._new, one.indices))
            if one.buffer in self.buffers:
                indices = self._blocked(one.buffer, one.indices)
            return replace(
                one, buffer=self.buffers.get(one.buffer, one.buffer), indices=indices, value=self._new(one.value)
            )
        return one

    def _rows_innermost(self, split: For, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """The loop over the rows of a block, inside all loops of its kind that stand one in another."""
        first = body[0]
        if len(body) == 1 and isinstance(first, For) and first.kind == split.kind:
            return (replace(first, body=self._rows_innermost(split, first.body)),)
        return (loop(self._row_of(split.index), BLOCK, *body, kind=split.kind),)
