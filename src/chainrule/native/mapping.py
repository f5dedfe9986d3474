"""How a nest meets the machine: which axis the lanes follow, and how large a tile of results is kept in registers.

The choice is by counting: vectors, memory operands and idle lanes. A tile of R rows and V vectors takes R + V loads for
R V multiply-adds, so it is large where loads repeat, and bounded by the number of registers (Goto and van de Geijn,
Anatomy of high-performance matrix multiplication, 2008, for the shape of the argument).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from chainrule.loops import Apply, Load, Scalar, in_order
from chainrule.loops.affine import address, uses
from chainrule.native.nest import Axis, Nest
from chainrule.native.transpose import crossed_axis

_SCATTERED = 0.75  # a lane that is loaded by itself, in vectors
_ACROSS = 8  # adding up the lanes of one vector
_NEAR_BYTES, _FAR_BYTES, _MANY_TILES = 16_384, 512, 4
_PLAIN = {"add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum", "select", "fma"}


@dataclass(frozen=True)
class Mapping:
    """`along` is the axis of the lanes (None: one number at a time). `rows` and `vectors` are those of a tile; the rows
    follow the axis `down`."""

    along: Axis | None
    lanes: int
    down: Axis | None
    rows: int
    vectors: int
    panel: tuple[Load, ...] = ()
    """The loads that a tile's rows share and that are worth copying first, to be read one after another."""
    crossed: Axis | None = None
    """Of a copy, the axis along which the source has the elements that the lanes of its blocks exchange."""


