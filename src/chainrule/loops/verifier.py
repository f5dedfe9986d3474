"""What makes a kernel well formed. Every pass hands on a kernel that this accepts.

Form, checked here: buffers have names of their own and belong to the kernel; indices are bound, each by one loop at a
time; statements have the dtypes and the numbers of indices that their buffers ask for; inputs are only read. What the
kernel does with its memory is proved in `memory.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from chainrule.errors import DtypeError
from chainrule.loops.functions import FUNCTIONS
from chainrule.loops.memory import at_fault, check_memory, head_of
from chainrule.loops.nest import COMBINES, Accumulate, Fill, For, If, Kernel, Statement, Store, scalars_of
from chainrule.loops.scalar import BOOL, INDEX, Buffer, Index, Load, Scalar, in_order


def verify(kernel: Kernel) -> Kernel:
    """The kernel itself, if it is well formed.

    Raises:
        GraphError: naming the kernel, what was expected of it, and the statement at fault.
        DtypeError: where a statement has an expression of a dtype that it cannot take.
    """
    names = [buffer.name for buffer in kernel.buffers]
    for name in names:
        if names.count(name) > 1:
            raise at_fault(kernel, "buffers with names of their own", f"{name!r} twice")
    _check_form(kernel, kernel.body, frozenset())
    check_memory(kernel)
    return kernel


def _check_form(kernel: Kernel, body: Iterable[Statement], bound: frozenset[Index]) -> None:
    for statement in body:
        for scalar in in_order(scalars_of(statement)):
            if isinstance(scalar, Index) and scalar not in bound:
                raise at_fault(kernel, "indices that a loop around them binds", repr(scalar.name), statement)
            if isinstance(scalar, Load):
                _check_access(kernel, scalar.buffer, scalar.operands, statement)
        match statement:
            case For():
                if statement.index in bound:
                    raise at_fault(kernel, "an index that no loop around binds", repr(statement.index.name), statement)
                _check_dtypes(kernel, (statement.start, statement.stop), INDEX, statement)
                _check_form(kernel, statement.body, bound | {statement.index})
            case If():
                _check_dtypes(kernel, (statement.condition,), BOOL, statement)
                _check_form(kernel, statement.body, bound)
            case Store() | Accumulate() | Fill():
                _check_write(kernel, statement)


def _check_write(kernel: Kernel, statement: Store | Accumulate | Fill) -> None:
    buffer = statement.buffer
    indices = None if isinstance(statement, Fill) else statement.indices
    _check_access(kernel, buffer, indices, statement)
    if buffer.role == "input":
        raise at_fault(kernel, "inputs that are only read", f"a write to {buffer}", statement)
    _check_dtypes(kernel, (statement.value,), buffer.dtype, statement)
    if isinstance(statement, Accumulate) and buffer.dtype.kind not in FUNCTIONS[COMBINES[statement.combine]].kinds:
        raise at_fault(kernel, f"a buffer whose dtype has a {statement.combine}", f"{buffer}", statement)


def _check_access(kernel: Kernel, buffer: Buffer, indices: Sequence[Scalar] | None, statement: Statement) -> None:
    if not any(buffer is own for own in kernel.buffers):
        raise at_fault(kernel, "buffers of the kernel", f"{buffer}, which is none of them", statement)
    if indices is None:
        return
    if len(indices) != len(buffer.shape):
        raise at_fault(kernel, f"an index for each axis of {buffer}", f"{len(indices)}", statement)
    _check_dtypes(kernel, indices, INDEX, statement)


def _check_dtypes(kernel: Kernel, scalars: Iterable[Scalar], dtype: np.dtype, statement: Statement) -> None:
    for scalar in scalars:
        if scalar.dtype != dtype:
            raise DtypeError(
                f"verify {kernel.name}",
                expected=f"an expression of {dtype.name}",
                got=f"{scalar!r} in `{head_of(statement)}`",
                remedy="Cast it where it is made.",
            )
