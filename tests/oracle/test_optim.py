"""PyTorch's optimisers as an oracle: twenty steps on a small problem, parameter by parameter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule import optim

_random = np.random.default_rng(9)
X, Y = _random.normal(size=(6, 3)), _random.normal(size=(6, 2))
START = {"w": _random.normal(size=(3, 2)), "b": np.zeros(2)}
RULES = {
    "gradient descent": (optim.gradient_descent(0.05), lambda ps: torch.optim.SGD(ps, lr=0.05)),
    "momentum": (optim.momentum(0.03, decay=0.8), lambda ps: torch.optim.SGD(ps, lr=0.03, momentum=0.8)),
    "nesterov": (
        optim.momentum(0.03, decay=0.8, nesterov=True),
        lambda ps: torch.optim.SGD(ps, lr=0.03, momentum=0.8, nesterov=True),
    ),
    "adam": (optim.adam(0.01), lambda ps: torch.optim.Adam(ps, lr=0.01)),
    "adam, other settings": (
        optim.adam(0.02, decay=0.7, square_decay=0.95, epsilon=1e-3),
        lambda ps: torch.optim.Adam(ps, lr=0.02, betas=(0.7, 0.95), eps=1e-3),
    ),
}


def loss(params, x, y):
    return np.mean((np.tanh(x @ params["w"]) + params["b"] - y) ** 2)


def steps_here(rule, count=20):
    """The parameters after each step."""
    params, state, seen = START, rule.init(START), []
    for _ in range(count):
        params, state = rule.update(cr.grad(loss)(params, X, Y), state, params)
        seen.append(params)
    return seen


def steps_of_torch(make, count=20):
    params = {name: torch.tensor(value, requires_grad=True) for name, value in START.items()}
    rule, seen = make(list(params.values())), []
    x, y = torch.tensor(X), torch.tensor(Y)
    for _ in range(count):
        rule.zero_grad()
        torch.mean((torch.tanh(x @ params["w"]) + params["b"] - y) ** 2).backward()
        rule.step()
        seen.append({name: value.detach().clone().numpy() for name, value in params.items()})
    return seen


def compare(rule, make):
    for one, other in zip(steps_here(rule), steps_of_torch(make), strict=True):
        for name in START:
            np.testing.assert_allclose(one[name], other[name], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", RULES)
def test_steps_are_those_of_torch(name):
    compare(*RULES[name])


@pytest.mark.parametrize("name", RULES)
def test_a_run_inside_one_graph_takes_the_same_steps(name):
    rule, make = RULES[name]

    def step(carry, _):
        params, state = carry
        params, state = rule.update(cr.grad(loss)(params, X, Y), state, params)
        return (params, state), params

    _, seen = cr.scan(step, (START, rule.init(START)), None, length=20)
    for k, expected in enumerate(steps_of_torch(make)):
        for key in START:
            np.testing.assert_allclose(seen[key][k], expected[key], rtol=1e-10, atol=1e-10)


def test_a_wrong_rule_is_caught():
    with pytest.raises(AssertionError):
        compare(optim.adam(0.01), lambda ps: torch.optim.Adam(ps, lr=0.01, eps=1e-7))
