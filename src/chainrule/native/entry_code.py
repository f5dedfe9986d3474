"""The compiled half of an entry: a function of CPython's that looks into arrays itself, as LLVM IR.

`ptr enter(ptr self, ptr arguments, i64 count)` has the convention of `METH_FASTCALL`. `self` is an array of words, the
plan of the entry (see `plan.py`), and the arguments are the inputs, the outputs and the memory of the run, as objects.
It answers True or False, as objects; False where an argument is not what the plan says, or the run does not count.
"""

from __future__ import annotations

from typing import Any

from chainrule.native import ir
from chainrule.native.code import POINTER, WORD, counted, number
from chainrule.native.plan import (
    AXES,
    DESCRIPTOR,
    FLAGS,
    FUNCTION,
    HEAD,
    HOLDS,
    INPUTS,
    LENGTHS,
    NO,
    OUTPUTS,
    READABLE,
    STATE,
    STATE_BYTES,
    TYPE,
    YES,
    Layout,
)

BYTE, INT = ir.IntType(8), ir.IntType(32)


def entry_module(layout: Layout) -> ir.Module:
    """The module with `enter`."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER, POINTER, WORD]), "enter")
    _Enter(function, layout).emit()
    return module


class _Enter:
    """Emits the function."""

    def __init__(self, function: ir.Function, layout: Layout) -> None:
        self.function, self.layout = function, layout
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        self.refuse = function.append_basic_block("no")
        self.accept = function.append_basic_block("yes")
        plan, self.arguments, self.count = function.args
        self.plan = self._field(plan, layout.data, POINTER)
        memory = self._word(self.arguments, self.builder.sub(self.count, number(1)), POINTER)
        self.table = self._field(memory, layout.data, POINTER)

    def emit(self) -> None:
        """Check, fill the table, run."""
        build = self.builder
        inputs = self._head(INPUTS)
        (cursor,) = counted(build, number(0), inputs, 1, [self._at(self.plan, number(HEAD))], self._input, guarded=True)

        def output(k: Any, carried: Any) -> list[Any]:
            result = self._word(self.arguments, build.add(inputs, k), POINTER)
            self._put(self._word(cursor, k), self._field(result, self.layout.data, POINTER))
            return []

        counted(build, number(0), self._head(OUTPUTS), 1, [], output, guarded=True)
        function = self._head(FUNCTION)
        self._require(build.icmp_unsigned("!=", function, number(0)), self.accept)
        self._run(function)
        for block, which in ((self.accept, YES), (self.refuse, NO)):
            build.position_at_end(block)
            answer = self._word(self.plan, number(which), POINTER)
            build.call(_declared(build.module, "Py_IncRef", ir.VoidType(), POINTER), [answer])
            build.ret(answer)

    def _input(self, k: Any, carried: Any) -> list[Any]:
        """Check one input against its words, and put its address into the table."""
        build, layout = self.builder, self.layout
        (cursor,) = carried
        given = self._word(self.arguments, k, POINTER)
        self._require_equal(self._field(given, layout.type, WORD), self._word(cursor, number(TYPE)))
        descriptor, axes = self._word(cursor, number(DESCRIPTOR)), self._word(cursor, number(AXES))
        with build.if_else(build.icmp_unsigned("==", descriptor, number(0))) as (alone, array):
            with alone:
                self._put(k, build.gep(given, [axes], source_etype=BYTE))
                after_number, ends = self._at(cursor, number(LENGTHS)), build.block
            with array:
                self._require_equal(self._field(given, layout.descriptor, WORD), descriptor)
                self._require_equal(build.sext(self._field(given, layout.axes, INT), WORD), axes)
                flags = build.and_(self._field(given, layout.flags, INT), INT(READABLE))
                self._require_equal(flags, INT(READABLE))
                lengths, expected = self._field(given, layout.lengths, POINTER), self._at(cursor, number(LENGTHS))

                def length(axis: Any, _: Any) -> list[Any]:
                    self._require_equal(self._word(lengths, axis), self._word(expected, axis))
                    return []

                counted(build, number(0), axes, 1, [], length, guarded=True)
                self._put(k, self._field(given, layout.data, POINTER))
                after_array, also_ends = self._at(expected, axes), build.block
        following = build.phi(POINTER)
        following.add_incoming(after_number, ends)
        following.add_incoming(after_array, also_ends)
        return [following]

    def _run(self, function: Any) -> None:
        """Run in this thread, and accept if no flag was raised and the guards hold."""
        build = self.builder
        state = build.gep(self.table, [self._head(STATE)], source_etype=BYTE)
        kind = ir.FunctionType(ir.VoidType(), [POINTER, BYTE, WORD, ir.IntType(1)])
        clear = ir.Function(build.module, kind, "llvm.memset.p0.i64")
        build.call(clear, [state, BYTE(0), self._head(STATE_BYTES), ir.IntType(1)(0)])
        called = ir.FunctionType(ir.VoidType(), [POINTER, WORD, WORD]).as_pointer()
        build.call(build.inttoptr(function, called), [self.table, number(0), number(1)])
        flags = build.gep(state, [self._head(FLAGS)], source_etype=BYTE)
        words = build.udiv(build.sub(self._head(STATE_BYTES), self._head(FLAGS)), number(8))

        def flag(k: Any, carried: Any) -> list[Any]:
            return [build.or_(carried[0], self._word(flags, k))]

        (raised,) = counted(build, number(0), words, 1, [number(0)], flag)
        self._require_equal(raised, number(0))
        holds = self._head(HOLDS)
        self._require(build.icmp_signed(">=", holds, number(0)), self.accept)
        truth = build.load(self._word(self.table, holds, POINTER), typ=BYTE)
        build.cbranch(build.icmp_unsigned("!=", truth, BYTE(0)), self.accept, self.refuse)

    # --------------------------------------------------------------------------------------------------- pieces

    def _require(self, condition: Any, otherwise: ir.Block) -> None:
        going = self.function.append_basic_block("going")
        self.builder.cbranch(condition, going, otherwise)
        self.builder.position_at_end(going)

    def _require_equal(self, one: Any, other: Any) -> None:
        self._require(self.builder.icmp_unsigned("==", one, other), self.refuse)

    def _field(self, address: Any, offset: int, kind: ir.Type) -> Any:
        return self.builder.load(self.builder.gep(address, [number(offset)], source_etype=BYTE), typ=kind)

    def _at(self, words: Any, index: Any) -> Any:
        return self.builder.gep(words, [index], source_etype=WORD)

    def _word(self, words: Any, index: Any, kind: ir.Type = WORD) -> Any:
        return self.builder.load(self._at(words, index), typ=kind)

    def _head(self, which: int) -> Any:
        return self._word(self.plan, number(which))

    def _put(self, index: Any, address: Any) -> None:
        self.builder.store(address, self._at(self.table, index))


def _declared(module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)
