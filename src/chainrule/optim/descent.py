"""Gradient descent, plain and with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.optim.optimizer import Optimizer, Step, check_number, step_at
from chainrule.pytree import tree_map


def gradient_descent(step: Step) -> Optimizer:
    """Steepest descent: p <- p - step * g (Cauchy, 1847).

    Args:
        step: the step size, or a function from the count of steps done to one.

    Raises:
        ArgumentError: the step is negative or not a number.

    >>> import numpy as np
    >>> rule = gradient_descent(0.1)
    >>> params, state = rule.update(np.array([10.0]), rule.init(np.array([1.0])), np.array([1.0]))
    >>> params
    array([0.])
    """
    step = check_number("gradient_descent", "step", step, 0, schedule=True)

    def init(params: Any) -> Any:
        return np.int64(0)

    def update(gradients: Any, count: Any, params: Any) -> tuple[Any, Any]:
        size = step_at(step, count)
        return tree_map(lambda p, g: p - cast_like(size, p) * g, params, gradients), count + 1

    return Optimizer("gradient descent", init, update)


def momentum(step: Step, decay: float = 0.9, nesterov: bool = False) -> Optimizer:
    """Momentum: v <- decay * v + g, then p <- p - step * v, or p - step * (g + decay * v) for Nesterov's.

    A velocity below the smallest normal number counts as 0: where no gradient comes, it would else stay a subnormal
    number for ever, with which processors are slow.

    Args:
        step: the step size, or a function from the count of steps done to one.
        decay: how much of the velocity is kept, in [0, 1).
        nesterov: look ahead along the velocity (Nesterov, 1983; in the form of Sutskever et al., 2013). Without it,
            the heavy ball (Polyak, "Some methods of speeding up the convergence of iteration methods", 1964).

    Raises:
        ArgumentError: a setting is outside its range.

    >>> import numpy as np
    >>> rule = momentum(0.1, decay=0.5)
    >>> params, state = np.array([1.0]), rule.init(np.array([1.0]))
    >>> for _ in range(2): params, state = rule.update(np.array([1.0]), state, params)
    >>> params
    array([0.75])
    """
    step = check_number("momentum", "step", step, 0, schedule=True)
    decay = check_number("momentum", "decay", decay, 0, 1)

    def init(params: Any) -> Any:
        return {"count": np.int64(0), "velocity": tree_map(np.zeros_like, params)}

    def update(gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
        size = step_at(step, state["count"])
        velocity = tree_map(lambda v, g: settled(decay * v + g), state["velocity"], gradients)
        direction = tree_map(lambda v, g: g + decay * v, velocity, gradients) if nesterov else velocity
        moved = tree_map(lambda p, d: p - cast_like(size, p) * d, params, direction)
        return moved, {"count": state["count"] + 1, "velocity": velocity}

    return Optimizer("Nesterov momentum" if nesterov else "momentum", init, update)


def cast_like(number: Any, like: Any) -> Any:
    """A Python number as it is (it is weak); NumPy's, or a traced one, in the dtype of `like`."""
    return number if type(number) in (int, float) else number.astype(like.dtype)


def settled(mean: Any) -> Any:
    """A decaying mean, and 0 for what is smaller than the smallest normal number of its dtype.

    Where the gradient stays 0, as under a relu that never opens, a mean would decay into the subnormal numbers and stay
    there for ever: 0.9 times the smallest of them is rounded to itself. Processors take some 100 times as long for an
    operation on them.
    """
    return np.where(np.abs(mean) < np.finfo(mean.dtype).tiny, 0, mean)
