"""`vjp`, `jvp` and `linearize`: the products of the Jacobian with a cotangent or a tangent, at one point."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.derive import forward, reverse
from chainrule.errors import DerivativeError, StructureError
from chainrule.functions.arguments import (
    Selection,
    as_arguments,
    name_of_function,
    rebuild,
    select,
    trace_arguments,
)
from chainrule.functions.executable import Runs, executable
from chainrule.functions.partial import split
from chainrule.functions.remember import Prepared, Remembered, call_graph, owned
from chainrule.graph import Graph, Input, Node
from chainrule.ops.bodies import or_zero
from chainrule.pytree import Structure, flatten, flatten_like, paths, unflatten
from chainrule.simplify import simplify
from chainrule.trace import Traced, TracedFunction, is_number
from chainrule.types import is_floating


def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The value of a function and its derivative in one direction: (f(x), L t), by forward mode.

    Args:
        function: any function of pytrees of arrays.
        primals: its positional arguments, all floating-point.
        tangents: a direction for each: the same structures and shapes as `primals`.
        has_aux: the function returns (result, anything); the last part of the answer is then that anything.

    Raises:
        StructureError: the tangents differ from the primals in structure or shape.
        DerivativeError: an argument is not floating-point.

    >>> value, slope = jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    >>> float(value), float(slope)
    (12.0, 4.0)
    """
    return push(function, function, "jvp", primals, tangents, has_aux)


def push(
    function: Callable[..., Any],
    owner: Callable[..., Any],
    name: str,
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
) -> Any:
    """`jvp` of a function that is made of `owner` in the way that `name` says: `owner` remembers what was traced."""
    primals, tangents = as_arguments("jvp", "primals", primals), as_arguments("jvp", "tangents", tangents)
    leaves, structure = flatten((primals, {}))
    directions = _directions("jvp", leaves, structure.children[0], tangents, "tangent")

    def prepare(given: Sequence[Any], both: Structure) -> Prepared:
        count = len(leaves)
        traced = trace_arguments(function, given[:count], structure, has_aux=has_aux)
        chosen = _all("jvp", function, traced, given[:count], structure)
        inputs = chosen.pick(traced.graph.inputs)
        moving = [Input(node.type, f"tangent of {node.name}") for node in inputs]
        pushed = tangents_of(traced.graph.outputs, inputs, moving)

        def assemble(results: list[Any]) -> Any:
            half = len(pushed)
            parts = (rebuild(traced.structure, results[k : k + half]) for k in (0, half))
            return (*parts, traced.complete(results[2 * half :])) if has_aux else tuple(parts)

        outputs = (*traced.graph.outputs, *pushed, *traced.extra)
        return Prepared((*traced.graph.inputs, *moving), outputs, assemble, traced.guards, traced.outer)

    remembered = Remembered(owner, prepare, (name, structure, has_aux))
    return remembered.call(*leaves, *directions)


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its pullback: (f(x), g -> g L), by reverse mode.

    Args:
        function: any function of pytrees of arrays.
        primals: its positional arguments, all floating-point.
        has_aux: the function returns (result, anything); the last part of the answer is then that anything.

    Returns:
        (value, pullback), where pullback(cotangent) takes a tree like the value and gives a tuple with one cotangent
        for each argument. The forward pass runs once; each call of the pullback runs the backward pass alone.

    Raises:
        DerivativeError: an argument is not floating-point.

    >>> value, pullback = vjp(lambda x, y: x * y, 3.0, 4.0)
    >>> [float(g) for g in pullback(1.0)]
    [4.0, 3.0]
    """
    return _held(function, primals, has_aux, _pullback, "vjp", "cotangent")


def linearize(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of a function and its linear approximation: (f(x), t -> L t), by forward mode.

    Returns (value, pushforward); pushforward(*tangents) takes a tangent for each argument and gives a tree like the
    value. What does not depend on the tangents is computed once. Arguments and errors are those of `vjp`.

    >>> value, pushforward = linearize(np.sin, 0.0)
    >>> float(pushforward(2.0))
    2.0
    """
    return _held(function, primals, has_aux, _pushforward, "linearize", "tangent")


def _held(
    function: Callable[..., Any],
    primals: tuple[Any, ...],
    has_aux: bool,
    make: Callable[..., Any],
    operation: str,
    kind: str,
) -> Any:
    """Split value and linear map: the part that the primals decide is run now, the rest with each call of the map."""
    structure = flatten((primals, {}))[1]

    def prepare(given: Sequence[Any], both: Structure) -> Prepared:
        traced = trace_arguments(function, given, structure, has_aux=has_aux)
        chosen = _all(operation, function, traced, given, structure)
        seeds, results = make(traced, chosen.pick(traced.graph.inputs))
        residuals = split(results, seeds)
        product = _Product(Graph((*residuals.inputs, *seeds), residuals.outputs))
        outputs = (*traced.graph.outputs, *traced.extra, *residuals.needed)
        middle = len(traced.graph.outputs)
        end = middle + len(traced.extra)

        def assemble(values: list[Any]) -> Any:
            value = rebuild(traced.structure, values[:middle])
            linear = _Linear(operation, kind, product, values[end:], traced, structure)
            return (value, linear, traced.complete(values[middle:end])) if has_aux else (value, linear)

        return Prepared(traced.graph.inputs, outputs, assemble, traced.guards, traced.outer)

    return Remembered(function, prepare, (operation, structure, has_aux)).call(*primals)


