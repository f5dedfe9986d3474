"""Sorting, medians and quantiles."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

V = np.array([2.5, -1.25, 4.75, 0.5])
X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])
T = np.array([[[1.5, -2.5], [3.25, 8.5], [-6.5, 9.25]], [[-4.5, 5.25], [7.75, 10.5], [11.5, -12.5]]])
NUMBER = np.array(2.5)
INTEGERS = np.array([[3, -1, 0], [7, 2, -5]], np.int8)

CASES = [
    Case("numpy.sort", lambda x: np.sort(x), (X,)),
    Case("numpy.sort", lambda x: np.sort(x, axis=0), (X,), "axis"),
    Case("numpy.sort", lambda x: np.sort(x, axis=None), (T,), "all"),
    Case("numpy.sort", lambda x: np.sort(x, kind="mergesort"), (V,), "kind"),
    Case("numpy.sort", lambda x: np.sort(x, stable=True), (INTEGERS,), "int8", False),
    Case("numpy.sort", lambda x: np.sort(x, axis=1), (np.zeros((2, 0)),), "empty"),
    Case("numpy.argsort", lambda x: np.argsort(x), (X,), "", False),
    Case("numpy.argsort", lambda x: np.argsort(x, axis=0), (INTEGERS,), "axis", False),
    Case(
        "numpy.argsort", lambda x: np.argsort(x, axis=None, kind="stable"), (np.array([[2, 1], [1, 2]]),), "ties", False
    ),
    Case("numpy.argsort", lambda x: np.argsort(x), (NUMBER,), "number", False),
    Case("numpy.argsort", lambda x: x.argsort(axis=0), (X,), "method", False),
    Case("numpy.partition", lambda x: np.partition(x, 2)[:, 2], (X,)),
    Case("numpy.partition", lambda x: np.partition(x, (1, -1), axis=None)[1], (X,), "all"),
    Case("numpy.argpartition", lambda x: np.argpartition(x, 1, axis=0)[1], (X,), "", False),
    Case("numpy.median", lambda x: np.median(x), (X,)),
    Case("numpy.median", lambda x: np.median(x, axis=1), (X,), "odd"),
    Case("numpy.median", lambda x: np.median(x, axis=0, keepdims=True), (X,), "even"),
    Case("numpy.median", lambda x: np.median(x, axis=(0, -1)), (T,), "axes"),
    Case("numpy.median", lambda x: np.median(x), (NUMBER,), "number"),
    Case("numpy.median", lambda x: np.median(x, axis=1), (INTEGERS,), "int8", False),
    Case("numpy.quantile", lambda x: np.quantile(x, 0.3), (X,)),
    Case("numpy.quantile", lambda x: np.quantile(x, [0.1, 0.45, 1.0], axis=0), (X,), "axis"),
    Case(
        "numpy.quantile", lambda x: np.quantile(x, np.array([[0.25], [0.6]]), axis=(0, 2), keepdims=True), (T,), "axes"
    ),
    Case("numpy.quantile", lambda x: np.quantile(x, 0.75), (NUMBER,), "number"),
    Case("numpy.quantile", lambda x, q: np.quantile(x, q, axis=1), (X, np.array([0.3, 0.8])), "traced q"),
    Case("numpy.quantile", lambda x: np.quantile(x, 1, axis=1), (X,), "integer q"),
    Case("numpy.quantile", lambda x: np.quantile(x, [0, 1], axis=1), (INTEGERS,), "integers alone", False),
    Case("numpy.quantile", lambda x: np.quantile(x, 0.35, axis=1), (INTEGERS,), "int8", False),
    Case("numpy.percentile", lambda x: np.percentile(x, 30, axis=1), (X,)),
    Case("numpy.percentile", lambda x: np.percentile(x, [5, 62.5], axis=1, keepdims=True), (X,), "keepdims"),
]
