"""Backends with one fault each, of the kinds that compilers have. Every one must be caught."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.evaluate import Program
from chainrule.graph import Graph, Node
from chainrule.ops.control import While
from chainrule.ops.loop import Loop
from tests.fuzz.backends import Alter, Altered, Function, run_scan, run_while
from tests.fuzz.compare import Backend

FAULTS: dict[str, Backend] = {}


def fault(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a faulty meaning, `wrong(node, right, *operands)`, of the operations of these names ("" for all)."""

    def register(wrong: Callable[..., Any]) -> Callable[..., Any]:
        def alter(node: Node, right: Function) -> Function:
            hit = node.operation.name in names or "" in names
            return (lambda *operands: wrong(node, right, *operands)) if hit else right

        FAULTS[wrong.__name__.strip("_")] = altered(alter)
        return wrong

    return register


def altered(alter: Alter) -> Backend:
    """The backend with this alteration."""
    return lambda graph: Altered(graph, alter)


# -------------------------------------------------------------------------------------------------------- elementwise


@fault("subtract", "divide", "less", "arctan2", "copysign")
def _swapped_operands(node: Node, right: Function, x: Any, y: Any) -> Any:
    return right(y, x)


@fault("add", "multiply", "tanh", "exp", "where", "maximum")
def _lost_tail(node: Node, right: Function, *operands: Any) -> Any:
    result = np.array(right(*operands))
    if result.size % 4 and result.size > 4:
        result.reshape(-1)[-1] = 0
    return result


@fault("maximum", "minimum")
def _missing_nan(node: Node, right: Function, x: Any, y: Any) -> Any:
    return (np.fmax if node.operation.name == "maximum" else np.fmin)(x, y)


@fault("max", "min")
def _missing_nan_in_extremes(node: Node, right: Function, x: Any) -> Any:
    clean = np.where(np.isnan(x), -np.inf if node.operation.name == "max" else np.inf, x)
    return right(clean.astype(node.dtype)) if node.dtype.kind == "f" else right(x)


@fault("where")
def _where_as_arithmetic(node: Node, right: Function, c: Any, x: Any, y: Any) -> Any:
    return (c * x + (1 - c) * y).astype(node.dtype) if node.dtype.kind == "f" else right(c, x, y)


@fault("contribute")
def _unguarded_contribution(node: Node, right: Function, g: Any, p: Any) -> Any:
    return np.multiply(g, p)


@fault("negative")
def _lost_sign_of_zero(node: Node, right: Function, x: Any) -> Any:
    return np.subtract(np.zeros((), node.dtype), x)


@fault("multiply", "add", "absolute", "where", "negative")
def _flushed_subnormals(node: Node, right: Function, *operands: Any) -> Any:
    result = np.asarray(right(*operands))
    small = np.abs(result) < np.finfo(node.dtype).tiny if node.dtype.kind == "f" else False
    return np.where(small, np.zeros((), node.dtype), result)


@fault("subtract")
def _fast_math(node: Node, right: Function, x: Any, y: Any) -> Any:
    return np.nan_to_num(right(x, y)) if node.dtype.kind == "f" else right(x, y)


@fault("floor_divide")
def _truncated_division(node: Node, right: Function, x: Any, y: Any) -> Any:
    return np.trunc(np.divide(x, y)).astype(node.dtype)


@fault("remainder")
def _remainder_with_the_sign_of_the_dividend(node: Node, right: Function, x: Any, y: Any) -> Any:
    return np.fmod(x, y)


@fault("less", "greater", "less_equal", "greater_equal", "maximum", "minimum", "max", "min", "argsort", "argmax")
def _unsigned_comparison(node: Node, right: Function, *operands: Any) -> Any:
    if any(np.asarray(x).dtype.kind != "i" for x in operands):
        return right(*operands)
    views = [np.asarray(x).astype(x.dtype.str.replace("i", "u")) for x in operands]
    return np.asarray(right(*views)).astype(node.dtype)


@fault("right_shift")
def _logical_shift(node: Node, right: Function, x: Any, y: Any) -> Any:
    return right(np.abs(x), y)


@fault("add", "multiply", "subtract")
def _saturating_integers(node: Node, right: Function, x: Any, y: Any) -> Any:
    if node.dtype.kind not in "iu" or node.dtype.itemsize > 4:
        return right(x, y)
    bounds = np.iinfo(node.dtype)
    return np.clip(right(np.asarray(x, float), np.asarray(y, float)), bounds.min, bounds.max).astype(node.dtype)


@fault("rint")
def _half_away_from_zero(node: Node, right: Function, x: Any) -> Any:
    return (np.sign(x) * np.floor(np.abs(x) + 0.5)).astype(node.dtype)


