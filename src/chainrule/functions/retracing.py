"""What keeps making a function be traced anew, said once: an argument whose type changes, or a decision of Python's.

A trace costs milliseconds and a compilation tens of them, so a function that is traced at every call is slower than
plain NumPy.
"""

from __future__ import annotations

import reprlib
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np

from chainrule.errors import RetraceWarning
from chainrule.functions.arguments import leaf_names, name_of_function
from chainrule.pytree import Structure
from chainrule.source import Location, user_location
from chainrule.trace import Guard, is_number
from chainrule.types import ArrayType

MOST_TRACES = 10
_MOST_NAMED = 3


Seen: TypeAlias = tuple[Structure, tuple[str, ...], tuple[Guard, ...]]
"""A trace: the structure of its arguments, their types, and the decisions."""


class History:
    """The last traces of a function: the types of their arguments, and the decisions."""

    def __init__(self) -> None:
        self._seen: dict[Hashable, Seen] = {}
        self._warned = False

    def traced(
        self, function: Callable[..., Any], leaves: Sequence[Any], structure: Structure, guards: tuple[Guard, ...]
    ) -> None:
        """Take note of a trace, and warn of what changes from one to the next, once, when there were ten."""
        if self._warned:
            return
        types = tuple(map(_described, leaves))
        answers = tuple(guard.value.tobytes() for guard in guards)
        self._seen[structure, types, answers] = structure, types, guards
        seen = list(self._seen.values())  # a copy: other threads trace as well
        if len(seen) < MOST_TRACES:
            return
        cause = _argument(function, seen) or _decision(seen)
        self._seen.clear()
        if cause:
            self._warned = True
            text = f"{name_of_function(function)} was traced {MOST_TRACES} times. {cause}"
            line = user_location() or Location("<chainrule>", 1)
            warnings.warn_explicit(text, RetraceWarning, line.file, line.line)


def _argument(function: Callable[..., Any], seen: Sequence[Seen]) -> str:
    """The argument that has another type in most of the traces, where there is one."""
    ((structure, _),) = Counter(structure for structure, _, _ in seen).most_common(1)
    rows = [types for found, types, _ in seen if found == structure]
    columns = [list(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    most = max(range(len(columns)), key=lambda k: len(columns[k]), default=None)
    if most is None or len(columns[most]) <= MOST_TRACES // 2:
        return ""
    return (
        f"The argument {leaf_names(function, structure)[most]} keeps changing: {_some(columns[most])}. Each is "
        "compiled for itself: pad arrays to a few shapes, keep to one dtype, and pass as arrays what may change."
    )


def _decision(seen: Sequence[Seen]) -> str:
    """The first decision in which traces for arguments of one kind part, where most of the traces are such."""
    ((kind, count),) = Counter((structure, types) for structure, types, _ in seen).most_common(1)
    if count <= MOST_TRACES // 2:
        return ""
    paths = [guards for structure, types, guards in seen if (structure, types) == kind]
    at = 0
    while len({guards[at].value.tobytes() for guards in paths if at < len(guards)}) == 1:
        at += 1
    guard = next((guards[at] for guards in paths if at < len(guards)), max(paths, key=len)[-1])
    place = f" at {guard.location}: {guard.location.text}" if guard.location is not None else ""
    return (
        f"A decision of Python's (if, while, range, float) keeps coming out differently{place}. Write a loop as "
        "chainrule.while_loop or chainrule.fori_loop, and a choice as chainrule.cond or np.where."
    )


def _described(leaf: Any) -> str:
    return str(ArrayType.of(np.asarray(leaf))) if is_number(leaf) else reprlib.repr(leaf)


def _some(texts: Sequence[str]) -> str:
    more = ", ..." if len(texts) > _MOST_NAMED else ""
    return ", ".join(texts[:_MOST_NAMED]) + more
