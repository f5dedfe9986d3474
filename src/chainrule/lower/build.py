"""Building kernels: the nodes that are computed together, as one loop nest.

A node's element is the expression that its operation's lowering gives for elements of the operands; where an operand is
in memory that expression reads it, where it is not it is the operand's own expression, and so on down to memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.graph import Condition, Constant, Element, Fold, Input, Node, SameElements, Statements
from chainrule.loops import (
    COMBINES,
    Buffer,
    Index,
    Kernel,
    Scalar,
    Statement,
    accumulate,
    apply,
    as_indices,
    cast,
    constant,
    loop,
    neutral,
    same,
    store,
)
from chainrule.lower.expand import lowering_of
from chainrule.lower.place import Layout, is_short
from chainrule.lower.program import Place, Run
from chainrule.lower.reshape import Factors, source_index
from chainrule.types import size_of


@lru_cache(maxsize=65536)
def described(name: str, shape: tuple[int, ...], dtype: np.dtype, role: Any) -> Buffer:
    """One buffer for one description, so that equal kernels have the very same expressions."""
    return Buffer(name, shape, dtype, role)


class Operand:
    """An operand as a lowering rule sees it: a type, and elements to read."""

    __slots__ = ("draft", "dtype", "node", "shape")

    def __init__(self, draft: Draft, node: Node) -> None:
        self.draft, self.node, self.shape, self.dtype = draft, node, node.shape, node.dtype

    def __getitem__(self, index: Any) -> Scalar:
        return self.draft.read(self.node, as_indices(index))


class Draft:
    """A kernel in the making. `again` collects nodes whose elements were asked for at more than one place."""

    def __init__(self, layout: Layout, place_of: Callable[[Node], Place]) -> None:
        self.layout, self.place_of = layout, place_of
        self.inputs: dict[tuple[Place, tuple[int, ...]], Buffer] = {}
        self.outputs: dict[Place, Buffer] = {}
        self.values: dict[Any, Scalar] = {}
        self.first: dict[Node, Any] = {}
        self.again: set[Node] = set()
        self.accumulator: tuple[Node, Buffer, tuple[Any, ...]] | None = None
        self.extents: dict[Index, int] = {}
        self.beside = False

    # ------------------------------------------------------------------------------------------------ elements

    def read(self, node: Node, index: tuple[Any, ...]) -> Scalar:
        """The expression of an element of a node."""
        if size_of(node.shape) == 0:
            return constant(0, node.dtype)  # an element of nothing: no memory is touched
        index = tuple(constant(0, np.int64) if n == 1 else one for one, n in zip(index, node.shape, strict=True))
        key = node, index
        if key not in self.values:
            self.values[key] = self._element(node, index)
        return self.values[key]

    def _element(self, node: Node, index: tuple[Any, ...]) -> Scalar:
        if self.accumulator is not None and node is self.accumulator[0]:
            _, buffer, place = self.accumulator
            if not same(index, place):
                self.again.add(node)
            return buffer[place]
        if isinstance(node, (Input, Constant)) and (number := self._number(node)) is not None:
            return number
        if isinstance(node, (Input, Constant)) or node in self.layout.stored or node in self.layout.renamed:
            return self.buffer(node)[index]
        if not self.beside:
            moves = isinstance(lowering_of(node), SameElements)  # what only moves may be read anywhere
            if node in self.first and not moves and not same(self.first[node], index):
                self.again.add(node)
            self.first.setdefault(node, index)
        return self.compute(node, index)

    def _number(self, node: Input | Constant) -> Scalar | None:
        """The number that all elements of a constant are, also of one that a body is given."""
        value = node.value if isinstance(node, Constant) else self.place_of(node).value
        flat = value.reshape(-1) if value is not None else np.empty(0)
        if len({one.tobytes() for one in flat[:17]}) == 1 and len({flat.dtype.type(x).tobytes() for x in flat}) == 1:
            return constant(flat[0].item(), node.dtype)
        return None

    def compute(self, node: Node, index: tuple[Any, ...]) -> Scalar:
        """The expression of an element from elements of the operands."""
        lowering = lowering_of(node)
        if isinstance(lowering, SameElements):
            source = node.operands[0]
            place = source_index(index, node.shape, source.shape, self.extents)
            if place is None:
                self.again.add(node)
                place = (constant(0, np.int64),) * source.ndim
            return self.read(source, place)
        if isinstance(lowering, Fold):
            return self._written_out(node, lowering, index)
        operands = [Operand(self, operand) for operand in node.operands]
        return cast(lowering.rule(index, *operands, **node.parameters), node.dtype)  # type: ignore[union-attr]

    def _written_out(self, node: Node, lowering: Fold, index: tuple[Any, ...]) -> Scalar:
        """A fold of few steps as one expression. Its operands' elements are read by the steps side by side."""
        combine, extents = self._fold_of(node, lowering)
        operands = [Operand(self, operand) for operand in node.operands]
        total: Scalar = constant(neutral(combine, node.dtype), node.dtype)
        beside, self.beside = self.beside, True
        for step in np.ndindex(*extents):
            place = tuple(constant(k, np.int64) for k in step)
            value = cast(lowering.rule(index, place, *operands, **node.parameters), node.dtype)
            total = apply(COMBINES[combine], total, value)
        self.beside = beside
        return total

    def _fold_of(self, node: Node, lowering: Fold) -> tuple[str, tuple[int, ...]]:
        """How a fold combines, and the lengths of its axes."""
        operands = [Operand(self, operand) for operand in node.operands]
        combine: Any = lowering.combine
        if not isinstance(combine, str):
            combine = combine(*operands, **node.parameters)
        return combine, tuple(lowering.extents(*operands, **node.parameters))

    def buffer(self, node: Node) -> Buffer:
        """The buffer in which the kernel finds a node that is in memory."""
        place, shape = self.place_of(node), node.shape
        if (place, shape) not in self.inputs:
            self.inputs[place, shape] = described(f"x{len(self.inputs)}", shape, node.dtype, "input")
        return self.inputs[place, shape]

    def output(self, place: Place) -> Buffer:
        """The buffer in which the kernel leaves a result."""
        if place not in self.outputs:
            self.outputs[place] = described(f"y{len(self.outputs)}", place.type.shape, place.type.dtype, "output")
        return self.outputs[place]

    # ------------------------------------------------------------------------------------------------- kernels

    def finish(self, name: str, body: Sequence[Statement]) -> Run:
        """The kernel of these statements, and the places of its buffers."""
        buffers = (*self.inputs.values(), *self.outputs.values())
        places = (*(place for place, _ in self.inputs), *self.outputs)
        return Run(Kernel(name, buffers, tuple(body)), places)

    def elements(self, roots: Sequence[Node]) -> Run:
        """The kernel that computes every element of some nodes of one shape, or of one fold and what follows it."""
        parts = next((self.layout.factors[root] for root in roots if root in self.layout.factors), None)
        index, around = self._loops("i", parts or tuple((n,) for n in roots[0].shape))
        places = [self.output(self.place_of(root)) for root in roots]
        root, out = roots[0], places[0]
        own = root if isinstance(lowering_of(root), Fold) and not is_short(root) else None
        fold = self.layout.accumulated.get(root, own)
        if fold is None:
            body = tuple(self._store(node, to, index) for node, to in zip(roots, places, strict=True))
        else:
            body = self._fold(fold, out, index)
            if fold is not root:
                self.accumulator = fold, out, index
                body = (*body, self._store(root, out, index))
        return self.finish(root.operation.name, _nest(around, body))

    def _store(self, node: Node, out: Buffer, index: tuple[Any, ...]) -> Statement:
        value = self.values[node, index] = self.compute(node, index)
        return store(out, index, value)

    def _fold(self, node: Node, out: Buffer, index: tuple[Any, ...]) -> tuple[Statement, ...]:
        lowering: Any = lowering_of(node)
        combine, extents = self._fold_of(node, lowering)
        inner, around = self._loops("r", tuple((n,) for n in extents))
        operands = [Operand(self, operand) for operand in node.operands]
        value = cast(lowering.rule(index, inner, *operands, **node.parameters), node.dtype)
        start = store(out, index, neutral(combine, node.dtype))
        body: tuple[Statement, ...] = (accumulate(out, index, combine, value),)
        return (start, *_nest(around, body, "serial"))

    def statements(self, node: Node) -> Run:
        """The kernel of an operation whose lowering writes its own loops."""
        lowering: Any = lowering_of(node)
        out = self.output(self.place_of(node))
        if lowering.over is not None:
            self.buffer(node)  # the kernel needs what is there before it
        operands = [
            out if number == lowering.over else self.buffer(operand) for number, operand in enumerate(node.operands)
        ]
        return self.finish(node.operation.name, tuple(lowering.rule(out, *operands, **node.parameters)))

    def check(self, node: Node, fault: Place) -> Run | None:
        """The kernel that sets the fault where an operand is what the operation refuses."""
        lowering = lowering_of(node)
        if not isinstance(lowering, (Element, Statements)) or lowering.valid is None:
            return None
        operands = [Operand(self, operand) for operand in node.operands]
        condition: Condition | None = lowering.valid(*operands, **node.parameters)
        if condition is None:
            return None
        index, around = self._loops("i", tuple((n,) for n in condition.shape))
        body: tuple[Statement, ...] = (accumulate(self.output(fault), (), "any", ~condition.rule(index)),)
        return self.finish("check", _nest(around, body, "serial"))

    def _loops(self, letter: str, shape: Factors) -> tuple[tuple[Any, ...], list[tuple[Index, int]]]:
        """The index along each axis, and the loops that it is made of: none along an axis of length 1."""
        found: list[Any] = []
        around: list[tuple[Index, int]] = []
        for axis, parts in enumerate(shape):
            names = [f"{letter}{axis}"] if len(parts) == 1 else [f"{letter}{axis}{part}" for part in "abcdefgh"]
            loops = [(Index(name), n) for name, n in zip(names, parts, strict=False) if n != 1]
            index: Any = None
            for one, n in loops:
                index = one if index is None else index * n + one
            found.append(constant(0, np.int64) if index is None else index)
            around += loops
        self.extents.update(around)
        return tuple(found), around


def _nest(around: Sequence[tuple[Index, int]], body: Sequence[Statement], kind: Any = "parallel") -> Any:
    """The statements inside these loops."""
    for index, n in reversed(around):
        body = (loop(index, n, *body, kind=kind),)
    return tuple(body)
