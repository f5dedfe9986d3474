"""How matrices, and operations with graphs inside, are put into a random graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.graph import OPERATIONS, Graph, Input, Node, apply, calculus, constant
from chainrule.ops.bodies import or_zero
from chainrule.ops.declare import Elementwise, cast
from chainrule.types import ArrayType
from tests.fuzz.bounded import Bounded
from tests.fuzz.builder import Builder, Skip, floating
from tests.fuzz.makers import make, maker
from tests.fuzz.values import FLOATS

# ---------------------------------------------------------------------------------------------------- linear algebra


def _matrix(build: Builder, name: str) -> Node:
    """A matrix with distinct and not too different singular values; symmetric and positive where that is needed."""
    draw = np.random.default_rng(build.choose.getrandbits(32))
    rows = build.choose.choice((1, 2, 3, 4, 7))
    columns = rows
    if name in ("qr", "svd", "pinv"):
        columns = build.choose.choice([n for n in (1, 2, 3, 4, 7) if n <= rows])
    lead = build.choose.choice(((), (), (2,), (3,)))
    noise = draw.uniform(-0.3, 0.3, (*lead, rows, columns))
    scale = 1.0 + np.arange(max(rows, columns))[:columns]
    value = noise + np.eye(rows, columns) * scale * draw.choice((-1.0, 1.0), (*lead, 1, columns))
    if name in ("cholesky", "eigh"):
        value = (noise + np.swapaxes(noise, -1, -2)) / 2 + np.eye(rows) * (1 + scale)
    if name in ("svd", "pinv") and columns < rows and build.split(0.5):
        value = np.swapaxes(value, -1, -2)
    node = build.input(value.astype(build.choose.choice(FLOATS)))
    # Now and then a value of the graph is mixed in, so that the matrix is not an input.
    other = build.find(lambda one: one.dtype == node.dtype and one.shape == node.shape) if build.split(0.4) else None
    if other is not None and other is not node and name not in ("cholesky", "eigh"):
        return build.add(node + 0.01 * np.tanh(other))
    return node


@maker("inv", "adjugate", "det", "slogdet", "cholesky", "qr", "svd", "eigh", "pinv")
def _decompose(build: Builder, name: str) -> Node:
    extra: dict[str, Any] = {"eigh": {"lower": build.split(0.5)}, "pinv": {"rtol": 1e-6}}.get(name, {})
    return build.apply(name, _matrix(build, name), **extra)


@maker("solve")
def _solve(build: Builder, name: str) -> Node:
    a = _matrix(build, name)
    b = build.like((*a.shape[:-1], build.choose.choice((1, 2, 5))), a.dtype)
    return build.apply(name, a, b, triangle=build.choose.choice(("none", "lower", "upper")))


# ------------------------------------------------------------------------------------------------------------ bodies

_INSIDE = tuple(
    name
    for name, operation in OPERATIONS.items()
    if isinstance(operation, Elementwise) and name not in ("polygamma", "lcm", "gcd", "spacing")
) + ("sum", "max", "reshape", "transpose", "slice", "concatenate", "broadcast_to", "contract", "gather", "write_slice",
     "cumsum", "argmax", "astype") * 2  # fmt: skip


def _inside(build: Builder, types: Sequence[tuple[ArrayType, Bounded]], count: int) -> tuple[Builder, list[Input]]:
    """A builder for a body with inputs of these types, and some nodes in it."""
    body = Builder(build.choose, build.kind, min(build.largest, 400), outer=build)
    body.lengths = build.lengths
    inputs = [Input(kind, f"p{build.depth}{k}") for k, (kind, _) in enumerate(types)]
    for node, (_, value) in zip(inputs, types, strict=True):
        body.adopt(node, value)
    for _ in range(count):
        nested = build.depth == 0 and build.split(0.1)
        name = build.choose.choice(("cond", "scan", "checkpoint") if nested else _INSIDE)
        try:
            make(body, name)
        except Skip:
            continue
    return body, inputs


def _typed(build: Builder, node: Node) -> tuple[ArrayType, Bounded]:
    return node.type, build.value(node)


def _as(body: Builder, kind: ArrayType) -> Node:
    """Some value of the body in this type: found, or fitted to it."""
    found = body.find(lambda node: node.type == kind)
    if found is not None and body.split(0.7):
        return found
    other: Any = body.find(lambda node: node.dtype.kind == kind.dtype.kind or kind.dtype.kind == "f")
    if other is None:
        return constant(np.zeros(kind.shape, kind.dtype))
    total = np.sum(cast(np.tanh(other) if other.dtype.kind == "f" else other, kind.dtype))
    node: Any = np.broadcast_to(cast(total, kind.dtype), kind.shape)
    if found is not None and kind.dtype.kind in "fiu":
        node = node + found
    return cast(node, kind.dtype)


def _tamed(body: Builder, kind: ArrayType) -> Node:
    """A value for a carry: one that does not grow from step to step, where that is wanted."""
    node: Any = _as(body, kind)
    if kind.dtype.kind == "f" and body.kind != "wild" and body.split(0.7):
        return np.tanh(node) if body.split(0.5) else node * constant(0.5, kind.dtype)
    return node


def _outer_operands(build: Builder, least: int, most: int) -> list[Node]:
    """Values of the graph that go into a body."""
    return [build.operand("fffib") for _ in range(build.choose.randint(least, most))]


def _results(body: Builder, count: int) -> list[Node]:
    """Some values of a body, a number of them."""
    return [body.pool[-1 - int(min(body.choose.expovariate(0.5), len(body.pool) - 1))] for _ in range(count)]


@maker("checkpoint")
def _checkpoint(build: Builder, name: str) -> Node:
    operands = _outer_operands(build, 1, 3)
    body, inputs = _inside(build, [_typed(build, node) for node in operands], build.choose.randint(1, 6))
    return build.apply(name, *operands, body=Graph(inputs, _results(body, build.choose.randint(1, 2))))


@maker("cond")
def _cond(build: Builder, name: str) -> Node:
    predicate = build.like((), np.dtype(bool))
    if not build.value(predicate).exact:
        raise Skip("an open predicate")
    operands = _outer_operands(build, 1, 3)
    types = [_typed(build, node) for node in operands]
    (then, one), (otherwise, other) = (_inside(build, types, build.choose.randint(1, 4)) for _ in range(2))
    results = _results(then, build.choose.randint(1, 2))
    bodies = {"then": Graph(one, results), "otherwise": Graph(other, [_as(otherwise, node.type) for node in results])}
    return build.apply(name, predicate, *operands, **bodies)


@maker("scan")
def _scan(build: Builder, name: str) -> Node:
    constants, carries = _outer_operands(build, 0, 2), _outer_operands(build, int(build.split(0.8)), 2)
    sequence = build.operand("fffi", build.choose.choice((1, 2, 3)))
    length = sequence.shape[0] if sequence.shape[0] <= 33 else 0
    slices = [sequence] if length or sequence.shape[0] == 0 else []
    length = length if slices else build.choose.choice((0, 1, 3, 7))
    if not slices and not carries:
        raise Skip("a loop over nothing")
    first = build.value(sequence) if length and slices else None
    row = ArrayType(sequence.shape[1:], sequence.dtype)
    types = [_typed(build, node) for node in (*constants, *carries)]
    zeros = Bounded(np.zeros(row.shape, row.dtype), np.zeros(row.shape))
    types += [(row, zeros if first is None else Bounded(first.value[0], first.error[0])) for _ in slices]
    body, inputs = _inside(build, types, build.choose.randint(1, 6))
    outputs = [_tamed(body, node.type) for node in carries] + _results(
        body, build.choose.randint(0 if carries else 1, 2)
    )
    settings: dict[str, Any] = {
        "constants": len(constants), "carries": len(carries), "length": length, "reverse": build.split(0.5),
        "save": tuple(k for k in range(len(carries)) if build.split(0.3)),
    }  # fmt: skip
    return build.apply(name, *constants, *carries, *slices, body=Graph(inputs, outputs), **settings)


@maker("while_loop")
def _while(build: Builder, name: str) -> Node:
    """A loop that counts, and now and then stops for another reason, so that it always ends."""
    constants, carries = _outer_operands(build, 0, 1), _outer_operands(build, 1, 2)
    counter = build.input(np.array(build.choose.randint(-3, 3)))
    types = [_typed(build, node) for node in (*constants, counter, *carries)]
    body, inputs = _inside(build, types, build.choose.randint(1, 5))
    count = len(constants)
    outputs = [inputs[count] + 1, *(_tamed(body, node.type) for node in carries)]
    asked = [Input(kind, f"q{k}") for k, (kind, _) in enumerate(types)]
    most = int(build.value(counter).value) + build.choose.randint(-1, 6)
    answer: Any = asked[count] < most
    if asked[-1].dtype.kind == "i" and build.split(0.5):
        answer = answer & (np.sum(asked[-1]) < 100)
    settings = {"constants": count, "steps": build.choose.choice((None, 0, 1, 2, 10))}
    bodies = {"condition": Graph(asked, [answer]), "body": Graph(inputs, outputs)}
    return build.apply(name, *constants, counter, *carries, **bodies, **settings)


@maker("custom_vjp")
def _custom(build: Builder, name: str) -> Node:
    """A function with its own backward, which is at times another than the true one."""
    operands = [build.operand("f") for _ in range(build.choose.randint(1, 2))]
    body, inputs = _inside(build, [_typed(build, node) for node in operands], build.choose.randint(1, 5))
    results = floating(_results(body, 2))[:1]
    if not results:
        raise Skip("no floating result")
    primal = Graph(inputs, results)
    copies = [Input(node.type, f"r{k}") for k, node in enumerate(inputs)]
    residuals = [Input(node.type, f"s{k}") for k, node in enumerate(inputs)]
    seeds = [Input(node.type, f"g{k}") for k, node in enumerate(results)]
    try:
        pulled = calculus.reverse(primal(*residuals), seeds, residuals)
    except ChainruleError as error:
        raise Skip(str(error)) from None
    factor = constant(build.choose.choice((1, 1, 2)), np.int8)
    backward = [or_zero(part, node) * cast(factor, node.dtype) for part, node in zip(pulled, residuals, strict=True)]
    rule = {
        "primal": primal,
        "forward": Graph(copies, [*primal(*copies), *copies]),
        "backward": Graph([*residuals, *seeds], backward),
    }
    return build.apply(name, *operands, keep=build.split(0.4), **rule)


__all__ = ["apply"]
