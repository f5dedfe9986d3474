"""Sharing loops.

Takes a graph; leaves one in which no loop (or other operation with graphs inside) computes only what another one
computes as well. Reverse mode runs a scan that saves its carries, forward mode one that carries tangents beside the
values; both contain the plain scan, whose results are then taken from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.graph import Constant, Graph, Input, Node, apply, project
from chainrule.ops.bodies import Enclosing, Outline
from chainrule.source import located


def share_loops(graph: Graph) -> Graph:
    """The graph, and the bodies in it, with each loop run once."""
    return _share(graph, {})


def _share(graph: Graph, bodies: dict[Graph, Graph]) -> Graph:
    """`bodies` are those rewritten so far: a body that occurs twice stays one graph."""
    order = graph.nodes
    outlines = {node: node.operation.outline(node) for node in order if isinstance(node.operation, Enclosing)}
    if not outlines:
        return graph
    absorbed = _absorbed(outlines)
    while True:
        order, culprit = _order(graph.outputs, absorbed)
        if culprit is None:
            break
        del absorbed[culprit]
    made: dict[Node, Any] = {}
    for node in order:
        if isinstance(node, (Input, Constant)):
            made[node] = node
        elif _is_result(node, absorbed):
            outer = absorbed[node.operands[0]]
            name = outlines[node.operands[0]].results[node.parameters["index"]]
            made[node] = made[outer].results[_position(outlines[outer], name)]
        else:
            made[node] = _rewritten(node, tuple(made[operand] for operand in node.operands), bodies)
    outputs = [made[node] for node in graph.outputs]
    unchanged = all(new is old for new, old in zip(outputs, graph.outputs, strict=True))
    return graph if unchanged else Graph(graph.inputs, outputs)


def _absorbed(outlines: dict[Node, Outline]) -> dict[Node, Node]:
    """Each node that is contained in another one, with that other; of two that contain each other the first stays."""
    numbers = {node: number for number, node in enumerate(outlines)}
    having: dict[Any, list[Node]] = {}
    for node, outline in outlines.items():
        for result in dict.fromkeys(outline.results):
            having.setdefault((outline.kind, result), []).append(node)
    absorbed: dict[Node, Node] = {}
    for node, outline in outlines.items():
        for other in having.get((outline.kind, outline.results[0]), ()) if outline.results else ():
            if (
                other is not node
                and outline.within(outlines[other])
                and (numbers[other] < numbers[node] or not outlines[other].within(outline))
            ):
                absorbed[node] = other
                break
    return {node: _last(node, absorbed) for node in absorbed}


def _last(node: Node, absorbed: dict[Node, Node]) -> Node:
    while node in absorbed:
        node = absorbed[node]
    return node


def _is_result(node: Node, absorbed: dict[Node, Node]) -> bool:
    return node.operation is project and node.operands[0] in absorbed


def _position(outline: Outline, name: Any) -> int:
    return {result: k for k, result in reversed(list(enumerate(outline.results)))}[name]


def _order(outputs: Sequence[Node], absorbed: dict[Node, Node]) -> tuple[list[Node], Node | None]:
    """(nodes, None): every node after what it needs, where results of absorbed nodes need the absorbing one.

    Or ([], node): that node cannot be absorbed, for the other one needs a result of it, and none would come first.
    """
    order: list[Node] = []
    path: dict[Node, None] = {}
    done: set[Node] = set()
    stack = [(node, False) for node in reversed(outputs)]
    while stack:
        node, ready = stack.pop()
        if ready:
            path.popitem()
            done.add(node)
            order.append(node)
        elif node in path:
            circle = list(path)[list(map(id, path)).index(id(node)) :]
            return [], next(step.operands[0] for step in reversed(circle) if _is_result(step, absorbed))
        elif node not in done:
            path[node] = None
            stack.append((node, True))
            needed = (absorbed[node.operands[0]],) if _is_result(node, absorbed) else node.operands
            stack.extend((operand, False) for operand in reversed(needed))
    return order, None


def _rewritten(node: Node, operands: tuple[Node, ...], bodies: dict[Graph, Graph]) -> Node:
    """The node with other operands, and with loops shared in its bodies."""
    inside = {name: value for name, value in node.parameters.items() if isinstance(value, Graph)}
    for name, body in inside.items():
        if body not in bodies:
            bodies[body] = _share(body, bodies)
        inside[name] = bodies[body]
    parameters = {**node.parameters, **inside} if inside else node.parameters
    with located(node.location):
        return apply(node.operation, operands, parameters)
