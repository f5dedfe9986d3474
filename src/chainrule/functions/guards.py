"""Guards as part of the graph: one more output says whether Python would decide as it did when the graph was traced.

So a compiled call is one native run, and the answers of a run whose guards do not hold are thrown away. What the body
does where they do not hold must then do no harm: it may compute nonsense, but it must come to an end.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.graph import Flow, Graph, constant
from chainrule.trace import Guard
from chainrule.types import is_floating


def with_guards(graph: Graph, guards: Sequence[Guard]) -> Graph:
    """The graph with one more output, the truth value of all guards.

    >>> from chainrule.graph import Input
    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> print(with_guards(Graph([x], [x * x]), [Guard(x > 0, np.array(True))]))
    graph(x: float64[]) {
      %1: float64[] = multiply(x, x)
      %2: float64[] = constant(0.0)
      %3: bool[] = greater(x, %2)
      return %1, %3
    }
    """
    truth = functools.reduce(np.logical_and, map(_agrees, guards))
    return Graph(graph.inputs, [*graph.outputs, truth])


def _agrees(guard: Guard) -> Any:
    """Whether a node has the value that was decided on, as `Guard.holds` asks: NaN is NaN, and -0.0 is not 0.0."""
    node: Any = guard.node
    value = guard.value
    if value.dtype == bool and not value.ndim:
        return node if value else np.logical_not(node)
    then: Any = constant(value)
    same = np.equal(node, then)
    if is_floating(value.dtype):
        same = np.logical_and(same, np.equal(np.signbit(node), np.signbit(then)))
        same = np.logical_or(same, np.logical_and(np.isnan(node), np.isnan(then)))
    return np.all(same) if value.ndim else same


def may_run_on(graph: Graph) -> bool:
    """Whether a graph has a loop without a bound: on values that it was not traced for it may never end."""
    for node in graph.nodes:
        if node.operation is None:
            continue
        lowering = node.operation.lowering
        if isinstance(lowering, Flow) and lowering.kind == "while" and node.parameters["steps"] is None:
            return True
        if any(isinstance(value, Graph) and may_run_on(value) for value in node.parameters.values()):
            return True
    return False
