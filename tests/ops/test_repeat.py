"""Repeating, rolling, padding, deleting, inserting: the errors, and traced settings."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ConcreteError, ShapeError, UnsupportedError
from chainrule.functions.batching import jit, vmap
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: np.tile(x, (2, -1)), x, ArgumentError, "tile: expected counts of 0 or more; got (2, -1)"),
        (
            lambda x: np.repeat(x, -1),
            x,
            ArgumentError,
            "one count of 0 or more, or 3 of them for axis 0 of shape (3,); got (-1,)",
        ),
        (
            lambda x: np.repeat(x, [1, 2], axis=1),
            x23,
            ArgumentError,
            "3 of them for axis 1 of shape (2, 3); got (1, 2)",
        ),
        (
            lambda x: np.roll(x, (1, 2), axis=(0, 1, 0)),
            x23,
            ArgumentError,
            "as many shifts as axes, or one of them; got (1, 2) and (0, 1, 0)",
        ),
        (lambda x: np.roll(x, 1.5), x, ArgumentError, "roll: expected an integer; got 1.5"),
        (
            lambda x: np.pad(x, -1),
            x,
            ArgumentError,
            "widths of 0 or more: one, a pair, or a pair for each of the 1 axes; got -1",
        ),
        (lambda x: np.pad(x, 0.5), x, ArgumentError, "got 0.5"),
        (
            lambda x: np.pad(x, ((1, 1),) * 3),
            x23,
            ArgumentError,
            "a pair for each of the 2 axes; got ((1, 1), (1, 1), (1, 1))",
        ),
        (
            lambda x: np.pad(x, 1, mode="mean"),
            x,
            ArgumentError,
            "a mode among constant, edge, reflect, symmetric, wrap; got 'mean'",
        ),
        (lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd"), x, UnsupportedError, "reflect_type"),
        (
            lambda x: np.pad(x[:0], 1, mode="edge"),
            x,
            ShapeError,
            "an element to copy; got none along axis 0 of shape (0,)",
        ),
        (lambda x: np.delete(x, 3), x, AxisError, "delete: expected places along axis 0 of shape (3,); got 3"),
        (lambda x: np.delete(x, [True], axis=1), x23, AxisError, "places along axis 1 of shape (2, 3); got [True]"),
        (lambda x: np.insert(x, 5, 1.0), x, AxisError, "insert: expected places along axis 0 of shape (3,); got 5"),
        (
            lambda x: np.insert(x, 0, np.ones(2), axis=1),
            x23[None],
            ShapeError,
            "broadcast_to: expected a shape that (1, 1, 2)",
        ),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_traced_counts_and_places_are_guarded():
    counts = np.array([2, 0, 1])
    np.testing.assert_array_equal(jit(np.repeat)(x, counts), np.repeat(x, counts))
    np.testing.assert_array_equal(jit(np.roll)(x, 2), np.roll(x, 2))
    np.testing.assert_array_equal(jit(np.delete)(x, np.array([0, 1])), x[2:])
    np.testing.assert_array_equal(jit(lambda x, k: np.insert(x, k, 9.0))(x, 1), np.insert(x, 1, 9.0))


def test_counts_that_differ_by_example_have_no_shape():
    with pytest.raises(ConcreteError, match="a Python integer, which is the same for every example"):
        vmap(lambda x, n: np.repeat(x, n))(x23, np.array([1, 2]))
    with pytest.raises(ConcreteError, match="places that are the same for every example"):
        vmap(lambda x, k: np.delete(x, k))(x23, np.array([1, 2]))


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
@pytest.mark.parametrize("width", [1, 2, 5, 9])
def test_padding_by_more_than_there_is(mode, width):
    np.testing.assert_array_equal(jit(lambda x: np.pad(x, width, mode))(x23), np.pad(x23, width, mode))
