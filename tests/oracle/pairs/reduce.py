"""Reductions: sums, products, extremes, means, norms, running sums, sorting and quantiles."""

from __future__ import annotations

import numpy as np
import torch

from tests.oracle.pairs import pair

V = np.array([2.5, -1.25, 4.75, 0.5])
X = np.array([[1.5, -2.25, 3.75], [-4.5, 5.25, 7.25]])
T = np.array([[[1.5, -2.5], [3.25, 8.5], [-6.5, 9.25]], [[-4.5, 5.25], [7.75, 10.5], [11.5, -12.5]]])
ZEROS = np.array([[0.0, 2.5, -3.5], [0.0, 4.5, 0.0]])
TIED = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
MASK = np.array([[True, False, True], [True, True, False]])
HELD = torch.tensor(MASK)
KINK = "PyTorch gives NaN; here the derivative, 0 where a norm is 0, is 0 as well"
NUMBER, EMPTY = 2.5, np.zeros((2, 0))


def holes(x):
    """x with NaN in place of what is above 4."""
    return np.where(x > 4, np.nan, x)


def torch_holes(x):
    return torch.where(x > 4, torch.nan, x)


def ones_for_nan(x):
    return torch.where(x > 4, 1.0, x)


def product_of_all(x):
    return torch.prod(x.reshape(-1), 0)


def of_numbers(function):
    """A reduction over the elements that are numbers, row by row."""
    return lambda x: torch.stack([function(row[row <= 4]) for row in x])


def variance(x, correction=0):
    return torch.var(x, correction=correction)


def deviation(x):
    return torch.std(x, correction=0)


