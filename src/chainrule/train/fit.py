"""`fit`: a whole training run as one graph, a `scan` of gradient and update, run in slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import random
from chainrule.errors import ArgumentError
from chainrule.optim import Optimizer
from chainrule.pytree import flatten, paths, tree_map
from chainrule.train.culprit import first_not_finite, is_finite
from chainrule.train.data import (
    Schedule,
    as_arrays,
    is_count,
    is_fraction,
    rows_held_back,
    schedule,
    validation_arrays,
)
from chainrule.train.diverged import divergence
from chainrule.train.driver import Driver
from chainrule.train.gradient import Variants, value, value_and_gradient
from chainrule.train.progress import Report
from chainrule.train.run import DIVERGED, Run
from chainrule.train.slices import Slices
from chainrule.train.step import Own, Stepper
from chainrule.types import is_floating


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
        progress: None shows a bar on a terminal, True always, False never; or a function that receives `Progress`, at
            most 20 times a second and at the end.

    Returns:
        A `Run`. Ctrl-C ends it with the state after a whole step, the one that an uninterrupted run has there: what was
        computed of the slice of about 50 ms that it struck is left out. A second Ctrl-C raises KeyboardInterrupt.

    Raises:
        ShapeError, DtypeError, ArgumentError, DerivativeError: arguments that do not fit, before anything is computed.
        DivergenceError: the loss or the parameters became infinite or NaN. It says in which step, and which operation
            of which line made the first such number; `error.run` has the last finite state.
        AllocationError: there is no memory for the losses of so many steps, before anything is computed.

    Robbins and Monro, "A stochastic approximation method", 1951.

    >>> import numpy as np, chainrule as cr
    >>> x = np.linspace(-1, 1, 20)
    >>> line = lambda theta, x, y: np.mean((theta[0] * x + theta[1] - y) ** 2)
    >>> run = cr.fit(line, np.zeros(2), (x, 3 * x + 1), optimizer=cr.optim.gradient_descent(0.5), steps=60)
    >>> np.round(run.params, 4)
    array([3., 1.])
    """
    check_optimizer(optimizer)
    start = check_params(params)
    arrays = as_arrays(data)
    held = validation_arrays(arrays, validation)
    check_patience(patience, validation is not None)
    own: Own = {"key": random.key(seed)}
    if is_fraction(validation):
        own["rows"], own["held"] = rows_held_back(len(arrays[0]), validation, seed)
    plan = schedule(len(own.get("rows", arrays[0])), batch_size, epochs, steps)
    stepper = Stepper(gradients_of(loss, plan), value(loss), lambda own: optimizer, plan, shuffle, patience)
    driver = Driver(Slices(stepper, own, arrays, held), stepper.first_state(start, own, validation is not None))
    (run,) = driver.run(progress)
    if run.status == DIVERGED:
        raise divergence(driver.failures[0], run, arrays)
    return run


def gradients_of(loss: Callable[..., Any], plan: Schedule) -> dict[int, Variants]:
    """The gradient of a loss for batches of each size that there is in an epoch."""
    return {rows: value_and_gradient(loss) for rows in (plan.batch, plan.last)}


def check_optimizer(optimizer: Any) -> None:
    """Refuse what is no descent rule."""
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(
            "fit",
            expected="an optimizer, which chainrule.optim makes",
            got=f"{type(optimizer).__name__} {getattr(optimizer, '__name__', '')!r}",
            remedy="Call a rule to make one, such as chainrule.optim.adam(1e-3).",
        )


def check_patience(patience: Any, validated: bool) -> None:
    """Refuse patience that counts nothing, or has nothing to wait for."""
    if patience is not None and not (validated and is_count(patience)):
        raise ArgumentError(
            "fit",
            expected="patience of at least 1, with validation data",
            got=f"patience={patience!r} with validation={'given' if validated else 'None'}",
            remedy="Give both, for example patience=10 and validation=0.2.",
        )


def check_params(params: Any) -> Any:
    """A copy of the parameters as arrays, all floating-point and finite."""
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
    for leaf, name in zip(leaves, paths(structure, "params"), strict=True):
        if not is_finite(leaf):
            raise ArgumentError(
                "fit",
                expected="parameters that are finite at the start",
                got=f"{first_not_finite(leaf)} in {name}",
                remedy="Start elsewhere; what is infinite on purpose, as a mask is, belongs into the loss or the data.",
            )
    return tree_map(lambda leaf: np.array(leaf), params)
