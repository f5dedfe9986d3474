"""Errors of `types/` and `pytree.py`: shapes, axes, dtypes, containers."""

import numpy as np

import chainrule as cr
from chainrule.types import ArrayType

EXAMPLES = [
    ("complex numbers", lambda: cr.grad(lambda x: x * x)(1j)),
    ("half precision", lambda: cr.grad(np.sum)(np.ones(3, np.float16))),
    ("objects", lambda: cr.jit(np.sin)(np.array([1, "a"], object))),
    ("text as an array", lambda: cr.jit(np.sin)(np.array(["a"]))),
    ("a masked array", lambda: cr.jit(np.sin)(np.ma.masked_array([1.0, 2.0], [False, True]))),
    ("a cast to complex numbers", lambda: cr.trace(lambda x: x.astype(complex), np.ones(2))),
    ("a cast to no dtype", lambda: cr.trace(lambda x: x.astype("floot"), np.ones(2))),
    ("shapes that do not broadcast", lambda: cr.trace(lambda x: x + np.ones(3), np.ones((2, 2)))),
    ("three shapes that do not broadcast", lambda: cr.trace(lambda x: np.where(x > 0, x, np.ones((4, 3))), np.ones(2))),
    ("an axis that is not there", lambda: cr.trace(lambda x: np.sum(x, axis=2), np.ones((2, 3)))),
    ("an axis of a number", lambda: cr.trace(lambda x: np.roll(x, 1, axis=0), 1.0)),
    ("an axis that is no integer", lambda: cr.trace(lambda x: np.sum(x, axis=1.5), np.ones((2, 3)))),
    ("an axis twice", lambda: cr.trace(lambda x: np.sum(x, axis=(0, -2)), np.ones((2, 3)))),
    ("the text of a type", lambda: ArrayType.parse("float31[2]")),
    ("trees of different structure", lambda: cr.tree_map(lambda a, b: a + b, {"w": 1, "b": 2}, {"w": 1, "c": 2})),
]
