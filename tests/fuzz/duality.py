"""Gradients in reverse against forward: for every graph, whatever g and t are, <g, J t> = <g J, t>.

Both sides are computed in one graph, each with its bound, so they may differ by no more than what rounding explains.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from chainrule.derive import forward, reverse
from chainrule.errors import ChainruleError
from chainrule.graph import Graph, Input, Node, constant, depends_on
from chainrule.ops.declare import cast
from tests.fuzz.builder import floating
from tests.fuzz.case import Case, computed, operations
from tests.fuzz.compare import Backend, Expected, check, expect
from tests.fuzz.values import array

UNTRUE = frozenset({"custom_vjp"})
"""What has a backward that need not be its derivative."""
_WIDE = np.dtype(np.float64)


def dual(case: Case) -> Case | None:
    """Both inner products for a graph's floating outputs and inputs; None where there is no derivative to speak of."""
    if not UNTRUE.isdisjoint(operations(case.graph)) or _is_rounded_on_the_way(case.graph):
        return None
    moving = floating(case.graph.inputs)
    smooth = [node for node in dict.fromkeys(floating(case.graph.outputs)) if depends_on([node], moving) - set(moving)]
    if not smooth or not moving:
        return None
    choose = random.Random(case.label)
    given: list[tuple[Input, Node]] = []

    def weights(node: Node, name: str) -> Node:
        numbers = array(choose, "real", node.shape, node.dtype)
        given.append((Input(node.type, f"{name}{len(given)}"), constant(numbers)))
        return given[-1][0]

    seeds = [weights(node, "g") for node in smooth]
    tangents = [weights(node, "t") for node in moving]
    try:
        with np.errstate(all="ignore"):
            sides = [
                _inner(forward(smooth, moving, tangents), seeds),
                _inner(reverse(smooth, seeds, moving), tangents),
            ]
    except ChainruleError:
        return None
    inputs = [*case.graph.inputs, *(node for node, _ in given)]
    values = [*case.given.outputs, *(value for _, value in given)]
    return Case(Graph(inputs, sides), Graph([], values), case.label)


def _is_rounded_on_the_way(graph: Graph) -> bool:
    """Whether numbers get fewer digits in a conversion, which all that compute it do alike, so that it has no bound: in
    one of both directions that is any conversion between floating dtypes."""
    return any(
        node.operands[0].dtype != node.dtype and {node.operands[0].dtype.kind, node.dtype.kind} == {"f"}
        for node in computed(graph)
        if node.operation is not None and node.operation.name == "astype"
    )


def _inner(found: Any, weights: list[Node]) -> Node:
    """The sum of all products, in float64."""
    total: Any = constant(np.zeros((), _WIDE))
    for one, weight in zip(found, weights, strict=True):
        if one is not None:
            total = total + np.sum(cast(one, _WIDE) * cast(weight, _WIDE))
    return total


def disagreement(case: Case, backend: Backend) -> str:
    """How reverse mode parts from forward mode, by the reference or a backend, or the backend from the reference."""
    both = dual(case)
    if both is None:
        return ""
    expected = expect(both.graph, both.values)
    return apart(expected) or check(both, backend, expected)


def apart(expected: Expected) -> str:
    """What is between two outputs that should be the same number, if it is more than their errors."""
    if expected.error is not None:
        return ""
    one, other = (float(side.value) for side in expected.outputs)
    errors = sum(float(side.error) for side in expected.outputs)
    if not np.isfinite(one) or not np.isfinite(other) or abs(one - other) <= errors:
        return ""
    return f"<g, J t> = {one!r}, but <g J, t> = {other!r}, which is more than {errors:.3g} away"
