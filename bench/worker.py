"""A system in a process of its own: `Worker` starts `python -m bench.worker` and calls the system's methods there.

The threads of a library that has just worked spin for a while before they sleep (PyTorch's for 0.1 s): in one process,
or too soon after it, the next system would run beside them. So a worker answers when its threads are at rest.

Requests and answers are pickled, over the worker's standard input and output.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, NoReturn

import numpy as np

LONGEST_REST = 0.5
_LOOK, _AT_REST = 0.01, 0.2  # seconds between two looks, and the part of them that a process at rest may run


class WorkerError(Exception):
    """A worker failed; this is what it wrote on its standard error."""


class Worker:
    """The system that `make(*arguments)` makes in a new process, which has these variables in its environment too.

    It is there when `ready` has returned.
    """

    name: str
    models: int

    def __init__(self, make: Callable[..., Any], *arguments: Any, **environment: str) -> None:
        self.rest = 0.0  # the longest time, in seconds, until its threads were at rest
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the worker)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, **environment},
        )
        self._send((make, arguments))

    def ready(self) -> None:
        """Wait until the system is made."""
        self.name, self.models = self._receive()

    def call(self, method: str, *arguments: Any) -> Any:
        """What a method of the system returns. Its threads are at rest again then.

        Raises:
            WorkerError: the method raised something, or the process ended.
        """
        self._send((method, arguments))
        return self._receive()

    def measure(self, steps: int) -> tuple[int, float]:
        """Train at least so many steps: (steps measured, seconds)."""
        return self.call("measure", steps)

    def first(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the first steps as the system chose them, and their losses."""
        return self.call("first", steps)

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of the first steps on these rows."""
        return self.call("losses", order)

    def close(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _send(self, request: Any) -> None:
        try:
            pickle.dump(request, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            self._fail()

    def _receive(self) -> Any:
        try:
            answer, rest = pickle.load(self._process.stdout)
        except EOFError:
            self._fail()
        self.rest = max(self.rest, rest)
        return answer

    def _fail(self) -> NoReturn:
        code = self._process.wait()
        self._errors.seek(0)
        text = self._errors.read().decode(errors="replace").strip()
        raise WorkerError(f"a worker ended with status {code}: {text[-2000:]}")


@contextmanager
def workers(made: Sequence[Worker]) -> Iterator[list[Worker]]:
    """Workers that were started together, when all are ready. They end with the block."""
    with ExitStack() as stack:
        for worker in made:
            stack.callback(worker.close)
        for worker in made:
            worker.ready()
        yield list(made)


def settle(
    running: Callable[[], float] = time.process_time,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> float:
    """Wait until all threads of this process are at rest, at most half a second; how long that was."""
    began = clock()
    while (looked := clock()) - began < LONGEST_REST:
        before = running()
        sleep(_LOOK)
        if running() - before < _AT_REST * (clock() - looked):
            return looked - began
    return LONGEST_REST


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Make a system and call its methods, as asked, until there are no more requests."""
    make, arguments = pickle.load(requests)
    system = make(*arguments)
    answer = system.name, system.models
    while True:
        pickle.dump((answer, settle()), answers)
        answers.flush()
        try:
            method, arguments = pickle.load(requests)
        except EOFError:
            return
        answer = getattr(system, method)(*arguments)


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)  # what a library prints is no answer
        serve(sys.stdin.buffer, out)
