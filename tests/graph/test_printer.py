"""Graphs as text: every operation comes back from it, and what text cannot say is still said."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graph.samples import NAMES, SAMPLES, graph_of

import chainrule as cr
from chainrule.graph import Graph, Input, constant, parse_graph, print_graph, verify
from chainrule.types import ArrayType


@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=NAMES)
def test_every_operation_comes_back_from_its_text(operation, sample):
    graph, values = graph_of(operation, sample)
    text = print_graph(graph, whole=True)
    again = verify(parse_graph(text))
    assert print_graph(again, whole=True) == text
    for found, expected in zip(cr.evaluate(again, *values), cr.evaluate(graph, *values), strict=True):
        assert found.dtype == expected.dtype
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "value",
    [
        np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -np.nan, 5e-324, 0.1, 1e300]),
        np.array([0.1, -0.0, 1e-45, np.nan, 3e38], np.float32),
        np.array([2**64 - 1, 0], np.uint64),
        np.array([-(2**63)], np.int64),
        np.array([True, False]),
        np.array(-7, np.int8),
        np.zeros((2, 0, 3)),
        np.linspace(0, 1, 65, dtype=np.float32).reshape(5, 13),
        np.arange(100) % 2 == 0,
    ],
    ids=lambda value: f"{value.dtype}{list(value.shape)}",
)
def test_constants_come_back_bit_for_bit(value):
    again = parse_graph(print_graph(Graph([], [constant(value)]), whole=True)).outputs[0]
    assert again.type == ArrayType.of(value)
    assert again.value.tobytes() == value.tobytes()


def test_large_constants_are_abbreviated():
    text = print_graph(Graph([], [constant(np.arange(65.0))]))
    assert "constant(<65 elements>)" in text
    assert "constant([0.0" in print_graph(Graph([], [constant(np.arange(64.0))]))


def test_names_are_told_apart_and_can_be_read():
    names = ["x", "x", "theta[0]", "θ", "2nd", "inf", "nan", "%%", "return", "graph", "가중치"]
    inputs = [Input(ArrayType.of(1.0), name) for name in names]
    total = inputs[0]
    for node in inputs[1:]:
        total = total + node
    text = print_graph(Graph(inputs, [total]))
    for name in ("x: ", "x_2: ", "theta_0: ", "θ: ", "x2nd: ", "xinf: ", "xnan: ", "x_3: ", "return: ", "가중치: "):
        assert name in text
    assert print_graph(parse_graph(text)) == text


def test_lines_are_the_users():
    graph = cr.trace(lambda x: np.sin(x) * x, 1.0)
    line = test_lines_are_the_users.__code__.co_firstlineno + 1
    text = print_graph(graph, lines=True)
    assert text.count(f"# test_printer.py:{line}") == 2
    assert print_graph(parse_graph(text)) == print_graph(graph)


def test_graphs_inside_are_printed_inside():
    graph = cr.trace(lambda x: cr.scan(lambda c, _: (np.sin(c), c), x, None, length=3), 0.5)
    text = print_graph(graph, whole=True, lines=True)
    assert "scan(" in text
    again = verify(parse_graph(text))
    assert cr.evaluate(again, 0.5)[1].tobytes() == cr.evaluate(graph, 0.5)[1].tobytes()


def test_a_graph_prints_itself():
    graph = cr.trace(lambda x, y: (x, y), 1.0, np.ones(2))
    assert str(graph) == "graph(x: float64[], y: float64[2]) {\n  return x, y\n}"
    assert repr(graph) == "<graph of 2 nodes: 2 inputs, 2 outputs>"
