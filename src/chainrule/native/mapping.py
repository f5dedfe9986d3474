"""How a nest meets the machine: which axis the lanes follow, and how large a tile of results is kept in registers.

The choice is by counting: vectors, memory operands and idle lanes. A tile of R rows and V vectors takes R + V loads for
R V multiply-adds, so it is large where loads repeat, and bounded by the number of registers (Goto and van de Geijn,
Anatomy of high-performance matrix multiplication, 2008, for the shape of the argument).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from chainrule.loops import Apply, Index, Load, Scalar, in_order
from chainrule.loops.affine import address, uses
from chainrule.native.nest import Axis, Nest
from chainrule.native.transpose import crossed_axis, crossed_in_fold

_STRIDED = 1.2  # each vector that a load with a stride spans
_SCATTERED = 0.75  # a lane that is loaded by itself, in vectors
_ACROSS = 8  # adding up the lanes of one vector
_OVERHEAD = 2.0  # cycles of a step of a fold beside its arithmetic, as measured
_LINE, _NEAR_LINES = 2.0, 8  # cycles for a line from the second cache; lines that neighbours are apart
_WIDE = 0.05  # cycles by which a whole vector is slower to load than one number for all its lanes
_NEAR_BYTES, _FAR_BYTES, _MANY_TILES = 16_384, 512, 4
_FEW_ROWS, _FEW_ROWS_OF_FAR, _FAR_PANELS, _MANY_COLUMNS = 512, 2048, 1 << 21, 16
_LARGE = 1 << 17  # steps of a nest that is worth several threads, whatever its tile
_SHORT = 4  # results of a tile without a fold
_PLAIN = {"add", "subtract", "multiply", "negative", "absolute", "maximum", "minimum", "select", "fma"}


@dataclass(frozen=True)
class Mapping:
    """`along` is the axis of the lanes (None: one number at a time). A tile has so many `vectors` along it, and along
    each axis of `downs` so many rows."""

    along: Axis | None
    lanes: int
    downs: tuple[tuple[Axis, int], ...] = ()
    vectors: int = 1
    panel: tuple[Load, ...] = ()
    """The loads that a tile's rows share and that are worth copying first, to be read one after another."""
    by_columns: bool = False
    """Whether threads share out whole tiles along the lanes, so that each copies the panels of its own."""
    crossed: Axis | None = None
    """Of a copy, the axis along which the source has the elements that the lanes of its blocks exchange."""


@lru_cache(maxsize=1024)
def choose(nest: Nest, vector_bytes: int) -> Mapping:
    """The mapping of a nest on a machine with vectors of that width."""
    candidates: list[tuple[float, int, Axis]] = []
    for number, axis in enumerate(reversed(nest.outer)):
        if axis.extent > 1:
            candidates.append((_cost(nest, axis, _lanes(nest, axis, vector_bytes), False), number, axis))
    if nest.fold is not None:
        for number, axis in enumerate(reversed(nest.inner)):
            if axis.extent > 1:
                candidates.append((_cost(nest, axis, _lanes(nest, axis, vector_bytes), True), 10 + number, axis))
    if not candidates:
        return Mapping(None, 1)
    _, _, along = min(candidates, key=lambda one: one[:2])
    lanes, across = _lanes(nest, along, vector_bytes), any(axis is along for axis in nest.inner)
    if nest.fold is None and nest.outer:
        stored = nest.outer[-1]
        copied = _lanes(nest, stored, vector_bytes)
        crossed = crossed_axis(nest, stored, copied)
        if crossed is not None:
            return Mapping(stored, copied, ((crossed, copied),), crossed=crossed)
    lanes = _enough(along.extent, lanes)
    by_columns = not across and _by_columns(nest, along, lanes)
    downs, vectors = _tile(nest, along, lanes, across, 32 if vector_bytes == 64 else 16, by_columns)
    panel = _panel(nest, along, lanes, downs, vectors) if downs and not across else ()
    return Mapping(along, lanes, downs, vectors, panel, by_columns)


def _enough(extent: int, lanes: int) -> int:
    """The lanes of the shortest vector that holds so many elements. A short vector that is full is stored and read as
    it is: what is kept in such memory can be in registers, which a part of a long vector cannot.

    >>> _enough(4, 16), _enough(5, 16), _enough(9, 16), _enough(1000, 16)
    (4, 8, 16, 16)
    """
    while lanes > 2 and extent <= lanes // 2:
        lanes //= 2
    return lanes


def grain_of(extent: int) -> int:
    """The rows that stay together when an axis of this length is shared out: what a thread gets is whole grains.

    >>> grain_of(10), grain_of(64), grain_of(60_000)
    (1, 16, 64)
    """
    return 64 if extent >= 1024 else 16 if extent >= 64 else 8 if extent >= 16 else 1


