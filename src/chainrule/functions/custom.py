"""`checkpoint`, `custom_vjp` and `stop_gradient`: derivatives arranged by hand."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, StructureError
from chainrule.functions.arguments import leaf_names, name_of_function, trace_arguments
from chainrule.functions.bodies import arguments, check_structure, enclose, prepared
from chainrule.functions.remember import Prepared, Remembered
from chainrule.graph import Graph, Node, substitute
from chainrule.graph.node import serials
from chainrule.ops import cast
from chainrule.ops.bodies import zeros
from chainrule.ops.call import checkpoint as checkpoint_operation
from chainrule.ops.call import custom_vjp as custom_operation
from chainrule.ops.elementwise import stop_gradient as stop_operation
from chainrule.pytree import Structure, flatten, tree_map, unflatten
from chainrule.trace import Guard, TracedFunction, apply_function, is_number, trace_function
from chainrule.types import is_floating


def stop_gradient(x: Any) -> Any:
    """The same values as constants to every derivative: no tangent and no cotangent goes through.

    `x` is any pytree; what is no array or number in it stays as it is.

    >>> from chainrule.functions.gradient import grad
    >>> float(grad(lambda x: x * stop_gradient(x))(3.0))
    3.0
    """
    return tree_map(lambda leaf: apply_function(stop_operation, leaf) if is_number(leaf) else leaf, x)


def checkpoint(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, whose intermediate values reverse mode does not keep but computes again.

    What it is given and what it closes over is kept. It costs one more evaluation of the function in the backward pass.
    Around the body of a `scan`, or around groups of layers, memory falls to that of the carries (Griewank and Walther,
    Evaluating Derivatives, 2nd ed., chapter 12).

    >>> import numpy as np
    >>> from chainrule.functions.gradient import grad
    >>> float(grad(checkpoint(lambda x: np.exp(np.sin(x))))(0.0))
    1.0
    """

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        mark = next(serials)
        traced = trace_arguments(function, leaves, structure)
        constants, (body,) = enclose([(traced, traced.graph.outputs)], mark)
        results = checkpoint_operation(*constants, *traced.graph.inputs, body=body).results
        return prepared(traced.graph.inputs, results, traced.structure, traced)

    return Remembered(function, prepare, "checkpoint").as_function()


_preparing: ContextVar[frozenset[Any]] = ContextVar("preparing", default=frozenset())
"""The functions whose rules are being traced: a rule that calls its own function means it without the rule."""


class custom_vjp:
    """A function with a reverse mode of your own.

    `define(forward, backward)` gives it. `forward` takes the arguments of the function and returns (result, residuals);
    `backward` takes (residuals, cotangent of the result) and returns a tuple with a cotangent for each argument, of the
    argument's structure, or None where there is none. What is no floating-point number in a result has None for a
    cotangent. `backward` must be linear in the cotangent: forward mode is its transpose. Each is traced once for each
    signature, and gets all traced values through its arguments.

    Raises:
        StructureError, ShapeError, DtypeError: forward and the function disagree, or a cotangent and its argument.
        ArgumentError: no rule was defined, or a traced value is closed over.
        DerivativeError: forward mode through a `backward` that is not linear.

    >>> import numpy as np
    >>> from chainrule.functions.gradient import grad
    >>> @custom_vjp
    ... def length(x):
    ...     return np.sqrt(np.sum(x * x))
    >>> def forward(x):
    ...     return length(x), (x, length(x))
    >>> def backward(residuals, g):
    ...     x, size = residuals
    ...     return (g * np.where(size > 0, x / size, 0),)
    >>> grad(length.define(forward, backward))(np.zeros(2))
    array([0., 0.])
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.rule: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        self.remembered = Remembered(self, self._prepare, "custom_vjp")

    def define(
        self, forward: Callable[..., tuple[Any, Any]], backward: Callable[[Any, Any], tuple[Any, ...]]
    ) -> custom_vjp:
        """Give the two halves of reverse mode; returns the function itself."""
        self.rule = forward, backward
        self.remembered = Remembered(self, self._prepare, ("custom_vjp", forward, backward))
        return self

    defvjp = define

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The function at these arguments; keywords are put in their places."""
        if kwargs:
            bound = inspect.signature(self.function).bind(*args, **kwargs)
            args = bound.args
        if self in _preparing.get():
            return self.function(*args)
        return self.remembered.call(*args)

    def _prepare(self, leaves: Sequence[Any], structure: Structure) -> Prepared:
        if self.rule is None:
            raise ArgumentError(
                "custom_vjp",
                expected="a rule for reverse mode",
                got=f"{name_of_function(self)!r} without one",
                remedy="Give it with .define(forward, backward).",
            )
        token = _preparing.set(_preparing.get() | {self})
        try:
            primal = trace_arguments(self.function, leaves, structure)
            forward = trace_arguments(self.rule[0], leaves, structure)
            result, residuals = _pair(self.rule[0], forward)
            check_structure("custom_vjp", self.rule[0], primal.structure, result, "the function's result first")
            backward, answers = _trace_backward(self.rule[1], forward, residuals, result, structure)
        finally:
            _preparing.reset(token)
        _refuse_closures({"the function": primal, "forward": forward, "backward": backward})
        cotangents = _cotangents(answers, leaves, primal)
        graph = Graph(backward.graph.inputs, cotangents)
        results = custom_operation(
            *primal.graph.inputs, primal=primal.graph, forward=forward.graph, backward=graph, keep=False
        ).results
        same: dict[Any, Node] = dict(zip(forward.graph.inputs, primal.graph.inputs, strict=True))
        nodes = substitute([guard.node for guard in forward.guards], same)
        guards = (
            *primal.guards,
            *(Guard(node, guard.value) for node, guard in zip(nodes, forward.guards, strict=True)),
        )
        return Prepared(primal.graph.inputs, results, lambda values: unflatten(primal.structure, values), guards)


