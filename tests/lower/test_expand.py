"""Expansion: composed operations become what they are made of, in bodies too."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.graph import Composed, Fold, Graph, Routine, in_order
from chainrule.lower.expand import expand, lowering_of
from tests.lower.running import check, compare, graph_of, numbers, reference

X, W = numbers(1, 1, 6, 7), numbers(2, 1, 3, 3)


def padded(x, w):
    return cr.nn.convolve(x, w, padding=1) * 2


def every(graph: Graph):
    for node in in_order(graph.outputs):
        yield node
        for value in node.parameters.values() if node.operation is not None else ():
            if isinstance(value, Graph):
                yield from every(value)


def composed(graph: Graph) -> list[str]:
    found = []
    for node in every(graph):
        lowering = None if node.operation is None else node.operation.lowering
        if isinstance(lowering, Composed) and lowering.rule(*node.operands, **node.parameters) is not None:
            found.append(node.operation.name)
    return found


def test_a_padded_convolution_is_a_padding_and_a_plain_one():
    graph = graph_of(padded, X, W)
    assert composed(graph) == ["convolution"]
    expanded = expand(graph)
    assert len(expanded.nodes) > len(graph.nodes)
    assert expanded.inputs == graph.inputs
    plain = [node for node in expanded.nodes if node.operation is not None and node.operation.name == "convolution"]
    assert len(plain) == 1
    assert isinstance(lowering_of(plain[0]), Fold)
    check(reference(graph, [X, W]), reference(expanded, [X, W]))


def test_a_padded_convolution_in_a_body():
    def function(x, w):
        return cr.scan(lambda c, s: (padded(c, w)[:, :1] + s, c), x, x[None])

    graph = graph_of(function, X, W)
    assert composed(graph)
    expanded = expand(graph)
    assert composed(expanded) == []
    check(reference(graph, [X, W]), reference(expanded, [X, W]))
    compare(function, X, W)


def test_functions_are_put_in_place_and_what_is_composed_in_them_too():
    inner = cr.custom_vjp(padded)
    inner.defvjp(lambda x, w: (padded(x, w), (x, w)), lambda saved, g: (saved[0] * np.sum(g), saved[1] * np.sum(g)))
    for function in (inner, lambda x, w: cr.cond(x[0, 0, 0, 0] > 0, inner, lambda x, w: padded(x, w) * 0, x, w)):
        graph = graph_of(function, X, W)
        expanded = expand(graph)
        assert composed(expanded) == []
        check(reference(graph, [X, W]), reference(expanded, [X, W]))
        compare(function, X, W)


def test_checkpoints_in_a_body():
    inner = cr.checkpoint(lambda x: np.cos(x) + 1)
    compare(lambda x: cr.scan(lambda c, s: (inner(c) + s, inner(s)), x[0], x)[1], numbers(4, 3))


def test_a_body_that_is_used_twice_is_expanded_once():
    step = cr.jit(lambda x: np.cos(x) * 2)

    def function(x):
        one = cr.cond(x[0] > 0, lambda x: step(x), lambda x: x, x)
        return one, cr.cond(x[0] > 0, lambda x: step(x), lambda x: x, x + 1)

    graph = graph_of(function, numbers(3))
    bodies = [
        node.parameters["then"] for node in expand(graph).nodes if node.operation and node.operation.name == "cond"
    ]
    originals = [node.parameters["then"] for node in graph.nodes if node.operation and node.operation.name == "cond"]
    assert (bodies[0] is bodies[1]) == (originals[0] is originals[1])


def test_a_routine_that_does_not_do_what_is_asked_is_lowered_otherwise():
    graph = graph_of(lambda x: (np.argsort(x, 1), np.argsort(x, 0)), numbers(3, 4))
    kinds = {
        node.parameters["axis"]: lowering_of(node)
        for node in graph.nodes
        if node.operation and node.operation.name == "argsort"
    }
    assert isinstance(kinds[1], Routine) or 1 not in kinds
    assert not isinstance(kinds.get(0), Routine)
