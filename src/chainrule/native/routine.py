"""A lowered program as one LLVM function: kernels called one after another, loops and branches as jumps.

The function takes the address of a table of addresses, the number of its thread, and the number of threads. The table
holds the inputs, the outputs, the constants, the state (`STATE_BYTES` bytes, zero before a run: a barrier, the fault,
and whether a callback has failed), the arena, the callback, and memory for all threads to work in. A thread's own
places stand on its stack, where LLVM turns those that only inlined kernels touch into registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import accumulate, groupby
from typing import Any

from chainrule.lower.program import (
    Branch,
    Call,
    Copy,
    Counter,
    Evaluate,
    Place,
    Program,
    Repeat,
    Run,
    Step,
    While,
    leaves,
)
from chainrule.native import ir
from chainrule.native.barrier import emit_barrier, emit_share
from chainrule.native.calls import CALLS
from chainrule.native.code import POINTER, WORD, counted, number, stack
from chainrule.native.kernel import Emitter
from chainrule.native.mapping import grain_of
from chainrule.native.share import Shares
from chainrule.native.state import FAILED, FAULT, REFUSED
from chainrule.native.stretch import LONG, different, emit_stretch
from chainrule.native.strips import Strip, strips

# LLVM's time grows faster than a function, so in a long program small kernels stay functions.
MOST_KERNELS_INLINED = 150
STATUS, BYTE = ir.IntType(32), ir.IntType(8)
_CALLBACK = ir.FunctionType(STATUS, [WORD, WORD, POINTER])


def emit_program(program: Program, shares: Shares, width: int) -> ir.Module:
    """The module of a program; its function is called "run"."""
    module = ir.Module(name="chainrule")
    Routine(program, shares, module, width).emit()
    return module


def evaluated(program: Program) -> list[Evaluate]:
    """The steps that call back, in the order of their numbers."""
    return [step for step in leaves(program.steps) if isinstance(step, Evaluate)]


class Routine:
    """Emits the function of one program."""

    def __init__(self, program: Program, shares: Shares, module: ir.Module, width: int) -> None:
        self.program, self.shares = program, shares
        self.strips = strips(program.steps, shares, width)
        self.in_strips = {step for strip in self.strips.values() for step in strip.steps}
        kernels = sum(isinstance(step, Run) for step in leaves(program.steps))
        self.emitter = Emitter(module, width, inline=kernels <= MOST_KERNELS_INLINED)
        self.function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, WORD, WORD]), "run")
        self.table, self.thread, self.threads = self.function.args
        entry, begin = (self.function.append_basic_block(name) for name in ("entry", "begin"))
        self.over = self.function.append_basic_block("over")
        self.builder = ir.IRBuilder(entry)
        self.builder.branch(begin)
        self.builder.position_at_end(begin)
        named = [*program.inputs, *program.outputs, *program.constants]
        self.state_word, self.arena_word, self.callback_word, scratch_word = range(len(named), len(named) + 4)
        self.bases: dict[Place, tuple[Any, int]] = {place: (word, 0) for word, place in enumerate(named)}
        self.bases[program.fault] = self.state_word, FAULT
        self.entries: dict[int, Any] = {}
        self.scratch = self._offset(self.entry(scratch_word), self.builder.mul(self.thread, number(shares.scratch)))
        self.own_arena = self._offset(self.scratch, number(shares.own_arena))
        self.given: Mapping[Place, Any] = {}
        """Pointers to the places of the step that is being emitted, where its code is not for it alone."""
        self.counters: dict[Counter, Any] = {}
        self.spreading: Repeat | None = None
        self.numbers = {step: k for k, step in enumerate(evaluated(program))}

    def emit(self) -> None:
        """The whole function."""
        build = self.builder
        self._keep_own()
        self._steps(self.program.steps)
        build.branch(self.over)
        build.position_at_end(self.over)
        build.ret_void()

    def _keep_own(self) -> None:
        """Give the thread's own places memory: each of its own, which may be registers, where kernels are inlined. Else
        one piece of the stack is for all, or, where no other thread runs, they are where the arena has them."""
        build, places = self.builder, sorted(self.shares.own, key=lambda place: place.name)
        with build.goto_entry_block():
            if self.emitter.inline:
                own = {place: (stack(build, ir.ArrayType(BYTE, max(1, place.bytes))), 0) for place in places}
            elif self.shares.threaded:
                starts = [*accumulate((-(-place.bytes // 64) * 64 for place in places), initial=0)]
                memory = stack(build, ir.ArrayType(BYTE, starts[-1]))
                own = {place: (memory, start) for place, start in zip(places, starts, strict=False)}
            else:
                own = {}
        self.bases |= own

    def entry(self, word: int) -> Any:
        """A word of the table, read at the function's beginning."""
        if word not in self.entries:
            with self.builder.goto_entry_block():
                at = self.builder.gep(self.table, [number(word)], source_etype=POINTER)
                self.entries[word] = self.builder.load(at, typ=POINTER)
        return self.entries[word]

    def where(self, place: Place) -> tuple[Any, int]:
        """What a place is so many bytes behind: a word of the table, by its number, or a pointer."""
        place = place.joined
        if place.base is not None and place.counter is not None:
            start = self.builder.mul(self.counters[place.counter], number(place.bytes))
            return self._offset(self.pointer(place.base), start), 0
        if place in self.bases:
            return self.bases[place]
        inside = self.spreading is not None and place in self.shares.spread[self.spreading]
        return self.own_arena if inside else self.arena_word, place.offset

    def pointer(self, place: Place) -> Any:
        """Where a place is."""
        if place.joined in self.given:
            return self.given[place.joined]
        base, offset = self.where(place)
        base = self.entry(base) if isinstance(base, int) else base
        return self._offset(base, number(offset)) if offset else base

    def _offset(self, pointer: Any, by: Any) -> Any:
        return self.builder.gep(pointer, [by], source_etype=BYTE)

    def _barrier(self, wanted: bool) -> None:
        if wanted:
            emit_barrier(self.builder, self.entry(self.state_word), self.thread, self.threads)

    def _meet(self, divisors: int) -> None:
        """A barrier for all numbers of threads but the divisors of this one."""
        if divisors == 1:
            self._barrier(True)
            return
        left = self.builder.urem(number(divisors), self.threads)
        with self.builder.if_then(self.builder.icmp_unsigned("!=", left, number(0))):
            self._barrier(True)

    def _by(self, step: Step) -> AbstractContextManager[Any]:
        """Inside: what the threads do that are to do a step."""
        if self.shares.ways.get(step) != "one":
            return nullcontext()
        return self.builder.if_then(self.builder.icmp_signed("==", self.thread, number(0)))

    # --------------------------------------------------------------------------------------------------- steps

    def _steps(self, steps: Sequence[Step]) -> None:
        for can, alike in groupby(steps, self._can_be_listed):
            stretch = list(alike)
            if can and len(stretch) >= LONG:
                emit_stretch(self, stretch)  # type: ignore[arg-type]
                continue
            for step in stretch:
                self.step(step)

    def _can_be_listed(self, step: Step) -> bool:
        return isinstance(step, Run | Copy) and step not in self.in_strips

    def step(self, step: Step) -> None:
        """Emit what the threads do for a step, and that they meet before it if they are to."""
        if step in self.shares.before:
            self._meet(self.shares.before[step])
        if step in self.strips:
            self._strip(self.strips[step])
        elif step not in self.in_strips:
            self._alone(step)

    def _alone(self, step: Step) -> None:
        match step:
            case Run():
                with self._by(step):
                    self._run(step)
            case Copy():
                with self._by(step):
                    self._copy(step)
            case Evaluate():
                self._evaluate(step)
            case Call():
                with self._by(step):
                    self._call(step)
            case Branch():
                with self.builder.if_else(self._truth(step.predicate)) as both:
                    for block, steps, holds in zip(both, (step.then, step.otherwise), (True, False), strict=True):
                        with block:
                            self._steps(steps)
                            self._barrier((step, holds) in self.shares.at_end)
            case Repeat():
                self._repeat(step)
            case While():
                self._while(step)

    def _strip(self, strip: Strip) -> None:
        """Each grain of a thread's rows through all of some kernels."""
        grains = number(-(-strip.rows // grain_of(strip.rows)))
        start, stop = emit_share(self.builder, grains, self.thread, self.threads, 1)

        def body(index: Any, _: Any) -> list[Any]:
            for step in strip.steps:
                self._run(step, (index, grains))
            return []

        counted(self.builder, start, stop, 1, [], body, guarded=True)

    def _run(self, step: Run, share: tuple[Any, Any] | None = None) -> None:
        split = self.shares.ways.get(step) == "split"
        function = self._function(step)
        given = share or (self.thread, self.threads) if split else ()
        self.builder.call(function, [*map(self.pointer, different(step)), self.scratch, *given])

    def _function(self, step: Run) -> ir.Function:
        numbers = {place: k for k, place in enumerate(different(step))}
        shared = [numbers[place.joined] for place in step.places]
        return self.emitter.function(step.kernel, shared, self.shares.ways.get(step) == "split")

    def kind(self, step: Run | Copy) -> Any:
        """What two steps have in common whose code is the same but for their places."""
        what = self._function(step) if isinstance(step, Run) else step.target.bytes
        return what, self.shares.ways.get(step), self.shares.before.get(step)

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
        failed = self._offset(self.entry(self.state_word), number(FAILED))
        places = [*step.operands, *step.results]
        with build.goto_entry_block():
            table = stack(build, ir.ArrayType(POINTER, max(1, len(places))))
        self._barrier(self.shares.threaded)  # until all have read what the one before has left there
        with self._by(step):
            for k, place in enumerate(places):
                build.store(self.pointer(place), build.gep(table, [number(k)], source_etype=POINTER))
            callee = build.inttoptr(build.ptrtoint(self.entry(self.callback_word), WORD), _CALLBACK.as_pointer())
            state = build.ptrtoint(self.entry(self.state_word), WORD)
            build.store(build.call(callee, [state, number(self.numbers[step]), table]), failed)
        self._barrier(self.shares.threaded)  # all threads end where one callback fails
        going = build.append_basic_block("going")
        status = build.load(failed, typ=STATUS)
        build.cbranch(build.icmp_unsigned("==", status, ir.Constant(STATUS, 0)), going, self.over)
        build.position_at_end(going)

    def _call(self, step: Call) -> None:
        operands, results = ([self.pointer(place) for place in group] for group in (step.operands, step.results))
        scratch, refused = self.pointer(step.scratch), self._offset(self.entry(self.state_word), number(REFUSED))
        CALLS[step.name](self.builder, step.types, operands, results, step.numbers, scratch, refused)

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
            self._barrier(step in self.shares.after and step not in self.shares.spread)
            return []

        if step not in self.shares.spread:
            counted(self.builder, number(0), number(step.length), 1, [], body)
            return
        start, stop = emit_share(self.builder, number(step.length), self.thread, self.threads, 1)
        self.spreading = step
        counted(self.builder, start, stop, 1, [], body, guarded=True)
        self.spreading = None
        self._barrier(True)

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
        self._barrier(step in self.shares.after)
        done.add_incoming(build.add(done, number(1)), build.block)
        build.branch(asking)
        build.position_at_end(over)
        self._barrier(step in self.shares.after)
