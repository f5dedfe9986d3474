"""Mappings: which axis the lanes follow, and how large tiles are."""

from __future__ import annotations

import math

import pytest

from chainrule.loops import parse_kernel
from chainrule.native.mapping import _far_apart, choose, grain_of, panel_bytes, splits
from chainrule.native.nest import recognise
from chainrule.native.transpose import crossed_in_fold


def nest_of(head: str, body: str):
    kernel = parse_kernel(f"kernel f({head}):\n{body}")
    return recognise(kernel.body[0])


def product(n: int, k: int, m: int, second: str = "b[r, j]", dtype: str = "float32"):
    shape = f"{k}, {m}" if second == "b[r, j]" else f"{m}, {k}"
    return nest_of(
        f"input a: {dtype}[{n}, {k}], input b: {dtype}[{shape}], output c: {dtype}[{n}, {m}]",
        f"""  parallel for i in 0..{n}:
    parallel for j in 0..{m}:
      c[i, j] = 0
      for r in 0..{k}: c[i, j] += a[i, r] * {second}""",
    )


def plain(n: int, m: int, value: str = "a[i, j]", shape: str | None = None):
    return nest_of(
        f"input a: float32[{shape or f'{n}, {m}'}], output c: float32[{n}, {m}]",
        f"  parallel for i in 0..{n}:\n    parallel for j in 0..{m}: c[i, j] = {value}",
    )


@pytest.mark.parametrize(("width", "lanes"), [(16, 4), (32, 8), (64, 16)])
def test_lanes_are_those_of_the_widest_number(width, lanes):
    assert choose(plain(40, 40, "a[i, j] * 2"), width).lanes == lanes
    wide = nest_of("input a: float32[40], output c: float64[40]", "  parallel for i in 0..40: c[i] = float64(a[i])")
    assert choose(wide, width).lanes == lanes // 2
    narrow = nest_of("input a: int8[400], output c: int8[400]", "  parallel for i in 0..400: c[i] = a[i] + 1")
    assert choose(narrow, width).lanes == width


@pytest.mark.parametrize(("value", "lanes"), [("a[n[i], j] + 1", 16), ("a[i, n[j]] + a[i, j]", 8)])
def test_what_does_not_move_along_the_lanes_takes_no_room_in_them(value, lanes):
    nest = nest_of(
        "input a: float32[40, 40], input n: int64[40], output c: float32[40, 40]",
        f"  parallel for i in 0..40:\n    parallel for j in 0..40: c[i, j] = {value}",
    )
    plan = choose(nest, 64)
    assert plan.along.index.name == "j"
    assert plan.lanes == lanes


def test_lanes_follow_the_axis_along_which_memory_does():
    plan = choose(product(64, 64, 64), 32)
    assert plan.along.index.name == "j"
    assert [(axis.index.name, rows) for axis, rows in plan.downs][-1][0] == "i"
    assert plan.vectors >= 1
    across = choose(product(40, 64, 64, "b[j, r]"), 32)
    assert across.along.index.name == "r"


def test_rows_that_many_results_read_are_turned_in_panels():
    nest = product(64, 64, 64, "b[j, r]")
    plan = choose(nest, 32)
    assert plan.along.index.name == "j"
    assert [load.buffer.name for load in plan.panel] == ["b"]
    assert crossed_in_fold(nest, plan.panel[0], plan.along).index.name == "r"
    for n, k, m in ((40, 64, 64), (64, 40, 64), (64, 64, 40)):
        assert choose(product(n, k, m, "b[j, r]"), 32).panel == ()


def test_columns_are_shared_out_where_rows_are_few():
    few, many = product(128, 400, 512), product(512, 400, 512)
    plan = choose(few, 64)
    assert plan.by_columns
    assert splits(few, 64)
    assert math.ceil(512 / (plan.vectors * plan.lanes)) % 4 == 0
    assert not choose(many, 64).by_columns  # copies are little of the work
    assert choose(product(512, 1024, 1024), 64).by_columns  # copies from far memory are more
    assert not choose(product(2048, 1024, 1024), 64).by_columns
    assert not choose(product(128, 400, 100), 64).by_columns  # nothing to share out
    assert not choose(product(128, 20, 512), 64).by_columns  # no panels


def test_a_tile_fits_into_the_registers():
    for width, registers in ((16, 16), (32, 16), (64, 32)):
        for n, k, m in ((64, 64, 64), (7, 9, 100), (100, 3, 17), (2, 64, 300)):
            plan = choose(product(n, k, m), width)
            rows = 1
            for _, count in plan.downs:
                rows *= count
            assert rows * plan.vectors + plan.vectors + 1 <= registers


def test_one_number_has_no_lanes():
    nest = nest_of("input a: float32[1], output c: float32[1]", "  parallel for i in 0..1: c[i] = a[i] + 1")
    assert choose(nest, 32).along is None


def test_a_transposing_copy_goes_by_blocks():
    plan = choose(plain(40, 40, "a[j, i]", "40, 40"), 32)
    assert plan.crossed is not None
    assert plan.crossed.index.name == "i"
    assert choose(plain(40, 40, "a[j, i] * 2", "40, 40"), 32).crossed is None
    assert choose(plain(4, 40, "a[j, i]", "40, 4"), 32).crossed is None  # less than a block
    assert choose(plain(40, 40), 32).crossed is None


