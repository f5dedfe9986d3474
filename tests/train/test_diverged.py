"""Runs that stop being finite: the step, the node, the user's line, and the last finite state."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DivergenceError
from chainrule.train import diverged, slices

X = np.linspace(-1, 1, 30)
DATA = X, np.sin(3 * X)
DESCENT = cr.optim.gradient_descent


def line(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def logarithm(theta, x, y):
    slope = np.log(theta[0])  # down to zero and below
    return np.mean((x - y) ** 2) + slope


def root(theta, x, y):
    return np.sum(np.sqrt(np.maximum(theta, 0.0)))  # whose slope is infinite at 0


def diverging(loss, start, rule, **settings):
    with pytest.raises(DivergenceError) as caught:
        cr.fit(loss, np.array(start), DATA, optimizer=rule, **{"steps": 200, **settings})
    return caught.value


def assert_last_finite(error, loss, start, rule, **settings):
    """The run of the error is that of as many steps, and one step more is not finite."""
    run = error.run
    assert run.status == "diverged"
    assert np.isfinite(run.losses).all()
    assert np.isfinite(run.params).all()
    if run.steps:
        other = cr.fit(loss, np.array(start), DATA, optimizer=rule, **{**settings, "steps": run.steps})
        assert other.params.tobytes() == run.params.tobytes()
        assert other.losses.tobytes() == run.losses.tobytes()
    with pytest.raises(DivergenceError):
        cr.fit(loss, np.array(start), DATA, optimizer=rule, **{**settings, "steps": run.steps + 1})


@pytest.mark.parametrize(
    ("loss", "start", "rule", "operation", "at", "settings"),
    [
        (line, [0.0, 0.0], DESCENT(1e100), "power was the first to give inf", "return np.mean((theta[0]", {}),
        (logarithm, [0.5, 0.0], DESCENT(0.1), "log was the first to give nan", "slope = np.log(theta[0])", {}),
        (root, [0.0, 1.0], DESCENT(0.1), "divide was the first to give inf", "np.sqrt(np.maximum", {"batch_size": 7}),
        (
            line,
            [0.0, 0.0],
            cr.optim.momentum(1e200),
            "power was the first to give inf",
            "return np.mean((theta[0]",
            {"batch_size": 7},
        ),
    ],
)
def test_the_error_names_the_step_and_the_node(loss, start, rule, operation, at, settings):
    error = diverging(loss, start, rule, **settings)
    assert f"in step {error.run.steps + 1}, where {operation}" in error.got
    assert at in error.location.text
    assert_last_finite(error, loss, start, rule, **settings)


def unseen(theta, x, y):
    """The slope of the root is infinite where x is 20, in step 21 and 51: only then does the loss look at theta[1]."""
    return theta[0] + np.sum(np.where(x == 20.0, np.sqrt(theta[1] - 2.0), 0.0))


@pytest.mark.parametrize("length", [1, 2, 13, 256])
def test_parameters_that_the_loss_does_not_show_at_once(length, monkeypatch):
    """The slice is searched for the step that made them."""
    monkeypatch.setattr(slices, "MOST_STEPS", length)
    x = np.arange(30.0)
    with pytest.raises(DivergenceError) as caught:
        cr.fit(unseen, np.array([1.0, 2.0]), (x, x), optimizer=DESCENT(1e-3), batch_size=1, steps=49, shuffle=False)
    assert caught.value.expected == "finite parameters"
    assert caught.value.got.startswith("-inf in params in step 21, where divide was the first to give inf")
    run = caught.value.run
    assert run.steps == 20
    alone = cr.fit(unseen, np.array([1.0, 2.0]), (x, x), optimizer=DESCENT(1e-3), batch_size=1, steps=20, shuffle=False)
    assert run.params.tobytes() == alone.params.tobytes()
    assert run.state["step"] == 20


def test_parameters_that_the_loss_shows_in_the_next_step():
    x = np.arange(30.0)

    def shown(theta, x, y):
        return np.sum(np.where(x == 20.0, np.sqrt(theta[1] - 2.0), theta[1]))

    with pytest.raises(DivergenceError, match="in step 21, ") as caught:
        cr.fit(shown, np.array([1.0, 2.0]), (x, x), optimizer=DESCENT(0.0), batch_size=1, steps=49, shuffle=False)
    assert caught.value.run.steps == 20
    assert np.isfinite(caught.value.run.params).all()


def test_an_update_that_is_not_finite_where_the_gradient_is():
    rule = cr.optim.Optimizer("roots", lambda p: (), lambda g, state, p: (np.sqrt(p - 0.3), state))
    error = diverging(lambda theta, x, y: np.sum(theta), [0.9, 0.8], rule)
    assert error.run.steps > 0
    assert "nan in params in step" in error.got
    assert "sqrt was the first to give nan" in error.got
    assert "np.sqrt(p - 0.3)" in error.location.text


def test_a_number_that_overflows_in_machine_code_alone(monkeypatch):
    monkeypatch.setattr(diverged, "find_culprit", lambda graph, values: None)
    error = diverging(line, [0.0, 0.0], DESCENT(1e100))
    assert error.got == "inf in step 3"


def test_rows_that_are_not_finite_are_named():
    x = np.where(X > 0.9, np.nan, X)
    with pytest.raises(DivergenceError, match=r"nan in row 28 of data\[0\]\. Leave such rows out"):
        cr.fit(line, np.zeros(2), (x, X), optimizer=DESCENT(0.1), steps=3)
