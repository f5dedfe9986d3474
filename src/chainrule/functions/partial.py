"""Partial evaluation: what does not depend on some inputs is computed ahead, and only its frontier is kept."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.graph import Constant, Input, Node, depends_on, in_order, substitute
from chainrule.record import record


@record
class Split:
    """`needed`: the nodes computed ahead that the rest needs (its residuals); `inputs` stand for them in `outputs`."""

    needed: tuple[Node, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Node, ...]


def split(outputs: Sequence[Node], late: Sequence[Node]) -> Split:
    """Cut the graph of `outputs` between what depends on the `late` inputs and what does not."""
    moving = depends_on(outputs, late)
    frontier: dict[Node, None] = {}
    for node in in_order(outputs, known=set(late)):
        if node in moving:
            frontier.update((operand, None) for operand in node.operands if operand not in moving)
    frontier.update((node, None) for node in outputs if node not in moving)
    needed = tuple(whole for node in frontier if not isinstance(node, Constant) for whole in _arrays(node))
    inputs = tuple(Input(node.type, f"residual {k}") for k, node in enumerate(needed))
    return Split(needed, inputs, tuple(substitute(outputs, dict(zip(needed, inputs, strict=True)))))


def _arrays(node: Node) -> tuple[Node, ...]:
    """A node as arrays: its results where it has several."""
    return node.results if isinstance(node.type, tuple) else (node,)
