"""Reverse mode: the backward pass.

From the outputs to the inputs, each node hands its cotangent g to its operands, multiplied by its local derivatives:
g_in = g_out L (Griewank and Walther, Evaluating Derivatives, 2nd ed., section 3.2). What an operand receives from all
its users is summed. Broadcasting and casting are undone here, once, so that no rule has to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from chainrule.graph import (
    Derivative,
    Flat,
    Input,
    Linear,
    Node,
    Partials,
    Structural,
    Tangents,
    depends_on,
    in_order,
    project,
)
from chainrule.ops import cast, contribute, unbroadcast
from chainrule.source import located
from chainrule.types import is_floating

Cotangent = Node | None


def reverse(
    outputs: Sequence[Node], cotangents: Sequence[Cotangent], inputs: Sequence[Node], fixed: Iterable[Node] = ()
) -> list[Cotangent]:
    """The cotangents of the inputs for these cotangents of the outputs; None where nothing flows.

    `fixed` nodes do not depend on the inputs: the walk need not look beneath them.
    """
    known = {*inputs, *fixed}
    active = depends_on(outputs, inputs, known)
    received: dict[Node, Any] = {}
    for output, cotangent in zip(outputs, cotangents, strict=True):
        receive(received, output, cotangent)
    for node in reversed(in_order(outputs, known)):
        if node in received and node in active and node.operation is not None:
            with located(node.location):
                for operand, contribution in pull(node, received.pop(node), active):
                    receive(received, operand, contribution)
    return [received.get(node) for node in inputs]


def receive(received: dict[Node, Any], node: Node, cotangent: Any) -> None:
    """Add a contribution to the cotangent of a node; of a node with several results, result by result."""
    if cotangent is None:
        return
    known = received.get(node)
    if isinstance(node.type, tuple):
        parts = zip(known or (None,) * len(node.type), cotangent, strict=True)
        received[node] = tuple(new if old is None else old if new is None else old + new for old, new in parts)
    elif is_floating(node.dtype):
        received[node] = cotangent if known is None else known + cotangent


def pull(node: Node, g: Any, active: set[Node]) -> Iterator[tuple[Node, Any]]:
    """Each operand of a node, with what the cotangent g of the node contributes to it."""
    operation, operands, parameters = node.operation, node.operands, node.parameters
    if operation is project:
        results: list[Cotangent] = [None] * len(operands[0].type)
        results[parameters["index"]] = g
        yield operands[0], tuple(results)
        return
    for derivative in as_tuple(operation.derivative):
        yield from pull_by(derivative, node, g, active)


def pull_by(derivative: Derivative, node: Node, g: Any, active: set[Node]) -> Iterator[tuple[Node, Any]]:
    """The contributions that one declared derivative of the node's operation gives."""
    operands, parameters = node.operands, node.parameters
    match derivative:
        case Flat():
            return
        case Partials(rule):
            for operand, partial in zip(operands, as_tuple(rule(*operands, node, **parameters)), strict=True):
                if operand in active and is_floating(operand.dtype):
                    yield operand, fit(times(g, partial), operand)
        case Linear(adjoint, numbers):
            for k in differentiable(operands, active, numbers):
                yield operands[k], adjoint(g, k, *operands, **parameters)
        case Tangents(rule, numbers):
            result = node.results if isinstance(node.type, tuple) else node
            for k in differentiable(operands, active, numbers):
                tangent = Input(operands[k].type, "tangent")
                pushed = as_tuple(rule(tangent, k, result, *operands, **parameters))
                pairs = [
                    (out, cotangent) for out, cotangent in zip(pushed, as_tuple(g), strict=True) if out is not None
                ]
                outputs, cotangents = zip(*pairs, strict=True) if pairs else ((), ())
                yield operands[k], reverse(outputs, cotangents, [tangent], fixed=(*operands, *as_tuple(result)))[0]
        case Structural(_, rule):
            chosen = differentiable(operands, active, None)
            wanted = tuple(k in chosen for k in range(len(operands)))
            yield from zip(operands, rule(node, as_tuple(g), wanted), strict=True)


def times(g: Node, partial: Any) -> Cotangent:
    """The cotangent times a partial derivative; a cotangent of zero gives zero whatever the partial is."""
    if partial is None:
        return None
    if isinstance(partial, Node):
        return contribute(g, partial)
    return g if partial == 1 else -g if partial == -1 else g * partial


def fit(g: Cotangent, operand: Node) -> Cotangent:
    """A contribution brought to the shape and dtype of the operand: broadcasting and casting undone."""
    return None if g is None else cast(unbroadcast(g, operand.shape), operand.dtype)


def differentiable(operands: Sequence[Node], active: set[Node], numbers: tuple[int, ...] | None) -> list[int]:
    """The numbers of the operands that a cotangent should be computed for."""
    allowed = range(len(operands)) if numbers is None else numbers
    return [
        k
        for k in allowed
        if operands[k] in active and not isinstance(operands[k].type, tuple) and is_floating(operands[k].dtype)
    ]


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A rule's answer as a tuple, one entry for each."""
    return value if isinstance(value, tuple) else (value,)
