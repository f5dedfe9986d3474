"""Reductions: sums, products, extremes and their places, means, norms; their axes, masks and dtypes."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

# The integer parts differ, so that no two elements tie when a test casts them to int64.
V = np.array([2.5, -1.25, 4.75, 0.5])
X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])
T = np.array([[[1.5, -2.5], [3.25, 8.5], [-6.5, 9.25]], [[-4.5, 5.25], [7.75, 10.5], [11.5, -12.5]]])
ZEROS = np.array([[0.0, 2.5, -3.5], [0.0, 4.5, 0.0]])
MASK = np.array([[True, False, True], [True, True, False]])
NUMBER, EMPTY, ONE = np.array(2.5), np.zeros((2, 0)), np.array([[3.5], [-1.5]])
INTEGERS = np.array([[3, -1, 0], [7, 2, -5]], np.int8)
BYTES = np.array([[3, 200, 0], [255, 2, 17]], np.uint8)
TRUTHS = np.array([[True, False, True], [False, False, False]])


def holes(x):
    """x with NaN in place of what is above 4."""
    return np.where(x > 4, np.nan, x)


SUMS = [
    Case(f"numpy.{function.__name__}", call, arrays, note)
    for function in (np.sum, np.prod)
    for note, call, arrays in [
        ("", lambda x, f=function: f(x), (X,)),
        ("axis", lambda x, f=function: f(x, axis=0), (X,)),
        ("negative axis", lambda x, f=function: f(x, axis=-1), (T,)),
        ("axes", lambda x, f=function: f(x, axis=(0, -1)), (T,)),
        ("outer axes", lambda x, f=function: f(x, axis=(2, 0), keepdims=True), (T,)),
        ("no axes", lambda x, f=function: f(x, axis=()), (X,)),
        ("keepdims", lambda x, f=function: f(x, axis=1, keepdims=True), (X,)),
        ("dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), (X,)),
        ("initial", lambda x, f=function: f(x, axis=1, initial=1.5), (X,)),
        ("where", lambda x, f=function: f(x, axis=1, where=MASK), (X,)),
        ("where of a row", lambda x, f=function: f(x, where=MASK[0]), (X,)),
        ("where of the operand", lambda x, f=function: f(x, axis=0, where=x > 0), (X,)),
        ("number", lambda x, f=function: f(x), (NUMBER,)),
        ("number, axis", lambda x, f=function: f(x, axis=-1), (NUMBER,)),
        ("empty", lambda x, f=function: f(x, axis=1), (EMPTY,)),
        ("size 1", lambda x, f=function: f(x, axis=1), (ONE,)),
        ("zeros", lambda x, f=function: f(x, axis=1), (ZEROS,)),
        ("one zero", lambda x, f=function: f(x, axis=0), (np.array([0.0, 1.5, -2.5]),)),
    ]
]
INTEGER_SUMS = [
    Case(f"numpy.{function.__name__}", call, arrays, note, differentiable=False)
    for function in (np.sum, np.prod)
    for note, call, arrays in [
        ("int8", lambda x, f=function: f(x, axis=1), (INTEGERS,)),
        ("uint8", lambda x, f=function: f(x), (BYTES,)),
        ("bool", lambda x, f=function: f(x, axis=0), (TRUTHS,)),
        ("kept dtype", lambda x, f=function: f(x, axis=0, dtype=np.int8), (INTEGERS,)),
        ("bool dtype", lambda x, f=function: f(x, axis=1, dtype=bool), (TRUTHS,)),
        ("float to integer", lambda x, f=function: f(x, axis=1, dtype=np.int64), (X,)),
        ("integer and initial", lambda x, f=function: f(x, initial=2.7), (INTEGERS,)),
    ]
]
EXTREMES = [
    Case(f"numpy.{function.__name__}", call, arrays, note)
    for function, other in ((np.max, -np.inf), (np.min, np.inf))
    for note, call, arrays in [
        ("", lambda x, f=function: f(x), (X,)),
        ("axis", lambda x, f=function: f(x, axis=0), (X,)),
        ("axes", lambda x, f=function: f(x, axis=(-1, 0), keepdims=True), (T,)),
        ("initial", lambda x, f=function: f(x, axis=1, initial=0.25), (X,)),
        ("where", lambda x, f=function, i=other: f(x * 1.0, axis=1, where=MASK, initial=i), (X,)),
        ("where of nothing", lambda x, f=function: f(x, axis=1, where=x > 9, initial=4), (X,)),
        ("number", lambda x, f=function: f(x), (NUMBER,)),
        ("size 1", lambda x, f=function: f(x, axis=1), (ONE,)),
        ("empty with initial", lambda x, f=function: f(x, axis=1, initial=3.0), (EMPTY,)),
        ("no rows", lambda x, f=function: f(x.T, axis=1), (EMPTY,)),
    ]
]
CASES = [
    *SUMS,
    *INTEGER_SUMS,
    *EXTREMES,
    *(
        Case(f"numpy.{function.__name__}", lambda x, f=function: f(x, axis=1), (array,), note, differentiable=False)
        for function in (np.max, np.min)
        for note, array in [("int8", INTEGERS), ("uint8", BYTES), ("bool", TRUTHS)]
    ),
    Case("numpy.max", lambda x: np.max(x, axis=0, where=x > 0, initial=-7), (INTEGERS,), "int8, where", False),
    Case("numpy.min", lambda x: np.min(x, axis=0, where=x > 2, initial=127), (INTEGERS,), "int8, where", False),
    Case("numpy.max", lambda x: np.max(x, where=MASK, initial=False), (TRUTHS,), "bool, where", False),
    Case("numpy.min", lambda x: np.min(x, where=MASK, initial=True), (TRUTHS,), "bool, where", False),
    Case("numpy.max", lambda x: np.max(x, axis=1), (np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]),), "ties", False),
    Case("numpy.amax", lambda x: np.amax(x, axis=1), (X,)),
    Case("numpy.amin", lambda x: np.amin(x, axis=1), (X,)),
    Case("numpy.ptp", lambda x: np.ptp(x), (X,)),
    Case("numpy.ptp", lambda x: np.ptp(x, axis=0, keepdims=True), (X,), "axis"),
    *(
        Case(f"numpy.{function.__name__}", call, (array,), note, differentiable=False)
        for function in (np.argmax, np.argmin)
        for note, call, array in [
            ("", lambda x, f=function: f(x), X),
            ("axis", lambda x, f=function: f(x, axis=-1), T),
            ("keepdims", lambda x, f=function: f(x, axis=0, keepdims=True), X),
            ("all, keepdims", lambda x, f=function: f(x, keepdims=True), X),
            ("number", lambda x, f=function: f(x), NUMBER),
            ("ties", lambda x, f=function: f(x, axis=1), np.array([[1, 1, 0, 0], [0, 2, 0, 2]])),
            ("bool", lambda x, f=function: f(x, axis=1), TRUTHS),
        ]
    ),
    *(
        Case(f"numpy.{function.__name__}", call, (array,), note, differentiable=False)
        for function in (np.any, np.all)
        for note, call, array in [
            ("", lambda x, f=function: f(x), TRUTHS),
            ("axis", lambda x, f=function: f(x, axis=1), TRUTHS),
            ("axes", lambda x, f=function: f(x > 5, axis=(0, 2), keepdims=True), T),
            ("numbers", lambda x, f=function: f(x, axis=0), INTEGERS),
            ("floats", lambda x, f=function: f(x, axis=0), ZEROS),
            ("where", lambda x, f=function: f(x, axis=1, where=MASK), TRUTHS),
            ("empty", lambda x, f=function: f(x, axis=1), EMPTY),
        ]
    ),
    Case("numpy.count_nonzero", lambda x: np.count_nonzero(x, axis=1), (ZEROS,), "", False),
    Case("numpy.count_nonzero", lambda x: np.count_nonzero(x, axis=0, keepdims=True), (TRUTHS,), "bool", False),
    # ------------------------------------------------------------------------------------------------ ufunc.reduce
    *(
        Case(f"numpy.{ufunc.__name__}.reduce", call, (X,), note)
        for ufunc in (np.add, np.multiply, np.maximum, np.minimum)
        for note, call in [
            ("", lambda x, u=ufunc: u.reduce(x)),
            ("axis", lambda x, u=ufunc: u.reduce(x, axis=1, keepdims=True)),
            ("all", lambda x, u=ufunc: u.reduce(x, axis=None)),
            ("dtype", lambda x, u=ufunc: u.reduce(x, axis=(0, 1), dtype=np.float64)),
            ("initial", lambda x, u=ufunc: u.reduce(x, axis=1, initial=0.25)),
            ("where", lambda x, u=ufunc: u.reduce(x, axis=1, initial=1.75, where=MASK)),
        ]
    ),
    Case("numpy.add.reduce", lambda x: np.add.reduce(x, dtype=np.int8), (INTEGERS,), "int8", False),
    Case("numpy.logical_and.reduce", lambda x: np.logical_and.reduce(x), (TRUTHS,), "", False),
    Case("numpy.logical_or.reduce", lambda x: np.logical_or.reduce(x, axis=1), (INTEGERS,), "", False),
    Case("numpy.logaddexp.reduce", lambda x: np.logaddexp.reduce(x), (X,)),
    Case("numpy.logaddexp.reduce", lambda x: np.logaddexp.reduce(x, axis=None, keepdims=True), (X,), "all"),
    # --------------------------------------------------------------------------------------------- means, variances
    *(
        Case(f"numpy.{function.__name__}", call, arrays, note)
        for function in (np.mean, np.var, np.std)
        for note, call, arrays in [
            ("", lambda x, f=function: f(x), (X,)),
            ("axis", lambda x, f=function: f(x, axis=0), (X,)),
            ("axes", lambda x, f=function: f(x, axis=(0, -1), keepdims=True), (T,)),
            ("dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), (X,)),
            ("where", lambda x, f=function: f(x, axis=1, where=MASK), (X,)),
            ("where, keepdims", lambda x, f=function: f(x, axis=1, where=MASK, keepdims=True), (X,)),
        ]
    ),
    Case("numpy.mean", lambda x: np.mean(x), (NUMBER,), "number"),
    Case("numpy.mean", lambda x: np.mean(x, axis=1), (ONE,), "size 1"),
    Case("numpy.mean", lambda x: np.mean(x, axis=1), (INTEGERS,), "int8", False),
    Case("numpy.mean", lambda x: np.mean(x), (TRUTHS,), "bool", False),
    Case("numpy.mean", lambda x: np.mean(x, axis=1, dtype=np.int64), (INTEGERS,), "to integer", False),
    Case("numpy.var", lambda x: np.var(x, axis=1, ddof=1), (X,), "ddof"),
    Case("numpy.var", lambda x: np.var(x, axis=1, correction=1), (X,), "correction"),
    Case("numpy.var", lambda x: np.var(x, axis=1, ddof=0.5, where=MASK), (X,), "ddof, where"),
    Case("numpy.var", lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (X,), "mean"),
    Case("numpy.var", lambda x: np.var(x, axis=1, dtype=np.int64), (INTEGERS,), "to integer", False),
    Case("numpy.var", lambda x: np.var(x), (TRUTHS,), "bool", False),
    Case("numpy.std", lambda x: np.std(x, axis=0, ddof=1, keepdims=True), (X,), "ddof"),
    Case("numpy.average", lambda x: np.average(x, axis=1), (X,)),
    Case("numpy.average", lambda x, w: np.average(x, weights=w), (X, np.abs(X)), "weights"),
    Case(
        "numpy.average", lambda x, w: np.average(x, axis=1, weights=w), (X, np.array([1.5, 2.5, 3.5])), "row of weights"
    ),
    Case(
        "numpy.average",
        lambda x, w: np.average(x, axis=(2, 0), weights=w),
        (T, np.array([[1.5, 2.5], [3.5, 4.5]])),
        "axes",
    ),
    Case("numpy.average", lambda x, w: np.average(x, 0, w, True, keepdims=True), (X, np.abs(X)), "returned"),
    Case("numpy.average", lambda x: np.average(x, axis=1, returned=True), (X,), "returned, no weights"),
    # ----------------------------------------------------------------------------------------------- passing over NaN
    *(
        Case(f"numpy.{function.__name__}", call, (X,), note)
        for function in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin)
        for note, call in [
            ("", lambda x, f=function: f(holes(x))),
            ("axis", lambda x, f=function: f(holes(x), axis=1, keepdims=True)),
            ("no NaN", lambda x, f=function: f(x, axis=0)),
        ]
    ),
    Case("numpy.nansum", lambda x: np.nansum(holes(x), axis=1, where=MASK, initial=0.5), (X,), "where"),
    Case("numpy.nanmax", lambda x: np.nanmax(holes(x), axis=1, where=MASK, initial=-2.0), (X,), "where"),
    Case("numpy.nanvar", lambda x: np.nanvar(holes(x), axis=1, ddof=0.5), (X,), "ddof"),
    # ---------------------------------------------------------------------------------------------------------- norms
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x), (T,)),
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x), (NUMBER,), "number"),
    *(
        Case("numpy.linalg.norm", lambda x, o=order: np.linalg.norm(x, o), (V + 0.125,), f"vector {order}")
        for order in (None, 1, 2, 3, 1.5, -1, np.inf, -np.inf)
    ),
    *(
        Case("numpy.linalg.norm", lambda x, o=order: np.linalg.norm(x, o), (X,), f"matrix {order}")
        for order in ("fro", 1, -1, np.inf, -np.inf)
    ),
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x, 0, axis=1), (ZEROS,), "count", False),
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x, axis=-1, keepdims=True), (T,), "axis"),
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x, 1, axis=(2, 0)), (T,), "axes"),
    Case(
        "numpy.linalg.norm", lambda x: np.linalg.norm(x, -np.inf, axis=(0, -1), keepdims=True), (T,), "axes, keepdims"
    ),
    Case("numpy.linalg.norm", lambda x: np.linalg.norm(x, np.inf), (np.zeros(0),), "empty"),
    Case("numpy.linalg.vector_norm", lambda x: np.linalg.vector_norm(x), (T,)),
    Case(
        "numpy.linalg.vector_norm", lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3, keepdims=True), (T,), "axes"
    ),
    Case("numpy.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x), (T,)),
    Case("numpy.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x, ord=1, keepdims=True), (T,), "ord"),
    # -------------------------------------------------------------------------------------------------------- methods
    *(
        Case(f"numpy.{name}", lambda x, n=name: getattr(x, n)(axis=1), (X,), "method")
        for name in ("sum", "prod", "mean", "var", "std", "max", "min")
    ),
    *(
        Case(f"numpy.{name}", lambda x, n=name: getattr(x, n)(axis=1), (X,), "method", False)
        for name in ("argmax", "argmin", "any", "all")
    ),
]
