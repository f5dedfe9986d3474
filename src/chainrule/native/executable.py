"""A graph as machine code: `Executable` has the face of the evaluator's `Program`."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.evaluate import Program, place_error
from chainrule.graph import Graph
from chainrule.lower import lower
from chainrule.lower.program import Place
from chainrule.native.barrier import BARRIER_BYTES
from chainrule.native.calls import scratch_bytes
from chainrule.native.engine import compile_ir
from chainrule.native.host import vector_bytes
from chainrule.native.routine import FAILED, FAULT, STATE_BYTES, emit_program, evaluated
from chainrule.native.share import share
from chainrule.native.team import shared_team

ALIGNMENT = 64
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p))
HOLD_GIL_BELOW = 10_000.0  # nanoseconds


class Executable:
    """A compiled graph. `run` takes arrays of the inputs' types and gives new arrays for the outputs."""

    is_machine_code = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        program = lower(graph, scratch_bytes)
        width = vector_bytes()
        shares = share(program, width)
        self.threaded = shares.threaded
        self.inputs = [(place.type.shape, place.type.dtype) for place in program.inputs]
        self.outputs = [(place.type.shape, place.type.dtype) for place in program.outputs]
        self.constants = [_ready(place.value, place.type.dtype) for place in program.constants]
        self.evaluations = evaluated(program)
        compiled = compile_ir(str(emit_program(program, shares, width)), level=2)
        short = shares.nanoseconds < HOLD_GIL_BELOW and not self.evaluations
        self.function = compiled.function("run", None, 3, hold_gil=short)
        self.address = compiled.address("run")
        self.callback = _CALLBACK(self._call_back)
        self.errors: dict[int, BaseException] = {}
        self.reference: Program | None = None
        self.memory_bytes = STATE_BYTES + program.arena + 2 * ALIGNMENT
        self.free: list[np.ndarray] = []

    def run(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The outputs for these values of the inputs."""
        arrays = [_ready(value, dtype) for value, (_, dtype) in zip(values, self.inputs, strict=True)]
        results = [_aligned(shape, dtype) for shape, dtype in self.outputs]
        try:
            memory = self.free.pop()
        except IndexError:
            memory = np.empty(self.memory_bytes, np.uint8)
        start = -(-memory.ctypes.data // BARRIER_BYTES) * BARRIER_BYTES
        state = memory[start - memory.ctypes.data :][:STATE_BYTES]
        state[:] = 0
        addresses = [array.ctypes.data for array in (*arrays, *results, *self.constants)]
        addresses += [start, start + STATE_BYTES, ctypes.cast(self.callback, ctypes.c_void_p).value or 0]
        table = (ctypes.c_void_p * len(addresses))(*addresses)
        if self.threaded:
            team = shared_team()
            team.run(self.address, ctypes.addressof(table), team.limit)
        else:
            self.function(ctypes.addressof(table), 0, 1)
        fault, failed = state[FAULT], state[FAILED]
        self.free.append(memory)
        if failed:
            raise self.errors.pop(start)
        return self._by_reference(values) if fault else results

    def _by_reference(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The outputs from the evaluator, which says what is wrong with an operand."""
        if self.reference is None:
            self.reference = Program(self.graph)
        return [np.asarray(result) for result in self.reference.run(values)]

    def _call_back(self, state: int, number: int, table: Any) -> int:
        """Run the reference of an operation on the memory of a run."""
        try:
            step = self.evaluations[number]
            places = [*step.operands, *step.results]
            arrays = [_view(table[k], place) for k, place in enumerate(places)]
            operands, targets = arrays[: len(step.operands)], arrays[len(step.operands) :]
            with np.errstate(all="ignore"):
                found = step.node.operation.reference(*operands, **step.node.parameters)
            results = found if isinstance(step.node.type, tuple) else (found,)
            copies = [np.array(result) for result in results]
            for target, result in zip(targets, copies, strict=True):
                target[...] = result
        except BaseException as error:
            place_error(error, self.evaluations[number].node)
            self.errors[state] = error
            return 1
        return 0


def _view(address: int | None, place: Place) -> np.ndarray:
    """The memory of a place as an array."""
    if not place.bytes:
        return np.empty(place.type.shape, place.type.dtype)
    memory = (ctypes.c_char * place.bytes).from_address(address or 0)
    return np.frombuffer(memory, place.type.dtype).reshape(place.type.shape)


def _ready(value: Any, dtype: np.dtype) -> np.ndarray:
    """The value as an array that machine code can read: in order, aligned, in the machine's byte order."""
    array = np.asarray(value, dtype)
    ready = array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
    return array if ready else np.array(array, dtype, order="C")


def _aligned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A new array; a large one begins with a cache line, so that no vector crosses two."""
    array = np.empty(shape, dtype)
    if array.nbytes < 1024 or not array.ctypes.data % ALIGNMENT:
        return array
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + array.nbytes].view(dtype).reshape(shape)
