"""What the operations with graphs inside have in common: their bodies, as programs and under the calculus.

A body is a closed graph: what it needs from outside comes in as operands. What is derived from a body is made once, so
that equal derivatives of one body are one graph, and loops over it can be recognised as one loop.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

from chainrule.errors import DtypeError, ShapeError, StructureError
from chainrule.evaluate import Program, to_fractions
from chainrule.graph import (
    Constant,
    Graph,
    Input,
    Node,
    Operation,
    calculus,
    constant,
    depends_on,
    in_order,
    project,
    substitute,
)
from chainrule.record import record
from chainrule.types import ArrayType

Flags = tuple[bool, ...]
Part = Node | None
FIELD = np.dtype(object)


@record
class Outline:
    """What a node with graphs inside computes, told by the nodes of its bodies.

    A node is contained in another one if their `kind` is equal and the other has all of its `parts` and `results`.
    Forward mode, for one, makes a loop that contains the loop which it was made of.
    """

    kind: Any
    parts: frozenset[Any]
    results: tuple[Any, ...]

    def within(self, other: Outline) -> bool:
        """Whether the other node computes all that this one does."""
        return self.kind == other.kind and self.parts <= other.parts and set(self.results) <= set(other.results)


@record(eq=False, kw_only=True)
class Enclosing(Operation):
    """An operation with graphs inside."""

    outline: Callable[[Node], Outline]
    """What a node of this operation computes."""


def per_graph(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep the answers of `function(graph, *options)` for as long as the graph lives."""
    memory: WeakKeyDictionary[Graph, dict[Hashable, Any]] = WeakKeyDictionary()

    @functools.wraps(function)
    def remembered(graph: Graph, *options: Hashable) -> Any:
        known = memory.setdefault(graph, {})
        if options not in known:
            known[options] = function(graph, *options)
        return known[options]

    return remembered


# ------------------------------------------------------------------------------------------------------- evaluation


@per_graph
def program(body: Graph, meaning: str) -> Program:
    """The body as a program of this meaning, "reference" or "exact"."""
    return Program(body, meaning, to_fractions) if meaning == "exact" else Program(body, meaning)


def storage(meaning: str, node: Node) -> np.dtype:
    """The dtype of an array that collects values of a node."""
    return FIELD if meaning == "exact" else node.dtype


# --------------------------------------------------------------------------------------------------------- calculus


@per_graph
def reverse_of(body: Graph, given: Flags, wanted: Flags) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Reverse mode of a body: inputs for cotangents of the outputs `given`, and cotangents of the inputs `wanted`."""
    pairs = enumerate(zip(body.outputs, given, strict=True))
    seeds = tuple(Input(node.type, f"d_out{k}") if flag else None for k, (node, flag) in pairs)
    found = iter(calculus.reverse(body.outputs, seeds, chosen(body.inputs, wanted)))
    return seeds, tuple(next(found) if flag else None for flag in wanted)


@per_graph
def forward_of(body: Graph, moving: Flags) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Forward mode of a body: inputs for the tangents of the inputs `moving`, and the tangents of the outputs."""
    pairs = zip(body.inputs, moving, strict=True)
    seeds = tuple(Input(node.type, f"d_{node.name}") if flag else None for node, flag in pairs)
    return seeds, tuple(calculus.forward(body.outputs, body.inputs, seeds))


@per_graph
def batch_of(body: Graph, batched: Flags, size: int) -> Graph:
    """The body over a batch: the inputs marked `batched` have a new axis in front, and so have all outputs."""
    inputs = [
        Input(stacked(node.type, size), node.name) if flag else node
        for node, flag in zip(body.inputs, batched, strict=True)
    ]
    return Graph(inputs, calculus.batch(body.outputs, body.inputs, inputs, batched, size))


def stacked(kind: ArrayType, size: int) -> ArrayType:
    """The type with a new axis in front."""
    return ArrayType((size, *kind.shape), kind.dtype)


def spread(node: Node, batched: bool, size: int) -> Any:
    """A value with the new axis in front, repeated along it where it did not have one."""
    return node if batched else np.broadcast_to(node, (size, *node.shape))


# ----------------------------------------------------------------------------------------------- parts and flags


def flags(parts: Sequence[Any]) -> Flags:
    """Which parts there are."""
    return tuple(part is not None for part in parts)


def present(parts: Sequence[Part]) -> list[Any]:
    """The parts that there are."""
    return [part for part in parts if part is not None]


def chosen(values: Sequence[Any], which: Sequence[bool]) -> list[Any]:
    """The values that are flagged."""
    return [value for value, flag in zip(values, which, strict=True) if flag]


def either(one: Sequence[bool], other: Sequence[bool]) -> Flags:
    """What is flagged in one or in the other."""
    return tuple(a or b for a, b in zip(one, other, strict=True))


