"""The row `many`: 64 seeds of `small`, each with parameters and an order of its own, as one run."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import chainrule as cr
from bench.agreement import check_agreement
from bench.report import Result, row_result
from bench.systems.chainrule_runs import ChainruleRun, make_optimizer, rows_of
from bench.systems.jax_compiled import JaxScan, first_state
from bench.tasks import TASKS, Target, Task
from bench.timing import Effort, interleave
from bench.training import CHECKED_STEPS

MODELS = 64


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


class JaxMany(JaxScan):
    """`jit` of `scan` of `vmap` of a step."""

    name = "jax vmap"
    models = MODELS

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.step = jax.vmap(self.step, in_axes=(0, None, None, 0))

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of steps on rows of shape (models, steps, batch): shape (models, steps)."""
        return super().losses(order.swapaxes(0, 1)).T

    def first_state(self):
        """The first states of all models, stacked."""
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(first_state(self.task, n) for n in range(MODELS)))

    def order(self, steps: int) -> np.ndarray:
        """Rows of shape (steps, models, batch)."""
        return np.stack([self.task.order(steps, seed) for seed in range(MODELS)], axis=1)


def train_many(quick: bool) -> Result:
    """Check and time both."""
    task = TASKS["small"]
    ours, peer = ChainruleMany(task), JaxMany(task)
    order, losses = ours.first(CHECKED_STEPS)
    others = peer.losses(order)
    difference = max(check_agreement({ours.name: losses[model], peer.name: others[model]}) for model in range(MODELS))
    times = interleave([ours, peer], Effort.of(quick))
    notes = [f"Losses of {CHECKED_STEPS} steps of all {MODELS} models agree to {difference:.1e}."]
    title = f"many: {MODELS} seeds of small, a step and model"
    return row_result("many", title, times, target=Target(0.25, (peer.name,)), notes=notes)
