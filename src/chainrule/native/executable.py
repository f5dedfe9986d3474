"""A graph as machine code: `Executable` has the face of the evaluator's `Program`."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.evaluate import Program, place_error
from chainrule.graph import Graph
from chainrule.native.build import build, is_steady, ready
from chainrule.native.contention import Contention
from chainrule.native.entry import Plan, make_entry
from chainrule.native.state import BARRIER_BYTES, FAILED, FAULT, REFUSED, STATE_BYTES
from chainrule.native.team import shared_team
from chainrule.native.trials import Trials, trials_of
from chainrule.native.workspace import Workspace, allocate_result
from chainrule.types import ArrayType, size_of

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_void_p))
_MOST_FREE, _LARGE_BYTES = 8, 1 << 20


class Executable:
    """A compiled graph. `run` takes arrays of the inputs' types and gives new arrays for the outputs."""

    is_machine_code = True

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        # NumPy's own objects for dtypes, which its arrays have, and which others only equal
        self.inputs = [(node.shape, np.dtype(node.dtype.type)) for node in graph.inputs]
        self.outputs = [(node.shape, np.dtype(node.dtype.type)) for node in graph.outputs]
        built = build(graph)
        self.threaded, self.short = built.threaded, built.short
        self.arena, self.scratch = built.arena, built.scratch
        self.constants, self.evaluations = built.constants, built.evaluations
        self.function = built.code.function("run", None, 3, hold_gil=self.short)
        self.address = built.code.address("run")
        self.callback = _CALLBACK(self._call_back)
        self.errors: dict[int, BaseException] = {}
        self.reference: Program | None = None
        self.free: list[Workspace] = []
        self.contention, self.cold = Contention(), True
        self.trials = trials_of(hash(built.identity)) if built.identity else Trials()
        self.work = 1.0 if self.threaded and is_steady(graph) else 0.0

    def run(self, values: Sequence[Any], work: float | None = None) -> list[np.ndarray]:
        """The outputs for these values of the inputs.

        `work` says how much there is to do, where that follows from the values: runs are compared by their time for it.

        Raises:
            AllocationError: there is no memory for the results or for the run; nothing has been computed then.
        """
        arrays = [ready(value, dtype) for value, (_, dtype) in zip(values, self.inputs, strict=True)]
        results = [allocate_result(shape, dtype) for shape, dtype in self.outputs]
        workspace = self.take()
        workspace.table[: len(arrays) + len(results)] = [array.ctypes.data for array in (*arrays, *results)]
        refused = self._start(workspace, self.work if work is None else work)
        return self._by_reference(values) if refused else results

    # ------------------------------------------------------------------------------------------ entered by arrays

    allocate = staticmethod(allocate_result)

    def entry(self, kinds: Sequence[type], holds: int | None = None) -> Callable[..., bool] | None:
        """A function of the inputs, of arrays for the outputs and of a workspace's memory: are they as expected?

        `kinds` are the types of the inputs: `np.ndarray`, or numbers that are objects by themselves. Where the program
        is short, the function also runs it, and answers whether the run counts: no operand was refused, and the output
        of number `holds`, if there is one, is true. For other programs the function is to be given to `run_entered`.
        None where this interpreter has no such functions.
        """
        inputs = [(kind, *one) for kind, one in zip(kinds, self.inputs, strict=True)]
        count = len(inputs)
        workspace = self.take()  # to learn where its state is
        self._give(workspace)
        plan = Plan(
            inputs,
            range(count, count + len(self.outputs)),
            self.address if self.short else 0,
            (workspace.state_at, BARRIER_BYTES, STATE_BYTES),
            -1 if holds is None else count + holds,
        )
        return make_entry(plan, self)

    def run_entered(self, entry: Callable[..., bool], *arrays: Any) -> bool:
        """Run a program that is not short on the inputs and the arrays for the outputs; whether the run counts."""
        workspace = self.take()
        if not entry(*arrays, workspace.memory):
            self._give(workspace)
            return False
        try:
            return not self._start(workspace, self.work)
        except Exception:  # what failed will fail again where it is looked at; an interrupt goes its way
            return False

    def take(self) -> Workspace:
        """Memory for a run, which no other uses."""
        scratch = self.scratch * (shared_team().limit if self.threaded else 1)
        try:
            workspace = self.free.pop()
        except IndexError:
            workspace = None
        if workspace is None or workspace.scratch < scratch:  # the limit on threads was raised
            address = ctypes.cast(self.callback, ctypes.c_void_p).value or 0
            callers = len(self.inputs) + len(self.outputs)
            workspace = Workspace(callers, self.constants, address, self.arena, scratch)
        return workspace

    def _give(self, workspace: Workspace) -> None:
        if len(self.free) < (_MOST_FREE if len(workspace.memory) < _LARGE_BYTES else 1):
            self.free.append(workspace)

    def _start(self, workspace: Workspace, work: float) -> bool:
        """Run on a table that is filled; whether an operand was refused. Raises what a callback raised."""
        workspace.state[:] = 0
        state = workspace.state
        if self.threaded and shared_team().limit > 1:
            self._start_together(workspace, work)
        else:
            self.function(workspace.address, 0, 1)
        failed, refused = bool(state[FAILED]), bool(state[FAULT] or state[REFUSED])
        self._give(workspace)
        if failed:
            raise self.errors.pop(workspace.state_address)
        return refused

    def _start_together(self, workspace: Workspace, work: float) -> None:
        """Run in several threads, or in one where that is better, and learn which it is. No work is work unknown."""
        team = shared_team()
        most = team.limit if not self.scratch else min(team.limit, workspace.scratch // self.scratch)
        alone = self.contention.alone or self.trials.alone
        began, running = time.perf_counter(), time.process_time()
        threads = team.run(self.address, workspace.address, 1 if alone else most)
        elapsed, running = time.perf_counter() - began, time.process_time() - running
        if self.cold:  # it brought memory in, and threads may have been hired
            self.cold = False
        elif threads > 1 and self.contention.judge(elapsed, running, threads):
            self.trials.forget()
        elif alone or threads > 1:
            self.trials.note(alone, elapsed, work)

    def _by_reference(self, values: Sequence[Any]) -> list[np.ndarray]:
        """The outputs from the evaluator, which says what is wrong with an operand."""
        if self.reference is None:
            self.reference = Program(self.graph)
        return [np.array(result) for result in self.reference.run(values)]  # it may hand on its operands

    def _call_back(self, state: int, number: int, table: Any) -> int:
        """Run the reference of an operation on the memory of a run."""
        try:
            step = self.evaluations[number]
            node = step.node
            given = node.type if isinstance(node.type, tuple) else (node.type,)
            kinds = [*(operand.type for operand in node.operands), *given]
            arrays = [_view(table[k], kind) for k, kind in enumerate(kinds)]
            operands, targets = arrays[: len(step.operands)], arrays[len(step.operands) :]
            with np.errstate(all="ignore"):
                found = node.operation.reference(*operands, **node.parameters)
            results = found if isinstance(node.type, tuple) else (found,)
            copies = [np.array(result) for result in results]
            for target, result in zip(targets, copies, strict=True):
                target[...] = result
        except BaseException as error:
            place_error(error, self.evaluations[number].node)
            self.errors[state] = error
            return 1
        return 0


def _view(address: int | None, kind: ArrayType) -> np.ndarray:
    """Memory as an array of a type."""
    size = size_of(kind.shape) * kind.dtype.itemsize
    if not size:
        return np.empty(kind.shape, kind.dtype)
    memory: Any = (ctypes.c_char * size).from_address(address or 0)
    return np.frombuffer(memory, kind.dtype).reshape(kind.shape)