def place(values: Sequence[Node], like: Sequence[Part]) -> tuple[Part, ...]:
    """The values in the places of the parts that there are, None in the other places."""
    supply = iter(values)
    return tuple(None if part is None else next(supply) for part in like)


def depending(body: Graph, changing: Sequence[bool]) -> Flags:
    """The outputs of a body that depend on one of the inputs that are changing."""
    reach = depends_on(body.outputs, chosen(body.inputs, changing))
    return tuple(node in reach for node in body.outputs)


def fixpoint(grow: Callable[[Flags], Flags], start: Flags) -> Flags:
    """The flags that `grow` leaves as they are, reached from `start`: what a loop hands round, handed round."""
    while (grown := grow(start)) != start:
        start = grown
    return start


def zeros(kind: ArrayType) -> Any:
    """Zeros of a type."""
    return np.broadcast_to(constant(0, kind.dtype), kind.shape)


def or_zero(part: Part, like: Node) -> Node:
    """The part, or zeros of the right type where there is none."""
    return zeros(like.type) if part is None else part


# ----------------------------------------------------------------------------------------------------------- bodies


class Older:
    """The nodes that were there before the serial number `mark`, for a walk to stop at. Constants are of no age."""

    def __init__(self, mark: int) -> None:
        self.mark = mark

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and node.serial < self.mark and not isinstance(node, Constant)


def frontier(outputs: Sequence[Node], inputs: Sequence[Input], mark: int, hoist: bool) -> list[Node]:
    """The values that a body takes from outside: those that were there when its trace began.

    With `hoist`, what it computes from them alone counts as outside too: in a loop it is the same in every step, and so
    is computed once. A branch that may not run leaves it inside. Constants stay inside.
    """
    older, outside = Older(mark), set[Node]()
    order = in_order(outputs, known=older)
    varying = depends_on(outputs, inputs, fixed=older)
    for node in order:
        beneath = any(operand in older or operand in outside for operand in node.operands)
        if beneath and node not in varying and (hoist or node.operation is project):
            outside.add(node)
    used = [operand for node in order if node not in outside for operand in node.operands]
    taken = [node for node in (*used, *outputs) if node in older or node in outside]
    return list(dict.fromkeys(node for node in taken if not isinstance(node.type, tuple)))


def close(constants: Sequence[Node], inputs: Sequence[Input], outputs: Sequence[Node]) -> Graph:
    """The body of these outputs, with an input for each value that it takes from outside, and then its own."""
    fresh = [Input(node.type, getattr(node, "name", f"constant{k}")) for k, node in enumerate(constants)]
    own = [Input(node.type, node.name) for node in inputs]  # without the trace that they came from
    return shared(
        Graph([*fresh, *own], substitute(outputs, dict(zip((*constants, *inputs), (*fresh, *own), strict=True))))
    )


_bodies: WeakValueDictionary[Any, Graph] = WeakValueDictionary()


def shared(body: Graph) -> Graph:
    """The body itself, or an equal one that was made before: so equal loops are one node, as equal nodes are."""
    own = [node for node in body.nodes if not isinstance(node, Input)]
    number = {node: k for k, node in enumerate((*body.inputs, *own))}

    def form(node: Node) -> Any:
        if isinstance(node, Constant):
            return node
        return (
            node.operation,
            tuple(number[operand] for operand in node.operands),
            tuple(sorted(node.parameters.items())),
        )

    names = tuple((node.name, node.type) for node in body.inputs)
    key = (names, tuple(map(form, own)), tuple(number[node] for node in body.outputs))
    return _bodies.setdefault(key, body)


# ------------------------------------------------------------------------------------------------------------ types


def check_count(operation: str, what: str, expected: int, got: int) -> None:
    """Refuse another number of operands or results."""
    if expected != got:
        raise StructureError(
            operation,
            expected=f"{expected} {what}",
            got=f"{got}",
            remedy="Give the body and the operands the same structure.",
        )


def check_type(operation: str, what: str, expected: ArrayType, got: ArrayType, remedy: str) -> None:
    """Refuse a value of another type, by its shape or by its dtype."""
    if expected != got:
        kind = ShapeError if expected.shape != got.shape else DtypeError
        raise kind(operation, expected=f"{what} of type {expected}", got=f"{got}", remedy=remedy)


def check_operands(operation: str, inputs: Sequence[Input], types: Sequence[ArrayType]) -> None:
    """Refuse operands that are not what a body takes."""
    check_count(operation, "operands", len(inputs), len(types))
    for node, kind in zip(inputs, types, strict=True):
        check_type(operation, node.name, node.type, kind, "Convert or reshape the operand to what the body takes.")


def check_truth(operation: str, what: str, kind: Any) -> None:
    """Refuse a condition that is not one truth value."""
    check_type(
        operation,
        what,
        ArrayType((), np.dtype(bool)),
        kind,
        "Reduce it to one truth value, for example with .all() or .any().",
    )
