"""What makes a graph well formed. Every pass hands on a graph that this accepts."""

from __future__ import annotations

from chainrule.errors import GraphError
from chainrule.graph.graph import Graph
from chainrule.graph.node import Constant, Input, Node, print_type
from chainrule.graph.operation import OPERATIONS
from chainrule.types import ArrayType


def verify(graph: Graph) -> Graph:
    """The graph itself, if it is well formed.

    Inputs are distinct and every input used is the graph's own; each node's operation is registered and its type is the
    one that the operation infers from the operands; constants are read-only arrays of their type; outputs are arrays;
    the graphs inside nodes are well formed too.

    Raises:
        GraphError: naming the node, what was expected of it, and its line.
    """
    if len(set(graph.inputs)) < len(graph.inputs):
        twice = next(node for node in graph.inputs if sum(node is other for other in graph.inputs) > 1)
        raise _error(twice, "distinct inputs", f"{twice.name!r} twice")
    own = set(graph.inputs)
    for node in graph.nodes:
        if isinstance(node, Constant):
            _verify_constant(node)
        elif isinstance(node, Input):
            if node not in own:
                raise _error(node, "inputs of this graph alone", f"{node.name!r}, an input of another")
        else:
            _verify_application(node)
    for node in graph.outputs:
        if isinstance(node.type, tuple):
            raise _error(node, "outputs that are arrays", f"all {len(node.type)} results of {node!r} as one")
    return graph


def _verify_constant(node: Constant) -> None:
    if node.value.flags.writeable or node.value.shape != node.shape or node.value.dtype != node.dtype:
        found = f"{'a writable one' if node.value.flags.writeable else 'one'} of type {ArrayType.of(node.value)}"
        raise _error(node, f"a read-only array of type {node.type}", found)


def _verify_application(node: Node) -> None:
    operation = node.operation
    if operation is None or OPERATIONS.get(operation.name) is not operation:
        raise _error(node, "a registered operation", repr(operation))
    for value in node.parameters.values():
        if isinstance(value, Graph):
            verify(value)
    inferred = operation.infer(*(operand.type for operand in node.operands), **node.parameters)
    if inferred != node.type:
        raise _error(node, f"the type {print_type(inferred)}", print_type(node.type))


def _error(node: Node, expected: str, got: str) -> GraphError:
    name = "verify" if node.operation is None else f"verify {node.operation.name}"
    return GraphError(
        name,
        expected=expected,
        got=got,
        remedy="Correct the pass that made the graph.",
        location=node.location,
    )
