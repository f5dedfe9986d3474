"""What keeps making a function be traced anew, said once: an argument whose type changes, or a decision of Python's.

A trace costs milliseconds and a compilation tens of them, so a function that is traced at every call is slower than
plain NumPy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import RetraceWarning
from chainrule.functions.arguments import leaf_names, name_of_function
from chainrule.pytree import Structure
from chainrule.trace import Guard, is_number
from chainrule.types import ArrayType

MOST_TRACES = 10
_MOST_NAMED = 3


class History:
    """The last traces of a function: the types of their arguments, and the decisions."""

    def __init__(self) -> None:
        self._seen: list[tuple[Structure, list[str], tuple[Guard, ...]]] = []
        self._count = 0

    def traced(
        self, function: Callable[..., Any], leaves: Sequence[Any], structure: Structure, guards: tuple[Guard, ...]
    ) -> None:
        """Take note of a trace, and warn at the tenth."""
        self._count += 1
        if self._count > MOST_TRACES:
            return
        self._seen.append((structure, [_described(leaf) for leaf in leaves], guards))
        if self._count == MOST_TRACES:
            cause = self._argument(function) or self._decision()
            self._seen.clear()
            if cause:
                name = name_of_function(function)
                warnings.warn(f"{name} was traced {MOST_TRACES} times. {cause}", RetraceWarning, stacklevel=2)

    def _argument(self, function: Callable[..., Any]) -> str:
        """The argument with the most types."""
        structures = list(dict.fromkeys(structure for structure, _, _ in self._seen))
        if len(structures) > MOST_TRACES // 2:
            return f"The containers of its arguments keep changing: {_some(list(map(str, structures)))}. {_SAME}"
        last = [types for structure, types, _ in self._seen if structure == structures[-1]]
        columns = [list(dict.fromkeys(column)) for column in zip(*last, strict=True)]
        if not columns or max(map(len, columns)) <= MOST_TRACES // 2:
            return ""
        most = max(range(len(columns)), key=lambda k: len(columns[k]))
        name = leaf_names(function, structures[-1])[most]
        return f"The argument {name} keeps changing: {_some(columns[most])}. {_SAME}"

    def _decision(self) -> str:
        """The first guard at which the last traces part."""
        paths = [guards for _, _, guards in self._seen if guards]
        if len(paths) <= MOST_TRACES // 2:
            return ""
        at = 0
        while len({guards[at].value.tobytes() for guards in paths if at < len(guards)}) == 1:
            at += 1
        guard = next((guards[at] for guards in paths if at < len(guards)), paths[-1][-1])
        place = f" at {guard.location}: {guard.location.text}" if guard.location is not None else ""
        return (
            f"A decision of Python's (if, while, range, float) keeps coming out differently{place}. Write a loop as "
            "chainrule.while_loop or chainrule.fori_loop, and a choice as chainrule.cond or np.where."
        )


_SAME = "Each is compiled for itself: pad arrays to a few shapes, keep one dtype, and pass numbers as NumPy's."


def _described(leaf: Any) -> str:
    return str(ArrayType.of(np.asarray(leaf))) if is_number(leaf) else repr(leaf)


def _some(texts: Sequence[str]) -> str:
    more = ", ..." if len(texts) > _MOST_NAMED else ""
    return ", ".join(texts[:_MOST_NAMED]) + more