def choose(nest: Nest, vector_bytes: int) -> Mapping:
    """The mapping of a nest on a machine with vectors of that width."""
    widest = max((scalar.dtype.itemsize for scalar in _numbers(nest)), default=8)
    lanes = max(2, vector_bytes // widest)
    candidates: list[tuple[float, int, Axis]] = []
    for number, axis in enumerate(reversed(nest.outer)):
        if axis.extent > 1:
            candidates.append((_cost(nest, axis, lanes, False), number, axis))
    if nest.fold is not None:
        for number, axis in enumerate(reversed(nest.inner)):
            if axis.extent > 1:
                candidates.append((_cost(nest, axis, lanes, True), 10 + number, axis))
    if not candidates:
        return Mapping(None, 1, None, 1, 1)
    _, _, along = min(candidates, key=lambda one: one[:2])
    across = any(axis is along for axis in nest.inner)
    stored = nest.outer[-1] if nest.outer else None
    crossed = crossed_axis(nest, stored, lanes)
    if crossed is not None:
        return Mapping(stored, lanes, crossed, lanes, 1, crossed=crossed)
    down, rows, vectors = _tile(nest, along, lanes, across, 32 if vector_bytes == 64 else 16)
    panel = _panel(nest, along, lanes, down, rows, vectors) if down is not None and not across else ()
    return Mapping(along, lanes, down, rows, vectors, panel)


def grain_of(extent: int) -> int:
    """The rows that stay together when an axis of this length is shared out: what a thread gets is whole grains.

    >>> grain_of(10), grain_of(64), grain_of(60_000)
    (1, 16, 64)
    """
    return 64 if extent >= 1024 else 16 if extent >= 64 else 8 if extent >= 16 else 1


def splits(nest: Nest, vector_bytes: int) -> bool:
    """Whether a nest's first axis can be shared out between threads so that each has whole tiles."""
    if not nest.outer or nest.leading_extent < 2:
        return False
    plan, first = choose(nest, vector_bytes), nest.outer[0]
    grain = grain_of(nest.leading_extent) * (first.extent // nest.leading_extent)
    if plan.along is not None and first.index is plan.along.index:
        return grain % plan.lanes == 0
    if plan.down is not None and first.index is plan.down.index:
        return grain % plan.rows == 0
    return True


def _numbers(nest: Nest) -> list[Scalar]:
    """What is computed with, indices aside."""
    return [*nest.values, *nest.loads()]


def _cost(nest: Nest, axis: Axis, lanes: int, across: bool) -> float:
    """The vectors that it takes to compute all of a nest along an axis."""

    def loads_of(*roots: Scalar) -> float:
        total = 0.0
        for load in nest.loads(*roots):
            place = address(load.operands, load.buffer.shape)
            moving = any(axis.index in uses(other, nest.facts) for other in place.others)
            step = place.indices.get(axis.index, 0)
            total += 1 if not moving and step in (0, 1, -1) else _SCATTERED * min(lanes, axis.extent)
        return total

    outer = math.prod(one.extent for one in nest.outer)
    runs = math.ceil(axis.extent / lanes) / axis.extent
    total = 0.0
    if nest.fold is not None:
        inner = math.prod(one.extent for one in nest.inner)
        total += outer * inner * runs * (2 + loads_of(nest.fold.value))
    each = sum(1.0 + loads_of(store.value) for store in nest.stores)
    targets = [*nest.stores, *([nest.fold] if nest.fold is not None else [])]
    for target in targets:
        step = address(target.indices, target.buffer.shape).indices.get(axis.index, 0)
        each += 1 if step in (0, 1) else _SCATTERED * min(lanes, axis.extent)
    total += outer * (each + _ACROSS if across else each * runs)
    return total


def _tile(nest: Nest, along: Axis, lanes: int, across: bool, registers: int) -> tuple[Axis | None, int, int]:
    if nest.fold is None:
        return None, 1, 1
    heavy = sum(1 for one in in_order([nest.fold.value]) if isinstance(one, Apply) and one.function not in _PLAIN)
    down = _shared_axis(nest, along)
    if across:
        rows = max(r for r in _row_counts(down) if r <= 4) if down is not None and not heavy else 1
        return (down if rows > 1 else None), rows, 1
    columns = math.ceil(along.extent / lanes)
    if heavy:
        return None, 1, min(columns, 2)
    best = (math.inf, 0, 1, 1)
    for vectors in range(1, min(columns, 4) + 1):
        for rows in _row_counts(down):
            if rows * vectors + vectors + 1 > registers:
                continue
            time = _time(columns, vectors, down.extent if down is not None else 1, rows)
            best = min(best, (time, -rows * vectors, vectors, rows))
    _, _, vectors, rows = best
    return (down if rows > 1 else None), rows, vectors


def _row_counts(down: Axis | None) -> list[int]:
    """Powers of two, so that tiles fit into grains; a short axis may be a tile of its own."""
    if down is None:
        return [1]
    return sorted(
        {*(rows for rows in (1, 2, 4, 8) if rows <= down.extent), *([down.extent] if down.extent < 8 else [])}
    )


def _panel(nest: Nest, along: Axis, lanes: int, down: Axis, rows: int, vectors: int) -> tuple[Load, ...]:
    """The loads worth a panel: spread over more memory than the nearest cache has, and read for many tiles."""
    assert nest.fold is not None
    steps = math.prod(axis.extent for axis in nest.inner)
    found = []
    for load in nest.loads(nest.fold.value):
        used, place = uses(load, nest.facts), address(load.operands, load.buffer.shape)
        if along.index not in used or down.index in used or place.others:
            continue
        size = steps * vectors * lanes * load.dtype.itemsize
        spread = max((abs(place.indices.get(axis.index, 0)) for axis in nest.inner), default=0) * load.dtype.itemsize
        if size >= _NEAR_BYTES and spread >= _FAR_BYTES and down.extent >= _MANY_TILES * rows:
            found.append(load)
    return tuple(found)


def panel_bytes(nest: Nest, plan: Mapping) -> int:
    """The memory that a thread needs for the panels of a nest."""
    steps = math.prod(axis.extent for axis in nest.inner)
    return sum(steps * plan.vectors * plan.lanes * load.dtype.itemsize for load in plan.panel)


def _time(columns: int, vectors: int, extent: int, rows: int) -> float:
    """The cycles of one step of the fold over all tiles, whole and partial."""

    def one(r: int, v: int) -> float:
        return max(r * v / 2, (r + v) / 2, 4.0) + 0.5

    total, code = 0.0, 0
    for count, r in ((extent // rows, rows), (1, extent % rows)):
        for many, v in ((columns // vectors, vectors), (1, columns % vectors)):
            if count and r and many and v:
                total += count * many * one(r, v)
                code += r * v
    return total * (1 + code / 1000)


def _shared_axis(nest: Nest, along: Axis) -> Axis | None:
    """The outer axis along which most of what moves along the lanes stays: its loads serve every row of a tile."""
    assert nest.fold is not None
    best: tuple[int, int] | None = None
    found = None
    for number, axis in enumerate(nest.outer):
        if axis is along or axis.extent < 2:
            continue
        staying = 0
        for load in nest.loads(nest.fold.value):
            used = uses(load, nest.facts)
            if along.index in used and axis.index not in used:
                staying += 1
        if staying and (best is None or (staying, number) > best):
            best, found = (staying, number), axis
    return found
