"""chainrule: `fit` as a user calls it, shuffling included."""

from __future__ import annotations

import hashlib
from time import perf_counter
from typing import Any

import numpy as np

import chainrule as cr
from bench.systems.system import System
from bench.tasks import ADAM, LENET_PADDING, MODELS, RELU, Task
from chainrule.train.slices import STRETCH


class ChainruleRun(System):
    """`chainrule.fit` of ordinary NumPy code."""

    name = "chainrule"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.loss = make_loss(task)

    def fit(self, steps: int) -> cr.Run:
        """A run from the task's first parameters."""
        task = self.task
        return cr.fit(
            self.loss,
            task.parameters(),
            task.data,
            optimizer=make_optimizer(task),
            batch_size=task.batch,
            steps=steps,
            progress=False,
        )

    def first(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of the first steps, within an epoch, as the run itself shuffled them, and their losses."""
        run = self.fit(steps)
        return rows_of(run.state, self.task, steps), run.losses

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of the first steps, which must be those of `first`."""
        rows, losses = self.first(len(order))
        if not np.array_equal(rows, order):
            raise ValueError("fit shuffles by itself, so it can be asked for the order that it chose alone")
        return losses

    def digest(self, steps: int) -> str:
        """Of the bits of the parameters after so many steps."""
        digest = hashlib.sha256()
        for pair in self.fit(steps).params:
            for array in pair:
                digest.update(array.tobytes())
        return digest.hexdigest()

    def measure(self, steps: int) -> tuple[int, float]:
        """The difference between a run of m + n epochs and a run of m: import, trace and compilation drop out.

        That is so where both are traced alike. Runs of more steps than a stretch have a loop more, which takes 10 ms to
        trace, so where the longer run has it, m is so many epochs that the shorter one has it too. Else it is 1.
        """
        epoch = self.task.per_epoch
        epochs = max(1, round(steps / epoch))
        before = 1 if (1 + epochs) * epoch <= STRETCH else STRETCH // epoch + 1
        short = self._seconds(before * epoch)
        return epochs * epoch, self._seconds((before + epochs) * epoch) - short

    def _seconds(self, steps: int) -> float:
        began = perf_counter()
        self.fit(steps)
        return perf_counter() - began


class ChainruleMany(ChainruleRun):
    """`chainrule.fit_many`."""

    models = MODELS

    def fit(self, steps: int) -> cr.Runs:
        """The runs of all seeds."""
        task = self.task
        return cr.fit_many(
            self.loss,
            [task.parameters(seed) for seed in range(MODELS)],
            task.data,
            optimizer=make_optimizer(task),
            seeds=list(range(MODELS)),
            batch_size=task.batch,
            steps=steps,
            progress=False,
        )

    def first(self, steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of each model's first steps, shape (models, steps, batch), and their losses, (models, steps)."""
        runs = self.fit(steps)
        return np.stack([rows_of(run.state, self.task, steps) for run in runs]), np.stack([run.losses for run in runs])


def rows_of(state: Any, task: Task, steps: int) -> np.ndarray:
    """The rows of the first steps of the epoch that a run's state is in, shape (steps, batch)."""
    order = state["order"] if "order" in state else np.arange(task.rows)
    return np.asarray(order, np.int32)[: steps * task.batch].reshape(steps, task.batch)


def make_optimizer(task: Task) -> cr.optim.Optimizer:
    """The task's descent rule."""
    return cr.optim.adam(task.step) if task.update == ADAM else cr.optim.gradient_descent(task.step)


def make_loss(task: Task) -> Any:
    """Cross-entropy, or half the mean of the squared errors, of the task's layers."""
    last = len(task.shapes) - 1

    def forward(params: Any, x: Any) -> Any:
        paddings = iter(LENET_PADDING)
        for number, (weight, bias) in enumerate(params):
            if weight.ndim == 4:
                x = cr.nn.convolve(x, weight, padding=next(paddings)) + bias[:, None, None]
                x = cr.nn.max_pool(np.maximum(x, 0), 2)
            else:
                x = x.reshape(len(x), -1) @ weight + bias
                if number < last:
                    x = np.maximum(x, 0) if task.activation == RELU else np.tanh(x)
        return x

    if task.classes:
        return lambda params, x, y: cr.nn.cross_entropy(forward(params, x), y)
    return lambda params, x, y: np.mean((forward(params, x) - y) ** 2) / 2
