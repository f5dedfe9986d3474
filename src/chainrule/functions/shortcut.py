"""The short way of a repeated call: the steps between the arguments and compiled code, written out as one function.

A call in general takes its arguments apart, looks for what was traced for their signature, and puts the results
together again, some 20 µs whatever is computed. For arguments of one known structure all of that is a few tests, which
are written out as Python's source, once, and the rest is done by the entry to the compiled code (`native/entry.py`),
which looks at the arrays themselves. What does not fit goes the long way, which is always right.

The source of a shortcut for (weights, x), where weights is a list of two, whose result is a number and a list of two:

    def shortcut(args, kwargs):
        if kwargs or len(args) != 2: return MISSED
        v0, v1 = args
        if type(v0) is not list or len(v0) != 2: return MISSED
        v2, v3 = v0
        r0 = empty(c4, c5)
        ...
        if not enter(v2, v3, v1, r0, r1, r2, memory): return MISSED
        return r0[()], [r1, r2]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.pytree import Structure, flatten, rule_of
from chainrule.trace import is_number

MISSED = object()
"""The answer where a call does not fit."""
Shortcut = Callable[[tuple[Any, ...], dict[str, Any]], Any]
_SMALL_BYTES = 1024  # results from here on are aligned


class Kept(Protocol):
    """What a shortcut needs to know of an entry: see `prepared.Entry`."""

    program: Any
    assemble: Callable[[list[Any]], Any]
    count: int
    answers: bool
    environment: Any


class _Slot:
    """What stands for the result of a number while a result is put together to see what comes of it."""

    def __init__(self, number: int) -> None:
        self.number = number


def make_shortcut(
    entry: Kept, leaves: Sequence[Any], structure: Structure, finish: Callable[[Any], Any] | None
) -> Shortcut | None:
    """The short way to the results of an entry, for arguments with the types of these leaves in this structure.

    `finish` is called on each result; it may pick of it, and must not look at its numbers. None where there is no short
    way: an argument is of a type that compiled code cannot read.
    """
    source = _Source(entry, leaves, finish)
    return source.compile(structure) if source.enter is not None else None


class _Source:
    """The text of a shortcut as it grows, and what the names in it mean."""

    def __init__(self, entry: Kept, leaves: Sequence[Any], finish: Callable[[Any], Any] | None) -> None:
        self.entry, self.finish, self.program = entry, finish, entry.program
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"__name__": __name__, "MISSED": MISSED, "empty": np.empty, "asarray": np.asarray}
        self.variables = 0
        self.leaves = iter(leaves)
        self.dtypes = iter(dtype for _, dtype in self.program.inputs)
        self.inputs: list[str] = []
        numbers = [leaf for leaf in leaves if is_number(leaf)]
        fits = all(
            np.asarray(leaf).dtype == dtype for leaf, (_, dtype) in zip(numbers, self.program.inputs, strict=True)
        )
        holds = entry.count if entry.answers else None
        self.enter = self.program.entry([_kind(leaf) for leaf in numbers], holds) if fits else None

    def compile(self, structure: Structure) -> Shortcut:
        """The function."""
        arguments, options = structure.children
        self.take_sequence(arguments, "args")
        if options.children:
            self.take_dict(options, "kwargs")
        else:
            self.unless("not kwargs")
        if self.entry.environment.watches:
            self.unless(f"{self.keep(self.entry.environment.holds)}()")
        result = self.result()
        self.run()
        self.lines.append(f"return {result}")
        text = "def shortcut(args, kwargs):\n" + "".join(f"    {line}\n" for line in self.lines)
        exec(compile(text, "<chainrule>", "exec"), self.names)  # the text is made of names and numbers of ours alone
        return self.names["shortcut"]

    def keep(self, value: Any) -> str:
        """A name for a value."""
        name = f"c{len(self.names)}"
        self.names[name] = value
        return name

    def variable(self) -> str:
        """A new name for a part of the arguments."""
        self.variables += 1
        return f"v{self.variables}"

    def unless(self, condition: str) -> None:
        """Give up where a condition does not hold."""
        self.lines.append(f"if not ({condition}): return MISSED")

    # ------------------------------------------------------------------------------------------------- arguments

    def take(self, structure: Structure, name: str) -> None:
        """Take apart what has a name, and hold it to its structure."""
        kind = structure.kind
        if kind is None:
            self.take_leaf(name)
        elif kind is type(None):
            self.unless(f"{name} is None")
        elif kind in (tuple, list):
            self.unless(f"type({name}) is {kind.__name__}")
            self.take_sequence(structure, name)
        elif kind is dict:
            self.unless(f"type({name}) is dict")
            self.take_dict(structure, name)
        else:
            self.unless(f"type({name}) is {self.keep(kind)}")
            children, memory = self.variable(), self.variable()
            self.lines.append(f"{children}, {memory} = {self.keep(_rule(kind)[0])}({name})")
            self.unless(f"{memory} == {self.keep(structure.memory)}")
            self.take_sequence(structure, children)

    def take_sequence(self, structure: Structure, name: str) -> None:
        """Take apart a sequence."""
        self.unless(f"len({name}) == {len(structure.children)}")
        parts = [self.variable() for _ in structure.children]
        if parts:
            self.lines.append(f"{', '.join(parts)}, = {name}")
        for part, child in zip(parts, structure.children, strict=True):
            self.take(child, part)

    def take_dict(self, structure: Structure, name: str) -> None:
        """Take apart a dict: of so many keys, it has all that are expected, and so no others."""
        self.unless(f"len({name}) == {len(structure.children)}")
        for key, child in zip(structure.memory, structure.children, strict=True):
            part = self.variable()
            self.lines.append(f"{part} = {name}.get({self.keep(key)}, MISSED)")
            if child.kind is None:
                self.unless(f"{part} is not MISSED")
            self.take(child, part)

    def take_leaf(self, name: str) -> None:
        """An array or a number for the entry to check; what is neither must be the very same."""
        leaf = next(self.leaves)
        if not is_number(leaf):
            self.unless(f"{name} is {self.keep(leaf)}")
            return
        dtype = next(self.dtypes)
        if type(leaf) in (bool, int):  # the entry reads no integers of Python's
            self.unless(f"type({name}) is {type(leaf).__name__}")
            if type(leaf) is int:
                limits = np.iinfo(dtype)
                self.unless(f"{limits.min} <= {name} <= {limits.max}")
            self.lines.append(f"{name} = asarray({name}, {self.keep(dtype)})")
        self.inputs.append(name)

    # --------------------------------------------------------------------------------------------------- results

    def result(self) -> str:
        """The expression of the result; notes which arrays it needs."""
        entry, outputs = self.entry, self.program.outputs
        slots = [_Slot(number) for number in range(entry.count)]
        tree = entry.assemble(list(slots))
        found, structure = flatten(self.finish(tree) if self.finish else tree)
        if all(isinstance(leaf, _Slot) for leaf in found):
            self.needed = {leaf.number for leaf in found}
            return self.put(structure, iter([self.value(leaf.number) for leaf in found]))
        self.needed = set(range(len(outputs)))
        values = ", ".join(map(self.value, range(entry.count)))
        whole = f"{self.keep(entry.assemble)}([{values}])"
        return f"{self.keep(self.finish)}({whole})" if self.finish else whole

    def value(self, number: int) -> str:
        """The expression of a result: an array, or a number of NumPy's."""
        return f"r{number}" if self.program.outputs[number][0] else f"r{number}[()]"

    def put(self, structure: Structure, supply: Iterator[str]) -> str:
        """The expression of a tree."""
        if structure.kind is None:
            return next(supply)
        if structure.kind is type(None):
            return "None"
        parts = [self.put(child, supply) for child in structure.children]
        if structure.kind is tuple:
            return f"({''.join(f'{part}, ' for part in parts)})"
        if structure.kind is list:
            return f"[{', '.join(parts)}]"
        if structure.kind is dict:
            keys = map(self.keep, structure.memory)
            return f"{{{', '.join(f'{key}: {part}' for key, part in zip(keys, parts, strict=True))}}}"
        made = self.keep(_rule(structure.kind)[1])
        return f"{made}({self.keep(structure.memory)}, ({''.join(f'{part}, ' for part in parts)}))"

    def run(self) -> None:
        """Make arrays for the results, and enter the compiled code."""
        program = self.program
        for number, (shape, dtype) in enumerate(program.outputs):
            array = np.empty(shape, dtype) if number not in self.needed and program.short else None
            if array is not None:  # nobody sees it, and while one call writes it, no other runs
                self.names[f"r{number}"] = array
            elif np.dtype(dtype).itemsize * int(np.prod(shape)) < _SMALL_BYTES:
                self.lines.append(f"r{number} = empty({self.keep(shape)}, {self.keep(dtype)})")
            else:
                allocate = self.keep(program.allocate)
                self.lines.append(f"r{number} = {allocate}({self.keep(shape)}, {self.keep(dtype)})")
        arrays = ", ".join([*self.inputs, *(f"r{number}" for number in range(len(program.outputs)))])
        enter = self.keep(self.enter)
        if program.short:
            self.unless(f"{enter}({arrays + ', ' if arrays else ''}{self.keep(program.take().memory)})")
            return
        self.unless(f"{self.keep(program.run_entered)}({enter}, {arrays})")
        if self.entry.answers:
            self.unless(f"r{self.entry.count}")


def _kind(leaf: Any) -> type:
    """The type of what the entry gets for a leaf."""
    return np.ndarray if type(leaf) in (bool, int) else type(leaf)


def _rule(kind: type) -> Any:
    """How a container that was taken apart is taken apart and put together."""
    return rule_of(kind)
