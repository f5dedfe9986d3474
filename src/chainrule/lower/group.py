"""Grouping: values of one shape that are computed from one another, in one pass over memory.

Takes the roots of a block's kernels; leaves them in groups, in an order in which each finds what it needs. A value
joins the group of one that it reads at its own place, if nothing else that it needs comes of that group: so the new
moments and parameters of a training step are one kernel, which reads each old one once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chainrule.graph import Element, Node, project
from chainrule.lower.expand import lowering_of

if TYPE_CHECKING:
    from chainrule.lower.block import Block

MOST_ROOTS = 8


def group(block: Block) -> list[tuple[Node, ...]]:
    """The groups of a block's roots."""
    roots = block.roots()
    needs = _needs(block, roots)
    groups = _Groups(roots, needs)
    for root in roots:
        for other in needs[root]:
            first, last = groups.home[other], groups.home[root]
            together = [*last.members, *first.members]
            if first is last or not _joinable(block, root, other, together):
                continue
            between = groups.between(first, last)
            if between is not None and _sound(block, sorted(together, key=groups.number.__getitem__)):
                groups.join(first, last, between)
    return groups.ordered()


@dataclass(eq=False)
class _Group:
    """Roots of one kernel, at a place in the order."""

    members: list[Node]
    at: int


class _Groups:
    """Groups in an order in which each comes after those that it needs.

    When two become one, only what lies between them moves (Pearce and Kelly, A dynamic topological sort algorithm for
    directed acyclic graphs, 2007).
    """

    def __init__(self, roots: list[Node], needs: dict[Node, list[Node]]) -> None:
        self.needs, self.number = needs, {root: k for k, root in enumerate(roots)}
        self.home = {root: _Group([root], k) for k, root in enumerate(roots)}
        self.users: dict[Node, list[Node]] = {root: [] for root in roots}
        for root in roots:
            for other in needs[root]:
                self.users[other].append(root)

    def _beside(self, group: _Group, links: dict[Node, list[Node]]) -> set[_Group]:
        return {self.home[other] for member in group.members for other in links[member]} - {group}

    def between(self, first: _Group, last: _Group) -> set[_Group] | None:
        """All that the last group needs and that comes after the first; None if some of it needs the first."""
        found: set[_Group] = set()
        stack = list(self._beside(last, self.needs) - {first})
        while stack:
            at = stack.pop()
            if at is first:
                return None
            if at.at > first.at and at not in found:
                found.add(at)
                stack.extend(self._beside(at, self.needs))
        return found

    def join(self, first: _Group, last: _Group, between: set[_Group]) -> None:
        """Make two groups one, after what is between them and before what needs the first."""
        end = max((one.at for one in between), default=first.at)
        after: set[_Group] = set()
        stack = [first]
        while stack:
            found = {one for one in self._beside(stack.pop(), self.users) if one.at < end} - after
            after |= found
            stack.extend(found)
        moved = [*sorted(between, key=_at), first, *sorted(after, key=_at)]
        for one, at in zip(moved, sorted(map(_at, moved)), strict=True):
            one.at = at
        first.members = sorted(first.members + last.members, key=self.number.__getitem__)
        self.home.update(dict.fromkeys(last.members, first))

    def ordered(self) -> list[tuple[Node, ...]]:
        """The groups in the order of their first members, each after those that it needs."""
        order: list[tuple[Node, ...]] = []
        done: set[_Group] = set()
        for start in dict.fromkeys(self.home.values()):
            stack = [(start, False)]
            while stack:
                group, ready = stack.pop()
                if ready:
                    order.append(tuple(group.members))
                elif group not in done:
                    done.add(group)
                    stack.append((group, True))
                    needed = sorted(self._beside(group, self.needs), key=self._first, reverse=True)
                    stack.extend((one, False) for one in needed)
        return order

    def _first(self, group: _Group) -> int:
        return self.number[group.members[0]]


def _at(group: _Group) -> int:
    return group.at


def _needs(block: Block, roots: list[Node]) -> dict[Node, list[Node]]:
    """The roots whose values each root's step reads."""
    layout = block.layout

    def source(node: Node) -> Node | None:
        while node in layout.renamed or (node.operation is not None and node.operation is project):
            node = node.operands[0]
        return node if node.operation is not None else None

    needs: dict[Node, list[Node]] = {}
    for root in roots:
        found: dict[Node, None] = {}
        seen: set[Node] = set()
        stack = list(root.operands)
        while stack:
            node = source(stack.pop())
            if node is None or node in seen:
                continue
            seen.add(node)
            if node in layout.stored and node not in layout.absorbed:
                found[node] = None
            else:
                stack.extend(node.operands)
        needs[root] = list(found)
    return needs


def _joinable(block: Block, root: Node, other: Node, together: list[Node]) -> bool:
    plain = all(
        isinstance(lowering_of(node), Element) and node.shape == root.shape and node not in block.layout.accumulated
        for node in together
    )
    return plain and len(together) <= MOST_ROOTS


def _sound(block: Block, joined: list[Node]) -> bool:
    """Whether the group reads its own results at their own places alone, so that it needs none of them from memory."""
    draft, run = block.draft(tuple(joined))
    mine = {block.place(node) for node in joined}
    return not any(place in mine for place in run.reads) and not draft.again
