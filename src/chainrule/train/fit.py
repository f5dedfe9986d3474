"""`fit`: a whole training run as one graph, a `scan` of gradient and update, run in slices."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import random
from chainrule.errors import ArgumentError, DivergenceError
from chainrule.evaluate import Program
from chainrule.functions import jit, scan
from chainrule.graph import verify
from chainrule.optim import Optimizer
from chainrule.pytree import flatten, paths, tree_map, unflatten
from chainrule.simplify import simplify
from chainrule.trace import trace_function
from chainrule.train.data import Arrays, as_arrays, is_count, schedule, split_validation
from chainrule.train.gradient import value, value_and_gradient
from chainrule.train.progress import Progress, Report, reporting
from chainrule.train.run import FINISHED, INTERRUPTED, STOPPED_EARLY, Run
from chainrule.train.step import GOING, NOT_FINITE, STOPPED, UNDECIDED, UNVALIDATED, Stepper
from chainrule.types import is_floating

MOST_STEPS_IN_A_SLICE = 1000


def fit(
    loss: Callable[..., Any],
    params: Any,
    data: Any,
    *,
    optimizer: Optimizer,
    batch_size: int | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    validation: Any = None,
    patience: int | None = None,
    shuffle: bool = True,
    progress: bool | Report | None = None,
) -> Run:
    """Train parameters by descent on a loss.

    Args:
        loss: `loss(params, *batch)` gives one floating-point number; ordinary NumPy, in which Python may decide.
        params: a pytree of floating-point arrays, where the run starts.
        data: a tuple of arrays that share their first axis, the examples.
        optimizer: a descent rule, such as `chainrule.optim.adam(1e-3)`.
        batch_size: examples in a step; None takes all. The last step of an epoch takes the examples that are left.
        epochs, steps: how long: passes over the data, or steps. Give one.
        seed: decides the order of the examples (and the validation rows). The same seed gives the same bits.
        validation: what to evaluate the loss on after each epoch: a fraction of the rows, held back, or arrays.
        patience: stop after this many epochs without a better validation loss, and return the best parameters.
        shuffle: draw a new order of the examples for each epoch.
        progress: None shows a bar on a terminal, True always, False never; or a function that receives `Progress`.

    Returns:
        A `Run`. Ctrl-C ends it with the state reached.

    Raises:
        ShapeError, DtypeError, ArgumentError, DerivativeError: arguments that do not fit, before anything is computed.
        DivergenceError: the loss became infinite or NaN; `error.run` has the last finite state.

    Robbins and Monro, "A stochastic approximation method", 1951.

    >>> import numpy as np, chainrule as cr
    >>> x = np.linspace(-1, 1, 20)
    >>> line = lambda theta, x, y: np.mean((theta[0] * x + theta[1] - y) ** 2)
    >>> run = cr.fit(line, np.zeros(2), (x, 3 * x + 1), optimizer=cr.optim.gradient_descent(0.5), steps=60)
    >>> np.round(run.params, 4)
    array([3., 1.])
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            "fit",
            expected="an optimizer, which chainrule.optim makes",
            got=f"{type(optimizer).__name__} {getattr(optimizer, '__name__', '')!r}",
            remedy="Call a rule to make one, such as chainrule.optim.adam(1e-3).",
        )
    start = check_params(params)
    arrays, held = split_validation(as_arrays(data), validation, seed)
    if patience is not None and (held is None or not is_count(patience)):
        got = f"patience={patience!r} with validation={'None' if held is None else 'given'}"
        raise ArgumentError(
            "fit",
            expected="patience of at least 1, with validation data",
            got=got,
            remedy="Give both, for example patience=10 and validation=0.2.",
        )
    plan = schedule(len(arrays[0]), batch_size, epochs, steps)
    gradients = {rows: value_and_gradient(loss) for rows in (plan.batch, plan.last)}
    for rows, gradient in gradients.items():
        gradient.trace(start, [array[:rows] for array in arrays])
    score = value(loss)
    if held is not None:
        score.trace(start, held)
    stepper = Stepper(gradients, score, optimizer, plan, random.key(seed), shuffle, patience)
    return Driver(stepper, arrays, held).run(stepper.first_state(start, held is not None), progress)


def check_params(params: Any) -> Any:
    """A copy of the parameters as arrays, all floating-point."""
    leaves, structure = flatten(params)
    for leaf, name in zip(leaves, paths(structure, "params"), strict=True):
        if not isinstance(leaf, (float, np.ndarray, np.floating)) or not is_floating(np.asarray(leaf).dtype):
            kind = (
                f"{np.asarray(leaf).dtype} values" if isinstance(leaf, (int, np.ndarray, np.generic)) else f"{leaf!r}"
            )
            raise ArgumentError(
                "fit",
                expected="parameters that are floating-point arrays",
                got=f"{kind} in {name}",
                remedy="Convert them with astype(np.float32), and keep settings out of params.",
            )
    if not leaves:
        raise ArgumentError(
            "fit", expected="at least one parameter", got=f"{structure}", remedy="Give params an array to train."
        )
    return tree_map(lambda leaf: np.array(leaf), params)


