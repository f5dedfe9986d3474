"""How each operation is put into a random graph: a maker chooses operands and parameters, and adds the node."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.graph import OPERATIONS, Node, constant
from chainrule.ops.declare import Elementwise, cast
from tests.fuzz.builder import Builder, Skip
from tests.fuzz.values import INDEX

Maker = Callable[[Builder], Node]
MAKERS: dict[str, Maker] = {}


def maker(*names: str) -> Callable[[Callable[[Builder, str], Node]], Callable[[Builder, str], Node]]:
    """Register how these operations are made."""

    def register(function: Callable[[Builder, str], Node]) -> Callable[[Builder, str], Node]:
        MAKERS.update({name: lambda build, name=name: function(build, name) for name in names})
        return function

    return register


def make(build: Builder, name: str) -> Node:
    """A node of the operation; `Skip` where it has no place."""
    if name in MAKERS:
        return MAKERS[name](build)
    return _elementwise(build, name)


# ------------------------------------------------------------------------------------------------------- elementwise

DOMAINS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys("log log2 log10 sqrt gammaln digamma polygamma".split(), lambda x: np.abs(x) + 0.25),
    **dict.fromkeys("arcsin arccos arctanh".split(), lambda x: np.tanh(x) * 0.75),
    **dict.fromkeys("exp exp2 expm1 sinh cosh tan".split(), lambda x: np.minimum(np.maximum(x, -8), 8)),
    "log1p": np.abs,
    "arccosh": lambda x: 1 + x * x,
    "logit": lambda x: 0.5 + 0.25 * np.tanh(x),
    "erfcx": np.abs,
    "reciprocal": lambda x: np.where(np.abs(x) < 0.25, 1, x),
}
"""What brings an operand to where the operation has a number for it."""
_SECOND: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("divide", "fmod", "remainder", "floor_divide"), lambda y: np.where(np.abs(y) < 0.25, 1, y)),
    "xlogy": lambda y: np.abs(y) + 0.25,
    "power": lambda y: np.minimum(np.maximum(y, -3), 3),
}
_KINDS = {
    **dict.fromkeys("bitwise_and bitwise_or bitwise_xor invert".split(), "iub"),
    **dict.fromkeys("left_shift right_shift bitwise_count gcd lcm".split(), "iu"),
    **dict.fromkeys("gammaln digamma polygamma".split(), "f"),
    **dict.fromkeys("logical_and logical_or logical_xor logical_not".split(), "bbf"),
}


def _elementwise(build: Builder, name: str) -> Node:
    operation: Any = OPERATIONS[name]
    if not isinstance(operation, Elementwise):
        raise Skip(f"no maker for {name}")
    arity = max(len(sample.operands) for sample in operation.samples())
    first = build.operand(_KINDS.get(name, "ffiiub" if build.split(0.3) else "f"))
    operands = [first]
    for k in range(1, arity):
        dtype = first.dtype if build.split(0.9) else build.dtype(_KINDS.get(name, "fiub"))
        if name == "ldexp" and k == 1:
            dtype = np.dtype(np.int32)
        operands.append(build.like(first.shape, dtype, broadcast=True))
    if name == "where":
        operands = [build.like(first.shape, np.dtype(bool), broadcast=True), first, operands[-1]]
    elif arity == 2 and build.split(0.5) and name != "ldexp":
        operands.reverse()
    if name == "ldexp":
        operands[1] = np.minimum(operands[1], constant(40, np.int32))
    parameters = {"order": build.choose.choice((1, 2, 3))} if name == "polygamma" else {}
    try:
        _into_domain(build, name, operands)
        return build.add(operation(*operands, **parameters))
    except ChainruleError as error:
        raise Skip(str(error)) from None


def _into_domain(build: Builder, name: str, operands: list[Any]) -> None:
    """Make NaN rare: not where the values are wild anyway. SciPy's polygamma takes hours for large negative numbers."""
    if build.kind == "wild" and name not in ("gammaln", "digamma", "polygamma") and build.split(0.7):
        return
    last = operands[-1]
    if name == "power" and last.dtype.kind == "i":
        operands[-1] = np.minimum(np.absolute(last), constant(3, last.dtype))
    elif last.dtype.kind == "f" and name in _SECOND:
        operands[-1] = _SECOND[name](last)
        if name == "power" and build.split(0.7):
            operands[0] = np.abs(operands[0]) + 0.25 if operands[0].dtype.kind == "f" else operands[0]
    elif name in DOMAINS and operands[0].dtype.kind == "f":
        operands[0] = DOMAINS[name](operands[0])


