"""The gradient of a network in exact fractions: three layers of width one, every parameter 1."""

import numpy as np

import chainrule as cr


def cost(w1, b1, w2, b2, w3, b3, x, y):
    """The squared error of relu(relu(x w1 + b1) w2 + b2) w3 + b3."""
    h1 = np.maximum(w1 * x + b1, 0)
    h2 = np.maximum(w2 * h1 + b2, 0)
    return np.sum((w3 * h2 + b3 - y) ** 2)


ones = (1.0,) * 6
data = np.array([1.0, 4.0, 7.0, 10.0]), np.array([2.0, -6.0, 3.0, 1.0])

graph = cr.trace(cr.value_and_grad(cost, argnums=tuple(range(6))), *ones, *data)
value, *slopes = cr.evaluate_exactly(graph, *ones, *data)
print("cost", value)
for name, slope in zip(("w1", "b1", "w2", "b2", "w3", "b3"), slopes, strict=True):
    print(f"d cost / d {name} = {slope}")
