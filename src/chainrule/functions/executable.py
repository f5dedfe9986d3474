"""From a graph to something that runs: machine code, or the NumPy evaluator.

`CHAINRULE_COMPILE=off` chooses the evaluator for everything. It also steps in where LLVM refuses the code that it was
given: that is a fault of chainrule's, and the warning says where to find what reproduces it.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from chainrule.errors import NativeError
from chainrule.evaluate import Program
from chainrule.graph import Graph


class Runs(Protocol):
    """What a graph becomes."""

    is_machine_code: bool

    def run(self, values: Sequence[Any], work: float | None = None) -> list[Any]:
        """The outputs for these values of the inputs, which have the inputs' types.

        `work` says how much there is to do, in any unit, where that follows from the values.
        """
        ...


def compiles() -> bool:
    """Whether graphs become machine code."""
    return os.environ.get("CHAINRULE_COMPILE", "").strip().lower() != "off"


def executable(graph: Graph) -> Runs:
    """The graph as machine code, or as the evaluator runs it."""
    found, refusal = _make(graph)
    if refusal is not None:
        _warn(refusal)
    return found


class Later:
    """A graph that is compiled in a thread of its own; `meanwhile` the evaluator runs it.

    The thread is waited for when the process ends: it must not be stopped inside LLVM.
    """

    def __init__(self, graph: Graph) -> None:
        self.meanwhile = Program(graph)
        self._made: tuple[Runs, NativeError | None] | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(graph,), name="chainrule-compiler")
        self._thread.start()

    def _work(self, graph: Graph) -> None:
        try:
            self._made = _make(graph)
        except Exception as error:  # which nobody would see here: it is raised where the result is asked for
            self._error = error

    def result(self) -> Runs | None:
        """The machine code, None while the compiler is at work. What was refused is warned of here, once."""
        if self._error is not None:
            raise self._error
        if self._made is None:
            return None
        found, refusal = self._made
        self._made = found, None
        if refusal is not None:
            _warn(refusal)
        return found

    def wait(self) -> None:
        """Wait for the compiler."""
        self._thread.join()


def _make(graph: Graph) -> tuple[Runs, NativeError | None]:
    """What runs a graph, and what LLVM refused it with, if it did."""
    if not compiles():
        return Program(graph), None
    from chainrule.native.executable import Executable  # LLVM is loaded when it is first needed

    try:
        return Executable(graph), None
    except NativeError as error:
        return Program(graph), error


def _warn(refusal: NativeError) -> None:
    path = refusal.write_reproducer()
    warnings.warn(f"{refusal} It is run by the NumPy evaluator instead. The reproducer: {path}", stacklevel=3)
