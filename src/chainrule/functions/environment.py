"""What a function can read besides its arguments, watched: a trace holds while that stays as it was.

Watched are cells, globals, defaults, the parts of a `functools.partial`, and the attributes that the code names: of
objects that it closes over, of `self`, of modules. One that is bound anew, and an array among them whose numbers
changed, make the function be traced again. (`jax.jit` goes on with the old values.)
"""

from __future__ import annotations

import ctypes
import functools
import pickle
import sys
from collections.abc import Callable, Iterator, Sequence
from types import CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType
from typing import Any, NamedTuple
from weakref import ref

import numpy as np

from chainrule.pytree import LEAF, Structure, flatten

_EMPTY = object()
_RANDOM = (np.random.Generator, np.random.RandomState)
_CHANGING = (np.ndarray, set, *_RANDOM)
_SMALL_BYTES = 4096
_LIBRARIES = sys.stdlib_module_names | {"chainrule", "numpy", "scipy"}


class Environment:
    """The surroundings of a function, and of the arguments that are no numbers, as they were when this was made."""

    def __init__(self, function: Callable[..., Any], statics: Sequence[Any] = ()) -> None:
        self.watches: list[_Watch] = []
        self._seen: set[tuple[int, frozenset[str]]] = set()
        self._names: frozenset[str] = frozenset()
        self._visit(function, frozenset())
        for value in statics:
            self._visit(value, self._names)
        del self._seen

    def holds(self) -> bool:
        """Whether all that was found is still there, unchanged."""
        for watch in self.watches:  # noqa: SIM110  (this runs at every call, and a generator costs as much as a watch)
            if not watch.holds():
                return False
        return True

    def drew(self) -> bool:
        """Whether a random generator of NumPy's among it has been drawn from since."""
        return not all(watch.holds() for watch in self.watches if watch.is_random)

    def _watch(self, owner: Any, read: Callable[[Any], Any], names: frozenset[str]) -> None:
        value = read(owner)
        if isinstance(value, ModuleType) and _is_library(value):
            return
        self.watches.append(_Watch(owner, read, value))
        for part in (value, *_leaves(value)[0]):
            self._visit(part, names)

    def _visit(self, value: Any, names: frozenset[str]) -> None:
        """Watch what code that uses these names can read of a value."""
        if (id(value), names) in self._seen:
            return
        self._seen.add((id(value), names))
        if isinstance(value, MethodType):
            self._visit_method(value.__self__, value.__func__)
        elif isinstance(value, functools.partial):
            self._watch(value, lambda part: (part.func, part.args, part.keywords), names)
        elif getattr(value, "__wrapped__", None) is not None:  # what a decorator, such as grad, stands before
            self._watch(value, lambda outer: outer.__wrapped__, names)
        elif isinstance(value, FunctionType):
            self._visit_function(value)
        elif not _is_library(value):
            self._visit_object(value, names | {"__call__"} if callable(value) else names)

    def _visit_function(self, function: FunctionType) -> None:
        if function.__globals__.get("__name__", "").partition(".")[0] in _LIBRARIES:
            return
        names = _names(function.__code__)
        self._names |= names
        for k in range(len(function.__closure__ or ())):
            self._watch(function, functools.partial(_cell, k), names)
        for name in sorted(names & function.__globals__.keys()):
            self._watch(function, functools.partial(_global, name), names)
        if "random" in names:  # np.random.normal(...) draws from a generator that no name of the function holds
            self._watch(np.random, lambda module: module.mtrand._rand, frozenset())
        if function.__defaults__ or function.__kwdefaults__:
            self._watch(function, lambda function: (function.__defaults__, function.__kwdefaults__), names)

    def _visit_object(self, owner: Any, names: frozenset[str]) -> None:
        for name in sorted(names):
            found = _attribute(name, owner)
            if found is not _EMPTY:
                self._watch(owner, functools.partial(_attribute, name), names)
                self._visit_method(owner, _function_of(found))

    def _visit_method(self, owner: Any, function: Any) -> None:
        if isinstance(function, FunctionType):
            self._visit(function, frozenset())
            self._visit(owner, _names(function.__code__))


