"""Scalar expressions: what a loop computes for one element. Typed, immutable, and each made once.

Python's operators build them, with Python numbers weak: they take the dtype of what they meet. Equal expressions are
one object (hash-consing), so what is shared is computed once and `is` tells whether two are equal; `x == y` builds a
comparison. Indices are int64 expressions like any other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from chainrule.errors import DtypeError, GraphError
from chainrule.loops.functions import function_of, result_dtype
from chainrule.types import check_dtype

Role: TypeAlias = Literal["input", "output", "temporary"]
ROLES: tuple[Role, ...] = ("input", "output", "temporary")
INDEX = np.dtype(np.int64)
BOOL = np.dtype(bool)
Operand: TypeAlias = "Scalar | Choice | bool | int | float"
_scalars: WeakValueDictionary[Any, Scalar] = WeakValueDictionary()


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Memory for one array, contiguous in C order. `buffer[i, j]` is the expression that reads an element.

    >>> x = Buffer("x", (4, 3), np.dtype("float32"), "input")
    >>> print(x[Index("i"), 0] * 2)
    x[i, 0] * 2
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    role: Role

    def __getitem__(self, indices: Any) -> Load:
        return load(self, *(indices if isinstance(indices, tuple) else (indices,)))

    def __str__(self) -> str:
        return f"{self.role} {self.name}: {self.dtype.name}[{', '.join(map(str, self.shape))}]"


class Scalar:
    """One number: a constant, a loop's index, an element of a buffer, or a function of other scalars."""

    __slots__ = ("__weakref__", "dtype", "operands")
    dtype: np.dtype
    operands: tuple[Scalar, ...]

    __hash__ = object.__hash__  # by identity: equal expressions are one object

    def __bool__(self) -> bool:
        raise GraphError(
            "loops",
            expected="a decision on numbers",
            got=f"the truth of {self}, which has none",
            remedy="Compare expressions with `is`, or write a select.",
        )

    def __str__(self) -> str:
        from chainrule.loops.printer import print_scalar

        return print_scalar(self)

    def __repr__(self) -> str:
        return f"<{self.dtype.name}: {self}>"

    def __add__(self, other: Operand) -> Scalar:
        return _combine("add", self, other, "bitwise_or")

    def __radd__(self, other: Operand) -> Scalar:
        return _combine("add", other, self, "bitwise_or")

    def __sub__(self, other: Operand) -> Scalar:
        return _combine("subtract", self, other, "bitwise_xor")

    def __rsub__(self, other: Operand) -> Scalar:
        return _combine("subtract", other, self, "bitwise_xor")

    def __mul__(self, other: Operand) -> Scalar:
        return _combine("multiply", self, other, "bitwise_and")

    def __rmul__(self, other: Operand) -> Scalar:
        return _combine("multiply", other, self, "bitwise_and")

    def __truediv__(self, other: Operand) -> Scalar:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Scalar:
        return apply("divide", other, self)

    def __mod__(self, other: Operand) -> Scalar:
        return apply("fmod", self, other)

    def __neg__(self) -> Scalar:
        return apply("negative", self)

    def __invert__(self) -> Scalar:
        return apply("invert", self)

    def __and__(self, other: Operand) -> Scalar:
        return apply("bitwise_and", self, other)

    def __or__(self, other: Operand) -> Scalar:
        return apply("bitwise_or", self, other)

    def __xor__(self, other: Operand) -> Scalar:
        return apply("bitwise_xor", self, other)

    def __lshift__(self, other: Operand) -> Scalar:
        return apply("left_shift", self, other)

    def __rshift__(self, other: Operand) -> Scalar:
        return apply("right_shift", self, other)

    def __lt__(self, other: Operand) -> Scalar:
        return _compare("less", self, other)

    def __le__(self, other: Operand) -> Scalar:
        return _compare("less_equal", self, other)

    def __gt__(self, other: Operand) -> Scalar:
        return _compare("greater", self, other)

    def __ge__(self, other: Operand) -> Scalar:
        return _compare("greater_equal", self, other)

    def __eq__(self, other: Operand) -> Scalar:  # type: ignore[override]
        return _compare("equal", self, other)

    def __ne__(self, other: Operand) -> Scalar:  # type: ignore[override]
        return _compare("not_equal", self, other)


class Constant(Scalar):
    """A number. `value` is Python's bool, int or float."""

    __slots__ = ("value",)
    value: bool | int | float


