"""Running along an axis: cumulative sums, products and extremes, recurrences, differences, the trapezoid rule."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError
from chainrule.graph import Linear, Node, Operation, Sample, Statements, Tangents, as_node, constant, reaches
from chainrule.loops import Statement, apply, each, store
from chainrule.loops import cast as to_dtype
from chainrule.ops.declare import cast
from chainrule.ops.samples import F
from chainrule.types import ArrayType, normalize_axis

# --------------------------------------------------------------------------------------------------- along an axis


def along(x: Node, axis: int, part: Any) -> Node:
    """x with one axis indexed."""
    return x[(slice(None),) * axis + (part,)]


def one_of(x: Node, axis: int, value: float) -> Node:
    """A slice of length 1 along an axis, filled with a number."""
    return np.broadcast_to(constant(value, x.dtype), (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


def previous(x: Node, axis: int, *, first: float) -> Node:
    """Each element's predecessor along an axis; of the first, a number."""
    return np.concatenate([one_of(x, axis, first), along(x, axis, slice(0, -1))], axis=axis) if x.shape[axis] else x


def _running(step: Callable[..., Any]) -> Callable[..., Iterator[Statement]]:
    """The first element of the last operand along an axis, and from then on `step(*elements, result before)`."""

    def statements(result: Any, *operands: Any, axis: int) -> Iterator[Statement]:
        shape, axis = result.shape, axis % len(result.shape)
        yield from each(
            (*shape[:axis], min(1, shape[axis]), *shape[axis + 1 :]),
            lambda index: store(result, index, to_dtype(operands[-1][index], result.dtype)),
        )

        def following(index: tuple[Any, ...]) -> Statement:
            place = (*index[:axis], index[axis] + 1, *index[axis + 1 :])
            elements = (to_dtype(operand[place], result.dtype) for operand in operands)
            return store(result, place, step(*elements, result[index]))

        yield from each((*shape[:axis], max(0, shape[axis] - 1), *shape[axis + 1 :]), following, serial=(axis,))

    return statements


def _infer_along(name: str, function: Callable[..., Any] | None = None) -> Callable[..., ArrayType]:
    def infer(kind: ArrayType, *, axis: int) -> ArrayType:
        normalize_axis(name, axis, kind.ndim)
        return kind if function is None else ArrayType(kind.shape, function(np.empty(0, kind.dtype)).dtype)

    return infer


# ---------------------------------------------------------------------------------------------- sums and products

running_sum = Operation(
    name="cumsum",
    infer=_infer_along("cumsum", np.cumsum),
    reference=lambda x, *, axis: np.cumsum(x, axis),
    exact=lambda x, *, axis: np.cumsum(x + Fraction(0), axis),
    derivative=Linear(lambda g, k, x, *, axis: np.flip(np.cumsum(np.flip(g, axis), axis), axis)),
    batch=lambda operands, batched, size, *, axis: running_sum(operands[0], axis=axis + 1),
    lowering=Statements(_running(lambda x, before: before + x)),
    latex=r"\operatorname{{cumsum}} {0}",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), axis=axis) for axis in (0, 1)],
    rejects=lambda: [Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1")],
)

running_product = Operation(
    name="cumprod",
    infer=_infer_along("cumprod", np.cumprod),
    reference=lambda x, *, axis: np.cumprod(x, axis),
    exact=lambda x, *, axis: np.cumprod(x * Fraction(1), axis),
    # out_k = x_k out_(k-1), so that dout_k = x_k dout_(k-1) + out_(k-1) t_k: no division, and zeros do no harm
    derivative=Tangents(lambda t, k, out, x, *, axis: recurrence(x, t * previous(out, axis, first=1), axis=axis)),
    batch=lambda operands, batched, size, *, axis: running_product(operands[0], axis=axis + 1),
    lowering=Statements(_running(lambda x, before: before * x)),
    latex=r"\operatorname{{cumprod}} {0}",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), axis=0), Sample(F([2, 0, 3], [0, 5, 0]), axis=1)],
    rejects=lambda: [Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1")],
)


def _infer_recurrence(a: ArrayType, b: ArrayType, *, axis: int) -> ArrayType:
    normalize_axis("recurrence", axis, a.ndim)
    if a != b or a.dtype.kind != "f":
        remedy = "Broadcast both to one shape and cast them to one floating dtype."
        raise ShapeError("recurrence", expected="two floating operands of one type", got=f"{a} and {b}", remedy=remedy)
    return a


def _recur(a: np.ndarray, b: np.ndarray, axis: int, multiply: Callable[..., Any]) -> np.ndarray:
    out = np.moveaxis(b.copy(), axis, 0)
    for k in range(1, len(out)):
        out[k] += multiply(np.moveaxis(a, axis, 0)[k], out[k - 1])
    return np.moveaxis(out, 0, axis)


