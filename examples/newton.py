"""Differentiate through a loop that runs until it has converged: Python's own while, and the derivative of a root."""

import chainrule as cr


def root(a):
    """The cube root of a by Newton's method."""
    x = a
    while abs(x**3 - a) > 1e-12 * a:
        x = x - (x**3 - a) / (3 * x**2)
    return x


for a in (2.0, 27.0):
    value, slope = cr.value_and_grad(root)(a)
    print(f"root({a}) = {value:.12f}, its derivative {slope:.12f}, by the formula {a ** (-2 / 3) / 3:.12f}")
