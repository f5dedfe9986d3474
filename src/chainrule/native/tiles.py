"""Nests as vector code: loops over tiles, and in each the results in registers until they are done.

Without a fold a tile is one vector. With a fold along other axes than the lanes, it is rows by vectors of accumulators
that live through the loops of the fold. With a fold along the lanes, each accumulator is a vector of partial results,
which are combined in a fixed order at the end. The order of every sum follows from the shapes and the width of the
vectors alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chainrule.loops import Accumulate, Buffer, Index, Load, in_order, substitute
from chainrule.loops.affine import address, uses
from chainrule.native import ir
from chainrule.native.barrier import emit_share
from chainrule.native.code import WORD, counted, number
from chainrule.native.folds import Folds
from chainrule.native.mapping import Mapping as Plan
from chainrule.native.mapping import choose, grain_of
from chainrule.native.nest import Axis, Nest
from chainrule.native.point import Point
from chainrule.native.scalar_code import llvm_type
from chainrule.native.transpose import crossed_in_fold, transposed

_UNROLLED, _SHORT = 4, 20  # vectors of a row that are written out instead of looped over, where they are so few terms


class Tiler:
    """Emits one nest."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        pointers: Mapping[Buffer, Any],
        bases: Mapping[Index, Any],
        nest: Nest,
        width: int,
        scratch: Any = None,
    ) -> None:
        self.builder, self.nest, self.scratch = builder, nest, scratch
        self.plan: Plan = choose(nest, width)
        along = self.plan.along.index if self.plan.along is not None else None
        still = {index: number(0) for index in nest.merged}
        whole = frozenset(axis.index for axis, rows in self.plan.downs if rows == axis.extent)
        self.point = Point(builder, pointers, {**bases, **still}, along, self.plan.lanes, nest.facts, whole)
        self.partial = False
        if nest.fold is not None:
            self.folds = Folds(builder, nest, self.plan, nest.fold)
        self.bounds: tuple[Index, Any, Any] | None = None
        self.across = self.plan.along is not None and any(axis is self.plan.along for axis in nest.inner)

    def emit(self, share: tuple[Any, ...] = ()) -> None:
        """The whole nest, or what (thread, threads) do of it."""
        nest, plan = self.nest, self.plan
        if share:
            self._divide(*share)
        if any(axis.extent == 0 for axis in nest.outer):
            return
        tiled = {axis.index for axis, _ in plan.downs}
        loose = [axis for axis in nest.outer if axis is not plan.along and axis.index not in tiled]
        self._loops(loose, self.point, self._columns)

    def _divide(self, thread: Any, threads: Any) -> None:
        """Bound the axis that is shared out, mostly the first, by what is a thread's own."""
        first, build, plan = self.nest.outer[0], self.builder, self.plan
        if plan.by_columns and plan.along is not None:
            bounds = emit_share(build, number(plan.along.extent), thread, threads, plan.lanes * plan.vectors)
            self.bounds = plan.along.index, *bounds
            return
        factor = first.extent // self.nest.leading_extent
        extent = self.nest.leading_extent
        start, stop = emit_share(build, number(extent), thread, threads, grain_of(extent))
        self.bounds = first.index, build.mul(start, number(factor)), build.mul(stop, number(factor))

    def _loops(self, axes: list[Axis], point: Point, body: Any) -> None:
        """Loops over axes that are not tiled."""
        if not axes:
            body(point)
            return
        axis, *rest = axes
        for base in self._each(axis, 1):
            self._loops(rest, point.at({axis.index: base}), body)

    def _each(self, axis: Axis, step: int, written_out: int = 1) -> Iterator[Any]:
        """The starts of a loop over whole steps: the body that asks for them is inside it."""
        if self.bounds is not None and self.bounds[0] is axis.index:
            yield from self._each_of_share(axis, step, *self.bounds[1:])
            return
        whole = axis.extent // step
        if whole <= written_out:
            for k in range(whole):
                yield number(k * step)
            return
        yield from self._stepped(number(0), number(whole * step), step, guarded=False)

    def _each_of_share(self, axis: Axis, step: int, start: Any, stop: Any) -> Iterator[Any]:
        """The whole steps that are a thread's own."""
        build, whole = self.builder, axis.extent // step * step
        stop = build.select(build.icmp_signed("<", stop, number(whole)), stop, number(whole))
        yield from self._stepped(start, stop, step, guarded=True)

    def _stepped(self, start: Any, stop: Any, step: int, *, guarded: bool) -> Iterator[Any]:
        """The index of a loop from start to stop; without `guarded` it runs at least once."""
        build = self.builder
        before, inside, over = build.block, build.append_basic_block("tile"), build.append_basic_block("over")
        if guarded:
            build.cbranch(build.icmp_signed("<", start, stop), inside, over)
        else:
            build.branch(inside)
        build.position_at_end(inside)
        index = build.phi(WORD)
        index.add_incoming(start, before)
        yield index
        following = build.add(index, number(step), flags=["nsw"])
        index.add_incoming(following, build.block)
        build.cbranch(build.icmp_signed("<", following, stop), inside, over)
        build.position_at_end(over)

    def _rest(self, axis: Axis) -> Iterator[None]:
        """What is left after the whole steps of an axis, which is the last thread's."""
        if self.bounds is not None and self.bounds[0] is axis.index:
            with self.builder.if_then(self.builder.icmp_signed("==", self.bounds[2], number(axis.extent))):
                yield
        else:
            yield

    # ---------------------------------------------------------------------------------------------- over tiles

    def _columns(self, point: Point) -> None:
        """Tiles along the lanes: whole ones, then what is left."""
        plan = self.plan
        if plan.along is None or self.across:
            self._rows(point, [None])
            return
        extent, lanes, index = plan.along.extent, plan.lanes, plan.along.index
        vectors = plan.vectors
        if self.bounds is not None and self.bounds[0] is index and not plan.by_columns:
            vectors = 1  # a share is whole vectors, and not whole tiles
        width = lanes * vectors
        written = _UNROLLED if self._is_short() and not plan.downs else 1
        self.partial = False
        for base in self._each(plan.along, width, written):
            self._rows(self._with_panels(point.at({index: base}), vectors), [lanes] * vectors)
        rest = extent % width
        if rest:
            self.partial = bool(rest % lanes)
            counts = [lanes] * (rest // lanes) + ([rest % lanes] if rest % lanes else [])
            for _ in self._rest(plan.along):
                self._rows(self._with_panels(point.at({index: number(extent - rest)}), len(counts)), counts)

    def _is_short(self) -> bool:
        """Whether the body of a loop is so little that the loop would cost as much: more is LLVM's time for nothing."""
        nest, plan = self.nest, self.plan
        if nest.fold is not None or plan.crossed is not None or plan.along is None:
            return False
        others = (other for load in nest.loads() for other in address(load.operands, load.buffer.shape).others)
        scattered = any(plan.along.index in uses(other, nest.facts) for other in others)
        return not scattered and len(in_order(nest.values)) <= _SHORT

    def _with_panels(self, point: Point, vectors: int) -> Point:
        """The point with what all rows of its tiles read copied to memory where it stands in the order of reading."""
        plan, nest, build = self.plan, self.nest, self.builder
        if not plan.panel or self.scratch is None or nest.fold is None or plan.along is None:
            return point
        along, width = plan.along.index, vectors * plan.lanes
        inner = [axis.index for axis in nest.inner]
        start, moved = self.scratch, {}
        for k, load in enumerate(plan.panel):
            shape = (*(axis.extent for axis in nest.inner), width)
            panel = Buffer(f"panel{k}", shape, load.dtype, "temporary")
            back = build.mul(point.bases[along], number(-load.dtype.itemsize))
            pointer = build.gep(start, [back], source_etype=ir.IntType(8))
            point = point.with_buffer(panel, pointer)
            place = (*inner, along)
            crossed = crossed_in_fold(nest, load, plan.along)
            if crossed is None:
                self._copy_panel(nest.inner, plan.along, point, load, panel[place], vectors)
            else:
                loose = [axis for axis in nest.inner if axis is not crossed]
                self._turn_panel(loose, crossed, point, load, panel[place], vectors)
            moved[load] = panel[place]
            size = math.prod(shape) * load.dtype.itemsize
            start = build.gep(start, [number(size)], source_etype=ir.IntType(8))
        fold = replace(nest.fold, value=substitute(nest.fold.value, moved))
        self.folds = Folds(build, nest, plan, fold)
        return point

    def _copy_panel(self, axes: list[Axis], along: Axis, point: Point, load: Load, target: Load, vectors: int) -> None:
        if axes:
            axis, *rest = axes

            def body(index: Any, _: Any) -> list[Any]:
                self._copy_panel(rest, along, point.at({axis.index: index}), load, target, vectors)
                return []

            counted(self.builder, number(0), number(axis.extent), 1, [], body)
            return
        lanes = self.plan.lanes
        for vector in range(vectors):
            shift = {along.index: vector * lanes}
            last = along.extent % lanes if vector == vectors - 1 and self.partial else 0
            value = point.value(load, shift, last or lanes)
            point.store(target.buffer, target.operands, value, shift)

    def _turn_panel(
        self, axes: list[Axis], crossed: Axis, point: Point, load: Load, target: Load, vectors: int
    ) -> None:
        """Copy an operand whose rows lie across the lanes, in square blocks."""
        if axes:
            axis, *rest = axes
            for base in self._each(axis, 1):
                self._turn_panel(rest, crossed, point.at({axis.index: base}), load, target, vectors)
            return
        lanes = self.plan.lanes
        for base in self._each(crossed, lanes):
            self._turn_blocks(crossed, point.at({crossed.index: base}), load, target, vectors, lanes)
        rest = crossed.extent % lanes
        if rest:
            start = number(crossed.extent - rest)
            self._turn_blocks(crossed, point.at({crossed.index: start}), load, target, vectors, rest)

    def _turn_blocks(self, crossed: Axis, point: Point, load: Load, target: Load, vectors: int, steps: int) -> None:
        """The blocks of a panel at one place of the fold: the lanes of each vector by so many steps."""
        along, lanes = self.plan.along, self.plan.lanes
        if along is None:
            return
        whole, start = vectors - self.partial, point.bases[along.index]
        for shift in self._stepped(number(0), number(whole * lanes), lanes, guarded=False) if whole else ():
            there = point.at({along.index: self.builder.add(start, shift)})
            self._turn_block(along, crossed, there, load, target, (lanes, steps))
        if self.partial:
            there = point.at({along.index: self.builder.add(start, number(whole * lanes))})
            self._turn_block(along, crossed, there, load, target, (along.extent % lanes, steps))

    def _turn_block(
        self, along: Axis, crossed: Axis, point: Point, load: Load, target: Load, size: tuple[int, int]
    ) -> None:
        """A square block, of which so many rows and columns count."""
        lanes, (count, steps) = self.plan.lanes, size
        source = Point(point.builder, point.pointers, point.bases, crossed.index, lanes, point.facts)
        rows = [source.value(load, {along.index: k}, steps) for k in range(count)]
        rows += [ir.Constant(ir.VectorType(llvm_type(load.dtype), lanes), None)] * (lanes - count)
        for step, row in enumerate(transposed(self.builder, rows)[:steps]):
            point.store(target.buffer, target.operands, row, {crossed.index: step})

    def _rows(self, point: Point, counts: Sequence[int | None], taken: tuple[tuple[Index, int], ...] = ()) -> None:
        """Tiles along the rows, of one axis after another: whole ones, then what is left."""
        if len(taken) == len(self.plan.downs):
            self._tile(point, taken, counts)
            return
        axis, rows = self.plan.downs[len(taken)]
        left = axis.extent % rows
        if self.plan.by_columns and 0 < left < rows / 2 and (rows + left) % 2 == 0 and axis.extent > rows:
            # Two tiles of some rows less keep the processor busier than a whole one and one of very few.
            half = (rows + left) // 2
            middle = axis.extent - 2 * half
            for start, stop, count in ((0, middle, rows), (middle, axis.extent, half)):
                for base in self._stepped(number(start), number(stop), count, guarded=False) if start < stop else ():
                    self._rows(point.at({axis.index: base}), counts, (*taken, (axis.index, count)))
            return
        for base in self._each(axis, rows):
            self._rows(point.at({axis.index: base}), counts, (*taken, (axis.index, rows)))
        rest = axis.extent % rows
        if rest:
            for _ in self._rest(axis):
                start = number(axis.extent - rest)
                self._rows(point.at({axis.index: start}), counts, (*taken, (axis.index, rest)))

    # ------------------------------------------------------------------------------------------------ one tile

    def _tile(self, point: Point, rows: tuple[tuple[Index, int], ...], counts: Sequence[int | None]) -> None:
        lanes = self.plan.lanes
        along, crossed = self.plan.along, self.plan.crossed
        if along is not None and crossed is not None and rows == ((crossed.index, lanes),) and counts == [lanes]:
            self._transpose(point, along, crossed)
            return
        shifts = list(self._shifts(rows, counts))
        fold = self.nest.fold
        if fold is not None:
            finals = (self.folds.across if self.across else self.folds.of_lanes)(point, shifts)
            for (shift, count), final in zip(shifts, finals, strict=True):
                self._finish(point, fold, shift, count, final)
            return
        self._store_all(point, shifts)

    def _transpose(self, point: Point, along: Axis, crossed: Axis) -> None:
        """A square block of a copy: read along the crossed axis, written along the lanes."""
        (target,), lanes = self.nest.stores, self.plan.lanes
        source = Point(point.builder, point.pointers, point.bases, crossed.index, lanes, point.facts)
        rows = [source.value(target.value, {along.index: k}) for k in range(lanes)]
        for k, row in enumerate(transposed(self.builder, rows)):
            point.store(target.buffer, target.indices, row, {crossed.index: k})

    def _shifts(
        self, rows: tuple[tuple[Index, int], ...], counts: Sequence[int | None]
    ) -> Iterator[tuple[dict[Index, int], int | None]]:
        plan = self.plan
        for place in itertools.product(*(range(count) for _, count in rows)):
            for vector, count in enumerate(counts):
                shift = {index: by for (index, _), by in zip(rows, place, strict=True)}
                if plan.along is not None and not self.across:
                    shift[plan.along.index] = vector * plan.lanes
                yield shift, count

    def _finish(self, point: Point, fold: Accumulate, shift: dict[Index, int], count: int | None, final: Any) -> None:
        """Store what was folded, or what follows from it."""
        if self.nest.start is None:
            before = point.value(fold.buffer[fold.indices], shift, count)
            final = self.folds.combine(before, final)
        if not self.nest.stores:
            point.store(fold.buffer, fold.indices, final, shift, count)
            return
        folded = fold.buffer[fold.indices]
        point.accumulators[point.key(folded, shift, point.lanes if count is None else count)] = final
        self._store_all(point, [(shift, count)])

    def _store_all(self, point: Point, shifts: Sequence[tuple[dict[Index, int], int | None]]) -> None:
        """Everything is computed before anything is stored, so a result may be where an operand was."""
        values = [[point.value(store.value, *shift) for shift in shifts] for store in self.nest.stores]
        for store, found in zip(self.nest.stores, values, strict=True):
            made = [(*shift, value) for shift, value in zip(shifts, found, strict=True)]
            point.store_all(store.buffer, store.indices, made)
