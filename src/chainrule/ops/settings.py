"""Settings that must be fixed when a function is traced, because shapes depend on them: lengths, counts, axes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.graph import Node, concrete
from chainrule.types import normalize_axes, normalize_axis


def integer(operation: str, value: Any) -> int:
    """A setting as a Python integer. The number behind a traced one is asked for, and the trace guards it."""
    if isinstance(value, Node) and value.dtype.kind in "iu" and value.shape == ():
        return int(concrete(value, "a Python integer, which is the same for every example"))
    try:
        return operator.index(value)
    except TypeError:
        got = f"{value.type}" if isinstance(value, Node) else f"{value!r}"
        raise ArgumentError(operation, expected="an integer", got=got, remedy="Convert it with int(...).") from None


def integers(operation: str, value: Any) -> tuple[int, ...]:
    """A setting that is one integer or several, as a tuple."""
    if isinstance(value, Node) and value.ndim == 1:
        value = list(value)
    several = isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim == 1)
    return tuple(integer(operation, one) for one in (value if several else (value,)))


def in_given_order(operation: str, axes: Any, rank: int) -> tuple[int, ...]:
    """Axes counted from the front, in the order given, each once."""
    normal = tuple(
        normalize_axis(operation, axis, rank) for axis in (axes if isinstance(axes, (tuple, list)) else (axes,))
    )
    normalize_axes(operation, normal, rank)  # refuses an axis given twice
    return normal
