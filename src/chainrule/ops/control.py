"""`cond` and `while_loop`: decisions in the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DerivativeError
from chainrule.graph import Flow, Graph, Input, Node, Sample, Structural, constant
from chainrule.ops.bodies import (
    Enclosing,
    Flags,
    Outline,
    Part,
    batch_of,
    check_count,
    check_operands,
    check_truth,
    check_type,
    depending,
    either,
    fixpoint,
    flags,
    forward_of,
    or_zero,
    place,
    present,
    program,
    reverse_of,
    spread,
)
from chainrule.ops.loop import Draft, check_carries, mixed
from chainrule.ops.samples import F
from chainrule.record import record
from chainrule.types import ArrayType


def _where(condition: Node, then: Sequence[Node], otherwise: Sequence[Node]) -> tuple[Any, ...]:
    """For each example of a batch the one or the other, by a condition of shape (size,)."""

    def choose(one: Node, other: Node) -> Any:
        return np.where(np.reshape(condition, (*condition.shape, *(1,) * (one.ndim - 1))), one, other)

    return tuple(map(choose, then, otherwise))


# ------------------------------------------------------------------------------------------------------------- cond


def _infer_cond(predicate: ArrayType, *types: ArrayType, then: Graph, otherwise: Graph) -> tuple[ArrayType, ...]:
    check_truth("cond", "a predicate", predicate)
    check_operands("cond", then.inputs, types)
    check_operands("cond", otherwise.inputs, types)
    check_count("cond", "results from `otherwise`, as many as from `then`", len(then.outputs), len(otherwise.outputs))
    for k, (one, other) in enumerate(zip(then.outputs, otherwise.outputs, strict=True)):
        remedy = "Give both branches results of one shape and dtype, with np.broadcast_to or astype where they differ."
        check_type("cond", f"result {k} of `otherwise`, as of `then`,", one.type, other.type, remedy)
    return tuple(node.type for node in then.outputs)


def _run_cond(meaning: str) -> Callable[..., tuple[Any, ...]]:
    def run(predicate: Any, *operands: Any, then: Graph, otherwise: Graph) -> tuple[Any, ...]:
        return tuple(program(then if bool(predicate) else otherwise, meaning).run(operands))

    return run


def _choose(
    predicate: Node, operands: Sequence[Node], inputs: Sequence[Any], branches: Sequence[Sequence[Part]]
) -> tuple[Part, ...]:
    """A cond of derivatives: what one branch gives and the other does not is zero in the other."""
    like = [one if one is not None else other for one, other in zip(*branches, strict=True)]
    then, otherwise = (
        Graph(given, [or_zero(part, other) for part, other in zip(parts, like, strict=True) if other is not None])
        for given, parts in zip(inputs, branches, strict=True)
    )
    if not then.outputs:
        return tuple(like)
    return place(cond(predicate, *operands, then=then, otherwise=otherwise).results, like)


def _push_cond(node: Node, tangents: Sequence[Part]) -> tuple[Part, ...]:
    bodies = node.parameters["then"], node.parameters["otherwise"]
    derived = [forward_of(body, flags(tangents[1:])) for body in bodies]
    inputs = [(*body.inputs, *present(seeds)) for body, (seeds, _) in zip(bodies, derived, strict=True)]
    outputs = [(*body.outputs, *pushed) for body, (_, pushed) in zip(bodies, derived, strict=True)]
    both = _choose(node.operands[0], (*node.operands[1:], *present(tangents[1:])), inputs, outputs)
    return both[len(node.type) :]


def _pull_cond(node: Node, cotangents: Sequence[Part], wanted: Flags) -> tuple[Part, ...]:
    bodies = node.parameters["then"], node.parameters["otherwise"]
    derived = [reverse_of(body, flags(cotangents), wanted[1:]) for body in bodies]
    inputs = [(*body.inputs, *present(seeds)) for body, (seeds, _) in zip(bodies, derived, strict=True)]
    operands = (*node.operands[1:], *present(cotangents))
    return None, *_choose(node.operands[0], operands, inputs, [pulled for _, pulled in derived])


def _batch_cond(
    operands: Sequence[Node], batched: Sequence[bool], size: int, *, then: Graph, otherwise: Graph
) -> tuple[Node, ...]:
    """One choice for all where the predicate is one; else both branches, and a choice for each example."""
    has = tuple(batched[1:])
    one, other = batch_of(then, has, size), batch_of(otherwise, has, size)
    if not batched[0]:
        return cond(*operands, then=one, otherwise=other).results
    return _where(operands[0], one(*operands[1:]), other(*operands[1:]))


def _outline_cond(node: Node) -> Outline:
    then, otherwise = node.parameters["then"], node.parameters["otherwise"]
    parts = {("predicate", node.operands[0]), *zip(then.inputs, otherwise.inputs, node.operands[1:], strict=True)}
    return Outline(cond, frozenset(parts), tuple(zip(then.outputs, otherwise.outputs, strict=True)))


def _branches() -> dict[str, Any]:
    """(x^2 y, x) or (y - x, 2)."""
    x, y, u, v = (Input(ArrayType.of(np.zeros(2)), name) for name in "xyuv")
    two: Any = np.broadcast_to(constant(2.0), (2,))
    return {"then": Graph([x, y], [x * x * y, x]), "otherwise": Graph([u, v], [v - u, two])}


def _reject_conds() -> Iterable[Sample]:
    x, y = Input(ArrayType.of(np.zeros(2)), "x"), Input(ArrayType.of(np.zeros(2)), "x")
    differ: dict[str, Any] = {"then": Graph([x], [x]), "otherwise": Graph([y], [y[0]])}
    fewer: dict[str, Any] = {"then": Graph([x], [x]), "otherwise": Graph([y], [])}
    truth, two = np.array(True), np.zeros(2)
    yield Sample(np.array([True]), two, words="a predicate of type bool[]; got bool[1]", **differ)
    yield Sample(np.array(1.0), two, words="a predicate of type bool[]; got float64[]", **differ)
    yield Sample(truth, two, words="of type float64[2]; got float64[]", **differ)
    yield Sample(truth, two, words="1 results from `otherwise`, as many as from `then`; got 0", **fewer)
    yield Sample(truth, np.zeros(3), words="x of type float64[2]; got float64[3]", **differ)


cond = Enclosing(
    name="cond",
    infer=_infer_cond,
    reference=_run_cond("reference"),
    exact=_run_cond("exact"),
    derivative=Structural(_push_cond, _pull_cond),
    batch=_batch_cond,
    lowering=Flow("branch"),
    latex=r"\operatorname{{cond}}({0})",
    samples=lambda: [Sample(np.array(truth), F(2, "-1/3"), F(5, 3), **_branches()) for truth in (True, False)],
    rejects=_reject_conds,
    outline=_outline_cond,
)


# ------------------------------------------------------------------------------------------------------- while_loop


@record
class While:
    """The parameters of a while_loop.

    `condition` and `body` take the same `constants` and carries; the one gives a truth value, the other the carries
    of the next step. After `steps` steps the loop ends whatever the condition says; None is no bound.
    """

    condition: Graph
    body: Graph
    constants: int
    steps: int | None

    def __call__(self, *operands: Node) -> tuple[Node, ...]:
        """The final carries."""
        return while_loop(*operands, **vars(self)).results


def _infer_while(*types: ArrayType, **parameters: Any) -> tuple[ArrayType, ...]:
    loop = While(**parameters)
    check_operands("while_loop", loop.body.inputs, types)
    check_operands("while_loop", loop.condition.inputs, types)
    check_count("while_loop", "result from the condition", 1, len(loop.condition.outputs))
    check_truth("while_loop", "a condition", loop.condition.outputs[0].type)
    check_carries("while_loop", loop.body.inputs[loop.constants :], loop.body.outputs)
    if loop.steps is not None and loop.steps < 0:
        raise ArgumentError(
            "while_loop",
            expected="a bound of at least 0 steps",
            got=f"{loop.steps}",
            remedy="Give max_steps a number of steps, or None.",
        )
    return types[loop.constants :]


def _run_while(meaning: str) -> Callable[..., tuple[Any, ...]]:
    def run(*operands: Any, **parameters: Any) -> tuple[Any, ...]:
        loop = While(**parameters)
        question, step = program(loop.condition, meaning), program(loop.body, meaning)
        values, count, done = list(operands), loop.constants, 0
        while done != loop.steps and bool(question.run(values)[0]):
            values[count:] = step.run(values)
            done += 1
        return tuple(values[count:])

    return run


def _push_while(node: Node, tangents: Sequence[Part]) -> tuple[Part, ...]:
    """One loop over values and tangents, with the condition on the values."""
    loop, count = While(**node.parameters), node.parameters["constants"]

    def grow(moving: Flags) -> Flags:  # a carry moves if its first value does, or if a step makes it move
        return *moving[:count], *either(moving[count:], flags(forward_of(loop.body, moving)[1]))

    seeds, pushed = forward_of(loop.body, fixpoint(grow, flags(tangents)))
    constants, carries = present(seeds[:count]), present(seeds[count:])

    def among(body: Graph) -> list[Input]:
        return [*body.inputs[:count], *constants, *body.inputs[count:], *carries]

    moved = [
        (or_zero(first, seed), or_zero(following, seed))
        for seed, first, following in zip(seeds[count:], tangents[count:], pushed, strict=True)
        if seed is not None
    ]
    both = While(
        condition=Graph(among(loop.condition), loop.condition.outputs),
        body=Graph(among(loop.body), [*loop.body.outputs, *(following for _, following in moved)]),
        constants=count + len(constants),
        steps=loop.steps,
    )
    starts = [first for first, _ in moved]
    results = both(*node.operands[:count], *present(tangents[:count]), *node.operands[count:], *starts)
    return place(results[len(node.type) :], seeds[count:])


def _pull_while(node: Node, cotangents: Sequence[Part], wanted: Flags) -> tuple[Part, ...]:
    """Reverse mode of a bounded loop: of a scan whose steps do nothing once the condition has failed."""
    loop, count = While(**node.parameters), node.parameters["constants"]
    if loop.steps is None:
        raise DerivativeError(
            "while_loop",
            expected="a bound on the number of steps, whose values reverse mode keeps",
            got="max_steps=None",
            remedy="Give max_steps= (or fori_loop plain integers: int(n)), or use forward mode (jvp, jacfwd).",
        )
    draft = Draft()
    draft.constants = dict(zip(loop.body.inputs, node.operands[:count], strict=False))
    step = cond(
        loop.condition(*loop.body.inputs)[0],
        *loop.body.inputs,
        then=loop.body,
        otherwise=Graph(loop.body.inputs, loop.body.inputs[count:]),
    )
    firsts = zip(loop.body.inputs[count:], node.operands[count:], step.results, strict=True)
    draft.carries = {carry: (first, following) for carry, first, following in firsts}
    finals, _, _ = draft.run(loop.steps, reverse=False)
    bounded = next(iter(finals.values())).operands[0]
    return bounded.operation.derivative.pull(bounded, cotangents, wanted)


def _batch_while(operands: Sequence[Node], batched: Sequence[bool], size: int, **parameters: Any) -> tuple[Node, ...]:
    """Steps until all examples are done; those that are done stay as they are."""
    loop, count = While(**parameters), parameters["constants"]
    has = _varying(loop, tuple(batched))
    triples = zip(operands, batched, has, strict=True)
    firsts = [spread(node, was, size) if mark else node for node, was, mark in triples]
    step, question = batch_of(loop.body, has, size), batch_of(loop.condition, has, size)
    if not depending(loop.condition, has)[0]:
        body = mixed(step, loop.body, has[count:])
        results = replace(loop, condition=mixed(question, loop.condition, [False]), body=body)(*firsts)
        return tuple(spread(node, mark, size) for node, mark in zip(results, has[count:], strict=True))
    going = Input(ArrayType((size,), np.dtype(bool)), "going")
    following = _where(going, step.outputs, step.inputs[count:])
    still = going & question(*step.inputs[:count], *following)[0]
    some: Any = np.any(going)
    inputs = [*step.inputs, going]
    every = replace(loop, condition=Graph(inputs, [some]), body=Graph(inputs, [*following, still]))
    return every(*firsts, question(*firsts)[0])[:-1]


def _varying(loop: While, start: Flags) -> Flags:
    """The operands that differ from example to example, in some step of the loop."""
    count = loop.constants

    def grow(batched: Flags) -> Flags:  # examples that end at different steps differ in every carry
        decided = depending(loop.condition, batched)[0]
        return *batched[:count], *(flag or decided for flag in either(batched[count:], depending(loop.body, batched)))

    return fixpoint(grow, start)


def _outline_while(node: Node) -> Outline:
    loop, count = While(**node.parameters), node.parameters["constants"]
    places = list(zip(loop.condition.inputs, loop.body.inputs, node.operands, strict=True))
    carries = [
        ("carry", *triple, following) for triple, following in zip(places[count:], loop.body.outputs, strict=True)
    ]
    parts = {("condition", loop.condition.outputs[0]), *(("constant", *triple) for triple in places[:count]), *carries}
    return Outline((while_loop, loop.steps), frozenset(parts), loop.body.inputs[count:])


def _halving() -> dict[str, Any]:
    """x <- x / 2 + a while x > 1."""
    a, x, b, y = (Input(ArrayType.of(1.0), name) for name in "axby")
    return {"condition": Graph([b, y], [y > 1]), "body": Graph([a, x], [x / 2 + a]), "constants": 1}


def _reject_whiles() -> Iterable[Sample]:
    x, y = Input(ArrayType.of(1.0), "x"), Input(ArrayType.of(1.0), "x")
    wide: Any = np.broadcast_to(y, (2,))
    condition, same, widening = Graph([x], [x > 0]), Graph([y], [y]), Graph([y], [wide])
    shape: dict[str, Any] = {"constants": 0, "steps": None}
    keeps = "keeps the carry x of type float64[]; got float64[2]"
    yield Sample(1.0, condition=condition, body=widening, words=keeps, **shape)
    yield Sample(1.0, condition=same, body=same, words="a condition of type bool[]; got float64[]", **shape)
    yield Sample(1.0, 2.0, condition=condition, body=same, words="1 operands; got 2", **shape)
    shape["steps"] = -1
    yield Sample(1.0, condition=condition, body=same, words="at least 0 steps; got -1", **shape)


while_loop = Enclosing(
    name="while_loop",
    infer=_infer_while,
    reference=_run_while("reference"),
    exact=_run_while("exact"),
    derivative=Structural(_push_while, _pull_while),
    batch=_batch_while,
    lowering=Flow("while"),
    latex=r"\operatorname{{while}}",
    samples=lambda: [Sample(F("1/5")[0], F(9)[0], steps=steps, **_halving()) for steps in (6, 2)],
    rejects=_reject_whiles,
    outline=_outline_while,
)
