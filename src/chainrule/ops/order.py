"""Order: sorting, and the quantiles that follow from it."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.evaluate import to_fractions
from chainrule.graph import Evaluated, Flat, Node, Operation, Routine, Sample, as_node, reaches
from chainrule.ops.places import last_rows
from chainrule.ops.reduce import Axis, keep, merged, reduced, restore
from chainrule.ops.samples import F
from chainrule.types import ArrayType, normalize_axis


def _infer_order(kind: ArrayType, *, axis: int) -> ArrayType:
    normalize_axis("argsort", axis, kind.ndim)
    return ArrayType(kind.shape, np.dtype(np.int64))


order_of = Operation(
    name="argsort",
    infer=_infer_order,
    reference=lambda x, *, axis: np.argsort(x, axis, kind="stable"),
    exact=lambda x, *, axis: to_fractions(np.argsort(x, axis, kind="stable")),
    derivative=Flat(),
    batch=lambda operands, batched, size, *, axis: order_of(operands[0], axis=axis + 1),
    lowering=Routine("argsort", last_rows, Evaluated()),
    latex=r"\operatorname{{argsort}} {0}",
    samples=lambda: [Sample(F([1, 7, -3], [4, "1/5", 6]), axis=axis) for axis in (0, 1)],
    rejects=lambda: [Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1")],
)


def _check_kind(name: str, kind: Any, stable: Any) -> None:
    if kind not in (None, "quicksort", "heapsort", "mergesort", "stable") or (kind is not None and stable is not None):
        remedy = "Leave it out: every sort here is stable."
        got = f"kind={kind!r} and stable={stable!r}"
        raise ArgumentError(name, expected="a kind of sort that NumPy knows, or stable", got=got, remedy=remedy)


@reaches(np.argsort, method="argsort")
def argsort(x: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Node:
    """`numpy.argsort`, stable whatever the kind; NaN comes last."""
    _check_kind("argsort", kind, stable)
    x = as_node(x)
    if axis is None or x.ndim == 0:
        x, axis = np.reshape(x, (x.size,)), 0 if axis is None else axis
    return order_of(x, axis=normalize_axis("argsort", axis, x.ndim))


@reaches(np.sort)
def sort(x: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Node:
    """`numpy.sort`: the elements in ascending order, NaN last."""
    _check_kind("sort", kind, stable)
    x = as_node(x)
    if axis is None:
        x, axis = np.reshape(x, (x.size,)), 0
    axis = normalize_axis("sort", axis, x.ndim)
    return np.take_along_axis(x, order_of(x, axis=axis), axis)


@reaches(np.partition)
def partition(x: Any, kth: Any, axis: int | None = -1) -> Node:
    """`numpy.partition`: a sort puts every element in its place, those that `kth` names among them."""
    result = np.sort(as_node(x), axis)
    _check_kth("partition", kth, result.shape[-1 if axis is None else axis])
    return result


@reaches(np.argpartition, method="argpartition")
def argpartition(x: Any, kth: Any, axis: int | None = -1) -> Node:
    """`numpy.argpartition`: where the elements of `partition` stand."""
    result = np.argsort(as_node(x), axis)
    _check_kth("argpartition", kth, result.shape[-1 if axis is None else axis])
    return result


def _check_kth(name: str, kth: Any, length: int) -> None:
    for one in np.atleast_1d(kth):
        if not -length <= one < length:
            remedy = "Count the elements along the axis from 0."
            raise AxisError(name, expected=f"kth from {-length} to {length - 1}", got=f"{one}", remedy=remedy)


# -------------------------------------------------------------------------------------------------------- quantiles


def _ascending(name: str, x: Any, axis: Axis) -> tuple[Node, Node, tuple[int, ...]]:
    """The operand; its elements along the reduced axes sorted, as one axis in front; and those axes."""
    x, axes = reduced(name, x, axis)
    rows, place = merged(x, axes)
    return x, np.moveaxis(np.sort(rows, place), place, 0), axes


def _or_nan(result: Node, ascending: Node) -> Node:
    """The result, or NaN where there is one: it would have been sorted to the end."""
    if ascending.dtype.kind != "f" or ascending.shape[0] == 0:
        return result
    last = ascending[-1]
    return np.where(np.isnan(last), last, result)


@reaches(np.median)
def median(x: Any, axis: Axis = None, *, overwrite_input: bool = False, keepdims: bool = False) -> Node:
    """`numpy.median`: the mean of the middle element, or of the two middle ones; NaN where there is none."""
    x, ascending, axes = _ascending("median", x, axis)
    n = ascending.shape[0]
    result = _or_nan(np.mean(ascending[max(n - 1, 0) // 2 : n // 2 + 1], axis=0), ascending)
    return restore(result, x, axes, keepdims)


@reaches(np.quantile)
def quantile(
    x: Any, q: Any, axis: Axis = None, *, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False
) -> Node:  # fmt: skip
    """`numpy.quantile` by the linear method; the axes of q come first. A traced q is held between 0 and 1.

    Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), definition 7.
    """
    return _quantile("quantile", x, q, 1, axis, method, keepdims)


@reaches(np.percentile)
def percentile(
    x: Any, q: Any, axis: Axis = None, *, overwrite_input: bool = False, method: str = "linear", keepdims: bool = False
) -> Node:  # fmt: skip
    """`numpy.percentile`: the quantile, with q in percent."""
    return _quantile("percentile", x, q, 100, axis, method, keepdims)


def _quantile(name: str, x: Any, q: Any, whole: int, axis: Axis, method: str, keepdims: bool) -> Node:
    if method != "linear":
        raise ArgumentError(name, expected="method 'linear'", got=repr(method), remedy="Leave the method out.")
    x, ascending, axes = _ascending(name, x, axis)
    top = ascending.shape[0] - 1
    if top < 0:
        remedy = "Leave out what is empty."
        raise ShapeError(name, expected=f"elements along the axes {axes}", got=f"shape {x.shape}", remedy=remedy)
    weak = type(q) in (int, float)
    q = q if isinstance(q, Node) else np.asarray(q)
    if not isinstance(q, Node) and not np.all((q >= 0) & (q <= whole)):
        remedy = "Give the part of the elements that lie below."
        raise ArgumentError(name, expected=f"q from 0 to {whole}", got=f"{q}", remedy=remedy)
    q = q / whole if whole != 1 else q
    if q.dtype.kind != "f":  # 0 and 1: no interpolation, and the dtype of the elements
        result = _or_nan(np.take(ascending, q * top, axis=0), ascending)
    else:
        place = np.where(q < 0, 0, q) * top
        below = np.minimum(np.floor(place), top)
        above = np.minimum(below + 1, top)
        low, high = (np.take(ascending, index.astype(np.int64), axis=0) for index in (below, above))
        part = float(place - below) if weak else np.reshape(place - below, q.shape + (1,) * (ascending.ndim - 1))
        step = high - low
        result = _or_nan(np.where(part >= 0.5, high - step * (1 - part), low + step * part), ascending)
    return np.reshape(result, (*q.shape, *keep(x.shape, axes))) if keepdims else result
