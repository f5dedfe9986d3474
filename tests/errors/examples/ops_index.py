"""Errors of indices: `ops/index.py`, `rows.py`, `assign.py`, `lookup.py`, `settings.py`."""

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS

X, V = np.ones((2, 3)), np.ones(3)


def assigned(value, index=slice(None)):
    """Write a value into an array made inside a traced function."""

    def function(x):
        y = x + 0
        y[index] = value
        return y

    return cr.trace(function, V)


EXAMPLES = [
    ("an index beyond the end", lambda: cr.trace(lambda x: x[3], V)),
    ("an index into an empty axis", lambda: cr.trace(lambda x: x[0], V[:0])),
    ("an index too many", lambda: cr.trace(lambda x: x[0, 0], V)),
    ("two ellipses", lambda: cr.trace(lambda x: x[..., ...], X)),
    ("a float as an index", lambda: cr.trace(lambda x: x[1.0], V)),
    ("an array of floats as an index", lambda: cr.trace(lambda x: x[np.array([0.0])], V)),
    ("a traced float as an index", lambda: cr.trace(lambda x: x[x], V)),
    ("text as an index", lambda: cr.trace(lambda x: x["a"], V)),
    ("a slice with a float", lambda: cr.trace(lambda x: x[0:1.5], V)),
    ("a slice with a step of zero", lambda: cr.trace(lambda x: x[::0], V)),
    ("a mask of another shape", lambda: cr.trace(lambda x: x[np.array([True, False])], V)),
    ("a traced index beyond the end", lambda: cr.jit(lambda x, i: x[i])(V, np.array([0, 7]))),
    ("index arrays that do not broadcast", lambda: cr.trace(lambda x: x[np.array([0, 1]), np.array([0, 1, 2])], X)),
    ("assignment of another shape", lambda: assigned(np.ones(2))),
    ("assignment beyond the end", lambda: assigned(1.0, 3)),
    ("searchsorted in a matrix", lambda: cr.trace(lambda x: np.searchsorted(x, 1.0), X)),
    ("searchsorted on a side that is none", lambda: cr.trace(lambda x: np.searchsorted(x, 1.0, side="middle"), V)),
    ("digitize by bins that are not sorted", lambda: cr.trace(lambda x: np.digitize(x, np.array([1.0, 3.0, 2.0])), V)),
    ("interp between points of different numbers", lambda: cr.trace(lambda x: np.interp(x, V, np.ones(2)), V)),
    ("select with a choice too few", lambda: cr.trace(lambda x: np.select([x > 0, x < 0], [x]), V)),
    ("select by numbers", lambda: cr.trace(lambda x: np.select([x], [x]), V)),
    ("bincount of floats", lambda: cr.trace(np.bincount, V)),
    ("bincount of negative integers", lambda: cr.trace(np.bincount, np.array([0, -1]))),
    ("bincount with a weight too few", lambda: cr.trace(lambda w: np.bincount(np.array([0, 1, 1]), w), np.ones(2))),
    ("a setting that is no integer", lambda: cr.trace(lambda x: np.roll(x, 1.5), V)),
    ("a traced float as a setting", lambda: cr.trace(lambda x: np.roll(x, x[0]), V)),
    ("gather by floats", lambda: OPERATIONS["gather"](V, np.zeros(2))),
    ("gather from a number", lambda: OPERATIONS["gather"](1.0, np.zeros(2, int))),
    ("scatter_add of other rows", lambda: OPERATIONS["scatter_add"](np.zeros(2, int), V, length=3)),
    ("a count of places beyond the mask", lambda: OPERATIONS["nonzero"](V > 0, count=4)),
    ("a check of an index that is a float", lambda: OPERATIONS["check_index"](V, axis=0, shape=(3,))),
    ("the last writer of a number", lambda: OPERATIONS["last_writer"](np.int64(0), length=3)),
    ("a search in a single row", lambda: OPERATIONS["searchsorted"](V, V, side="left")),
    ("a search of rows on a side that is none", lambda: OPERATIONS["searchsorted"](X, X, side="middle")),
]
