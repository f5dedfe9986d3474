"""Means and variances, and the reductions that pass over NaN: NumPy's own definitions, from sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.declare import cast
from chainrule.ops.reduce import Axis, mask_of, maximum_of, minimum_of, product_of, reduced, total
from chainrule.types import normalize_axis


def averaging(x: Node, dtype: Any = None) -> Node:
    """x in the dtype in which NumPy averages: the one asked for, else its own if floating, else float64."""
    if dtype is None and x.dtype.kind != "f":
        dtype = np.float64
    return x if dtype is None else cast(x, dtype)


def count(name: str, x: Node, axes: tuple[int, ...], where: Any, keepdims: bool) -> Any:
    """How many elements are reduced: an integer, or with a mask a node of them."""
    if where is True:
        return math.prod(x.shape[axis] for axis in axes)
    return np.sum(np.broadcast_to(mask_of(name, x, where), x.shape), axis=axes, keepdims=keepdims)


@reaches(np.mean, method="mean")
def mean(x: Any, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """`numpy.mean`; NaN where there is nothing to average."""
    x, axes = reduced("mean", x, axis)
    x = averaging(x, dtype)
    whole = np.sum(x, axis=axes, dtype=dtype, keepdims=keepdims, where=where)
    return cast(whole / count("mean", x, axes, where, keepdims), whole.dtype)


@reaches(np.var, method="var")
def variance(
    x: Any, axis: Axis = None, dtype: Any = None, *, ddof: Any = 0, keepdims: bool = False,
    where: Any = True, mean: Any = None, correction: Any = None,
) -> Node:  # fmt: skip
    """`numpy.var`, in two passes: the mean of the squared deviations from the mean, over n - ddof elements."""
    x, axes = reduced("var", x, axis)
    if correction is not None and ddof != 0:
        got = f"ddof={ddof} and correction={correction}"
        raise ArgumentError(
            "var", expected="ddof or correction", got=got, remedy="Give one of them: they mean the same."
        )
    x = averaging(x, dtype)
    centre = np.mean(x, axis=axes, dtype=dtype, keepdims=True, where=where) if mean is None else mean
    squares = np.sum(np.square(x - centre), axis=axes, keepdims=keepdims, where=where)
    freedom = count("var", x, axes, where, keepdims) - (ddof if correction is None else correction)
    freedom = np.maximum(freedom, 0) if isinstance(freedom, Node) else max(freedom, 0)
    return cast(squares / freedom, squares.dtype if dtype is None else dtype)


@reaches(np.std, method="std")
def deviation(x: Any, axis: Axis = None, dtype: Any = None, **options: Any) -> Node:
    """`numpy.std`: the root of the variance. Its gradient is zero where all elements are equal."""
    return np.sqrt(variance(x, axis, dtype, **options))


@reaches(np.average)
def average(x: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """`numpy.average`: the mean, weighted; with `returned` also the sum of the weights. NaN where that sum is zero."""
    x, axes = reduced("average", x, axis)
    if weights is None:
        result = np.mean(x, axis=axes, keepdims=keepdims)
        scale = cast(count("average", x, axes, True, keepdims), result.dtype)
    else:
        weights = _aligned(as_node(weights), x, axis)
        dtype = np.result_type(x.dtype, weights.dtype, *([] if x.dtype.kind == "f" else [np.float64]))
        scale = np.sum(weights, axis=axes, dtype=dtype, keepdims=keepdims)
        result = np.sum(cast(x, dtype) * cast(weights, dtype), axis=axes, keepdims=keepdims) / scale
    return (result, np.broadcast_to(scale, result.shape)) if returned else result


def _aligned(weights: Node, x: Node, axis: Axis) -> Node:
    """The weights in the shape of x: given so, or for the averaged axes alone in the order of their naming."""
    if weights.shape == x.shape:
        return weights
    named = () if axis is None else tuple(normalize_axis("average", one, x.ndim) for one in np.atleast_1d(axis))
    lengths = tuple(x.shape[one] for one in named)
    if axis is None or weights.shape != lengths:
        expected = f"weights of shape {x.shape}" + ("" if axis is None else f" or {lengths}")
        remedy = "Name the axes that the weights stand for, and give a weight for each element along them."
        raise ShapeError("average", expected=expected, got=f"shape {weights.shape}", remedy=remedy)
    ordered = np.transpose(weights, np.argsort(named))
    full = np.reshape(ordered, tuple(n if one in named else 1 for one, n in enumerate(x.shape)))
    return np.broadcast_to(full, x.shape)


# --------------------------------------------------------------------------------------------------- passing over NaN


def _numbers(x: Node, where: Any) -> Any:
    """The mask of what is not NaN, within another mask."""
    if x.dtype.kind != "f":
        return where
    valid = np.logical_not(np.isnan(x))
    return valid if where is True else valid & where


def _passing_over(function: Callable[..., Node]) -> Callable[..., Node]:
    def reduction(x: Any, *arguments: Any, where: Any = True, **options: Any) -> Node:
        x = as_node(x)
        return function(x, *arguments, where=_numbers(x, where), **options)

    return reduction


reaches(np.nansum)(_passing_over(total))
reaches(np.nanprod)(_passing_over(product_of))
reaches(np.nanmean)(_passing_over(mean))
reaches(np.nanvar)(_passing_over(variance))
reaches(np.nanstd)(_passing_over(deviation))


def _extreme_passing_over(function: Callable[..., Node], worst: float) -> Callable[..., Node]:
    def extreme(x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
        x = as_node(x)
        if x.dtype.kind != "f":
            return function(x, axis, keepdims=keepdims, initial=initial, where=where)
        numbers = np.where(np.isnan(x), worst, x)
        result = function(numbers, axis, keepdims=keepdims, initial=initial, where=where)
        if initial is not None:
            return result
        return np.where(np.all(np.isnan(x), axis=axis, keepdims=keepdims), np.nan, result)

    return extreme


reaches(np.nanmax)(_extreme_passing_over(maximum_of, -np.inf))
reaches(np.nanmin)(_extreme_passing_over(minimum_of, np.inf))
