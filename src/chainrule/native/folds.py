"""Folds: the results of a tile in registers, from the neutral element to the last step.

Where the lanes are results, each accumulator is a vector of results. Where the lanes are steps of the fold, each is a
vector of partial results, several of them for a result where a tile has few, so that the processor need not wait for
one sum; they are combined in a fixed order at the end.
"""

from __future__ import annotations

from typing import Any

from chainrule.loops import COMBINES, Accumulate, Index, neutral
from chainrule.native import ir
from chainrule.native.code import counted, number, shuffle, splat
from chainrule.native.mapping import Mapping
from chainrule.native.nest import Axis, Nest
from chainrule.native.point import Point
from chainrule.native.scalar_code import emit_function, llvm_type

_CHAINS = 8  # accumulators that keep the processor busy: the latency of an addition times its throughput


class Folds:
    """Emits the folds of one nest. `fold` is the nest's own, or that with operands read from panels."""

    def __init__(self, builder: ir.IRBuilder, nest: Nest, plan: Mapping, fold: Accumulate) -> None:
        self.builder, self.nest, self.plan, self.fold = builder, nest, plan, fold
        self.along = plan.along if plan.along is not None else Axis(Index("none"), 1)

    def combine(self, x: Any, y: Any) -> Any:
        fold = self.fold
        dtype = fold.buffer.dtype
        if isinstance(x.type, ir.VectorType) or isinstance(y.type, ir.VectorType):
            x, y = splat(self.builder, x, self.plan.lanes), splat(self.builder, y, self.plan.lanes)
        return emit_function(self.builder, COMBINES[fold.combine], [x, y], [dtype, dtype])

    def _neutral(self, lanes: int) -> Any:
        """The start of an accumulator."""
        fold = self.fold
        one = ir.Constant(llvm_type(fold.buffer.dtype), neutral(fold.combine, fold.buffer.dtype))
        return one if lanes == 1 else ir.Constant(ir.VectorType(one.type, lanes), [one.constant] * lanes)

    def _step(self, point: Point, shift: dict[Index, int], count: int | None, held: Any) -> Any:
        """One step of a fold: a product is added in one rounding."""
        fold = self.fold
        value = fold.value
        if fold.combine == "sum" and value.dtype.kind == "f" and getattr(value, "function", "") == "multiply":
            factors = [point.value(factor, shift, count) for factor in value.operands]
            vector = next((one.type.count for one in (*factors, held) if isinstance(one.type, ir.VectorType)), 1)
            if vector > 1:
                factors = [splat(self.builder, one, vector) for one in factors]
                held = splat(self.builder, held, vector)
            return emit_function(self.builder, "fma", [*factors, held], [value.dtype] * 3)
        return self.combine(held, point.value(value, shift, count))

    def of_lanes(self, point: Point, shifts: list[Any]) -> list[Any]:
        """The fold of each result of a tile, the lanes being results."""
        lanes = self.plan.lanes if self.plan.along is not None else 1
        held = [self._neutral(lanes) for _ in shifts]
        if any(axis.extent == 0 for axis in self.nest.inner):
            return held
        return self._inner(self.nest.inner, point, shifts, held)

    def _inner(self, axes: list[Axis], point: Point, shifts: list[Any], held: list[Any]) -> list[Any]:
        if not axes:
            return [self._step(point, shift, count, one) for (shift, count), one in zip(shifts, held, strict=True)]
        axis, *rest = axes
        if axis.extent == 1:
            return self._inner(rest, point.at({axis.index: number(0)}), shifts, held)
        unroll = 2 if not rest and axis.extent % 2 == 0 and len(held) < 12 else 1

        def body(index: Any, carried: Any) -> list[Any]:
            found = list(carried)
            at = point.at({axis.index: index})
            for k in range(unroll):
                moved = [({**shift, axis.index: k}, count) for shift, count in shifts]
                found = self._inner(rest, at, moved, found)
            return found

        return counted(self.builder, number(0), number(axis.extent), unroll, held, body)

    def across(self, point: Point, shifts: list[Any]) -> list[Any]:
        """The fold of each result of a tile, the lanes being steps of the fold."""
        plan, along = self.plan, self.along
        lanes, chains = plan.lanes, max(1, _CHAINS // len(shifts))
        chains = max(1, min(chains, along.extent // plan.lanes))
        held = [self._neutral(lanes) for _ in range(chains * len(shifts))]
        others = [axis for axis in self.nest.inner if axis is not along]
        if any(axis.extent == 0 for axis in self.nest.inner):
            held = held[: len(shifts)]
        else:
            held = self._across(others, point, shifts, held, chains)
        results = []
        for k in range(len(shifts)):
            total = held[k * chains] if len(held) > len(shifts) or chains == 1 else held[k]
            if len(held) > len(shifts):
                for other in held[k * chains + 1 : (k + 1) * chains]:
                    total = self.combine(total, other)
            results.append(self._across_lanes(total))
        return results

    def _across(self, axes: list[Axis], point: Point, shifts: list[Any], held: list[Any], chains: int) -> list[Any]:
        along, lanes = self.along, self.plan.lanes
        if axes:
            axis, *rest = axes

            def body(index: Any, carried: Any) -> list[Any]:
                return self._across(rest, point.at({axis.index: index}), shifts, list(carried), chains)

            return counted(self.builder, number(0), number(axis.extent), 1, held, body)
        whole = along.extent // (lanes * chains)

        def steps(base: Any, carried: Any, counts: list[int]) -> list[Any]:
            found = list(carried)
            at = point.at({along.index: base})
            for k, (shift, _) in enumerate(shifts):
                for chain, count in enumerate(counts):
                    place = k * chains + chain
                    moved = {**shift, along.index: chain * lanes}
                    found[place] = self._partial(at, moved, count, found[place])
            return found

        if whole == 1:
            held = steps(number(0), held, [lanes] * chains)
        elif whole:
            stop = number(whole * lanes * chains)
            held = counted(
                self.builder, number(0), stop, lanes * chains, held, lambda i, c: steps(i, c, [lanes] * chains)
            )
        rest_of = along.extent - whole * lanes * chains
        if rest_of:
            counts = [lanes] * (rest_of // lanes) + ([rest_of % lanes] if rest_of % lanes else [])
            held = steps(number(along.extent - rest_of), held, counts)
        return held

    def _partial(self, point: Point, shift: dict[Index, int], count: int, held: Any) -> Any:
        """A step in which only the first lanes count."""
        found = self._step(point, shift, count, held)
        if count == self.plan.lanes:
            return found
        kept = [lane if lane < count else self.plan.lanes + lane for lane in range(self.plan.lanes)]
        return self.builder.shuffle_vector(found, held, shuffle(kept))

    def _across_lanes(self, value: Any) -> Any:
        """The lanes of a vector combined, halves at a time."""
        build = self.builder
        count = value.type.count
        while count > 1:
            half = count // 2
            low = build.shuffle_vector(value, value, shuffle(range(half)))
            high = build.shuffle_vector(value, value, shuffle(range(half, count)))
            fold = self.fold
            dtype = fold.buffer.dtype
            value = emit_function(build, COMBINES[fold.combine], [low, high], [dtype, dtype])
            count = half
        return build.extract_element(value, ir.Constant(ir.IntType(32), 0))
