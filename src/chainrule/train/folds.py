"""Folds of a data set: which rows each of many models trains on, and which it is validated on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError

Rows = np.ndarray | None


def rows_of_folds(folds: Sequence[Any], count: int, validation: Any) -> tuple[np.ndarray, Rows]:
    """(rows to train on, rows to validate on), int64 with a row a fold; None where folds do not name the latter.

    Args:
        folds: for each model the numbers of rows to train on, or a pair of these and of those to validate on.
        count: the rows that there are.
        validation: what else there is to validate on, which must be nothing where folds are pairs.

    Raises:
        ArgumentError: a fold holds no numbers of rows; folds differ in length, or in being pairs.

    >>> rows_of_folds([([0, 1], [2]), ([1, 2], [0])], 3, None)
    (array([[0, 1],
           [1, 2]]), array([[2],
           [0]]))
    """
    pairs = [isinstance(fold, tuple) and len(fold) == 2 for fold in folds]
    if any(pairs) and not (all(pairs) and validation is None):
        raise ArgumentError(
            "fit_many",
            expected="folds that are all pairs, without other validation, or all rows to train on",
            got=f"{sum(pairs)} pairs of {len(folds)} and validation={'None' if validation is None else 'given'}",
            remedy="Give (rows to train on, rows to validate on) for each model, or the rows to train on alone.",
        )
    if not any(pairs):
        return _stacked(folds, count), None
    return _stacked([fold[0] for fold in folds], count), _stacked([fold[1] for fold in folds], count)


def _stacked(parts: Sequence[Any], count: int) -> np.ndarray:
    rows = [np.asarray(part) for part in parts]
    for k, part in enumerate(rows):
        if part.ndim != 1 or part.dtype.kind not in "iu" or not len(part) or part.min() < 0 or part.max() >= count:
            raise ArgumentError(
                "fit_many",
                expected=f"folds of numbers of rows, from 0 to {count - 1}",
                got=f"{parts[k]!r} in fold {k}",
                remedy="Give integers; np.flatnonzero(mask) makes them of a mask.",
            )
    if len({len(part) for part in rows}) > 1:
        raise ArgumentError(
            "fit_many",
            expected="folds of equally many rows",
            got=", ".join(str(len(part)) for part in rows),
            remedy="Leave some rows out of the larger folds, so that all models take the same steps.",
        )
    return np.stack(rows).astype(np.int64)
