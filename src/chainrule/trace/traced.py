"""The traced value: what a traced function sees in place of an array.

It takes part in ordinary NumPy code through NumPy's protocols. Nodes never change; a traced value is a handle that
moves from node to node, so `x[i] = v` and `x += v` work on arrays made inside the function.
"""

from __future__ import annotations

import dis
import operator
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, ShapeError, UnsupportedError
from chainrule.graph import ArrayProtocols, Node, call_function, concrete_value
from chainrule.ops import cast
from chainrule.trace.trace import Trace

CONTROL = "chainrule.cond, chainrule.while_loop or np.where in place of Python's own if and while"
_VIEWS = {
    np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.ravel, np.squeeze, np.expand_dims, np.broadcast_to,
    np.diagonal, np.flip, np.rot90, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.rollaxis, np.flipud, np.fliplr,
}  # fmt: skip
_PROMOTING = {np.where, np.clip}
"""The functions besides ufuncs in which NumPy takes Python's numbers as weak."""

_OPERATORS = {
    np.add,
    np.subtract,
    np.multiply,
    np.true_divide,
    np.floor_divide,
    np.remainder,
    np.power,
    np.negative,
    np.positive,
    np.absolute,
    np.equal,
    np.not_equal,
    np.less,
    np.less_equal,
    np.greater,
    np.greater_equal,
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.divmod,
}  # fmt: skip  (what Python's operators call: of Python numbers they make Python numbers; np.sin makes a float64)


class Traced(ArrayProtocols):
    """A value of a running trace: `node` says what it is now, `owner` is the trace.

    `weak` marks what came from a Python number alone, which by NumPy 2's rules takes the dtype of what it meets.
    """

    __slots__ = ("_node", "_view", "owner", "weak", "writable")
    __hash__ = None
    namespace: Any = np
    """What `__array_namespace__` gives; `chainrule.numpy` once that is imported."""

    def __init__(self, node: Node, trace: Trace, *, weak: bool = False, writable: bool = True) -> None:
        self._node, self.owner, self.weak, self.writable = node, trace, weak, writable
        self._view: tuple[Traced, Callable[[Node], Node], Any, Node] | None = None

    # ------------------------------------------------------------------------------------------ what it is

    @property
    def node(self) -> Node:
        """The node that the handle stands on. A view follows its base when the base was written to."""
        if self._view is not None:
            base, look, index, seen = self._view
            if base.node is not seen:
                self._node = look(base.node)
                self._view = (base, look, index, base.node)
        return self._node

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.node.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        return self.node.dtype

    def __repr__(self) -> str:
        return f"<traced {self.node.type}>"

    # ------------------------------------------------------------------------------------------ NumPy

    def call_numpy(self, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What a NumPy function makes of traced values: traced values of the innermost trace among them."""
        out = options.pop("out", None)
        members: list[Traced] = []
        given, settings = unwrap((arguments, options), members)
        trace = max((member.owner for member in members), key=lambda trace: trace.serial)
        for member in members:
            member.owner.check_open(member.node)
        promoting = isinstance(function, np.ufunc) or function in _PROMOTING
        weak = function in _OPERATORS and all(_is_weak(argument) for argument in arguments)
        if promoting and not weak and any(member.weak for member in members):
            given = _settle(arguments, given)
        token = concrete_value.set(trace.decide)
        try:
            result = call_function(function, given, settings)
        finally:
            concrete_value.reset(token)
        wrapped = wrap(result, trace, weak)
        if out is not None:
            number = (
                getattr(wrapped, "shape", None) == () and isinstance(out, tuple) and out[0] is arguments[0]
            )  # x += y binds x anew
            return wrapped if number else _write_out(out, wrapped)
        if function in _VIEWS and isinstance(wrapped, Traced) and isinstance(arguments[0], Traced):
            wrapped._follow(arguments[0], lambda node: call_function(function, (node, *given[1:]), settings), None)
        return wrapped

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return self.namespace

    def __getitem__(self, index: Any) -> Any:
        result = self.call_numpy("getitem", (self, index), {})
        parts = index if isinstance(index, tuple) else (index,)
        basic = all(part is None or part is Ellipsis or isinstance(part, (int, slice, np.integer)) for part in parts)
        if basic and (result.shape or any(part is Ellipsis for part in parts)):  # else a number, which is no view
            result._follow(self, lambda node: call_function("getitem", (node, index), {}), index)
        return result

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into an array made inside the traced function; the arguments of the function are not changed."""
        self._check_writable()
        written = self.call_numpy("setitem", (self, index, value), {})
        self.owner = written.owner
        self._move(written.node)

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise TypeError("iteration over an array without axes")
        return (self[k] for k in range(self.shape[0]))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def held(self) -> Traced:
        """This value as it is now, whatever is written to the array later."""
        return Traced(self.node, self.owner, weak=self.weak, writable=False)

    def copy(self, order: str = "K") -> Traced:
        """A new array of the same values, which may be written to."""
        return Traced(self.node, self.owner)

    # ------------------------------------------------------------------------------------------ writing

    def _follow(self, base: Traced, look: Callable[[Node], Node], index: Any) -> None:
        """Become a view of `base`; only a view by a basic index can be written through."""
        self._view = (base, look, index, base.node)
        self.writable = base.writable

    def _check_writable(self) -> None:
        if self.writable and (self._view is None or self._view[2] is not None):
            return
        what = "a view made by a NumPy function" if self.writable else "an argument of the function or a view of one"
        raise UnsupportedError(
            "assignment",
            expected="an array made inside the function",
            got=f"{self.node.type}, {what}",
            remedy="Copy it first: x = x.copy().",
        )

    def _check_not_stored(self, asking: FrameType) -> None:
        """Refuse `u[i] = x` of a plain array u: NumPy asks x for a float there, and its derivative would be lost."""
        if asking.f_code.co_code[asking.f_lasti] == dis.opmap["STORE_SUBSCR"]:
            raise UnsupportedError(
                "assignment",
                expected="a traced array to write a traced value into",
                got=f"a plain one for a value of type {self.node.type}",
                remedy="Make it with np.zeros_like(x, shape=...) or np.stack; float(x) is a number without derivative.",
            )

    def _move(self, node: Node) -> None:
        """Stand on a new node; the base of a view is written too."""
        self._node = node
        if self._view is not None:
            base, look, index, _ = self._view
            base[index] = Traced(node, self.owner)
            self._node, self._view = node, (base, look, index, base.node)

    # ------------------------------------------------------------------------------------------ Python's questions

    def _decide(self, node: Node) -> Any:
        self.owner.check_open(node)
        if node.size != 1:
            raise ShapeError(
                "bool, int or float", expected="one element", got=f"{node.size} elements in shape {node.shape}",
                remedy="Reduce it first, for example with .any(), .all() or .sum().",
            )  # fmt: skip
        return self.owner.decide(node, CONTROL).reshape(())[()]

    def __bool__(self) -> bool:
        return bool(self._decide(self.node != 0))

    def __int__(self) -> int:
        return int(self._decide(cast(self.node, np.int64)))

    def __float__(self) -> float:
        self._check_not_stored(sys._getframe(1))
        return float(self._decide(self.node))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.shape:
            raise DtypeError(
                "index", expected="an integer without axes", got=f"{self.node.type}", remedy="Convert it with int(...)."
            )
        return int(self._decide(self.node))

    def item(self) -> Any:
        """The single element as a Python number; the trace records a guard on it."""
        return self._decide(self.node).item()

    def __format__(self, spec: str) -> str:
        if spec and not self.shape:
            return format(
                self.owner.value(self.node, "print without a format")[()], spec
            )  # looking is not deciding: no guard
        return format(repr(self), spec)

    def __round__(self, digits: int = 0) -> Any:
        return np.round(self, digits)


def unwrap(value: Any, members: list[Traced]) -> Any:
    """A value with every traced value in it replaced by its node; `members` receives those found."""
    if isinstance(value, Traced):
        members.append(value)
        return value.node
    if type(value) in (tuple, list):
        return type(value)(unwrap(part, members) for part in value)
    if type(value) is dict:
        return {key: unwrap(part, members) for key, part in value.items()}
    if isinstance(value, slice):
        return slice(
            *(
                operator.index(part) if isinstance(part, Traced) else part
                for part in (value.start, value.stop, value.step)
            )
        )
    return value


def wrap(value: Any, trace: Trace, weak: bool = False) -> Any:
    """A value with every node in it made a traced value of this trace."""
    if isinstance(value, Node):
        return Traced(value, trace, weak=weak)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(wrap(part, trace, weak) for part in value))
    if isinstance(value, (tuple, list)):
        return type(value)(wrap(part, trace, weak) for part in value)
    return value


