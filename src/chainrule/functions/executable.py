"""From a graph to something that runs: machine code, or the NumPy evaluator.

`CHAINRULE_COMPILE=off` chooses the evaluator for everything. It also steps in where LLVM refuses the code that it was
given: that is a fault of chainrule's, and the warning says where to find what reproduces it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, Protocol

from chainrule.errors import NativeError
from chainrule.evaluate import Program
from chainrule.graph import Graph


class Runs(Protocol):
    """What a graph becomes."""

    is_machine_code: bool

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these values of the inputs, which have the inputs' types."""
        ...


def executable(graph: Graph) -> Runs:
    """The graph as machine code, or as the evaluator runs it."""
    if os.environ.get("CHAINRULE_COMPILE", "").strip().lower() == "off":
        return Program(graph)
    from chainrule.native.executable import Executable  # LLVM is loaded when it is first needed

    try:
        return Executable(graph)
    except NativeError as error:
        path = error.write_reproducer()
        warnings.warn(f"{error} It is run by the NumPy evaluator instead. The reproducer: {path}", stacklevel=2)
        return Program(graph)
