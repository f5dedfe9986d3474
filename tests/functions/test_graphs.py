"""`trace` gives the graph of a function."""

from __future__ import annotations

import numpy as np

import chainrule as cr


def test_inputs_are_the_numbers_among_the_arguments():
    graph = cr.trace(
        lambda p, how, *, s: {"b": p["w"] * s, "a": getattr(np, how)(p["w"])}, {"w": np.ones(2)}, "sum", s=2.0
    )
    assert [node.name for node in graph.inputs] == ["p['w']", "s"]
    assert [node.shape for node in graph.outputs] == [(), (2,)]
    assert [value.tolist() for value in cr.evaluate(graph, np.array([1.0, 5.0]), 3.0)] == [6, [3, 15]]


def test_a_graph_of_a_gradient_is_a_graph():
    graph = cr.trace(cr.grad(lambda x: np.sum(x**2)), np.ones(2))
    np.testing.assert_array_equal(cr.evaluate(graph, np.array([1.0, 3.0]))[0], [2, 6])
