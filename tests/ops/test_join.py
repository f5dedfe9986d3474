"""Joining and splitting: the errors, dtypes, and what the protocols hand over."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.functions.batching import jit
from chainrule.functions.products import jvp
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: np.concatenate([x, np.zeros((2, 4))]), x23, ShapeError, "but for axis 0; got (2, 4) in operand 1"),
        (lambda x: np.concatenate([x, x], axis=2), x23, AxisError, "concatenate: expected an axis from -2 to 1; got 2"),
        (
            lambda x: np.stack([x, x], dtype=int),
            x,
            DtypeError,
            "same_kind casting brings to int64; got float64[1, 3] in array 0",
        ),
        (
            lambda x: np.stack([x, [1, 2, 3]], casting="no"),
            x,
            DtypeError,
            "no casting brings to float64; got int64[1, 3] in array 1",
        ),
        (lambda x: np.stack([x, x[:2]]), x, ShapeError, "arrays of one shape, (3,) as the first; got (2,) in array 1"),
        (lambda x: np.stack([x, x], 2), x, AxisError, "stack: expected an axis from -2 to 1; got 2"),
        (
            lambda x: np.block([[x], x]),
            x,
            ArgumentError,
            "lists nested to one depth, none of them empty; got depths [0, 1]",
        ),
        (lambda x: np.block([[x], []]), x, ArgumentError, "none of them empty"),
        (lambda x: np.split(x, 2), x, ShapeError, "a number of sections that divides the length 3 of axis 0; got 2"),
        (lambda x: np.split(x, 0), x, ShapeError, "got 0"),
        (lambda x: np.array_split(x, 0), x, ArgumentError, "array_split: expected at least one section; got 0"),
        (lambda x: np.split(x, 1.5), x, ArgumentError, "split: expected an integer; got 1.5"),
        (lambda x: np.vsplit(x, 1), x, ShapeError, "vsplit: expected an array of at least 2 axes; got shape (3,)"),
        (lambda x: np.dsplit(x, 1), x23, ShapeError, "dsplit: expected an array of at least 3 axes; got shape (2, 3)"),
        (lambda x: np.hsplit(x.sum(), 1), x, ShapeError, "hsplit: expected an array of at least 1 axes; got shape ()"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_dtypes_promote_as_in_numpy():
    single, whole = np.ones(2, np.float32), np.ones(2, np.int32)
    for call in (
        lambda x, i: np.concatenate([x, x]),
        lambda x, i: np.concatenate([x, i]),
        lambda x, i: np.stack([i, i > 0]),
        lambda x, i: np.hstack([x, 1.0]),
        lambda x, i: np.concatenate([x, i], dtype=np.float64),
        lambda x, i: np.vstack([i, i], dtype=np.float32, casting="unsafe"),
    ):
        found, expected = jit(call)(single, whole), call(single, whole)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_integers_among_the_operands_do_not_move():
    value, tangent = jvp(lambda x: np.concatenate([x, np.arange(2), x * 2]), (x,), (np.ones(3),))
    assert tangent.tolist() == [1, 1, 1, 0, 0, 2, 2, 2]
    assert value.shape == (8,)


def test_row_stack_is_vstack_where_numpy_still_has_it():
    if not hasattr(np, "row_stack"):
        pytest.skip("this NumPy has no row_stack")
    with pytest.warns(DeprecationWarning, match="vstack"):
        assert jit(lambda x: np.row_stack([x, x]))(x).shape == (2, 3)
