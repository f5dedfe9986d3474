"""The row `call`: the gradient of a function of ten numbers, from and to NumPy, where all is overhead."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from bench.agreement import DisagreementError
from bench.report import Result, row_result
from bench.systems import CHAINRULE
from bench.tasks import STEP, TORCH, Target
from bench.timing import Effort, interleave
from bench.worker import Worker, workers

Gradient = Callable[[np.ndarray], np.ndarray]


def rosenbrock(x):
    """Rosenbrock, "An automatic method for finding the greatest or least value of a function", 1960; n variables."""
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def by_hand(x: np.ndarray) -> np.ndarray:
    """Its gradient, derived on paper."""
    head = x[:-1]
    difference = x[1:] - head**2
    result = np.zeros_like(x)
    result[:-1] = -400 * head * difference - 2 * (1 - head)
    result[1:] += 200 * difference
    return result


def by_chainrule() -> Gradient:
    """By a gradient function."""
    import chainrule as cr

    return cr.grad(rosenbrock)


def by_torch() -> Gradient:
    """By PyTorch's tape."""
    import torch

    def gradient(x: np.ndarray) -> np.ndarray:
        leaf = torch.from_numpy(x).requires_grad_()
        rosenbrock(leaf).backward()
        return leaf.grad.numpy()

    return gradient


def by_jax() -> Gradient:
    """By a function that JAX compiled."""
    import jax

    jax.config.update("jax_enable_x64", True)
    compiled = jax.jit(jax.grad(rosenbrock))
    return lambda x: np.asarray(compiled(x))


WAYS = {CHAINRULE: by_chainrule, TORCH: by_torch, STEP: by_jax, "NumPy by hand": lambda: by_hand}


class Call:
    """A way to get the gradient, to be called often."""

    models = 1

    def __init__(self, name: str) -> None:
        self.name, self.gradient = name, WAYS[name]()

    def measure(self, steps: int) -> tuple[int, float]:
        """Time so many calls."""
        gradient, x = self.gradient, np.linspace(-1, 1, 10)
        turns = range(steps)
        began = perf_counter()
        for _ in turns:
            gradient(x)
        return steps, perf_counter() - began


def check_gradients(systems: Sequence[Worker]) -> None:
    """All gradients must equal the one by hand to 1e-13 of its largest number, in float64.

    Raises:
        DisagreementError: one does not.
    """
    x = np.random.default_rng(0).standard_normal(10)
    true = by_hand(x)
    for system in systems:
        got = system.call("gradient", x)
        if not isinstance(got, np.ndarray) or got.dtype != np.float64:
            raise DisagreementError(f"{system.name} gives {type(got).__name__} of {getattr(got, 'dtype', None)}")
        if not np.allclose(got, true, rtol=0, atol=1e-13 * np.abs(true).max()):
            raise DisagreementError(f"{system.name} gives the gradient {got}; by hand it is {true}")


def call_gradient(quick: bool) -> Result:
    """Check and time all."""
    with workers([Worker(Call, name) for name in WAYS]) as systems:
        check_gradients(systems)
        times = interleave(systems, Effort.of(quick))
    title = "call: gradient of a 10-variable Rosenbrock, float64, from and to NumPy"
    return row_result("call", title, times, target=Target(0.5, (STEP,)))
