"""What the training of many models as one run gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.errors import DivergenceError
from chainrule.record import record
from chainrule.train.run import DIVERGED, Run


@record
class Runs:
    """The result of `fit_many`: a sequence of the run of each model.

    `seeds` and `hyperparameters` are those of each model. `errors` has, by the number of the model, the error that
    `fit` raises where a model's loss or parameters became infinite or NaN; the status of such a run is "diverged".

    >>> import numpy as np, chainrule as cr
    >>> runs = cr.fit_many(lambda p, x: np.mean((p - x) ** 2), 0.0, np.ones(4), steps=9,
    ...     optimizer=cr.optim.gradient_descent, hyperparameters=[{"step": 0.1}, {"step": 0.4}])
    >>> runs.hyperparameters[runs.best], len(runs)
    ({'step': 0.4}, 2)
    """

    runs: tuple[Run, ...]
    seeds: tuple[int, ...]
    hyperparameters: tuple[dict[str, Any], ...]
    errors: dict[int, DivergenceError]

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, number: int) -> Run:
        return self.runs[number]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def best(self) -> int:
        """The number of the model with the lowest score (see `Run`) of those that did not diverge.

        Raises:
            DivergenceError: there is none.
        """
        scores = {k: run.score for k, run in enumerate(self.runs) if run.status != DIVERGED and np.isfinite(run.score)}
        if not scores:
            raise DivergenceError(
                "fit_many",
                expected="a model that stayed finite for an epoch",
                got=f"none of {len(self)}",
                remedy="Take smaller steps, scale the data, or train for longer; errors has what each model met.",
                run=self.runs[0],
            )
        return min(scores, key=scores.__getitem__)

    @property
    def history(self) -> dict[str, np.ndarray]:
        """The histories of all models below one another, as columns: `model` and those of each run's `history`."""
        numbers = np.repeat(np.arange(len(self)), [run.epochs for run in self.runs])
        names = self.runs[0].history
        return {"model": numbers, **{name: np.concatenate([run.history[name] for run in self]) for name in names}}

    def __repr__(self) -> str:
        counts = Counter(run.status for run in self.runs)
        return f"<{len(self)} runs: {', '.join(f'{count} {status}' for status, count in counts.items())}>"