@fault("astype")
def _rounding_conversion(node: Node, right: Function, x: Any) -> Any:
    return right(np.rint(x)) if x.dtype.kind == "f" and node.dtype.kind in "iu" else right(x)


@fault("exp", "tanh", "sin", "log", "expit", "erf")
def _coarse_polynomial(node: Node, right: Function, x: Any) -> Any:
    factor = 1 + (1e-5 if node.dtype == np.float32 else 1e-9)
    return np.asarray(right(x) * factor, node.dtype)


@fault("add", "multiply", "sum", "contract", "divide")
def _single_for_double(node: Node, right: Function, *operands: Any) -> Any:
    if node.dtype != np.float64:
        return right(*operands)
    return np.asarray(right(*(np.asarray(x, np.float32) for x in operands)), float)


# ------------------------------------------------------------------------------------------------ shapes and reductions


@fault("transpose")
def _inverse_permutation(node: Node, right: Function, x: Any) -> Any:
    return np.reshape(np.transpose(x, np.argsort(node.parameters["axes"])), node.shape)


@fault("slice")
def _backward_slice_from_its_end(node: Node, right: Function, x: Any) -> Any:
    backward = [axis for axis, (_, _, step) in enumerate(node.parameters["ranges"]) if step < 0]
    return np.flip(right(x), backward) if backward else right(x)


@fault("slice")
def _ignored_step(node: Node, right: Function, x: Any) -> Any:
    places = tuple(np.arange(first, first + length) % max(n, 1)
                   for (first, length, _), n in zip(node.parameters["ranges"], x.shape, strict=True))  # fmt: skip
    return x[np.ix_(*places)] if places else right(x)


@fault("write_slice")
def _write_that_forgets_the_rest(node: Node, right: Function, x: Any, values: Any) -> Any:
    return right(np.zeros_like(x), values)


@fault("broadcast_to")
def _only_the_first_of_a_broadcast(node: Node, right: Function, x: Any) -> Any:
    result = np.array(right(x))
    if result.ndim > np.ndim(x) and len(result) > 1:
        result[1:] = 0
    return result


@fault("concatenate")
def _parts_out_of_order(node: Node, right: Function, *parts: Any) -> Any:
    return right(*reversed(parts))


@fault("sum", "max")
def _wrong_axis(node: Node, right: Function, x: Any) -> Any:
    axes, whole = node.parameters["axes"], node.operation.reference
    return np.resize(whole(x, axes=((axes[0] + 1) % x.ndim,)), node.shape) if len(axes) == 1 < x.ndim else right(x)


@fault("sum")
def _sum_without_its_last_term(node: Node, right: Function, x: Any) -> Any:
    axes = node.parameters["axes"]
    return right(x[tuple(slice(0, -1) if k == axes[-1] else slice(None) for k in range(x.ndim))]) if axes else right(x)


@fault("cumsum")
def _sum_of_those_before(node: Node, right: Function, x: Any) -> Any:
    return right(x) - x


@fault("argmax", "argmin")
def _last_of_a_tie(node: Node, right: Function, x: Any) -> Any:
    axis = node.parameters["axis"]
    return x.shape[axis] - 1 - right(np.flip(x, axis))


@fault("argsort")
def _unstable_order(node: Node, right: Function, x: Any) -> Any:
    axis = node.parameters["axis"]
    return x.shape[axis] - 1 - right(np.flip(x, axis))


@fault("contract")
def _transposed_operand(node: Node, right: Function, x: Any, y: Any) -> Any:
    square = np.ndim(y) == 2 and y.shape[0] == y.shape[1]
    return right(x, y.T if square else y)


@fault("convolution")
def _flipped_kernel(node: Node, right: Function, x: Any, w: Any) -> Any:
    return right(x, w[..., ::-1])


@fault("windows")
def _windows_one_apart(node: Node, right: Function, x: Any) -> Any:
    rank = len(node.parameters["window"])
    result = node.operation.reference(x, window=node.parameters["window"], stride=(1,) * rank)
    lead = x.ndim - rank
    return result[(slice(None),) * lead + tuple(slice(0, n) for n in node.shape[lead : lead + rank])]


# ------------------------------------------------------------------------------------------------------ rows and loops


@fault("gather")
def _off_by_one(node: Node, right: Function, x: Any, index: Any) -> Any:
    return right(x, np.minimum(index + 1, len(x) - 1))


@fault("scatter_add")
def _last_write_wins(node: Node, right: Function, index: Any, rows: Any) -> Any:
    result = np.zeros(node.shape, node.dtype)
    result[index] = rows
    return result


