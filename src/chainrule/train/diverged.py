"""Why a run stopped being finite: the step is computed again from the last finite state, node by node."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DivergenceError
from chainrule.evaluate import evaluate
from chainrule.graph import Graph, Node
from chainrule.pytree import flatten, paths
from chainrule.record import record
from chainrule.source import located
from chainrule.trace import trace_function
from chainrule.train.culprit import find_culprit, first_not_finite, is_finite
from chainrule.train.data import Arrays
from chainrule.train.run import Run
from chainrule.train.step import Own, Stepper


@record
class Failure:
    """What a step that was not done would have made infinite or NaN, and the node that began it, where one is found.

    Machine code rounds otherwise than the evaluator, so a number at the edge of its range may overflow in one alone.
    """

    expected: str
    got: str
    culprit: tuple[Node, str] | None


_ADVICE = "Take smaller steps, scale the data, or start elsewhere."


def _rows_not_finite(data: Arrays) -> str:
    """Where the data themselves are infinite or NaN; empty where they are not."""
    for number, array in enumerate(data):
        rows = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
        if len(rows):
            return f", and {array[rows[0]]} in row {rows[0]} of data[{number}]"
    return ""


def divergence(failure: Failure, run: Run, data: Arrays) -> DivergenceError:
    """The error that says what failed in a run, at the line of the node that began it."""
    node, made = failure.culprit or (None, "")
    first = f", where {node.operation.name} was the first to give {made}" if node is not None else ""
    rows = _rows_not_finite(data)
    with located(node.location if node is not None else None):
        return DivergenceError(
            "fit",
            expected=failure.expected,
            got=f"{failure.got} in step {run.steps + 1}{first}{rows}",
            remedy="Leave such rows out, or fill them in." if rows else _ADVICE,
            run=run,
        )


def find_failure(stepper: Stepper, state: Any, own: Own, data: Arrays, loss: float, params: Any) -> Failure:
    """What fails in the step after `state`, which ends in this loss and, where that is finite, in these parameters."""
    rows, batch = stepper.batch(state, own, data)
    graph, values, assemble = stepper.gradients[rows].graph(state["params"], batch)
    if not np.isfinite(loss):
        return Failure("a finite loss", f"{loss}", find_culprit(Graph(graph.inputs, graph.outputs[:1]), values))
    leaves, structure = flatten(params)
    named = zip(paths(structure, "params"), leaves, strict=True)
    got = next(f"{first_not_finite(leaf)} in {name}" for name, leaf in named if not is_finite(leaf))
    found = find_culprit(graph, values)
    if found is None:
        _, gradient = assemble(evaluate(graph, *values))
        given, shape = flatten(((gradient, state["optimizer"], state["params"]), {}))
        update = trace_function(lambda *args: stepper.optimizer(own).update(*args)[0], given, shape, concrete=False)
        found = find_culprit(update.graph, [np.asarray(value) for value in given])
    return Failure("finite parameters", got, found)
