"""Python's decisions inside a run: each is kept as a condition, to the bit, and a new one is traced."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ConcreteError
from chainrule.train import gradient

X, Y = np.linspace(-1, 1, 12), np.linspace(2, 3, 12)
RULE = cr.optim.gradient_descent(0.1)


def by_hand(loss, params, data, steps):
    """The losses of as many steps on one row each, in order."""
    losses = []
    for k in range(steps):
        batch = tuple(array[k % len(array)][None] for array in data)
        value, slope = cr.value_and_grad(loss)(params, *batch)
        losses.append(float(value))
        params = params - 0.1 * slope
    return losses


def decides(p, x, y):
    return np.mean((p[0] * x - y) ** 2) if x[0] > 0 else np.sum(p**2)


def decides_on_nan(p, x, y):
    return np.sum(p**2) if float(x[0]) != float(x[0]) else np.mean((p[0] * x - y) ** 2)


def decides_on_the_sign_of_zero(p, x, y):
    return np.sum(p**2) if np.copysign(1.0, float(x[0])) < 0 else np.mean((p[0] * x - y) ** 2)


@pytest.mark.parametrize("loss", [decides, decides_on_nan, decides_on_the_sign_of_zero])
def test_a_run_decides_as_python_does(loss):
    x = np.array([0.0, np.nan, -0.0, 1.0]) if loss is not decides else X
    x = x[[0, 2, 3]] if loss is decides_on_the_sign_of_zero else x
    data = (x, Y[: len(x)])
    run = cr.fit(loss, np.array([1.0, 2.0]), data, optimizer=RULE, batch_size=1, epochs=2, shuffle=False)
    np.testing.assert_allclose(run.losses, by_hand(loss, np.array([1.0, 2.0]), data, 2 * len(x)), rtol=1e-12)


def test_too_many_decisions_are_refused(monkeypatch):
    monkeypatch.setattr(gradient, "MOST_VARIANTS", 4)
    x = np.arange(9.0)
    with pytest.raises(ConcreteError, match="at most 4 ways"):
        cr.fit(lambda p, x: np.sum(p * int(x[0])), np.ones(1), x, optimizer=RULE, batch_size=1, epochs=1)


def test_validation_decides_too():
    loss = lambda p, x, y: np.mean((p[0] * x - y) ** 2) if p[0] < 1.2 else np.sum(p**2)  # noqa: E731
    run = cr.fit(loss, np.array([1.0, 2.0]), (X, 5 * X), optimizer=RULE, epochs=10, validation=(X, 5 * X))
    assert run.epochs == 10
    assert np.isfinite(run.history["validation_loss"]).all()
