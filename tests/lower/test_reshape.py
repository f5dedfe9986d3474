"""Reshapes computed where they are read: how axes fall apart, and where elements come from."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from chainrule.loops import Index, buffer, constant
from chainrule.loops.affine import affine
from chainrule.lower.program import Run, leaves
from chainrule.lower.reshape import factors, is_unit_reshape, source_index
from tests.lower.running import WIDTHS, compare, compare_threads, graph_of, numbers, verified

CUBE, LONG = numbers(6, 4, 10), numbers(6, 40)


def kernels(function, *args) -> list[str]:
    return [step.kernel.name for step in leaves(verified(graph_of(function, *args)).steps) if isinstance(step, Run)]


@pytest.mark.parametrize(
    ("shape", "source", "expected"),
    [
        ((24,), (4, 6), ((4, 6),)),
        ((4, 6), (24,), ((4,), (6,))),
        ((4, 6), (6, 4), None),
        ((2, 12, 5), (2, 3, 4, 5), ((2,), (3, 4), (5,))),
        ((1, 12), (3, 1, 4), ((1,), (3, 4))),
        ((12, 1, 2), (12, 2), ((12,), (1,), (2,))),
        ((6, 35), (2, 3, 5, 7), ((2, 3), (5, 7))),
        ((2, 3, 35), (6, 5, 7), ((2,), (3,), (5, 7))),
        ((8, 9), (4, 18), None),
        ((4, 6, 35), (6, 4, 5, 7), None),
        ((), (1, 1), ()),
        ((1,), (), ((1,),)),
    ],
)
def test_factors(shape, source, expected):
    assert factors(shape, source) == expected


@pytest.mark.parametrize(
    ("shape", "source", "expected"),
    [((4, 1, 2), (1, 4, 2), True), ((4, 2), (2, 4), False), ((1,), (), True), ((8,), (4, 2), False)],
)
def test_reshapes_that_only_add_axes_of_one(shape, source, expected):
    assert is_unit_reshape(shape, source) is expected


def indices_of(parts):
    """The index along each axis as a kernel has it, and the lengths of its loops."""
    found, extents = [], {}
    for axis, lengths in enumerate(parts):
        index = constant(0, np.int64)
        for part, n in enumerate(lengths):
            one = Index(f"i{axis}{part}")
            extents[one] = n
            index = one if part == 0 else index * n + one
        found.append(index)
    return found, extents


def value_of(scalar, values) -> int:
    found = affine(scalar)
    assert not found.others
    return found.constant + sum(by * values[index] for index, by in found.indices.items())


RESHAPES = [
    ((24,), (4, 6)), ((4, 6), (24,)), ((2, 12, 5), (2, 3, 4, 5)), ((1, 12), (3, 1, 4)), ((6, 35), (2, 3, 5, 7)),
    ((2, 3, 35), (6, 5, 7)), ((5, 1, 2, 3), (5, 6)), ((2, 2, 2), (2, 2, 2)), ((7,), (7, 1)), ((16,), (2, 2, 2, 2)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "source"), RESHAPES)
def test_an_element_comes_from_where_it_was(shape, source):
    index, extents = indices_of(factors(shape, source))
    found = source_index(index, shape, source, extents)
    assert len(found) == len(source)
    for point in itertools.product(*map(range, extents.values())):
        values = dict(zip(extents, point, strict=True))
        flat = np.ravel_multi_index(tuple(value_of(one, values) for one in index), shape)
        assert tuple(value_of(one, values) for one in found) == np.unravel_index(flat, source)


@pytest.mark.parametrize(("shape", "source"), [((24,), (4, 6)), ((4, 6), (6, 4)), ((2, 12), (4, 6))])
def test_an_index_that_does_not_fall_apart(shape, source):
    """With one loop for each axis, a digit is more than an affine sum."""
    index, extents = indices_of([(n,) for n in shape])
    assert source_index(index, shape, source, extents) is None


def test_an_index_from_memory_does_not_fall_apart():
    n = buffer("n", (5,), np.int64)
    i = Index("i")
    assert source_index([n[i]], (24,), (4, 6), {i: 5}) is None
    (found,) = source_index([n[i], i], (4, 6), (24,), {i: 5})  # but several may be made one
    assert list(affine(found).others.values()) == [6]


def test_windows_side_by_side_are_read_in_place():
    """A pool is one kernel; what it reads is written by none."""
    assert kernels(lambda x: np.max(x.reshape(6, 2, 2, 5, 2), (2, 4)), CUBE) == ["max"]
    assert "reshape" not in kernels(lambda x: np.exp(x.reshape(6, 4, 10)) * 2, LONG)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sin(x.reshape(6, 40)) * 2,
        lambda x: np.sin(x).reshape(240)[::-1] + 1,
        lambda x: (x * 2).reshape(24, 10).T.reshape(60, 4) - 1,
        lambda x: (x + 1).reshape(6, 2, 2, 5, 2).transpose(0, 1, 3, 2, 4).reshape(6, 10, 4) * 3,
        lambda x: (y := (x * 2).reshape(6, 40)) + y[:, ::-1],
        lambda x: np.sum((x * 2).reshape(6, 40), 1) + np.sum(x.reshape(6, 40) * 3, 1),
        lambda x: ((x * 2).reshape(6, 40) + 1, (x * 3).transpose(1, 0, 2).reshape(4, 60) + 1),
        lambda x: (x[:, :, ::-1].reshape(6, 8, 5) + x.reshape(6, 8, 5)) * x.reshape(6, 8, 5)[:, ::-1],
        lambda x: (x * 2).reshape(60, 4)[np.array([3, 59, 0])] + 1,
        lambda x: np.cumsum((x * 2).reshape(24, 10), 1).reshape(6, 40) + 1,
    ],
)
def test_what_is_computed_through_reshapes(function):
    for width in WIDTHS:
        compare(function, CUBE, width=width)
    compare(function, CUBE, off=("inlining",))
    compare_threads(function, CUBE, counts=(1, 3))


def test_random_reshapes_between_elements():
    random = np.random.default_rng(5)
    for _ in range(25):
        lengths = random.integers(1, 5, 4)
        shapes = []
        for _ in range(3):
            cuts = sorted(random.choice(5, 2))
            order = random.permutation(lengths)
            shapes.append(tuple(math.prod(map(int, part)) for part in np.split(order, cuts)))
        one, two, three = shapes
        compare(lambda x: ((x * 2).reshape(two) + 1).reshape(three) * 3, numbers(*one))  # noqa: B023
        compare(lambda x: ((x * 2).reshape(two).T + 1).reshape(three)[::-1] * 3, numbers(*one))  # noqa: B023


def test_reshapes_of_nothing():
    compare(lambda x: (x * 2).reshape(0, 6) + np.exp(x).reshape(3, 0, 2).sum(1).sum(), np.zeros((3, 0)))
