"""A case: a graph, values for its inputs, and both as text, so that a failure can be kept and replayed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.evaluate import Program
from chainrule.graph import Graph, Node, parse_graph, print_graph

_RULE = "# the values of the inputs, as a graph whose views give their layouts in memory\n"


@dataclass(frozen=True)
class Case:
    """A graph and a graph without inputs, whose outputs are the values: so layouts in memory are part of the text."""

    graph: Graph
    given: Graph
    label: str = ""

    @property
    def values(self) -> list[np.ndarray]:
        """The values of the inputs: views of fresh arrays."""
        with np.errstate(all="ignore"):
            return [np.asarray(value) for value in Program(self.given).run([])]

    def __str__(self) -> str:
        return f"# {self.label}\n{print_graph(self.graph, whole=True)}\n{_RULE}{print_graph(self.given, whole=True)}\n"


def parse_case(text: str) -> Case:
    """The case that `str(case)` wrote."""
    graph, given = text.split(_RULE)
    first, _, _ = graph.partition("\n")
    return Case(parse_graph(graph), parse_graph(given), first.removeprefix("# "))


def computed(graph: Graph) -> Iterator[Node]:
    """The nodes that an operation computes, in the bodies of the graph too."""
    for node in graph.nodes:
        if node.operation is not None:
            yield node
            for value in node.parameters.values():
                if isinstance(value, Graph):
                    yield from computed(value)


def operations(graph: Graph) -> Iterator[str]:
    """The names of the operations of a graph, in its bodies too."""
    return (node.operation.name for node in computed(graph) if node.operation is not None)