class Index(Scalar):
    """A loop's variable, known by its name."""

    __slots__ = ("name",)
    name: str

    def __new__(cls, name: str) -> Index:
        """The index of that name.

        >>> Index("i") is Index("i")
        True
        """
        return _made(cls, INDEX, (), name=name)


class Load(Scalar):
    """An element of a buffer; the operands are the indices."""

    __slots__ = ("buffer",)
    buffer: Buffer


class Cast(Scalar):
    """The operand in another dtype, as NumPy's `astype` gives it."""

    __slots__ = ()


class Apply(Scalar):
    """A function of `FUNCTIONS` on operands of the dtypes that it takes."""

    __slots__ = ("function",)
    function: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice between two Python numbers: as weak as they are, it takes a dtype from what it meets."""

    condition: Scalar
    then: bool | int | float
    otherwise: bool | int | float


def _made(kind: type, dtype: np.dtype, operands: tuple[Scalar, ...], **facts: Any) -> Any:
    key = (kind, dtype, *facts.values(), *operands)
    found = _scalars.get(key)
    if found is None:
        found = object.__new__(kind)
        found.dtype, found.operands = dtype, operands
        for name, fact in facts.items():
            setattr(found, name, fact)
        _scalars[key] = found
    return found


# ------------------------------------------------------------------------------------------------------- constructors


def constant(value: Any, dtype: Any) -> Constant:
    """A number in a dtype. As in C, a negative integer may be given for the unsigned one of the same bits.

    >>> constant(-1, np.uint8).value, constant(0.1, np.float32).value == 0.1
    (255, False)
    """
    dtype = check_dtype("constant", dtype)
    if dtype.kind in "iu":
        bits = 8 * dtype.itemsize
        if value != value // 1 or not -(2 ** (bits - 1)) <= value < 2**bits:
            raise DtypeError("constant", expected=f"a number of {dtype.name}", got=repr(value), remedy="Cast it first.")
        value = wrap(int(value), dtype)
    with np.errstate(over="ignore"):
        number = np.array(value, dtype=dtype)
    bits = np.array(math.nan, dtype).tobytes() if number != number else number.tobytes()  # one NaN
    key = (Constant, dtype, bits)
    found = _scalars.get(key)
    if found is None:
        found = object.__new__(Constant)
        found.dtype, found.operands, found.value = dtype, (), number.item()
        _scalars[key] = found
    return found  # type: ignore[return-value]


def wrap(value: int, dtype: np.dtype) -> int:
    """The integer of this dtype whose lowest bits are those of `value`.

    >>> wrap(128, np.dtype("int8"))
    -128
    """
    bits = 8 * dtype.itemsize
    value %= 2**bits
    return value - 2**bits if dtype.kind == "i" and value >= 2 ** (bits - 1) else value


def load(buffer: Buffer, *indices: Any) -> Load:
    """The element of the buffer at these indices."""
    return _made(Load, buffer.dtype, tuple(lift(index, INDEX) for index in indices), buffer=buffer)


def cast(operand: Scalar, dtype: Any) -> Scalar:
    """The operand in another dtype; the operand itself where it has that dtype."""
    dtype = check_dtype("cast", dtype)
    return operand if operand.dtype == dtype else _made(Cast, dtype, (operand,))


def lift(value: Any, dtype: np.dtype) -> Scalar:
    """A scalar as it is; a Python number, or a choice between two, in this dtype."""
    if isinstance(value, Scalar):
        return value
    if isinstance(value, Choice):
        return apply("select", value.condition, lift(value.then, dtype), lift(value.otherwise, dtype))
    return constant(value, dtype)


def apply(name: str, *operands: Any) -> Scalar:
    """A function of `FUNCTIONS`; Python numbers take the dtype of the other operands, or the one that is asked for.

    >>> i = Index("i")
    >>> print(apply("minimum", i * 4 + 3, 9))
    minimum((i * 4) + 3, 9)
    """
    wanted = function_of(name).operands
    pairs = list(zip(operands, wanted, strict=False))
    common = next((one.dtype for one, want in pairs if want == "x" and isinstance(one, Scalar)), None)
    if common is None or len(operands) != len(wanted):
        got = f"{name}({', '.join(map(str, operands))})"
        raise DtypeError(
            name, expected=function_of(name).signature, got=got, remedy="Give one operand a dtype: constant(1, dtype)."
        )
    dtypes = {"x": common, "n": INDEX}
    lifted = tuple(lift(one, dtypes.get(want) or np.dtype(want)) for one, want in pairs)
    dtype = result_dtype(name, [one.dtype for one in lifted])
    simpler = _simpler(name, lifted)
    return _made(Apply, dtype, lifted, function=name) if simpler is None else simpler


_FOLDED: dict[str, Callable[..., int]] = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "negative": lambda x: -x,
}
_NEUTRAL = {"add": 0, "multiply": 1}


def _simpler(name: str, operands: tuple[Scalar, ...]) -> Scalar | None:
    """Whole numbers are folded, and 0 and 1 dropped, so that indices stay plain. Floats are left as they are, but for
    powers that are products."""
    if name == "select":
        return _chosen(*operands)
    if name == "power" and isinstance(operands[1], Constant) and operands[1].value in (1, 2):
        return operands[0] if operands[1].value == 1 else apply("multiply", operands[0], operands[0])
    if name not in _FOLDED or operands[0].dtype.kind not in "iu":
        return None
    if all(isinstance(one, Constant) for one in operands):
        value = _FOLDED[name](*(one.value for one in operands))  # type: ignore[attr-defined]
        return constant(wrap(value, operands[0].dtype), operands[0].dtype)
    first, last = operands[0], operands[-1]
    if name in _NEUTRAL and is_number(first, _NEUTRAL[name]):
        return last
    if name != "negative" and is_number(last, _NEUTRAL.get(name, 0)):
        return first
    if name == "multiply" and (is_number(first, 0) or is_number(last, 0)):
        return constant(0, first.dtype)
    return None


def _chosen(condition: Scalar, then: Scalar, otherwise: Scalar) -> Scalar | None:
    """What a select comes to where that is known."""
    if then is otherwise:
        return then
    if isinstance(condition, Constant):
        return then if condition.value else otherwise
    return None


def is_number(scalar: Scalar, value: int) -> bool:
    """Whether an expression is the constant of that value."""
    return isinstance(scalar, Constant) and scalar.value == value


def _combine(name: str, x: Operand, y: Operand, on_truth: str) -> Scalar:
    """NumPy's sum of truth values is `or` and their product `and`; their difference (which NumPy refuses) is `xor`."""
    known = x if isinstance(x, Scalar) else y
    return apply(on_truth if isinstance(known, Scalar) and known.dtype == BOOL else name, x, y)


