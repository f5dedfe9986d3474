"""Which values get memory, and which are computed where they are read.

Takes the nodes of a block, operands first; leaves a `Layout`: the nodes that are kept in memory, those that are another
node's memory under a new shape, and for each fold that one kernel alone reads at its own place, that kernel's root: the
fold becomes the kernel's accumulator and what follows its epilogue.

A value is computed where it is read if that is cheap, or if it happens once: at one place of one kernel.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.graph import Constant, Element, Fold, Input, Node, SameElements
from chainrule.lower.cost import cost_of
from chainrule.lower.expand import lowering_of
from chainrule.lower.reshape import Factors, factors, is_unit_reshape
from chainrule.types import size_of

MOST_NODES_IN_A_KERNEL, DEEPEST, CHEAP, OFTEN = 120, 40, 2, 1.5
LIGHT = 8
"""What may be computed again from one array, since it costs no more memory than the result would."""
SHORT, MODERATE = 4, 64
"""A value of moderate cost that is read once for each of a few neighbours is computed for them together."""


@dataclass
class Layout:
    """What a block keeps in memory. `roots[node]` are the kernels in which a node is computed."""

    stored: set[Node] = field(default_factory=set)
    renamed: set[Node] = field(default_factory=set)
    roots: dict[Node, frozenset[Node]] = field(default_factory=dict)
    accumulated: dict[Node, Node] = field(default_factory=dict)
    """For the root of a kernel the fold that it accumulates."""
    absorbed: set[Node] = field(default_factory=set)
    """These folds: the accumulators of other nodes' kernels."""
    factors: dict[Node, Factors] = field(default_factory=dict)
    """For the root of a kernel the loops for each of its axes, where these are not one each."""

    def store(self, node: Node) -> None:
        """Keep a node in memory, computed by a kernel of its own."""
        self.stored.add(node)
        self.roots[node] = frozenset((node,))

    def absorb(self, fold: Node, root: Node) -> None:
        """Make a fold the accumulator of a kernel."""
        self.accumulated[root] = fold
        self.absorbed.add(fold)


def lay_out(order: Sequence[Node], outputs: Collection[Node], forced: Collection[Node] = ()) -> Layout:
    """Decide for every node of a block; those in `forced` are kept in memory."""
    placing = _Placing(_users(order), _totals(order), {*outputs, *forced})
    for node in reversed(order):
        if not isinstance(node, (Input, Constant)):
            placing.decide(node)
    return placing.layout


@dataclass
class _Placing:
    """What is decided so far, from the results on: how often a node is asked for, and how deep in how large kernels."""

    users: Mapping[Node, Sequence[Node]]
    totals: Mapping[Node, int]
    kept: Collection[Node]
    layout: Layout = field(default_factory=Layout)
    sizes: dict[Node, int] = field(default_factory=dict)
    depths: dict[Node, int] = field(default_factory=dict)
    repeats: dict[Node, float] = field(default_factory=dict)
    asked: set[Node] = field(default_factory=set)
    """What a check reads, in itself or through what is computed where it is read."""

    def decide(self, node: Node) -> None:
        """Keep a node in memory, or have it computed where it is read."""
        lowering, layout, readers = lowering_of(node), self.layout, self.users.get(node, [])
        simple = not isinstance(node.type, tuple) and isinstance(lowering, (Element, Fold, SameElements))
        moves = isinstance(lowering, SameElements) and not is_unit_reshape(node.shape, node.operands[0].shape)
        if not simple or node in self.kept or (moves and not self._passes(node.operands[0])):
            (layout.renamed.add if moves else layout.store)(node)
            return
        if any(reader in self.asked or _is_checked(reader) for reader in readers):
            self.asked.add(node)
        if any(_needs_memory(reader, layout) for reader in readers):
            (layout.renamed.add if isinstance(lowering, SameElements) else layout.store)(node)
        elif self._goes_inside(node, moves, readers):
            self._count(node, readers)
        elif moves:
            layout.renamed.add(node)
        else:
            self.asked.discard(node)
            layout.store(node)

    def _goes_inside(self, node: Node, moves: bool, readers: Sequence[Node]) -> bool:
        """Whether a node is computed in its readers' kernels."""
        roots, often, cost = self._roots(readers), self._often(node, readers), self.totals[node]
        if isinstance(lowering_of(node), Fold) and not (is_short(node) and len(roots) == 1):
            if node in self.asked or not _can_accumulate(node, roots, self.layout):
                return False
            self.layout.absorb(node, next(iter(roots)))
            return True
        deep = self._depth(readers) > DEEPEST
        if deep or sum(self.sizes.get(root, 0) for root in roots) > MOST_NODES_IN_A_KERNEL:
            return False
        cheap = cost <= (LIGHT if _reads_one(node) else CHEAP)
        once = often <= OFTEN and len(roots) == 1
        if cost and not once and not (cheap and often <= OFTEN):
            return False
        return not moves or (often <= OFTEN and node not in self.asked and _falls_apart(node, roots, self.layout))

    def _count(self, node: Node, readers: Sequence[Node]) -> None:
        roots = self._roots(readers)
        self.layout.roots[node], self.repeats[node] = roots, self._often(node, readers)
        self.depths[node] = self._depth(readers)
        for root in roots:
            self.sizes[root] = self.sizes.get(root, 0) + 1

    def _roots(self, readers: Sequence[Node]) -> frozenset[Node]:
        return frozenset().union(*(self.layout.roots[reader] for reader in readers))

    def _depth(self, readers: Sequence[Node]) -> int:
        return 1 + max((self.depths.get(reader, 0) for reader in readers), default=0)

    def _often(self, node: Node, readers: Sequence[Node]) -> float:
        """How often each element is asked for."""
        found = (_times(reader, node, self.totals) * self.repeats.get(reader, 1.0) for reader in readers)
        return max(found, default=1.0)

    def _passes(self, node: Node) -> bool:
        """Whether a value is computed for one reader alone, or is little to compute, so that it needs no memory."""
        if node.operation is None or isinstance(node.type, tuple) or node in self.kept or not size_of(node.shape):
            return False
        if not isinstance(lowering_of(node), (Element, SameElements)):
            return False
        return len(self.users[node]) == 1 or (self.totals[node] <= LIGHT and _reads_one(node))


