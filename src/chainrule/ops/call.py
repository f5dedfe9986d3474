"""`checkpoint` and `custom_vjp`: calls of a body that the calculus treats in a way of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import DerivativeError
from chainrule.graph import (
    Composed,
    Flow,
    Graph,
    Input,
    Node,
    Sample,
    Structural,
    calculus,
    depends_on,
    in_order,
    rebuild,
)
from chainrule.ops.bodies import (
    Enclosing,
    Flags,
    Outline,
    Part,
    batch_of,
    check_count,
    check_operands,
    check_type,
    flags,
    forward_of,
    or_zero,
    per_graph,
    place,
    present,
    program,
    reverse_of,
)  # fmt: skip
from chainrule.ops.elementwise import is_contribution
from chainrule.ops.samples import F
from chainrule.record import record
from chainrule.types import ArrayType, is_floating

# ------------------------------------------------------------------------------------------------------- checkpoint


def _infer_checkpoint(*types: ArrayType, body: Graph) -> tuple[ArrayType, ...]:
    check_operands("checkpoint", body.inputs, types)
    return tuple(node.type for node in body.outputs)


def _run_checkpoint(meaning: str) -> Callable[..., tuple[Any, ...]]:
    return lambda *operands, body: tuple(program(body, meaning).run(operands))


def _call(inputs: Sequence[Any], outputs: Sequence[Part], operands: Sequence[Node]) -> tuple[Part, ...]:
    """A checkpointed call of the outputs that there are."""
    body = Graph(inputs, present(outputs))
    return place(checkpoint(*operands, body=body).results, outputs) if body.outputs else tuple(outputs)


def _push_checkpoint(node: Node, tangents: Sequence[Part]) -> tuple[Part, ...]:
    body = node.parameters["body"]
    seeds, pushed = forward_of(body, flags(tangents))
    both = _call((*body.inputs, *present(seeds)), (*body.outputs, *pushed), (*node.operands, *present(tangents)))
    return both[len(body.outputs) :]


def _pull_checkpoint(node: Node, cotangents: Sequence[Part], wanted: Flags) -> tuple[Part, ...]:
    """A call that computes the body again and goes back through it, so that nothing inside the first call is kept."""
    body = node.parameters["body"]
    seeds, pulled = reverse_of(body, flags(cotangents), wanted)
    return _call((*body.inputs, *present(seeds)), pulled, (*node.operands, *present(cotangents)))


def _cube() -> Graph:
    """x^2 y and x + y."""
    x, y = Input(ArrayType.of(np.zeros(2)), "x"), Input(ArrayType.of(np.zeros(2)), "y")
    return Graph([x, y], [x * x * y, x + y])


checkpoint = Enclosing(
    name="checkpoint",
    infer=_infer_checkpoint,
    reference=_run_checkpoint("reference"),
    exact=_run_checkpoint("exact"),
    derivative=Structural(_push_checkpoint, _pull_checkpoint),
    batch=lambda operands, batched, size, *, body: (
        checkpoint(*operands, body=batch_of(body, tuple(batched), size)).results
    ),
    lowering=Flow("call"),
    latex=r"\operatorname{{checkpoint}}",
    samples=lambda: [Sample(F(2, "-1/3"), F(5, 3), body=_cube())],
    rejects=lambda: [
        Sample(np.zeros(2), np.zeros(3), body=_cube(), words="y of type float64[2]; got float64[3]"),
        Sample(np.zeros(2), np.zeros(2, np.float32), body=_cube(), words="y of type float64[2]; got float32[2]"),
        Sample(np.zeros(2), body=_cube(), words="2 operands; got 1"),
    ],
    outline=lambda node: Outline(
        checkpoint,
        frozenset(zip(node.parameters["body"].inputs, node.operands, strict=True)),
        node.parameters["body"].outputs,
    ),
)


# ------------------------------------------------------------------------------------------------------- custom_vjp


@record
class Rule:
    """The parameters of a custom_vjp.

    `primal` gives the results; `forward` the same results and residuals; `backward` takes the residuals and a cotangent
    of each floating result, and gives one of each floating operand. With `keep` the residuals are results too.
    """

    primal: Graph
    forward: Graph
    backward: Graph
    keep: bool

    @property
    def count(self) -> int:
        """How many results the function has."""
        return len(self.primal.outputs)

    @property
    def residuals(self) -> Graph:
        """The graph of the residuals alone."""
        return _after(self.forward, self.count)

    def kept(self, operands: Sequence[Node]) -> tuple[Node, ...]:
        """The residuals for these operands."""
        return custom_vjp(*operands, **vars(replace(self, keep=True))).results[self.count :]


@per_graph
def _after(graph: Graph, count: int) -> Graph:
    return Graph(graph.inputs, graph.outputs[count:])


def _floating(nodes: Sequence[Node]) -> list[Node]:
    return [node for node in nodes if is_floating(node.dtype)]


def _infer_custom(*types: ArrayType, **parameters: Any) -> tuple[ArrayType, ...]:
    rule = Rule(**parameters)
    check_operands("custom_vjp", rule.primal.inputs, types)
    check_operands("custom_vjp", rule.forward.inputs, types)
    results, residuals = rule.forward.outputs[: rule.count], rule.forward.outputs[rule.count :]
    check_count("custom_vjp", "results from forward, as from the function", rule.count, len(results))
    for k, (node, result) in enumerate(zip(rule.primal.outputs, results, strict=True)):
        check_type(
            "custom_vjp",
            f"result {k} of forward, as of the function,",
            node.type,
            result.type,
            "Return the function's own result first.",
        )
    check_operands("custom_vjp", rule.backward.inputs, [node.type for node in (*residuals, *_floating(results))])
    moving = [(node, kind) for node, kind in zip(rule.primal.inputs, types, strict=True) if is_floating(kind.dtype)]
    check_count("custom_vjp", "cotangents from backward", len(moving), len(rule.backward.outputs))
    for (node, kind), output in zip(moving, rule.backward.outputs, strict=True):
        remedy = "Return for each argument a cotangent of the argument's own shape and dtype, or None."
        check_type("custom_vjp", f"a cotangent of {node.name}", kind, output.type, remedy)
    return tuple(node.type for node in (rule.forward if rule.keep else rule.primal).outputs)


def _run_custom(meaning: str) -> Callable[..., tuple[Any, ...]]:
    def run(*operands: Any, **parameters: Any) -> tuple[Any, ...]:
        rule = Rule(**parameters)
        return tuple(program(rule.forward if rule.keep else rule.primal, meaning).run(operands))

    return run


def _linear(backward: Graph, seeds: Sequence[Input]) -> list[Node]:
    """The outputs of a backward graph with plain products where a factor of zero was guarded.

    The guards ask whether a cotangent is zero. Without them the graph is linear in the cotangents to the eye, too.
    """
    made: dict[Node, Any] = {}
    reach = depends_on(backward.outputs, seeds)
    for node in in_order(backward.outputs):
        operands = tuple(made[operand] for operand in node.operands)
        guarded = is_contribution(node) and node in reach
        made[node] = np.multiply(*operands) if guarded else node if node.operation is None else rebuild(node, operands)
    return [made[node] for node in backward.outputs]


@per_graph
def _transposed(backward: Graph, residuals: int, given: Flags) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Forward mode from the rule of reverse mode, t_out = (g -> g L)^T t_in: inputs for tangents, and tangents."""
    seeds = backward.inputs[residuals:]
    tangents = tuple(
        Input(node.type, "tangent") if flag else None for node, flag in zip(backward.outputs, given, strict=True)
    )
    pushed = tuple(calculus.reverse(_linear(backward, seeds), tangents, seeds))
    reach = depends_on(present(pushed), seeds)
    bent = next((part for part in pushed if part in reach), None)
    if bent is not None:
        raise DerivativeError(
            "custom_vjp",
            expected="a backward that is linear in the cotangent, since forward mode is its transpose",
            got=f"one whose derivative {bent!r} depends on the cotangent",
            remedy="Differentiate by reverse mode (grad, vjp, jacrev), or make backward linear.",
        )
    return tangents, pushed


