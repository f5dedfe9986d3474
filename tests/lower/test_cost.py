"""What it costs to compute an element again."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.loops import Index, apply, buffer
from chainrule.lower.cost import cost_of, weigh
from tests.lower.running import graph_of, numbers

X = numbers(4, 5)
PLACES = np.array([1, 2])


def cost(function, *args) -> int:
    return cost_of(graph_of(function, *args).outputs[0])


@pytest.mark.parametrize(
    "function", [lambda x: x.T, lambda x: x[::-1], lambda x: x[1:, ::2], lambda x: np.broadcast_to(x, (3, 4, 5))]
)
def test_moving_costs_nothing(function):
    assert cost(function, X) == 0


def test_folds_have_no_cost_here():
    assert cost(lambda x: np.sum(x, 0), X) == 0
    assert cost(lambda x: np.cumsum(x, 0), X) == 0


def test_the_order_of_costs():
    sums = cost(lambda x: x + 1, X)
    quotient = cost(lambda x: 1 / x, X)
    elementary = cost(np.exp, X)
    power = cost(lambda x, y: x**y, np.abs(X), X)
    assert 0 < sums < quotient < elementary < power


def test_what_is_read_at_a_computed_place_costs():
    assert cost(lambda x, n: x[n], X, PLACES) > 0


def test_a_shared_term_counts_once():
    x = buffer("x", (4,), np.float32)
    i = Index("i")
    e = apply("exp", x[i])
    assert weigh(e + e) == weigh(e) + 1
    assert weigh(e * 2 + e) == weigh(e) + 2
    assert weigh(x[i]) == 0
    n = buffer("n", (4,), np.int64)
    assert weigh(x[n[i]]) == weigh(x[n[i] + 1]) > 0


def test_a_cast_costs_as_an_addition():
    assert cost(lambda x: x.astype(np.float64), X) == cost(lambda x: -x, X)
