"""The reference evaluation of a graph with an error bound for every element: one rule for each operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.graph import Constant, Graph, Node
from chainrule.ops.control import While
from chainrule.ops.declare import Elementwise
from chainrule.ops.loop import Loop
from tests.fuzz import rules_elementwise, rules_order, rules_sums
from tests.fuzz.bounded import SAFETY, Bounded, bounded, eps, exactly, tiny, unknown

Result = Bounded | tuple[Bounded, ...]
RULES: dict[str, Callable[..., Result]] = {}
MOVES = frozenset("reshape transpose broadcast_to slice write_slice concatenate windows".split())


def rule(*names: str) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Register how errors pass through these operations: `rule(node, *operands)`."""

    def register(function: Callable[..., Result]) -> Callable[..., Result]:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def analyse(graph: Graph, inputs: Sequence[Bounded], known: dict[Node, Result] | None = None) -> list[Bounded]:
    """The outputs as NumPy gives them, with their errors; `known` collects them of every node."""
    made: dict[Node, Any] = {} if known is None else known
    made.update(zip(graph.inputs, inputs, strict=True))
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node not in made:
                made[node] = result_of(node, [made[operand] for operand in node.operands])
    return [made[node] for node in graph.outputs]


def result_of(node: Node, operands: Sequence[Any]) -> Any:
    """What a node is, from what its operands are."""
    if isinstance(node, Constant):
        return exactly(node.value)
    name = node.operation.name
    if name in RULES:
        return RULES[name](node, *operands)
    if name in MOVES:
        return bounded(call(node)(*(one.value for one in operands)), call(node)(*(one.error for one in operands)))
    if isinstance(node.operation, Elementwise):
        return rules_elementwise.elementwise(name, call(node), operands)
    return _by_trial(node, *operands)


def call(node: Node) -> Callable[..., Any]:
    """The reference of a node as a function of arrays alone."""
    return lambda *arrays, **changed: node.operation.reference(*arrays, **{**node.parameters, **changed})


# ----------------------------------------------------------------------------------------------- movement and places


@rule("project")
def _project(node: Node, results: tuple[Bounded, ...]) -> Bounded:
    return results[node.parameters["index"]]


@rule("astype")
def _astype(node: Node, one: Bounded) -> Bounded:
    return rules_elementwise.cast(one, node.parameters["dtype"])


@rule("gather")
def _gather(node: Node, x: Bounded, index: Bounded) -> Bounded:
    if not index.exact:
        return unknown(call(node)(x.value, index.value))
    return bounded(call(node)(x.value, index.value), call(node)(x.error, index.value))


@rule("philox", "check_index", "nonzero", "last_writer")
def _certain(node: Node, *operands: Bounded) -> Bounded:
    result = call(node)(*(one.value for one in operands))
    return exactly(result) if all(one.exact for one in operands) else unknown(result)


# ------------------------------------------------------------------------------------------------ sums and products


@rule("sum", "cumsum", "contract", "convolution", "overlap_add")
def _sums(node: Node, *operands: Bounded) -> Bounded:
    return rules_sums.sums(call(node), operands, terms_of(node))


@rule("scatter_add")
def _scatter(node: Node, index: Bounded, rows: Bounded) -> Bounded:
    if not index.exact:
        return unknown(call(node)(index.value, rows.value))
    return rules_sums.sums(lambda x: call(node)(index.value, x), [rows], max(1, index.value.size))


def terms_of(node: Node) -> int:
    """How many terms at most one element of a sum has."""
    sizes = [math.prod(operand.shape) for operand in node.operands]
    result = max(1, math.prod(node.shape))
    match node.operation.name:
        case "sum":
            return sizes[0] // result
        case "cumsum":
            return node.shape[node.parameters["axis"]]
        case "contract":
            of_x = node.parameters["indices"].partition(",")[0]
            summed = set(of_x) - set(node.parameters["indices"].partition("->")[2])
            lengths = zip(of_x, node.operands[0].shape, strict=True)
            return math.prod(length for label, length in lengths if label in summed)
        case "convolution":
            return math.prod(node.operands[1].shape[2:])
        case _:
            return math.prod(node.operands[0].shape[-len(node.parameters["lengths"]) :])


@rule("prod", "cumprod")
def _products(node: Node, one: Bounded) -> Bounded:
    return rules_sums.products(call(node), one, one.value.shape[node.parameters["axis"]])


@rule("recurrence")
def _recurrence(node: Node, a: Bounded, b: Bounded) -> Bounded:
    return rules_sums.recurrence(node.operation.reference, a, b, node.parameters["axis"])


# ------------------------------------------------------------------------------------------------------------- order


@rule("max", "min")
def _extreme(node: Node, one: Bounded) -> Bounded:
    return rules_order.extreme(call(node), lambda x: np.max(x, axis=node.parameters["axes"]), one)


@rule("cummax", "cummin")
def _running(node: Node, one: Bounded) -> Bounded:
    axis = node.parameters["axis"]
    return rules_order.extreme(call(node), lambda x: np.maximum.accumulate(x, axis=axis), one)


@rule("argmax", "argmin")
def _place(node: Node, one: Bounded) -> Bounded:
    return rules_order.place(call(node), one, node.parameters["axis"], node.operation.name == "argmin")


