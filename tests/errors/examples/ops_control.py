"""Errors of the operations behind `scan`, `cond`, `while_loop` and rules of one's own, as a pass would meet them."""

import numpy as np

from chainrule.graph import OPERATIONS, Graph, Input
from chainrule.types import ArrayType

NUMBER = ArrayType((), np.dtype(np.float64))
C, X = Input(NUMBER, "c"), Input(NUMBER, "x")
STEP = Graph([C, X], [C + X, C])
ALWAYS, SAME = Graph([C], [C < 1]), Graph([C], [C])
SHAPE = {"constants": 0, "carries": 1, "length": 3, "reverse": False, "save": ()}
scan, cond, while_loop = OPERATIONS["scan"], OPERATIONS["cond"], OPERATIONS["while_loop"]

EXAMPLES = [
    ("a scan with an operand too few", lambda: scan(1.0, body=STEP, **SHAPE)),
    ("a scan over another length", lambda: scan(1.0, np.ones(4), body=STEP, **SHAPE)),
    ("a scan with a first carry of another dtype", lambda: scan(np.float32(1), np.ones(3), body=STEP, **SHAPE)),
    ("branches with different numbers of results", lambda: cond(True, 1.0, then=SAME, otherwise=Graph([C], [C, C]))),
    ("a condition with two results", lambda: while_loop(1.0, condition=STEP, body=SAME, constants=0, steps=None)),
    ("a condition that is a number", lambda: while_loop(1.0, condition=SAME, body=SAME, constants=0, steps=None)),
    ("a negative bound", lambda: while_loop(1.0, condition=ALWAYS, body=SAME, constants=0, steps=-1)),
]
