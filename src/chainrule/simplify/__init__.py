"""Rewrites that keep a graph's meaning and make it smaller, one to a file."""

from chainrule.graph import Graph, verify
from chainrule.simplify.fold import fold
from chainrule.simplify.share_loops import share_loops

__all__ = ["PASSES", "simplify"]

PASSES = (share_loops, fold)


def simplify(graph: Graph) -> Graph:
    """The graph after every rewrite, each of which must leave a well-formed graph.

    >>> from chainrule.graph import Input, constant
    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> print(simplify(Graph([x], [x * (constant(2.0) + 1)])))
    graph(x: float64[]) {
      %1: float64[] = constant(3.0)
      %2: float64[] = multiply(x, %1)
      return %2
    }
    """
    for rewrite in PASSES:
        graph = verify(rewrite(graph))
    return graph
