"""Tracing a function: from its arguments to a graph, the structure of what it returns, and the guards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, StructureError
from chainrule.graph import Graph, Node, constant
from chainrule.pytree import Structure, flatten, paths, tree_map, unflatten
from chainrule.record import record
from chainrule.trace.trace import Guard, Trace, TracedInput, running
from chainrule.trace.traced import Traced
from chainrule.types import ArrayType

NUMBERS = (bool, int, float, complex, np.generic, np.ndarray, Traced)


@record
class TracedFunction:
    """A traced function: the graph of its array leaves, and how to put its result together.

    `auxiliary` is the second result where there is one, and `extra` the nodes of the traced values in it. `outer` are
    the inputs of outer traces that the graph uses besides its own: what the function closed over.
    """

    graph: Graph
    structure: Structure
    guards: tuple[Guard, ...]
    auxiliary: Any
    extra: tuple[Node, ...]
    outer: tuple[TracedInput, ...]

    def complete(self, values: Iterable[Any]) -> Any:
        """The auxiliary data with these values of `extra`; arrays in it that were not traced are copied."""
        supply = iter(values)

        def completed(leaf: Any) -> Any:
            if isinstance(leaf, Traced):
                return next(supply)
            return leaf.copy() if isinstance(leaf, np.ndarray) else leaf

        return tree_map(completed, self.auxiliary)


def is_number(leaf: Any) -> bool:
    """Whether a leaf is an array or a number, and so can be an input of a graph."""
    return isinstance(leaf, NUMBERS)


def trace_function(
    function: Callable[..., Any],
    leaves: Sequence[Any],
    structure: Structure,
    *,
    names: Sequence[str] | None = None,
    concrete: bool = True,
    types: Sequence[ArrayType] | None = None,
    has_aux: bool = False,
) -> TracedFunction:
    """Run `function(*args, **kwargs)` on traced values, where (args, kwargs) has this structure and these leaves.

    Leaves that are not numbers or arrays reach the function as they are. With `concrete` the values are at hand for
    Python's decisions; `types` replaces the types of the number leaves (for a batch of which one example is traced).
    """
    trace = Trace()
    names = names or paths(structure, "x")
    inputs: list[TracedInput] = []
    given: list[Any] = []
    for leaf, name in zip(leaves, names, strict=True):
        if not is_number(leaf):
            given.append(leaf)
            continue
        outer = leaf if isinstance(leaf, Traced) else None
        kind = types[len(inputs)] if types else outer.node.type if outer is not None else ArrayType.of(leaf, name)
        value = None if outer is not None or not concrete else leaf
        source = (outer.owner, outer.node) if outer is not None and concrete else None
        node = trace.input(kind, name, value, source)
        inputs.append(node)
        weak = outer.weak if outer is not None else type(leaf) in (bool, int, float)
        given.append(Traced(node, trace, weak=weak, writable=False))
    args, kwargs = unflatten(structure, given)
    token = running.set(trace)
    try:
        result = function(*args, **kwargs)
        auxiliary = None
        if has_aux:
            result, auxiliary = _split_auxiliary(function, result)
        outputs, shape = flatten(result)
        nodes = [_output(function, leaf, shape, k) for k, leaf in enumerate(outputs)]
        extra = tuple(leaf.node for leaf in flatten(auxiliary)[0] if isinstance(leaf, Traced))
    except ValueError as error:
        if isinstance(error.__cause__, ChainruleError):  # of writing into a plain array: NumPy hides what was said
            raise error.__cause__ from None
        raise
    finally:
        running.reset(token)
        trace.close()
    questions = [guard.node for guard in trace.guards]
    foreign = [node for node in Graph(inputs, [*nodes, *extra, *questions]).free if isinstance(node, TracedInput)]
    return TracedFunction(Graph(inputs, nodes), shape, tuple(trace.guards), auxiliary, extra, tuple(foreign))


def _output(function: Callable[..., Any], leaf: Any, structure: Structure, number: int) -> Node:
    if isinstance(leaf, Traced):
        return leaf.node
    if is_number(leaf):
        return constant(leaf)
    raise StructureError(
        getattr(function, "__name__", "function"),
        expected="a result of arrays and numbers, in tuples, lists and dicts",
        got=f"{leaf!r} as {paths(structure, 'result')[number]}",
        remedy="Leave it out; grad, vjp and jvp hand on a second result, which may be anything, with has_aux=True.",
    )


def _split_auxiliary(function: Callable[..., Any], result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise StructureError(
            getattr(function, "__name__", "function"),
            expected="a pair (result, auxiliary data), as has_aux=True asks",
            got=f"{result!r}" if isinstance(result, Traced) else flatten(result)[1].described,
            remedy="Return a tuple of two, or leave has_aux out.",
        )
    return result
