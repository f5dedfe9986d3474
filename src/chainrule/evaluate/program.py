"""Evaluation in NumPy: the reference meaning of a graph, against which every other is held."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ChainruleError, DtypeError, GraphError, ShapeError
from chainrule.graph import Constant, Graph, Input, Node

_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}  # kinds of numbers; those of a higher rank do not go into a lower one


class Program:
    """A graph as a list of calls, in order, each value released after its last use.

    `meaning` names the fact of an operation that is called ("reference" or "exact"), and `read` turns the value of a
    constant into that meaning's numbers.
    """

    is_machine_code = False

    def __init__(
        self, graph: Graph, meaning: str = "reference", read: Callable[[np.ndarray], Any] = lambda value: value
    ) -> None:
        order = graph.nodes
        inputs = set(graph.inputs)
        place = {node: k for k, node in enumerate([*graph.inputs, *(node for node in order if node not in inputs)])}
        self._inputs = len(graph.inputs)
        self._fixed: list[Any] = [None] * len(place)
        self._steps: list[tuple[Callable[..., Any], tuple[int, ...], dict[str, Any], int, tuple[int, ...], Node]] = []
        self._outputs = [place[node] for node in graph.outputs]
        last = {place[operand]: node for node in order for operand in node.operands}
        kept = set(self._outputs)
        for node in order:
            if isinstance(node, Constant):
                self._fixed[place[node]] = read(node.value)
            elif node.operation is not None:
                slots = tuple(place[operand] for operand in node.operands)
                dead = tuple({slot for slot in slots if last[slot] is node and slot not in kept})
                function = getattr(node.operation, meaning)
                self._steps.append((function, slots, dict(node.parameters), place[node], dead, node))
            elif isinstance(node, Input) and node not in inputs:
                raise GraphError(
                    "evaluate",
                    expected="a graph that uses its own inputs alone",
                    got=f"{node.name!r} of type {node.type}, which is not among them",
                    remedy="List it among the inputs of the Graph.",
                    location=node.location,
                )

    def run(self, values: Sequence[Any], work: float | None = None) -> list[Any]:
        """The outputs for these values of the inputs. How much work that is, does not matter here."""
        memory = self._fixed.copy()
        memory[: self._inputs] = values
        node = None
        try:
            for function, slots, parameters, target, dead, node in self._steps:  # noqa: B007  (an error is about it)
                memory[target] = function(*[memory[slot] for slot in slots], **parameters)
                for slot in dead:
                    memory[slot] = None
        except Exception as error:
            if node is not None and node.location is not None:
                place_error(error, node)  # the line that asked for the value, not the one that ran the graph
            raise
        return [memory[slot] for slot in self._outputs]


def place_error(error: BaseException, node: Node) -> None:
    """Say which line of the user's an error is about: in it if it is ours, else in a note, as of a singular matrix."""
    if isinstance(error, ChainruleError):
        error.place(node.location)
    else:
        error.add_note(f"in {node!r}, made at {node.location}: {node.location.text if node.location else ''}")


def values_for(operation: str, graph: Graph, values: Sequence[Any]) -> list[np.ndarray]:
    """The values as arrays, held to the number, shapes and dtypes of the inputs of a graph."""
    if not isinstance(graph, Graph):
        raise ArgumentError(
            operation,
            expected="a graph",
            got=reprlib.repr(getattr(graph, "__name__", graph)),
            remedy="Make one with chainrule.trace(function, *arguments).",
        )
    if len(values) != len(graph.inputs):
        raise ArgumentError(
            operation,
            expected=f"a value for each input: {', '.join(f'{n.name} {n.type}' for n in graph.inputs) or 'none'}",
            got=f"{len(values)} for {len(graph.inputs)} inputs",
            remedy="Give as many values as the graph has inputs, in their order.",
        )
    arrays = [np.asarray(value) for value in values]
    for array, node in zip(arrays, graph.inputs, strict=True):
        if array.shape != node.shape:
            raise ShapeError(
                operation,
                expected=f"a value of type {node.type} for {node.name}",
                got=_described(array),
                remedy="Give it the shape that the graph was traced for, or trace anew.",
            )
    return arrays


def _described(array: np.ndarray) -> str:
    return f"{array.dtype.name}{list(array.shape)}" if array.dtype.kind in _RANK else reprlib.repr(array.tolist())


def evaluate(graph: Graph, *values: Any) -> tuple[np.ndarray, ...]:
    """The outputs of a graph in NumPy's arithmetic; floating-point warnings are not raised.

    >>> from chainrule.types import ArrayType
    >>> x = Input(ArrayType.of(1.0))
    >>> evaluate(Graph([x], [x * x + 1]), 3.0)
    (array(10.),)
    """
    arrays = values_for("evaluate", graph, values)
    for array, node in zip(arrays, graph.inputs, strict=True):
        if _RANK.get(array.dtype.kind, 3) > _RANK[node.dtype.kind]:
            raise DtypeError(
                "evaluate",
                expected=f"{node.type} for {node.name}",
                got=_described(array),
                remedy="Convert it with astype first.",
            )
    given = [array.astype(node.dtype) for array, node in zip(arrays, graph.inputs, strict=True)]
    with np.errstate(all="ignore"):
        results = Program(graph).run(given)
    return tuple(np.asarray(result) for result in results)
