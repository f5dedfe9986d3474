"""The meaning of a lowered program: its steps run one after another on one piece of memory, laid out as the compiler
said. What is not written holds rubbish, and a place that was joined or laid over another really shares its bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.loops import Statement, Store
from chainrule.loops.interpreter import Memory
from chainrule.lower.program import Branch, Call, Copy, Counter, Evaluate, Place, Program, Repeat, Run, Step, While

RUBBISH = 0x5B
CALLS: dict[str, Any] = {
    "inv": lambda x, *_: np.linalg.inv(x),
    "argsort": lambda x, rows, count: np.argsort(x.reshape(rows, count), -1, kind="stable"),
    "argmax": lambda x, rows, count: np.argmax(x.reshape(rows, count), -1),
    "argmin": lambda x, rows, count: np.argmin(x.reshape(rows, count), -1),
}


def interpret_program(program: Program, values: Sequence[Any]) -> tuple[list[np.ndarray], bool]:
    """The outputs of a program, and whether an operand was what its operation refuses."""
    machine = Machine(program, values)
    with np.errstate(all="ignore"):
        machine.run(program.steps)
    return [machine.outputs[place] for place in program.outputs], bool(machine.fault)


class Machine:
    """Memory, and where the loops are."""

    def __init__(self, program: Program, values: Sequence[Any]) -> None:
        self.arena = np.full(program.arena + 1, RUBBISH, np.uint8)
        self.inputs = {
            place: np.array(value, place.type.dtype) for place, value in zip(program.inputs, values, strict=True)
        }
        self.outputs = {place: _rubbish(place) for place in program.outputs}
        self.fault = np.zeros((), bool)
        self.fault_place = program.fault
        self.counters: dict[Counter, int] = {}

    def array(self, place: Place) -> np.ndarray:
        """The memory of a place."""
        place = place.joined
        if place.base is not None:
            assert place.counter is not None
            at = self.counters[place.counter]
            return self.array(place.base)[at : at + 1].reshape(place.type.shape)
        if place is self.fault_place:
            return self.fault
        if place.kind == "input":
            return self.inputs[place]
        if place.kind == "output":
            return self.outputs[place]
        if place.kind == "constant":
            return np.asarray(place.value)
        return self.memory(place).view(place.type.dtype).reshape(place.type.shape)

    def memory(self, place: Place) -> np.ndarray:
        """The bytes of a local place."""
        assert 0 <= place.offset <= self.arena.size - place.bytes
        return self.arena[place.offset : place.offset + place.bytes]

    def run(self, steps: Sequence[Step]) -> None:
        """Run steps one after another."""
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """Run one step."""
        match step:
            case Run():
                self.kernel(step)
            case Copy():
                self.array(step.target)[...] = self.array(step.source).reshape(step.target.type.shape)
            case Evaluate():
                found = step.node.operation.reference(*map(self.array, step.operands), **step.node.parameters)
                self.fill(step.results, found if isinstance(step.node.type, tuple) else (found,))
            case Call():
                self.fill(step.results, (CALLS[step.name](self.array(step.operands[0]), *step.numbers),))
            case Branch():
                self.run(step.then if self.array(step.predicate) else step.otherwise)
            case Repeat():
                for k in reversed(range(step.length)) if step.reverse else range(step.length):
                    self.counters[step.counter] = k
                    self.run(step.body)
            case While():
                done = 0
                while step.steps is None or done < step.steps:
                    self.run(step.condition)
                    if not self.array(step.predicate):
                        break
                    self.run(step.body)
                    done += 1

    def fill(self, places: Sequence[Place], found: Sequence[Any]) -> None:
        """Copy what was computed to its places."""
        for place, value in zip(places, [np.array(one) for one in found], strict=True):
            self.array(place)[...] = value.reshape(place.type.shape)

    def kernel(self, step: Run) -> None:
        """Run a kernel on the memory of its places, element by element."""
        buffers = step.kernel.buffers
        arrays = {
            buffer: self.array(place).reshape(buffer.shape) for buffer, place in zip(buffers, step.places, strict=True)
        }
        memory = AtOnce(step.kernel, {one: array for one, array in arrays.items() if one.role == "input"})
        memory.arrays.update(arrays)
        for one, place in zip(buffers, step.places, strict=True):
            if place is self.fault_place:
                memory.written[one][...] = True
        memory.run(step.kernel.body)


class AtOnce(Memory):
    """Memory in which stores that stand side by side happen at once, as machine code has them: each value is computed
    before any is stored. So a result may be where an operand was that another store still reads."""

    def run(self, body: Iterable[Statement]) -> None:
        """Run statements one after another."""
        body = tuple(body)
        if not all(isinstance(one, Store) for one in body):
            super().run(body)
            return
        for one, values in [(one, self.evaluate(one)) for one in body]:
            place = self.place(one.buffer, values[:-1], reads=False)  # type: ignore[attr-defined]
            self.arrays[one.buffer][place] = values[-1]  # type: ignore[attr-defined]
            self.written[one.buffer][place] = True  # type: ignore[attr-defined]


def _rubbish(place: Place) -> np.ndarray:
    return np.full(place.bytes, RUBBISH, np.uint8).view(place.type.dtype).reshape(place.type.shape)
