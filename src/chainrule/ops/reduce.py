"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Linear, Node, Operation, Sample, as_node, reaches
from chainrule.ops.samples import F
from chainrule.types import ArrayType, normalize_axes


def _infer_sum(kind: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    return ArrayType(tuple(n for axis, n in enumerate(kind.shape) if axis not in axes), np.sum(np.empty(0, kind.dtype)).dtype)


def keep(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with 1 for each reduced axis."""
    return tuple(1 if axis in axes else n for axis, n in enumerate(shape))


sum_ = Operation(
    name="sum",
    infer=_infer_sum,
    reference=lambda x, *, axes: np.sum(x, axis=axes),
    exact=lambda x, *, axes: np.sum(x, axis=axes),
    derivative=Linear(lambda g, k, x, *, axes: np.broadcast_to(np.reshape(g, keep(x.shape, axes)), x.shape)),
    batch=lambda operands, batched, size, *, axes: sum_(operands[0], axes=tuple(axis + 1 for axis in axes)),
    latex=r"\sum {0}",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), axes=(0,)), Sample(F([1, 2, 3], [4, 5, 6]), axes=(0, 1))],
    rejects=lambda: [],
)


@reaches(np.sum, (np.add, "reduce"), method="sum")
def total(x: Any, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Node:
    x = as_node(x)
    axes = normalize_axes("sum", axis, x.ndim)
    result = sum_(x, axes=axes)
    return np.reshape(result, keep(x.shape, axes)) if keepdims else result
