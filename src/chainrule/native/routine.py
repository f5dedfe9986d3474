"""A lowered program as one LLVM function: kernels called one after another, loops and branches as jumps.

The function takes the address of a table of addresses: the inputs, the outputs, the constants, the fault, the arena and
the callback, in this order. It returns 0, or 1 where a callback has failed. Small local places stand on its stack, where
LLVM turns those that only inlined kernels touch into registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

from chainrule.lower.join import blocks
from chainrule.lower.program import Branch, Copy, Counter, Evaluate, Place, Program, Repeat, Run, Step, While, leaves
from chainrule.native.code import POINTER, WORD, counted, number, stack
from chainrule.native.kernel import Emitter

SMALL_BYTES = 64
STATUS = ir.IntType(32)
_CALLBACK = ir.FunctionType(STATUS, [WORD, POINTER])


def emit_program(program: Program, width: int) -> ir.Module:
    """The module of a program; its function is called "run"."""
    module = ir.Module(name="chainrule")
    Routine(program, module, width).emit()
    return module


def evaluated(program: Program) -> list[Evaluate]:
    """The steps that call back, in the order of their numbers."""
    return [step for step in leaves(program.steps) if isinstance(step, Evaluate)]


class Routine:
    """Emits the function of one program."""

    def __init__(self, program: Program, module: ir.Module, width: int) -> None:
        self.program = program
        self.emitter = Emitter(module, width)
        self.function = ir.Function(module, ir.FunctionType(STATUS, [POINTER]), "run")
        self.builder = ir.IRBuilder(self.function.append_basic_block("entry"))
        self.failed = self.function.append_basic_block("failed")
        self.pointers: dict[Place, Any] = {}
        self.counters: dict[Counter, Any] = {}
        self.numbers = {step: k for k, step in enumerate(evaluated(program))}

    def emit(self) -> None:
        """The whole function."""
        build, program = self.builder, self.program
        table = self.function.args[0]

        def entry(k: int) -> Any:
            return build.load(build.gep(table, [number(k)], source_etype=POINTER), typ=POINTER)

        named = [*program.inputs, *program.outputs, *program.constants, program.fault]
        for k, place in enumerate(named):
            self.pointers[place] = entry(k)
        self.arena, self.callback = entry(len(named)), entry(len(named) + 1)
        self._place_small()
        self._steps(program.steps)
        build.ret(ir.Constant(STATUS, 0))
        build.position_at_end(self.failed)
        build.ret(ir.Constant(STATUS, 1))

    def _place_small(self) -> None:
        """Stack memory for small places."""
        for place in dict.fromkeys(_places(self.program.steps)):
            if place.kind == "local" and place.base is None and place.bytes <= SMALL_BYTES:
                self.pointers[place] = stack(self.builder, ir.ArrayType(ir.IntType(8), SMALL_BYTES))

    def pointer(self, place: Place) -> Any:
        """Where a place is."""
        place = place.joined
        if place.base is not None:
            assert place.counter is not None
            start = self.builder.mul(self.counters[place.counter], number(place.bytes))
            return self._offset(self.pointer(place.base), start)
        if place in self.pointers:
            return self.pointers[place]
        return self._offset(self.arena, number(place.offset))

    def _offset(self, pointer: Any, by: Any) -> Any:
        return self.builder.gep(pointer, [by], source_etype=ir.IntType(8))

    # --------------------------------------------------------------------------------------------------- steps

    def _steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            match step:
                case Run():
                    self._run(step)
                case Copy():
                    self._copy(step)
                case Evaluate():
                    self._evaluate(step)
                case Branch():
                    with self.builder.if_else(self._truth(step.predicate)) as (then, otherwise):
                        with then:
                            self._steps(step.then)
                        with otherwise:
                            self._steps(step.otherwise)
                case Repeat():
                    self._repeat(step)
                case While():
                    self._while(step)

    def _run(self, step: Run) -> None:
        places: dict[Place, int] = {}
        shared = [places.setdefault(place.joined, len(places)) for place in step.places]
        function = self.emitter.function(step.kernel, shared)
        self.builder.call(function, [self.pointer(place) for place in places])

    def _copy(self, step: Copy) -> None:
        size = step.target.bytes
        if not size:
            return
        kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, WORD, ir.IntType(1)])
        name = "llvm.memmove.p0.p0.i64"
        module = self.builder.module
        move = module.globals.get(name) or ir.Function(module, kind, name)
        operands = [self.pointer(step.target), self.pointer(step.source), number(size), ir.Constant(ir.IntType(1), 0)]
        self.builder.call(move, operands)

    def _evaluate(self, step: Evaluate) -> None:
        build = self.builder
        places = [*step.operands, *step.results]
        with build.goto_entry_block():
            table = stack(build, ir.ArrayType(POINTER, max(1, len(places))))
        for k, place in enumerate(places):
            build.store(self.pointer(place), build.gep(table, [number(k)], source_etype=POINTER))
        callee = build.inttoptr(build.ptrtoint(self.callback, WORD), _CALLBACK.as_pointer())
        status = build.call(callee, [number(self.numbers[step]), table])
        going = build.append_basic_block("going")
        build.cbranch(build.icmp_unsigned("==", status, ir.Constant(STATUS, 0)), going, self.failed)
        build.position_at_end(going)

    def _truth(self, place: Place) -> Any:
        byte = self.builder.load(self.pointer(place), typ=ir.IntType(8))
        return self.builder.icmp_unsigned("!=", byte, ir.Constant(ir.IntType(8), 0))

    def _repeat(self, step: Repeat) -> None:
        if not step.length:
            return

        def body(index: Any, _: Any) -> list[Any]:
            at = self.builder.sub(number(step.length - 1), index) if step.reverse else index
            self.counters[step.counter] = at
            self._steps(step.body)
            return []

        counted(self.builder, number(0), number(step.length), 1, [], body)

    def _while(self, step: While) -> None:
        build = self.builder
        before = build.block
        asking, going, over = (build.append_basic_block(name) for name in ("asking", "going", "over"))
        build.branch(asking)
        build.position_at_end(asking)
        done = build.phi(WORD)
        done.add_incoming(number(0), before)
        if step.steps is not None:
            within = build.append_basic_block("within")
            build.cbranch(build.icmp_signed("<", done, number(step.steps)), within, over)
            build.position_at_end(within)
        self._steps(step.condition)
        build.cbranch(self._truth(step.predicate), going, over)
        build.position_at_end(going)
        self._steps(step.body)
        done.add_incoming(build.add(done, number(1)), build.block)
        build.branch(asking)
        build.position_at_end(over)


def _places(steps: Sequence[Step]) -> list[Place]:
    """Every place that a block touches."""
    found: list[Place] = []
    for step in steps:
        match step:
            case Run():
                found += [place.root for place in step.places]
            case Copy() | Evaluate():
                found += [place.root for place in (*step.reads, *step.writes)]
            case Branch() | While():
                found.append(step.predicate.root)
        for block in blocks(step):
            found += _places(block)
    return found