@maker("astype")
def _astype(build: Builder, name: str) -> Node:
    x = build.operand("ffffiub")
    dtype = build.dtype("ffiiub")
    if dtype == x.dtype:
        raise Skip("the same dtype")
    return build.apply("astype", x, dtype=dtype)


@maker("frexp_exponent")
def _frexp(build: Builder, name: str) -> Node:
    return build.apply("frexp_exponent", build.operand())


@maker("project")
def _project(build: Builder, name: str) -> Node:
    return make(build, build.choose.choice(("slogdet", "qr", "checkpoint", "cond")))


# ------------------------------------------------------------------------------------------------------------ shapes


def _axes(build: Builder, x: Node) -> tuple[int, ...]:
    """Some of the axes, at times none or all."""
    return tuple(axis for axis in range(x.ndim) if build.split(0.5))


def _ranges(build: Builder, shape: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """A range along each axis: whole, a part, backwards, in steps, or empty."""
    ranges = []
    for n in shape:
        step = build.choose.choice((1, 1, 1, -1, 2, -2, 3))
        first, last = sorted(build.choose.choices(range(n + 1), k=2)) if build.split(0.6) else (0, n)
        places = range(first, last)[:: step if abs(step) < max(n, 2) else 1]
        ranges.append((places.start, len(places), places.step if len(places) > 1 else 1) if places else (0, 0, 1))
    return tuple(ranges)


@maker("reshape")
def _reshape(build: Builder, name: str) -> Node:
    x = build.operand("fffiub")
    shape = list(x.shape)
    match build.choose.randrange(4):
        case 0:
            shape = [x.size]
        case 1 if len(shape) > 1:
            axis = build.choose.randrange(len(shape) - 1)
            shape[axis : axis + 2] = [shape[axis] * shape[axis + 1]]
        case 2 if shape and len(shape) < 4:
            axis = build.choose.randrange(len(shape))
            part = build.choose.choice([k for k in range(1, max(shape[axis], 1) + 1) if shape[axis] % k == 0])
            shape[axis : axis + 1] = [part, shape[axis] // part]
        case _ if len(shape) < 4:
            shape.insert(build.choose.randint(0, len(shape)), 1)
    return build.apply("reshape", x, shape=tuple(shape))


@maker("transpose")
def _transpose(build: Builder, name: str) -> Node:
    x = build.operand("fffiub", build.choose.choice((2, 2, 3, 4)))
    axes = list(range(x.ndim))
    build.choose.shuffle(axes)
    return build.apply("transpose", x, axes=tuple(axes))


@maker("broadcast_to")
def _broadcast(build: Builder, name: str) -> Node:
    x = build.operand("fffiub")
    shape = tuple(build.length() if n == 1 else n for n in x.shape)
    lead = (build.length(),) if x.ndim < 4 and build.split(0.7) else ()
    if math.prod(lead + shape) > build.largest:
        raise Skip("too large")
    return build.apply("broadcast_to", x, shape=lead + shape)


@maker("slice")
def _slice(build: Builder, name: str) -> Node:
    x = build.operand("fffiub")
    return build.apply("slice", x, ranges=_ranges(build, x.shape))


@maker("write_slice")
def _write(build: Builder, name: str) -> Node:
    x = build.operand("fffiub")
    ranges = _ranges(build, x.shape)
    return build.apply("write_slice", x, build.like(tuple(n for _, n, _ in ranges), x.dtype), ranges=ranges)


@maker("concatenate")
def _concatenate(build: Builder, name: str) -> Node:
    x = build.operand("fffiub", build.choose.choice((1, 2, 2, 3)))
    axis, parts = build.choose.randrange(x.ndim), [x]
    for _ in range(build.choose.choice((0, 1, 1, 2))):
        length = x.shape[axis] if build.split(0.5) else build.length()
        parts.append(build.like((*x.shape[:axis], length, *x.shape[axis + 1 :]), x.dtype))
    build.choose.shuffle(parts)
    return build.apply("concatenate", *parts, axis=axis)


# -------------------------------------------------------------------------------------------------------- reductions


@maker("sum", "max", "min")
def _reduce(build: Builder, name: str) -> Node:
    x = build.operand("fffiub" if name == "sum" or build.split(0.3) else "f", least=0 if name == "sum" else 1)
    return build.apply(name, x, axes=_axes(build, x))


@maker("any")
def _any(build: Builder, name: str) -> Node:
    x = build.operand("b")
    return build.apply(name, x, axes=_axes(build, x))


@maker("prod", "cumsum", "cumprod", "cummax", "cummin", "argsort", "argmax", "argmin")
def _along(build: Builder, name: str) -> Node:
    least = 1 if name.startswith("arg") else 0
    x = build.operand("ffffiu", build.choose.choice((1, 2, 2, 3)), least)
    return build.apply(name, x, axis=build.choose.randrange(x.ndim))


@maker("recurrence")
def _recurrence(build: Builder, name: str) -> Node:
    a = build.operand("f", build.choose.choice((1, 2, 3)))
    return build.apply(name, np.tanh(a), build.like(a.shape, a.dtype), axis=build.choose.randrange(a.ndim))


_PATTERNS = (
    "ij,jk->ik ij,kj->ik ji,jk->ik ij,jk->ki ij,j->i i,ij->j i,i-> i,j->ij i,j->ji ij,ij-> ij,ij->i ij,i->ji ij,ij->ji "
    "bij,bjk->bik bij,bkj->ibk bij,bjk->ikb ij,bjk->bik bij,jk->bik ijk,kjl->il ijk,jk->i ijk,lkj->il bi,bj->ij "
    "abij,abjk->abik i,ijk->kj ,ij->ij ij,->ji aibj,jb->ia ,-> ijk,ijk-> aij,bij->ab"
).split()


@maker("contract")
def _contract(build: Builder, name: str) -> Node:
    pattern = build.choose.choice(_PATTERNS) if build.split(0.7) else _pattern(build)
    of_x, of_y, result = pattern.replace("->", ",").split(",")
    x = build.operand("ffffffib", len(of_x))
    sizes = dict(zip(of_x, x.shape, strict=True))
    y = build.like(tuple(sizes.setdefault(label, build.length()) for label in of_y), x.dtype)
    if math.prod(sizes[label] for label in result) > build.largest or math.prod(sizes.values()) > 10**6:
        raise Skip("too large")
    operands, rows = ((x, y), (of_x, of_y)) if build.split(0.5) else ((y, x), (of_y, of_x))
    return build.apply("contract", *operands, indices=f"{','.join(rows)}->{result}")


def _pattern(build: Builder) -> str:
    """Any labels, each in two of the three places or in all."""
    rows: list[list[str]] = [[], [], []]
    for label in "ijkl"[: build.choose.randint(0, 4)]:
        for place in build.choose.choice(((0, 1), (0, 2), (1, 2), (0, 1, 2))):
            rows[place].append(label)
    for row in rows:
        build.choose.shuffle(row)
    return f"{''.join(rows[0])},{''.join(rows[1])}->{''.join(rows[2])}"


# ----------------------------------------------------------------------------------------------------- rows and places


@maker("gather")
def _gather(build: Builder, name: str) -> Node:
    x = build.operand("fffiub", build.choose.choice((1, 2, 2, 3)), least=1)
    return build.apply(name, x, build.index(build.shape(build.choose.choice((0, 1, 1, 2))), x.shape[0]))


@maker("scatter_add")
def _scatter(build: Builder, name: str) -> Node:
    rows = build.operand("ffffi", build.choose.choice((1, 2, 2, 3)))
    length = build.length(1)
    index = build.index(rows.shape[: build.choose.randint(0, min(2, rows.ndim))], length)
    return build.apply(name, index, rows, length=length)


@maker("check_index")
def _check_index(build: Builder, name: str) -> Node:
    n = build.length(1)
    index = build.index(build.shape(build.choose.choice((0, 1, 2))), n, least=-n)
    return build.apply(name, index, axis=0, shape=(n,))


@maker("last_writer")
def _last_writer(build: Builder, name: str) -> Node:
    length = build.length(1)
    return build.apply(name, build.index(build.shape(build.choose.choice((1, 2))), length), length=length)


@maker("nonzero")
def _nonzero(build: Builder, name: str) -> Node:
    mask = build.operand("b", build.choose.choice((1, 1, 2)))
    return build.apply(name, mask, count=build.choose.randint(0, mask.shape[-1]))


@maker("searchsorted")
def _search(build: Builder, name: str) -> Node:
    values = build.operand("fffi", 2)
    if not values.shape[0] or build.depth:
        raise Skip("no rows")
    draw = np.random.default_rng(build.choose.getrandbits(32))
    table = np.sort(draw.integers(-5 if values.dtype.kind != "u" else 0, 9, (values.shape[0], build.length())), axis=1)
    return build.apply(
        name, build.input(table.astype(values.dtype)), values, side=build.choose.choice(("left", "right"))
    )


@maker("philox")
def _philox(build: Builder, name: str) -> Node:
    draw = np.random.default_rng(build.choose.getrandbits(32))
    lead = build.choose.choice(((), (), (2,), (3, 1)))
    key, counter = (draw.integers(0, 2**64, (*lead[k:], n), np.uint64) for k, n in ((0, 2), (len(lead) // 2, 4)))
    return build.apply(name, build.input(key), build.input(counter), length=build.length())


# ----------------------------------------------------------------------------------------------------------- windows


@maker("windows")
def _windows(build: Builder, name: str) -> Node:
    x = build.operand("ffffi", build.choose.choice((1, 2, 3)), least=1)
    rank = build.choose.randint(1, min(2, x.ndim))
    window = tuple(build.choose.randint(1, min(n, 4)) for n in x.shape[-rank:])
    result = {"window": window, "stride": tuple(build.choose.randint(1, 3) for _ in window)}
    if x.size * math.prod(window) > 4 * build.largest:
        raise Skip("too large")
    return build.apply(name, x, **result)


@maker("overlap_add")
def _overlap(build: Builder, name: str) -> Node:
    lengths = tuple(build.length(1) for _ in range(build.choose.choice((1, 1, 2))))
    window = tuple(build.choose.randint(1, min(n, 4)) for n in lengths)
    stride = tuple(build.choose.randint(1, 3) for _ in window)
    places = tuple((n - k) // step + 1 for n, k, step in zip(lengths, window, stride, strict=True))
    lead = (build.length(),) if build.split(0.4) else ()
    if math.prod((*lead, *places, *window)) > 4 * build.largest:
        raise Skip("too large")
    return build.apply(name, build.like((*lead, *places, *window), build.dtype("f")), lengths=lengths, stride=stride)


@maker("convolution")
def _convolution(build: Builder, name: str) -> Node:
    rank, groups, channels = build.choose.choice((1, 1, 2)), build.choose.choice((1, 1, 2)), build.choose.randint(1, 3)
    dtype = build.dtype("f")
    space = tuple(build.choose.choice((1, 3, 5, 7, 8)) for _ in range(rank))
    kernel = tuple(build.choose.randint(1, 3) for _ in range(rank))
    x = build.like((build.choose.randint(1, 3), groups, channels, *space), dtype)
    w = build.like((groups, build.choose.randint(1, 4), channels, *kernel), dtype)
    once: dict[str, Any] = {
        "stride": tuple(build.choose.choice((1, 1, 2)) for _ in space),
        "padding": tuple((build.choose.choice((0, 1, 2, -1)), build.choose.choice((0, 0, 1))) for _ in space),
        "dilation": tuple(build.choose.choice((1, 1, 2)) for _ in space),
        "input_dilation": tuple(build.choose.choice((1, 1, 1, 2)) for _ in space),
    }
    return build.apply(name, x, w, **once)


__all__ = ["INDEX", "MAKERS", "cast", "make", "maker"]