def _is_weak(value: Any) -> bool:
    return value.weak if isinstance(value, Traced) else type(value) in (bool, int, float)


def _settle(arguments: tuple[Any, ...], given: tuple[Any, ...]) -> tuple[Any, ...]:
    """The operands with weak values cast to what the strong ones make of them."""
    strong = [
        part.dtype if isinstance(part.dtype, np.dtype) else np.asarray(part).dtype  # a column of polars has its own
        for part, original in zip(given, arguments, strict=True)
        if not _is_weak(original) and hasattr(part, "dtype")
    ]

    def settled(part: Any, original: Any) -> Any:
        if not isinstance(original, Traced) or not original.weak:
            return part
        return cast(part, np.result_type(*strong, {"f": 0.0, "b": False}.get(part.dtype.kind, 0)))

    return tuple(settled(part, original) for part, original in zip(given, arguments, strict=True))


def _write_out(out: Any, result: Any) -> Any:
    """Write a result where `out=` says, as `x += y` does: the array keeps its shape and dtype."""
    targets = out if isinstance(out, tuple) else (out,)
    results = result if isinstance(result, tuple) else (result,)
    for target, value in zip(targets, results, strict=True):
        if not isinstance(target, Traced):
            raise UnsupportedError(
                "assignment in place",
                expected="a traced value to write to",
                got=f"{type(target).__name__} of shape {np.shape(target)}",
                remedy="Write y = y + x in place of y += x where y is a NumPy array, and leave out=y out.",
            )
        if target.shape != value.shape or not np.can_cast(value.dtype, target.dtype, "same_kind"):
            kind = ShapeError if target.shape != value.shape else DtypeError
            raise kind(
                "assignment in place", expected=f"a result that fits into {target.node.type}", got=f"{value.node.type}",
                remedy="Write x = x + y in place of x += y.",
            )  # fmt: skip
        target._check_writable()
        target.owner = max(target.owner, value.owner, key=lambda trace: trace.serial)
        target._move(cast(value.node, target.dtype))
    return out if isinstance(out, tuple) and len(out) > 1 else targets[0]
