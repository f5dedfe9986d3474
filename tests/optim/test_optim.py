"""The descent rules: against their formulas, in the dtypes of the parameters, with schedules."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.optim import adam, gradient_descent, momentum
from chainrule.pytree import flatten, tree_map

RULES = {
    "descent": lambda step: gradient_descent(step),
    "momentum": lambda step: momentum(step, decay=np.float64(0.9)),
    "nesterov": lambda step: momentum(step, nesterov=True),
    "adam": lambda step: adam(step, np.float64(0.9), np.float32(0.5), np.float64(1e-8)),
}
STEPS = [0.1, np.float64(0.1), np.float32(0.1), 1, lambda t: 0.1, lambda t: np.float64(0.1), lambda t: 0.1 / (1 + t)]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("rule", RULES)
def test_parameters_and_state_keep_their_dtypes(rule, step):
    params = {"w": np.ones(3, np.float32), "b": [np.float64(2.0), np.ones((), np.float32)], "none": None}
    kinds = [leaf.dtype for leaf in flatten(params)[0]]
    optimizer = RULES[rule](step)
    before = flatten(optimizer.init(params))
    moved, state = optimizer.update(params, optimizer.init(params), params)
    assert [leaf.dtype for leaf in flatten(moved)[0]] == kinds
    assert [np.asarray(leaf).dtype for leaf in flatten(state)[0]] == [np.asarray(leaf).dtype for leaf in before[0]]
    assert flatten(state)[1] == before[1]
    run = cr.fit(
        lambda p, x: np.mean(x) * sum(np.sum(leaf**2) for leaf in flatten(p)[0]), params, np.ones(4),
        optimizer=optimizer, steps=3,
    )  # fmt: skip
    assert [leaf.dtype for leaf in flatten(run.params)[0]] == kinds


def run_by_hand(rule, steps, gradient, step):
    p, v, m, s = 1.0, 0.0, 0.0, 0.0
    for t in range(1, steps + 1):
        g, rate = gradient(p), step(t - 1)
        if rule == "descent":
            p -= rate * g
        elif rule == "adam":
            m, s = 0.9 * m + 0.1 * g, 0.99 * s + 0.01 * g * g
            p -= rate * m / (1 - 0.9**t) / (np.sqrt(s / (1 - 0.99**t)) + 1e-8)
        else:
            v = 0.9 * v + g
            p -= rate * (g + 0.9 * v if rule == "nesterov" else v)
    return p


@pytest.mark.parametrize("rule", RULES)
def test_five_steps_are_those_of_the_formula(rule):
    step = lambda t: 0.1 / (1 + t)  # noqa: E731
    optimizer = adam(step, 0.9, 0.99) if rule == "adam" else RULES[rule](step)
    params = np.array(1.0)
    state = optimizer.init(params)
    for _ in range(5):
        params, state = optimizer.update(np.cos(params), state, params)
    np.testing.assert_allclose(params, run_by_hand(rule, 5, np.cos, step), rtol=1e-13)
    run = cr.fit(lambda p, x: np.sin(p) + 0 * np.mean(x), np.array(1.0), np.ones(3), optimizer=optimizer, steps=5)
    np.testing.assert_allclose(run.params, params, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rule", "mean"), [("momentum", "velocity"), ("nesterov", "velocity"), ("adam", "mean")])
@pytest.mark.parametrize("compiled", [False, True])
def test_a_mean_without_gradients_ends_at_zero_and_not_among_subnormal_numbers(
    rule, mean, dtype, compiled, monkeypatch
):
    monkeypatch.setenv("CHAINRULE_COMPILE", "on" if compiled else "off")
    least = np.finfo(dtype).tiny
    kept = np.array([least / 0.85, -least / 0.85, 1, np.inf, np.nan], dtype)
    lost = np.array([least, -least, least / 2, -least / 4, np.finfo(dtype).smallest_subnormal, 0], dtype)
    optimizer, params = RULES[rule](0.1), np.ones(kept.size + lost.size, dtype)
    update = cr.jit(optimizer.update) if compiled else optimizer.update
    state = optimizer.init(params)
    state[mean] = np.concatenate([kept, lost])
    _, after = update(np.zeros_like(params), state, params)
    np.testing.assert_array_equal(after[mean][: kept.size], kept * dtype(0.9))
    np.testing.assert_array_equal(after[mean][kept.size :], 0)
    assert after[mean].dtype == dtype


def test_the_mean_square_of_adam_is_kept_however_small():
    params, rule = np.ones(3, np.float32), adam(0.1, square_decay=0.5, epsilon=0.0)
    state = rule.init(params) | {"square": np.full(3, 1e-40, np.float32)}
    moved, after = rule.update(np.zeros_like(params), state, params)
    assert np.all(after["square"] > 0)
    np.testing.assert_array_equal(moved, params)


def test_updates_are_pure():
    for rule in RULES.values():
        optimizer, params = rule(0.1), {"w": np.ones(2)}
        state = optimizer.init(params)
        copies = tree_map(np.array, (params, state))
        optimizer.update({"w": np.ones(2)}, state, params)
        tree_map(np.testing.assert_array_equal, (params, state), copies)


@pytest.mark.parametrize(
    "make",
    [
        lambda: gradient_descent(-1.0),
        lambda: gradient_descent("a"),
        lambda: gradient_descent(np.nan),
        lambda: momentum(0.1, decay=1.0),
        lambda: momentum(0.1, decay=lambda t: 0.5),
        lambda: adam(0.1, square_decay=-0.1),
        lambda: adam(np.inf),
    ],
)
def test_settings_outside_their_range(make):
    with pytest.raises(ArgumentError, match="to be a number, at least 0"):
        make()
