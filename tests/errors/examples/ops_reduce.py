"""Errors of reductions: `ops/reduce.py`, `cumulative.py`, `order.py`, `norm.py`, `statistics.py`, `softmax.py`."""

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS

X, V, NONE = np.ones((2, 3)), np.ones(3), np.ones((0, 3))

EXAMPLES = [
    ("the maximum of nothing", lambda: cr.trace(np.max, NONE)),
    ("the place of the minimum of nothing", lambda: cr.trace(lambda x: np.argmin(x, axis=0), NONE)),
    ("a maximum under a mask", lambda: cr.trace(lambda x: np.max(x, where=x > 0), V)),
    ("a sum under a mask of numbers", lambda: cr.trace(lambda x: np.sum(x, where=x), V)),
    ("a sum under a larger mask", lambda: cr.trace(lambda x: np.sum(x, where=X > 0), V)),
    ("a sum from an array", lambda: cr.trace(lambda x: np.sum(x, axis=0, initial=V), X)),
    ("a sum as text", lambda: cr.trace(lambda x: np.sum(x, dtype="str"), V)),
    ("a cumulative sum without an axis", lambda: cr.trace(np.cumulative_sum, X)),
    ("a negative number of differences", lambda: cr.trace(lambda x: np.diff(x, -1), V)),
    ("differences of a number", lambda: cr.trace(np.diff, 1.0)),
    ("ends that do not fit", lambda: cr.trace(lambda x: np.ediff1d(x, to_end=0.5), np.arange(3))),
    ("a recurrence of different types", lambda: OPERATIONS["recurrence"](V, V.astype(np.float32), axis=0)),
    ("a sort of a kind that is none", lambda: cr.trace(lambda x: np.sort(x, kind="bubble"), V)),
    ("a partition around a place that is not there", lambda: cr.trace(lambda x: np.partition(x, 3), V)),
    ("a quantile above one", lambda: cr.trace(lambda x: np.quantile(x, 1.5), V)),
    ("a percentile above a hundred", lambda: cr.trace(lambda x: np.percentile(x, [50, 101]), V)),
    ("a quantile by a method that is not traced", lambda: cr.trace(lambda x: np.quantile(x, 0.5, method="hazen"), V)),
    ("the quantile of nothing", lambda: cr.trace(lambda x: np.quantile(x, 0.5, axis=0), NONE)),
    ("a norm over three axes", lambda: cr.trace(lambda x: np.linalg.norm(x, 2, axis=(0, 1, 2)), np.ones((1, 2, 3)))),
    ("a norm of matrices of a vector", lambda: cr.trace(np.linalg.matrix_norm, V)),
    ("a norm of vectors that is none", lambda: cr.trace(lambda x: np.linalg.norm(x, "fro"), V)),
    ("a norm of matrices that is none", lambda: cr.trace(lambda x: np.linalg.norm(x, 3), X)),
    ("a variance with two corrections", lambda: cr.trace(lambda x: np.var(x, ddof=1, correction=1), V)),
    ("an average with a weight too few", lambda: cr.trace(lambda x: np.average(x, weights=np.ones(2)), V)),
    ("an average with weights along another axis", lambda: cr.trace(lambda x: np.average(x, axis=0, weights=V), X)),
]
