"""Every way in which a graph can be ill-formed is found; graphs of every operation are well-formed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.graph.samples import NAMES, SAMPLES, graph_of

import chainrule as cr
from chainrule.errors import GraphError
from chainrule.graph import OPERATIONS, Constant, Graph, Input, Node, Operation, constant, verify
from chainrule.types import ArrayType

SCALAR, PAIR = ArrayType.of(1.0), ArrayType.of(np.ones(2))


@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=NAMES)
def test_samples_are_well_formed(operation, sample):
    graph = graph_of(operation, sample)[0]
    assert verify(graph) is graph


def refused(graph, words):
    with pytest.raises(GraphError, match=words) as caught:
        verify(graph)
    return caught.value


def test_an_input_twice():
    x = Input(SCALAR, "x")
    refused(Graph([x, x], [x]), "distinct inputs; got 'x' twice")


def test_an_input_of_another_graph():
    x, y = Input(SCALAR, "x"), Input(SCALAR, "y")
    refused(Graph([x], [x * y]), "inputs of this graph alone; got 'y', an input of another")


def test_a_constant_that_can_be_written_to():
    refused(Graph([], [Constant(np.ones(2))]), "got one to write to of type float64")


def test_a_constant_of_another_type():
    node = constant(np.arange(100.0))
    node.type = PAIR
    refused(Graph([], [node]), r"a read-only array of type float64\[2\]; got one of type float64\[100\]")


def test_a_type_that_the_operation_does_not_infer():
    x = Input(SCALAR, "x")
    error = refused(Graph([x], [Node(OPERATIONS["sin"], (x,), {}, PAIR)]), r"the type float64\[\]; got float64\[2\]")
    assert error.operation == "verify sin"
    assert error.location.file == __file__


def test_an_operation_that_is_not_registered():
    x = Input(SCALAR, "x")
    refused(Graph([x], [Node(None, (x,), {}, SCALAR)]), "a registered operation; got None")
    sine = OPERATIONS.pop("sin")
    try:
        refused(Graph([x], [Node(sine, (x,), {}, SCALAR)]), "a registered operation; got <operation sin>")
    finally:
        OPERATIONS["sin"] = sine


def test_several_results_as_one_output():
    graph = cr.trace(lambda x: cr.scan(lambda c, _: (c * 2, c), x, None, length=3), 0.5)
    refused(Graph(graph.inputs, [graph.outputs[0].operands[0]]), "outputs that are arrays; got all 2 results")


def test_the_graphs_inside_are_verified():
    graph = cr.trace(lambda x: cr.scan(lambda c, _: (c * 2, c), x, None, length=3), 0.5)
    scan = graph.outputs[0].operands[0]
    name, body = next((name, value) for name, value in scan.parameters.items() if isinstance(value, Graph))
    broken = Graph(body.inputs, [node * Input(node.type, "stray") for node in body.outputs])
    refused(
        Graph(graph.inputs, Node(scan.operation, scan.operands, {**scan.parameters, name: broken}, scan.type).results),
        "stray",
    )


def test_a_second_operation_of_a_name():
    facts = {name: getattr(OPERATIONS["sin"], name) for name in Operation.__dataclass_fields__}
    with pytest.raises(GraphError, match="a second operation 'sin'"):
        Operation(**facts)
