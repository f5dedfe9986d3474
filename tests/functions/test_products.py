"""`vjp`, `jvp` and `linearize`: what is computed when, and the odd kinds of results."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DerivativeError, StructureError
from chainrule.functions.partial import split
from chainrule.graph import Graph, Input
from chainrule.types import ArrayType


def mixed(x):
    """A moving, a constant, an integer, an identical and a static result."""
    return {"sum": np.sum(np.sin(x)), "constant": np.ones(2), "place": np.argmax(x), "same": x, "number": 5}


X = np.array([0.1, 0.7, 0.3])


def test_pullback_of_mixed_results():
    value, pullback = cr.vjp(mixed, X)
    assert (value["place"], value["number"]) == (1, 5)
    cotangent = {"sum": 2.0, "constant": np.ones(2), "place": 0, "same": np.ones(3), "number": 0}
    np.testing.assert_allclose(pullback(cotangent)[0], 2 * np.cos(X) + 1)
    np.testing.assert_allclose(pullback({**cotangent, "sum": 0.0})[0], np.ones(3))


def test_pushforward_of_mixed_results():
    value, pushforward = cr.linearize(mixed, X)
    for pushed in (pushforward(np.ones(3)), cr.jvp(mixed, (X,), (np.ones(3),))[1]):
        np.testing.assert_allclose(pushed["sum"], np.sum(np.cos(X)))
        np.testing.assert_array_equal(pushed["constant"], [0, 0])
        np.testing.assert_array_equal(pushed["same"], np.ones(3))
        assert (pushed["place"], pushed["number"]) == (0, 0)
    assert value["sum"] == np.sum(np.sin(X))


def test_arguments_that_are_not_used():
    np.testing.assert_array_equal(cr.vjp(lambda x, y: x * 2, 3.0, np.ones(2))[1](1.0)[1], [0, 0])
    assert cr.linearize(lambda x, y: x * 2, 3.0, 4.0)[1](0.0, 1.0) == 0


def test_maps_keep_the_dtypes_of_their_ends():
    f = lambda x, y: (x * y).astype(np.float32)  # noqa: E731
    value, pullback = cr.vjp(f, 2.0, np.float32(3))
    assert [g.dtype for g in (value, *pullback(1.0))] == [np.float32, np.float64, np.float32]
    assert cr.linearize(f, 2.0, np.float32(3))[1](1.0, 1.0).dtype == np.float32


def test_what_a_map_returns_is_the_callers_own():
    _, pullback = cr.vjp(lambda x: x, np.ones(2))
    given = np.ones(2)
    pullback(given)[0][:] = 5
    assert given.sum() == 2
    _, pullback = cr.vjp(lambda x: x * x, np.ones(2))
    pullback(given)[0][:] = 5
    np.testing.assert_array_equal(pullback(given)[0], [2, 2])


def test_maps_made_and_called_in_any_trace():
    """The map is made outside and called inside, and the other way round, and both inside."""
    _, pullback = cr.vjp(np.sin, 0.5)
    assert float(cr.grad(lambda g: pullback(g)[0] ** 2)(3.0)) == pytest.approx(2 * 3 * np.cos(0.5) ** 2)
    assert float(cr.grad(lambda x: cr.vjp(np.sin, x)[1](2.0)[0])(0.5)) == pytest.approx(-2 * np.sin(0.5))
    _, pushforward = cr.linearize(np.sin, 0.5)
    np.testing.assert_allclose(cr.vmap(pushforward)(np.arange(3.0)), np.cos(0.5) * np.arange(3))
    assert float(cr.jit(lambda x: cr.linearize(np.sin, x)[1](x))(0.5)) == pytest.approx(0.5 * np.cos(0.5))


def test_the_function_runs_once_for_all_calls_of_a_map():
    runs = []

    def f(x):
        runs.append(0)
        return np.sin(x)

    _, pullback = cr.vjp(f, 0.5)
    assert len({float(pullback(g)[0]) for g in (1.0, 2.0, 3.0)}) == 3
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cr.vjp(lambda: 1.0), DerivativeError, "arguments of <lambda>"),
        (lambda: cr.jvp(lambda: 1.0, (), ()), DerivativeError, "arguments of <lambda>"),
        (lambda: cr.vjp(np.sin, 1), DerivativeError, "floating-point"),
        (lambda: cr.jvp(np.sin, ("a",), ("a",)), StructureError, "a tangent of shape"),
        (lambda: cr.jvp(np.sin, (1.0,), (np.ones(2),)), StructureError, "shape ()"),
        (lambda: cr.jvp(np.sin, (1.0,), ([1.0],)), StructureError, "structure"),
        (lambda: cr.vjp(np.sin, 1.0)[1](1.0, 2.0), StructureError, "one cotangent"),
        (lambda: cr.vjp(np.sin, 1.0)[1](np.ones(2)), StructureError, "a cotangent of shape"),
        (lambda: cr.vjp(lambda x: (x, x), 1.0)[1](1.0), StructureError, "structure"),
        (lambda: cr.linearize(np.sin, 1.0)[1](1.0, 2.0), StructureError, "structure"),
        (lambda: cr.linearize(np.sin, 1.0)[1](np.ones(2)), StructureError, "a tangent of shape"),
    ],
)
def test_refuses(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_split_cuts_between_what_moves_and_what_does_not():
    x, t = Input(ArrayType.of(1.0), "x"), Input(ArrayType.of(1.0), "t")
    cut = split([np.cos(x) * t, np.sin(x), t], [t])
    assert set(cut.needed) == {np.cos(x), np.sin(x)}
    assert Graph([*cut.inputs, t], cut.outputs)(*cut.needed, t) == (np.cos(x) * t, np.sin(x), t)


def test_split_keeps_constants_and_takes_the_results_of_a_loop_apart():
    loop = lambda x: cr.scan(lambda c, _: (c * 2, c), x, None, length=3)[1]  # noqa: E731
    f = lambda x, y: loop(x) * y * 2  # noqa: E731
    _, pushforward = cr.linearize(f, 1.0, 3.0)
    np.testing.assert_array_equal(pushforward(1.0, 0.0), [6, 12, 24])
    np.testing.assert_array_equal(cr.vjp(f, 1.0, 3.0)[1](np.ones(3))[1], 14)


def test_products_with_a_hessian_trace_once():
    runs = deque()

    def function(x):
        runs.append(0)
        return np.sum(x**3)

    for scale in (1.0, 2.0, 3.0):
        found = cr.hvp(function, (np.full(2, scale),), (np.array([1.0, 0.0]),))
        np.testing.assert_allclose(found, [6 * scale, 0])
    assert len(runs) == 1
