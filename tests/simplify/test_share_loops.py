"""Sharing loops: what is run once afterwards, what must stay apart, and that no number changes."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import verify
from chainrule.ops.bodies import Enclosing
from chainrule.simplify.share_loops import share_loops

X = 0.7


def power(x):
    return cr.scan(lambda c, _: (np.sin(c * x), c), x, length=4)


def last(x):
    return power(x)[0]


def root(x):
    return cr.while_loop(lambda y: np.abs(y * y - x) > 1e-12, lambda y: 0.5 * (y + x / y), x)


def choice(x):
    return cr.cond(x > 0, lambda: np.sin(x), lambda: x * x)


def saved(x):
    return cr.checkpoint(lambda x: np.sin(np.exp(x)))(x)


def nested(x):
    return cr.scan(lambda c, _: (cr.fori_loop(0, 2, lambda i, c: np.sin(c * x), c), None), x, length=3)[0]


def count(graph):
    """How many operations with graphs inside there are, outside and in bodies."""
    inside = [node for node in graph.nodes if isinstance(node.operation, Enclosing)]
    bodies = {value for node in inside for value in node.parameters.values() if hasattr(value, "nodes")}
    return len(inside) + sum(map(count, bodies))


def push(f):
    return lambda x: cr.jvp(f, (x,), (1.0,))


@pytest.mark.parametrize(
    ("function", "before", "after"),
    [
        (power, 1, 1),
        (cr.value_and_grad(last), 3, 2),
        (push(last), 2, 1),
        (push(cr.grad(last)), 4, 2),
        (push(root), 2, 1),
        (push(choice), 2, 1),
        (push(saved), 2, 1),
        (lambda x: (power(x), cr.grad(last)(x)), 3, 2),
        (lambda x: (last(x), last(x + 1)), 2, 2),
        (lambda x: np.sin(x), 0, 0),
    ],
)
def test_each_loop_runs_once(function, before, after):
    graph = cr.trace(function, X)
    shared = verify(share_loops(graph))
    assert (count(graph), count(shared)) == (before, after)
    for one, other in zip(cr.evaluate(graph, X), cr.evaluate(shared, X), strict=True):
        np.testing.assert_array_equal(one, other)


def test_loops_in_bodies_are_shared_too():
    graph = cr.trace(cr.value_and_grad(nested), X)
    shared = verify(share_loops(graph))
    assert count(shared) < count(graph)
    for one, other in zip(cr.evaluate(graph, X), cr.evaluate(shared, X), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loop_that_needs_the_result_of_the_other_stays_after_it():
    """The direction of the derivative is the value of the loop, so the loop cannot be taken from that derivative."""

    def f(x):
        return cr.jvp(root, (x,), (root(x),))

    graph = cr.trace(f, X)
    shared = verify(share_loops(graph))
    assert (count(graph), count(shared)) == (2, 2)
    np.testing.assert_array_equal(cr.evaluate(graph, X), cr.evaluate(shared, X))


def test_many_loops_one_after_the_other():
    def chain(x):
        for _ in range(200):
            x = cr.checkpoint(np.sin)(x)
        return x

    shared = share_loops(cr.trace(push(chain), X))
    assert count(shared) == 200


def test_a_graph_without_loops_is_left_alone():
    graph = cr.trace(np.sin, X)
    assert share_loops(graph) is graph
    graph = cr.trace(power, X)
    assert share_loops(graph) is graph
