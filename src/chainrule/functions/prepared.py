"""A traced and transformed function, and what it becomes when it is kept: a program, and when it holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.evaluate import Program
from chainrule.functions.environment import Environment
from chainrule.functions.executable import Later, Runs, compiles, executable
from chainrule.functions.guards import may_run_on, with_guards
from chainrule.functions.shortcut import MISSED, Shortcut, make_shortcut
from chainrule.graph import Graph, Input, Node
from chainrule.pytree import Structure
from chainrule.record import record
from chainrule.simplify import simplify
from chainrule.trace import Guard, TracedInput

Finish = Callable[[Any], Any] | None


@record
class Prepared:
    """A traced and transformed function: its graph, and how its result is put together from the graph's outputs."""

    inputs: tuple[Input, ...]
    outputs: tuple[Node, ...]
    assemble: Callable[[list[Any]], Any]
    guards: tuple[Guard, ...] = ()
    outer: tuple[TracedInput, ...] = ()


class Entry:
    """A prepared function as a program, with the conditions under which it holds.

    Machine code answers in the same run whether the guards hold. Where it says no, the evaluator is asked, with whose
    numbers the function was traced: the last bits of a number that Python took may be others in machine code.
    """

    def __init__(self, prepared: Prepared, environment: Environment, *, wait: bool = True) -> None:
        self.assemble, self.guards, self.environment = prepared.assemble, prepared.guards, environment
        self.inputs, self.count = prepared.inputs, len(prepared.outputs)
        graph = Graph(prepared.inputs, prepared.outputs)
        self.answers = compiles() and bool(self.guards) and not may_run_on(graph)
        """Whether the last output of the program says if the guards hold."""
        self.graph = simplify(with_guards(graph, self.guards) if self.answers else graph)
        self._program: Runs | Later = executable(self.graph) if wait else Later(self.graph)
        self._shortcuts: dict[Finish, Shortcut | None] = {}

    def cast(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The values as the graph takes them."""
        return [np.asarray(value, node.dtype) for value, node in zip(values, self.inputs, strict=True)]

    @property
    def program(self) -> Runs:
        """What runs the graph now."""
        if isinstance(self._program, Later):
            found = self._program.result()
            if found is None:
                return self._program.meanwhile
            self._program = found
        return self._program

    def attempt(self, values: list[np.ndarray]) -> Any:
        """The result for these values, `MISSED` where it is not certain without `agrees` that it would be right."""
        if not self.guards:
            return self.run(values)
        if not self.answers:
            return MISSED
        try:
            program, results = self._results(values)
        except (ChainruleError, ArithmeticError, LookupError, np.linalg.LinAlgError):
            return MISSED  # the guards may not hold, and then what came after them means nothing
        return self._assembled(program, results, values) if results[-1] else MISSED

    def agrees(self, values: list[np.ndarray]) -> bool:
        """Whether Python would decide for these values as it did when the function was traced."""
        try:
            with np.errstate(all="ignore"):
                answers = self._questions.run(values)
        except (ChainruleError, ArithmeticError, LookupError, np.linalg.LinAlgError):
            return False  # a later question made sense under the answers to earlier ones; a new trace will tell
        return all(guard.holds(answer) for guard, answer in zip(self.guards, answers, strict=True))

    def run(self, values: list[np.ndarray]) -> Any:
        """The result for values for which this holds."""
        return self._assembled(*self._results(values), values)

    def shortcut(self, leaves: Sequence[Any], structure: Structure, finish: Finish) -> Shortcut | None:
        """The short way to the result for arguments of the types of these; None where there is none (or none yet)."""
        if not self.program.is_machine_code or (self.guards and not self.answers):
            return None
        if finish not in self._shortcuts:
            self._shortcuts[finish] = make_shortcut(self, leaves, structure, finish)
        return self._shortcuts[finish]

    @cached_property
    def _questions(self) -> Program:
        return Program(Graph(self.inputs, [guard.node for guard in self.guards]))

    def _results(self, values: list[np.ndarray]) -> tuple[Runs, list[Any]]:
        program = self.program  # which may be another the next time
        with np.errstate(all="ignore"):
            return program, program.run(values)

    def _assembled(self, program: Runs, results: list[Any], values: list[np.ndarray]) -> Any:
        return self.assemble(owned(results[: self.count], values, program.is_machine_code))


def owned(results: Sequence[Any], values: Sequence[np.ndarray], are_new: bool = False) -> list[np.ndarray]:
    """The results as arrays of the caller's own: writable, and sharing memory with nothing else. Those of machine code
    are so from the start."""
    if are_new:
        return [result if result.ndim else result[()] for result in results]
    taken = {id(value) for value in values}
    mine = []
    for result in results:
        array = np.asarray(result)
        if id(array) in taken or not (array.flags.owndata and array.flags.writeable):
            array = array.copy()
        taken.add(id(array))
        mine.append(array if array.ndim else array[()])
    return mine
