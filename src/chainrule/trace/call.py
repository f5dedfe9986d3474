"""Calling a function over nodes on whatever the user has: arrays, or traced values."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.evaluate import evaluate
from chainrule.graph import Graph, Node, concrete_value
from chainrule.pytree import flatten, tree_map, unflatten
from chainrule.trace.traced import Traced, unwrap

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def apply_function(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What `function`, which is written over nodes, makes of these arguments.

    With a traced value among them the result is traced too; with a node it is a node. With arrays and numbers alone
    the graph that the function builds is evaluated, and the result is arrays of the caller's own.

    >>> from chainrule.graph import as_node
    >>> apply_function(lambda x: np.sqrt(as_node(x)), np.array([4.0, 9.0]))
    array([2., 3.])
    """
    members: list[Traced] = []
    given, settings = unwrap((arguments, options), members)
    if not members and any(isinstance(leaf, Node) for leaf in flatten((given, settings))[0]):
        return function(*given, **settings)
    for member in members:
        member.owner.check_open(member.node)
    trace = max((member.owner for member in members), key=lambda trace: trace.serial, default=None)
    token = concrete_value.set(trace.decide if trace else lambda node, _: np.asarray(_evaluated(node)))
    try:
        result = function(*given, **settings)
    finally:
        concrete_value.reset(token)
    if trace is None:
        return _evaluated(result)
    return tree_map(lambda leaf: Traced(leaf, trace) if isinstance(leaf, Node) else leaf, result)


def traceable(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a function over nodes one over arrays, traced values and nodes; see `apply_function`.

    >>> from chainrule.graph import as_node
    >>> @traceable
    ... def twice(x):
    ...     return 2 * as_node(x)
    >>> twice(np.array([1.0, 2.0]))
    array([2., 4.])
    """

    @wraps(function)
    def call(*arguments: Parameters.args, **options: Parameters.kwargs) -> Any:
        return apply_function(function, *arguments, **options)

    return call


def _evaluated(result: Any) -> Any:
    """The nodes in a result as arrays; those without axes as scalars, as NumPy gives them."""
    leaves, structure = flatten(result)
    values = iter(evaluate(Graph([], [leaf for leaf in leaves if isinstance(leaf, Node)])))
    own = [next(values).copy()[()] if isinstance(leaf, Node) else leaf for leaf in leaves]  # constants are read-only
    return unflatten(structure, own)