@rule("argsort")
def _order(node: Node, one: Bounded) -> Bounded:
    return rules_order.order(call(node), one, node.parameters["axis"])


@rule("searchsorted")
def _search(node: Node, table: Bounded, values: Bounded) -> Bounded:
    found = rules_order.search(call(node), table, values)
    return Bounded(np.asarray(call(node)(table.value, values.value)), found.error)


@rule("any")
def _any(node: Node, one: Bounded) -> Bounded:
    return rules_order.any_(call(node), one)


# ---------------------------------------------------------------------------------------------------- linear algebra


def _by_trial(node: Node, *operands: Bounded) -> Result:
    """A function of whole matrices: how far it strays when all elements are moved at random, as its own rounding and
    the errors of its operands might (backward stability; Higham, section 1.5). One bound for a whole matrix."""
    values = [one.value for one in operands]
    results = _several(call(node)(*values))
    if any(np.isinf(one.error).any() for one in operands) or not all(np.isfinite(value).all() for value in values):
        opened = tuple(unknown(result) for result in results)
        return opened if isinstance(node.type, tuple) else opened[0]
    worst = [np.zeros(result.shape) for result in results]
    random = np.random.default_rng(0)
    for _ in range(6):
        trial = [_shaken(one, random) for one in operands]
        try:
            there = _several(call(node)(*trial))
        except np.linalg.LinAlgError:
            worst = [np.full(result.shape, np.inf) for result in results]
            break
        worst = [np.maximum(old, np.abs(x - y)) for old, x, y in zip(worst, there, results, strict=True)]
    lead = max(0, values[0].ndim - 2)
    found = tuple(
        bounded(
            result, 4 * SAFETY * _spread(gap, lead) + 8 * SAFETY * eps(result.dtype) * _spread(np.abs(result), lead)
        )
        for gap, result in zip(worst, results, strict=True)
    )
    return found if isinstance(node.type, tuple) else found[0]


def _several(results: Any) -> tuple[np.ndarray, ...]:
    return tuple(map(np.asarray, results)) if isinstance(results, tuple) else (np.asarray(results),)


def _shaken(one: Bounded, random: np.random.Generator) -> np.ndarray:
    size = np.max(np.abs(one.value), axis=(-2, -1), keepdims=True, initial=0.0)
    room = one.error + 4 * max(1, *one.value.shape[-2:]) * eps(one.value.dtype) * size + tiny(one.value.dtype)
    moved = (one.value + room * random.choice((-1.0, 1.0), one.value.shape)).astype(one.value.dtype)
    triangular = (one.value == 0) & (one.error == 0)
    return np.where(triangular, 0, moved).astype(one.value.dtype)


def _spread(gap: np.ndarray, lead: int) -> np.ndarray:
    axes = tuple(range(lead, gap.ndim))
    return np.broadcast_to(np.max(gap, axis=axes, keepdims=True, initial=0.0), gap.shape) if axes else gap


# ---------------------------------------------------------------------------------------------------- graphs inside


@rule("checkpoint")
def _checkpoint(node: Node, *operands: Bounded) -> tuple[Bounded, ...]:
    return tuple(analyse(node.parameters["body"], operands))


@rule("custom_vjp")
def _custom(node: Node, *operands: Bounded) -> tuple[Bounded, ...]:
    return tuple(analyse(node.parameters["forward" if node.parameters["keep"] else "primal"], operands))


@rule("cond")
def _cond(node: Node, predicate: Bounded, *operands: Bounded) -> tuple[Bounded, ...]:
    results = analyse(node.parameters["then" if bool(predicate.value) else "otherwise"], operands)
    return tuple(results) if predicate.exact else tuple(unknown(one.value) for one in results)


@rule("while_loop")
def _while(node: Node, *operands: Bounded) -> tuple[Bounded, ...]:
    loop, values, done, certain = While(**node.parameters), list(operands), 0, True
    while done != loop.steps:
        (answer,) = analyse(loop.condition, values)
        certain = certain and answer.exact
        if not answer.value:
            break
        values[loop.constants :] = analyse(loop.body, values)
        done += 1
    carries = values[loop.constants :]
    return tuple(carries) if certain else tuple(unknown(one.value) for one in carries)


@rule("scan")
def _scan(node: Node, *operands: Bounded) -> tuple[Bounded, ...]:
    loop = Loop(**node.parameters)
    constants, carries, slices = loop.split(operands)
    kinds = loop.full.outputs[loop.carries :]
    stacks = [Bounded(np.empty((loop.length, *x.shape), x.dtype), np.empty((loop.length, *x.shape))) for x in kinds]
    for k in reversed(range(loop.length)) if loop.reverse else range(loop.length):
        parts = [Bounded(one.value[k], one.error[k]) for one in slices]
        results = analyse(loop.body, [*constants, *carries, *parts])
        for stack, row in zip(stacks, [*results[loop.carries :], *(carries[k] for k in loop.save)], strict=True):
            stack.value[k, ...], stack.error[k, ...] = row.value, row.error
        carries = results[: loop.carries]
    return (*carries, *stacks)