def splits(nest: Nest, vector_bytes: int) -> bool:
    """Whether a nest can be shared out between threads, as its plan says, so that each has whole tiles."""
    if not nest.outer or nest.leading_extent < 2:
        return False
    plan, first, grain = choose(nest, vector_bytes), nest.outer[0], _grain(nest)
    if plan.by_columns:
        return True
    if plan.along is not None and first.index is plan.along.index:
        return grain % plan.lanes == 0
    return all(first.index is not axis.index or grain % rows == 0 for axis, rows in plan.downs)


def _grain(nest: Nest) -> int:
    """The grain of the first axis, which may be several that were merged."""
    return grain_of(nest.leading_extent) * (nest.outer[0].extent // nest.leading_extent) if nest.outer else 1


def _lanes(nest: Nest, axis: Axis, vector_bytes: int) -> int:
    """The lanes of vectors along an axis: of the widest number in them. What does not move along it is in no vector."""
    moving: list[Scalar] = [load for load in nest.loads() if axis.index in uses(load, nest.facts)]
    widest = max(scalar.dtype.itemsize for scalar in (*nest.values, *moving))
    return max(2, vector_bytes // widest)


def _cost(nest: Nest, axis: Axis, lanes: int, across: bool) -> float:
    """The vectors that it takes to compute all of a nest along an axis."""

    def loads_of(*roots: Scalar) -> float:
        total = 0.0
        for load in nest.loads(*roots):
            place = address(load.operands, load.buffer.shape)
            moving = any(axis.index in uses(other, nest.facts) for other in place.others)
            step = place.indices.get(axis.index, 0)
            scattered = _SCATTERED * min(lanes, axis.extent)
            if not across and crossed_in_fold(nest, load, axis) is not None:
                total += 1
                continue
            total += scattered if moving else 1 if step in (0, 1, -1) else min(scattered, abs(step) * _STRIDED)
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


def _tile(
    nest: Nest, along: Axis, lanes: int, across: bool, registers: int, by_columns: bool
) -> tuple[tuple[tuple[Axis, int], ...], int]:
    """The rows and vectors of the tile that takes the fewest cycles for a step of the fold."""
    if nest.fold is None:
        return _together(nest, along), 1
    columns = 1 if across else math.ceil(along.extent / lanes)
    if any(isinstance(one, Apply) and one.function not in _PLAIN for one in in_order([nest.fold.value])):
        return (), min(columns, 2)
    moving = [uses(load, nest.facts) for load in nest.loads(nest.fold.value)]
    far = [_far_apart(load) for load in nest.loads(nest.fold.value)] if across else None
    others = [axis for axis in nest.outer if axis is not along and axis.extent > 1]
    shared = [axis for axis in others if any(axis.index not in used for used in moving)]
    pairs = [(), *((axis,) for axis in shared), *itertools.combinations(shared, 2)]

    def fastest(fitting: bool) -> tuple[float, int, tuple[tuple[Axis, int], ...], int]:
        choices = (
            (tuple(zip(axes, rows, strict=True)), vectors)
            for axes in pairs
            for rows in itertools.product(*(_row_counts(nest, axis, by_columns, fitting) for axis in axes))
            if 1 not in rows
            for vectors in range(1, min(columns, 4) + 1)
        )
        timed = (
            (
                _time(moving, far, along, columns, vectors, rows, registers)
                * (_unevenness(math.ceil(columns / vectors)) if by_columns else 1.0),
                math.prod(count for _, count in rows),
                rows,
                vectors,
            )
            for rows, vectors in choices
        )
        return min(timed, key=lambda one: one[:2])

    chosen = fastest(True)
    if nest.domain >= _LARGE and _grain(nest) == 1 and not by_columns:
        together = fastest(False)
        chosen = together if 2 * together[0] < chosen[0] else chosen  # than what two threads do in tiles of single rows
    return chosen[2:]


def _unevenness(tiles: int) -> float:
    """What the share of one of four threads is above a quarter, where whole tiles are shared out."""
    return math.ceil(tiles / 4) * 4 / tiles


def _far_apart(load: Load) -> frozenset[Index]:
    """The indices that move a load so far that no line of memory near to it is read again by the next steps."""
    near = _NEAR_LINES * 64 // load.dtype.itemsize
    return frozenset(index for index, by in address(load.operands, load.buffer.shape).indices.items() if abs(by) > near)


def _together(nest: Nest, along: Axis) -> tuple[tuple[Axis, int], ...]:
    """Short axes whose elements read the same, or stand next to each other between those of the lanes: in one tile."""
    found: list[tuple[Axis, int]] = []
    steps = [place.indices for place in nest.addresses()]
    moving = [used for load in nest.loads() if along.index in (used := uses(load, nest.facts))]
    for axis in reversed(nest.outer[1:]):
        few = axis.extent > 1 and axis.extent * math.prod(rows for _, rows in found) <= _SHORT
        woven = any(abs(one.get(along.index, 0)) == axis.extent and one.get(axis.index) == 1 for one in steps)
        shared = any(axis.index not in used for used in moving)
        if axis is not along and few and (woven or shared):
            found.append((axis, axis.extent))
    return tuple(reversed(found))


def _row_counts(nest: Nest, axis: Axis, by_columns: bool, fitting: bool) -> list[int]:
    """Powers of two, so that tiles fit into grains; an axis that is not shared out may have others, and a short one may
    be a tile of its own. Those of a large nest do fit, if that is asked for."""
    counts = {rows for rows in ((1, 2, 4, 6, 8) if by_columns else (1, 2, 4, 8)) if rows <= axis.extent}
    if axis.extent >= 64:
        counts.add(16)  # where a row is one vector, 8 sums are just as many as the processor has under way
    shared_out = axis.index is nest.outer[0].index and len(nest.outer) > 1
    if shared_out and not by_columns and fitting and nest.domain >= _LARGE:
        counts = {rows for rows in counts if _grain(nest) % rows == 0}
    if axis.extent <= 16 and not shared_out:
        counts |= {rows for rows in range(1, axis.extent + 1) if axis.extent % rows == 0}
    return sorted(counts)


def _time(
    moving: list[frozenset[Index]],
    far: list[frozenset[Index]] | None,
    along: Axis,
    columns: int,
    vectors: int,
    rows: Sequence[tuple[Axis, int]],
    registers: int,
) -> float:
    """The cycles of one step of the fold for all results along the axes of a tile. `far` is given where lanes are
    steps, so that each load is of a line of its own: the indices by which that line is another one."""
    across = far is not None
    held = vectors * math.prod(count for _, count in rows)
    loads = wide = 0
    for used in moving:
        times = math.prod(count for axis, count in rows if axis.index in used)
        loads += times * (vectors if along.index in used and not across else 1)
        wide += times * vectors if along.index in used and not across else 0
    if held + (vectors if not across else min(4, loads)) + 2 > registers:
        return math.inf
    tiles = math.ceil(columns / vectors) * math.prod(math.ceil(axis.extent / count) for axis, count in rows)
    ragged = sum(axis.extent % count > 0 for axis, count in rows) + (columns % vectors > 0)
    lines = sum(math.prod(count for axis, count in rows if axis.index in apart) for apart in far or ())
    cycles = max(held / 2, loads / 2, _LINE * lines, 1.0 if across else 4.0) + _OVERHEAD + _WIDE * wide
    missing = math.prod(axis.extent for axis, _ in rows)
    return tiles * cycles / (columns * missing) * (1 + held / 1000 + ragged / 50)


def _by_columns(nest: Nest, along: Axis, lanes: int) -> bool:
    """Whether threads should share out the axis of the lanes.

    Where they share out rows, each copies every panel for itself. Of few rows these copies are much of the work, the
    more so from far memory, and for them it pays to leave the order of rows, in which the steps before and after go.
    """
    if nest.fold is None or along is nest.outer[0] or along.extent < _MANY_COLUMNS * lanes:
        return False
    rows = tuple((axis, 1) for axis in nest.outer if axis is not along)
    count = math.prod(axis.extent for axis, _ in rows)
    panel = _panel(nest, along, lanes, rows, 4) if count < _FEW_ROWS_OF_FAR else ()
    is_far = any(math.prod(load.buffer.shape) * load.dtype.itemsize > _FAR_PANELS for load in panel)
    return bool(panel) and (is_far or count < _FEW_ROWS)


def _panel(nest: Nest, along: Axis, lanes: int, downs: tuple[tuple[Axis, int], ...], vectors: int) -> tuple[Load, ...]:
    """The loads worth a panel: spread over more memory than the nearest cache has, and read for many tiles."""
    if nest.fold is None:
        return ()
    steps = math.prod(axis.extent for axis in nest.inner)
    tiles = math.prod(axis.extent / rows for axis, rows in downs)
    found = []
    for load in nest.loads(nest.fold.value):
        used, place = uses(load, nest.facts), address(load.operands, load.buffer.shape)
        fixed = all(axis.index not in used for axis in nest.outer if axis is not along)
        if along.index not in used or not fixed or place.others:
            continue
        if crossed_in_fold(nest, load, along) is not None:
            found.append(load)
            continue
        size = steps * vectors * lanes * load.dtype.itemsize
        spread = max((abs(place.indices.get(axis.index, 0)) for axis in nest.inner), default=0) * load.dtype.itemsize
        if size >= _NEAR_BYTES and spread >= _FAR_BYTES and tiles >= _MANY_TILES:
            found.append(load)
    return tuple(found)


def panel_bytes(nest: Nest, plan: Mapping) -> int:
    """The memory that a thread needs for the panels of a nest."""
    steps = math.prod(axis.extent for axis in nest.inner)
    return sum(steps * plan.vectors * plan.lanes * load.dtype.itemsize for load in plan.panel)
