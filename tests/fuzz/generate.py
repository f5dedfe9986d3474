"""Random well-formed graphs over every registered operation, with values for their inputs.

A graph is made from a number: the same number gives the same graph in every run. It is grown node by node from the
newest values, so that elementwise chains meet transposes, slices, reductions and products in their middle; it may end
in derivatives of itself, or be batched. What is made is evaluated at once, so that most of it can be compared.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

import chainrule.derive
from chainrule.errors import ChainruleError
from chainrule.graph import OPERATIONS, Graph, Input, Node, depends_on
from chainrule.ops.declare import Elementwise
from chainrule.types import ArrayType
from tests.fuzz import makers_structure
from tests.fuzz.builder import Builder, Skip, floating
from tests.fuzz.case import Case
from tests.fuzz.makers import MAKERS, make
from tests.fuzz.values import array, laid_out

assert makers_structure
NAMES = tuple(OPERATIONS)
SMOOTH = (
    "add subtract multiply divide tanh exp sin cos expit sqrt square maximum where sum max contract reshape "
    "transpose slice broadcast_to concatenate write_slice gather scatter_add cumsum windows convolution recurrence "
    "prod scan cond checkpoint solve astype"
).split()
FUSED = (
    "add subtract subtract multiply multiply add tanh exp maximum maximum where negative transpose slice reshape "
    "broadcast_to sum sum max contract contract concatenate write_slice cumsum gather windows square less astype"
).split()
DISCRETE = (
    "floor ceil rint rint trunc sign astype floor_divide remainder less greater maximum minimum right_shift add "
    "multiply argmax argmin argsort max min any where gather scatter_add slice transpose contract"
).split()
FLOW = (
    "scan scan cond while_loop while_loop checkpoint custom_vjp contract contract add multiply tanh sum slice".split()
)
MENUS = (NAMES, NAMES, FUSED, FUSED, SMOOTH, DISCRETE, DISCRETE, FLOW)
"""What the operations of a graph are chosen from."""


def generate(number: int, seed: int = 0) -> Case:
    """The graph of this number; the operation of the same number, counted around, is in it if it can be."""
    return generated(random.Random(f"{seed}/{number}"), NAMES[number % len(NAMES)], f"graph {number} of seed {seed}")


def generated(choose: random.Random, featured: str, label: str = "") -> Case:
    """A graph made with these random choices, with the featured operation in it."""
    kind = choose.choice(("real", "real", "real", "whole", "whole", "wild", "wild", "wild"))
    build = Builder(choose, kind, choose.choice((60, 400, 400, 4000)))
    menu = choose.choice(MENUS)
    plan = [
        choose.choice(menu if choose.random() < 0.8 else NAMES) for _ in range(choose.choice((1, 3, 6, 9, 14, 20, 30)))
    ]
    plan.insert(choose.randint(0, len(plan)), featured)
    wanted: list[Node] = []
    for name in plan:
        for _ in range(6 if name == featured else 1):
            try:
                node = make(build, name)
            except Skip:
                continue
            if name == featured:
                wanted = list(node.results if isinstance(node.type, tuple) else (node,))
            break
    if not build.pool:
        build.operand()
    outputs = _outputs(build, wanted)
    if choose.random() < 0.4:
        outputs += _derivatives(build, outputs)
    graph, given = Graph(build.inputs, outputs), build.given
    if choose.random() < 0.1:
        graph, given = _batched(build, outputs) or (graph, given)
    return (
        pruned(Case(graph, Graph([], given), label)) if choose.random() < 0.9 else Case(graph, Graph([], given), label)
    )


def pruned(case: Case) -> Case:
    """The case without the inputs that nothing needs."""
    used = set(case.graph.nodes)
    pairs = [pair for pair in zip(case.graph.inputs, case.given.outputs, strict=True) if pair[0] in used]
    graph = Graph([node for node, _ in pairs], case.graph.outputs)
    return Case(graph, Graph([], [value for _, value in pairs]), case.label)


def _outputs(build: Builder, wanted: list[Node]) -> list[Node]:
    """The newest value, what the featured operation gives, and some others: inputs, and one value twice."""
    choose = build.choose
    outputs = [build.pool[-1], *wanted[:2]]
    outputs += [choose.choice(build.pool) for _ in range(choose.choice((0, 1, 2, 3)))]
    if choose.random() < 0.05:
        outputs.append(outputs[0])
    choose.shuffle(outputs)
    return outputs


def _derivatives(build: Builder, outputs: list[Node]) -> list[Node]:
    """Forward or reverse mode of a floating output, where it can be had and compared; at times one of the other."""
    choose = build.choose
    moving = floating(build.inputs)
    smooth = [node for node in floating(outputs) if depends_on([node], moving) - set(moving)]
    if not smooth or not moving:
        return []
    output = choose.choice(smooth)
    seed = build.like(output.shape, output.dtype)
    found: list[Any] = []
    try:
        with np.errstate(all="ignore"):
            for _ in range(choose.choice((1, 1, 2))):
                if choose.random() < 0.6:
                    found = chainrule.derive.reverse([output], [seed], moving)
                else:
                    found = chainrule.derive.forward([output], moving, [build.like(x.shape, x.dtype) for x in moving])
                kept = [node for node in found if node is not None]
                for node in kept:
                    build.add(node)
                if not kept:
                    return []
                output = choose.choice(kept)
                seed = build.like(output.shape, output.dtype)
    except (Skip, ChainruleError):
        return []
    return [node for node in found if node is not None][:3]


def _batched(build: Builder, outputs: list[Node]) -> tuple[Graph, list[Node]] | None:
    """The graph over a batch of some of its inputs: the values are repeated, floats with other numbers."""
    size = build.choose.choice((1, 2, 3, 5))
    flags = [build.choose.random() < 0.6 for _ in build.inputs]
    inputs: list[Any] = []
    given: list[Node] = []
    for node, old, flag in zip(build.inputs, build.given, flags, strict=True):
        if not flag:
            inputs.append(node)
            given.append(old)
            continue
        rows = np.stack([build.known[node].value] * size)
        inputs.append(Input(ArrayType.of(rows), node.name))
        given.append(laid_out(build.choose, rows))
    if sum(int(np.prod(node.shape)) for node in outputs) * size > 4 * build.largest:
        return None
    try:
        results = chainrule.derive.batch(outputs, build.inputs, inputs, flags, size)
    except ChainruleError:
        return None
    return Graph(inputs, results), given


__all__ = ["MAKERS", "NAMES", "Elementwise", "array", "generate", "generated"]
