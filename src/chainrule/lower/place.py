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
    factors: dict[Node, Factors] = field(default_factory=dict)
    """For the root of a kernel the loops for each of its axes, where these are not one each."""

    def store(self, node: Node) -> None:
        """Keep a node in memory, computed by a kernel of its own."""
        self.stored.add(node)
        self.roots[node] = frozenset((node,))

    @property
    def absorbed(self) -> set[Node]:
        """The folds that are accumulators of other nodes' kernels."""
        return set(self.accumulated.values())


def lay_out(order: Sequence[Node], outputs: Collection[Node], forced: Collection[Node] = ()) -> Layout:
    """Decide for every node of a block; those in `forced` are kept in memory."""
    layout, users, totals = Layout(), _users(order), _totals(order)
    sizes: dict[Node, int] = {}
    depths: dict[Node, int] = {}
    repeats: dict[Node, float] = {}
    asked: set[Node] = set()  # what a check reads, in itself or through what is computed where it is read
    kept = {*outputs, *forced}
    for node in reversed(order):
        if isinstance(node, (Input, Constant)):
            continue
        lowering = lowering_of(node)
        moves = isinstance(lowering, SameElements) and not is_unit_reshape(node.shape, node.operands[0].shape)
        if moves and (node in kept or not _is_passing(node.operands[0], users, kept, totals)):
            layout.renamed.add(node)
            continue
        if node in kept or isinstance(node.type, tuple) or not isinstance(lowering, (Element, Fold, SameElements)):
            layout.store(node)
            continue
        readers = users.get(node, [])
        if any(reader in asked or _is_checked(reader) for reader in readers):
            asked.add(node)
        if any(_needs_memory(reader, layout) for reader in readers):
            (layout.renamed.add if isinstance(lowering, SameElements) else layout.store)(node)
            continue
        roots = frozenset().union(*(layout.roots[reader] for reader in readers))
        depth = 1 + max((depths.get(reader, 0) for reader in readers), default=0)
        often = max((_times(reader, node, totals) * repeats.get(reader, 1.0) for reader in readers), default=1.0)
        if isinstance(lowering, Fold) and not (is_short(node) and len(roots) == 1):
            inside = node not in asked and _can_accumulate(node, roots, layout)
            if inside:
                layout.accumulated[next(iter(roots))] = node
        else:
            cost = totals[node]
            again = often > OFTEN or len(roots) > 1
            crowded = depth > DEEPEST or sum(sizes.get(root, 0) for root in roots) > MOST_NODES_IN_A_KERNEL
            cheap = cost <= (LIGHT if _reads_one(node) else CHEAP)
            inside = not crowded and (cost == 0 or not again or (cheap and often <= OFTEN))
            found = not moves or (often <= OFTEN and node not in asked and _falls_apart(node, roots, layout))
            inside = inside and found
        if inside:
            layout.roots[node], depths[node], repeats[node] = roots, depth, often
            for root in roots:
                sizes[root] = sizes.get(root, 0) + 1
        elif moves:
            layout.renamed.add(node)
        else:
            asked.discard(node)
            layout.store(node)
    return layout


def is_short(node: Node) -> bool:
    """Whether a fold takes so few steps, each of an element of its own, that they are written out."""
    lowering = lowering_of(node)
    if not isinstance(lowering, Fold) or size_of(node.shape) == 0:
        return False
    steps = math.prod(lowering.extents(*node.operands, **node.parameters))
    return 1 < steps <= SHORT and all(size_of(one.shape) == steps * size_of(node.shape) for one in node.operands)


def _is_passing(
    node: Node, users: Mapping[Node, Sequence[Node]], kept: Collection[Node], totals: Mapping[Node, int]
) -> bool:
    """Whether a value is computed for one reader alone, or is little to compute, so that it need not be in memory."""
    if node.operation is None or isinstance(node.type, tuple) or node in kept or not size_of(node.shape):
        return False
    once = len(users[node]) == 1 or (totals[node] <= LIGHT and _reads_one(node))
    return once and isinstance(lowering_of(node), (Element, SameElements))


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
