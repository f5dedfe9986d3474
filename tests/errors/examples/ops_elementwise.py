"""Errors of elementwise operations: `declare.py`, `elementwise.py`, `special.py`, `compound.py`, `activation.py`."""

from unittest import mock

import numpy as np
from scipy import special

import chainrule as cr
from chainrule.graph import OPERATIONS, apply, constant
from chainrule.ops import special as special_operations

X = np.ones(3)


def without_scipy():
    with mock.patch.object(special_operations, "_scipy_special", return_value=None):
        cr.jit(lambda x: special.digamma(x) + 0)(X)


EXAMPLES = [
    ("a number that the dtype cannot hold", lambda: cr.trace(lambda x: x + 300, np.ones(3, np.int8))),
    ("a negative number of unsigned integers", lambda: cr.trace(lambda x: x - -1, np.ones(3, np.uint8))),
    ("a dtype that the function does not take", lambda: cr.trace(lambda x: x & 1, X)),
    ("the negative of booleans", lambda: cr.trace(lambda x: -(x > 0), X)),
    ("a dtype that the function does not give", lambda: cr.trace(lambda x: np.sin(x, dtype=np.int64), X)),
    ("a special function of integers", lambda: cr.trace(lambda x: special.erf(x, dtype=np.int64), X)),
    ("where= of a ufunc", lambda: cr.trace(lambda x: np.sqrt(x, where=x > 0), X)),
    ("casting= of a ufunc", lambda: cr.trace(lambda x: np.add(x, 1, casting="no"), X)),
    ("operands that were not cast", lambda: apply(OPERATIONS["add"], (constant([1.0]), constant([1])))),
    ("a parameter that is none", lambda: OPERATIONS["polygamma"](X)),
    ("gelu with an approximation that is none", lambda: cr.nn.gelu(X, approximate="tanh")),
    ("bounds given twice", lambda: cr.trace(lambda x: np.clip(x, 0, 1, max=2), X)),
    ("a special function without scipy", without_scipy),
]