@fault("scan")
def _ignored_direction(node: Node, right: Function, *operands: Any) -> Any:
    loop = Loop(**{**node.parameters, "reverse": False})
    return run_scan(Altered(Graph([], []), lambda node, function: function), loop, operands)


@fault("scan")
def _carries_saved_late(node: Node, right: Function, *operands: Any) -> Any:
    return run_scan(
        Altered(Graph([], []), lambda node, function: function), Loop(**node.parameters), operands, late=True
    )


@fault("cond")
def _branches_swapped(node: Node, right: Function, predicate: Any, *operands: Any) -> Any:
    return right(not predicate, *operands)


@fault("while_loop")
def _a_step_too_few(node: Node, right: Function, *operands: Any) -> Any:
    here, done = Altered(Graph([], []), lambda node, function: function), 0
    while True:
        shorter = run_while(here, While(**{**node.parameters, "steps": done}), operands)
        longer = run_while(here, While(**{**node.parameters, "steps": done + 1}), operands)
        if shorter[0] == longer[0] or done + 1 == node.parameters["steps"]:  # the first carry counts
            return run_while(here, While(**{**node.parameters, "steps": max(done - 1, 0)}), operands)
        done += 1


@fault("while_loop")
def _ignored_bound(node: Node, right: Function, *operands: Any) -> Any:
    loop = While(**{**node.parameters, "steps": 50})
    return run_while(Altered(Graph([], []), lambda node, function: function), loop, operands)


# ------------------------------------------------------------------------------------------------------------- memory


class _Faulty:
    """A backend with a fault in how it keeps its memory: `after(values, outputs)` does the harm."""

    def __init__(self, graph: Graph, after: Callable[[Sequence[Any], list[Any], list[Any]], list[Any]]) -> None:
        self.program, self.after, self.kept = Program(graph), after, []

    def run(self, values: Sequence[Any]) -> list[Any]:
        self.kept.append([np.array(one) for one in self.program.run(values)])
        return self.after(values, self.kept[-1], self.kept)


def _memory(name: str, after: Callable[[Sequence[Any], list[Any], list[Any]], list[Any]]) -> None:
    FAULTS[name] = lambda graph: _Faulty(graph, after)


def _reuse(values: Sequence[Any], outputs: list[Any], kept: list[list[Any]]) -> list[Any]:
    for held, new in zip(kept[0], outputs, strict=True):
        held[...] = new
    return kept[0]


def _accumulate(values: Sequence[Any], outputs: list[Any], kept: list[list[Any]]) -> list[Any]:
    return outputs if len(kept) == 1 else [old + new for old, new in zip(kept[-2], outputs, strict=True)]


def _spoil(values: Sequence[Any], outputs: list[Any], kept: list[list[Any]]) -> list[Any]:
    for value in values:
        if value.size and value.flags.writeable:
            value.reshape(-1)[:1] = 1
            value[...] = 1
    return outputs


_memory("outputs_in_one_buffer", _reuse)
_memory("accumulators_not_cleared", _accumulate)
_memory("outputs_swapped", lambda values, outputs, kept: outputs[::-1])
_memory("outputs_of_another_shape", lambda values, outputs, kept: [np.atleast_1d(one) for one in outputs])
_memory("outputs_of_another_dtype", lambda values, outputs, kept: [one.astype(float) for one in outputs])


class _Strideless:
    """Reads every input as if it lay in C order."""

    def __init__(self, graph: Graph) -> None:
        self.program = Program(graph)

    def run(self, values: Sequence[Any]) -> list[Any]:
        return self.program.run([_as_it_lies(value) for value in values])


def _as_it_lies(value: Any) -> Any:
    return value if value.flags.c_contiguous or 0 in value.strides else np.ravel(value, "K").reshape(value.shape)


class _InPlace:
    """Writes sums and products over their first operand, though that may be needed again."""

    def __init__(self, graph: Graph) -> None:
        self.inner = Altered(graph, self.alter)

    def alter(self, node: Node, right: Function) -> Function:
        if node.operation.name not in ("add", "multiply", "subtract", "tanh", "exp", "negative", "maximum"):
            return right
        return lambda x, *others: self.over(node, right(x, *others), x)

    def over(self, node: Node, result: Any, x: Any) -> Any:
        inner = node.operands[0].operation is not None and isinstance(x, np.ndarray) and x.flags.writeable
        if inner and x.shape == node.shape and x.dtype == node.dtype:
            x[...] = result
            return x
        return result

    def run(self, values: Sequence[Any]) -> list[Any]:
        return self.inner.run(values)


FAULTS["ignored_strides"], FAULTS["stale_buffer"] = _Strideless, _InPlace
