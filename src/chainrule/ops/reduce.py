"""Reductions: sums, products, extremes, and the truth of any or all.

A primitive reduces the axes that it is told; NumPy's conventions around it (`axis=None`, `keepdims`, `where`,
`initial`, `dtype`) are put together here from other operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.evaluate import to_fractions
from chainrule.graph import (
    Flat,
    Fold,
    Linear,
    Node,
    Operation,
    Sample,
    Tangents,
    as_node,
    constant,
    reaches,
)
from chainrule.ops.cumulative import larger, previous, smaller
from chainrule.ops.declare import cast
from chainrule.ops.samples import F
from chainrule.types import ArrayType, broadcast_shapes, normalize_axes, normalize_axis

Axis = None | int | Sequence[int]

# ------------------------------------------------------------------------------------------------------------- axes


def keep(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with 1 for each reduced axis."""
    return tuple(1 if axis in axes else n for axis, n in enumerate(shape))


def drop(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape without the reduced axes."""
    return tuple(n for axis, n in enumerate(shape) if axis not in axes)


def reduced(name: str, x: Any, axis: Axis) -> tuple[Node, tuple[int, ...]]:
    """The operand as a node, and the axes to reduce. As in NumPy, axis 0 of a number is no axis at all."""
    x = as_node(x)
    return x, () if x.ndim == 0 and axis in (0, -1) else normalize_axes(name, axis, x.ndim)


def restore(result: Node, x: Node, axes: tuple[int, ...], keepdims: bool = True) -> Node:
    """A reduction of x with its reduced axes of length 1 again, if `keepdims`."""
    return np.reshape(result, keep(x.shape, axes)) if keepdims else result


def merged(x: Node, axes: tuple[int, ...]) -> tuple[Node, int]:
    """x with the axes to reduce made one, and the number of that one."""
    if len(axes) == 1:
        return x, axes[0]
    kept = drop(x.shape, axes)
    length = math.prod(x.shape[axis] for axis in axes)
    return np.reshape(np.moveaxis(x, axes, tuple(range(-len(axes), 0))), (*kept, length)), len(kept)


def masked(name: str, x: Node, where: Any, other: Any) -> Node:
    """x with `other` where the mask of a reduction is false."""
    return x if where is True else np.where(mask_of(name, x, where), x, constant(other, x.dtype))


def mask_of(name: str, x: Node, where: Any) -> Node:
    """The mask of a reduction of x: of booleans, in a shape that broadcasts to that of x."""
    mask = as_node(where)
    if mask.dtype != bool:
        remedy = "Write the condition out: where=mask != 0."
        raise DtypeError(name, expected="a mask of booleans", got=f"where of dtype {mask.dtype}", remedy=remedy)
    if broadcast_shapes(name, x.shape, mask.shape) != x.shape:
        remedy = "Broadcast the operand to the shape of the mask first."
        expected = f"a mask that broadcasts to {x.shape}"
        raise ShapeError(name, expected=expected, got=f"where of shape {mask.shape}", remedy=remedy)
    return mask


def number(name: str, initial: Any, dtype: np.dtype) -> Node:
    """The `initial` value of a reduction, as NumPy takes it: one number, in the dtype of the result."""
    start = as_node(initial)
    if start.ndim:
        remedy = "Give one number, and combine an array with the result."
        raise ShapeError(name, expected="one number as initial", got=f"shape {start.shape}", remedy=remedy)
    return cast(start, dtype)


def _folded(combine: str) -> Fold:
    """The lowering of a reduction over `axes`, or one `axis`."""

    def axes_of(x: Any, axes: Sequence[int] | None = None, axis: int | None = None) -> tuple[int, ...]:
        return tuple(one % max(1, len(x.shape)) for one in (axes if axis is None else (axis,)) or ())

    def extents(x: Any, **axes: Any) -> tuple[int, ...]:
        return tuple(x.shape[axis] for axis in sorted(axes_of(x, **axes)))

    def element(index: Any, inner: Any, x: Any, **axes: Any) -> Any:
        kept, folded = iter(index), iter(inner)
        chosen = axes_of(x, **axes)
        value = x[tuple(next(folded if axis in chosen else kept) for axis in range(len(x.shape)))]
        return value != 0 if combine == "any" else value

    return Fold(combine, extents, element)


# -------------------------------------------------------------------------------------------------- sum and product


def _infer_sum(kind: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
    return ArrayType(drop(kind.shape, normalize_axes("sum", axes, kind.ndim)), np.sum(np.empty(0, kind.dtype)).dtype)


sum_ = Operation(
    name="sum",
    infer=_infer_sum,
    reference=lambda x, *, axes: np.sum(x, axis=axes),
    exact=lambda x, *, axes: np.sum(x, axis=axes, initial=Fraction(0)),
    derivative=Linear(lambda g, k, x, *, axes: np.broadcast_to(restore(g, x, axes), x.shape)),
    batch=lambda operands, batched, size, *, axes: sum_(operands[0], axes=tuple(axis + 1 for axis in axes)),
    lowering=_folded("sum"),
    latex=r"\sum {0}",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), axes=axes) for axes in [(0,), (1,), (0, 1), ()]],
    rejects=lambda: [Sample(np.zeros((2, 3)), axes=(2,), words="an axis from -2 to 1")],
)


def _others(x: Node, axis: int) -> Node:
    """The product of all other elements along an axis: of those before times those after, so that zeros do no harm."""
    before = previous(np.cumprod(x, axis), axis, first=1)
    after = np.flip(previous(np.cumprod(np.flip(x, axis), axis), axis, first=1), axis)
    return before * after


def _infer_product(kind: ArrayType, *, axis: int) -> ArrayType:
    axis = normalize_axis("prod", axis, kind.ndim)
    return ArrayType(drop(kind.shape, (axis,)), np.prod(np.empty(0, kind.dtype)).dtype)


product = Operation(
    name="prod",
    infer=_infer_product,
    reference=lambda x, *, axis: np.prod(x, axis=axis),
    exact=lambda x, *, axis: np.prod(x, axis=axis, initial=Fraction(1)),
    derivative=Tangents(lambda t, k, out, x, *, axis: np.sum(t * _others(x, axis), axis)),
    batch=lambda operands, batched, size, *, axis: product(operands[0], axis=axis + 1),
    lowering=_folded("product"),
    latex=r"\prod {0}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", -6]), axis=0),
        Sample(F([0, 2, 3], [0, 5, 0], [1, 2, 4]), axis=1),  # one zero, two zeros, none
    ],
    rejects=lambda: [Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1")],
)


@reaches(np.sum, method="sum")
def total(
    x: Any, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Node:
    """`numpy.sum`."""
    x, axes = reduced("sum", x, axis)
    x = masked("sum", x, where, 0)
    result = sum_(x, axes=axes) if dtype is None else cast(sum_(cast(x, dtype), axes=axes), dtype)
    result = result if initial is None else result + number("sum", initial, result.dtype)
    return restore(result, x, axes, keepdims)


@reaches(np.prod, method="prod")
def product_of(
    x: Any, axis: Axis = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
) -> Node:
    """`numpy.prod`."""
    x, axes = reduced("prod", x, axis)
    factors, axis = merged(masked("prod", x, where, 1), axes)
    result = product(factors, axis=axis) if dtype is None else cast(product(cast(factors, dtype), axis=axis), dtype)
    result = result if initial is None else result * number("prod", initial, result.dtype)
    return restore(result, x, axes, keepdims)


# --------------------------------------------------------------------------------------------------------- extremes


def check_not_empty(name: str, kind: ArrayType, axes: tuple[int, ...]) -> None:
    """Refuse to choose among no elements."""
    for axis in axes:
        if kind.shape[axis] == 0:
            remedy = "Leave out what is empty" + (", or give `initial`." if name in ("max", "min") else ".")
            raise ShapeError(name, expected=f"an element along axis {axis}", got=f"shape {kind.shape}", remedy=remedy)


def attained(x: Node, out: Node, axes: tuple[int, ...]) -> Node:
    """Where x has the extreme value `out`: every element that ties; where the result is NaN, the NaNs."""
    return (x == restore(out, x, axes)) | (x != x)


def _share(t: Node, k: int, out: Node, x: Node, *, axes: tuple[int, ...]) -> Node:
    """The mean of the tangents of the elements that attain the extreme: ties share."""
    ties = attained(x, out, axes)
    return np.sum(np.where(ties, t, 0), axis=axes) / np.sum(ties, axis=axes, dtype=x.dtype)


def _extreme(name: str, function: Callable[..., Any], exactly: np.ufunc) -> Operation:
    def infer(kind: ArrayType, *, axes: tuple[int, ...]) -> ArrayType:
        check_not_empty(name, kind, normalize_axes(name, axes, kind.ndim))
        return ArrayType(drop(kind.shape, axes), kind.dtype)

    operation = Operation(
        name=name,
        infer=infer,
        reference=lambda x, *, axes: function(x, axis=axes),
        exact=lambda x, *, axes: reduce(exactly.reduce, reversed(axes), x),  # one axis after the other, the last first
        derivative=Tangents(_share),
        batch=lambda operands, batched, size, *, axes: operation(operands[0], axes=tuple(axis + 1 for axis in axes)),
        lowering=_folded({"max": "maximum", "min": "minimum"}[name]),
        latex=rf"\{name} {{0}}",
        samples=lambda: [Sample(F([1, 7, -3], [4, "1/5", 6]), axes=axes) for axes in [(0,), (1,), (0, 1)]],
        rejects=lambda: [
            Sample(np.zeros((2, 3)), axes=(2,), words="an axis from -2 to 1"),
            Sample(np.zeros((2, 0)), axes=(1,), words="an element along axis 1"),
        ],
    )
    return operation


max_, min_ = _extreme("max", np.max, larger), _extreme("min", np.min, smaller)


def lowest(dtype: np.dtype) -> Any:
    """The value of a dtype that no other is below: where it stands, a maximum does not look."""
    if dtype.kind == "f":
        return -np.inf
    return False if dtype.kind == "b" else np.iinfo(dtype).min


def highest(dtype: np.dtype) -> Any:
    """The value of a dtype that no other is above."""
    if dtype.kind == "f":
        return np.inf
    return True if dtype.kind == "b" else np.iinfo(dtype).max


def _extreme_of(operation: Operation, pair: Any, neutral: Callable[[np.dtype], Any]) -> Callable[..., Node]:
    name = operation.name

    def extreme(x: Any, axis: Axis = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
        x, axes = reduced(name, x, axis)
        if initial is None and where is not True:
            remedy = f"Add initial={neutral(np.dtype(float))}, or the bound that the values have."
            expected = "`initial` beside `where`, since the mask may select nothing"
            raise ArgumentError(name, expected=expected, got="initial=None", remedy=remedy)
        x = masked(name, x, where, neutral(x.dtype))
        if initial is None:
            result = operation(x, axes=axes)
        else:
            start = number(name, initial, x.dtype)
            shape = drop(x.shape, axes)
            result = np.broadcast_to(start, shape) if 0 in x.shape else pair(operation(x, axes=axes), start)
        return restore(result, x, axes, keepdims)

    return extreme


maximum_of = reaches(np.max, np.amax, method="max")(_extreme_of(max_, np.maximum, lowest))
minimum_of = reaches(np.min, np.amin, method="min")(_extreme_of(min_, np.minimum, highest))


@reaches(np.ptp)
def peak_to_peak(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Node:
    """`numpy.ptp`: the maximum less the minimum."""
    return np.max(x, axis, keepdims=keepdims) - np.min(x, axis, keepdims=keepdims)


# ----------------------------------------------------------------------------------------------- any, all, how many

any_ = Operation(
    name="any",
    infer=lambda kind, *, axes: ArrayType(drop(kind.shape, normalize_axes("any", axes, kind.ndim)), np.dtype(bool)),
    reference=lambda x, *, axes: np.any(x, axis=axes),
    exact=lambda x, *, axes: to_fractions(np.any(x.astype(bool), axis=axes)),
    derivative=Flat(),
    batch=lambda operands, batched, size, *, axes: any_(operands[0], axes=tuple(axis + 1 for axis in axes)),
    lowering=_folded("any"),
    latex=r"\bigvee {0}",
    samples=lambda: [Sample(np.array([[True, False], [False, False]]), axes=axes) for axes in [(0,), (1,), (0, 1)]],
    rejects=lambda: [Sample(np.zeros((2, 3), bool), axes=(2,), words="an axis from -2 to 1")],
)


@reaches(np.any, method="any")
def any_of(x: Any, axis: Axis = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """`numpy.any`: whether an element is not zero."""
    x, axes = reduced("any", x, axis)
    return restore(any_(masked("any", x, where, 0) != 0, axes=axes), x, axes, keepdims)


@reaches(np.all, method="all")
def all_of(x: Any, axis: Axis = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """`numpy.all`: whether no element is zero."""
    x, axes = reduced("all", x, axis)
    return restore(np.logical_not(any_(masked("all", x, where, 1) == 0, axes=axes)), x, axes, keepdims)


@reaches(np.count_nonzero)
def count_nonzero(x: Any, axis: Axis = None, *, keepdims: bool = False) -> Node:
    """`numpy.count_nonzero`: how many elements are not zero."""
    return np.sum(as_node(x) != 0, axis=axis, keepdims=keepdims)


# -------------------------------------------------------------------------------------------------- ufunc.reduce


def _reduce(ufunc: np.ufunc, function: Callable[..., Node]) -> None:
    """Let `ufunc.reduce` reach a reduction. Its axis is the first unless told, not all of them."""

    def reduction(
        x: Any, axis: Axis = 0, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True
    ) -> Node:
        x = as_node(x) if dtype is None else cast(x, dtype)
        result = function(x, axis, keepdims=keepdims, initial=initial, where=where)
        return result if dtype is None else cast(result, dtype)

    reaches((ufunc, "reduce"))(reduction)


_reduce(np.add, total)
_reduce(np.multiply, product_of)
_reduce(np.maximum, maximum_of)
_reduce(np.minimum, minimum_of)


@reaches((np.logical_or, "reduce"))
def _any_reduce(x: Any, axis: Axis = 0, *, keepdims: bool = False, where: Any = True) -> Node:
    return any_of(x, axis, keepdims=keepdims, where=where)


@reaches((np.logical_and, "reduce"))
def _all_reduce(x: Any, axis: Axis = 0, *, keepdims: bool = False, where: Any = True) -> Node:
    return all_of(x, axis, keepdims=keepdims, where=where)