class Driver:
    """Runs the compiled slices of a run one after another, and answers when one stops."""

    def __init__(self, stepper: Stepper, data: Arrays, validation: Arrays | None) -> None:
        self.stepper, self.data, self.validation = stepper, data, validation
        self.programs: dict[int, Any] = {}
        self.losses: list[np.ndarray] = []
        self.scores: list[np.ndarray] = []

    def run(self, state: Any, progress: bool | Report | None) -> Run:
        """The whole run from a state on."""
        began, status, plan = time.perf_counter(), FINISHED, self.stepper.schedule
        length = min(MOST_STEPS_IN_A_SLICE, plan.per_epoch, plan.total)
        with reporting(progress) as report:
            try:
                while state["step"] < plan.total and state["status"] == GOING:
                    state = self._slice(state, min(length, plan.total - int(state["step"])))
                    report(self._progress(state))
            except KeyboardInterrupt:
                status = INTERRUPTED
        if state["status"] == STOPPED:
            status = STOPPED_EARLY
        run = self._finish(state, status, time.perf_counter() - began)
        if state["status"] == NOT_FINITE:
            culprit = self._not_finite()
            raise DivergenceError(
                "fit",
                expected="a finite loss",
                got=f"{self.failure} in step {run.steps + 1}{culprit}",
                remedy="Leave such rows out, or fill them in."
                if culprit
                else "Take smaller steps, scale the data, or start elsewhere.",
                run=run,
            )
        return run

    def _not_finite(self) -> str:
        """Where the data themselves are infinite or NaN; empty where they are not."""
        for number, array in enumerate(self.data):
            rows = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
            if len(rows):
                return f", and {array[rows[0]]} in row {rows[0]} of data[{number}]"
        return ""

    def _slice(self, state: Any, count: int) -> Any:
        """The state after `count` steps, or fewer where the run stopped; a decision not seen before is traced."""
        before = int(state["step"])
        state, (losses, scores) = self._program(state, count)
        done = int(state["step"]) - before
        self.losses.append(losses[:done])
        self.scores.append(scores[:done])
        if state["status"] == NOT_FINITE:
            self.failure = float(losses[done])
        if state["status"] == UNDECIDED:
            state = self._decide(state)
        if state["status"] == UNVALIDATED:
            state = self._validate(state)
        return state

    def _program(self, state: Any, count: int) -> Any:
        """Run the graph of a slice, which is traced once for each length."""
        leaves = flatten((state, self.data, self.validation))[0]
        if count not in self.programs:

            def whole(state: Any, data: Arrays, validation: Arrays | None) -> Any:
                return scan(lambda carry, _: self.stepper.step(carry, data, validation), state, None, length=count)

            _, arguments = flatten(((state, self.data, self.validation), {}))
            traced = trace_function(whole, leaves, arguments, concrete=False)
            self.programs[count] = Program(simplify(verify(traced.graph))), traced.structure
        program, result = self.programs[count]
        with np.errstate(all="ignore"):
            return unflatten(
                result, [np.asarray(value) for value in program.run([np.asarray(leaf) for leaf in leaves])]
            )

    def _decide(self, state: Any) -> Any:
        """Trace the loss on the batch that no variant fits, and go on."""
        plan = self.stepper.schedule
        rows = int(plan.sizes(int(state["step"]), 1)[0])
        batch = jit(lambda state, data: self.stepper.batch(state, data, rows))(state, self.data)
        self.stepper.gradients[rows].trace(state["params"], batch)
        self.programs.clear()
        return {**state, "status": np.int64(GOING)}

    def _validate(self, state: Any) -> Any:
        """Trace the loss on the validation data where no variant fits the new parameters, and validate with it."""
        self.stepper.score.trace(state["params"], self.validation)  # type: ignore[arg-type]
        self.programs.clear()
        state = {**state, "status": np.int64(GOING)}
        state, score = jit(lambda state, held: self.stepper.validate(state, held))(state, self.validation)
        self.scores[-1][-1] = score
        return state

    def _progress(self, state: Any) -> Progress:
        plan, losses = self.stepper.schedule, self.losses[-1]
        scores = [score for part in self.scores[-2:] for score in part if not np.isnan(score)]
        step = int(state["step"])
        return Progress(
            step,
            plan.total,
            step // plan.per_epoch,
            float(losses[-1]) if len(losses) else float("nan"),
            float(scores[-1]) if scores else None,
        )

    def _finish(self, state: Any, status: str, seconds: float) -> Run:
        plan = self.stepper.schedule
        losses = np.concatenate(self.losses) if self.losses else np.zeros(0)
        scores = np.concatenate(self.scores) if self.scores else np.zeros(0)
        whole = len(losses) // plan.per_epoch
        rows = (whole, plan.per_epoch)
        sizes = plan.sizes(0, whole * plan.per_epoch).reshape(rows)
        history = {
            "epoch": np.arange(1, whole + 1),
            "loss": (losses[: sizes.size].reshape(rows) * sizes).sum(axis=1) / plan.rows,
        }
        if self.validation is not None:
            history["validation_loss"] = scores[: sizes.size].reshape(rows)[:, -1]
        validated = self.stepper.patience is not None and np.isfinite(state["best"]["loss"])
        chosen = state["best"]["params"] if validated else state["params"]
        return Run(tree_map(np.array, chosen), history, losses, state, status, seconds)
