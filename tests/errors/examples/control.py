"""Errors of `scan`, `cond`, `while_loop`, `fori_loop`, and of the operations behind them."""

import numpy as np

import chainrule as cr

THREE = np.ones(3)


def pair(carry, x):
    return carry + x, carry


EXAMPLES = [
    ("scan without a length", lambda: cr.scan(lambda c, _: (c, None), 1.0)),
    ("scan with a length that is none", lambda: cr.scan(pair, 0.0, THREE, length=-3)),
    ("scan with another length than that of xs", lambda: cr.scan(pair, 0.0, THREE, length=4)),
    ("scan over a number", lambda: cr.scan(pair, 0.0, 1.0)),
    ("scan over arrays of different lengths", lambda: cr.scan(lambda c, x: (c, x), 0.0, (THREE, np.ones(4)))),
    ("scan over text", lambda: cr.scan(pair, 0.0, "abc")),
    ("scan from text", lambda: cr.scan(pair, {"total": "zero"}, THREE)),
    ("a body that gives no pair", lambda: cr.scan(lambda c, x: c + x, 0.0, THREE)),
    ("a body that gives another carry", lambda: cr.scan(lambda c, x: ((c, x), None), 0.0, THREE)),
    ("a body that gives a carry of another shape", lambda: cr.scan(lambda c, x: (c + THREE, None), 0.0, THREE)),
    ("a body that gives a carry of another dtype", lambda: cr.scan(lambda c, x: (c * x, None), np.int64(1), THREE)),
    ("a body that gives text", lambda: cr.scan(lambda c, x: (c, "y"), 0.0, THREE)),
    ("fori_loop from a float", lambda: cr.fori_loop(0.0, 3, lambda i, c: c + i, 0)),
    ("fori_loop to an array", lambda: cr.fori_loop(0, THREE, lambda i, c: c + i, 0)),
    ("fori_loop to text", lambda: cr.fori_loop(0, "3", lambda i, c: c + i, 0)),
    ("fori_loop with another carry", lambda: cr.fori_loop(0, 3, lambda i, c: (c, i), 0)),
    ("while_loop with another carry", lambda: cr.while_loop(lambda c: c < 3, lambda c: (c, 1), 0.0)),
    ("while_loop with a carry of another shape", lambda: cr.while_loop(lambda c: c < 3, lambda c: c * THREE, 0.0)),
    ("while_loop with two conditions", lambda: cr.while_loop(lambda c: (c < 3, True), lambda c: c + 1, 0.0)),
    ("while_loop with an array as condition", lambda: cr.while_loop(lambda c: c < 3, lambda c: c + 1, THREE)),
    (
        "while_loop with a bound that is none",
        lambda: cr.while_loop(lambda c: c < 3, lambda c: c + 1, 0.0, max_steps=-1),
    ),
    (
        "reverse mode without a bound",
        lambda: cr.grad(lambda x: cr.while_loop(lambda c: c < 3, lambda c: c * x, 1.0))(2.0),
    ),
    ("cond by a pair", lambda: cr.cond((True, False), np.sin, np.cos, 1.0)),
    ("cond by an array", lambda: cr.cond(THREE > 0, np.sin, np.cos, 1.0)),
    ("cond by text", lambda: cr.cond("yes", np.sin, np.cos, 1.0)),
    ("branches of another structure", lambda: cr.cond(True, lambda x: x, lambda x: (x, x), 1.0)),
    ("branches of another shape", lambda: cr.cond(True, lambda x: x, lambda x: x * THREE, 1.0)),
    ("branches of another dtype", lambda: cr.cond(True, lambda x: x, lambda x: x.astype(int), THREE)),
    ("if in a body", lambda: cr.fori_loop(0, 3, lambda i, c: c + 1 if i > 1 else c, 0)),
]