def _push_custom(node: Node, tangents: Sequence[Part]) -> tuple[Part, ...]:
    """The rule transposed for the results; forward mode of `forward` for residuals that are results."""
    rule = Rule(**node.parameters)
    moving = [part for part, operand in zip(tangents, node.operands, strict=True) if is_floating(operand.dtype)]
    residuals, count = rule.kept(node.operands), len(rule.forward.outputs) - rule.count
    seeds, pushed = _transposed(rule.backward, count, flags(moving))
    answers = iter(_inline((*rule.backward.inputs[:count], *present(seeds)), pushed, (*residuals, *present(moving))))
    found = tuple(next(answers) if is_floating(result.dtype) else None for result in rule.primal.outputs)
    if not rule.keep:
        return found
    seeds, pushed = forward_of(rule.residuals, flags(tangents))
    return (*found, *_inline((*rule.forward.inputs, *present(seeds)), pushed, (*node.operands, *present(tangents))))


def _pull_custom(node: Node, cotangents: Sequence[Part], wanted: Flags) -> tuple[Part, ...]:
    """The rule itself for the results; reverse mode of `forward` for residuals that are results."""
    rule = Rule(**node.parameters)
    by_result, by_residual = cotangents[: rule.count], cotangents[rule.count :]
    found: tuple[Part, ...] = (None,) * len(node.operands)
    if any(flags(by_result)):
        given = [
            or_zero(g, result)
            for g, result in zip(by_result, rule.primal.outputs, strict=True)
            if is_floating(result.dtype)
        ]
        answers = iter(rule.backward(*rule.kept(node.operands), *given))
        found = tuple(next(answers) if is_floating(operand.dtype) else None for operand in node.operands)
    if any(flags(by_residual)):
        seeds, pulled = reverse_of(rule.residuals, flags(by_residual), wanted)
        more = _inline((*rule.forward.inputs, *present(seeds)), pulled, (*node.operands, *present(by_residual)))
        found = tuple(
            one if other is None else other if one is None else one + other
            for one, other in zip(found, more, strict=True)
        )
    return found


