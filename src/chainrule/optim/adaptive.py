"""Rules that scale each parameter's step by its gradient's history."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.optim.descent import cast_like, settled
from chainrule.optim.optimizer import Optimizer, Step, check_number, step_at
from chainrule.pytree import tree_map


def adam(step: Step = 1e-3, decay: float = 0.9, square_decay: float = 0.999, epsilon: float = 1e-8) -> Optimizer:
    """Adam: a step along the mean gradient, divided by the root of the mean squared gradient.

    m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
    p <- p - step * m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon)

    A mean m below the smallest normal number counts as 0: where no gradient comes, it would else stay a subnormal
    number for ever, with which processors are slow. The mean square, by whose root it is divided, is kept.

    Args:
        step: the step size, or a function from the count of steps done to one.
        decay: b1, how much of the mean is kept, in [0, 1).
        square_decay: b2, how much of the mean square is kept, in [0, 1).
        epsilon: keeps the division finite, at least 0.

    Raises:
        ArgumentError: a setting is outside its range.

    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    >>> import numpy as np
    >>> rule = adam(0.1)
    >>> params, state = rule.update(np.array([5.0]), rule.init(np.array([1.0])), np.array([1.0]))
    >>> round(float(params[0]), 6)
    0.9
    """
    step = check_number("adam", "step", step, 0, schedule=True)
    decay = check_number("adam", "decay", decay, 0, 1)
    square_decay = check_number("adam", "square_decay", square_decay, 0, 1)
    epsilon = check_number("adam", "epsilon", epsilon, 0)

    def init(params: Any) -> Any:
        return {
            "count": np.int64(0),
            "mean": tree_map(np.zeros_like, params),
            "square": tree_map(np.zeros_like, params),
        }

    def update(gradients: Any, state: Any, params: Any) -> tuple[Any, Any]:
        count = state["count"] + 1
        time = count.astype(np.float64)
        size = step_at(step, state["count"]) / (1 - decay**time)
        correction = 1 / (1 - square_decay**time)
        mean = tree_map(lambda m, g: settled(decay * m + (1 - decay) * g), state["mean"], gradients)
        square = tree_map(lambda v, g: square_decay * v + (1 - square_decay) * g * g, state["square"], gradients)

        def move(p: Any, m: Any, v: Any) -> Any:
            return p - cast_like(size, p) * m / (np.sqrt(v * cast_like(correction, p)) + epsilon)

        return tree_map(move, params, mean, square), {"count": count, "mean": mean, "square": square}

    return Optimizer("Adam", init, update)
