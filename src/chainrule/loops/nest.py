"""Loop nests: what a kernel does, statement after statement, with nothing said about machines.

A `Kernel` owns its buffers: inputs, which it only reads; outputs, which it gives; temporaries, which last as long as a
call. Statements run in the order of the text and loops from their start upwards, so a sum in floats has one value. A
loop of kind "parallel" promises that its iterations do not meet in memory, so that a mapping may run them in any order,
on lanes or on threads; the verifier holds it to the promise.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from chainrule.errors import GraphError
from chainrule.loops.arithmetic import run_body
from chainrule.loops.scalar import (
    INDEX,
    ROLES,
    Buffer,
    Constant,
    Index,
    Load,
    Scalar,
    apply,
    constant,
    in_order,
    lift,
)
from chainrule.record import record
from chainrule.types import check_dtype

Kind: TypeAlias = Literal["serial", "parallel"]
KINDS: tuple[Kind, ...] = ("serial", "parallel")
Combine: TypeAlias = Literal["sum", "product", "maximum", "minimum", "any", "all"]
COMBINES: dict[str, str] = {
    "sum": "add",
    "product": "multiply",
    "maximum": "maximum",
    "minimum": "minimum",
    "any": "bitwise_or",
    "all": "bitwise_and",
}
"""The function of two scalars behind each way to accumulate."""


@record(eq=False)
class Statement:
    """One step of a kernel; `print` shows it in the printer's words."""

    def __str__(self) -> str:
        from chainrule.loops.printer import print_statement

        return print_statement(self)


@record(eq=False)
class Store(Statement):
    """Set an element of a buffer."""

    buffer: Buffer
    indices: tuple[Scalar, ...]
    value: Scalar


@record(eq=False)
class Accumulate(Statement):
    """Combine an element of a buffer with a value: the element, then the value, rounded to the buffer's dtype."""

    buffer: Buffer
    indices: tuple[Scalar, ...]
    combine: Combine
    value: Scalar


@record(eq=False)
class Fill(Statement):
    """Set every element of a buffer to one value."""

    buffer: Buffer
    value: Scalar


@record(eq=False)
class For(Statement):
    """Run the body for each whole number from start up to, and without, stop."""

    index: Index
    start: Scalar
    stop: Scalar
    body: tuple[Statement, ...]
    kind: Kind = "serial"


@record(eq=False)
class If(Statement):
    """Run the body where the condition holds."""

    condition: Scalar
    body: tuple[Statement, ...]


