"""What is compared with PyTorch: the same call written twice, one list of pairs a family."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Pair:
    """One call of a function here and in PyTorch.

    `name` is that of the function in chainrule's registry ("numpy.mean", "scipy.special.erf", "getitem" for x[i]), or
    of a function of `chainrule.nn`; `ours` and `theirs` are the call on arrays and on tensors, `arrays` the float64
    inputs, `note` tells pairs of one function apart. Where the two are known to differ ("value", "gradient", "forward"
    or "second"), `differs` says who is right; the test then holds them to differ still.
    """

    name: str
    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    note: str = ""
    differs: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The name that a test of this pair has."""
        return f"{self.name}-{self.note}" if self.note else self.name


def pair(
    name: str, ours: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, note: str = "", **differs: str
) -> Pair:
    """A pair; numbers and lists do for arrays."""
    return Pair(name, ours, theirs, tuple(np.array(array, np.float64) for array in arrays), note, differs)


def alike(name: str, call: Callable[..., Any], *arrays: Any, note: str = "") -> Pair:
    """A pair of one call that arrays and tensors both understand, such as x[1]."""
    return pair(name, call, call, *arrays, note=note)


def all_pairs() -> list[Pair]:
    """The pairs of every family."""
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return [pair for module in modules for pair in module.PAIRS]
