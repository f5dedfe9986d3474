"""NumPy's protocols: how `np.sin(x)`, `x @ w` and `x.sum(axis=0)` find what chainrule makes of them.

A function of NumPy (or a ufunc of SciPy) is registered once, where its operation is declared. `ArrayProtocols` sends
every call on a node or a traced value to that table.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.errors import ConcreteError, UnsupportedError

FUNCTIONS: dict[Any, Callable[..., Any]] = {}
"""What answers for which function: keys are functions, (ufunc, method) pairs, or names such as "scipy.special.erf"."""

METHODS: dict[str, Any] = {}
"""The NumPy function behind each method of an array: `x.sum()` is `np.sum(x)`."""


def reaches(*functions: Any, method: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the meaning of these functions of NumPy or SciPy, over nodes.

    `method` also gives arrays a method of that name.
    """

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[function] = implementation
        if method is not None:
            METHODS[method] = functions[0]
        return implementation

    return register


def name_of(function: Any) -> str:
    """How a user writes the function.

    >>> name_of(np.sum), name_of((np.add, "reduce")), name_of("scipy.special.erf")
    ('numpy.sum', 'numpy.add.reduce', 'scipy.special.erf')
    """
    if isinstance(function, str):
        return function
    if isinstance(function, tuple):
        return f"{name_of(function[0])}.{function[1]}"
    module = getattr(function, "__module__", None) or ""
    name = getattr(function, "__name__", repr(function))
    if isinstance(function, np.ufunc):
        module = "numpy" if getattr(np, name, None) is function else "scipy.special"
    return f"{module}.{name}"


def call_function(function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Answer a call of a NumPy function on nodes, or raise an error that names the nearest function there is."""
    implementation = FUNCTIONS.get(function) or FUNCTIONS.get(name_of(function))
    if implementation is None:
        raise unsupported(name_of(function))
    try:
        return implementation(*arguments, **options)
    except TypeError as error:
        if error.__traceback__ is None or error.__traceback__.tb_next is not None:
            raise
        parameters = inspect.signature(implementation).parameters  # the call itself does not fit them
        unknown = [f"{key}={value!r}" for key, value in options.items() if key not in parameters]
        raise UnsupportedError(
            name_of(function),
            expected=f"arguments {'among' if unknown else 'as in'} {', '.join(parameters)}",
            got=", ".join(unknown) or f"{len(arguments)} by position" + "".join(f", {key}=" for key in options),
            remedy="Leave out what chainrule does not trace." if unknown else "Give each argument that it needs once.",
        ) from None


def unsupported(name: str) -> UnsupportedError:
    """The error for a function that nothing answers for, with the nearest ones that something does."""
    import difflib  # of use for errors alone

    known = sorted({name_of(function) for function in FUNCTIONS})
    last = {one.rpartition(".")[2]: one for one in known}
    near = [last[one] for one in difflib.get_close_matches(name.rpartition(".")[2], last, n=3, cutoff=0.7)]
    hint = f" The nearest: {', '.join(near)}." if near else ""
    return UnsupportedError(
        name,
        expected="a function that chainrule traces",
        got=f"{name}, which it does not",
        remedy=f"Write it from supported functions, which docs/numpy.md lists.{hint}",
    )


concrete_value: ContextVar[Callable[[Any, str], np.ndarray] | None] = ContextVar("concrete_value", default=None)


def concrete(node: Any, construct: str) -> np.ndarray:
    """The number behind a node, where a shape depends on it; the trace records a guard on it.

    `construct` is what to write where there is none.
    """
    ask = concrete_value.get()
    if ask is None:
        raise no_number(node, construct)
    return ask(node, construct)


def no_number(node: Any, construct: str) -> ConcreteError:
    """The error where Python asks for a number that does not exist: inside `vmap` or a loop's body."""
    return ConcreteError(
        "trace",
        expected="a value that Python can decide on",
        got=f"a traced value of type {node.type} without a number (inside vmap, or the body of a loop)",
        remedy=f"Write {construct}.",
    )


class ArrayProtocols(np.lib.mixins.NDArrayOperatorsMixin):
    """Operators, NumPy functions and array methods for whatever has `shape`, `dtype` and `call_numpy`."""

    __slots__ = ()
    __array_priority__ = 1000

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        raise NotImplementedError

    def call_numpy(self, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Answer a call of a NumPy function in which this value takes part."""
        raise NotImplementedError

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return self.call_numpy(ufunc if method == "__call__" else (ufunc, method), inputs, options)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Any:
        return self.call_numpy(function, arguments, options)

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise UnsupportedError(
            "numpy.asarray",
            expected="an array of numbers",
            got=f"a traced value of type {self.dtype.name}{list(self.shape)}",
            remedy="Build arrays of traced values with np.stack or chainrule.numpy.array, "
            "and look rows of an array up with chainrule.numpy.take.",
        )

    def __getattr__(self, name: str) -> Any:
        function = METHODS.get(name)
        if function is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return lambda *arguments, **options: self.call_numpy(function, (self, *arguments), options)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def T(self) -> Any:
        """The array with its axes reversed."""
        return self.call_numpy(np.transpose, (self,), {})

    @property
    def mT(self) -> Any:
        """The array with its last two axes swapped."""
        return self.call_numpy(np.swapaxes, (self, -1, -2), {})

    def __getitem__(self, index: Any) -> Any:
        return self.call_numpy("getitem", (self, index), {})

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of an array without axes")
        return self.shape[0]
