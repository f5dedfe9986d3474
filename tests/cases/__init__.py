"""What every NumPy function is tested on: one list of cases a family, for the tests of values and derivatives."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One use of a NumPy or SciPy function.

    `name` is the function as a user writes it ("numpy.mean"), `call` uses it on the arrays, `arrays` are its inputs
    (float64 away from kinks where `differentiable`), `note` tells cases of one function apart. Where the shape of the
    result depends on the values it is not `batchable`; where the arrays taken backwards are another good point for it
    (most are), `reversible`.
    """

    name: str
    call: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    note: str = ""
    differentiable: bool = True
    batchable: bool = True
    reversible: bool = True

    @property
    def id(self) -> str:
        """The name that a test of this case has."""
        return f"{self.name}-{self.note}" if self.note else self.name


def all_cases() -> list[Case]:
    """The cases of every family."""
    modules = [importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return [case for module in modules for case in module.CASES]
