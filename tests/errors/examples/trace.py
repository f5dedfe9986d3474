"""Errors of `trace/`: traced values, results, writing to arrays, values that outlive their function."""

import numpy as np

import chainrule as cr
from chainrule.graph import Input
from chainrule.trace import Trace, Traced
from chainrule.types import ArrayType

KEPT = []


def leak():
    cr.grad(lambda x: KEPT.append(x) or x * 2)(1.0)
    return KEPT[0] + 1


def add_to_numpy(x):
    total = np.zeros(3)
    total += x
    return np.sum(total)


def write_into_numpy(x):
    total = np.zeros(3)
    total[0] = x
    return np.sum(total)


def grow(x):
    x = x + 0
    x += np.ones((2, 3))
    return np.sum(x)


def truncate(x):
    counts = cr.numpy.array([x, x]).astype(int)
    counts += x
    return np.sum(counts)


def write(x):
    x[0] = 1.0
    return np.sum(x)


def write_to_a_copied_view(x):
    y = np.reshape(x + 0, (3, 1))
    y[0] = 1.0
    return np.sum(y)


EXAMPLES = [
    ("a value that outlived its function", leak),
    ("a result that is no number", lambda: cr.jit(lambda x: {"loss": x, "note": "done"})(1.0)),
    ("has_aux without a pair", lambda: cr.grad(lambda x: x * x, has_aux=True)(1.0)),
    ("writing to an argument", lambda: cr.grad(write)(np.ones(3))),
    ("writing to a view made by a function", lambda: cr.grad(write_to_a_copied_view)(np.ones(3))),
    ("adding to a NumPy array in place", lambda: cr.grad(add_to_numpy)(np.ones(3))),
    ("writing into a NumPy array", lambda: cr.grad(write_into_numpy)(1.0)),
    ("a sum in place of another shape", lambda: cr.grad(grow)(np.ones(3))),
    ("a sum in place of another dtype", lambda: cr.grad(truncate)(1.5)),
    ("a decision on the input of a rule", lambda: float(Traced(Input(ArrayType((), np.dtype(float))), Trace()))),
    ("the truth of several elements", lambda: cr.grad(lambda x: np.sum(x) if x > 0 else 0.0)(np.ones(3))),
    ("float() of several elements", lambda: cr.grad(lambda x: np.sum(x) * float(x))(np.ones(3))),
    ("a float as an index of a list", lambda: cr.grad(lambda x: [1.0, 2.0][x] * x)(1.0)),
    ("a traced float in range()", lambda: cr.jit(lambda n: sum(range(n)))(3.0)),
]
