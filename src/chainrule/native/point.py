"""Expressions at a point of a loop nest, as LLVM IR: one element, or as many as a vector has lanes.

A point is where the loops' indices are, with shifts by whole numbers: the rows and the vectors of a tile are points of
one and the same place. What depends on no shifted index is emitted once for all of them, so a tile reads each factor of
its products once. What does not move along the lanes stays one number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.loops import Apply, Buffer, Cast, Constant, Index, Load, Scalar
from chainrule.loops.affine import Affine, address, uses
from chainrule.native import ir
from chainrule.native.code import WORD, load_lanes, number, shuffle, splat, store_lanes, widened
from chainrule.native.scalar_code import emit_cast, emit_function, llvm_type, memory_type
from chainrule.types import size_of

Shift = Mapping[Index, int]
NOWHERE: Shift = {}
_NEAR_STRIDE = 4  # elements so far apart are read together, with those between them


class Point:
    """Emits expressions where `bases` says the indices are. `along` is the index that the lanes follow; the indices in
    `whole` are at 0, and shifts go through all of their axes."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        pointers: Mapping[Buffer, Any],
        bases: Mapping[Index, Any],
        along: Index | None = None,
        lanes: int = 1,
        facts: dict[Scalar, frozenset[Index]] | None = None,
        whole: frozenset[Index] = frozenset(),
    ) -> None:
        self.builder, self.pointers, self.bases = builder, pointers, bases
        self.along, self.lanes, self.whole = along, lanes, whole
        self.facts = {} if facts is None else facts
        self.known: dict[Any, Any] = {}
        self.accumulators: dict[Any, Any] = {}

    def at(self, bases: Mapping[Index, Any]) -> Point:
        """The same with some indices elsewhere; what was emitted here is not known there."""
        bases = {**self.bases, **bases}
        return Point(self.builder, self.pointers, bases, self.along, self.lanes, self.facts, self.whole)

    def with_buffer(self, buffer: Buffer, pointer: Any) -> Point:
        """The same with one buffer more."""
        pointers = {**self.pointers, buffer: pointer}
        return Point(self.builder, pointers, self.bases, self.along, self.lanes, self.facts, self.whole)

    # ------------------------------------------------------------------------------------------------- values

    def value(self, scalar: Scalar, shift: Shift = NOWHERE, count: int | None = None) -> Any:
        """The value of an expression: a vector if it moves along the lanes, of which `count` are asked for."""
        if isinstance(scalar, Constant):
            return ir.Constant(llvm_type(scalar.dtype), scalar.value)
        count = self.lanes if count is None else count
        key = self.key(scalar, shift, count)
        if key in self.accumulators:
            return self.accumulators[key]
        if key not in self.known:
            self.known[key] = self._emit(scalar, shift, count)
        return self.known[key]

    def key(self, scalar: Scalar, shift: Shift, count: int) -> Any:
        """What the value of an expression depends on."""
        used = uses(scalar, self.facts)
        moved = tuple((index, by) for index, by in shift.items() if by and index in used)
        return scalar, moved, count if self.along in used else 0

    def _emit(self, scalar: Scalar, shift: Shift, count: int) -> Any:
        if isinstance(scalar, Index):
            return self._index(scalar, shift)
        if isinstance(scalar, Load):
            return self._load(scalar, shift, count)
        operands = [self.value(operand, shift, count) for operand in scalar.operands]
        if any(isinstance(operand.type, ir.VectorType) for operand in operands):
            operands = [splat(self.builder, operand, self.lanes) for operand in operands]
        if isinstance(scalar, Cast):
            return emit_cast(self.builder, operands[0], scalar.operands[0].dtype, scalar.dtype)
        name = scalar.function if isinstance(scalar, Apply) else ""
        return emit_function(self.builder, name, operands, [operand.dtype for operand in scalar.operands])

    def _index(self, index: Index, shift: Shift) -> Any:
        base = self._plus(self.bases[index], shift.get(index, 0))
        if index is not self.along:
            return base
        steps = ir.Constant(ir.VectorType(WORD, self.lanes), list(range(self.lanes)))
        return self.builder.add(splat(self.builder, base, self.lanes), steps)

    def _plus(self, value: Any, by: int) -> Any:
        return self.builder.add(value, number(by)) if by else value

    # ----------------------------------------------------------------------------------------------- accesses

    def _pointer(self, buffer: Buffer, place: Affine, shift: Shift, but: Index | None = None) -> Any:
        """Where an element is; of what moves along the lanes the first."""
        build = self.builder
        opaque = tuple(scalar for scalar in place.others if but is None or but not in uses(scalar, self.facts))
        moved = tuple(
            (index, by) for index, by in shift.items() if by and any(index in uses(o, self.facts) for o in opaque)
        )
        key = (buffer, self._place_key(place), moved, "pointer")
        if key not in self.known:
            offset: Any = number(place.constant)
            for index, coefficient in place.indices.items():
                offset = build.add(offset, build.mul(self.bases[index], number(coefficient)))
            for scalar in opaque:
                term = build.mul(self.value(scalar, shift), number(place.others[scalar]))
                offset = build.add(offset, term)
            self.known[key] = build.gep(self.pointers[buffer], [offset], source_etype=memory_type(buffer.dtype))
        by = sum(coefficient * shift.get(index, 0) for index, coefficient in place.indices.items())
        start = self.known[key]
        return build.gep(start, [number(by)], source_etype=memory_type(buffer.dtype)) if by else start

    def _place_key(self, place: Affine) -> Any:
        return place.constant, tuple(place.indices.items()), tuple(place.others.items())

    def _load(self, load: Load, shift: Shift, count: int) -> Any:
        build, buffer = self.builder, load.buffer
        place = address(load.operands, buffer.shape)
        kind = memory_type(buffer.dtype)
        moving = self._moving(place)
        if moving is None:
            return self._truth(build.load(self._pointer(buffer, place, shift), typ=kind), buffer)
        if moving in (1, -1):
            pointer = self._pointer(buffer, place, shift)
            if moving == 1:
                return self._truth(load_lanes(build, pointer, kind, count, self.lanes, buffer.dtype.itemsize), buffer)
            pointer = build.gep(pointer, [number(1 - count)], source_etype=kind)
            found = build.load(pointer, typ=ir.VectorType(kind, count), align=buffer.dtype.itemsize)
            found = build.shuffle_vector(found, found, shuffle(range(count - 1, -1, -1)))
            return self._truth(widened(build, found, self.lanes), buffer)
        if abs(moving) in range(2, _NEAR_STRIDE + 1):
            return self._truth(self._load_strided(load, place, shift, count, moving), buffer)
        result: Any = ir.Constant(ir.VectorType(kind, self.lanes), None)
        for lane, pointer in enumerate(self._lane_pointers(buffer, place, shift, count)):
            result = build.insert_element(result, build.load(pointer, typ=kind), ir.Constant(ir.IntType(32), lane))
        return self._truth(result, buffer)

    def _load_strided(self, load: Load, place: Affine, shift: Shift, count: int, stride: int) -> Any:
        """Elements that stand some places apart: what they span, of which every so many is kept."""
        build, kind = self.builder, memory_type(load.buffer.dtype)
        position = self._position(load.buffer, place, shift, stride)
        if position is not None:
            pointer = build.gep(self._pointer(load.buffer, place, shift), [number(-position)], source_etype=kind)
            return self._unwoven(pointer, load.buffer, count, position)
        span = (count - 1) * abs(stride) + 1
        pointer = self._pointer(load.buffer, place, shift)
        if stride < 0:
            pointer = build.gep(pointer, [number(1 - span)], source_etype=kind)
        whole = build.load(pointer, typ=ir.VectorType(kind, span), align=load.buffer.dtype.itemsize)
        kept = range(0, span, stride) if stride > 0 else range(span - 1, -1, stride)
        return widened(build, build.shuffle_vector(whole, whole, shuffle(kept)), self.lanes)

    def _position(self, buffer: Buffer, place: Affine, shift: Shift, stride: int | None) -> int | None:
        """0 or 1: which of two neighbours each lane is at, where memory is all such pairs; None where it is not."""
        if stride != 2 or size_of(buffer.shape) % 2:
            return None
        others = (by for index, by in place.indices.items() if index not in self.whole)
        if any(by % 2 for by in (*others, *place.others.values())):
            return None
        return (place.constant + sum(by * shift.get(index, 0) for index, by in place.indices.items())) % 2

    def _unwoven(self, pointer: Any, buffer: Buffer, count: int, position: int) -> Any:
        """One of each of so many pairs of neighbours: two vectors that the other one is found in as well."""
        build, kind, lanes = self.builder, memory_type(buffer.dtype), self.lanes
        halves = []
        for first in range(0, 2 * count, lanes):
            start, some = build.gep(pointer, [number(first)], source_etype=kind), min(lanes, 2 * count - first)
            halves.append(load_lanes(build, start, kind, some, lanes, buffer.dtype.itemsize))
        kept = [2 * lane + position for lane in range(count)]
        return build.shuffle_vector(halves[0], halves[-1], shuffle([*kept, *[kept[-1]] * (lanes - count)]))

    def _moving(self, place: Affine) -> int | None:
        """By how much an address moves from lane to lane; None if it does not, 0 if that differs."""
        if self.along is None:
            return None
        if any(self.along in uses(scalar, self.facts) for scalar in place.others):
            return 0
        return place.indices.get(self.along)

    def _lane_pointers(self, buffer: Buffer, place: Affine, shift: Shift, count: int) -> list[Any]:
        build, kind = self.builder, memory_type(buffer.dtype)
        start = self._pointer(buffer, place, shift, self.along)
        step = place.indices.get(self.along, 0) if self.along is not None else 0
        varying = [scalar for scalar in place.others if self.along in uses(scalar, self.facts)]
        pointers = []
        for lane in range(count):
            offset: Any = number(step * lane)
            for scalar in varying:
                one = build.extract_element(self.value(scalar, shift, count), ir.Constant(ir.IntType(32), lane))
                offset = build.add(offset, build.mul(one, number(place.others[scalar])))
            pointers.append(build.gep(start, [offset], source_etype=kind))
        return pointers

    def _truth(self, value: Any, buffer: Buffer) -> Any:
        if buffer.dtype.kind != "b":
            return value
        return self.builder.icmp_unsigned("!=", value, ir.Constant(value.type, None))

    def store(self, buffer: Buffer, indices: Any, value: Any, shift: Shift = NOWHERE, count: int | None = None) -> None:
        """Set the elements at a point."""
        build = self.builder
        count = self.lanes if count is None else count
        place = address(indices, buffer.shape)
        moving = self._moving(place)
        value = self._in_memory(value, buffer)
        if moving is None:
            if isinstance(value.type, ir.VectorType):
                value = build.extract_element(value, ir.Constant(ir.IntType(32), count - 1))
            build.store(value, self._pointer(buffer, place, shift))
            return
        value = splat(build, value, self.lanes)
        if moving == 1:
            pointer = self._pointer(buffer, place, shift)
            store_lanes(build, value, pointer, count, buffer.dtype.itemsize)
            return
        for lane, pointer in enumerate(self._lane_pointers(buffer, place, shift, count)):
            build.store(build.extract_element(value, ir.Constant(ir.IntType(32), lane)), pointer)

    def store_all(self, buffer: Buffer, indices: Any, values: Sequence[tuple[Shift, int | None, Any]]) -> None:
        """Set the elements at several points; two that are neighbours, lane by lane, as one row."""
        place = address(indices, buffer.shape)
        rows: dict[tuple[int, int | None], dict[int, tuple[Shift, Any]]] = {}
        for shift, count, value in values:
            position = self._position(buffer, place, shift, self._moving(place))
            at = sum(by * shift.get(index, 0) for index, by in place.indices.items())
            if position is None:
                self.store(buffer, indices, value, shift, count)
            else:
                rows.setdefault((at - position, count), {})[position] = shift, value
        for (_, count), row in rows.items():
            if len(row) == 2:
                self._store_woven(buffer, place, *row[0], row[1][1], self.lanes if count is None else count)
            else:
                for shift, value in row.values():
                    self.store(buffer, indices, value, shift, count)

    def _store_woven(self, buffer: Buffer, place: Affine, shift: Shift, low: Any, high: Any, count: int) -> None:
        """Store the lanes of two vectors in turn."""
        build = self.builder
        low, high = (splat(build, self._in_memory(one, buffer), self.lanes) for one in (low, high))
        turns = [lane + half for lane in range(count) for half in (0, self.lanes)]
        row = build.shuffle_vector(low, high, shuffle(turns))
        build.store(row, self._pointer(buffer, place, shift), align=buffer.dtype.itemsize)

    def _in_memory(self, value: Any, buffer: Buffer) -> Any:
        """A value as memory holds it: truth in bytes."""
        if buffer.dtype.kind != "b":
            return value
        byte = memory_type(buffer.dtype)
        kind = ir.VectorType(byte, value.type.count) if isinstance(value.type, ir.VectorType) else byte
        return self.builder.zext(value, kind)
