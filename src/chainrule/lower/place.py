"""Which values get memory, and which are computed where they are read.

Takes the nodes of a block, operands first; leaves a `Layout`: the nodes that are kept in memory, those that are another
node's memory under a new shape, and for each fold that one kernel alone reads at its own place, that kernel's root: the
fold becomes the kernel's accumulator and what follows its epilogue.

A value is computed where it is read if that is cheap, or if it happens once: at one place of one kernel.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from chainrule.graph import Constant, Element, Fold, Input, Node, SameElements
from chainrule.lower.cost import cost_of
from chainrule.lower.expand import lowering_of
from chainrule.types import size_of

MOST_NODES_IN_A_KERNEL, DEEPEST, CHEAP, OFTEN = 120, 40, 2, 1.5


@dataclass
class Layout:
    """What a block keeps in memory. `roots[node]` are the kernels in which a node is computed."""

    stored: set[Node] = field(default_factory=set)
    renamed: set[Node] = field(default_factory=set)
    roots: dict[Node, frozenset[Node]] = field(default_factory=dict)
    accumulated: dict[Node, Node] = field(default_factory=dict)
    """For the root of a kernel the fold that it accumulates."""

    @property
    def absorbed(self) -> set[Node]:
        """The folds that are accumulators of other nodes' kernels."""
        return set(self.accumulated.values())


def is_unit_reshape(node: Node) -> bool:
    """Whether a reshape only adds or drops axes of length 1, so that it moves nothing wherever it is computed."""
    proper = [n for n in node.shape if n != 1]
    return proper == [n for n in node.operands[0].shape if n != 1]


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
        if isinstance(lowering, SameElements) and not is_unit_reshape(node):
            layout.renamed.add(node)
            continue
        if node in kept or isinstance(node.type, tuple) or not isinstance(lowering, (Element, Fold, SameElements)):
            layout.stored.add(node)
            layout.roots[node] = frozenset((node,))
            continue
        readers = users.get(node, [])
        if any(reader in asked or _is_checked(reader) for reader in readers):
            asked.add(node)
        if any(_needs_memory(reader, layout) for reader in readers):
            layout.stored.add(node)
            layout.roots[node] = frozenset((node,))
            continue
        roots = frozenset().union(*(layout.roots[reader] for reader in readers))
        depth = 1 + max((depths.get(reader, 0) for reader in readers), default=0)
        often = max((_times(reader, node) * repeats.get(reader, 1.0) for reader in readers), default=1.0)
        if isinstance(lowering, Fold):
            inside = node not in asked and _can_accumulate(node, roots, layout)
            if inside:
                layout.accumulated[next(iter(roots))] = node
        else:
            cost = totals[node]
            again = often > OFTEN or len(roots) > 1
            crowded = depth > DEEPEST or sum(sizes.get(root, 0) for root in roots) > MOST_NODES_IN_A_KERNEL
            inside = not crowded and (cost == 0 or not again or (cost <= CHEAP and often <= OFTEN))
        if inside:
            layout.roots[node], depths[node], repeats[node] = roots, depth, often
            for root in roots:
                sizes[root] = sizes.get(root, 0) + 1
        else:
            asked.discard(node)
            layout.stored.add(node)
            layout.roots[node] = frozenset((node,))
    return layout


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
            if len(users[operand]) == 1 and operand.operation is not None and isinstance(lowering_of(operand), Element)
        ]
        totals[node] = cost_of(node) + sum(own) if not isinstance(node.type, tuple) else 0
    return totals


def _times(reader: Node, node: Node) -> float:
    """How often a reader asks for each element of a node."""
    domain = size_of(reader.shape)
    lowering = lowering_of(reader)
    if isinstance(lowering, Fold):
        domain *= math.prod(lowering.extents(*reader.operands, **reader.parameters))
    return domain / max(1, size_of(node.shape))


def _can_accumulate(fold: Node, roots: frozenset[Node], layout: Layout) -> bool:
    if len(roots) != 1:
        return False
    (root,) = roots
    return isinstance(lowering_of(root), Element) and root.type == fold.type and root not in layout.accumulated
