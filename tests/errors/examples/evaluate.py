"""Errors of `evaluate/`: values for a graph, and exact arithmetic where no fraction is."""

from fractions import Fraction

import numpy as np

import chainrule as cr
from chainrule.evaluate import exact_arithmetic
from chainrule.graph import Graph, Input
from chainrule.types import ArrayType

NUMBER = ArrayType((), np.dtype(np.float64))


def exactly(function, *values):
    """Trace a function at these values, and evaluate it in fractions."""
    return cr.evaluate_exactly(cr.trace(function, *map(float, values)), *values)


def free_input():
    x, y = Input(NUMBER, "x"), Input(NUMBER, "y")
    cr.evaluate(Graph([x], [x + y]), 1.0)


EXAMPLES = [
    ("a value too few", lambda: cr.evaluate(cr.trace(lambda x, y: x + y, 1.0, 2.0), 1.0)),
    ("a function in place of a graph", lambda: cr.evaluate(np.square, 1.0)),
    ("a value of another shape", lambda: cr.evaluate(cr.trace(np.sin, np.ones(2)), np.ones(3))),
    ("a value that is no number", lambda: cr.evaluate(cr.trace(np.sin, 1.0), "one")),
    ("a value of another kind", lambda: cr.evaluate(cr.trace(np.square, 1), 1.5)),
    ("a fraction too many", lambda: cr.evaluate_exactly(cr.trace(np.square, 1.0), 1, 2)),
    ("an input that the graph does not have", free_input),
    ("a sine", lambda: exactly(np.sin, 1)),
    ("a root that is not rational", lambda: exactly(np.sqrt, 2)),
    ("a power that is not rational", lambda: exactly(np.power, 2, Fraction(1, 2))),
    ("infinity", lambda: exactly(np.square, float("inf"))),
    ("a logarithm", lambda: exactly(np.log, 2)),
    ("a word without exact meaning", lambda: exact_arithmetic.sin(1)),
    ("a function known at points alone", lambda: exactly(np.arctan2, 1, 2)),
]