def test_what_is_heavy_has_small_tiles():
    light, heavy = product(64, 64, 64), nest_of(
        "input a: float32[64, 64], input b: float32[64, 64], output c: float32[64, 64]",
        """  parallel for i in 0..64:
    parallel for j in 0..64:
      c[i, j] = 0
      for r in 0..64: c[i, j] += exp(a[i, r] * b[r, j])""",
    )  # fmt: skip
    assert choose(light, 32).downs
    assert not choose(heavy, 32).downs


def test_panels_are_for_what_is_far_apart_and_read_often():
    large = product(512, 512, 512)
    plan = choose(large, 32)
    assert [load.buffer.name for load in plan.panel] == ["b"]
    assert panel_bytes(large, plan) == 512 * plan.vectors * plan.lanes * 4
    small = product(64, 64, 64)
    assert choose(small, 32).panel == ()
    assert panel_bytes(small, choose(small, 32)) == 0


def test_shares_are_whole_tiles():
    """What a thread begins with is the start of a vector and of a tile."""
    for extent in (16, 64, 100, 1024, 1100):
        nest = product(extent, 9, 40)
        plan = choose(nest, 32)
        if splits(nest, 32):
            rows = [count for axis, count in plan.downs if axis.index is nest.outer[0].index]
            assert all(grain_of(extent) % count == 0 for count in rows)


def test_what_cannot_be_shared_out():
    one = nest_of(
        "input a: float32[1, 9], output c: float32[1, 9]",
        "  parallel for i in 0..1:\n    parallel for j in 0..9: c[i, j] = a[i, j]",
    )
    assert not splits(one, 32)
    total = nest_of("input a: float32[9], output c: float32[]", "  for i in 0..9: c[] += a[i]")
    assert not splits(total, 32)
    short = nest_of("input a: float32[9], output c: float32[9]", "  parallel for i in 0..9: c[i] = a[i] + 1")
    assert not splits(short, 32)  # grains of one row would cut vectors
    assert splits(plain(9, 64, "a[i, j] + 1"), 32)  # nine rows that became one axis, of whole vectors each
    assert not splits(plain(9, 63, "a[i, j] + 1"), 32)


def test_grains_grow_with_the_axis():
    grains = [grain_of(extent) for extent in range(1, 3000)]
    assert grains == sorted(grains)
    assert set(grains) <= {1, 8, 16, 32, 64}


def tile(nest, width: int = 32) -> list[tuple[str, int]]:
    return [(axis.index.name, rows) for axis, rows in choose(nest, width).downs]


def three(value: str, shape: str = "float32[9, 40, 2]", rest: str = ""):
    """A nest of 9, 40 and 2, without a fold."""
    return nest_of(
        f"input a: {shape}, input b: float32[9, 2, 40], output c: float32[9, 2, 40]",
        "  parallel for i in 0..9:\n    parallel for k in 0..2:\n      parallel for j in 0..40:\n"
        f"        c[i, k, j] = {value}{rest}",
    )


def test_short_axes_between_the_lanes_are_in_one_tile():
    assert tile(three("a[i, j, k] * 2")) == [("k", 2)]  # they stand side by side
    assert tile(three("exp(a[i, j, 0])")) == [("k", 2)]  # they read the same
    assert tile(three("b[i, k, j] * 2")) == []


def test_long_axes_are_in_no_tile_without_a_fold():
    nest = nest_of(
        "input a: float32[9, 40], output c: float32[9, 6, 40]",
        "  parallel for i in 0..9:\n    parallel for k in 0..6:\n"
        "      parallel for j in 0..40: c[i, k, j] = exp(a[i, j])",
    )
    assert tile(nest) == []


def test_two_short_axes_are_in_a_tile_while_it_is_small():
    text = """  parallel for i in 0..9:
    parallel for k in 0..2:
      parallel for l in 0..{n}:
        parallel for j in 0..40: c[i, k, l, j] = exp(a[i, j + k] * a[i, j + l])"""
    for n, expected in ((2, [("k", 2), ("l", 2)]), (3, [("l", 3)]), (4, [("l", 4)])):
        nest = nest_of(f"input a: float32[9, 44], output c: float32[9, 2, {n}, 40]", text.format(n=n))
        assert tile(nest) == expected


def test_tiles_of_large_nests_fit_into_grains():
    """What may be worth several threads is tiled so that its rows can be shared out."""
    for rows in (20, 36, 50, 100, 1000):
        nest = product(rows, 64, 256)
        assert nest.domain >= 1 << 17
        counts = dict(tile(nest))
        first = nest.outer[0].index.name
        assert (grain_of(rows) % counts.get(first, 1)) == 0
        assert splits(nest, 32)


def test_rows_that_only_together_are_a_good_tile_are_not_shared_out():
    few = product(8, 256, 64)
    assert few.domain >= 1 << 17
    assert grain_of(8) == 1
    (_, rows), *_ = tile(few, 64)
    assert rows == 8
    assert not splits(few, 64)
    deep = product(8, 256, 512)  # threads share out its columns
    assert splits(deep, 64)


def test_lines_of_memory_far_apart_make_tiles_of_few_rows():
    """Lanes along the steps of a fold: each row of a tile is a line of its own."""
    for steps in (512, 4096):
        nest = product(8, steps, 8, "b[j, r]")
        assert choose(nest, 32).along.index.name == "r"
        assert [{index.name for index in _far_apart(load)} for load in nest.loads()] == [{"i"}, {"j"}]
    assert not any(_far_apart(load) for load in product(8, 8, 8, "b[j, r]").loads())
