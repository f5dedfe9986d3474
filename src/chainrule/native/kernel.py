"""Kernels as LLVM functions: one for each kernel and each way in which its buffers share memory.

A nest that can be mapped to vectors is handed to `tiles.py`; whatever else a kernel may be is emitted as it is written,
one number at a time, with its loops around.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from chainrule.errors import GraphError
from chainrule.loops import COMBINES, Accumulate, Buffer, Fill, For, If, Index, Kernel, Statement, loop, store
from chainrule.lower.alike import signature
from chainrule.native import ir
from chainrule.native.code import POINTER, WORD, counted
from chainrule.native.nest import innermost, recognise
from chainrule.native.point import Point
from chainrule.native.scalar_code import emit_function
from chainrule.native.tiles import Tiler
from chainrule.types import size_of

INLINED_ELEMENTS = 40
"""Kernels of up to so many elements are put in the place of their calls, where LLVM keeps small places in registers."""


class Emitter:
    """Emits kernels into a module, each once."""

    def __init__(self, module: ir.Module, width: int, *, inline: bool = True) -> None:
        self.module, self.width, self.inline = module, width, inline
        self.functions: dict[Any, ir.Function] = {}

    def function(self, kernel: Kernel, shared: Sequence[int], split: bool = False) -> ir.Function:
        """The function of a kernel: it takes a pointer for each number in `shared`, which says for each buffer which
        pointer is its own, and one to memory to work in; if its work is `split`, also the thread and the number of
        threads."""
        key = signature(kernel), tuple(shared), split
        if key not in self.functions:
            self.functions[key] = self._make(kernel, shared, split)
        return self.functions[key]

    def _make(self, kernel: Kernel, shared: Sequence[int], split: bool) -> ir.Function:
        count = max(shared, default=-1) + 1
        kind = ir.FunctionType(ir.VoidType(), [POINTER] * (count + 1) + [WORD] * (2 if split else 0))
        function = ir.Function(self.module, kind, f"{kernel.name}.{len(self.functions)}")
        function.linkage = "internal"
        function.attributes.add("nounwind")
        if self.inline and _work(kernel) <= INLINED_ELEMENTS:
            function.attributes.add("alwaysinline")
        else:
            function.apart = True
        for argument in function.args[: count + 1]:
            argument.add_attribute("noalias")
        builder = ir.IRBuilder(function.append_basic_block())
        pointers = {one: function.args[shared[k]] for k, one in enumerate(kernel.buffers)}
        scratch, *share = function.args[count:]
        Body(builder, pointers, self.width, scratch, tuple(share)).emit(kernel.body, {})
        builder.ret_void()
        return function


def _work(kernel: Kernel) -> float:
    """How many elements a kernel computes."""
    nests = [recognise(one) if isinstance(one, For) else innermost((one,)) for one in kernel.body]
    return sum(math.inf if nest is None else nest.domain for nest in nests)


class Body:
    """Emits the statements of one kernel."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        pointers: Mapping[Buffer, Any],
        width: int,
        scratch: Any = None,
        share: tuple[Any, ...] = (),
    ) -> None:
        self.builder, self.pointers, self.width = builder, pointers, width
        self.scratch, self.share = scratch, share

    def emit(self, body: Sequence[Statement], bases: Mapping[Index, Any]) -> None:
        """Statements one after another, where the loops around them are at `bases`."""
        nest = innermost(tuple(body))
        if nest is not None and (nest.fold is not None or len(body) > 1):
            Tiler(self.builder, self.pointers, bases, nest, self.width).emit()
            return
        for statement in body:
            self._statement(statement, bases)

    def _statement(self, statement: Statement, bases: Mapping[Index, Any]) -> None:
        nest = recognise(statement)
        if nest is not None:
            scratch = None if bases else self.scratch  # which was counted for the outermost nests
            Tiler(self.builder, self.pointers, bases, nest, self.width, scratch).emit(self.share)
            return
        build, point = self.builder, Point(self.builder, self.pointers, bases)
        match statement:
            case For():
                start, stop = point.value(statement.start), point.value(statement.stop)

                def body(index: Any, _: Any) -> list[Any]:
                    self.emit(statement.body, {**bases, statement.index: index})
                    return []

                counted(build, start, stop, 1, [], body, guarded=True)
            case If():
                with build.if_then(point.value(statement.condition)):
                    self.emit(statement.body, bases)
            case Fill():
                self._fill(statement, point)
            case Accumulate():
                buffer = statement.buffer
                before = point.value(buffer[statement.indices])
                operands = [before, point.value(statement.value)]
                after = emit_function(build, COMBINES[statement.combine], operands, [buffer.dtype] * 2)
                point.store(buffer, statement.indices, after)
            case _:
                raise GraphError(
                    "compile",
                    expected="a statement of a loop nest",
                    got=repr(type(statement).__name__),
                    remedy="Teach native/kernel.py about it.",
                )

    def _fill(self, statement: Fill, point: Point) -> None:
        buffer = statement.buffer
        size = size_of(buffer.shape)
        if not size:
            return
        flat = Buffer(buffer.name, (size,), buffer.dtype, buffer.role)
        index = Index("fill")
        self.pointers = {**self.pointers, flat: self.pointers[buffer]}
        self._statement(loop(index, size, store(flat, index, statement.value), kind="parallel"), point.bases)
