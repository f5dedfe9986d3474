"""JAX in three ways: one compiled step called from a Python loop; all steps as one compiled `scan`; and a `scan` over
batches that were all gathered before it, which is faster where a batch is small and takes the memory of all of them.

All gather inside what is compiled, give the parameters' memory back to it (`donate_argnums`), and get the order of the
rows on the device before the clock starts.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from bench.systems.system import Peer
from bench.tasks import ADAM, LENET_PADDING, MODELS, RELU, VMAP, Task


class JaxStep(Peer):
    """`jit` of a step, called for each."""

    name = "jax step"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.x, self.y = map(jnp.asarray, task.data)
        self.step = partial(train_step, task)
        self.compiled = jax.jit(self.step, donate_argnums=0)

    def first_state(self):
        """The state before the first step; each run has its own, since its memory is given away."""
        return first_state(self.task)

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of these steps."""
        return np.asarray(jnp.stack(self.prepare(order)()))

    def prepare(self, order: np.ndarray):
        """A loop over these rows."""
        batches = [jnp.asarray(rows) for rows in order]
        compiled, x, y = self.compiled, self.x, self.y
        jax.block_until_ready(compiled(self.first_state(), x, y, batches[0]))
        state = self.first_state()

        def run() -> list[jax.Array]:
            nonlocal state
            losses = []
            for rows in batches:
                state, loss = compiled(state, x, y, rows)
                losses.append(loss)
            jax.block_until_ready((state, losses))
            return losses

        return run


class JaxScan(JaxStep):
    """`jit` of `lax.scan` over all steps."""

    name = "jax scan"

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        self.compiled = jax.jit(self.whole, donate_argnums=0)

    def whole(self, state, x, y, order):
        """All steps."""
        return lax.scan(lambda carry, rows: self.step(carry, x, y, rows), state, order)

    def prepare(self, order: np.ndarray):
        """A scan over these rows, compiled for their number."""
        rows, x, y = jnp.asarray(order), self.x, self.y
        ready = self.compiled.lower(self.first_state(), x, y, rows).compile()
        state = self.first_state()
        return lambda: jax.block_until_ready(ready(state, x, y, rows))[1]


class JaxAhead(JaxScan):
    """`jit` of a gather of all batches, then `lax.scan` over them."""

    name = "jax ahead"

    def whole(self, state, x, y, order):
        """All steps."""
        return lax.scan(lambda carry, batch: update(self.task, carry, *batch), state, gather(x, y, order))


class JaxMany(JaxScan):
    """`jit` of `scan` of `vmap` of a step."""

    name = VMAP
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


def first_state(task: Task, seed: int = 0):
    """Parameters, and Adam's state."""
    params = jax.tree.map(jnp.asarray, task.parameters(seed))
    if task.update != ADAM:
        return params, ()
    zeros = partial(jax.tree.map, jnp.zeros_like)
    return params, (jnp.zeros((), jnp.int32), zeros(params), zeros(params))


def train_step(task: Task, state, x, y, rows):
    """Gather, gradient, update: ((parameters, optimiser's state), loss)."""
    return update(task, state, *gather(x, y, rows))


def gather(x, y, rows):
    """These rows, which are known to exist: JAX's default would check each."""
    return x.at[rows].get(mode="promise_in_bounds"), y.at[rows].get(mode="promise_in_bounds")


def update(task: Task, state, x, y):
    """Gradient and update on a batch."""
    params, memory = state
    loss, gradient = jax.value_and_grad(partial(loss_of, task))(params, x, y)
    if task.update != ADAM:
        return (jax.tree.map(lambda p, g: p - task.step * g, params, gradient), ()), loss
    return adam(task.step, gradient, memory, params), loss


def adam(step: float, gradient, memory, params):
    """Kingma and Ba's algorithm 1, with the settings that all systems share."""
    count, mean, square = memory
    count = count + 1
    mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, square, gradient)
    time = count.astype(jnp.float32)
    size, correction = step / (1 - 0.9**time), 1 / (1 - 0.999**time)
    params = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v * correction) + 1e-8), params, mean, square)
    return params, (count, mean, square)


def loss_of(task: Task, params, x, y):
    """Cross-entropy, or half the mean of the squared errors."""
    prediction = forward(task, params, x)
    if task.classes:
        scores = jax.nn.log_softmax(prediction)
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], axis=1))
    return jnp.mean((prediction - y) ** 2) / 2


def forward(task: Task, params, x):
    """The layers."""
    activation = jax.nn.relu if task.activation == RELU else jnp.tanh
    paddings = iter(LENET_PADDING)
    for number, (weight, bias) in enumerate(params):
        if weight.ndim == 4:
            around = [(padding := next(paddings), padding)] * 2
            x = lax.conv_general_dilated(x, weight, (1, 1), around, dimension_numbers=("NCHW", "OIHW", "NCHW"))
            x = activation(x + bias[:, None, None])
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        else:
            x = x.reshape(len(x), -1) @ weight + bias
            x = activation(x) if number < len(params) - 1 else x
    return x
