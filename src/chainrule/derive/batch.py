"""Batching: a graph on single examples becomes a graph on many, with the new axis in front (`vmap`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.graph import Constant, Input, Node, apply, in_order
from chainrule.source import located


def batch(
    outputs: Sequence[Node], inputs: Sequence[Node], replacements: Sequence[Node], batched: Sequence[bool], size: int
) -> list[Node]:
    """The outputs with the inputs replaced; where `batched`, a replacement has a leading axis of `size`.

    Every output gets that axis; one that does not depend on a batched input is repeated along it.
    """
    made: dict[Node, Any] = dict(zip(inputs, replacements, strict=True))
    has = dict(zip(inputs, batched, strict=True))
    for node in in_order(outputs, known=made):
        has[node] = any(has[operand] for operand in node.operands)
        if isinstance(node, (Input, Constant)):
            made[node] = node
            continue
        operands = tuple(made[operand] for operand in node.operands)
        with located(node.location):
            if has[node]:
                flags = tuple(has[operand] for operand in node.operands)
                made[node] = node.operation.batch(operands, flags, size, **node.parameters)
            else:
                made[node] = apply(node.operation, operands, node.parameters)
    return [made[node] if has[node] else np.broadcast_to(made[node], (size, *made[node].shape)) for node in outputs]
