"""Machine code as backends: as it is, with single passes turned off, narrower vectors, and everything in threads.

A run that falls back to the evaluator must have had a reason, so that no fault of the compiler hides behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

from chainrule.graph import Graph
from chainrule.simplify import simplify
from tests.fuzz.backends import MATRICES
from tests.fuzz.case import operations
from tests.fuzz.compare import Backend
from tests.lower.running import PASSES, compiled, threads

SETTINGS: dict[str, dict[str, Any]] = {
    **{f"without {name}": {"off": (name,)} for name in PASSES},
    "without any": {"off": PASSES},
    "narrow": {"width": 16},
    "middling": {"width": 32},
    "threads": {"split": True},
    "narrow threads": {"split": True, "width": 16},
    "threads without join": {"split": True, "off": ("join", "arena")},
}
"""What is compiled otherwise, as arguments of `compiled`."""
TOGETHER = 3
"""How many threads run what is split."""


class Fallback(Exception):
    """The evaluator gave what machine code should have given."""


class Machine:
    """A graph as machine code that says when it was not run to its end."""

    def __init__(self, graph: Graph, **setting: Any) -> None:
        self.executable = compiled(graph, proved=False, **setting)
        self.reference = self.executable._by_reference
        self.executable._by_reference = self._fall_back  # type: ignore[method-assign]
        self.may_fall_back = not MATRICES.isdisjoint(operations(graph))  # LAPACK gives up where NumPy has NaN
        self.around = (lambda: threads(TOGETHER)) if setting.get("split") else nullcontext

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these values of the inputs."""
        with self.around():
            return self.executable.run(values)

    def _fall_back(self, values: Sequence[Any]) -> list[Any]:
        results = self.reference(values)
        if not self.may_fall_back:
            raise Fallback("the evaluator finds nothing wrong with what machine code has refused")
        return results


def machine(setting: dict[str, Any]) -> Backend:
    """Machine code in a setting."""
    return lambda graph: Machine(graph, **setting)


def simplified(graph: Graph) -> Machine:
    """Machine code of the graph after every rewrite."""
    return Machine(simplify(graph))


MACHINES: dict[str, Callable[[Graph], Machine]] = {
    "native": Machine,
    "simplified native": simplified,
    **{f"native {name}": machine(setting) for name, setting in SETTINGS.items()},  # type: ignore[dict-item]
}
OTHERWISE = tuple(name for name in MACHINES if name != "native")
"""What is not compiled as it is by default."""
