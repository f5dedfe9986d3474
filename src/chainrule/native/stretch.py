"""A long stretch of kernels as data: a list that says which one is next and where its places are, and one loop over it.

LLVM's time grows faster than a function, and a program of a thousand equal layers calls few kernels thousands of times.
So a long stretch of steps is not written out. The loop reads a word, the number of a kind of step, jumps to the code
that all steps of that kind have in common, and goes on behind their places: each of these is two words, a word of the
run's table (or of what the thread has for itself, counted downwards from -1), and how many bytes further on the place
is (an interpreter of threaded code: Bell, Threaded code, Communications of the ACM 16, 1973).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chainrule.lower.program import Copy, Place, Run
from chainrule.native import ir
from chainrule.native.code import POINTER, WORD, number, stack

if TYPE_CHECKING:
    from chainrule.native.routine import Routine

LONG = 100
"""So many steps are a stretch."""


def emit_stretch(routine: Routine, steps: Sequence[Run | Copy]) -> None:
    """Emit the loop that does some steps one after another."""
    listing = _Listing(routine, steps)
    build = routine.builder
    before, test, over = build.block, build.append_basic_block("next"), build.append_basic_block("listed")
    memory = listing.memory
    build.branch(test)
    build.position_at_end(test)
    at = build.phi(WORD)
    at.add_incoming(number(0), before)
    kind = build.load(build.gep(memory, [at], source_etype=WORD), typ=WORD)
    switch = build.switch(kind, over)
    for k, step in enumerate(listing.kinds.values()):
        block = build.append_basic_block("step")
        switch.add_case(k, block)
        build.position_at_end(block)
        places = different(step)
        routine.given = {place: listing.place(memory, at, 1 + 2 * k) for k, place in enumerate(places)}
        routine.step(step)
        routine.given = {}
        at.add_incoming(build.add(at, number(1 + 2 * len(places))), build.block)
        build.branch(test)
    build.position_at_end(over)


class _Listing:
    """The words of some steps, and the kinds of steps that they name."""

    def __init__(self, routine: Routine, steps: Sequence[Run | Copy]) -> None:
        self.routine, self.build = routine, routine.builder
        self.words: list[int] = []
        self.kinds: dict[Any, Run | Copy] = {}
        self.own: dict[Any, int] = {}  # pointers that the thread has for itself, and their words
        numbers: dict[Any, int] = {}
        found: dict[Place, tuple[int, int]] = {}
        for step in steps:
            kind = routine.kind(step)
            self.kinds.setdefault(kind, step)
            self.words.append(numbers.setdefault(kind, len(numbers)))
            for place in different(step):
                if place not in found:
                    found[place] = self._where(place)
                self.words += found[place]
        self.words.append(len(numbers))  # of no kind: the end
        self.memory = self._constant()
        self.end = self._kept()

    def _where(self, place: Place) -> tuple[int, int]:
        base, offset = self.routine.where(place)
        if isinstance(base, int):
            return base, offset
        return self.own.setdefault(base, -1 - len(self.own)), offset

    def _constant(self) -> ir.GlobalVariable:
        """The words, in memory."""
        module, kind = self.build.module, ir.ArrayType(WORD, len(self.words))
        memory = ir.GlobalVariable(module, kind, f"steps.{len(module.globals)}")
        memory.initializer, memory.global_constant = ir.Constant(kind, self.words), True
        memory.linkage = "internal"
        return memory

    def _kept(self) -> Any:
        """The end of the thread's own pointers, in memory; None where it needs none."""
        if not self.own:
            return None
        count = len(self.own)
        with self.build.goto_entry_block():
            memory = stack(self.build, ir.ArrayType(POINTER, count))
        end = self.build.gep(memory, [number(count)], source_etype=POINTER)
        for pointer, word in self.own.items():
            self.build.store(pointer, self.build.gep(end, [number(word)], source_etype=POINTER))
        return end

    def place(self, memory: Any, at: Any, further: int) -> Any:
        """Emit the address of the place whose words stand so much further on."""
        build = self.build
        base, offset = (
            build.load(build.gep(memory, [build.add(at, number(further + k))], source_etype=WORD), typ=WORD)
            for k in range(2)
        )
        start = self.routine.table
        if self.end is not None:
            start = build.select(build.icmp_signed("<", base, number(0)), self.end, start)
        start = build.load(build.gep(start, [base], source_etype=POINTER), typ=POINTER)
        return build.gep(start, [offset], source_etype=ir.IntType(8))


def different(step: Run | Copy) -> list[Place]:
    """The places that a step is given, each once, in its order."""
    given = step.places if isinstance(step, Run) else (step.target, step.source)
    return list(dict.fromkeys(place.joined for place in given))
