"""Rows that threads share out: where two steps have them alike, and which places are the same memory."""

from __future__ import annotations

import numpy as np

from chainrule.loops import parse_kernel
from chainrule.lower.program import Place, Run
from chainrule.native.nest import recognise
from chainrule.native.rows import Rows, Touch, Touched, rows_of_places, same_memory
from chainrule.types import ArrayType
from tests.lower.spmd import share_of


def test_agreement():
    def touch(way, rows):
        return Touch(Place("a", ArrayType((256,), np.dtype(np.float32))), way, rows, False)

    sixteen, four, other = (touch("split", Rows(*rows)) for rows in ((256, 16), (256, 64), (128, 16)))
    assert sixteen.agreement(sixteen) == 0
    assert sixteen.agreement(four) == four.agreement(sixteen) == 4
    assert sixteen.agreement(touch("split", Rows(256, 100))) == 1
    assert sixteen.agreement(other) == sixteen.agreement(touch("split", None)) == 1
    assert touch("split", None).agreement(touch("split", None)) == 1
    assert touch("one", None).agreement(touch("one", None)) == 0
    assert touch("one", None).agreement(sixteen) == sixteen.agreement(touch("each", None)) == 1
    for threads in (1, 2, 4):
        bounds = [[share_of(256, n, threads, grain) for n in range(threads)] for grain in (16, 64)]
        assert bounds[0] == bounds[1]


def test_touches_are_found_by_their_memory():
    kind = ArrayType((16,), np.dtype(np.float32))
    a, b, c = (Place(name, kind, offset=offset) for name, offset in (("a", 0), ("b", 63), ("c", 64)))
    long, row = Place("l", ArrayType((64,), kind.dtype), offset=0), Place("a'", ArrayType((), kind.dtype), base=a)
    given = Place("in0", kind, "input")

    def seen(place, *touched):
        found = Touched(Touch(one, "split", None, True) for one in touched).overlapping(place)
        return [one.place.name for one in found]

    assert seen(a, a, b, c, given) == ["a", "b"]
    assert seen(c, a, b, c) == ["b", "c"]
    assert seen(c, a) == seen(a, given) == seen(given, a) == []
    assert seen(row, a, c) == ["a"]
    assert seen(a, row, c) == ["a'"]
    assert seen(c, long, a) == ["l"]  # begins before others that end before
    assert seen(given, given) == ["in0"]


def test_touches_that_make_no_difference_are_kept_once():
    kind = ArrayType((16,), np.dtype(np.float32))
    a, b = Place("a", kind, offset=64), Place("b", kind, offset=64)
    touched = Touched([Touch(a, "split", Rows(16, 16), True), Touch(b, "split", Rows(16, 16), True)])
    assert [one.place.name for one in touched] == ["a"]
    touched.add([Touch(b, "one", None, True), Touch(b, "split", Rows(16, 16), False)])
    touched.add([Touch(Place("r", kind, base=Place("s", kind, offset=64)), "one", None, True)])
    assert [(one.way, one.writes) for one in touched] == [
        ("split", True), ("one", True), ("split", False), ("one", True),
    ]  # fmt: skip
    assert bool(touched)
    assert not Touched()


def test_the_same_memory():
    kind, other = ArrayType((16,), np.dtype(np.float32)), ArrayType((8,), np.dtype(np.float32))
    a, b = Place("a", kind, offset=64), Place("b", kind, offset=64)
    row = Place("r", other, base=Place("s", ArrayType((2, 8), kind.dtype), offset=64))
    same = same_memory
    assert same(a, a)
    assert same(a, b)
    assert not same(a, Place("c", kind, offset=128))
    assert not same(a, Place("c", other, offset=64))  # shorter rows
    assert not same(a, row)
    assert not same(a, Place("in0", kind, "input", offset=64))
    inputs = [Place(f"in{k}", kind, "input") for k in range(2)]
    assert not same(*inputs)


def rows_of(body: str) -> Rows | None:
    """How a thread that has rows of y, 32 in all, touches x, of 64 rows."""
    text = "kernel f(input x: float32[64, 5], output y: float32[32]):\n  parallel for i in 0..32:\n" + body
    kernel = parse_kernel(text)
    x, y = (Place(one.name, ArrayType(one.shape, one.dtype)) for one in kernel.buffers)
    nest = recognise(kernel.body[0])
    assert nest is not None
    found = rows_of_places(Run(kernel, (x, y)), nest)
    assert found[y] == Rows(32, 8)
    return found[x]


def folded(index: str, steps: int = 2) -> Rows | None:
    return rows_of(f"    y[i] = 0\n    for r in 0..{steps}: y[i] += x[{index}, 0]")


def test_blocks_of_rows():
    assert folded("(i * 2) + r") == Rows(64, 16)
    assert folded("(i * 2) + r", steps=3) is None  # the first row of the next block, which may be another thread's
    assert folded("i + (r * 32)") is None
    assert folded("(i * 2) + (r * 2)") is None
    assert folded("i + r") is None
    assert folded("1 + (i * 2)", steps=1) is None
    assert folded("(62 + (i * -2)) + r") is None
    assert rows_of("    y[i] = x[i, 0]") is None
    assert rows_of("    y[i] = x[i, 0] + x[(i * 2) + 1, 0]") is None


def test_each_access_is_to_ones_own_rows():
    both = "    y[i] = 0\n    for r in 0..2: y[i] += x[{}, 0] * x[{}, 1]"
    own, other = "(i * 2) + r", "(63 + (i * -2)) + (r * -1)"
    assert rows_of(both.format(own, own)) == Rows(64, 16)
    assert rows_of(both.format(own, other)) is None
    assert rows_of(both.format(other, own)) is None