class _Watch:
    """One place, and what was there. Nothing is kept alive by being watched, so far as Python can refer weakly."""

    __slots__ = ("copies", "leaves", "owner", "read", "structure")

    def __init__(self, owner: Any, read: Callable[[Any], Any], value: Any) -> None:
        leaves, self.structure = _leaves(value)
        self.owner, self.read = _weakly(owner), read
        self.leaves = [_weakly(leaf) for leaf in leaves]
        self.copies = [(k, _copy(leaf)) for k, leaf in enumerate(leaves) if isinstance(leaf, _CHANGING)]

    @property
    def is_random(self) -> bool:
        """Whether it is a random generator."""
        return any(isinstance(copy, bytes | _Memory) for _, copy in self.copies)

    def holds(self) -> bool:
        """Whether the same is there still."""
        owner = self.owner()
        if owner is None:
            return False
        value = self.read(owner)
        if self.structure is LEAF:  # nearly all, and this runs at every call
            return value is self.leaves[0]() and (not self.copies or _equal(value, self.copies[0][1]))
        leaves, structure = _leaves(value)
        if structure != self.structure or any(now is not then() for now, then in zip(leaves, self.leaves, strict=True)):
            return False
        return all(_equal(leaves[k], copy) for k, copy in self.copies)


def _copy(leaf: Any) -> Any:
    """What to compare a thing with that can change in place: a copy, or the state of a random generator."""
    if isinstance(leaf, _RANDOM):
        return _memory(leaf) or _state(leaf)
    if isinstance(leaf, np.ndarray) and leaf.nbytes <= _SMALL_BYTES:
        return _Bits(leaf.shape, leaf.dtype, leaf.tobytes())
    return leaf.copy()


class _Bits(NamedTuple):
    """A small array: its bytes are compared in a tenth of the time that an array takes."""

    shape: tuple[int, ...]
    dtype: np.dtype
    data: bytes


class _Memory(NamedTuple):
    """What a generator of NumPy's older kind keeps, as bytes: NumPy takes 40 microseconds to tell it."""

    data: bytes

    @classmethod
    def of(cls, generator: Any) -> _Memory:
        """The 624 words and the position of the Mersenne Twister; nothing of another generator."""
        source = generator._bit_generator
        return cls(ctypes.string_at(source.ctypes.state_address, 625 * 4) if type(source) is np.random.MT19937 else b"")


def _memory(generator: Any) -> _Memory | None:
    """The memory of a generator, if it changes with every draw and is as we know it: none is drawn in advance."""
    if not isinstance(generator, np.random.RandomState):
        return None
    kept, memory = generator.get_state(legacy=False), _Memory.of(generator)
    if not memory.data or kept["has_gauss"]:
        return None
    words = kept["state"]["key"].tobytes() + kept["state"]["pos"].to_bytes(4, sys.byteorder)
    return memory if memory.data == words else None


def _state(generator: Any) -> bytes:
    kept = generator.bit_generator.state if isinstance(generator, np.random.Generator) else generator.get_state()
    return pickle.dumps(kept)


def _weakly(value: Any) -> Callable[[], Any]:
    try:
        return ref(value)
    except TypeError:
        return lambda: value


def _leaves(value: Any) -> tuple[list[Any], Structure]:
    try:
        return flatten(value)
    except RecursionError:  # a container that holds itself
        return [value], LEAF


def _equal(now: Any, then: Any) -> bool:
    """Whether an array has the bits that it had, or a set the elements."""
    if isinstance(then, _Memory):
        return _Memory.of(now) == then
    if isinstance(now, _RANDOM):
        return _state(now) == then
    if isinstance(now, set):
        return now == then
    if now.shape != then.shape or now.dtype != then.dtype:
        return False
    if isinstance(then, _Bits):
        return now.tobytes() == then.data
    if now.dtype.kind not in "biuf" or now.itemsize > 8:
        return now.tobytes() == then.tobytes()
    bits = f"u{now.itemsize}"
    return np.array_equal(now.view(bits), then.view(bits))


def _cell(number: int, function: FunctionType) -> Any:
    try:
        return function.__closure__[number].cell_contents  # type: ignore[index]
    except ValueError:  # not yet filled
        return _EMPTY


def _global(name: str, function: FunctionType) -> Any:
    return function.__globals__.get(name, _EMPTY)


def _attribute(name: str, owner: Any) -> Any:
    """What an attribute holds, or the descriptor that would compute it."""
    for place in owner.__mro__ if isinstance(owner, type) else (owner, *type(owner).__mro__):
        found = getattr(place, "__dict__", {}).get(name, _EMPTY)
        if isinstance(found, MemberDescriptorType):  # one of __slots__
            return getattr(owner, name, _EMPTY)
        if found is not _EMPTY:
            return found
    return _EMPTY


def _function_of(found: Any) -> Any:
    """The function behind a method of any kind, or a property."""
    kinds = ("__func__", "fget", "func")
    return next((getattr(found, kind) for kind in kinds if getattr(found, kind, None) is not None), found)


def _names(code: CodeType) -> frozenset[str]:
    """The globals and attributes that code names, and the functions and comprehensions in it."""
    return frozenset(name for part in _codes(code) for name in part.co_names)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _is_library(value: Any) -> bool:
    name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return not isinstance(name, str) or name.partition(".")[0] in _LIBRARIES
