"""Assignment: errors, casts, duplicates and their gradients."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import AxisError, ShapeError
from chainrule.functions.batching import jit, vmap
from chainrule.functions.gradient import grad
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)


def put(index, value):
    """A function that writes a value into a copy."""

    def call(x):
        x = x.copy()
        x[index] = value(x) if callable(value) else value
        return x

    return call


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (
            put(slice(2), np.zeros(3)),
            x,
            ShapeError,
            "a value that broadcasts to the indexed elements, of shape (2,); got shape (3,)",
        ),
        (put(slice(2), np.zeros((2, 1))), x, ShapeError, "got shape (2, 1)"),
        (put([0, 1], np.zeros(3)), x, ShapeError, "of shape (2,); got shape (3,)"),
        (put(np.array([True, False, True]), np.zeros(3)), x, ShapeError, "of shape (2,); got shape (3,)"),
        (put(np.array([True, False]), np.zeros(2)), x23, ShapeError, "of shape (3,); got shape (2,)"),
        (put(3, 0.0), x, AxisError, "an index from -3 to 2 into axis 0 of shape (3,); got 3"),
        (put(np.array([True, False]), 0.0), x, AxisError, "a mask of shape (3,)"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_values_are_cast_as_in_numpy():
    def write(x):
        counts = np.zeros_like(x).astype(int)
        counts[0] = 2.9
        counts[1:] = x[1:] - 0.5
        flags = counts > 100
        flags[1] = x[0] + 1
        return counts, flags

    for found, expected in zip(jit(write)(x), write(x), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_only_the_last_value_written_has_a_gradient():
    def loss(v):
        y = np.zeros_like(v) + 0 * v
        y[[1, 1, 2]] = v
        return np.sum(y * np.array([1.0, 10.0, 100.0]))

    assert grad(loss)(x).tolist() == [0, 10, 100]


def test_what_was_overwritten_has_no_gradient_even_where_it_is_not_finite():
    def loss(x):
        y = np.sqrt(x)
        y[0] = 2.0
        y[np.array([False, True, False])] = x[2]
        return np.sum(y)

    assert grad(loss)(np.array([0.0, 0.0, 4.0])).tolist() == [0, 0, 1.25]


def test_a_mask_with_one_value_needs_no_number():
    def relu(x):
        y = x.copy()
        y[y < 0] = 0
        return y

    rows = np.array([[1.0, -2.0], [-3.0, 4.0]])
    np.testing.assert_array_equal(vmap(relu)(rows), np.maximum(rows, 0))


def test_the_argument_keeps_its_numbers():
    given = x.copy()
    jit(put(slice(None), 0.0))(given)
    np.testing.assert_array_equal(given, x)