class _Product:
    """The graph of a linear map over residuals and seeds, and its program, which all maps of one trace share."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    @functools.cached_property
    def program(self) -> Runs:
        """The graph, simplified, as calls of NumPy."""
        return executable(simplify(self.graph))

    def __call__(self, leaves: list[Any]) -> list[Any]:
        """The outputs at these values of the inputs; traced ones where a value is."""
        if any(isinstance(leaf, Traced) for leaf in leaves):
            return call_graph(self.graph, leaves)
        values = [np.asarray(leaf) for leaf in leaves]
        with np.errstate(all="ignore"):
            return owned(self.program.run(values), values, self.program.is_machine_code)


class _Linear:
    """A linear map that was held at a point: its graph, and the residuals' values."""

    def __init__(
        self,
        operation: str,
        kind: str,
        product: _Product,
        residuals: list[Any],
        traced: TracedFunction,
        structure: Structure,
    ) -> None:
        self.operation, self.kind, self.product, self.residuals = operation, kind, product, residuals
        self.traced, self.structure = traced, structure

    def __call__(self, *given: Any) -> Any:
        """The linear map at these cotangents or tangents."""
        if self.operation == "vjp":
            if len(given) != 1:
                raise StructureError(
                    "vjp",
                    expected="one cotangent, a tree like the value",
                    got=f"{len(given)} of them",
                    remedy="Write pullback((a, b)) where the value is a tuple of two.",
                )
            shapes = [node.type for node in self.traced.graph.outputs]
            seeds = _seeds(self.operation, self.kind, shapes, flatten_like(self.traced.structure, given[0], "vjp"))
            results = self.product([*self.residuals, *seeds])
            return unflatten(self.structure.children[0], results)
        shapes = [node.type for node in self.traced.graph.inputs]
        seeds = _seeds(
            self.operation, self.kind, shapes, flatten_like(self.structure.children[0], tuple(given), "linearize")
        )
        return rebuild(self.traced.structure, self.product([*self.residuals, *seeds]))


def _pullback(traced: TracedFunction, inputs: Sequence[Node]) -> tuple[list[Input], list[Node]]:
    seeds = [Input(node.type, "cotangent") for node in traced.graph.outputs]
    used = [seed if is_floating(seed.dtype) else None for seed in seeds]
    found = reverse(traced.graph.outputs, used, inputs)
    return seeds, list(map(or_zero, found, inputs))


def _pushforward(traced: TracedFunction, inputs: Sequence[Node]) -> tuple[list[Input], list[Node]]:
    seeds = [Input(node.type, "tangent") for node in inputs]
    return seeds, tangents_of(traced.graph.outputs, inputs, seeds)


def tangents_of(outputs: Sequence[Node], inputs: Sequence[Node], tangents: Sequence[Node]) -> list[Node]:
    """The tangents of the outputs; zeros where none reaches one."""
    return list(map(or_zero, forward(outputs, inputs, tangents), outputs))


def _all(
    operation: str, function: Callable[..., Any], traced: TracedFunction, leaves: Sequence[Any], structure: Structure
) -> Selection:
    arguments = structure.children[0].children
    if not arguments:
        raise DerivativeError(
            operation,
            expected=f"arguments of {name_of_function(function)} to differentiate by",
            got="()",
            remedy="Pass them by position.",
        )
    return select(operation, function, traced, leaves, structure, tuple(range(len(arguments))))


def _directions(operation: str, leaves: Sequence[Any], structure: Structure, given: Any, kind: str) -> list[Any]:
    shapes = [leaf.node.type if isinstance(leaf, Traced) else np.asarray(leaf) for leaf in leaves]
    return _seeds(operation, kind, shapes, flatten_like(structure, given, operation), paths(structure, f"{kind}s"))


def _seeds(
    operation: str, kind: str, shapes: Sequence[Any], given: Sequence[Any], names: Sequence[str] | None = None
) -> list[Any]:
    """The cotangents or tangents, each cast to the dtype and held to the shape of what it belongs to."""
    seeds = []
    for k, (shape, seed) in enumerate(zip(shapes, given, strict=True)):
        if not is_number(seed) or np.shape(seed) != shape.shape:
            raise StructureError(
                operation,
                expected=f"a {kind} of shape {shape.shape}" + (f" for {names[k]}" if names else ""),
                got=f"shape {np.shape(seed)}" if is_number(seed) else repr(seed),
                remedy=f"Give each {kind} the shape of the value that it belongs to.",
            )
        seeds.append(seed if isinstance(seed, Traced) else np.asarray(seed, shape.dtype))
    return seeds
