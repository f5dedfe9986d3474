"""The driver of a run, of one model or of many: slice after slice, until all have ended or Ctrl-C comes."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from chainrule.pytree import flatten, tree_map
from chainrule.train.diverged import Failure, find_failure
from chainrule.train.interrupt import Interrupt
from chainrule.train.progress import Progress, Report, reporting
from chainrule.train.run import DIVERGED, FINISHED, INTERRUPTED, STOPPED_EARLY, Run
from chainrule.train.slices import Slices, allocate
from chainrule.train.step import GOING, NOT_FINITE, STOPPED, UNDECIDED, UNVALIDATED

SECONDS_A_SLICE = 0.05
MOST_GROWTH = 4
"""How many times longer than the one before a slice may be: times of short slices say little."""


class Driver:
    """Runs the slices of a run one after another, and answers when a model stops.

    What the run has reached is `state`, always at a whole step of each model, and the losses before that step. It goes
    on by one assignment, so that wherever Ctrl-C strikes there is a whole step to return: the slice that it strikes, of
    about 50 ms, is forgotten. The state of many models is stacked along a first axis; all of one has no such axis.
    """

    def __init__(self, slices: Slices, state: Any) -> None:
        self.slices, self.stepper, self.state = slices, slices.stepper, state
        self.schedule = self.stepper.schedule
        self.own, self.data, self.validation = slices.inputs
        self.models = np.size(state["step"])
        epochs = self.schedule.total // self.schedule.per_epoch if "best" in state else 0
        self.losses = allocate("the losses of all steps", (self.models, self.schedule.total))
        self.scores = allocate("the validation losses of all epochs", (self.models, epochs))
        self.failures: dict[int, Failure] = {}
        self.count = 1  # the steps of the next slice; the time that they take decides on those of the one after

    # ------------------------------------------------------------------------------------------------ the loop

    def run(self, progress: bool | Report | None) -> list[Run]:
        """Run until every model has ended: the run of each."""
        began = reported = time.perf_counter()
        with Interrupt() as interrupt, reporting(progress) as report:
            try:
                interrupt.raising = True
                self.stepper.trace(self.model(0), self.own_of(0), self.data, self.validation)
                while not interrupt.presses and self._going().any():
                    self._advance()
                    now = time.perf_counter()
                    due = now - reported >= SECONDS_A_SLICE or not self._going().any()
                    if due and not interrupt.presses:
                        reported = now
                        report(self._progress())
            except KeyboardInterrupt:
                if interrupt.presses > 1:
                    raise
            interrupt.raising = False
            return self._finish(time.perf_counter() - began)

    def _going(self) -> np.ndarray:
        """Which models have steps to do."""
        return (_each(self.state["status"]) == GOING) & (_each(self.state["step"]) < self.schedule.total)

    def _advance(self) -> None:
        """One slice more. Where Python decides otherwise than before, the loss is traced anew."""
        before, began = _each(self.state["step"]), time.perf_counter()
        count = min(self.count, self.slices.length)
        until = np.minimum(before[self._going()].min() + count, self.schedule.total)
        after, losses, scores = self._slice(np.full(self.models, until))
        taken = time.perf_counter() - began
        for k in np.flatnonzero(~self._finite(after)):
            after = self._last_finite(int(k), after, losses)
        status, done = _each(after["status"]), _each(after["step"])
        if UNVALIDATED in status:  # its step is not whole, so this slice does not count: it is run again
            self._trace_validation(after, int(np.argmax(status == UNVALIDATED)))
            return
        for k in range(self.models):
            self._note(k, int(before[k]), losses[k, : done[k] - before[k]], scores[k, : done[k] - before[k]])
        if UNDECIDED in status:
            self._trace_decision(after, int(np.argmax(status == UNDECIDED)))
            after = {**after, "status": np.where(after["status"] == UNDECIDED, GOING, after["status"])}
        self.state = after  # the only place where a run moves
        self.count = max(1, min(int(count * SECONDS_A_SLICE / max(taken, 1e-9)), MOST_GROWTH * count))

    def _slice(self, until: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray]:
        """(state, losses, validation losses) of the slice from `state` to these steps, the losses a row a model."""
        shape = np.shape(self.state["step"])
        after, losses, scores = self.slices.run(self.state, until.astype(np.int64).reshape(shape))
        return after, losses.reshape(self.models, -1), scores.reshape(self.models, -1)

    def _note(self, k: int, before: int, losses: np.ndarray, scores: np.ndarray) -> None:
        """Write down the losses of a slice, which count once the state has moved."""
        self.losses[k, before : before + len(losses)] = losses
        if self.scores.size:
            length = self.schedule.per_epoch
            first = before // length
            ended = scores[(first + 1) * length - 1 - before :: length]
            self.scores[k, first : first + len(ended)] = ended

    # ------------------------------------------------------------------------------------------------ one model

    def model(self, k: int, state: Any = None) -> Any:
        """The state of one model."""
        state = self.state if state is None else state
        return one_of(state, k) if self.slices.many else state

    def own_of(self, k: int) -> Any:
        """What a model has for itself."""
        return one_of(self.own, k) if self.slices.many else self.own

    def _with(self, state: Any, k: int, model: Any) -> Any:
        """A state of all models with that of one replaced."""
        if not self.slices.many:
            return model
        chosen = np.arange(self.models) == k
        return tree_map(
            lambda leaf, one: np.where(chosen.reshape(-1, *(1,) * (leaf.ndim - 1)), one, leaf), state, model
        )

    # ------------------------------------------------------------------------------------------------ decisions

    def _trace_decision(self, state: Any, k: int) -> None:
        """Trace the loss on the batch that no variant fits."""
        one, own = self.model(k, state), self.own_of(k)
        rows, batch = self.stepper.batch(one, own, self.data)
        self.stepper.gradients[rows].trace(one["params"], batch)
        self.slices.forget()

    def _trace_validation(self, state: Any, k: int) -> None:
        """Trace the loss on the validation data where no variant fits the new parameters."""
        held = self.stepper.held(self.own_of(k), self.data, self.validation)
        self.stepper.score.trace(self.model(k, state)["params"], held)
        self.slices.forget()

    # ------------------------------------------------------------------------------------------------ infinities

    def _finite(self, state: Any) -> np.ndarray:
        """Which models have finite parameters and go on, or ended well. Those that failed before count as well."""
        leaves = [np.asarray(leaf) for leaf in flatten(state["params"])[0]]
        finite = np.all([np.isfinite(leaf).reshape(self.models, -1).all(axis=1) for leaf in leaves], axis=0)
        failed = _each(state["status"]) == NOT_FINITE
        return (_each(self.state["status"]) == NOT_FINITE) | (finite & ~failed)

    def _last_finite(self, k: int, after: Any, losses: np.ndarray) -> Any:
        """The state with a model that failed in this slice put back to its last finite step, and why it failed.

        A loss that is not finite stops a model by itself. Parameters may be without the loss showing it at once: then
        the slice is run again, to half of its steps and so on, until the step is found.
        """
        before = _each(self.state["step"])
        low, high = 0, int(_each(after["step"])[k] - before[k])

        def state_after(count: int) -> Any:
            return self._slice(np.where(np.arange(self.models) == k, before + count, before))[0]

        end = self.model(k, after)
        if high == 0 or all(np.isfinite(leaf).all() for leaf in flatten(end["params"])[0]):
            found, loss = end, losses[k, high]
        else:
            found, loss = self.model(k), 0.0
            while high - low > 1:
                middle = (low + high) // 2
                tried = self.model(k, state_after(middle))
                if all(np.isfinite(leaf).all() for leaf in flatten(tried["params"])[0]):
                    low, found = middle, tried
                else:
                    high, end = middle, tried
        self.failures[k] = find_failure(self.stepper, found, self.own_of(k), self.data, float(loss), end["params"])
        return self._with(after, k, {**found, "status": np.int64(NOT_FINITE)})

    # ------------------------------------------------------------------------------------------------ what is told

    def _progress(self) -> Progress:
        """Where the run stands: of many models the sum of the steps, the epochs of the last, the losses of the best."""
        steps, length = _each(self.state["step"]), self.schedule.per_epoch
        last = [self.losses[k, step - 1] for k, step in enumerate(steps) if step]
        scores = [
            self.scores[k, step // length - 1] for k, step in enumerate(steps) if self.scores.size and step >= length
        ]
        scores = [score for score in scores if not np.isnan(score)]
        return Progress(
            int(steps.sum()),
            self.schedule.total * self.models,
            int(steps.min()) // length,
            float(min(last, default=np.nan)),
            float(min(scores)) if scores else None,
        )

    def _finish(self, seconds: float) -> list[Run]:
        return [self._run(k, seconds) for k in range(self.models)]

    def _run(self, k: int, seconds: float) -> Run:
        plan, state = self.schedule, self.model(k)
        steps = int(state["step"])
        losses = self.losses[k, :steps]
        if steps < plan.total // 2:
            losses = losses.copy()  # so that the memory of those that were not done can go
        whole = steps // plan.per_epoch
        rows = (whole, plan.per_epoch)
        means = losses[: math.prod(rows)].reshape(rows)
        sums = means[:, :-1].sum(axis=1) * plan.batch + means[:, -1] * plan.last
        history = {"epoch": np.arange(1, whole + 1), "loss": sums / plan.rows}
        if "best" in state:
            history["validation_loss"] = self.scores[k, :whole]
        endings = {STOPPED: STOPPED_EARLY, NOT_FINITE: DIVERGED}
        status = endings.get(int(state["status"]), FINISHED if steps == plan.total else INTERRUPTED)
        scores = history.get("validation_loss", history["loss"])
        score = float(scores[-1]) if whole else float("nan")
        params = state["params"]
        if self.stepper.patience is not None and np.isfinite(state["best"]["loss"]):
            params, score = state["best"]["params"], float(state["best"]["loss"])
        return Run(tree_map(np.array, params), history, losses, state, status, seconds, score)


def one_of(stacked: Any, k: int) -> Any:
    """The part of one model in a tree of arrays that are stacked along their first axis."""
    return tree_map(lambda leaf: leaf[k], stacked)


def _each(value: Any) -> np.ndarray:
    """A number of each model, as an array."""
    return np.reshape(value, -1)
