"""What each system can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from time import perf_counter

import numpy as np

from bench.tasks import Task


class System(ABC):
    """A library and a way to use it, set to train one task from that task's first parameters."""

    name: str
    models = 1

    def __init__(self, task: Task) -> None:
        self.task = task

    @abstractmethod
    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of the first steps on batches of these rows, shape (steps, batch), each before its update."""

    @abstractmethod
    def measure(self, steps: int) -> tuple[int, float]:
        """Train at least so many steps from the start: (steps measured, seconds), without compilation."""


class Peer(System):
    """A system whose training can be prepared and then run: `prepare` is not timed, what it returns is."""

    def measure(self, steps: int) -> tuple[int, float]:
        """Time the steps alone; the order of the rows is given."""
        run = self.prepare(self.order(steps))
        began = perf_counter()
        run()
        return steps, perf_counter() - began

    def order(self, steps: int) -> np.ndarray:
        """The rows of so many steps."""
        return self.task.order(steps)

    @abstractmethod
    def prepare(self, order: np.ndarray):
        """A function that trains from the first parameters on these rows and returns when all is computed."""
