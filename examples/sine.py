"""Fit a small network to a sine: ordinary NumPy in, trained parameters out."""

import numpy as np

import chainrule as cr


def predict(theta, x):
    """Two layers with a tanh between them."""
    w1, b1, w2, b2 = theta
    return np.tanh(x @ w1 + b1) @ w2 + b2


def loss(theta, x, y):
    """The mean squared error."""
    return np.mean((predict(theta, x) - y) ** 2)


random = np.random.default_rng(0)
x = random.uniform(-2, 2, (400, 1))
y = np.sin(2 * x)
theta = [random.normal(size=(1, 32)), np.zeros(32), random.normal(size=(32, 1)) / 6, np.zeros(1)]

run = cr.fit(loss, theta, (x, y), optimizer=cr.optim.adam(1e-2), batch_size=40, epochs=150, validation=0.2, patience=20)
print(run)
for point in (-1.0, 0.0, 0.5):
    print(f"sin(2 * {point:4}) = {np.sin(2 * point):7.4f}, learned {predict(run.params, np.array([point]))[0]:7.4f}")