_MIRRORED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}


def _compare(name: str, x: Scalar, y: Operand) -> Scalar:
    """A comparison; of int64 with uint64 the exact one, as NumPy 2 has it."""
    if isinstance(y, Scalar) and {x.dtype, y.dtype} == {np.dtype(np.int64), np.dtype(np.uint64)}:
        if x.dtype.kind == "u":
            return _compare(_MIRRORED.get(name, name), y, x)
        below = apply("less", x, 0)  # and so below every unsigned number
        plain = apply(name, cast(x, y.dtype), y)
        return below | plain if name in ("less", "less_equal", "not_equal") else ~below & plain
    return apply(name, x, y)


def same(one: Iterable[Scalar], other: Iterable[Scalar]) -> bool:
    """Whether two rows of expressions are the same ones. (`==` between expressions builds a comparison.)

    >>> i, j = Index("i"), Index("j")
    >>> same((i, j), (i, j)), same((i, j), (j, i))
    (True, False)
    """
    return list(map(id, one)) == list(map(id, other))


def in_order(roots: Iterable[Scalar]) -> list[Scalar]:
    """Every scalar that the roots need, each once and operands first. An explicit stack, so of any depth."""
    seen: set[Scalar] = set()
    order: list[Scalar] = []
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        scalar, ready = stack.pop()
        if ready:
            order.append(scalar)
        elif scalar not in seen:
            seen.add(scalar)
            stack.append((scalar, True))
            stack.extend((operand, False) for operand in reversed(scalar.operands))
    return order


def substitute(root: Scalar, changed: dict[Scalar, Scalar]) -> Scalar:
    """An expression with parts of it replaced."""
    made: dict[Scalar, Scalar] = {}
    for one in in_order([root]):
        operands = [made[operand] for operand in one.operands]
        if one in changed:
            made[one] = changed[one]
        elif isinstance(one, Apply):
            made[one] = apply(one.function, *operands)
        elif isinstance(one, Cast):
            made[one] = cast(operands[0], one.dtype)
        elif isinstance(one, Load):
            made[one] = load(one.buffer, *operands)
        else:
            made[one] = one
    return made[root]
