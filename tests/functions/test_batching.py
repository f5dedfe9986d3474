"""`vmap`: axes in every form, and what it refuses; `jit` is tested throughout."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, AxisError, ShapeError

X = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("axis", [0, 1, -1, -2, np.int64(1), True])
def test_axes_of_arguments_and_results(axis):
    expected = np.moveaxis(X, int(axis), 0)
    np.testing.assert_array_equal(cr.vmap(lambda x: x * 2, in_axes=axis)(X), expected * 2)
    np.testing.assert_array_equal(cr.vmap(lambda x: x * 2, in_axes=axis, out_axes=axis)(X), X * 2)


def test_trees_of_axes():
    f = lambda tree, y: {"p": tree["a"] * y, "q": (tree["b"][0], y)}  # noqa: E731
    tree = {"a": X, "b": [np.ones(3)]}
    found = cr.vmap(f, in_axes=({"a": 1, "b": [None]}, None), out_axes={"p": -1, "q": None})(tree, 2.0)
    np.testing.assert_array_equal(found["p"], X * 2)
    np.testing.assert_array_equal(found["q"][0], np.ones(3))
    assert found["q"][1] == 2
    mixed = cr.vmap(f, in_axes=({"a": 1, "b": None}, None), out_axes={"p": 0, "q": (0, None)})(tree, 2.0)
    np.testing.assert_array_equal(mixed["q"][0], np.ones((3, 3)))


def test_keyword_arguments_are_batched_and_settings_are_not():
    f = lambda x, how, *, y: getattr(np, how)(x) * y  # noqa: E731
    np.testing.assert_array_equal(cr.vmap(f, in_axes=(0, None))(X, "sum", y=np.arange(2.0)), [0, 12])


def test_none_in_out_axes_is_for_what_is_the_same_for_all():
    result = cr.vmap(lambda x: (x, np.ones(2)), out_axes=(0, None))
    for count in (0, 1, 3):
        many, same = result(np.ones(count))
        assert many.shape == (count,)
        np.testing.assert_array_equal(same, np.ones(2))
    with pytest.raises(ArgumentError, match="differs from example to example"):
        cr.vmap(lambda x: x, out_axes=None)(np.ones(3))


def test_batches_of_none_and_of_one():
    assert cr.vmap(lambda x: np.sum(x**2))(np.zeros((0, 3))).shape == (0,)
    assert cr.vmap(cr.grad(lambda x: np.sum(x**2)))(np.zeros((0, 3))).shape == (0, 3)
    np.testing.assert_array_equal(cr.vmap(lambda x: np.sum(x))(np.ones((1, 3))), [3])


def test_nested():
    outer = cr.vmap(lambda x: cr.vmap(lambda y: x * y, out_axes=-1)(np.arange(4.0)))
    np.testing.assert_array_equal(outer(np.arange(3.0)), np.outer(np.arange(3), np.arange(4)))
    f = cr.vmap(cr.vmap(lambda x, y: x - y, in_axes=(0, None)), in_axes=(None, 0))
    np.testing.assert_array_equal(f(np.arange(3.0), np.arange(2.0)), [[0, 1, 2], [-1, 0, 1]])


def test_outer_values_reach_an_inner_vmap():
    f = lambda w: np.sum(cr.vmap(lambda x: x * w)(np.arange(3.0)))  # noqa: E731
    assert float(cr.grad(f)(2.0)) == 3


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cr.vmap(np.add)(np.ones(2), np.ones(3)), ShapeError, "the same number of examples"),
        (lambda: cr.vmap(np.add, in_axes=None)(1.0, 2.0), ArgumentError, "an axis of examples"),
        (lambda: cr.vmap(np.add, in_axes=(0,))(X, X), ArgumentError, "an entry of in_axes for each argument"),
        (lambda: cr.vmap(np.sin)(1.0), AxisError, "an axis of x"),
        (lambda: cr.vmap(np.sin, in_axes=2)(X), AxisError, "axis 2"),
        (lambda: cr.vmap(np.sin, out_axes=2)(X), AxisError, "an axis for the result"),
        (lambda: cr.vmap(lambda t: t["a"], in_axes=({"b": 0},))({"a": X}), ArgumentError, "in_axes"),
        (lambda: cr.vmap(lambda t: t[0], in_axes=((0, 0, 0),))((X, X)), ArgumentError, "in_axes"),
        (lambda: cr.vmap(lambda x: (x, x), out_axes=(0, "a"))(X), ArgumentError, "out_axes"),
    ],
)
def test_refuses(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
