"""Tracing the bodies of loops and branches: functions that become graphs inside an operation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import StructureError
from chainrule.functions.arguments import leaf_names, name_of_function
from chainrule.functions.remember import Prepared, types_of
from chainrule.graph import Graph, Input, Node
from chainrule.ops import cast
from chainrule.ops.bodies import close, frontier
from chainrule.pytree import Structure, flatten, paths, unflatten
from chainrule.trace import Traced, TracedFunction, is_number, trace_function
from chainrule.types import ArrayType

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}


def arguments(*children: Structure) -> Structure:
    """The structure of (args, kwargs) of a call with arguments of these structures."""
    return Structure(tuple, None, (Structure(tuple, None, children), Structure(dict, ())))


def is_weak(leaf: Any) -> bool:
    """Whether a value came from Python numbers alone, and so takes the dtype of what it meets."""
    return leaf.weak if isinstance(leaf, Traced) else type(leaf) in (bool, int, float)


def trace_body(
    operation: str,
    function: Callable[..., Any],
    leaves: Sequence[Any],
    structure: Structure,
    types: Sequence[ArrayType] | None = None,
) -> TracedFunction:
    """Trace a body once, without numbers. The auxiliary data say which of its results are weak."""

    @functools.wraps(function, updated=())
    def noted(*args: Any) -> tuple[Any, list[bool]]:
        result = function(*args)
        leaves, shape = flatten(result)
        check_numbers(operation, leaves, shape, "result")
        return result, [is_weak(leaf) for leaf in leaves]

    names = leaf_names(function, structure)
    return trace_function(noted, leaves, structure, names=names, concrete=False, types=types, has_aux=True)


def settle(
    carries: Sequence[Any], trace: Callable[[Sequence[Any]], TracedFunction]
) -> tuple[list[ArrayType], TracedFunction, list[Node]]:
    """Trace a body until its carries keep their dtypes: (types of the carries, the trace, its outputs).

    A weak first value takes the dtype that the body gives back, a weak result that of the carry. Every new trace makes
    a weak carry strong, so there are only so many. What else differs, the operation refuses.
    """
    carries = list(carries)
    while True:
        traced = trace(carries)
        kinds, outputs, weak = types_of(carries), list(traced.graph.outputs), traced.auxiliary
        unsettled = []
        for k, (leaf, kind) in enumerate(zip(carries, kinds, strict=True)):
            output = outputs[k]
            if output.dtype == kind.dtype or output.shape != kind.shape:
                continue
            if is_weak(leaf) and can_become(kind, output):
                unsettled.append(k)
            elif weak[k] and can_become(output, kind):
                outputs[k] = cast(output, kind.dtype)
        if not unsettled:
            return kinds, traced, outputs
        for k in [k for k in unsettled if not weak[k]] or unsettled:  # a weak result may yet change with the others
            carries[k] = np.zeros((), outputs[k].dtype)


def can_become(weak: Any, other: Any) -> bool:
    """Whether a weak number may take the dtype of another value: an integer becomes a float, not the reverse."""
    return _RANK[weak.dtype.kind] <= _RANK[other.dtype.kind]


def enclose(
    bodies: Sequence[tuple[TracedFunction, Sequence[Node]]], mark: int, hoist: bool = False
) -> tuple[list[Node], list[Graph]]:
    """The values that some bodies take from outside, and the bodies as closed graphs that take them first.

    `mark` is the serial number at which tracing them began; see `chainrule.ops.bodies.frontier`.
    """
    outside = [node for traced, outputs in bodies for node in frontier(outputs, traced.graph.inputs, mark, hoist)]
    constants = list(dict.fromkeys(outside))
    return constants, [close(constants, traced.graph.inputs, outputs) for traced, outputs in bodies]


def inputs_of(operation: str, leaves: Sequence[Any], structure: Structure, name: str) -> list[Input]:
    """An input for each leaf of a tree of arrays and numbers."""
    names = check_numbers(operation, leaves, structure, name)
    return [Input(kind, path) for kind, path in zip(types_of(leaves), names, strict=True)]


def check_numbers(operation: str, leaves: Sequence[Any], structure: Structure, name: str) -> list[str]:
    """Refuse a tree that holds something else than arrays and numbers; the paths of its leaves."""
    names = paths(structure, name)
    for leaf, path in zip(leaves, names, strict=True):
        if not is_number(leaf):
            advice = {"result": "Return numbers and arrays alone.", "predicate": "Give a truth value, such as x > 0."}
            remedy = advice.get(name, "Let the function close over what is no number.")
            raise StructureError(
                operation, expected=f"arrays and numbers in {name}", got=f"{leaf!r} as {path}", remedy=remedy
            )
    return names


def check_structure(
    operation: str, function: Callable[..., Any], expected: Structure, got: Structure, what: str
) -> None:
    """Refuse a result of another structure."""
    if expected != got:
        raise StructureError(
            operation,
            expected=f"{name_of_function(function)} to return {what}: {expected.described}",
            got=got.described,
            remedy="Return the same containers and keys.",
        )


def prepared(
    inputs: Sequence[Input], results: Sequence[Node], structure: Structure, *bodies: TracedFunction
) -> Prepared:
    """The results as a tree, with what the bodies decided by and closed over."""
    guards = tuple(guard for traced in bodies for guard in traced.guards)
    outer = tuple(node for traced in bodies for node in traced.outer)
    return Prepared(tuple(inputs), tuple(results), lambda values: unflatten(structure, values), guards, outer)
