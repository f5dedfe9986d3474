"""Shapes: what the generic tests cannot see, above all the errors."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ShapeError, UnsupportedError
from chainrule.functions.batching import jit
from chainrule.graph import Input
from chainrule.types import ArrayType
from tests.ops.refuse import refused

x23 = np.arange(6.0).reshape(2, 3)
x13 = np.arange(3.0).reshape(1, 3)
x = np.arange(3.0)


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: x.reshape(4, 2), x23, ShapeError, "a shape of 6 elements"),
        (lambda x: x.reshape(4, -1), x23, ShapeError, "got (4, -1) for an array of shape (2, 3)"),
        (lambda x: x.reshape(-1, -1), x23, ShapeError, "at most one length left open as -1; got (-1, -1)"),
        (lambda x: x[:0].reshape(0, -1), x23, ShapeError, "got (0, -1) for an array of shape (0, 3)"),
        (lambda x: x.reshape(2.0, 3), x23, ArgumentError, "reshape: expected an integer; got 2.0"),
        (lambda x: x.reshape(x, 3), x, ArgumentError, "reshape: expected an integer; got float64[3]"),
        (lambda x: np.reshape(x, (3, 2), order="Z"), x23, ArgumentError, """the order "C" or "F"; got 'Z'"""),
        (lambda x: np.transpose(x, (0, 0)), x23, AxisError, "each of the axes 0 to 1 once; got (0, 0)"),
        (lambda x: np.transpose(x, (0, 2)), x23, AxisError, "transpose: expected an axis from -2 to 1; got 2"),
        (lambda x: x.mT, x, AxisError, "swapaxes: expected an axis from -1 to 0; got -2"),
        (lambda x: np.moveaxis(x, (0, 1), 0), x23, ArgumentError, "as many destinations as sources; got (0, 1) and 0"),
        (lambda x: np.moveaxis(x, (0, 0), (0, 1)), x23, AxisError, "moveaxis: expected each axis once; got (0, 0)"),
        (lambda x: np.rollaxis(x, 0, 4), x23, AxisError, "rollaxis: expected an axis from -2 to 1; got 4"),
        (lambda x: np.expand_dims(x, 3), x23, AxisError, "expand_dims: expected an axis from -3 to 2; got 3"),
        (lambda x: np.squeeze(x, 1), x13, ShapeError, "axes of length 1; got axis 1 of length 3 in shape (1, 3)"),
        (lambda x: np.broadcast_to(x, (2, 4)), x, ShapeError, "a shape that (3,) broadcasts to"),
        (lambda x: np.broadcast_to(x, (3,)), x23, ShapeError, "got (3,)"),
        (lambda x: np.broadcast_arrays(x, np.zeros(2)), x, ShapeError, "where axis -1 is 3 and 2"),
        (lambda x: np.meshgrid(x, indexing="yx"), x, ArgumentError, """indexing "xy" or "ij"; got 'yx'"""),
        (lambda x: np.size(x, 2), x23, AxisError, "size: expected an axis from -2 to 1; got 2"),
        (lambda x: np.broadcast_arrays(x, subok=True), x, UnsupportedError, "subok"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_questions_about_a_traced_value_have_plain_answers():
    found = []

    @jit
    def ask(x):
        found.extend([np.shape(x), np.ndim(x), np.size(x), np.size(x, 1), np.size(x, axis=(0, -1)), x.size, len(x)])
        return x

    ask(x23)
    assert found == [(2, 3), 2, 6, 3, 6, 6, 2]
    assert all(type(answer) in (tuple, int) for answer in found)


def test_a_traced_length_is_a_guarded_number():
    traces = deque()  # a list would be watched: what a function closes over is part of its trace

    @jit
    def shaped(x, n):
        traces.append(n)
        return x.reshape(n, -1), np.broadcast_to(x, np.stack([n, x.size]))

    for n, times in ((2, 1), (3, 2), (2, 2)):
        one, other = shaped(np.arange(6.0), n)
        assert one.shape == (n, 6 // n)
        assert other.shape == (n, 6)
        assert len(traces) == times


def test_what_changes_nothing_makes_no_node():
    node = Input(ArrayType.of(x23))
    for same in (
        node.reshape(2, 3),
        node.transpose(0, 1),
        np.broadcast_to(node, (2, 3)),
        np.swapaxes(node, 1, 1),
        np.atleast_2d(node),
        np.squeeze(node),
        np.rot90(node, 4),
        node[...],
        np.roll(node, 3, axis=1),
        np.pad(node, 0, mode="edge"),
        np.concatenate([node]),
    ):
        assert same is node
