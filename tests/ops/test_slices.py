"""Slices, flips and diagonals: the errors, and the ranges."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.evaluate import evaluate
from chainrule.graph import Graph, Input
from chainrule.ops.slices import cut, place, range_of, whole
from chainrule.types import ArrayType
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: np.flip(x, 1), x, AxisError, "flip: expected an axis from -1 to 0; got 1"),
        (lambda x: np.rot90(x), x, AxisError, "rot90: expected an axis from -1 to 0; got 1"),
        (lambda x: np.rot90(x, 0.5), x23, ArgumentError, "rot90: expected an integer; got 0.5"),
        (lambda x: np.diagonal(x), x, ShapeError, "diagonal: expected an array of at least two axes; got shape (3,)"),
        (lambda x: np.diagonal(x, 0, 1, 1), x23, AxisError, "diagonal: expected each axis once; got (1, 1)"),
        (
            lambda x: np.diag(x),
            x23[None],
            ShapeError,
            "diag: expected an array of one or two axes; got shape (1, 2, 3)",
        ),
        (lambda x: np.tril(x.sum()), x, ShapeError, "tril: expected an array of at least one axis; got shape ()"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


@pytest.mark.parametrize("step", [-3, -2, -1, 1, 2, 3])
def test_a_range_is_what_a_slice_of_pythons_means(step):
    for n in range(4):
        for start in (None, *range(-5, 6)):
            for stop in (None, *range(-5, 6)):
                part = slice(start, stop, step)
                first, length, stride = range_of(part, n)
                assert [first + stride * k for k in range(length)] == list(range(n))[part]


def test_equal_slices_are_one_node():
    node = Input(ArrayType.of(np.zeros(5)))
    assert node[1:2] is node[1:2:7]
    assert node[5:] is node[:0]
    assert node[::2] is node[0:5:2]
    assert cut(node, (whole(5),)) is node


def test_placing_is_the_adjoint_of_cutting():
    node = Input(ArrayType.of(np.zeros(2)))
    placed = place(node, (5,), ((4, 2, -3),))
    assert evaluate(Graph([node], [placed]), np.array([7.0, 8.0]))[0].tolist() == [0, 8, 0, 0, 7]