@record(eq=False)
class Kernel:
    """A named piece of work on buffers: the unit that is verified, printed, interpreted and compiled.

    >>> from chainrule.loops.scalar import apply
    >>> x, out = buffer("x", (4,), "float32"), buffer("out", (4,), "float32", "output")
    >>> i = Index("i")
    >>> print(Kernel("relu", (x, out), (loop(i, 4, store(out, i, apply("select", x[i] <= 0, 0, x[i]))),)))
    kernel relu(input x: float32[4], output out: float32[4]):
      for i in 0..4: out[i] = select(x[i] <= 0, 0, x[i])
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]

    def role(self, role: str) -> tuple[Buffer, ...]:
        """The buffers of one role, in order."""
        return tuple(one for one in self.buffers if one.role == role)

    def __str__(self) -> str:
        from chainrule.loops.printer import print_kernel

        return print_kernel(self)


# ------------------------------------------------------------------------------------------------------- constructors


def buffer(name: str, shape: Iterable[int], dtype: Any, role: str = "input") -> Buffer:
    """A buffer, with its words checked."""
    return Buffer(name, tuple(shape), check_dtype("buffer", dtype), _one_of("role", role, ROLES))


def store(target: Buffer, indices: Any, value: Any) -> Store:
    """`target[indices] = value`; Python numbers take the dtype of the buffer."""
    return Store(target, as_indices(indices), lift(value, target.dtype))


def accumulate(target: Buffer, indices: Any, combine: str, value: Any) -> Accumulate:
    """Combine the element with the value: `accumulate(out, i, "sum", x[i, j])`."""
    way: Combine = _one_of("combine", combine, tuple(COMBINES))
    return Accumulate(target, as_indices(indices), way, lift(value, target.dtype))


def fill(target: Buffer, value: Any) -> Fill:
    """Set every element of the buffer."""
    return Fill(target, lift(value, target.dtype))


def loop(index: Index, stop: Any, *body: Statement, start: Any = 0, kind: str = "serial") -> For:
    """The statements for each value of the index from start to stop."""
    return For(index, lift(start, INDEX), lift(stop, INDEX), body, _one_of("kind", kind, KINDS))


def when(condition: Scalar, *body: Statement) -> If:
    """The statements where the condition holds."""
    return If(condition, body)


def loops(
    indices: Sequence[Index], shape: Sequence[int], *body: Statement, kind: str = "serial"
) -> tuple[Statement, ...]:
    """One loop inside another over a whole shape; only the outermost is of that kind."""
    for index, extent in reversed(list(zip(indices, shape, strict=True))):
        body = (loop(index, extent, *body, kind=kind if index is indices[0] else "serial"),)
    return body


def each(
    shape: Sequence[int], body: Callable[[tuple[Index, ...]], Statement], serial: Container[int] = ()
) -> tuple[Statement, ...]:
    """`body(index)` for each place of a shape, in loops that are parallel but along the axes that are `serial`.

    >>> x, out = buffer("x", (3,), "float32"), buffer("out", (3,), "float32", "output")
    >>> print(*each((3,), lambda index: store(out, index, x[index] * 2)))
    parallel for i0 in 0..3: out[i0] = x[i0] * 2
    """
    index = tuple(Index(f"i{axis}") for axis in range(len(shape)))
    found: tuple[Statement, ...] = (body(index),)
    for axis in reversed(range(len(shape))):
        found = (loop(index[axis], shape[axis], *found, kind="serial" if axis in serial else "parallel"),)
    return found


def aligned(index: Sequence[Any], shape: Sequence[int]) -> tuple[Any, ...]:
    """The place in an array of this shape that is broadcast to where `index` points.

    >>> [str(one) for one in aligned((Index("i"), Index("j"), Index("k")), (1, 4))]
    ['int64(0)', 'k']
    """
    own = index[len(index) - len(shape) :]
    return tuple(constant(0, INDEX) if length == 1 else one for one, length in zip(own, shape, strict=True))


def is_within(place: Scalar, length: int) -> Scalar:
    """Whether a computed index is inside an axis."""
    return (place >= 0) & (place < length)


def within(place: Scalar, length: int) -> Scalar:
    """A computed index brought inside an axis, so that nothing outside is ever read or written."""
    return apply("maximum", apply("minimum", place, length - 1), 0)


def as_indices(indices: Any) -> tuple[Scalar, ...]:
    """One index, or a tuple of them, as scalars."""
    return tuple(lift(one, INDEX) for one in (indices if isinstance(indices, tuple) else (indices,)))


def _one_of(name: str, given: str, known: Sequence[Any]) -> Any:
    if given not in known:
        raise GraphError(
            "loops", expected=f"{name} to be {', '.join(known)}", got=repr(given), remedy="Choose of these."
        )
    return given


def elementwise_kernel(
    name: str,
    body: Callable[..., Any],
    dtypes: Sequence[np.dtype],
    shape: Sequence[int],
    **parameters: Any,
) -> Kernel:
    """The kernel that runs a scalar body on every element; `dtypes` are those of the operands and of the result.

    >>> print(elementwise_kernel("square", lambda m, x: x * x, [np.dtype(float)] * 2, (2, 3)))
    kernel square(input x0: float64[2, 3], output out: float64[2, 3]):
      parallel for i0 in 0..2:
        for i1 in 0..3: out[i0, i1] = x0[i0, i1] * x0[i0, i1]
    """
    indices = tuple(Index(f"i{axis}") for axis in range(len(shape)))
    inputs = tuple(buffer(f"x{k}", shape, dtype) for k, dtype in enumerate(dtypes[:-1]))
    out = buffer("out", shape, dtypes[-1], "output")
    value = run_body(body, tuple(one[indices] for one in inputs), out.dtype, **parameters)
    return Kernel(name, (*inputs, out), loops(indices, shape, store(out, indices, value), kind="parallel"))


def neutral(combine: str, dtype: np.dtype) -> Any:
    """The number that leaves every other as it is.

    >>> neutral("maximum", np.dtype("int8")), neutral("sum", np.dtype("float32"))
    (-128, 0)
    """
    if combine in ("maximum", "minimum"):
        low = combine == "maximum"
        if dtype.kind == "f":
            return -np.inf if low else np.inf
        if dtype.kind == "b":
            return not low
        return int(np.iinfo(dtype).min if low else np.iinfo(dtype).max)
    return {"sum": 0, "product": 1, "any": False, "all": True}[combine]


# --------------------------------------------------------------------------------------------------------------- walks


def scalars_of(statement: Statement) -> tuple[Scalar, ...]:
    """The expressions that a statement itself has, in the order in which they are computed."""
    match statement:
        case Store() | Accumulate():
            return (*statement.indices, statement.value)
        case Fill():
            return (statement.value,)
        case For():
            return (statement.start, statement.stop)
        case If():
            return (statement.condition,)
    raise GraphError(
        "loops", expected="a statement", got=repr(statement), remedy="See loops/nest.py for what there is."
    )


def statements(body: Iterable[Statement]) -> Iterator[Statement]:
    """Every statement of a body and of the bodies in it, in the order of the text."""
    for statement in body:
        yield statement
        if isinstance(statement, (For, If)):
            yield from statements(statement.body)


def extent_of(one: For) -> int | None:
    """The length of a loop that starts at 0; None where it does not, or where that is not known."""
    known = isinstance(one.start, Constant) and isinstance(one.stop, Constant) and one.start.value == 0
    return int(one.stop.value) if known else None  # type: ignore[union-attr]


def loads_of(statement: Statement) -> list[Load]:
    """Every element that a statement itself reads, but for the one that it accumulates into."""
    return [one for one in in_order(scalars_of(statement)) if isinstance(one, Load)]
