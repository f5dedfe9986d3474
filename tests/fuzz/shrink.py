"""Making a failing case small: fewer outputs, then values of inner nodes in the place of what computed them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from chainrule.evaluate import Program
from chainrule.graph import Constant, Graph, Input, Node, constant, substitute
from tests.fuzz.case import Case
from tests.fuzz.generate import pruned

Fails = Callable[[Case], bool]


def shrink(case: Case, fails: Fails, rounds: int = 200) -> Case:
    """A case that still fails and has no more than it needs, as far as so many trials find it."""
    tried = 0
    smaller = True
    while smaller and tried < rounds:
        smaller = False
        for candidate in candidates(case):
            tried += 1
            if fails(candidate):
                case, smaller = candidate, True
                break
            if tried >= rounds:
                break
    return case


def candidates(case: Case) -> Iterator[Case]:
    """Smaller cases: one output alone, or an inner node as the only one; then an inner node as an input."""
    if len(case.graph.outputs) > 1:
        for output in case.graph.outputs:
            yield pruned(Case(Graph(case.graph.inputs, [output]), case.given, case.label))
    if len(case.graph.inputs) > len(set(case.graph.nodes) & set(case.graph.inputs)):
        yield pruned(case)
    inner = [node for node in case.graph.nodes if node.operation is not None and not isinstance(node.type, tuple)]
    for node in inner[:-1]:
        yield pruned(Case(Graph(case.graph.inputs, [node]), case.given, case.label))
    for node in reversed([node for node in inner if node not in set(case.graph.outputs)]):
        cut = _cut(case, node)
        if cut is not None:
            yield cut
    for k, value in enumerate(case.given.outputs):
        if not isinstance(value, Constant):
            plain = list(case.given.outputs)
            plain[k] = constant(case.values[k])
            yield Case(case.graph, Graph([], plain), case.label)


def _cut(case: Case, node: Node) -> Case | None:
    """The node as an input with the value that the reference gives it; None where it has none."""
    try:
        with np.errstate(all="ignore"):
            (value,) = Program(Graph(case.graph.inputs, [node])).run(case.values)
    except Exception:  # the node is at fault, or under one that is
        return None
    new = Input(node.type, f"v{len(case.graph.inputs)}")
    outputs = substitute(case.graph.outputs, {node: new})
    given = [*case.given.outputs, constant(np.asarray(value))]
    return pruned(Case(Graph([*case.graph.inputs, new], outputs), Graph([], given), case.label))
