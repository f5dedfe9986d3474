"""Errors of `optim/`: settings of descent rules."""

from chainrule import optim

EXAMPLES = [
    ("a negative step", lambda: optim.gradient_descent(-0.1)),
    ("a step that is no number", lambda: optim.adam("0.1")),
    ("a decay of one", lambda: optim.momentum(0.1, decay=1.0)),
    ("a negative epsilon", lambda: optim.adam(epsilon=-1e-8)),
]
