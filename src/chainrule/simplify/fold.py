"""Constant folding.

Takes a graph; leaves one in which no node has constants alone for operands, up to a size: such a node is computed
now, by NumPy, and is a constant from then on. Large results stay nodes, so that a graph does not grow in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Constant, Graph, Input, Node, constant, in_order, rebuild
from chainrule.types import size_of

MOST_ELEMENTS = 1024


def fold(graph: Graph) -> Graph:
    """The graph with its constant parts computed."""
    made: dict[Node, Any] = {}
    with np.errstate(all="ignore"):
        for node in in_order(graph.outputs):
            if isinstance(node, (Input, Constant)):
                made[node] = node
                continue
            anew = rebuild(node, tuple(made[operand] for operand in node.operands))
            made[node] = _computed(anew) if _foldable(anew) else anew
    return Graph(graph.inputs, [made[node] for node in graph.outputs])


def _foldable(node: Node) -> bool:
    if not node.operands or not all(isinstance(operand, Constant) for operand in node.operands):
        return False
    return not isinstance(node.type, tuple) and size_of(node.shape) <= MOST_ELEMENTS


def _computed(node: Node) -> Node:
    values = [operand.value for operand in node.operands]
    try:
        value = node.operation.reference(*values, **node.parameters)
    except (ArithmeticError, IndexError, np.linalg.LinAlgError):  # the failure belongs to the run, if it comes to that
        return node
    return constant(value, node.dtype)
