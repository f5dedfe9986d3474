"""Nests taken apart: which statements are one, and which of their axes are made one."""

from __future__ import annotations

import pytest

from chainrule.loops import parse_kernel
from chainrule.native.nest import innermost, recognise


def nest_of(body: str, head: str = "input a: float32[4, 5, 6], output c: float32[4, 5, 6], output s: float32[4]"):
    kernel = parse_kernel(f"kernel f({head}):\n{body}")
    assert len(kernel.body) == 1
    return recognise(kernel.body[0])


THREE = """  parallel for i in 0..4:
    parallel for j in 0..5:
      parallel for k in 0..6: """


def axes(nest) -> list[tuple[str, int]]:
    return [(axis.index.name, axis.extent) for axis in nest.outer]


def test_axes_that_are_one_in_every_access_are_made_one():
    nest = nest_of(THREE + "c[i, j, k] = a[i, j, k] * 2")
    assert axes(nest) == [("k", 120)]
    assert {index.name for index in nest.merged} == {"i", "j"}
    assert (nest.leading.name, nest.leading_extent, nest.domain) == ("i", 4, 120)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("c[i, j, k] = a[i, 4 - j, k]", [("i", 4), ("j", 5), ("k", 6)]),
        ("c[i, j, k] = a[3 - i, j, k]", [("i", 4), ("k", 30)]),
        ("c[i, j, k] = a[i, j, 0]", [("j", 20), ("k", 6)]),
        ("c[i, j, k] = a[0, j, k]", [("i", 4), ("k", 30)]),
        ("c[i, j, k] = a[0, 0, 0]", [("k", 120)]),
        ("c[i, j, k] = a[i, j, k] * float32(j)", [("i", 4), ("j", 5), ("k", 6)]),
        ("c[i, j, k] = a[i, j, k] * float32(k)", [("j", 20), ("k", 6)]),
        ("c[i, j, k] = a[i, maximum(j, 2), k]", [("i", 4), ("j", 5), ("k", 6)]),
    ],
)
def test_axes_that_an_access_tells_apart_stay(body, expected):
    assert axes(nest_of(THREE + body)) == expected


def test_an_axis_on_which_a_computed_place_depends_stays():
    """Though the rest of the address goes through both axes as one."""
    nest = nest_of(
        "  parallel for i in 0..4:\n    parallel for j in 0..5: c[i, j] = a[((i * 5) + j) + maximum(i, 2)]",
        "input a: float32[40], output c: float32[4, 5]",
    )
    assert axes(nest) == [("i", 4), ("j", 5)]


def test_axes_of_length_nothing_are_left():
    nest = nest_of(
        "  parallel for i in 0..0:\n    parallel for j in 0..5: c[i, j] = a[i, j]",
        "input a: float32[0, 5], output c: float32[0, 5]",
    )
    assert axes(nest) == [("i", 0), ("j", 5)]
    assert nest.domain == 0


def test_a_fold_with_start_and_end():
    nest = nest_of("""  parallel for i in 0..4:
    s[i] = 0
    for j in 0..5:
      for k in 0..6: s[i] += a[i, j, k]
    s[i] = exp(s[i])""")
    assert axes(nest) == [("i", 4)]
    assert [(axis.index.name, axis.extent) for axis in nest.inner] == [("k", 30)]
    assert nest.start is not None
    assert nest.fold.combine == "sum"
    assert len(nest.stores) == 1
    assert len(nest.values) == 2
    (load,) = nest.loads()
    assert not nest.is_folded(load)
    assert nest.domain == 120


@pytest.mark.parametrize(
    "body",
    [
        "  for i in 0..4: s[i] = a[i, 0, 0]",
        "  parallel for i in 1..4: s[i] = a[i, 0, 0]",
        "  parallel for i in 0..4:\n    s[i] = 1\n    for j in 0..5: s[i] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[0] = 0\n    for j in 0..5: s[i] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    for j in 0..5: s[i] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..5: s[i] += s[i] * a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..i: s[i] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..5:\n      if j < 2: s[i] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..5: s[i] += a[i, j, 0]\n    s[i] = s[3 - i]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..4: s[j] += a[i, j, 0]",
        "  parallel for i in 0..4:\n    s[i] = 0\n    for j in 0..5: s[i] += a[i, j, 0]\n    if i < 2: s[i] = 1",
        "  parallel for i in 0..4:\n    if i < 2: s[i] = 1",
    ],
)
def test_what_is_no_nest(body):
    assert nest_of(body) is None


def test_a_fold_into_an_axis_of_its_own_is_none():
    nest = nest_of(
        "  parallel for i in 0..1:\n    s[i] = 0\n    for j in 0..4: s[j] += a[j, 0, 0]",
    )
    assert nest is None


def test_statements_without_loops():
    kernel = parse_kernel("kernel f(input a: float32[3], output c: float32[]):\n  for i in 0..3: c[] += a[i]")
    nest = innermost(kernel.body)
    assert nest is not None
    assert (nest.start, nest.outer) == (None, [])
    assert recognise(kernel.body[0]) is not None
    assert innermost(()) is None
    only = parse_kernel("kernel f(input a: float32[3], output c: float32[3]):\n  c[0] = a[0]\n  c[1] = a[1]")
    assert len(innermost(only.body).stores) == 2
    mixed = parse_kernel("kernel f(input a: float32[3], output c: float32[3]):\n  c[0] = 0\n  fill c = 1")
    assert innermost(mixed.body) is None
