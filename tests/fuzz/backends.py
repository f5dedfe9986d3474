"""Backends that are right but round otherwise: what `compare` must let pass. Faulty ones are made of the same parts."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.evaluate import Program
from chainrule.graph import Constant, Graph, Node
from chainrule.ops.control import While
from chainrule.ops.declare import Elementwise
from chainrule.ops.loop import Loop
from chainrule.simplify import simplify
from tests.fuzz.rules_elementwise import ARITHMETIC, EXACT

Function = Callable[..., Any]
Alter = Callable[[Node, Function], Function]
SUMS = frozenset("sum cumsum prod cumprod contract convolution overlap_add scatter_add".split())
MATRICES = frozenset("solve inv adjugate det slogdet pinv cholesky qr eigh svd".split())


class Altered:
    """The reference with the meaning of some nodes altered, inside bodies too."""

    def __init__(self, graph: Graph, alter: Alter) -> None:
        self.graph, self.alter = graph, alter
        self.bodies: dict[Graph, Altered] = {}

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these values of the inputs."""
        made: dict[Node, Any] = dict(zip(self.graph.inputs, values, strict=True))
        for node in self.graph.nodes:
            if node not in made:
                made[node] = (
                    node.value
                    if isinstance(node, Constant)
                    else self.alter(node, self._function(node))(*(made[operand] for operand in node.operands))
                )
        return [made[node] for node in self.graph.outputs]

    def body(self, graph: Graph) -> Function:
        """A graph inside a node as a function of its inputs."""
        inside = self.bodies.setdefault(graph, Altered(graph, self.alter))
        return lambda *operands: tuple(inside.run(operands))

    def _function(self, node: Node) -> Function:
        parameters = dict(node.parameters)
        match node.operation.name:
            case "checkpoint":
                return self.body(parameters["body"])
            case "custom_vjp":
                return self.body(parameters["forward" if parameters["keep"] else "primal"])
            case "cond":
                then, otherwise = self.body(parameters["then"]), self.body(parameters["otherwise"])
                return lambda predicate, *operands: (then if predicate else otherwise)(*operands)
            case "while_loop":
                return lambda *operands: run_while(self, While(**parameters), operands)
            case "scan":
                return lambda *operands: run_scan(self, Loop(**parameters), operands)
            case _:
                return lambda *arrays: node.operation.reference(*arrays, **parameters)


def run_while(here: Altered, loop: While, operands: Sequence[Any]) -> tuple[Any, ...]:
    """A while_loop."""
    values, done = list(operands), 0
    while done != loop.steps and here.body(loop.condition)(*values)[0]:
        values[loop.constants :] = here.body(loop.body)(*values)
        done += 1
    return tuple(values[loop.constants :])


def run_scan(here: Altered, loop: Loop, operands: Sequence[Any], late: bool = False) -> tuple[Any, ...]:
    """A scan; `late` saves the carries after a step, where they are asked for before it."""
    constants, carries, slices = loop.split(operands)
    step, count = here.body(loop.body), loop.carries
    stacks = [np.empty((loop.length, *node.shape), node.dtype) for node in loop.full.outputs[count:]]
    for k in reversed(range(loop.length)) if loop.reverse else range(loop.length):
        results = step(*constants, *carries, *(values[k] for values in slices))
        saved = results[:count] if late else carries
        for stack, row in zip(stacks, [*results[count:], *(saved[number] for number in loop.save)], strict=True):
            stack[k, ...] = row
        carries = results[:count]
    return (*carries, *stacks)


# --------------------------------------------------------------------------------------------- what rounds otherwise


def reference(graph: Graph) -> Program:
    """NumPy's arithmetic, as it is."""
    return Program(graph)


def simplified(graph: Graph) -> Program:
    """The graph after every rewrite."""
    return Program(simplify(graph))


def widened(graph: Graph) -> Altered:
    """Every floating operation in float64, its result rounded once more: float32 becomes better than NumPy's."""

    def alter(node: Node, function: Function) -> Function:
        if not (isinstance(node.operation, Elementwise) or node.operation.name in SUMS) or node.dtype != np.float32:
            return function
        if node.operation.name in EXACT:
            return function

        def wide(*arrays: Any) -> Any:
            better = function(*(np.asarray(x, float) if np.asarray(x).dtype == np.float32 else x for x in arrays))
            return np.asarray(better).astype(np.float32)

        return wide

    return Altered(graph, alter)


def backwards(graph: Graph) -> Altered:
    """Every sum of products from its last term to its first, one by one."""

    def alter(node: Node, function: Function) -> Function:
        match node.operation.name:
            case "sum" if node.dtype.kind == "f":
                return lambda x: _total(x, node.parameters["axes"])
            case "contract" if node.dtype.kind == "f":
                return lambda x, y: np.einsum(node.parameters["indices"], x, y)
            case "max" | "min":
                return lambda x: function(np.flip(x))[tuple(slice(None, None, -1) for _ in node.shape)]
            case _:
                return function

    return Altered(graph, alter)


def _total(x: Any, axes: tuple[int, ...]) -> Any:
    result = np.asarray(x)
    for axis in reversed(axes):
        running = np.zeros(result.shape[:axis] + result.shape[axis + 1 :], result.dtype)
        for k in reversed(range(result.shape[axis])):
            running = running + np.take(result, k, axis)
        result = running
    return result


def noisy(graph: Graph) -> Altered:
    """Every result that may be rounded otherwise, moved by up to as much as good code would move it."""

    def alter(node: Node, function: Function) -> Function:
        name = node.operation.name
        if name in MATRICES:
            return lambda *arrays: function(*(_shaken(x, 2) for x in arrays))
        if isinstance(node.type, tuple) or node.dtype.kind != "f":
            return function
        if name in SUMS:
            return lambda *arrays: function(*(_shaken(x, 1) for x in arrays))
        if isinstance(node.operation, Elementwise) and name not in EXACT | ARITHMETIC:
            return lambda *arrays: _shaken(function(*arrays), 4)
        return function

    return Altered(graph, alter)


def _shaken(value: Any, ulps: int) -> Any:
    """The value with each rounded element moved by a few units in the last place; whole numbers may be exact.

    Equal values are moved equally, since a backend that is run again must give the same bits.
    """
    value = np.asarray(value)
    if value.dtype.kind != "f":
        return value
    draw = np.random.default_rng(zlib.crc32(value.tobytes()))
    moves = draw.integers(-ulps, ulps, value.shape, endpoint=True) * np.spacing(value)
    size, info = np.abs(value), np.finfo(value.dtype)
    rounded = (size > info.tiny / info.eps) & (size < info.max / 4) & (np.rint(value) != value)
    return np.where(rounded, value + moves, value).astype(value.dtype)


RIGHT = {"reference": reference, "simplified": simplified, "widened": widened, "backwards": backwards, "noisy": noisy}
