"""What a descent rule is: a state, and how gradients move parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.record import record
from chainrule.trace import Traced

Step = float | Callable[[Any], Any]


@record
class Optimizer:
    """A descent rule as two pure functions over pytrees.

    `init(params)` gives the first state; `update(gradients, state, params)` gives (params, state) after one step. Both
    are traced when a run is, so a rule of your own is two functions of ordinary NumPy.

    >>> sign_descent = Optimizer("signs", lambda params: (), lambda g, state, p: (p - 0.1 * np.sign(g), state))
    >>> sign_descent.update(np.array([5.0, -2.0]), (), np.zeros(2))[0]
    array([-0.1,  0.1])
    """

    name: str
    init: Callable[[Any], Any]
    update: Callable[[Any, Any, Any], tuple[Any, Any]]


def step_at(step: Step, count: Any) -> Any:
    """The step size at this count of steps done: the number itself, or what the schedule says."""
    return step(count) if callable(step) else step


def check_number(rule: str, name: str, value: Any, low: float, high: float = np.inf, *, schedule: bool = False) -> Any:
    """A setting in [low, high) as a Python float, which leaves float32 what it is; a schedule, or a setting that is an
    input of a graph (`fit_many` makes such of numbers that differ from model to model), as it is."""
    if isinstance(value, Traced) or (schedule and callable(value)):
        return value
    if isinstance(value, (int, float, np.number)) and low <= value < high:
        return float(value)
    bounds = f"at least {low:g}" + (f" and below {high:g}" if high < np.inf else "")
    raise ArgumentError(
        rule,
        expected=f"{name} to be a number, {bounds}" + (", or a function of the step count" if schedule else ""),
        got=repr(value),
        remedy=f"Choose another {name}.",
    )
