"""A graph: some inputs, the outputs that are made of them, and the walks over what lies between."""

from __future__ import annotations

import operator
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from chainrule.graph.node import Constant, Input, Node, apply, in_order
from chainrule.source import located


class Graph:
    """A function from arrays to arrays as a DAG of nodes.

    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> print(Graph([x], [x * x]))
    graph(x: float64[]) {
      %1: float64[] = multiply(x, x)
      return %1
    }
    """

    __slots__ = ("__weakref__", "_order", "inputs", "outputs")

    def __init__(self, inputs: Iterable[Input], outputs: Iterable[Node]) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._order: list[Node] | None = None  # found when it is first asked for

    @property
    def nodes(self) -> list[Node]:
        """Every node, operands first."""
        if self._order is None:
            self._order = in_order(self.outputs)
        return list(self._order)

    @property
    def free(self) -> list[Input]:
        """The inputs of other graphs that this one uses: a body's closure over values outside it."""
        own = set(self.inputs)
        return [node for node in self.nodes if isinstance(node, Input) and node not in own]

    def __call__(self, *operands: Node) -> tuple[Node, ...]:
        """The outputs with the inputs replaced by `operands`."""
        return tuple(substitute(self.outputs, dict(zip(self.inputs, operands, strict=True))))

    def __str__(self) -> str:
        from chainrule.graph.printer import print_graph

        return print_graph(self)

    def __repr__(self) -> str:
        return f"<graph of {len(self.nodes)} nodes: {len(self.inputs)} inputs, {len(self.outputs)} outputs>"


def rebuild(node: Node, operands: tuple[Node, ...]) -> Node:
    """The node with other operands; the user's line stays with it."""
    if all(map(operator.is_, operands, node.operands)):
        return node
    with located(node.location):
        return apply(node.operation, operands, node.parameters)


def substitute(roots: Sequence[Node], replacement: Mapping[Node, Node]) -> list[Node]:
    """The roots with some nodes replaced by others, and all that depended on them made anew."""
    made: dict[Node, Any] = dict(replacement)
    for node in in_order(roots, known=made):
        if isinstance(node, (Input, Constant)):
            made[node] = node
        else:
            made[node] = rebuild(node, tuple(made[operand] for operand in node.operands))
    return [made[root] for root in roots]


def depends_on(roots: Sequence[Node], sources: Iterable[Node], fixed: Container[Node] = ()) -> set[Node]:
    """The nodes under the roots whose value changes with one of the sources; the search stops at `fixed` nodes."""
    found = set(sources)
    for node in in_order(roots, known=fixed):
        if any(operand in found for operand in node.operands):
            found.add(node)
    return found
