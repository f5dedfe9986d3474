"""Nests that are mapped to vectors: parallel loops around stores, or around one reduction and stores that end it.

    parallel for i0 in 0..32:                      the outer axes
      parallel for i1 in 0..64:
        y[i0, i1] = 0                              the start
        for r0 in 0..64: y[i0, i1] += ...          the inner axes and the fold
        y[i0, i1] = tanh(y[i0, i1] + b[i1])        the stores, in which y[i0, i1] is the sum

Axes that every access goes through as if they were one are made one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from chainrule.loops import (
    Accumulate,
    Buffer,
    For,
    Index,
    Load,
    Scalar,
    Statement,
    Store,
    constant,
    extent_of,
    in_order,
    neutral,
    same,
    scalars_of,
)
from chainrule.loops.affine import Affine, address, uses


@dataclass
class Axis:
    """A loop of a nest, from 0."""

    index: Index
    extent: int


@dataclass(eq=False)
class Nest:
    """One nest, taken apart."""

    outer: list[Axis]
    inner: list[Axis]
    start: Store | None
    fold: Accumulate | None
    stores: list[Store]
    facts: dict[Scalar, frozenset[Index]] = field(default_factory=dict)
    merged: set[Index] = field(default_factory=set)
    """The indices that another one counts for: they stay 0."""
    leading: Index | None = None
    leading_extent: int = 1
    """The outermost axis as it was written, by which work is shared out."""

    @property
    def values(self) -> list[Scalar]:
        """What is stored and folded."""
        return [store.value for store in self.stores] + ([self.fold.value] if self.fold is not None else [])

    def loads(self, *roots: Scalar) -> list[Load]:
        """Every element that some expressions read, but for what was folded."""
        return [one for one in in_order(roots or self.values) if isinstance(one, Load) and not self.is_folded(one)]

    def is_folded(self, load: Load) -> bool:
        """Whether a load is the result of the fold."""
        return self.fold is not None and load.buffer is self.fold.buffer

    def addresses(self) -> Iterator[Affine]:
        """The address of every access."""
        for load in self.loads():
            yield address(load.operands, load.buffer.shape)
        targets = [*self.stores, *([self.fold] if self.fold is not None else [])]
        for target in targets:
            yield address(target.indices, target.buffer.shape)

    @property
    def domain(self) -> int:
        """How many elements are computed, counting each step of a fold."""
        return math.prod(axis.extent for axis in (*self.outer, *self.inner))


@lru_cache(maxsize=1024)
def recognise(statement: Statement) -> Nest | None:
    """The statement as a nest, or None if it is none. Costs, shares and code are of one and the same nest."""
    outer: list[Axis] = []
    body: tuple[Statement, ...] = (statement,)
    while len(body) == 1 and isinstance(body[0], For) and body[0].kind == "parallel" and extent_of(body[0]) is not None:
        outer.append(Axis(body[0].index, extent_of(body[0])))  # type: ignore[arg-type]
        body = body[0].body
    nest = _innermost(outer, body)
    return merged(nest) if nest is not None else None


def innermost(body: tuple[Statement, ...]) -> Nest | None:
    """Statements without parallel loops around them as a nest of no axes, or None."""
    return _innermost([], body)


def _innermost(outer: list[Axis], body: tuple[Statement, ...]) -> Nest | None:
    if body and all(isinstance(one, Store) for one in body):
        return None if _follow(body) else Nest(outer, [], None, None, list(body))  # type: ignore[arg-type]
    start = body[0] if body and isinstance(body[0], Store) else None
    rest = body[1:] if start is not None else body
    if not rest:
        return None
    inner: list[Axis] = []
    step, stores = rest[0], rest[1:]
    while isinstance(step, For) and len(step.body) == 1 and extent_of(step) is not None:
        inner.append(Axis(step.index, extent_of(step)))  # type: ignore[arg-type]
        step = step.body[0]
    if not isinstance(step, Accumulate) or not all(isinstance(one, Store) for one in stores) or _follow(stores):
        return None
    if start is not None and not _begins(start, step):
        return None
    if start is None and (outer or stores):
        return None
    if any(isinstance(one, Load) and one.buffer is step.buffer for one in in_order([step.value])):
        return None
    nest = Nest(outer, inner, start, step, list(stores))  # type: ignore[arg-type]
    folded = [one for one in in_order(nest.values) if isinstance(one, Load) and nest.is_folded(one)]
    if any(not same(one.operands, step.indices) for one in folded):
        return None
    if stores and not any(one.buffer is step.buffer and same(one.indices, step.indices) for one in stores):  # type: ignore[union-attr]
        return None  # the sum itself would never reach memory
    own = {axis.index for axis in inner}
    return None if any(own & uses(index, nest.facts) for index in step.indices) else nest


def _follow(stores: Sequence[Statement]) -> bool:
    """Whether a store reads what one before it has written: a nest's are computed all at once."""
    written: set[Buffer] = set()
    for one in stores:
        if any(isinstance(scalar, Load) and scalar.buffer in written for scalar in in_order(scalars_of(one))):
            return True
        written.add(one.buffer)  # type: ignore[attr-defined]
    return False


def _begins(start: Store, fold: Accumulate) -> bool:
    """Whether a store sets what a fold accumulates in to what leaves every number as it is."""
    if start.buffer is not fold.buffer or not same(start.indices, fold.indices):
        return False
    return start.value is constant(neutral(fold.combine, fold.buffer.dtype), fold.buffer.dtype)


def merged(nest: Nest) -> Nest:
    """The nest with neighbouring axes made one wherever no access can tell."""
    found = list(nest.addresses())
    bare = _bare(nest)
    if nest.outer:
        nest.leading, nest.leading_extent = nest.outer[0].index, nest.outer[0].extent
    before = {axis.index for axis in (*nest.outer, *nest.inner)}
    nest.outer, nest.inner = _merge(nest.outer, found, bare), _merge(nest.inner, found, bare)
    nest.merged = before - {axis.index for axis in (*nest.outer, *nest.inner)}
    return nest


def _bare(nest: Nest) -> set[Index]:
    """The indices that are used in another way than as a multiple in an address."""
    bare: set[Index] = set()
    for place in nest.addresses():
        for other in place.others:
            bare |= uses(other, nest.facts)
    stack, seen = list(nest.values), set[Scalar]()
    while stack:
        scalar = stack.pop()
        if scalar in seen:
            continue
        seen.add(scalar)
        if isinstance(scalar, Index):
            bare.add(scalar)
        elif not isinstance(scalar, Load):
            stack.extend(scalar.operands)
    return bare


def _merge(axes: list[Axis], found: list[Affine], bare: set[Index]) -> list[Axis]:
    """The axes with those made one that every access goes through as one: the last of them then counts for all."""
    kept: list[Axis] = []
    for axis in reversed(axes):
        if kept and axis.index not in bare and kept[-1].index not in bare and axis.extent and kept[-1].extent:
            after = kept[-1]
            same = all(
                place.indices.get(axis.index, 0) == after.extent * place.indices.get(after.index, 0) for place in found
            )
            if same:
                kept[-1] = Axis(after.index, axis.extent * after.extent)
                continue
        kept.append(axis)
    return kept[::-1]
