"""Expanding what is made of other operations.

Takes a graph; leaves one, and bodies in it, in which every operation has a lowering of its own: functions that are
their bodies are put in place, and a padded convolution becomes a padding and a convolution.
"""

from __future__ import annotations

from typing import Any

from chainrule.graph import (
    Composed,
    Constant,
    Element,
    Evaluated,
    Graph,
    Input,
    Lowering,
    Node,
    Routine,
    apply,
    in_order,
    project,
)
from chainrule.source import located


def lowering_of(node: Node) -> Lowering | None:
    """How a node of an expanded graph is lowered."""
    lowering = node.operation.lowering
    if isinstance(lowering, Composed):
        return lowering.otherwise
    if isinstance(lowering, Element) and node.operands and node.operands[0].dtype.kind not in lowering.kinds:
        return Evaluated()
    if isinstance(lowering, Routine) and lowering.numbers(*node.operands, **node.parameters) is None:
        return lowering.otherwise
    return lowering


def expand(graph: Graph) -> Graph:
    """The graph without composed operations."""
    return _expand(graph, {})


def _expand(graph: Graph, bodies: dict[Graph, Graph]) -> Graph:
    made: dict[Node, Any] = {}
    for node in in_order(graph.outputs):
        made[node] = node if isinstance(node, (Input, Constant)) else _expanded(node, made, bodies)
    return Graph(graph.inputs, [made[node] for node in graph.outputs])


def _expanded(node: Node, made: dict[Node, Any], bodies: dict[Graph, Graph]) -> Any:
    operands = tuple(made[operand] for operand in node.operands)
    parameters = dict(node.parameters)
    with located(node.location):
        lowering = node.operation.lowering
        if isinstance(lowering, Composed):
            parts = lowering.rule(*operands, **parameters)
            if parts is not None:
                return _again(parts, operands, made, bodies)
        if node.operation is project and isinstance(operands[0], tuple):
            return operands[0][parameters["index"]]
        for name, value in parameters.items():
            if isinstance(value, Graph):
                if value not in bodies:
                    bodies[value] = _expand(value, bodies)
                parameters[name] = bodies[value]
        return apply(node.operation, operands, parameters)


def _again(parts: Any, operands: tuple[Any, ...], made: dict[Node, Any], bodies: dict[Graph, Graph]) -> Any:
    """The nodes that a rule made, with what is composed in them expanded as well."""
    known: dict[Node, Any] = {operand: operand for operand in operands}
    roots = parts if isinstance(parts, tuple) else (parts,)
    for node in in_order(roots, known=known):
        known[node] = node if isinstance(node, (Input, Constant)) else _expanded(node, known, bodies)
    results = tuple(known[root] for root in roots)
    return results if isinstance(parts, tuple) else results[0]
