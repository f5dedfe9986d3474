"""A graph as text, in the grammar that `parser.py` reads back.

graph(x: float32[4, 3]) {
  %1: float32[4] = sum(x) {axes=(1,)}  # model.py:7
  return %1
}
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.graph.graph import Graph
from chainrule.graph.node import Constant, Input, Node, print_type

_WHOLE = 64  # elements: larger constants are abbreviated, unless everything is asked for


def print_graph(graph: Graph, *, whole: bool = False, lines: bool = False) -> str:
    """The text of a graph.

    `whole` writes every constant out, so that `parse_graph` gives the same graph; else large ones are abbreviated.
    `lines` adds the user's line that each node came from.

    >>> import chainrule as cr
    >>> graph = cr.trace(lambda x: x * x, 1.0)
    >>> print_graph(graph) == print_graph(cr.parse_graph(print_graph(graph, whole=True)))
    True
    """
    return "\n".join(_print(graph, whole, lines))


def _print(graph: Graph, whole: bool, lines: bool) -> Iterator[str]:
    names: dict[Node, str] = {}
    taken: set[str] = set()
    for node in [*graph.inputs, *graph.free]:
        names[node] = _unused(re.sub(r"\W+", "_", node.name).strip("_") or "x", taken)
        taken.add(names[node])
    yield f"graph({', '.join(f'{names[node]}: {node.type}' for node in graph.inputs)}) {{"
    for number, node in enumerate((node for node in graph.nodes if not isinstance(node, Input)), 1):
        names[node] = f"%{number}"
        comment = f"  # {os.path.basename(node.location.file)}:{node.location.line}" if lines and node.location else ""
        if isinstance(node, Constant):
            yield f"  {names[node]}: {node.type} = constant({_constant(node.value, whole)}){comment}"
            continue
        operands = ", ".join(names[operand] for operand in node.operands)
        applied = f"{node.operation.name}({operands}){_parameters(node, whole, lines)}"
        yield f"  {names[node]}: {print_type(node.type)} = {applied}{comment}"
    yield f"  return {', '.join(names[node] for node in graph.outputs)}"
    yield "}"


def _unused(name: str, taken: set[str]) -> str:
    name = f"x{name}" if name[0].isdigit() or name in ("inf", "nan") else name  # else it would read as a number
    unused, number = name, 1
    while unused in taken:
        number += 1
        unused = f"{name}_{number}"
    return unused


def _parameters(node: Node, whole: bool, lines: bool) -> str:
    if not node.parameters:
        return ""
    return (
        " {"
        + ", ".join(f"{key}={_literal(value, whole, lines)}" for key, value in sorted(node.parameters.items()))
        + "}"
    )


def _literal(value: Any, whole: bool, lines: bool) -> str:
    if isinstance(value, Graph):
        return "\n".join(_print(value, whole, lines)).replace("\n", "\n    ")
    if isinstance(value, np.dtype):
        return value.name
    if isinstance(value, tuple):
        inside = ", ".join(_literal(part, whole, lines) for part in value)
        return f"({inside},)" if len(value) == 1 else f"({inside})"
    return repr(value)


def _constant(value: np.ndarray, whole: bool) -> str:
    if value.size <= _WHOLE and (not whole or _can_be_written(value)):
        return repr(value.tolist())
    if not whole:
        return f"<{value.size} elements>"
    return f'"{base64.b64encode(value.astype(value.dtype.newbyteorder("<")).tobytes()).decode()}"'


def _can_be_written(value: np.ndarray) -> bool:
    """Whether Python's numbers say every bit: they do not say the sign of a NaN."""
    return value.dtype.kind != "f" or not np.any(np.isnan(value) & np.signbit(value))
