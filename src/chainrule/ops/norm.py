"""Norms of vectors and matrices. Where a 2-norm is zero, so is its gradient.

The norms that are made of singular values (2, -2, "nuc" of a matrix) take them from `numpy.linalg.svd`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.reduce import Axis, drop, keep, reduced, restore
from chainrule.ops.statistics import averaging
from chainrule.types import normalize_axis

_MATRIX_ORDERS = "None, 'fro', 'nuc', 1, -1, 2, -2, inf and -inf"


@reaches(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """`numpy.linalg.norm`: of all elements together, of vectors along an axis, or of matrices along two."""
    x = averaging(as_node(x))
    if axis is None:
        if ord is None or (x.ndim == 1 and ord == 2):
            return _euclidean(x, tuple(range(x.ndim)), keepdims)
        axes = tuple(range(x.ndim))
    else:
        named = axis if isinstance(axis, (tuple, list)) else (axis,)
        axes = tuple(normalize_axis("norm", one, x.ndim) for one in named)  # in the order given: rows, columns
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2 and axes[0] != axes[1]:
        return _matrix_norm(x, ord, axes, keepdims)
    remedy = "Name one or two axes, or leave ord out for the norm of all elements."
    expected = "the axis of vectors or the two axes of matrices"
    raise ShapeError("norm", expected=expected, got=f"axis={axis} for shape {x.shape}", remedy=remedy)


@reaches(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Node:
    """`numpy.linalg.vector_norm`: the elements along the axes as one vector."""
    x, axes = reduced("vector_norm", averaging(as_node(x)), axis)
    return _vector_norm(x, ord, axes, keepdims)


@reaches(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Node:
    """`numpy.linalg.matrix_norm`: of the matrices in the last two axes."""
    x = averaging(as_node(x))
    if x.ndim < 2:
        remedy = "Take vector_norm of a vector."
        raise ShapeError(
            "matrix_norm", expected="an operand of at least two axes", got=f"shape {x.shape}", remedy=remedy
        )
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


def _euclidean(x: Node, axes: tuple[int, ...], keepdims: bool) -> Node:
    return np.sqrt(np.sum(np.square(x), axis=axes, keepdims=keepdims))


def _vector_norm(x: Node, order: Any, axes: tuple[int, ...], keepdims: bool) -> Node:
    if order is None or order == 2:
        return _euclidean(x, axes, keepdims)
    if isinstance(order, str):
        remedy = "Give a number, or np.inf."
        raise ArgumentError("norm", expected="an order of vector norms", got=repr(order), remedy=remedy)
    if order == 0:
        return np.sum(x != 0, axis=axes, dtype=x.dtype, keepdims=keepdims)
    size = np.abs(x)
    if order == np.inf:
        return restore(_largest(size, axes), x, axes, keepdims)
    if order == -np.inf:
        return np.min(size, axis=axes, keepdims=keepdims)
    if order == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    return np.sum(size**order, axis=axes, keepdims=keepdims) ** (1 / order)


def _matrix_norm(x: Node, order: Any, axes: tuple[int, int], keepdims: bool) -> Node:
    row, column = axes
    if order is None or order == "fro":
        return _euclidean(x, axes, keepdims)
    if order in (1, -1, np.inf, -np.inf):
        along, across = (row, column) if abs(order) == 1 else (column, row)
        sums = np.sum(np.abs(x), axis=along, keepdims=True)
        extreme = _largest(sums, (across,)) if order > 0 else np.min(sums, axis=across)
    elif order in (2, -2, "nuc"):
        values = np.linalg.svd(np.moveaxis(x, axes, (-2, -1)), compute_uv=False)
        reduce = {2: np.max, -2: np.min, "nuc": np.sum}[order]
        extreme = reduce(values, axis=-1)
    else:
        remedy = f"Choose one of {_MATRIX_ORDERS}."
        raise ArgumentError("norm", expected="an order of matrix norms", got=repr(order), remedy=remedy)
    return np.reshape(extreme, keep(x.shape, axes) if keepdims else drop(x.shape, axes))


def _largest(size: Node, axes: tuple[int, ...]) -> Node:
    """The largest of some sizes; 0 of none."""
    return np.max(size, axis=axes, initial=None if size.size else 0)
