"""Scores of predictions: R², root mean square error, accuracy, log loss."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DataError, ShapeError


def r2(truth: Any, predicted: Any) -> float:
    """The share of the truth's variance that the predictions explain: 1 is perfect, 0 as good as the truth's mean.

    Both have the shape (n,). It is below 0 for predictions worse than the mean, and NaN where the truth is
    constant, since there is then no variance to explain. Raises `ShapeError` for unequal shapes and `DataError` for
    no rows.

    Source: the coefficient of determination, 1 - SS_res / SS_tot (Draper, Smith, Applied Regression Analysis, 3rd ed.).

    >>> r2([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]), r2([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])
    (1.0, 0.0)
    """
    values, guesses = _pair("r2", truth, predicted)
    spread = 0.0 if values.min() == values.max() else root_mean_square(values - values.mean())
    return 1.0 - (root_mean_square(values - guesses) / spread) ** 2 if spread else float("nan")


def rmse(truth: Any, predicted: Any) -> float:
    """The root of the mean squared error, in the unit of the target. Shapes (n,); errors as for `r2`.

    >>> rmse([1.0, 2.0], [4.0, 5.0])
    3.0
    """
    values, guesses = _pair("rmse", truth, predicted)
    return root_mean_square(values - guesses)


def accuracy(truth: Any, predicted: Any) -> float:
    """The share of rows whose class, or its number, is predicted. Shapes (n,); errors as for `r2`.

    >>> accuracy(["a", "b", "b", "a"], ["a", "b", "a", "a"])
    0.75
    """
    values, guesses = np.asarray(truth), np.asarray(predicted)
    _check_rows("accuracy", values, guesses)
    return float(np.mean(values == guesses))


def log_loss(truth: Any, probabilities: Any) -> float:
    """The mean of -log p over rows, in nats, where p is the probability that was given to the true class.

    `truth` (n,) holds class numbers from 0, `probabilities` (n, k) their probabilities, each row with the sum 1.
    A probability below the dtype's `eps` counts as `eps`, so that one zero does not make the score infinite. Raises
    `ShapeError` for shapes that do not fit, and `DataError` for no rows, numbers that are no classes, or rows that
    are no probabilities.

    Source: Good (1952), Rational decisions, Journal of the Royal Statistical Society B 14: the logarithmic score.

    >>> round(log_loss([0, 1], [[0.5, 0.5], [0.5, 0.5]]), 6)
    0.693147
    """
    numbers, table = np.asarray(truth), np.asarray(probabilities)
    if numbers.ndim != 1 or table.ndim != 2 or len(table) != len(numbers):
        raise ShapeError(
            "log_loss",
            expected="the shapes (n,) and (n, k)",
            got=f"{numbers.shape} and {table.shape}",
            remedy="Give a class number and a row of probabilities for each row.",
        )
    _require_rows("log_loss", numbers)
    if numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= table.shape[1]:
        raise DataError(
            "log_loss",
            expected=f"class numbers from 0 to {table.shape[1] - 1}",
            got=f"{numbers.dtype} from {numbers.min()} to {numbers.max()}",
            remedy="Give the place of each row's class in the list of classes.",
        )
    smallest = np.finfo(table.dtype).eps if table.dtype.kind == "f" else np.finfo(np.float64).eps
    sums = table.sum(axis=1, dtype=np.float64)
    wrong = np.flatnonzero(~((table.min(axis=1) >= 0) & (np.abs(sums - 1) <= np.sqrt(smallest))))
    if wrong.size:
        raise DataError(
            "log_loss",
            expected="probabilities from 0 with the sum 1 in each row",
            got=f"{table[wrong[0]].tolist()} in row {wrong[0] + 1}",
            remedy="Apply softmax to the scores first.",
        )
    given = table[np.arange(len(numbers)), numbers].astype(np.float64)
    return float(-np.mean(np.log(np.clip(given, smallest, 1.0))))


def root_mean_square(values: np.ndarray) -> float:
    """The root of the mean of squares of values (n,), scaled first, so that no square overflows or vanishes.

    >>> root_mean_square(np.array([3e200, 4e200])) / 1e200
    3.5355...
    """
    peak = float(np.max(np.abs(values)))
    return peak * float(np.sqrt(np.mean((values / peak) ** 2))) if 0 < peak < np.inf else peak


def _pair(operation: str, truth: Any, predicted: Any) -> tuple[np.ndarray, np.ndarray]:
    values, guesses = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    _check_rows(operation, values, guesses)
    return values, guesses


def _check_rows(operation: str, values: np.ndarray, guesses: np.ndarray) -> None:
    if values.ndim != 1 or values.shape != guesses.shape:
        raise ShapeError(
            operation,
            expected="two arrays of one shape (n,)",
            got=f"{values.shape} and {guesses.shape}",
            remedy="Give one value and one prediction for each row.",
        )
    _require_rows(operation, values)


def _require_rows(operation: str, values: np.ndarray) -> None:
    if not values.size:
        raise DataError(operation, expected="at least one row", got="0 rows", remedy="Hold some rows out to test on.")
