"""A trace: one run of a Python function on traced values, with what Python decided on the way.

Where a concrete value exists, Python may ask for it (`if x > 0`). The trace then evaluates just what the question
needs, answers it, and records a guard: the graph holds for every input that gives the same answers.
"""

from __future__ import annotations

import itertools
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.errors import LeakError
from chainrule.graph import Constant, Input, Node, in_order, no_number
from chainrule.record import record
from chainrule.source import Location, user_location
from chainrule.types import ArrayType

_serial = itertools.count()
running: ContextVar[Trace | None] = ContextVar("running", default=None)
"""The innermost trace whose function is running: what an array that is made inside belongs to."""


@record
class Guard:
    """A decision of Python, at a line of the user's: the graph holds while `node` has this value."""

    node: Node
    value: np.ndarray
    location: Location | None = None

    def holds(self, value: Any) -> bool:
        """Whether this is the value that was decided on, bit for bit."""
        return np.asarray(value).tobytes() == self.value.tobytes()


class TracedInput(Input):
    """An input of a trace. `source` is the node of an outer trace that stands for it where traces nest."""

    __slots__ = ("owner", "source")

    def __init__(self, type: ArrayType, name: str, trace: Trace, source: tuple[Trace, Node] | None = None) -> None:
        super().__init__(type, name)
        self.owner, self.source = trace, source


class Trace:
    """The values and guards of one traced run. `open` until the function has returned."""

    def __init__(self) -> None:
        self.serial = next(_serial)
        self.open = True
        self.guards: list[Guard] = []
        self.values: dict[Node, Any] = {}

    def input(
        self, kind: ArrayType, name: str, value: Any = None, source: tuple[Trace, Node] | None = None
    ) -> TracedInput:
        """A new input. It has a concrete value if one is given, or if `source`, a node of an outer trace, has."""
        node = TracedInput(kind, name, self, source)
        if value is not None:
            self.values[node] = np.asarray(value, kind.dtype)
        return node

    def value(self, node: Node, construct: str) -> np.ndarray:
        """The concrete value of a node; `construct` says what to write where there is none."""
        with np.errstate(all="ignore"):
            for step in in_order([node], known=self.values):
                self.values[step] = self._value(step, node, construct)
        return np.asarray(self.values[node])

    def _value(self, node: Node, asked: Node, construct: str) -> Any:
        if isinstance(node, Constant):
            return node.value
        if isinstance(node, TracedInput):
            if node.owner is not self:
                return node.owner.value(node, construct)
            if node.source is None:
                raise no_number(asked, construct)
            outer, source = node.source
            return outer.value(source, construct)
        if isinstance(node, Input):
            raise no_number(asked, construct)
        return node.operation.reference(*(self.values[operand] for operand in node.operands), **node.parameters)

    def decide(self, node: Node, construct: str) -> np.ndarray:
        """The concrete value of a node that Python goes on to decide by, recorded as a guard."""
        value = self.value(node, construct)
        if not isinstance(node, Constant):
            self.guards.append(Guard(node, value.copy(), user_location()))  # it may be a view of a large array
        return value

    def close(self) -> None:
        """End the trace. What it knows of values goes, so that no graph keeps the arrays of the call it came from."""
        self.open = False
        self.values.clear()

    def check_open(self, node: Node) -> None:
        """Refuse a value of a trace that has ended."""
        if not self.open:
            raise LeakError(
                "trace",
                expected="a value of the function that is running",
                got=f"a traced value of type {node.type} that outlived the function it was made in",
                remedy="Return it from the function instead of keeping it in a list, a global or an attribute.",
            )
