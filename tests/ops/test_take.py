"""Functions that index: the errors, and windows."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.functions.batching import jit
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)
windows = np.lib.stride_tricks.sliding_window_view


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: np.take(x, 6), x23, AxisError, "an index from -6 to 5 into axis 0 of shape (6,); got 6"),
        (lambda x: np.take(x, [0, 3], axis=1), x23, AxisError, "into axis 1 of shape (2, 3); got 3"),
        (lambda x: np.take(x, 0, axis=2), x23, AxisError, "take: expected an axis from -2 to 1; got 2"),
        (
            lambda x: np.take(x, 0, mode="bounce"),
            x,
            ArgumentError,
            """the mode "raise", "wrap" or "clip"; got 'bounce'""",
        ),
        (
            lambda x: np.take_along_axis(x, np.array([0]), 0),
            x23,
            ShapeError,
            "as many axes as the array of shape (2, 3); got int64[1]",
        ),
        (lambda x: np.take_along_axis(x, x > 0, 0), x23, ShapeError, "got bool[2, 3]"),
        (lambda x: np.compress([[True]], x), x, ShapeError, "a condition of one axis; got shape (1, 1)"),
        (lambda x: np.nonzero(x.sum()), x, ShapeError, "nonzero: expected an array of at least one axis; got shape ()"),
        (lambda x: windows(x, (2, 2)), x, ArgumentError, "a window length for each of the axes (0,); got (2, 2)"),
        (lambda x: windows(x, 4), x, ShapeError, "a window of 0 to 3 along axis 0; got 4"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_places_count_from_the_front_in_c_order():
    truth = np.random.default_rng(0).random((2, 3, 4)) < 0.4
    for found, expected in zip(jit(np.nonzero)(truth), np.nonzero(truth), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.int64
    np.testing.assert_array_equal(jit(np.argwhere)(truth), np.argwhere(truth))


def test_empty_arrays():
    nothing = np.zeros((0, 2))
    np.testing.assert_array_equal(jit(np.argwhere)(nothing), np.argwhere(nothing))
    np.testing.assert_array_equal(jit(lambda x: np.take(x, [], axis=0))(nothing), nothing)
    np.testing.assert_array_equal(jit(np.unique)(nothing), np.unique(nothing))
