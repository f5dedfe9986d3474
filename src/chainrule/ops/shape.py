"""Shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Linear, Node, Operation, Sample, as_node, reaches
from chainrule.ops.samples import F
from chainrule.types import ArrayType

reshape = Operation(
    name="reshape",
    infer=lambda kind, *, shape: ArrayType(shape, kind.dtype),
    reference=lambda x, *, shape: np.reshape(x, shape),
    exact=lambda x, *, shape: np.reshape(x, shape),
    derivative=Linear(lambda g, k, x, *, shape: np.reshape(g, x.shape)),
    batch=lambda operands, batched, size, *, shape: reshape(operands[0], shape=(size, *shape)),
    latex=r"\operatorname{{reshape}} {0}",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), shape=(3, 2))],
    rejects=lambda: [],
)
broadcast = Operation(
    name="broadcast_to",
    infer=lambda kind, *, shape: ArrayType(shape, kind.dtype),
    reference=lambda x, *, shape: np.broadcast_to(x, shape),
    exact=lambda x, *, shape: np.broadcast_to(x, shape),
    derivative=Linear(lambda g, k, x, *, shape: unbroadcast(g, x.shape)),
    batch=lambda operands, batched, size, *, shape: broadcast(
        np.reshape(operands[0], (size, *(1,) * (len(shape) + 1 - operands[0].ndim), *operands[0].shape[1:])), shape=(size, *shape)
    ),
    latex=r"\operatorname{{broadcast}} {0}",
    samples=lambda: [Sample(F([1, 2, 3]), shape=(2, 3))],
    rejects=lambda: [],
)


@reaches(np.reshape, method="reshape")
def _reshape(x: Any, *shape: Any) -> Node:
    x = as_node(x)
    shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
    if -1 in shape:
        shape = np.empty(x.shape, bool).reshape(shape).shape
    return x if shape == x.shape else reshape(x, shape=tuple(shape))


@reaches(np.broadcast_to)
def _broadcast(x: Any, shape: Any) -> Node:
    x = as_node(x)
    return x if shape == x.shape else broadcast(x, shape=tuple(shape))


def unbroadcast(x: Node, shape: tuple[int, ...]) -> Node:
    """Sum an array back to the shape that was broadcast to its own: the adjoint of broadcasting."""
    if x.shape == shape:
        return x
    lead = x.ndim - len(shape)
    axes = (*range(lead), *(lead + axis for axis, n in enumerate(shape) if n == 1 and x.shape[lead + axis] != 1))
    return np.reshape(np.sum(x, axis=axes), shape)
