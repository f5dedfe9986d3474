"""What is kept in memory, and what is computed where it is read."""

from __future__ import annotations

import numpy as np

from chainrule.graph import Fold
from chainrule.lower.expand import expand, lowering_of
from chainrule.lower.place import lay_out
from chainrule.lower.reshape import is_unit_reshape
from tests.lower.running import graph_of, numbers, verified

X, Y = numbers(7, 5), numbers(5, 9)


def layout_of(function, *args, forced=()):
    graph = expand(graph_of(function, *args))
    order = [node for node in graph.nodes if node.operation is not None]
    return graph, order, lay_out(order, graph.outputs, [node for node in order if node.operation.name in forced])


def names(nodes) -> list[str]:
    return sorted(node.operation.name for node in nodes)


def kernels(function, *args) -> list[str]:
    return [step.kernel.name for step in verified(graph_of(function, *args)).steps if hasattr(step, "kernel")]


def test_a_chain_is_one_kernel():
    _, order, layout = layout_of(lambda x: np.sin(x * 2) + 1, X)
    assert names(layout.stored) == ["add"]
    assert {len(layout.roots[node]) for node in order} == {1}
    assert kernels(lambda x: np.sin(x * 2) + 1, X) == ["add"]


def test_what_is_asked_for_is_stored():
    _, _, layout = layout_of(lambda x: (np.sin(x), np.sin(x) + 1), X)
    assert names(layout.stored) == ["add", "sin"]


def test_what_is_forced_is_stored():
    assert names(layout_of(lambda x: np.sin(x * 2) + 1, X, forced=("sin",))[2].stored) == ["add", "sin"]


def test_what_is_costly_is_not_computed_for_every_row():
    _, _, layout = layout_of(lambda x, y: np.exp(x) @ y, X, Y)
    assert names(layout.stored) == ["contract", "exp"]


def test_what_is_cheap_and_read_often_is_stored_too():
    _, _, layout = layout_of(lambda x, y: (x * 2) @ y, X, Y)
    assert "multiply" in names(layout.stored)
    _, _, layout = layout_of(lambda x, y: (x * 2) @ y, X, Y[:, :5])  # each element for as many columns as it has rows
    assert "multiply" in names(layout.stored)


def test_what_only_moves_is_never_stored():
    _, _, layout = layout_of(lambda x, y: x.T[::-1].T @ y, X, Y)
    assert names(layout.stored) == ["contract"]


def test_a_sum_is_the_accumulator_of_what_follows_at_its_place():
    graph, _, layout = layout_of(lambda x, y: np.tanh(x @ y + 1), X, Y)
    (fold,) = layout.absorbed
    assert isinstance(lowering_of(fold), Fold)
    assert layout.accumulated == {graph.outputs[0]: fold}
    assert names(layout.stored) == ["tanh"]


def test_a_sum_whose_reader_has_another_shape_is_stored():
    _, _, layout = layout_of(lambda x: np.sum(x, 1, keepdims=True) * x, X)
    assert layout.accumulated == {}
    assert names(layout.stored) == ["multiply", "sum"]


def test_a_sum_that_two_kernels_read_is_stored():
    _, _, layout = layout_of(lambda x, y: (np.tanh(x @ y), np.sum(x @ y)), X, Y)
    assert "contract" in names(layout.stored)


def test_one_kernel_has_one_accumulator():
    _, _, layout = layout_of(lambda x: np.sum(x, 1) * np.max(x, 1), X)
    assert len(layout.absorbed) == 1
    assert len(layout.stored) == 2


def test_a_reshape_of_more_than_axes_of_one_is_the_same_memory():
    _, order, layout = layout_of(lambda x: np.sin(np.reshape(np.cumsum(x, 1), 35)), X)
    assert names(layout.renamed) == ["reshape"]
    assert names(layout.stored) == ["cumsum", "sin"]
    reshape = next(node for node in order if node.operation.name == "reshape")
    assert not is_unit_reshape(reshape.shape, reshape.operands[0].shape)
    _, order, layout = layout_of(lambda x: np.sin(np.reshape(x, (7, 1, 5))), X)
    reshape = next(node for node in order if node.operation.name == "reshape")
    assert is_unit_reshape(reshape.shape, reshape.operands[0].shape)
    assert not layout.renamed


def test_kernels_do_not_grow_for_ever():
    """A chain is cut where it is deep, and a sum of many where it is broad."""

    def deep(x):
        for _ in range(130):
            x = np.sin(x)
        return x

    assert len(layout_of(deep, X)[2].stored) == 4

    def broad(x):
        total = x
        for k in range(200):
            total = total + x[::-1] * k
        return total

    assert 2 <= len(layout_of(broad, X)[2].stored) <= 12


def test_what_two_kernels_need_is_stored_if_it_costs():
    _, _, layout = layout_of(lambda x: (np.sum(np.exp(x), 0), np.sum(np.exp(x), 1)), X)
    assert names(layout.stored) == ["exp", "sum", "sum"]
    _, _, layout = layout_of(lambda x: (np.sum(x + 1, 0), np.sum(x + 1, 1)), X)
    assert names(layout.stored) == ["sum", "sum"]
