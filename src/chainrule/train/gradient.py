"""The gradient of a loss inside a run, with Python's decisions kept.

A run is one graph, and inside its loop there are no numbers for Python to decide by. So the loss is traced on a real
batch, its guards become conditions in the graph, and a batch that decides otherwise stops the run for a moment: the
loss is traced on that batch and the run goes on with one variant more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import ConcreteError, UnsupportedError
from chainrule.functions import cond
from chainrule.functions.arguments import trace_arguments
from chainrule.functions.environment import Environment
from chainrule.functions.gradient import prepare_value_and_grad, scalar_output
from chainrule.functions.remember import Prepared, call_graph
from chainrule.graph import Graph
from chainrule.ops import cast
from chainrule.pytree import Structure, flatten
from chainrule.types import is_floating

MOST_VARIANTS = 64


class Variants:
    """A loss (or its value and gradient) for batches of one size, in as many variants as Python's decisions asked
    for."""

    def __init__(self, loss: Callable[..., Any], prepare: Callable[..., Prepared]) -> None:
        self.loss, self.prepare = loss, prepare
        self.prepared: list[Prepared] = []

    def trace(self, params: Any, batch: Sequence[np.ndarray]) -> None:
        """Add the variant that these numbers decide for."""
        if len(self.prepared) == MOST_VARIANTS:
            raise ConcreteError(
                "fit",
                expected=f"at most {MOST_VARIANTS} ways through the loss",
                got="one more, since a decision of Python (if, while, float(...)) differs from batch to batch",
                remedy="Write the decision as np.where, chainrule.cond or chainrule.while_loop.",
                location=self.prepared[-1].guards[-1].node.location,
            )
        leaves, structure = flatten(((params, *batch), {}))
        surroundings = Environment(self.loss)
        prepared = self.prepare(self.loss, leaves, structure)
        if surroundings.drew():
            raise UnsupportedError(
                "fit",
                expected="a loss that is the same at every step",
                got="one that draws from a random generator of NumPy's, which would be drawn from once",
                remedy="Draw with chainrule.random from a key, which may be a part of the data or of the parameters.",
            )
        if prepared.outer:
            raise UnsupportedError(
                "fit",
                expected="a call outside traced functions",
                got=f"a loss that closes over the traced value {prepared.outer[0].name!r}",
                remedy="Call fit from ordinary code.",
            )
        self.prepared.append(prepared)

    def graph(self, params: Any, batch: Sequence[np.ndarray]) -> tuple[Graph, list[np.ndarray], Callable[..., Any]]:
        """The variant that these numbers decide for, by itself: its graph, its inputs, what assembles its result."""
        leaves, structure = flatten(((params, *batch), {}))
        prepared = self.prepare(self.loss, leaves, structure)
        return Graph(prepared.inputs, prepared.outputs), list(map(np.asarray, leaves)), prepared.assemble

    def __call__(self, params: Any, batch: Sequence[Any], otherwise: Any) -> tuple[Any, Any]:
        """(decided?, result) as traced values; where no variant fits the batch, (False, otherwise)."""
        return _choose(self.prepared, flatten((params, *batch))[0], otherwise)


def _choose(variants: Sequence[Prepared], leaves: list[Any], otherwise: Any) -> tuple[Any, Any]:
    if not variants:
        return np.bool_(False), otherwise
    first, *rest = variants

    def run() -> tuple[Any, Any]:
        return np.bool_(True), first.assemble(call_graph(Graph(first.inputs, first.outputs), leaves))

    if not first.guards:
        return run()
    answers = call_graph(Graph(first.inputs, [guard.node for guard in first.guards]), leaves)
    agree = np.stack([_agrees(answer, guard.value) for answer, guard in zip(answers, first.guards, strict=True)])
    return cond(np.all(agree), run, lambda: _choose(rest, leaves, otherwise))


def _agrees(answer: Any, value: np.ndarray) -> Any:
    """Whether an answer is the value that was decided on, as `Guard.holds` asks: NaN is NaN, and -0.0 is not 0.0."""
    if not is_floating(value.dtype):
        return np.all(answer == value)
    same = (answer == value) & (np.signbit(answer) == np.signbit(value))
    return np.all(same | (np.isnan(answer) & np.isnan(value)))


def value_and_gradient(loss: Callable[..., Any]) -> Variants:
    """(value, gradient) of a loss, the value in float64."""

    def prepare(function: Callable[..., Any], leaves: Sequence[Any], structure: Structure) -> Prepared:
        prepared = prepare_value_and_grad(function, leaves, structure, operation="fit")
        return replace(prepared, outputs=(cast(prepared.outputs[0], np.float64), *prepared.outputs[1:]))

    return Variants(loss, prepare)


def value(loss: Callable[..., Any]) -> Variants:
    """The value of a loss alone, in float64."""

    def prepare(function: Callable[..., Any], leaves: Sequence[Any], structure: Structure) -> Prepared:
        traced = trace_arguments(function, leaves, structure)
        output = cast(scalar_output("fit", function, traced), np.float64)
        return Prepared(traced.graph.inputs, (output,), lambda results: results[0], traced.guards, traced.outer)

    return Variants(loss, prepare)
