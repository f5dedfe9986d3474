"""Tracing once: a transformed function keeps what it traced, and knows when that no longer holds.

What was traced holds for arguments of the same structure, shapes and dtypes, while the guards give the same answers and
while nothing that the function closes over has changed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.functions.environment import Environment
from chainrule.functions.executable import executable
from chainrule.graph import Graph, Input, Node, as_node, substitute
from chainrule.pytree import Structure, flatten
from chainrule.simplify import simplify
from chainrule.trace import Guard, Traced, TracedInput, is_number
from chainrule.types import ArrayType

MOST_SIGNATURES, MOST_VARIANTS = 64, 64
_lock = Lock()  # for the order of what is remembered; tracing and running need none


@dataclass(frozen=True)
class Prepared:
    """A traced and transformed function: its graph, and how its result is put together from the graph's outputs."""

    inputs: tuple[Input, ...]
    outputs: tuple[Node, ...]
    assemble: Callable[[list[Any]], Any]
    guards: tuple[Guard, ...] = ()
    outer: tuple[TracedInput, ...] = ()


class Entry:
    """A prepared function as programs, with the conditions under which it holds."""

    def __init__(self, prepared: Prepared, environment: Environment) -> None:
        self.assemble, self.guards, self.environment = prepared.assemble, prepared.guards, environment
        self.graph = simplify(Graph(prepared.inputs, prepared.outputs))
        self.program = executable(self.graph)
        asked = [guard.node for guard in self.guards]
        self.questions = executable(Graph(prepared.inputs, asked)) if asked else None

    def holds(self, values: list[np.ndarray]) -> bool:
        """Whether Python would decide for these values as it did when the function was traced."""
        if not self.environment.holds():
            return False
        if self.questions is None:
            return True
        try:
            with np.errstate(all="ignore"):
                answers = self.questions.run(values)
        except (ChainruleError, ArithmeticError, LookupError, np.linalg.LinAlgError):
            return False  # a later question made sense under the answers to earlier ones; a new trace will tell
        return all(guard.holds(answer) for guard, answer in zip(self.guards, answers, strict=True))

    def run(self, values: list[np.ndarray]) -> Any:
        """The result for these values."""
        with np.errstate(all="ignore"):
            results = self.program.run(values)
        return self.assemble(owned(results, values))


class Remembered:
    """A callable that traces and transforms `function` for each new signature and runs what it has.

    `prepare(leaves, structure)` does the tracing and the transformation. Called with traced values, it becomes part of
    the trace that they belong to.
    """

    def __init__(
        self, function: Callable[..., Any], prepare: Callable[[Sequence[Any], Structure], Prepared], key: Hashable
    ) -> None:
        self.function, self.prepare = function, prepare
        self.entries: OrderedDict[Any, list[Entry]] = _memory(function, key)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The transformed function at these arguments."""
        leaves, structure = flatten((args, kwargs))
        if any(isinstance(leaf, Traced) for leaf in leaves):
            leaves = [leaf.held() if isinstance(leaf, Traced) else leaf for leaf in leaves]
            return inline(self.prepare(leaves, structure), leaves)
        values = [np.asarray(leaf) for leaf in leaves if is_number(leaf)]
        key = signature(leaves, structure)
        entry = self._find(key, values)
        if entry is None:
            environment = Environment(self.function, [leaf for leaf in leaves if not is_number(leaf)])
            prepared = self.prepare(leaves, structure)
            if prepared.outer:
                return inline(prepared, leaves)
            entry = Entry(prepared, environment)
            self._keep(key, entry)
        return entry.run(
            [np.asarray(value, node.dtype) for value, node in zip(values, entry.graph.inputs, strict=True)]
        )

    def _find(self, key: Hashable, values: list[np.ndarray]) -> Entry | None:
        found = next((entry for entry in self.entries.get(key, ()) if entry.holds(values)), None)
        with _lock:
            if found is not None and key in self.entries:  # another thread may have made room
                self.entries.move_to_end(key)
        return found

    def _keep(self, key: Hashable, entry: Entry) -> None:
        if key is None:
            return
        with _lock:
            current = [known for known in self.entries.pop(key, ()) if known.environment.holds()]
            self.entries[key] = [*current[1 - MOST_VARIANTS :], entry]
            if len(self.entries) > MOST_SIGNATURES:
                self.entries.popitem(last=False)


_remembered: WeakKeyDictionary[Callable[..., Any], dict[Hashable, OrderedDict[Any, list[Entry]]]] = WeakKeyDictionary()


def _memory(function: Callable[..., Any], key: Hashable) -> OrderedDict[Any, list[Entry]]:
    """What was traced of this function under this transformation, so `grad(f)` written twice traces once."""
    try:
        return _remembered.setdefault(function, {}).setdefault(key, OrderedDict())
    except TypeError:  # a callable that cannot be hashed or weakly referenced remembers for itself alone
        return OrderedDict()


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


def owned(results: Sequence[Any], values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The results as arrays of the caller's own: writable, and sharing memory with nothing else."""
    taken = {id(value) for value in values}
    mine = []
    for result in results:
        array = np.asarray(result)
        if id(array) in taken or not (array.flags.owndata and array.flags.writeable):
            array = array.copy()
        taken.add(id(array))
        mine.append(array if array.ndim else array[()])
    return mine


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
