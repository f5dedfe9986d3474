"""Which node of a graph was the first to become infinite or NaN: the evaluator computes it again, node by node.

Not every infinity is a fault: a mask may be minus infinity, and `np.where` may leave one out. So the search goes back
from the outputs that are not finite, over operands that are not finite either, to the node that made such a value of
finite ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.graph import Constant, Graph, Node
from chainrule.ops.bodies import program
from chainrule.ops.control import While
from chainrule.ops.loop import Loop


def is_finite(value: Any) -> bool:
    """Whether a value, or each of several results, is free of infinities and NaN."""
    return all(map(is_finite, value)) if isinstance(value, tuple) else bool(np.isfinite(value).all())


def first_not_finite(value: Any) -> str:
    """The first infinity or NaN of a value, or of several results, that have one.

    >>> first_not_finite(np.array([1.0, np.inf, np.nan]))
    'inf'
    """
    parts = map(np.asarray, value if isinstance(value, tuple) else (value,))
    return str(next(part[~np.isfinite(part)][0] for part in parts if not is_finite(part)))


def find_culprit(graph: Graph, values: Sequence[Any]) -> tuple[Node, str] | None:
    """The node that is the first to make an infinity or NaN that reaches an output, and which of the two it made.

    Of a loop or a branch it is the node inside. Where infinities come in from outside, it is the first node that makes
    NaN of them, or else the first that they reach. None where all outputs are finite.

    >>> from chainrule.graph import Input
    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> node, value = find_culprit(Graph([x], [np.log(x) * 0 + 1]), [0.0])
    >>> node.operation.name, value
    ('log', '-inf')
    """
    known = _compute(graph, values)
    linked, stack = set[Node](), [node for node in graph.outputs if not is_finite(known[node])]
    while stack:
        node = stack.pop()
        if node not in linked:
            linked.add(node)
            stack += [operand for operand in node.operands if not is_finite(known[operand])]
    suspects = [node for node in graph.nodes if node in linked and node.operation is not None]
    if not suspects:
        return None

    def from_finite(node: Node) -> bool:
        return all(is_finite(known[operand]) for operand in node.operands)

    def from_infinity(node: Node) -> bool:
        return _has_nan(known[node]) and not any(_has_nan(known[operand]) for operand in node.operands)

    found = next((node for test in (from_finite, from_infinity) for node in suspects if test(node)), suspects[0])
    for body, inputs in _calls(found, [known[operand] for operand in found.operands]):
        inside = find_culprit(body, inputs)
        if inside is not None:
            return inside
    return found, first_not_finite(known[found])


def _has_nan(value: Any) -> bool:
    return any(map(_has_nan, value)) if isinstance(value, tuple) else bool(np.isnan(value).any())


def _compute(graph: Graph, values: Sequence[Any]) -> dict[Node, Any]:
    """The value of every node of a graph."""
    known: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if isinstance(node, Constant):
                known[node] = node.value
            elif node.operation is not None:
                operands = [known[operand] for operand in node.operands]
                known[node] = node.operation.reference(*operands, **node.parameters)
    return known


def _calls(node: Node, operands: list[Any]) -> Iterator[tuple[Graph, Sequence[Any]]]:
    """The bodies that a node runs, each with what it is given, in the order in which they run."""
    name, parameters = node.operation.name, node.parameters
    if name == "cond":
        yield parameters["then" if operands[0] else "otherwise"], operands[1:]
    elif name == "scan":
        yield from _steps_of_scan(Loop(**parameters), operands)
    elif name == "while_loop":
        yield from _steps_of_while(While(**parameters), operands)
    elif name == "checkpoint":
        yield parameters["body"], operands


def _steps_of_scan(loop: Loop, operands: list[Any]) -> Iterator[tuple[Graph, Sequence[Any]]]:
    constants, carries, slices = loop.split(operands)
    for k in reversed(range(loop.length)) if loop.reverse else range(loop.length):
        given = [*constants, *carries, *(values[k] for values in slices)]
        yield loop.body, given
        carries = program(loop.body, "reference").run(given)[: loop.carries]


def _steps_of_while(loop: While, operands: list[Any]) -> Iterator[tuple[Graph, Sequence[Any]]]:
    given, done = list(operands), 0
    while done != loop.steps and bool(program(loop.condition, "reference").run(given)[0]):
        yield loop.body, given
        given[loop.constants :] = program(loop.body, "reference").run(given)
        done += 1