def _inline(inputs: Sequence[Any], outputs: Sequence[Part], operands: Sequence[Node]) -> tuple[Part, ...]:
    """The outputs that there are, as part of the graph of the operands."""
    return place(Graph(inputs, present(outputs))(*operands), outputs)


def _batch_custom(operands: Sequence[Node], batched: Sequence[bool], size: int, **parameters: Any) -> tuple[Node, ...]:
    rule, has = Rule(**parameters), tuple(batched)
    backward = batch_of(rule.backward, (True,) * len(rule.backward.inputs), size)
    marks = [flag for flag, node in zip(has, rule.primal.inputs, strict=True) if is_floating(node.dtype)]
    outputs = [g if flag else np.sum(g, axis=0) for g, flag in zip(backward.outputs, marks, strict=True)]
    many = Rule(
        batch_of(rule.primal, has, size), batch_of(rule.forward, has, size), Graph(backward.inputs, outputs), rule.keep
    )
    return custom_vjp(*operands, **vars(many)).results


def _outline_custom(node: Node) -> Outline:
    rule = Rule(**node.parameters)
    parts = {("rule", rule.primal, rule.forward, rule.backward), *enumerate(node.operands)}
    return Outline(custom_vjp, frozenset(parts), tuple(range(len(node.type))))


def _rule() -> dict[str, Any]:
    """x^2 y, its residuals 2xy and x^2, and the products of a cotangent with them."""
    x, y, u, v, p, q, g = (Input(ArrayType.of(np.zeros(2)), name) for name in "xyuvpqg")
    return {
        "primal": Graph([x, y], [x * x * y]),
        "forward": Graph([u, v], [u * u * v, 2 * u * v, u * u]),
        "backward": Graph([p, q, g], [p * g, q * g]),
    }


def _faulty(**changes: Graph) -> dict[str, Any]:
    return {**_rule(), **changes, "keep": False}


def _reject_rules() -> list[Sample]:
    a, b, c, x = (Input(ArrayType.of(np.zeros(2)), name) for name in "abcx")
    sums = [np.sum(a * c), np.sum(b * c)]
    operands = np.zeros(2), np.zeros(2)
    return [
        Sample(
            *operands,
            **_faulty(backward=Graph([a, b, c], sums)),
            words="a cotangent of x of type float64[2]; got float64[]",
        ),
        Sample(*operands, **_faulty(backward=Graph([a, b, c], sums[:1])), words="2 cotangents from backward; got 1"),
        Sample(
            *operands,
            **_faulty(forward=Graph([a, x], [np.sum(a)])),
            words="result 0 of forward, as of the function, of type float64[2]; got float64[]",
        ),
        Sample(
            *operands, **_faulty(forward=Graph([a, x], [])), words="1 results from forward, as from the function; got 0"
        ),
    ]


custom_vjp = Enclosing(
    name="custom_vjp",
    infer=_infer_custom,
    reference=_run_custom("reference"),
    exact=_run_custom("exact"),
    derivative=Structural(_push_custom, _pull_custom),
    batch=_batch_custom,
    lowering=Composed(
        lambda *operands, **parameters: (
            Rule(**parameters).forward if parameters["keep"] else Rule(**parameters).primal
        )(*operands)
    ),
    latex=r"\operatorname{{custom}}",
    samples=lambda: [Sample(F(2, "-1/3"), F(5, 3), keep=keep, **_rule()) for keep in (False, True)],
    rejects=_reject_rules,
    outline=_outline_custom,
)
