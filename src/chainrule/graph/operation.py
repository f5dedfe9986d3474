"""The record of an operation: every fact that the system has about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from chainrule.errors import GraphError
from chainrule.graph.derivative import Derivative
from chainrule.graph.lowering import Lowering
from chainrule.record import record

if TYPE_CHECKING:
    from chainrule.graph.node import Node

OPERATIONS: dict[str, Operation] = {}


class Sample:
    """Operands and parameters that the laws are tested on; for `rejects`, with the words that the error must say."""

    def __init__(self, *operands: Any, words: str = "", **parameters: Any) -> None:
        self.operands, self.words, self.parameters = operands, words, parameters

    def __repr__(self) -> str:
        parts = [*map(repr, self.operands), *(f"{key}={value!r}" for key, value in self.parameters.items())]
        return f"Sample({', '.join(parts)})"


@record(eq=False, kw_only=True)
class Operation:
    """One primitive operation.

    No field has a default: a fact left out is a TypeError when the file is imported, not a failure in somebody's
    training run. Operations with several results give tuples wherever one result would be a single value.
    """

    name: str
    infer: Callable[..., Any]
    """(*operand types, **parameters) -> type of the result, or an error that says what was expected."""
    reference: Callable[..., Any]
    """(*arrays, **parameters) -> array: NumPy's own meaning, the oracle for every other."""
    exact: Callable[..., Any]
    """The same over object arrays of fractions; raises InexactError where the value is not rational."""
    derivative: Derivative
    batch: Callable[..., Any]
    """(operands, batched, size, **parameters) -> result with the new axis in front. `batched[k]` says whether operand
    k has that axis, in front too."""
    lowering: Lowering
    """How machine code computes it."""
    latex: str
    """One `{0}` for each operand; `{name}` for a parameter."""
    samples: Callable[[], Iterable[Sample]]
    """Inputs that the laws are tested on: rational numbers away from kinks."""
    rejects: Callable[[], Iterable[Sample]]
    """Inputs that must be refused, with `words` that the message must contain."""

    def __post_init__(self) -> None:
        if self.name in OPERATIONS:
            raise GraphError(
                "Operation",
                expected="a new name",
                got=f"a second operation {self.name!r}",
                remedy="Choose another name.",
            )
        OPERATIONS[self.name] = self

    def __call__(self, *operands: Any, **parameters: Any) -> Node:
        """The node that applies this operation; plain numbers and arrays become constants."""
        from chainrule.graph.node import apply, as_node

        return apply(self, tuple(map(as_node, operands)), parameters)

    def __repr__(self) -> str:
        return f"<operation {self.name}>"
