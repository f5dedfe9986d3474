"""A network small enough to differentiate by hand: three layers of width one, relu, squared cost, all parameters 1."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

import chainrule as cr
from chainrule.graph import Graph

X, Y = np.array([1.0, 4.0, 7.0, 10.0]), np.array([2.0, -6.0, 3.0, 1.0])
ONES = (1.0,) * 6


def cost(w1, b1, w2, b2, w3, b3, x, y):
    h1 = np.maximum(w1 * x + b1, 0)
    h2 = np.maximum(w2 * h1 + b2, 0)
    return np.sum((w3 * h2 + b3 - y) ** 2)


def test_in_floats():
    value, slopes = cr.value_and_grad(cost, argnums=tuple(range(6)))(*ONES, X, Y)
    assert value == 366
    assert [float(slope) for slope in slopes] == [446, 68, 514, 68, 582, 68]


def test_in_fractions():
    graph = cr.trace(cr.value_and_grad(cost, argnums=tuple(range(6))), *ONES, X, Y)
    assert isinstance(graph, Graph)
    results = cr.evaluate_exactly(graph, *ONES, X, Y)
    assert all(isinstance(result[()], Fraction) for result in results)
    assert [result[()] for result in results] == [366, 446, 68, 514, 68, 582, 68]


def test_with_nn_relu():
    def with_relu(w1, b1, w2, b2, w3, b3, x, y):
        return np.sum((w3 * cr.nn.relu(w2 * cr.nn.relu(w1 * x + b1) + b2) + b3 - y) ** 2)

    value, slopes = cr.value_and_grad(with_relu, argnums=tuple(range(6)))(*ONES, X, Y)
    assert (float(value), *map(float, slopes)) == (366, 446, 68, 514, 68, 582, 68)