def _times(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The product, in which a zero that is carried on stays zero, whatever the factor."""
    return np.where(y == 0, y, x * y)


def _follow_on(a: Any, b: Any, before: Any) -> Any:
    """A step of the recurrence in scalars, with the product of `_times`."""
    return b + apply("select", before == 0, before, a * before)


def _run_back(g: Node, k: int, a: Node, b: Node, *, axis: int) -> Node:
    """The adjoint in b: the recurrence run from the end."""
    factors = previous(np.flip(a, axis), axis, first=0)
    return np.flip(recurrence(factors, np.flip(g, axis), axis=axis), axis)


def _batch_recurrence(operands: Any, batched: Any, size: int, *, axis: int) -> Node:
    a, b = (x if has else np.broadcast_to(x, (size, *x.shape)) for x, has in zip(operands, batched, strict=True))
    return recurrence(a, b, axis=axis + 1)


# y_0 = b_0 and y_k = a_k y_(k-1) + b_k: the derivative of a running product is one of these, and their derivatives are
# more (Blelloch, Prefix Sums and Their Applications, 1990, section 1.4).
recurrence = Operation(
    name="recurrence",
    infer=_infer_recurrence,
    reference=lambda a, b, *, axis: _recur(a, b, axis, _times),
    exact=lambda a, b, *, axis: _recur(a, b, axis, operator.mul),
    derivative=(
        Tangents(
            lambda t, k, y, a, b, *, axis: recurrence(a, t * previous(y, axis, first=0), axis=axis), operands=(0,)
        ),
        Linear(_run_back, operands=(1,)),
    ),
    batch=_batch_recurrence,
    lowering=Statements(_running(_follow_on)),
    latex=r"\operatorname{{recurrence}}({0}, {1})",
    samples=lambda: [Sample(F([1, 2, 3], [4, "1/5", 6]), F([1, -2, 5], ["1/3", 7, 2]), axis=axis) for axis in (0, 1)],
    rejects=lambda: [
        Sample(np.zeros((2, 3)), np.zeros((2, 3)), axis=2, words="an axis from -2 to 1"),
        Sample(np.zeros((2, 3)), np.zeros(3), axis=0, words="two floating operands of one type"),
    ],
)


# ------------------------------------------------------------------------------------------------- running extremes


def _follow(t: Node, k: int, out: Node, x: Node, *, axis: int) -> Node:
    """The tangent of a running extreme is that of the element which set it: of those that tie, the last."""
    places = np.reshape(np.arange(x.shape[axis]), (-1,) + (1,) * (x.ndim - axis - 1))
    setters = np.where((x == out) | (x != x), places, 0)
    return np.take_along_axis(t, running_maximum(setters, axis=axis), axis)


def choosing(beats: Callable[[Any, Any], bool]) -> np.ufunc:
    """A ufunc over objects that keeps the one number that beats the other; one that is undefined beats all."""
    return np.frompyfunc(lambda x, y: x if beats(x, y) or x != x else y, 2, 1)


larger, smaller = choosing(operator.ge), choosing(operator.le)


def _running_extreme(name: str, ufunc: np.ufunc, exactly: np.ufunc) -> Operation:
    operation = Operation(
        name=name,
        infer=_infer_along(name),
        reference=lambda x, *, axis: ufunc.accumulate(x, axis),
        exact=lambda x, *, axis: exactly.accumulate(x, axis),
        derivative=Tangents(_follow),
        batch=lambda operands, batched, size, *, axis: operation(operands[0], axis=axis + 1),
        lowering=Statements(_running(lambda x, before: apply(ufunc.__name__, before, x))),
        latex=rf"\operatorname{{{{{name}}}}} {{0}}",
        samples=lambda: [Sample(F([1, 7, -3], [4, "1/5", 6]), axis=axis) for axis in (0, 1)],
        rejects=lambda: [Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1")],
    )
    return operation


running_maximum = _running_extreme("cummax", np.maximum, larger)
running_minimum = _running_extreme("cummin", np.minimum, smaller)

# ------------------------------------------------------------------------------------------------ NumPy's functions


def _accumulated(operation: Operation, x: Any, axis: int, dtype: Any) -> Node:
    x = as_node(x) if dtype is None else cast(x, dtype)
    result = operation(x, axis=normalize_axis(operation.name, axis, x.ndim))
    return result if dtype is None else cast(result, dtype)


def _flattened(operation: Operation) -> Callable[..., Node]:
    def accumulate(x: Any, axis: int | None = None, dtype: Any = None) -> Node:
        x = as_node(x)
        if axis is None or (x.ndim == 0 and axis in (0, -1)):
            x, axis = np.reshape(x, (x.size,)), 0
        return _accumulated(operation, x, axis, dtype)

    return accumulate


def _ufunc_accumulate(operation: Operation) -> Callable[..., Node]:
    return lambda x, axis=0, dtype=None: _accumulated(operation, x, axis, dtype)


cumsum = reaches(np.cumsum, method="cumsum")(_flattened(running_sum))
cumprod = reaches(np.cumprod, method="cumprod")(_flattened(running_product))
reaches((np.add, "accumulate"))(_ufunc_accumulate(running_sum))
reaches((np.multiply, "accumulate"))(_ufunc_accumulate(running_product))
reaches((np.maximum, "accumulate"))(_ufunc_accumulate(running_maximum))
reaches((np.minimum, "accumulate"))(_ufunc_accumulate(running_minimum))


@reaches(np.nancumsum)
def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Node:
    """`numpy.nancumsum`: NaN counts as 0."""
    return cumsum(np.where(np.isnan(x), 0, x), axis, dtype)


@reaches(np.nancumprod)
def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Node:
    """`numpy.nancumprod`: NaN counts as 1."""
    return cumprod(np.where(np.isnan(x), 1, x), axis, dtype)


def _cumulative(operation: Operation, start: int) -> Callable[..., Node]:
    def cumulative(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Node:
        x = np.atleast_1d(as_node(x))
        if axis is None and x.ndim > 1:
            remedy = "Give axis, or ravel the operand."
            raise ArgumentError(
                operation.name, expected="an axis to run along", got=f"axis=None for {x.type}", remedy=remedy
            )
        axis = normalize_axis(operation.name, 0 if axis is None else axis, x.ndim)
        result = _accumulated(operation, x, axis, dtype)
        return np.concatenate([one_of(result, axis, start), result], axis=axis) if include_initial else result

    return cumulative


reaches(np.cumulative_sum)(_cumulative(running_sum, 0))
reaches(np.cumulative_prod)(_cumulative(running_product, 1))

# ------------------------------------------------------------------------------------- differences and the integral


@reaches(np.diff)
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Node:
    """`numpy.diff`: the n-th difference of neighbours along an axis; of booleans, whether they differ."""
    x = as_node(x)
    if n < 0:
        remedy = "Say how often to take differences."
        raise ArgumentError("diff", expected="n of at least 0", got=f"{n}", remedy=remedy)
    if x.ndim == 0:
        remedy = "Take differences of an array."
        raise AxisError("diff", expected="an operand with an axis", got=f"{x.type}", remedy=remedy)
    if n == 0:
        return x
    axis = normalize_axis("diff", axis, x.ndim)
    ends = [end if end is None else _end(end, x, axis) for end in (prepend, append)]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = np.concatenate(parts, axis=axis) if len(parts) > 1 else x
    for _ in range(n):
        later, earlier = along(x, axis, slice(1, None)), along(x, axis, slice(None, -1))
        x = later != earlier if x.dtype == bool else later - earlier
    return x


def _end(end: Any, x: Node, axis: int) -> Node:
    """What `prepend` or `append` puts beside x: a number is repeated along the other axes."""
    end = as_node(end)
    return end if end.ndim else np.broadcast_to(end, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


@reaches(np.ediff1d)
def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Node:
    """`numpy.ediff1d`: the differences of the raveled operand, between what is to stand at the ends."""
    x = np.ravel(as_node(x))
    parts = [np.ravel(_same_kind(to_begin, x.dtype))] if to_begin is not None else []
    parts.append(along(x, 0, slice(1, None)) - along(x, 0, slice(None, -1)))
    parts += [np.ravel(_same_kind(to_end, x.dtype))] if to_end is not None else []
    return np.concatenate(parts)


def _same_kind(end: Any, dtype: np.dtype) -> Node:
    end = as_node(end)
    if not np.can_cast(end.dtype, dtype, "same_kind"):
        remedy = "Convert the operand with astype first."
        raise DtypeError("ediff1d", expected=f"ends that fit into {dtype}", got=f"{end.dtype}", remedy=remedy)
    return cast(end, dtype)


@reaches(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Node:
    """`numpy.trapezoid`: the integral of y by the trapezoid rule, over the places x or steps of dx."""
    y = as_node(y)
    axis = normalize_axis("trapezoid", axis, y.ndim)
    if x is not None:
        x = as_node(x)
        dx = np.diff(x, axis=-1 if x.ndim == 1 else axis)
        dx = np.reshape(dx, (-1,) + (1,) * (y.ndim - axis - 1)) if x.ndim == 1 else dx
    return np.sum(dx * (along(y, axis, slice(1, None)) + along(y, axis, slice(None, -1))) / 2.0, axis=axis)
