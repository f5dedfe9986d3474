"""Running sums, products and extremes; differences; the trapezoid rule."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

V = np.array([2.5, -1.25, 4.75, 0.5])
X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])
ZEROS = np.array([[0.0, 2.5, -3.5, 1.5], [1.5, 0.0, 2.5, 0.0]])
NUMBER, EMPTY = np.array(2.5), np.zeros((2, 0))
INTEGERS = np.array([[3, -1, 0], [7, 2, -5]], np.int8)
TRUTHS = np.array([[True, False, True], [False, False, False]])


def holes(x):
    """x with NaN in place of what is above 4."""
    return np.where(x > 4, np.nan, x)


CASES = [
    *(
        Case(f"numpy.{function.__name__}", call, (array,), note)
        for function in (np.cumsum, np.cumprod)
        for note, call, array in [
            ("", lambda x, f=function: f(x), X),
            ("axis", lambda x, f=function: f(x, axis=0), X),
            ("negative axis", lambda x, f=function: f(x, axis=-1), X),
            ("dtype", lambda x, f=function: f(x, axis=1, dtype=np.float64), X),
            ("number", lambda x, f=function: f(x), NUMBER),
            ("number, axis", lambda x, f=function: f(x, axis=0), NUMBER),
            ("empty", lambda x, f=function: f(x, axis=1), EMPTY),
            ("zeros", lambda x, f=function: f(x, axis=1), ZEROS),
        ]
    ),
    *(
        Case(f"numpy.{function.__name__}", call, (array,), note, False)
        for function in (np.cumsum, np.cumprod)
        for note, call, array in [
            ("int8", lambda x, f=function: f(x, axis=1), INTEGERS),
            ("kept dtype", lambda x, f=function: f(x, axis=1, dtype=np.int8), INTEGERS),
            ("bool", lambda x, f=function: f(x), TRUTHS),
        ]
    ),
    Case("numpy.cumsum", lambda x: x.cumsum(axis=1), (X,), "method"),
    Case("numpy.cumprod", lambda x: x.cumprod(axis=1), (X,), "method"),
    Case("numpy.cumulative_sum", lambda x: np.cumulative_sum(x), (V,)),
    Case("numpy.cumulative_sum", lambda x: np.cumulative_sum(x, axis=1, include_initial=True), (X,), "initial"),
    Case("numpy.cumulative_prod", lambda x: np.cumulative_prod(x, axis=0, include_initial=True), (X,), "initial"),
    Case("numpy.cumulative_prod", lambda x: np.cumulative_prod(x), (NUMBER,), "number"),
    Case("numpy.nancumsum", lambda x: np.nancumsum(holes(x), axis=1), (X,)),
    Case("numpy.nancumprod", lambda x: np.nancumprod(holes(x), axis=1), (X,)),
    *(
        Case(f"numpy.{ufunc.__name__}.accumulate", call, (X,), note)
        for ufunc in (np.add, np.multiply, np.maximum, np.minimum)
        for note, call in [
            ("", lambda x, u=ufunc: u.accumulate(x)),
            ("axis", lambda x, u=ufunc: u.accumulate(x, axis=1)),
        ]
    ),
    Case("numpy.add.accumulate", lambda x: np.add.accumulate(x, dtype=np.int64), (INTEGERS,), "dtype", False),
    Case("numpy.maximum.accumulate", lambda x: np.maximum.accumulate(x, axis=1), (INTEGERS,), "int8", False),
    Case("numpy.minimum.accumulate", lambda x: np.minimum.accumulate(x, axis=1), (EMPTY,), "empty"),
    Case("numpy.diff", lambda x: np.diff(x), (X,)),
    Case("numpy.diff", lambda x: np.diff(x, n=2, axis=-1), (X,), "second"),
    Case("numpy.diff", lambda x: np.diff(x, n=0), (X,), "none"),
    Case("numpy.diff", lambda x: np.diff(x, n=5), (X,), "more than there are"),
    Case("numpy.diff", lambda x: np.diff(x, axis=0, prepend=1.5, append=x), (X,), "ends"),
    Case("numpy.diff", lambda x: np.diff(x), (TRUTHS,), "bool", False),
    Case("numpy.ediff1d", lambda x: np.ediff1d(x), (X,)),
    Case("numpy.ediff1d", lambda x: np.ediff1d(x, to_end=[1, 2], to_begin=7), (X,), "ends"),
    Case("numpy.trapezoid", lambda y: np.trapezoid(y), (X,)),
    Case("numpy.trapezoid", lambda y: np.trapezoid(y, dx=0.25, axis=0), (X,), "dx"),
    Case("numpy.trapezoid", lambda y, x: np.trapezoid(y, x), (X, np.array([1.5, 2.0, 4.5])), "places"),
    Case("numpy.trapezoid", lambda y, x: np.trapezoid(y, x, axis=0), (X, np.array([1.5, 4.5])), "places, axis"),
    Case("numpy.trapezoid", lambda y, x: np.trapezoid(y, x), (X, X**2), "places of each"),
]
