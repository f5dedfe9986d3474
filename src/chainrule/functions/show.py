"""What each stage, from the trace to the machine's instructions, made of a function: as text."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.functions.guards import may_run_on, with_guards
from chainrule.functions.prepared import Prepared
from chainrule.graph import Graph
from chainrule.simplify import PASSES


class Listing(str):
    """Text that an interpreter shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def show(prepared: Prepared, after: str) -> Listing:
    """What is there after a stage.

    Raises:
        ArgumentError: there is no such stage.
    """
    from chainrule.native.stages import STAGES  # LLVM is loaded when it is first needed

    graph = Graph(prepared.inputs, prepared.outputs)
    texts: dict[str, Any] = {"trace": graph}
    if prepared.guards and not may_run_on(graph):
        graph = with_guards(graph, prepared.guards)
    texts["guards"] = graph
    for rewrite in PASSES:
        graph = texts[rewrite.__name__] = rewrite(graph)
    if after in texts:
        return Listing(texts[after])
    if after in STAGES:
        return Listing(STAGES[after](graph))
    raise ArgumentError(
        "show",
        expected=f"after= one of {', '.join(map(repr, [*texts, *STAGES]))}",
        got=repr(after),
        remedy="They are the stages in their order: name one.",
    )
