"""One step of a run, from state to state: ordinary NumPy on traced values, so that a run is a `scan` over it.

The state is a pytree of arrays and holds all that the run needs to go on: the parameters, the optimiser's state, the
count of steps, the order of the rows in this epoch, the best parameters so far, and whether the run is still going.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import random
from chainrule.functions import cond
from chainrule.optim import Optimizer
from chainrule.pytree import tree_map
from chainrule.record import record
from chainrule.train.data import Arrays, Schedule
from chainrule.train.gradient import Variants

GOING, STOPPED, NOT_FINITE, UNDECIDED, UNVALIDATED = 0, 1, 2, 3, 4
Own = dict[str, Any]
"""What a model has for itself besides its state: the `key` that orders its examples; where models share the data, the
`rows` it trains on and those `held` back; the `numbers` of its optimiser where those of others differ."""


@record
class Stepper:
    """What the steps of a run have in common."""

    gradients: dict[int, Variants]
    score: Variants
    optimizer: Callable[[Own], Optimizer]
    schedule: Schedule
    shuffle: bool
    patience: int | None

    def first_state(self, params: Any, own: Own, validated: bool) -> dict[str, Any]:
        """The state before the first step."""
        state = {
            "params": params,
            "optimizer": self.optimizer(own).init(params),
            "step": np.int64(0),
            "status": np.int64(GOING),
        }
        if self._ordered:
            state["order"] = np.arange(self.schedule.rows)
        if validated:
            state["best"] = {"loss": np.float64(np.inf), "params": params, "epochs_since": np.int64(0)}
        return state

    def trace(self, state: dict[str, Any], own: Own, data: Arrays, validation: Arrays | None) -> None:
        """Trace the loss on examples of each size that a step takes, and on the validation data."""
        for rows, gradient in self.gradients.items():
            first = own["rows"][:rows] if "rows" in own else np.arange(rows)
            gradient.trace(state["params"], _rows(data, first))
        if "best" in state:
            self.score.trace(state["params"], self.held(own, data, validation))

    @property
    def _ordered(self) -> bool:
        return self.shuffle and not self.schedule.whole

    def step(
        self, state: dict[str, Any], own: Own, until: Any, data: Arrays, validation: Arrays | None
    ) -> tuple[dict[str, Any], Any]:
        """The next state, and (loss, validation loss) of this step; NaN where there is none.

        A state that has done `until` steps, or is not going, stays as it is.
        """
        nothing = np.float64(np.nan), np.float64(np.nan)
        return cond(
            self.goes_on(state, until), lambda: self._go(state, own, data, validation), lambda: (state, nothing)
        )

    def goes_on(self, state: dict[str, Any], until: Any) -> Any:
        """Whether a state has a step to do."""
        return (state["status"] == GOING) & (state["step"] < until)

    def _go(
        self, state: dict[str, Any], own: Own, data: Arrays, validation: Arrays | None
    ) -> tuple[dict[str, Any], Any]:
        position = state["step"] % self.schedule.per_epoch
        ordered = {**state, **self._order(state, own, position)}
        decided, (value, gradient) = self._gradient(ordered, own, position, data)
        status = np.where(decided, np.where(np.isfinite(value), GOING, NOT_FINITE), UNDECIDED)

        def advance() -> tuple[dict[str, Any], Any]:
            params, optimizer = self.optimizer(own).update(gradient, state["optimizer"], state["params"])
            moved = {**ordered, "params": params, "optimizer": optimizer, "step": state["step"] + 1}
            if "best" not in state:
                return moved, (value, np.float64(np.nan))
            ended = position == self.schedule.per_epoch - 1
            unscored = moved, np.float64(np.nan)
            after, score = cond(ended, lambda: self.validate(moved, own, data, validation), lambda: unscored)
            return after, (value, score)

        stay = {**ordered, "status": status}, (value, np.float64(np.nan))  # the order may have been drawn in place
        return cond(status == GOING, advance, lambda: stay)

    def _order(self, state: dict[str, Any], own: Own, position: Any) -> dict[str, Any]:
        """The order of the rows: drawn anew at the start of each epoch, from the seed and the epoch's number alone."""
        if not self._ordered:
            return {}
        epoch = state["step"] // self.schedule.per_epoch

        def draw() -> Any:
            return random.permutation(random.fold_in(own["key"], epoch), self.schedule.rows).astype(np.int64)

        return {"order": cond(position == 0, draw, lambda: state["order"])}

    def _gradient(self, state: dict[str, Any], own: Own, position: Any, data: Arrays) -> tuple[Any, Any]:
        plan, params = self.schedule, state["params"]

        def on(rows: int) -> tuple[Any, Any]:
            nothing = np.float64(np.nan), tree_map(np.zeros_like, params)
            return self.gradients[rows](params, self._batch(state, own, position, data, rows), nothing)

        if plan.last == plan.batch:
            return on(plan.batch)
        return cond(position == plan.per_epoch - 1, lambda: on(plan.last), lambda: on(plan.batch))

    def batch(self, state: dict[str, Any], own: Own, data: Arrays) -> tuple[int, tuple[Any, ...]]:
        """(how many, the examples): what the next step after a state of numbers trains on."""
        rows, position = int(self.schedule.sizes(int(state["step"]), 1)[0]), state["step"] % self.schedule.per_epoch
        return rows, self._batch({**state, **self._order(state, own, position)}, own, position, data, rows)

    def _batch(self, state: dict[str, Any], own: Own, position: Any, data: Arrays, rows: int) -> tuple[Any, ...]:
        if self.schedule.whole:
            return _rows(data, own["rows"]) if "rows" in own else data
        index = position * self.schedule.batch + np.arange(rows)
        if self._ordered:
            index = state["order"][index]
        return _rows(data, own["rows"][index] if "rows" in own else index)

    def held(self, own: Own, data: Arrays, validation: Arrays | None) -> Arrays:
        """What a model is validated on."""
        return validation if validation is not None else _rows(data, own["held"])

    def validate(
        self, state: dict[str, Any], own: Own, data: Arrays, validation: Arrays | None
    ) -> tuple[dict[str, Any], Any]:
        """The state after an epoch's validation, and its loss."""
        decided, score = self.score(state["params"], self.held(own, data, validation), np.float64(np.nan))
        best = state["best"]
        better = {"loss": score, "params": state["params"], "epochs_since": np.int64(0)}
        best = cond(score < best["loss"], lambda: better, lambda: {**best, "epochs_since": best["epochs_since"] + 1})
        stop = best["epochs_since"] >= (self.patience if self.patience is not None else np.iinfo(np.int64).max)
        after = {**state, "best": best, "status": np.where(stop, STOPPED, state["status"])}
        return cond(decided, lambda: (after, score), lambda: ({**state, "status": np.int64(UNVALIDATED)}, score))


def _rows(data: Sequence[Any], index: Any) -> tuple[Any, ...]:
    return tuple(np.take(array, index, axis=0) for array in data)
