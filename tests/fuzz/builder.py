"""A graph in the making: nodes to choose operands from, each with the value and the bound that it has."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.graph import OPERATIONS, Constant, Graph, Input, Node, apply, constant, in_order
from chainrule.types import ArrayType
from tests.fuzz.analysis import result_of
from tests.fuzz.bounded import Bounded, exactly
from tests.fuzz.values import BOOL, FLOATS, INDEX, INTEGERS, array, laid_out

LENGTHS = (1, 2, 3, 4, 5, 7, 8, 17, 33, 100)
Shape = tuple[int, ...]


class Skip(Exception):
    """An operation has no place in this graph: its operands cannot be had, or its result could not be compared."""


class Builder:
    """Nodes with their values; inputs are made when an operand is wanted that is not there.

    In a body the inputs are given and constants stand in for new ones. `kind` is that of the values: where it is
    "wild", results need not be numbers.
    """

    def __init__(self, choose: random.Random, kind: str, largest: int = 4000, outer: Builder | None = None) -> None:
        self.choose, self.kind, self.largest = choose, kind, largest
        self.depth: int = 0 if outer is None else outer.depth + 1
        self.inputs: list[Input] = []
        self.given: list[Node] = []
        self.pool: list[Node] = []
        self.known: dict[Node, Any] = {}
        self.lengths = [choose.choice(LENGTHS) for _ in range(3)]
        if choose.random() < 0.1:
            self.lengths.append(0)

    # ------------------------------------------------------------------------------------------------- making nodes

    def input(self, value: np.ndarray, name: str | None = None) -> Node:
        """A new input with this value; in a body a constant."""
        if self.depth:
            node: Node = constant(value)
        else:
            node = Input(ArrayType.of(value), name or f"x{len(self.inputs)}")
            self.inputs.append(node)  # type: ignore[arg-type]
            self.given.append(laid_out(self.choose, value))
        self.known[node] = exactly(value)
        self.pool.append(node)
        return node

    def adopt(self, node: Input, value: Bounded) -> None:
        """An input of a body, with the value that it has in its first run."""
        self.inputs.append(node)
        self.known[node] = value
        self.pool.append(node)

    def value(self, node: Node) -> Any:
        """The value of a node with its bound; what is under it is computed and kept."""
        with np.errstate(all="ignore"):
            for one in in_order([node], known=self.known):
                self.known[one] = result_of(one, [self.known[operand] for operand in one.operands])
        return self.known[node]

    def add(self, node: Node) -> Node:
        """Take a node into the pool, or skip it if most of what it is cannot be compared."""
        try:
            results = self.value(node)
        except (ChainruleError, np.linalg.LinAlgError, ValueError, OverflowError) as error:
            raise Skip(str(error)) from None
        for one in results if isinstance(results, tuple) else (results,):
            if one.value.size and np.mean(np.isinf(one.error)) > 0.3:
                raise Skip("open")
            if one.value.size and self.kind != "wild" and np.mean(np.isfinite(one.value)) < 0.7:
                raise Skip("no numbers")
        for one in node.results if isinstance(node.type, tuple) else (node,):
            self.value(one)
            self.pool.append(one)
        return node

    def apply(self, name: str, *operands: Node, **parameters: Any) -> Node:
        """The node of an operation, in the pool."""
        return self.add(apply(OPERATIONS[name], operands, parameters))

    # --------------------------------------------------------------------------------------------- choosing operands

    def length(self, least: int = 0) -> int:
        """The length of an axis: one of a few in this graph, so that shapes meet."""
        return max(least, self.choose.choice((*self.lengths, 1) if self.choose.random() < 0.8 else LENGTHS))

    def shape(self, rank: int | None = None, least: int = 0) -> Shape:
        """A shape that is not too large."""
        rank = self.choose.choice((0, 1, 1, 2, 2, 2, 3, 3, 4)) if rank is None else rank
        shape = [self.length(least) for _ in range(rank)]
        while np.prod(shape) > self.largest:
            shape[shape.index(max(shape))] = self.choose.choice((1, 2, 3, 5))
        return tuple(shape)

    def dtype(self, kinds: str = "fffffiub") -> np.dtype:
        """A dtype of one of these kinds."""
        kind = self.choose.choice(kinds)
        if kind == "f":
            return self.choose.choice(FLOATS)
        return BOOL if kind == "b" else self.choose.choice([one for one in INTEGERS if one.kind == kind])

    def find(self, accept: Callable[[Node], bool]) -> Node | None:
        """One of the newest nodes that are accepted: chains grow long that way."""
        fitting = [node for node in self.pool if not isinstance(node, Constant) and accept(node)]
        if not fitting:
            return None
        return fitting[-1 - int(min(self.choose.expovariate(0.4), len(fitting) - 1))]

    def operand(self, kinds: str = "f", rank: int | None = None, least: int = 0) -> Node:
        """A node of one of these kinds of dtype, and of this rank or any; most often one that is there."""

        def fits(node: Node) -> bool:
            lengths = min(node.shape, default=least) >= least
            return node.dtype.kind in kinds and (rank is None or node.ndim == rank) and lengths

        found = self.find(fits) if self.choose.random() < 0.85 else None
        return found if found is not None else self.fresh(self.shape(rank, least), self.dtype(kinds))

    def fresh(self, shape: Shape, dtype: np.dtype) -> Node:
        """A new input; now and then one row that is repeated, which takes no memory of its own."""
        value = array(self.choose, self.kind, shape, dtype)
        repeated = shape and shape[0] > 1 and self.split(0.1)
        return self.input(np.broadcast_to(value[0], shape) if repeated else value)

    def like(self, shape: Shape, dtype: np.dtype, broadcast: bool = False) -> Node:
        """A node of this dtype and shape, or of one that broadcasts to it."""

        def fits(node: Node) -> bool:
            return node.dtype == dtype and (node.shape == shape or (broadcast and broadcasts(node.shape, shape)))

        found = self.find(fits) if self.choose.random() < 0.85 else None
        if found is not None:
            return found
        if broadcast and self.choose.random() < 0.4:
            shape = tuple(1 if self.choose.random() < 0.4 else n for n in shape[self.choose.randint(0, len(shape)) :])
        return self.fresh(shape, dtype)

    def index(self, shape: Shape, length: int, least: int = 0) -> Node:
        """Whole numbers of int64 from `least` to below `length`."""
        if length <= least:
            raise Skip("nothing to index")
        found = self.find(lambda node: node.dtype == INDEX and self.within(node, shape, least, length))
        if found is not None and self.choose.random() < 0.6:
            return found
        draw = np.random.default_rng(self.choose.getrandbits(32))
        return self.input(draw.integers(least, length, shape))

    def within(self, node: Node, shape: Shape, least: int, length: int) -> bool:
        """Whether a node is of this shape and certain to stay within bounds. In a body only a constant is."""
        one = self.known[node]
        certain = self.depth == 0 and one.exact and node.shape == shape
        return certain and bool(np.all((one.value >= least) & (one.value < length)))

    def split(self, share: float) -> bool:
        """True with this chance."""
        return self.choose.random() < share


def broadcasts(shape: Shape, target: Shape) -> bool:
    """Whether an array of a shape can be broadcast to another."""
    return len(shape) <= len(target) and all(
        n in (1, m) for n, m in zip(reversed(shape), reversed(target), strict=False)
    )


def floating(nodes: Sequence[Node]) -> list[Node]:
    """Those with a derivative."""
    return [node for node in nodes if node.dtype.kind == "f"]


def closed(inputs: Sequence[Input], outputs: Sequence[Node]) -> Graph:
    """The graph of a body."""
    return Graph(inputs, outputs)
