"""Grouping: values of one shape that are computed from one another, in one pass over memory.

Takes the roots of a block's kernels; leaves them in groups, in an order in which each finds what it needs. A value
joins the group of one that it reads at its own place, if nothing else that it needs comes of that group: so the new
moments and parameters of a training step are one kernel, which reads each old one once.
"""

from __future__ import annotations

from collections.abc import Callable
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
    number = {root: k for k, root in enumerate(roots)}
    home = {root: root for root in roots}
    members: dict[Node, list[Node]] = {root: [root] for root in roots}

    def needed(group_of: Node) -> set[Node]:
        return {home[other] for member in members[group_of] for other in needs[member]} - {group_of}

    def reaches(start: set[Node], goal: Node) -> bool:
        """Whether a group that `start` needs, however far back, is the goal. Nothing before its first member is."""
        first = number[members[goal][0]]
        seen: set[Node] = set()
        stack = list(start)
        while stack:
            at = stack.pop()
            if at is goal:
                return True
            if at not in seen and number[members[at][-1]] >= first:
                seen.add(at)
                stack.extend(needed(at))
        return False

    for root in roots:
        for other in needs[root]:
            mine, theirs = home[root], home[other]
            if mine is theirs or not _joinable(block, root, other, members[mine] + members[theirs]):
                continue
            if reaches(needed(mine) - {theirs}, theirs) or reaches(needed(theirs), mine):
                continue
            joined = sorted(members.pop(mine) + members.pop(theirs), key=number.__getitem__)
            members[joined[0]] = joined
            for member in joined:
                home[member] = joined[0]
            if not _sound(block, joined):
                _part(members, home, joined, root)
    return _ordered(members, needed, number)


def _part(members: dict[Node, list[Node]], home: dict[Node, Node], joined: list[Node], root: Node) -> None:
    """Take the last joined root out again."""
    rest = [member for member in joined if member is not root]
    members.pop(joined[0])
    for part in ([root], rest):
        members[part[0]] = part
        for member in part:
            home[member] = part[0]


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


def _ordered(
    members: dict[Node, list[Node]], needed: Callable[[Node], set[Node]], number: dict[Node, int]
) -> list[tuple[Node, ...]]:
    """The groups, each after those that it needs."""
    order: list[tuple[Node, ...]] = []
    done: set[Node] = set()
    for start in sorted(members, key=number.__getitem__):
        stack = [(start, False)]
        while stack:
            at, ready = stack.pop()
            if ready:
                order.append(tuple(members[at]))
            elif at not in done:
                done.add(at)
                stack.append((at, True))
                stack.extend((one, False) for one in sorted(needed(at), key=number.__getitem__, reverse=True))
    return order
