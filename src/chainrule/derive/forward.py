"""Forward mode: tangents travel with the values, t_out = L t_in (Griewank and Walther, section 3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.derive.reverse import as_tuple, times
from chainrule.graph import (
    Derivative,
    Flat,
    Linear,
    Node,
    Partials,
    Structural,
    Tangents,
    apply,
    depends_on,
    in_order,
    project,
)
from chainrule.ops import cast
from chainrule.ops.bodies import or_zero
from chainrule.source import located
from chainrule.types import is_floating

Tangent = Node | None


def forward(outputs: Sequence[Node], inputs: Sequence[Node], tangents: Sequence[Tangent]) -> list[Tangent]:
    """The tangents of the outputs for these tangents of the inputs; None where nothing flows."""
    known: dict[Node, Any] = {
        node: tangent for node, tangent in zip(inputs, tangents, strict=True) if tangent is not None
    }
    active = depends_on(outputs, known)
    for node in in_order(outputs, known=set(inputs)):
        if node in active and node.operation is not None:
            with located(node.location):
                pushed = push(node, [known.get(operand) for operand in node.operands])
            if pushed is not None:
                known[node] = pushed
    return [known.get(node) for node in outputs]


def push(node: Node, tangents: Sequence[Any]) -> Any:
    """The tangent of a node for the tangents of its operands; a tuple for a node with several results."""
    operation, parameters = node.operation, node.parameters
    if operation is project:
        return tangents[0][parameters["index"]] if tangents[0] is not None else None
    return push_by(operation.derivative, node, tangents)


def push_by(derivative: Derivative, node: Node, tangents: Sequence[Any]) -> Any:
    """The tangent of a node by a declared derivative of its operation."""
    operation, operands, parameters = node.operation, node.operands, node.parameters
    moving = [k for k, tangent in enumerate(tangents) if tangent is not None]
    match derivative:
        case tuple():
            terms = [push_by(part, node, tangents) for part in derivative]
            return total([term for term in terms if term is not None])
        case Flat():
            return None
        case Partials(rule):
            partials = as_tuple(rule(*operands, node, **parameters))
            terms = [times(tangents[k], partials[k]) for k in moving]
            return total([fill(term, node) for term in terms if term is not None and is_floating(node.dtype)])
        case Linear(_, _, True):
            moved = tuple(map(or_zero, tangents, operands))
            return apply(operation, moved, parameters) if moving else None
        case Linear(_, numbers):
            moving = [k for k in moving if numbers is None or k in numbers]
            return total(
                [apply(operation, (*operands[:k], tangents[k], *operands[k + 1 :]), parameters) for k in moving]
            )
        case Tangents(rule, numbers):
            result = node.results if isinstance(node.type, tuple) else node
            moving = [k for k in moving if numbers is None or k in numbers]
            columns = [as_tuple(rule(tangents[k], k, result, *operands, **parameters)) for k in moving]
            sums = tuple(total([term for term in terms if term is not None]) for terms in zip(*columns, strict=True))
            return (sums or None) if isinstance(node.type, tuple) else sums[0] if sums else None
        case Structural(rule, _):
            pushed = as_tuple(rule(node, tangents))
            return pushed if isinstance(node.type, tuple) else pushed[0]


def fill(tangent: Node, node: Node) -> Node:
    """A tangent brought to the shape and dtype of the result."""
    return cast(np.broadcast_to(tangent, node.shape), node.dtype)


def total(terms: Sequence[Node]) -> Tangent:
    """The sum of the terms; None of none."""
    result: Tangent = None
    for term in terms:
        result = term if result is None else result + term
    return result
