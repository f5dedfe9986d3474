"""Equal kernels as one object, so that what follows looks at each kernel once, however often it is run.

Takes a program; leaves it with one kernel in the place of all that are the same code. The passes after this one keep
what they found out about a kernel: a program of a thousand equal layers has a few.
"""

from __future__ import annotations

from typing import Any

from chainrule.loops import Accumulate, Fill, For, If, Kernel, Statement, Store
from chainrule.lower.join import every
from chainrule.lower.program import Program, Run


def unite_kernels(program: Program) -> Program:
    """The program with each kernel made once."""
    known: dict[Any, Kernel] = {}
    for step in every(program.steps):
        if isinstance(step, Run):
            step.kernel = known.setdefault(signature(step.kernel), step.kernel)
    return program


def signature(kernel: Kernel) -> Any:
    """What two kernels have in common that are the same code."""
    return kernel.name, kernel.buffers, tuple(map(_form, kernel.body))


def _form(statement: Statement) -> Any:
    match statement:
        case Store():
            return "store", statement.buffer, statement.indices, statement.value
        case Accumulate():
            return statement.combine, statement.buffer, statement.indices, statement.value
        case Fill():
            return "fill", statement.buffer, statement.value
        case For():
            return statement.kind, statement.index, statement.start, statement.stop, *map(_form, statement.body)
        case If():
            return "if", statement.condition, *map(_form, statement.body)
    return statement
