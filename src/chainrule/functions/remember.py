"""Tracing once: a transformed function keeps what it traced, and knows when that no longer holds.

What was traced holds for arguments of the same structure, shapes and dtypes, while the guards give the same answers and
while nothing that the function closes over has changed.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.functions.environment import Environment
from chainrule.functions.prepared import Entry, Finish, Prepared, owned
from chainrule.functions.retracing import History
from chainrule.functions.shortcut import MISSED, Shortcut
from chainrule.functions.show import Listing, show
from chainrule.graph import Graph, Node, as_node, substitute
from chainrule.pytree import Structure, flatten
from chainrule.trace import Traced, TracedInput, is_number
from chainrule.types import ArrayType

__all__ = ["Prepared", "Remembered", "Transformed", "call_graph", "inline", "owned", "signature", "types_of"]

MOST_SIGNATURES, MOST_VARIANTS, MOST_SHORTCUTS = 64, 64, 4
_lock = Lock()  # for the order of what is remembered; tracing and running need none


@dataclass
class Memory:
    """What was traced of one function under one transformation."""

    entries: OrderedDict[Any, list[Entry]] = field(default_factory=OrderedDict)
    shortcuts: dict[Finish, list[Shortcut]] = field(default_factory=dict)
    """The short ways that were gone last, the latest first. The lists are changed in place."""
    history: History = field(default_factory=History)

    def find(self, key: Hashable, values: list[np.ndarray]) -> tuple[Entry | None, Any]:
        """What holds for these values, and its result; (None, `MISSED`) where nothing does."""
        known = [entry for entry in self.entries.get(key, ()) if entry.environment.holds()]
        for entry in known:
            values = entry.cast(values)
            result = entry.attempt(values)
            if result is not MISSED:
                return self._used(key, entry), result
        for entry in known:
            if entry.agrees(values):
                return self._used(key, entry), entry.run(values)
        return None, MISSED

    def _used(self, key: Hashable, entry: Entry) -> Entry:
        with _lock:
            if key in self.entries:  # another thread may have made room
                self.entries.move_to_end(key)
        return entry

    def keep(self, key: Hashable, entry: Entry) -> None:
        """Keep an entry, and no more than the bounds allow."""
        if key is None:
            return
        with _lock:
            current = [known for known in self.entries.pop(key, ()) if known.environment.holds()]
            self.entries[key] = [*current[1 - MOST_VARIANTS :], entry]
            if len(self.entries) > MOST_SIGNATURES:
                self.entries.popitem(last=False)
            for shortcuts in self.shortcuts.values():
                shortcuts.clear()  # they may be of what was dropped


class Transformed(Protocol):
    """A function that was transformed: it is called like the one that it was made of."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result."""
        ...

    def show(self, *args: Any, after: str = "fold", **kwargs: Any) -> Listing:
        """What a stage of the compilation makes of the function for arguments like these."""
        ...


