"""Lowering: a graph, and each body in it, to a block of steps.

A block finds its inputs in given places and makes a place for each value that is kept in memory. What it hands on is
copied to where it is wanted; `memory.py` then joins places so that nearly all of these copies vanish, and a loop's
carries are worked on in place.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.graph import (
    Constant,
    Element,
    Evaluated,
    Flow,
    Fold,
    Graph,
    Node,
    Routine,
    SameElements,
    Statements,
    project,
)
from chainrule.lower.build import Draft
from chainrule.lower.cost import cost_of
from chainrule.lower.expand import expand, lowering_of
from chainrule.lower.group import group
from chainrule.lower.place import Layout, lay_out
from chainrule.lower.program import Branch, Call, Copy, Counter, Evaluate, Place, Program, Repeat, Run, Step, While
from chainrule.types import ArrayType

Scratch: TypeAlias = Callable[[str, Sequence[ArrayType], tuple[int, ...]], int]
"""The bytes of memory that a routine works in: of its name, the types of its operands, and its numbers."""
_TRUTH = ArrayType((), np.dtype(bool))


def lower_steps(graph: Graph, scratch: Scratch = lambda *_: 0) -> Program:
    """The steps that compute a graph."""
    expanded = expand(graph)
    inputs = [Place(f"in{k}", node.type, "input", k) for k, node in enumerate(expanded.inputs)]
    outputs = [Place(f"out{k}", node.type, "output", k) for k, node in enumerate(expanded.outputs)]
    program = Program(graph, inputs, outputs, [], Place("fault", _TRUTH, "output", -1))
    maker = Maker(program, scratch)
    program.steps = maker.block(expanded, inputs, outputs)
    return program


class Maker:
    """Makes the blocks of one program."""

    def __init__(self, program: Program, scratch: Scratch) -> None:
        self.program, self.scratch = program, scratch
        self.numbers = itertools.count()
        self.constants: dict[Node, Place] = {}

    def local(self, kind: ArrayType, name: str = "t") -> Place:
        """A new place in the arena."""
        return Place(f"{name}{next(self.numbers)}", kind)

    def constant(self, node: Constant) -> Place:
        """The place of a constant, one for the whole program."""
        if node not in self.constants:
            place = Place(f"c{len(self.constants)}", node.type, "constant", len(self.constants), node.value)
            self.constants[node] = place
            self.program.constants.append(place)
        return self.constants[node]

    def block(self, graph: Graph, inputs: Sequence[Place], outputs: Sequence[Place]) -> list[Step]:
        """The steps that fill `outputs` from `inputs`."""
        block = Block(self, graph, inputs)
        steps = list(block.steps())
        return [*steps, *self.hand_on([block.place(node) for node in graph.outputs], outputs)]

    def hand_on(self, sources: Sequence[Place], targets: Sequence[Place]) -> list[Step]:
        """Copies from all sources to all targets at once: a source that is also a target is put aside first."""
        own = set(targets)
        first: list[Step] = []
        then: list[Step] = []
        for source, target in zip(sources, targets, strict=True):
            if source in own and source is not target:
                aside = self.local(source.type, "aside")
                first.append(Copy(aside, source))
                source = aside
            then.append(Copy(target, source))
        return [*first, *then]


class Block:
    """One graph on its way to steps."""

    def __init__(self, maker: Maker, graph: Graph, inputs: Sequence[Place]) -> None:
        self.maker, self.graph = maker, graph
        self.order = [node for node in graph.nodes if node.operation is not None]
        self.places: dict[Any, Place] = dict(zip(graph.inputs, inputs, strict=True))
        self.layout = self._settled()

    def place(self, node: Node) -> Place:
        """Where a value that is in memory is."""
        if isinstance(node, Constant):
            return self.maker.constant(node)
        if node not in self.places:
            if node in self.layout.renamed:
                self.places[node] = self.place(node.operands[0])
            elif node.operation is not None and node.operation is project:
                self.places[node] = self.results(node.operands[0])[node.parameters["index"]]
            else:
                self.places[node] = self.maker.local(node.type)
        return self.places[node]

    def results(self, node: Node) -> list[Place]:
        """The places of the results of an operation that has several."""
        if (node, "results") not in self.places:
            self.places[node, "results"] = [self.maker.local(kind) for kind in node.type]  # type: ignore[assignment]
        return self.places[node, "results"]  # type: ignore[return-value]

    def _settled(self) -> Layout:
        """The layout in which nothing costly is computed at two places of one kernel."""
        forced: set[Node] = set()
        while True:
            layout = lay_out(self.order, self.graph.outputs, forced)
            again = self._asked_again(layout)
            found = {node for node in again if isinstance(lowering_of(node), (Fold, SameElements)) or cost_of(node)}
            if not found - forced:
                return layout
            forced |= found

    def _asked_again(self, layout: Layout) -> set[Node]:
        self.layout = layout
        again: set[Node] = set()
        self.drafts: dict[tuple[Node, ...], tuple[Draft, Run]] = {}
        for node in self.order:
            if node in layout.stored and isinstance(lowering_of(node), (Element, Fold, SameElements)):
                again |= self.draft((node,))[0].again
        return again

    def draft(self, roots: tuple[Node, ...]) -> tuple[Draft, Run]:
        """The kernel that computes these nodes, kept for when it is asked for again."""
        if roots not in self.drafts:
            draft = Draft(self.layout, self.place)
            self.drafts[roots] = draft, draft.elements(roots)
        return self.drafts[roots]

    # --------------------------------------------------------------------------------------------------- steps

    def steps(self) -> Iterator[Step]:
        """Every step of the block, in an order in which each finds what it needs."""
        for roots in group(self):
            node = roots[0]
            own = {self.place(root) for root in roots} if len(roots) > 1 else set()
            checks = list(self._checks(roots))
            yield from (check for check in checks if own.isdisjoint(check.reads))
            lowering = lowering_of(node)
            match lowering:
                case Element() | Fold() | SameElements():
                    yield self.draft(roots)[1]
                case Statements():
                    if lowering.over is not None:
                        yield Copy(self.place(node), self.place(node.operands[lowering.over]))
                    yield Draft(self.layout, self.place).statements(node)
                case Flow():
                    yield from self._flow(node, lowering.kind)
                case Routine():
                    yield self._call(node, lowering)
                case Evaluated():
                    if node.operation is not project:
                        yield self._evaluate(node)
            yield from (check for check in checks if not own.isdisjoint(check.reads))  # of what the group makes

    def _checks(self, roots: Sequence[Node]) -> Iterator[Run]:
        for root in roots:
            for node in self.computed[root]:
                step = Draft(self.layout, self.place).check(node, self.maker.program.fault)
                if step is not None:
                    yield step

    def _evaluate(self, node: Node) -> Step:
        operands = tuple(self.place(operand) for operand in node.operands)
        return Evaluate(
            node, operands, tuple(self.results(node) if isinstance(node.type, tuple) else [self.place(node)])
        )

    def _call(self, node: Node, routine: Routine) -> Step:
        operands = tuple(self.place(operand) for operand in node.operands)
        results = self.results(node) if isinstance(node.type, tuple) else [self.place(node)]
        numbers = routine.numbers(*node.operands, **node.parameters) or ()
        given = node.type if isinstance(node.type, tuple) else (node.type,)
        types = (*(operand.type for operand in node.operands), *given)
        scratch = self.maker.scratch(routine.name, types[: len(operands)], numbers)
        memory = self.maker.local(ArrayType((scratch,), np.dtype(np.uint8)), "scratch")
        return Call(routine.name, operands, tuple(results), types, numbers, memory)

    def _flow(self, node: Node, kind: str) -> Iterator[Step]:
        operands = [self.place(operand) for operand in node.operands]
        parameters, results = node.parameters, self.results(node)
        make = self.maker.block
        if kind == "call":
            yield from make(parameters["body"], operands, results)
            return
        if kind == "branch":
            predicate, *rest = operands
            yield Branch(
                predicate, make(parameters["then"], rest, results), make(parameters["otherwise"], rest, results)
            )
            return
        fixed, count = operands[: parameters["constants"]], parameters["constants"]
        if kind == "while":
            carries = [self.maker.local(place.type, "carry") for place in operands[count:]]
            predicate = self.maker.local(_TRUTH)
            yield from map(Copy, carries, operands[count:])
            condition = make(parameters["condition"], [*fixed, *carries], [predicate])
            body = make(parameters["body"], [*fixed, *carries], carries)
            yield While(condition, predicate, body, parameters["steps"])
            yield from map(Copy, results, carries)
            return
        yield from self._scan(parameters, operands, results)

    def _scan(self, parameters: Any, operands: list[Place], results: list[Place]) -> Iterator[Step]:
        body, count, many = parameters["body"], parameters["constants"], parameters["carries"]
        counter = Counter(f"n{next(self.maker.numbers)}")

        def slice_of(place: Place, kind: Any) -> Place:
            return Place(f"{place.name}'", kind, base=place, counter=counter)

        firsts = operands[count : count + many]
        carries = [self.maker.local(place.type, "carry") for place in firsts]
        stacks = [slice_of(place, ArrayType(place.type.shape[1:], place.type.dtype)) for place in results[many:]]
        own = len(stacks) - len(parameters["save"])
        yield from map(Copy, carries, firsts)
        # of the types that the body says: an operand's place may have been given another shape
        slices = map(slice_of, operands[count + many :], (node.type for node in body.inputs[count + many :]))
        inputs = [*operands[:count], *carries, *slices]
        steps = self.maker.block(body, inputs, [*carries, *stacks[:own]])
        saved = [Copy(stack, carries[k]) for stack, k in zip(stacks[own:], parameters["save"], strict=True)]
        yield Repeat(counter, parameters["length"], parameters["reverse"], not many, [*saved, *steps])
        yield from map(Copy, results[:many], carries)

    # ------------------------------------------------------------------------------------------- what needs what

    def roots(self) -> list[Node]:
        """The nodes that have a step of their own, operands first."""
        absorbed = self.layout.absorbed
        return [
            node
            for node in self.order
            if node in self.layout.stored and node not in absorbed and not self._is_part(node)
        ]

    def _is_part(self, node: Node) -> bool:
        return node.operation is project

    @property
    def computed(self) -> dict[Node, list[Node]]:
        """For each root the nodes that are computed first in its step: itself, and what is not in memory."""
        if not hasattr(self, "_computed"):
            self._computed: dict[Node, list[Node]] = {root: [root] for root in self.roots()}
            numbers = {root: k for k, root in enumerate(self.roots())}
            for node in self.order:
                if (node not in self.layout.stored and node not in self.layout.renamed) or node in self.layout.absorbed:
                    homes = [root for root in self.layout.roots.get(node, ()) if root in numbers]
                    if homes:
                        self._computed[min(homes, key=numbers.__getitem__)].append(node)
        return self._computed