SUMS = [
    pair("numpy.sum", lambda x: np.sum(x), torch.sum, X),
    pair("numpy.sum", lambda x: np.sum(x, axis=0), lambda x: torch.sum(x, 0), X, note="axis"),
    pair("numpy.sum", lambda x: np.sum(x, axis=(0, -1)), lambda x: torch.sum(x, (0, -1)), T, note="axes"),
    pair("numpy.sum", lambda x: x.sum(1, keepdims=True), lambda x: x.sum(1, keepdim=True), X, note="keepdims"),
    pair("numpy.sum", lambda x: np.sum(x, axis=1, where=MASK), lambda x: (x * HELD).sum(1), X, note="where"),
    pair("numpy.sum", lambda x: np.sum(x, axis=1, initial=1.5), lambda x: x.sum(1) + 1.5, X, note="initial"),
    pair("numpy.sum", lambda x: np.sum(x, axis=1), lambda x: torch.sum(x, 1), EMPTY, note="empty"),
    pair("numpy.sum", lambda x: np.sum(x), torch.sum, NUMBER, note="number"),
    pair("numpy.prod", lambda x: np.prod(x), torch.prod, X),
    pair("numpy.prod", lambda x: np.prod(x, axis=0), lambda x: torch.prod(x, 0), X, note="axis"),
    pair("numpy.prod", lambda x: np.prod(x, axis=(0, 2)), lambda x: x.prod(2).prod(0), T, note="axes"),
    pair("numpy.prod", lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, 1), ZEROS, note="zeros"),
    pair("numpy.prod", lambda x: np.prod(x), torch.prod, ZEROS, note="zeros, all"),
    pair("numpy.prod", np.prod, torch.prod, [0.0, 0.0, 0.0, 2.0], note="three zeros"),
    pair(
        "numpy.prod",
        lambda x: np.prod(x, axis=1, where=MASK),
        lambda x: torch.where(HELD, x, 1.0).prod(1),
        X,
        note="where",
    ),
    pair("numpy.prod", lambda x: np.prod(x, axis=1), lambda x: torch.prod(x, 1), EMPTY, note="empty"),
    pair("numpy.add.reduce", np.add.reduce, lambda x: torch.sum(x, 0), X),
    pair("numpy.multiply.reduce", np.multiply.reduce, lambda x: torch.prod(x, 0), X),
    pair("numpy.logaddexp.reduce", np.logaddexp.reduce, lambda x: torch.logsumexp(x, 0), X),
    pair("numpy.nansum", lambda x: np.nansum(holes(x), axis=1), lambda x: torch.nansum(torch_holes(x), 1), X),
    pair("numpy.nanprod", lambda x: np.nanprod(holes(x), axis=1), lambda x: torch.prod(ones_for_nan(x), 1), X),
]
EXTREMES = [
    *(
        pair(f"numpy.{ours.__name__}", call, other, array, note=note)
        for ours, theirs in ((np.max, torch.amax), (np.min, torch.amin))
        for note, call, other, array in [
            ("", lambda x, f=ours: f(x), lambda x, f=theirs: f(x), X),
            ("axis", lambda x, f=ours: f(x, axis=0), lambda x, f=theirs: f(x, 0), X),
            ("axes", lambda x, f=ours: f(x, axis=(0, 2), keepdims=True), lambda x, f=theirs: f(x, (0, 2), True), T),
            ("ties", lambda x, f=ours: f(x, axis=1), lambda x, f=theirs: f(x, 1), TIED),
            ("ties, all", lambda x, f=ours: f(x), lambda x, f=theirs: f(x), TIED),
        ]
    ),
    pair("numpy.amax", lambda x: np.amax(x, axis=1), lambda x: torch.amax(x, 1), X),
    pair("numpy.amin", lambda x: np.amin(x, axis=1), lambda x: torch.amin(x, 1), X),
    pair("numpy.maximum.reduce", np.maximum.reduce, lambda x: torch.amax(x, 0), X),
    pair("numpy.minimum.reduce", np.minimum.reduce, lambda x: torch.amin(x, 0), X),
    pair("numpy.ptp", lambda x: np.ptp(x, axis=0), lambda x: torch.amax(x, 0) - torch.amin(x, 0), X),
    pair("numpy.nanmax", lambda x: np.nanmax(holes(x), axis=1), of_numbers(torch.amax), X),
    pair("numpy.nanmin", lambda x: np.nanmin(holes(x), axis=1), of_numbers(torch.amin), X),
]
MEANS = [
    pair("numpy.mean", lambda x: np.mean(x), torch.mean, X),
    pair("numpy.mean", lambda x: np.mean(x, axis=(0, 2)), lambda x: torch.mean(x, (0, 2)), T, note="axes"),
    pair(
        "numpy.mean",
        lambda x: np.mean(x, axis=1, where=MASK),
        lambda x: (x * HELD).sum(1) / HELD.sum(1),
        X,
        note="where",
    ),
    pair("numpy.var", lambda x: np.var(x), variance, X),
    pair("numpy.var", lambda x: np.var(x, axis=1, ddof=1), lambda x: torch.var(x, 1), X, note="ddof"),
    pair("numpy.var", lambda x: np.var(x, axis=(0, 2)), lambda x: torch.var(x, (0, 2), correction=0), T, note="axes"),
    pair("numpy.var", lambda x: np.var(x, axis=1), lambda x: torch.var(x, 1, correction=0), TIED, note="ties"),
    pair("numpy.std", lambda x: np.std(x), deviation, X),
    pair(
        "numpy.std",
        lambda x: np.std(x, axis=0, ddof=1, keepdims=True),
        lambda x: torch.std(x, 0, keepdim=True),
        X,
        note="ddof",
    ),
    pair("numpy.std", lambda x: np.std(x, axis=1), lambda x: torch.std(x, 1, correction=0), TIED[1:], note="equal"),
    pair(
        "numpy.average",
        lambda x, w: np.average(x, axis=1, weights=w),
        lambda x, w: (x * w).sum(1) / w.sum(),
        X,
        [1.5, 2.5, 3.5],
    ),
    pair("numpy.nanmean", lambda x: np.nanmean(holes(x), axis=1), lambda x: torch.nanmean(torch_holes(x), 1), X),
    pair("numpy.nanvar", lambda x: np.nanvar(holes(x), axis=1), of_numbers(variance), X),
    pair("numpy.nanstd", lambda x: np.nanstd(holes(x), axis=1), of_numbers(deviation), X),
]
NORMS = [
    pair("numpy.linalg.norm", lambda x: np.linalg.norm(x), torch.linalg.vector_norm, T),
    *(
        pair(
            "numpy.linalg.norm",
            lambda x, o=o: np.linalg.norm(x, o),
            lambda x, o=o: torch.linalg.norm(x, o),
            V,
            note=f"vector {o}",
        )
        for o in (None, 1, 2, 3, 1.5, -1, np.inf, -np.inf)
    ),
    *(
        pair(
            "numpy.linalg.norm",
            lambda x, o=o: np.linalg.norm(x, o),
            lambda x, o=o: torch.linalg.norm(x, o),
            X,
            note=f"matrix {o}",
        )
        for o in ("fro", 1, -1, np.inf, -np.inf, "nuc", 2, -2)
    ),
    pair(
        "numpy.linalg.norm", lambda x: np.linalg.norm(x, 1), lambda x: torch.linalg.norm(x, 1), ZEROS[0], note="1 at 0"
    ),
    pair(
        "numpy.linalg.norm",
        lambda x: np.linalg.norm(x, np.inf),
        lambda x: torch.linalg.norm(x, torch.inf),
        [2.0, -2.0, 1.0],
        note="infinity, ties",
    ),
    pair("numpy.linalg.norm", np.linalg.norm, torch.linalg.norm, [0.0, 0.0], note="of zeros", second=KINK),
    pair(
        "numpy.linalg.norm", lambda x: np.linalg.norm(x, 3), lambda x: torch.linalg.norm(x, 3), ZEROS[0], note="3 at 0"
    ),
    pair(
        "numpy.linalg.norm",
        lambda x: np.linalg.norm(x, axis=-1),
        lambda x: torch.linalg.norm(x, dim=-1),
        T,
        note="axis",
    ),
    pair(
        "numpy.linalg.vector_norm",
        lambda x: np.linalg.vector_norm(x, axis=(0, 2), ord=3),
        lambda x: torch.linalg.vector_norm(x, 3, (0, 2)),
        T,
    ),
    pair("numpy.linalg.matrix_norm", lambda x: np.linalg.matrix_norm(x), torch.linalg.matrix_norm, T),
    pair(
        "numpy.linalg.matrix_norm",
        lambda x: np.linalg.matrix_norm(x, ord=1),
        lambda x: torch.linalg.matrix_norm(x, 1),
        T,
        note="ord",
    ),
]
RUNNING = [
    pair("numpy.cumsum", lambda x: np.cumsum(x, axis=1), lambda x: torch.cumsum(x, 1), X),
    pair("numpy.cumsum", lambda x: np.cumsum(x), lambda x: torch.cumsum(x.reshape(-1), 0), X, note="flat"),
    pair("numpy.cumprod", lambda x: np.cumprod(x, axis=1), lambda x: torch.cumprod(x, 1), X),
    pair("numpy.cumprod", lambda x: np.cumprod(x, axis=1), lambda x: torch.cumprod(x, 1), ZEROS, note="zeros"),
    pair("numpy.cumprod", np.cumprod, lambda x: torch.cumprod(x, 0), [0.0, 0.0, 0.0, 2.0], note="three zeros"),
    pair("numpy.add.accumulate", np.add.accumulate, lambda x: torch.cumsum(x, 0), X),
    pair("numpy.multiply.accumulate", np.multiply.accumulate, lambda x: torch.cumprod(x, 0), X),
    pair(
        "numpy.maximum.accumulate", lambda x: np.maximum.accumulate(x, axis=1), lambda x: torch.cummax(x, 1).values, X
    ),
    pair(
        "numpy.minimum.accumulate", lambda x: np.minimum.accumulate(x, axis=1), lambda x: torch.cummin(x, 1).values, X
    ),
    pair("numpy.cumulative_sum", lambda x: np.cumulative_sum(x, axis=1), lambda x: torch.cumsum(x, 1), X),
    pair("numpy.cumulative_prod", lambda x: np.cumulative_prod(x, axis=0), lambda x: torch.cumprod(x, 0), X),
    pair(
        "numpy.nancumsum",
        lambda x: np.nancumsum(holes(x), axis=1),
        lambda x: torch.nan_to_num(torch_holes(x)).cumsum(1),
        X,
    ),
    pair("numpy.nancumprod", lambda x: np.nancumprod(holes(x), axis=1), lambda x: ones_for_nan(x).cumprod(1), X),
    pair("numpy.diff", lambda x: np.diff(x), torch.diff, X),
    pair(
        "numpy.diff",
        lambda x: np.diff(x, n=2, prepend=x[:, :1] ** 2),
        lambda x: torch.diff(x, 2, prepend=x[:, :1] ** 2),
        X,
        note="second, prepend",
    ),
    pair("numpy.ediff1d", np.ediff1d, lambda x: torch.diff(x.reshape(-1)), X),
    pair(
        "numpy.trapezoid", lambda y: np.trapezoid(y, dx=0.25, axis=0), lambda y: torch.trapezoid(y, dx=0.25, dim=0), X
    ),
    pair(
        "numpy.trapezoid",
        lambda y, x: np.trapezoid(y, x),
        lambda y, x: torch.trapezoid(y, x),
        X,
        [1.5, 2.0, 4.5],
        note="places",
    ),
]
ORDER = [
    pair("numpy.sort", lambda x: np.sort(x), lambda x: torch.sort(x).values, X),
    pair("numpy.sort", lambda x: np.sort(x, axis=0), lambda x: torch.sort(x, 0).values, X, note="axis"),
    pair("numpy.sort", np.sort, lambda x: torch.sort(x, stable=True).values, TIED, note="ties"),
    pair("numpy.partition", lambda x: np.partition(x, 2)[:, 2], lambda x: torch.kthvalue(x, 3).values, X),
    pair("numpy.median", lambda x: np.median(x), lambda x: torch.quantile(x, 0.5), X),
    pair("numpy.median", lambda x: np.median(x, axis=1), lambda x: torch.median(x, 1).values, X, note="odd"),
    pair("numpy.quantile", lambda x: np.quantile(x, 0.3), lambda x: torch.quantile(x, 0.3), X),
    pair(
        "numpy.quantile",
        lambda x: np.quantile(x, [0.1, 0.45, 1.0], axis=0),
        lambda x: torch.quantile(x, torch.tensor([0.1, 0.45, 1.0], dtype=torch.float64), 0),
        X,
        note="axis",
    ),
    pair(
        "numpy.quantile",
        lambda x, q: np.quantile(x, q, axis=1),
        lambda x, q: torch.quantile(x, q, 1),
        X,
        [0.3, 0.8],
        note="traced q",
    ),
    pair("numpy.percentile", lambda x: np.percentile(x, 30, axis=1), lambda x: torch.quantile(x, 0.3, 1), X),
    pair("numpy.unique", np.unique, lambda x: torch.sort(x.reshape(-1)).values, X),
]
PAIRS = [*SUMS, *EXTREMES, *MEANS, *NORMS, *RUNNING, *ORDER]