class Remembered:
    """A callable that traces and transforms `function` for each new signature and runs what it has.

    `prepare(leaves, structure)` does the tracing and the transformation; `finish` picks from the result, whose numbers
    it must not look at. Called with traced values, it becomes part of the trace that they belong to. Without `wait` the
    evaluator runs what the compiler is still at work on.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        prepare: Callable[[Sequence[Any], Structure], Prepared],
        key: Hashable,
        *,
        finish: Finish = None,
        wait: bool = True,
    ) -> None:
        self.function, self.prepare, self.finish, self.wait = function, prepare, finish, wait
        self.memory = _memory(function, key if wait else (key, "later"))
        self.shortcuts = self.memory.shortcuts.setdefault(finish, [])

    def as_function(self) -> Transformed:
        """The transformed function, with the name and the documentation of the function."""
        shortcuts, at_length = self.shortcuts, self.at_length

        @functools.wraps(self.function)
        def transformed(*args: Any, **kwargs: Any) -> Any:
            for shortcut in shortcuts:
                result = shortcut(args, kwargs)
                if result is not MISSED:
                    return result
            return at_length(args, kwargs)

        whole: Any = transformed
        whole.show = self.show
        return whole

    def show(self, *args: Any, after: str = "fold", **kwargs: Any) -> Listing:
        """What a stage of the compilation makes of the function for arguments like these."""
        return show(self.prepare(*flatten((args, kwargs))), after)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The transformed function at these arguments."""
        for shortcut in self.shortcuts:
            result = shortcut(args, kwargs)
            if result is not MISSED:
                return result
        return self.at_length(args, kwargs)

    def at_length(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The transformed function at arguments for which there is no short way."""
        result = self._result(*flatten((args, kwargs)))
        return self.finish(result) if self.finish else result

    def _result(self, leaves: list[Any], structure: Structure) -> Any:
        if any(isinstance(leaf, Traced) for leaf in leaves):
            leaves = [leaf.held() if isinstance(leaf, Traced) else leaf for leaf in leaves]
            return inline(self.prepare(leaves, structure), leaves)
        values = [np.asarray(leaf) for leaf in leaves if is_number(leaf)]
        key = signature(leaves, structure)
        entry, result = self.memory.find(key, values)
        if entry is not None:
            self._shorten(entry, leaves, structure)
            return result
        environment = Environment(self.function, [leaf for leaf in leaves if not is_number(leaf)])
        prepared = self.prepare(leaves, structure)
        if prepared.outer:
            return inline(prepared, leaves)
        self.memory.history.traced(self.function, leaves, structure, prepared.guards)
        entry = Entry(prepared, environment, wait=self.wait)
        self.memory.keep(key, entry)
        return entry.run(entry.cast(values))

    def _shorten(self, entry: Entry, leaves: list[Any], structure: Structure) -> None:
        """Have the next call like this one go the short way."""
        shortcut = entry.shortcut(leaves, structure, self.finish)
        if shortcut is not None:
            others = [other for other in self.shortcuts if other is not shortcut]
            self.shortcuts[:] = [shortcut, *others][:MOST_SHORTCUTS]


_remembered: WeakKeyDictionary[Callable[..., Any], dict[Hashable, Memory]] = WeakKeyDictionary()


def _memory(function: Callable[..., Any], key: Hashable) -> Memory:
    """What was traced of this function under this transformation, so `grad(f)` written twice traces once."""
    try:
        return _remembered.setdefault(function, {}).setdefault(key, Memory())
    except TypeError:  # a callable that cannot be hashed or weakly referenced remembers for itself alone
        return Memory()


def signature(leaves: Sequence[Any], structure: Structure) -> Hashable:
    """What a trace depends on besides decisions: structure, types of the arrays, the other leaves themselves.

    None where a leaf cannot be hashed: it may change unseen, so what is traced for it is not remembered.
    """
    key = structure, tuple(_leaf_signature(leaf) for leaf in leaves)
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _leaf_signature(leaf: Any) -> Any:
    if isinstance(leaf, np.ndarray):
        return type(leaf), leaf.shape, leaf.dtype
    if type(leaf) is int:  # from 2^63 on an unsigned one, as in NumPy
        return int, leaf < 2**63
    return type(leaf) if is_number(leaf) else (type(leaf), leaf)


def inline(prepared: Prepared, leaves: Sequence[Any]) -> Any:
    """The result as part of the trace that runs: inputs replaced by the traced arguments, guards handed on."""
    roots = [*prepared.outputs, *(guard.node for guard in prepared.guards)]
    numbers = [leaf for leaf in leaves if is_number(leaf)]
    placed = call_graph(Graph(prepared.inputs, roots), numbers, prepared.outer)
    count = len(prepared.outputs)
    if prepared.guards:
        trace = placed[-1].owner
        trace.guards.extend(
            replace(guard, node=value.node) for value, guard in zip(placed[count:], prepared.guards, strict=True)
        )
    return prepared.assemble(placed[:count])


def call_graph(graph: Graph, leaves: Sequence[Any], outer: Sequence[TracedInput] = ()) -> list[Traced]:
    """The outputs of a graph at arrays and traced values, as values of the innermost trace among them (and `outer`)."""
    replacement: dict[Node, Node] = {
        node: leaf.node if isinstance(leaf, Traced) else as_node(np.asarray(leaf, node.dtype))
        for node, leaf in zip(graph.inputs, leaves, strict=True)
    }
    members = [(leaf.owner, leaf.node) for leaf in leaves if isinstance(leaf, Traced)]
    trace, latest = max(members + [(node.owner, node) for node in outer], key=lambda member: member[0].serial)
    trace.check_open(latest)
    return [Traced(node, trace) for node in substitute(graph.outputs, replacement)]


def types_of(leaves: Sequence[Any]) -> list[ArrayType]:
    """The types of the number leaves."""
    return [leaf.node.type if isinstance(leaf, Traced) else ArrayType.of(leaf) for leaf in leaves if is_number(leaf)]
