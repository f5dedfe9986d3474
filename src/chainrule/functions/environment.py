"""What a function closes over, watched: a trace holds while the surroundings of the function stay as they were.

A cell, a global or an attribute that is bound anew, and an array among them whose numbers changed, make the function be
traced again. (`jax.jit` goes on with the old values.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from chainrule.pytree import flatten

_EMPTY = object()


class Environment:
    """The surroundings of a function, as they were when this was made."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._found: list[tuple[Any, Any, Any]] = []
        self._arrays: list[tuple[np.ndarray, np.ndarray]] = []
        seen: set[int] = set()
        for place, key, value in _surroundings(function, seen):
            leaves, structure = flatten(value) if isinstance(value, (tuple, list, dict)) else ([value], None)
            self._found.append((place, key, (value, structure, leaves)))
            self._arrays.extend((leaf, leaf.copy()) for leaf in leaves if isinstance(leaf, np.ndarray))

    def holds(self) -> bool:
        """Whether all that was found is still there, unchanged."""
        for place, key, (value, structure, leaves) in self._found:
            if _read(place, key) is not value:
                return False
            if structure is not None:
                now, shape = flatten(value)
                if shape != structure or any(new is not old for new, old in zip(now, leaves, strict=True)):
                    return False
        return all(array.shape == copy.shape and array.tobytes() == copy.tobytes() for array, copy in self._arrays)


def _read(place: Any, key: Any) -> Any:
    if isinstance(place, CellType):
        try:
            return place.cell_contents
        except ValueError:  # not yet filled
            return _EMPTY
    return place.get(key, _EMPTY)


def _surroundings(function: Any, seen: set[int]) -> Iterator[tuple[Any, Any, Any]]:
    """Every (place, key, value) that the code of a function can read, and of the Python functions among them."""
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, MethodType):
        attributes = getattr(function.__self__, "__dict__", {})
        yield from ((attributes, key, value) for key, value in list(attributes.items()))
        function = function.__func__
    if (
        getattr(function, "__wrapped__", None) is not None
    ):  # what a decorator, such as grad or custom_vjp, stands before
        yield from _surroundings(function.__wrapped__, seen)
    if not isinstance(function, FunctionType) or (function.__module__ or "").split(".")[0] in ("chainrule", "numpy", "scipy"):
        return
    names = function.__code__.co_names
    places = [(cell, None) for cell in function.__closure__ or ()]
    places += [(function.__globals__, name) for name in names if name in function.__globals__]
    for place, key in places:
        value = _read(place, key)
        if isinstance(value, ModuleType):
            continue
        yield place, key, value
        if callable(value):
            yield from _surroundings(value, seen)
