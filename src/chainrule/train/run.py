"""What a training run gives back."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.record import record

FINISHED, STOPPED_EARLY, INTERRUPTED, DIVERGED = "finished", "stopped early", "interrupted", "diverged"


@record
class Run:
    """The result of `fit`.

    `params` are the trained parameters: the last ones, or with `patience` those of the best validation loss. `history`
    has one entry an epoch: `epoch` (from 1), `loss` (the mean over the epoch's examples, as they were trained on) and,
    with validation data, `validation_loss`. `losses` has the loss of every step. `state` is the whole state of the
    run, a pytree of arrays. `status` says how it ended: "finished", "stopped early", "interrupted" (by Ctrl-C) or
    "diverged" (in the run of a `DivergenceError`, and of `fit_many`). `score` is what runs are compared by, lower being
    better: the validation loss of `params`, or without validation data the loss of the last epoch; NaN where there is
    none.

    >>> import chainrule as cr
    >>> run = cr.fit(lambda p, x: np.mean((p - x) ** 2), 0.0, np.ones(4), optimizer=cr.optim.adam(), steps=3)
    >>> run.status, run.steps, run.epochs
    ('finished', 3, 3)
    """

    params: Any
    history: dict[str, np.ndarray]
    losses: np.ndarray
    state: Any
    status: str
    seconds: float
    score: float = float("nan")

    @property
    def steps(self) -> int:
        """How many steps were done."""
        return len(self.losses)

    @property
    def epochs(self) -> int:
        """How many whole epochs were done."""
        return len(self.history["epoch"])

    def __repr__(self) -> str:
        last = f", last loss {self.losses[-1]:.6g}" if self.steps else ""
        return f"<run {self.status}: {self.steps} steps, {self.epochs} epochs in {self.seconds:.2f} s{last}>"