def _pair(function: Callable[..., Any], traced: TracedFunction) -> tuple[Structure, Structure]:
    if traced.structure.kind is tuple and len(traced.structure.children) == 2:
        return traced.structure.children
    raise StructureError(
        "custom_vjp",
        expected=f"{name_of_function(function)} to return a pair (result, residuals)",
        got=traced.structure.described,
        remedy="Return (result, ()) where backward needs nothing.",
    )


def _trace_backward(
    function: Callable[..., Any], forward: TracedFunction, residuals: Structure, result: Structure, called: Structure
) -> tuple[TracedFunction, Sequence[Node | None]]:
    """The trace of backward, and its answer for each leaf of the arguments."""
    nodes = forward.graph.outputs
    kept, results = nodes[result.leaves :], nodes[: result.leaves]
    moving = [node if is_floating(node.dtype) else None for node in results]
    seeds, cotangent = flatten(unflatten(result, [None if node is None else np.zeros(()) for node in moving]))
    structure = arguments(residuals, cotangent)
    types = [node.type for node in (*kept, *moving) if node is not None]
    leaves = [*(np.zeros(()) for _ in kept), *seeds]
    names = leaf_names(function, structure)
    traced = trace_function(function, leaves, structure, names=names, concrete=False, types=types)
    expected = called.children[0]
    answers = _aligned(expected, traced.structure, iter(traced.graph.outputs))
    if answers is None:
        raise StructureError(
            "custom_vjp",
            expected=f"{name_of_function(function)} to return a cotangent for each argument: {expected.described}",
            got=traced.structure.described,
            remedy="Return a tuple with one entry for each argument; None means no cotangent.",
        )
    return traced, answers


def _aligned(expected: Structure, got: Structure, supply: Iterator[Node]) -> Sequence[Node | None] | None:
    """What backward gives to each leaf of the arguments, None where it gave None to it or to its container.

    None in place of the list: the structures differ.
    """
    if got.kind is type(None):
        return [None] * expected.leaves
    if (expected.kind, expected.memory, len(expected.children)) != (got.kind, got.memory, len(got.children)):
        return None
    if expected.kind is None:
        return [next(supply)]
    parts = [_aligned(one, other, supply) for one, other in zip(expected.children, got.children, strict=True)]
    return (
        None if any(part is None for part in parts) else [node for part in parts if part is not None for node in part]
    )


def _cotangents(answers: Sequence[Node | None], leaves: Sequence[Any], primal: TracedFunction) -> list[Node]:
    """A cotangent for each floating input."""
    found = [answer for answer, leaf in zip(answers, leaves, strict=True) if is_number(leaf)]
    pairs = [(answer, node) for answer, node in zip(found, primal.graph.inputs, strict=True) if is_floating(node.dtype)]
    return [zeros(node.type) if answer is None else cast(answer, node.dtype) for answer, node in pairs]


def _refuse_closures(traces: dict[str, TracedFunction]) -> None:
    """A value that is closed over would have no cotangent, and nobody would notice."""
    for what, traced in traces.items():
        for node in traced.outer:
            raise ArgumentError(
                "custom_vjp",
                expected=f"{what} to get every traced value as an argument",
                got=f"a closure over {node.name} of type {node.type}",
                remedy="Make it an argument of the function; backward gets what it needs through the residuals.",
            )
