"""`trace`: the graph of a function, to look at or to evaluate in other numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.functions.arguments import trace_arguments
from chainrule.graph import Graph
from chainrule.pytree import flatten


def trace(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The graph that a function computes at arguments like these.

    Python's decisions (`if x > 0`) are as these arguments make them, so the graph is the function's for arguments that
    decide alike. The inputs of the graph are the array leaves of the arguments, its outputs those of the result.
    Printing it shows every node. `chainrule.evaluate_exactly(graph, *leaves)` evaluates it in fractions.

    >>> import numpy as np
    >>> print(trace(lambda x: np.sin(x) * 2, 1.0))
    graph(x: float64[]) {
      %1: float64[] = sin(x)
      %2: float64[] = constant(2.0)
      %3: float64[] = multiply(%1, %2)
      return %3
    }
    """
    leaves, structure = flatten((args, kwargs))
    return trace_arguments(function, leaves, structure).graph
