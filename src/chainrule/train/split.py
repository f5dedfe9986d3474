"""Rows to learn from and rows to test on: drawn by the seed, in proportion for each class."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from numbers import Real

import numpy as np

from chainrule.errors import ArgumentError, DataError, ShapeError


def split_rows(
    n: int, fraction: float, seed: int, strata: np.ndarray | Sequence[object] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The rows 0 to n - 1 in two parts, each in ascending order: those to learn from, and `fraction` of them held out.

    Each part has at least one row. `strata`: a class for each row; then each class is held out in proportion (by
    largest remainders), and each keeps at least one row to learn from. Equal arguments give equal parts: rows
    are ordered by the uniform numbers of `numpy.random.Generator(numpy.random.Philox(seed))`.

    Raises `ArgumentError` for a fraction outside 0 to 1 or a seed that is not an integer from 0, `DataError` where
    the rows do not suffice, and `ShapeError` where `strata` does not have one entry for each row.

    >>> learn, test = split_rows(10, 0.3, seed=1)
    >>> len(learn), len(test), sorted({*learn.tolist(), *test.tolist()}) == list(range(10))
    (7, 3, True)
    >>> _, test = split_rows(6, 0.5, seed=1, strata=["a", "a", "a", "a", "b", "b"])
    >>> int(sum(test < 4)), int(sum(test >= 4))
    (2, 1)
    """
    if not isinstance(fraction, Real) or not 0 < fraction < 1:
        raise ArgumentError(
            "split_rows",
            expected="a fraction of the rows to hold out, between 0 and 1",
            got=f"{fraction!r}",
            remedy="A fifth is usual: 0.2.",
        )
    order = np.argsort(_generator(seed).random(max(n, 0)), kind="stable")
    groups = [order] if strata is None else _groups(order, strata)
    sizes = np.array([len(group) for group in groups], dtype=np.int64)
    if np.sum(sizes - 1) < 1:
        within = "" if strata is None else f" in {len(groups)} classes"
        raise DataError(
            "split_rows",
            expected="at least two rows" + ("" if strata is None else " of some class"),
            got=f"{n}{within}",
            remedy="Add rows: one part is to learn from, the other to test on.",
        )
    held = [group[:count] for group, count in zip(groups, _shares(sizes, fraction), strict=True)]
    learned = [group[count:] for group, count in zip(groups, map(len, held), strict=True)]
    return np.sort(np.concatenate(learned)), np.sort(np.concatenate(held))


def _generator(seed: int) -> np.random.Generator:
    try:
        number = operator.index(seed)
        if number >= 0:
            return np.random.Generator(np.random.Philox(number))
    except TypeError:
        pass
    raise ArgumentError("split_rows", expected="an integer seed from 0", got=f"{seed!r}", remedy="Give one, such as 0.")


def _groups(order: np.ndarray, strata: np.ndarray | Sequence[object]) -> list[np.ndarray]:
    """The rows of each class, in the drawn order."""
    labels = np.asarray(strata)
    if labels.shape != order.shape:
        raise ShapeError(
            "split_rows",
            expected=f"a class for each of the {order.size} rows: the shape {order.shape}",
            got=f"{labels.shape}",
            remedy="Give one entry to each row.",
        )
    classes, codes = np.unique(labels, return_inverse=True)
    return [order[codes[order] == number] for number in range(len(classes))]


def _shares(sizes: np.ndarray, fraction: float) -> list[int]:
    """How many rows of each class to hold out: `fraction` of all, in proportion, one of each class always left.

    Source: the method of largest remainders (Hamilton's), ties to the class that comes first.
    """
    most = sizes - 1
    total = int(np.clip(np.rint(fraction * sizes.sum()), 1, most.sum()))
    ideal = sizes * fraction
    shares = np.minimum(np.floor(ideal).astype(np.int64), most)
    ranking = np.argsort(-(ideal - np.floor(ideal)), kind="stable")
    while shares.sum() < total:
        for place in ranking:
            if shares.sum() < total and shares[place] < most[place]:
                shares[place] += 1
    return shares.tolist()