def is_short(node: Node) -> bool:
    """Whether a fold takes so few steps, each of an element of its own, that they are written out. To one number it is
    no more than a vector and its lanes added up."""
    lowering = lowering_of(node)
    if not isinstance(lowering, Fold) or size_of(node.shape) <= 1:
        return False
    steps = math.prod(lowering.extents(*node.operands, **node.parameters))
    return 1 < steps <= SHORT and all(size_of(one.shape) == steps * size_of(node.shape) for one in node.operands)


def _reads_one(node: Node) -> bool:
    """Whether one operand alone is as large as the result."""
    return sum(size_of(one.shape) * 2 > size_of(node.shape) for one in node.operands) == 1


def _falls_apart(node: Node, roots: frozenset[Node], layout: Layout) -> bool:
    """Whether the kernels that read a reshape can find its source's elements; one may loop over the source's axes."""
    parts = factors(node.shape, node.operands[0].shape)
    if parts is None or all(len(lengths) == 1 for lengths in parts):
        return parts is not None
    for root in roots:
        if len(roots) > 1 or root.shape != node.shape or layout.factors.get(root, parts) != parts:
            return False
        layout.factors[root] = parts
    return True


def _is_checked(reader: Node) -> bool:
    """Whether a node's operands are looked at by a kernel of its own, which asks whether they are valid."""
    return getattr(lowering_of(reader), "valid", None) is not None


def _users(order: Sequence[Node]) -> dict[Node, list[Node]]:
    users: dict[Node, list[Node]] = {}
    for node in order:
        for operand in dict.fromkeys(node.operands):
            users.setdefault(operand, []).append(node)
    return users


def _needs_memory(reader: Node, layout: Layout) -> bool:
    return reader in layout.renamed or not isinstance(lowering_of(reader), (Element, Fold, SameElements))


def _totals(order: Sequence[Node]) -> dict[Node, int]:
    """The cost of each node with the operands that would be computed with it: those that nothing else reads."""
    users, totals = _users(order), dict[Node, int]()
    for node in order:
        if isinstance(node, (Input, Constant)):
            continue
        own = [
            totals.get(operand, 0)
            for operand in dict.fromkeys(node.operands)
            if len(users[operand]) == 1
            and operand.operation is not None
            and isinstance(lowering_of(operand), (Element, SameElements))
        ]
        steps = size_of(node.operands[0].shape) // size_of(node.shape) if is_short(node) else 0
        totals[node] = cost_of(node) + steps + max(1, steps) * sum(own) if not isinstance(node.type, tuple) else 0
    return totals


def _times(reader: Node, node: Node, totals: Mapping[Node, int]) -> float:
    """How often a reader asks for each element of a node; what it asks for along a short axis is computed once."""
    domain, lowering = size_of(reader.shape), lowering_of(reader)
    if isinstance(lowering, Fold):
        domain *= math.prod(lowering.extents(*reader.operands, **reader.parameters))
    times = domain / max(1, size_of(node.shape))
    together = isinstance(lowering, Element) and times <= SHORT and totals[node] <= MODERATE
    return min(times, 1.0) if together else times


def _can_accumulate(fold: Node, roots: frozenset[Node], layout: Layout) -> bool:
    if len(roots) != 1:
        return False
    (root,) = roots
    return isinstance(lowering_of(root), Element) and root.type == fold.type and root not in layout.accumulated
