"""The data of a run: arrays that share their first axis, split into training and validation rows, and cut into
batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.record import record
from chainrule.train.split import split_rows
from chainrule.types import check_dtype, check_plain

Arrays = tuple[np.ndarray, ...]


def as_arrays(data: Any, name: str = "data") -> Arrays:
    """The arrays of a data set, which must share their first axis.

    Raises:
        ShapeError: there are none, one has no axes, no rows, or another number of rows than the first.
    """
    parts = data if isinstance(data, (tuple, list)) else (data,)
    arrays = tuple(np.asarray(check_plain("fit", part)) for part in parts)
    for array in arrays:
        check_dtype("fit", array.dtype)
    sizes = [array.shape[0] if array.ndim else None for array in arrays]
    if not arrays or None in sizes or len(set(sizes)) > 1 or 0 in sizes:
        raise ShapeError(
            "fit",
            expected=f"{name} to be arrays that are equally long along their first axis, with at least one row",
            got=" and ".join(str(array.shape) for array in arrays) or "()",
            remedy="Give arrays of equal length, for example (x, y) with len(x) == len(y).",
        )
    return arrays


def is_fraction(validation: Any) -> bool:
    """Whether `validation` asks for rows to be held back, and is no data of its own."""
    return isinstance(validation, (int, float, np.number))


def validation_arrays(data: Arrays, validation: Any) -> Arrays | None:
    """The arrays to validate on, which must be like the data; None where there are none, or rows are held back."""
    if validation is None or is_fraction(validation):
        return None
    held = as_arrays(validation, "validation")
    if [a.shape[1:] for a in held] != [a.shape[1:] for a in data]:
        raise ShapeError(
            "fit",
            expected=f"validation arrays like the data, of row shapes {', '.join(str(a.shape[1:]) for a in data)}",
            got=", ".join(str(a.shape[1:]) for a in held),
            remedy="Give the same arrays for other examples.",
        )
    return held


def rows_held_back(count: int, fraction: Any, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows to train on, and of a fraction of the rows to validate on, drawn by the seed.

    Raises:
        ArgumentError: the fraction leaves no row on one of the sides.
    """
    if not 0 < fraction < 1 or not 1 <= round(count * fraction) < count:
        raise ArgumentError(
            "fit",
            expected=f"validation to leave at least one of {count} rows on both sides",
            got=f"the fraction {fraction}",
            remedy="Give a fraction such as 0.2, or arrays.",
        )
    return split_rows(count, float(fraction), seed)


@record
class Schedule:
    """Which rows each step trains on: `rows` examples in batches of `batch`, `total` steps in all."""

    rows: int
    batch: int
    total: int

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch; the last one takes the rows that are left."""
        return -(-self.rows // self.batch)

    @property
    def last(self) -> int:
        """Rows in the last step of an epoch."""
        return self.rows - (self.per_epoch - 1) * self.batch

    @property
    def whole(self) -> bool:
        """Whether each step takes all rows, so that their order does not matter."""
        return self.batch == self.rows

    def sizes(self, start: int, count: int) -> np.ndarray:
        """The number of rows of each of `count` steps from step `start` on."""
        position = np.arange(start, start + count) % self.per_epoch
        return np.where(position == self.per_epoch - 1, self.last, self.batch)


def is_count(value: Any) -> bool:
    """Whether a value is an integer of at least 1.

    >>> is_count(np.int64(2)), is_count(True), is_count(0)
    (True, False, False)
    """
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= 1)


def schedule(rows: int, batch_size: int | None, epochs: int | None, steps: int | None) -> Schedule:
    """The schedule that the arguments of `fit` ask for.

    Raises:
        ArgumentError: a number below 1, or not exactly one of epochs and steps.
    """
    for name, value in {"batch_size": batch_size, "epochs": epochs, "steps": steps}.items():
        if value is not None and not is_count(value):
            raise ArgumentError(
                "fit",
                expected=f"{name} to be an integer of at least 1",
                got=repr(value),
                remedy=f"Give {name} a positive integer.",
            )
    if (epochs is None) == (steps is None):
        got = f"epochs={epochs} and steps={steps}"
        raise ArgumentError("fit", expected="either epochs or steps", got=got, remedy="Give one of the two.")
    batch = min(rows, batch_size or rows)
    per_epoch = -(-rows // batch)
    return Schedule(rows, batch, int(steps if steps is not None else epochs * per_epoch))  # type: ignore[operator]
