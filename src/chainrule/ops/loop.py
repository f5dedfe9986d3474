"""`scan`: a loop in the graph, and its derivatives, which are loops again.

Reverse mode of a loop is a loop from the end: it has kept the carries that went into each step, runs the step again,
and hands the cotangents of the carries from step to step (Griewank and Walther, Evaluating Derivatives, 2nd ed.,
section 12.1). Its memory is linear in the number of steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.graph import Flow, Graph, Input, Node, Sample, Structural, in_order
from chainrule.ops.bodies import (
    Enclosing,
    Flags,
    Outline,
    Part,
    batch_of,
    check_count,
    check_operands,
    check_type,
    depending,
    either,
    fixpoint,
    flags,
    forward_of,
    or_zero,
    per_graph,
    place,
    present,
    program,
    reverse_of,
    spread,
    stacked,
    storage,
    zeros,
)
from chainrule.ops.samples import F
from chainrule.record import record
from chainrule.types import ArrayType


@record
class Loop:
    """The parameters of a scan.

    `body` takes `constants` values that stay, `carries` values that each step hands to the next, and a slice of each
    sequence; it gives the new carries, and values to stack. `save` numbers the carries whose value before each step is
    stacked too. With `reverse` the steps go from the last slice to the first.
    """

    body: Graph
    constants: int
    carries: int
    length: int
    reverse: bool
    save: tuple[int, ...]

    def split(self, values: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
        """What there is for each input of the body, as (constants, carries, slices)."""
        first, second = self.constants, self.constants + self.carries
        return values[:first], values[first:second], values[second:]

    def with_carries(self, values: Sequence[Any], carries: Sequence[Any]) -> tuple[Any, ...]:
        """The values for the inputs of the body with others for the carries."""
        constants, _, slices = self.split(values)
        return *constants, *carries, *slices

    @property
    def full(self) -> Graph:
        """The body with the saved carries among its outputs."""
        return _with_saved(self.body, self.constants, self.save) if self.save else self.body

    def __call__(self, *operands: Node) -> tuple[Node, ...]:
        """The final carries, the stacked outputs, the stacked carries."""
        return scan(*operands, **vars(self)).results


@per_graph
def _with_saved(body: Graph, constants: int, save: tuple[int, ...]) -> Graph:
    return Graph(body.inputs, [*body.outputs, *(body.inputs[constants + k] for k in save)])


class Draft:
    """A loop in the making: for each input of its body where the values come from, and what it stacks."""

    def __init__(self) -> None:
        self.constants: dict[Input, Node] = {}
        self.carries: dict[Input, tuple[Node, Node]] = {}  # the first value, and the next one in terms of the body
        self.slices: dict[Input, Node] = {}
        self.stacks: list[Node] = []

    def leave_out_unused(self) -> None:
        """Forget constants and slices that no output of the body needs."""
        used = set(in_order([*(following for _, following in self.carries.values()), *self.stacks]))
        self.constants = {node: value for node, value in self.constants.items() if node in used}
        self.slices = {node: value for node, value in self.slices.items() if node in used}

    def run(
        self, length: int, reverse: bool, save: Iterable[Input] = ()
    ) -> tuple[dict[Any, Node], list[Node], dict[Any, Node]]:
        """(final carries, stacked outputs, saved carries)."""
        inputs, saved = list(self.carries), list(save)
        number = {node: k for k, node in enumerate(inputs)}
        body = Graph(
            [*self.constants, *inputs, *self.slices],
            [*(following for _, following in self.carries.values()), *self.stacks],
        )
        loop = Loop(body, len(self.constants), len(inputs), length, reverse, tuple(number[node] for node in saved))
        results = loop(*self.constants.values(), *(first for first, _ in self.carries.values()), *self.slices.values())
        first, second = len(inputs), len(body.outputs)
        return (
            dict(zip(inputs, results[:first], strict=True)),
            list(results[first:second]),
            dict(zip(saved, results[second:], strict=True)),
        )


# ---------------------------------------------------------------------------------------------------- type and value


def _infer(*types: ArrayType, **parameters: Any) -> tuple[ArrayType, ...]:
    loop = Loop(**parameters)
    inputs, outputs, count = loop.body.inputs, loop.body.outputs, loop.carries
    check_count("scan", "operands", len(inputs), len(types))
    first = loop.constants + count
    check_operands("scan", inputs[:first], types[:first])
    for node, kind in zip(inputs[first:], types[first:], strict=True):
        remedy = "Give every sequence the length of the loop along its first axis."
        check_type("scan", f"a sequence for {node.name}", stacked(node.type, loop.length), kind, remedy)
    check_carries("scan", loop.split(inputs)[1], outputs[:count])
    kinds = [node.type for node in loop.full.outputs]
    return (*kinds[:count], *(stacked(kind, loop.length) for kind in kinds[count:]))


def check_carries(operation: str, inputs: Sequence[Input], outputs: Sequence[Node]) -> None:
    """Refuse a body that gives a carry another type than it takes."""
    check_count(operation, "carries from the body", len(inputs), len(outputs))
    for node, output in zip(inputs, outputs, strict=True):
        remedy = f"Return what was given, or start from a value of type {output.type}."
        check_type(operation, f"a body that keeps the carry {node.name}", node.type, output.type, remedy)


def _run(meaning: str) -> Callable[..., tuple[Any, ...]]:
    def run(*operands: Any, **parameters: Any) -> tuple[Any, ...]:
        loop = Loop(**parameters)
        constants, carries, slices = loop.split(operands)
        step, count = program(loop.body, meaning), loop.carries
        stacks = [np.empty((loop.length, *node.shape), storage(meaning, node)) for node in loop.full.outputs[count:]]
        for k in reversed(range(loop.length)) if loop.reverse else range(loop.length):
            results = step.run([*constants, *carries, *(values[k] for values in slices)])
            rows = [*results[count:], *(carries[number] for number in loop.save)]
            for stack, row in zip(stacks, rows, strict=True):
                stack[k, ...] = row
            carries = results[:count]
        return (*carries, *stacks)

    return run


# --------------------------------------------------------------------------------------------------------- calculus


def _draft(loop: Loop, operands: Sequence[Node]) -> Draft:
    """The loop itself, to be added to."""
    (constants, carries, slices), values = loop.split(loop.body.inputs), loop.split(operands)
    draft = Draft()
    draft.constants = dict(zip(constants, values[0], strict=True))
    pairs = zip(values[1], loop.body.outputs[: loop.carries], strict=True)
    draft.carries = dict(zip(carries, pairs, strict=True))
    draft.slices = dict(zip(slices, values[2], strict=True))
    draft.stacks = list(loop.body.outputs[loop.carries :])
    return draft


def _push(node: Node, tangents: Sequence[Part]) -> tuple[Part, ...]:
    """One loop over values and tangents."""
    loop = Loop(**node.parameters)
    seeds, pushed = forward_of(loop.body, _moving(loop, flags(tangents)))
    draft, count = _draft(loop, node.operands), loop.carries
    (constants, carries, slices), (by_constant, by_carry, by_slice) = loop.split(seeds), loop.split(tangents)
    draft.constants |= given_to(constants, by_constant)
    draft.slices |= given_to(slices, by_slice)
    for seed, first, following in zip(carries, by_carry, pushed[:count], strict=True):
        if seed is not None:
            draft.carries[seed] = or_zero(first, seed), or_zero(following, seed)
    draft.stacks += present(pushed[count:])
    values = loop.split(loop.body.inputs)[1]
    saved = [(values[k], carries[k]) for k in loop.save]
    save = [*(value for value, _ in saved), *present([seed for _, seed in saved])]
    finals, stacks, kept = draft.run(loop.length, loop.reverse, save)
    moved = place(stacks[len(loop.body.outputs) - count :], pushed[count:])
    return *(finals.get(seed) for seed in carries), *moved, *(kept.get(seed) for _, seed in saved)


def given_to(seeds: Sequence[Any], parts: Sequence[Part]) -> dict[Any, Node]:
    """What goes to each input that there is."""
    return {seed: part for seed, part in zip(seeds, parts, strict=True) if seed is not None and part is not None}


def _moving(loop: Loop, start: Flags) -> Flags:
    """The inputs of the body with a tangent: a carry has one if its first value has, or if a step gives it one."""

    def grow(moving: Flags) -> Flags:
        pushed = forward_of(loop.body, moving)[1][: loop.carries]
        return loop.with_carries(moving, either(loop.split(moving)[1], flags(pushed)))

    return fixpoint(grow, start)


def _pull(node: Node, cotangents: Sequence[Part], wanted: Flags) -> tuple[Part, ...]:
    """The loop again with its carries saved, and a loop from the end over the cotangents."""
    loop, count = Loop(**node.parameters), node.parameters["carries"]
    active = _varying(loop, wanted, "f")
    given = _reached(loop, active, flags(cotangents))
    seeds, pulled = reverse_of(loop.full, given, active)
    by_constant, by_carry, by_slice = loop.split(pulled)
    draft = _draft(loop, node.operands)
    values, draft.carries, draft.stacks = list(draft.carries), {}, present(by_slice)
    for seed, last, previous in zip(seeds[:count], cotangents[:count], by_carry, strict=True):
        if seed is not None:
            draft.carries[seed] = or_zero(last, seed), or_zero(previous, seed)
    sums = [None if part is None else Input(part.type, "sum") for part in by_constant]
    for total, part in given_to(sums, by_constant).items():
        draft.carries[total] = zeros(total.type), total + part
    draft.slices |= given_to(seeds[count:], cotangents[count:])
    draft.slices |= {value: value for value in values}  # they stand in for the saved ones
    draft.leave_out_unused()
    needed = [k for k, value in enumerate(values) if value in draft.slices]
    if needed:
        keeping = replace(loop, save=tuple(sorted({*loop.save, *needed})))
        saved = dict(zip(keeping.save, keeping(*node.operands)[len(loop.body.outputs) :], strict=True))
        draft.slices |= {values[k]: saved[k] for k in needed}
    finals, stacks, _ = draft.run(loop.length, not loop.reverse)
    return (
        *(finals.get(total) for total in sums),
        *(finals.get(seed) for seed in seeds[:count]),
        *place(stacks, by_slice),
    )


def _varying(loop: Loop, start: Flags, kinds: str) -> Flags:
    """The inputs of the body that change with an operand in `start`, where they are of these kinds of dtypes."""

    def grow(changing: Flags) -> Flags:
        outputs = zip(loop.body.outputs, depending(loop.body, changing), strict=True)
        reached = [flag and node.dtype.kind in kinds for node, flag in outputs][: loop.carries]
        return loop.with_carries(changing, either(loop.split(changing)[1], reached))

    return fixpoint(grow, start)


def _reached(loop: Loop, active: Flags, start: Flags) -> Flags:
    """The outputs of the body that a cotangent reaches, where those in `start` have one when the loop ends."""
    count, carries = loop.carries, loop.split(active)[1]

    def grow(given: Flags) -> Flags:
        pulled = loop.split(reverse_of(loop.full, given, active)[1])[1]
        return *either(given[:count], flags(pulled)), *given[count:]

    return fixpoint(grow, (*(flag and carry for flag, carry in zip(start, carries, strict=False)), *start[count:]))


def _batch(operands: Sequence[Node], batched: Sequence[bool], size: int, **parameters: Any) -> tuple[Node, ...]:
    loop = Loop(**parameters)
    has = _varying(loop, tuple(batched), "biuf")
    marks = (*loop.split(has)[1], *depending(loop.full, has)[loop.carries :])
    body = mixed(batch_of(loop.body, has, size), loop.body, marks[: len(loop.body.outputs)])
    constants, carries, slices = loop.split([*zip(operands, batched, has, strict=True)])
    results = replace(loop, body=body)(
        *(node for node, _, _ in constants),
        *(spread(node, was, size) if mark else node for node, was, mark in carries),
        *(np.swapaxes(node, 0, 1) if was else node for node, was, _ in slices),
    )
    finals, stacks = results[: loop.carries], results[loop.carries :]
    in_front: list[Any] = [
        np.swapaxes(node, 0, 1) if mark else node for node, mark in zip(stacks, marks[loop.carries :], strict=True)
    ]
    return tuple(spread(node, mark, size) for node, mark in zip((*finals, *in_front), marks, strict=True))


def mixed(many: Graph, single: Graph, marks: Sequence[bool]) -> Graph:
    """The batched body with the outputs that are not marked as they were: the same for every example."""
    outputs = zip(many.outputs, single.outputs, marks, strict=True)
    return Graph(many.inputs, [new if mark else old for new, old, mark in outputs])


def _outline(node: Node) -> Outline:
    loop = Loop(**node.parameters)
    inputs, operands, outputs = loop.split(loop.body.inputs), loop.split(node.operands), loop.body.outputs
    parts: set[Any] = {("constant", *pair) for pair in zip(inputs[0], operands[0], strict=True)}
    parts |= {("carry", *triple) for triple in zip(inputs[1], operands[1], outputs[: loop.carries], strict=True)}
    parts |= {("slice", *pair) for pair in zip(inputs[2], operands[2], strict=True)}
    results = [("carry", carry) for carry in inputs[1]]
    results += [("stack", output) for output in outputs[loop.carries :]]
    results += [("saved", inputs[1][k]) for k in loop.save]
    return Outline((scan, loop.length, loop.reverse), frozenset(parts), tuple(results))


# ------------------------------------------------------------------------------------------------------ declaration


def _recurrence() -> Graph:
    """c <- a c + x, and out of it y = c x: linear in none of its operands, and rational."""
    a, c, x = (Input(ArrayType.of(1.0), name) for name in "acx")
    return Graph([a, c, x], [a * c + x, c * x])


def _counting() -> Graph:
    """A vector that is multiplied by a counter: n <- n + 1, v <- n v, without sequences."""
    n, v = Input(ArrayType.of(1), "n"), Input(ArrayType.of(np.zeros(2)), "v")
    return Graph([n, v], [n + 1, v * n.astype(np.float64)])


def _widening() -> Graph:
    c = Input(ArrayType.of(1.0), "c")
    widened: Any = np.broadcast_to(c, (3,))
    return Graph([c], [widened])


def _samples() -> Iterable[Sample]:
    for reverse in (False, True):
        shape: dict[str, Any] = {"constants": 1, "carries": 1, "length": 3, "reverse": reverse, "save": (0,)}
        yield Sample(F(2)[0], F("1/3")[0], F(1, -3, "1/2"), body=_recurrence(), **shape)
    alone: dict[str, Any] = {"constants": 0, "carries": 2, "length": 3, "reverse": False, "save": ()}
    yield Sample(np.array(1), F(2, "-1/2"), body=_counting(), **alone)


def _rejects() -> Iterable[Sample]:
    shape: dict[str, Any] = {"constants": 1, "carries": 1, "length": 3, "reverse": False, "save": ()}
    body, xs = _recurrence(), np.zeros(3)
    yield Sample(1.0, 1.0, np.zeros(4), body=body, words="a sequence for x of type float64[3]; got float64[4]", **shape)
    yield Sample(1.0, np.zeros(2), xs, body=body, words="c of type float64[]; got float64[2]", **shape)
    yield Sample(1.0, np.float32(1), xs, body=body, words="c of type float64[]; got float32[]", **shape)
    yield Sample(1.0, 1.0, body=body, words="3 operands; got 2", **shape)
    body, shape["constants"] = _widening(), 0
    yield Sample(1.0, body=body, words="keeps the carry c of type float64[]; got float64[3]", **shape)


scan = Enclosing(
    name="scan",
    infer=_infer,
    reference=_run("reference"),
    exact=_run("exact"),
    derivative=Structural(_push, _pull),
    batch=_batch,
    lowering=Flow("scan"),
    latex=r"\operatorname{{scan}}_{{{length}}}",
    samples=_samples,
    rejects=_rejects,
    outline=_outline,
)
