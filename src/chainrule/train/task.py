"""The task that a target sets, regression or classification, and whether the target can be learned at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from chainrule.errors import ArgumentError, DataError
from chainrule.train.table import find_column, load_polars, stray_text
from chainrule.train.words import counted, listing

if TYPE_CHECKING:
    import polars

Task = Literal["regression", "classification"]
Label = str | int | bool
"""A class, as it is written in the table."""

MOST_NUMBERED_CLASSES = 10
ROWS_A_NUMBERED_CLASS = 10


@dataclass(frozen=True, eq=False)
class Target:
    """A target that can be learned: its values without the missing ones, and the rows of the table that they are from.

    `values` is a polars column: float64 for regression; text, integers or booleans for classification. `rows` counts
    from 0. `notes` says in English how the task was inferred and how many rows have no target.

    >>> polars = load_polars()
    >>> target = prepare_target(polars.DataFrame({"sex": ["f", "m", None, "m", "f"]}), "sex")
    >>> target.task, target.rows.tolist(), target.notes[1]
    ('classification', [0, 1, 3, 4], "1 of 5 rows has no 'sex' and is left out.")
    """

    name: str
    task: Task
    values: polars.Series
    rows: np.ndarray
    notes: tuple[str, ...]


def infer_task(column: polars.Series) -> Task:
    """The task that a target column sets.

    Text, booleans and categories are classes. Numbers of which any has a fraction are a quantity. Whole numbers
    (also if written 3.0) are classes if there are two distinct ones, or up to ten with ten rows or more each on
    average; otherwise a quantity. So 0 and 1 are classes, as are ten digits, while prices, ages and years are not.
    Whoever knows better says so: `prepare_target(..., task="regression")`.

    Raises `DataError` for dates and nested values, which are neither.

    >>> polars = load_polars()
    >>> infer_task(polars.Series(["usa", "japan"])), infer_task(polars.Series([18.0, 15.5]))
    ('classification', 'regression')
    >>> infer_task(polars.Series([0, 1, 1])), infer_task(polars.Series([3504, 3693, 3436]))
    ('classification', 'regression')
    """
    polars = load_polars()
    present = _filled(polars, column, "infer_task").drop_nulls()
    if not present.dtype.is_numeric():
        return "classification"
    if not _are_whole(present):
        return "regression"
    distinct = present.n_unique()
    many_rows = len(present) >= ROWS_A_NUMBERED_CLASS * distinct
    return "classification" if distinct == 2 or (distinct <= MOST_NUMBERED_CLASSES and many_rows) else "regression"


def prepare_target(frame: polars.DataFrame, name: str, task: Task | None = None) -> Target:
    """The target of this name, checked; the task is inferred where none is given. Rows without a target are left out.

    Raises `DataError` where there is no such column, all its values are missing or the same, a quantity is infinite
    or not a number, or a class is seen once (it could not be both learned and tested). Rows count from 1 there.

    >>> polars = load_polars()
    >>> prepare_target(polars.DataFrame({"mpg": [18.0, 15.5, None]}), "mpg").values.to_list()
    [18.0, 15.5]
    >>> prepare_target(polars.DataFrame({"mpg": [18.0, 18.0]}), "mpg")
    Traceback (most recent call last):
    chainrule.errors.DataError: prepare_target: expected a target 'mpg' with two or more distinct values; got ...
    """
    if task is not None and task not in get_args(Task):
        remedy = "Give one of the two, or None to have it inferred."
        raise ArgumentError(
            "prepare_target", expected=" or ".join(map(repr, get_args(Task))), got=f"{task!r}", remedy=remedy
        )
    polars = load_polars()
    column = find_column(frame, name, operation="prepare_target")
    filled = _filled(polars, column, "prepare_target")
    present = filled.drop_nulls()
    if present.is_empty():
        raise _unfit(f"a target {name!r} with values", f"{counted(len(column), 'row')}, all missing", "Name another.")
    notes = []
    rows = np.flatnonzero(filled.is_not_null().to_numpy())
    if task is None:
        _require_no_slip(present, rows)
        task = infer_task(present)
        distinct = counted(present.n_unique(), "distinct value")
        notes.append(f"{name!r} holds {_in_words(present)} with {distinct}, so the task is {task}.")
    if missing := len(column) - len(rows):
        verbs = "has no {} and is" if missing == 1 else "have no {} and are"
        notes.append(f"{missing} of {counted(len(column), 'row')} {verbs.format(repr(name))} left out.")
    values = _quantity(polars, present, rows) if task == "regression" else _classes(polars, present, rows)
    return Target(name, task, values, rows, tuple(notes))


def _unfit(expected: str, got: str, remedy: str) -> DataError:
    return DataError("prepare_target", expected=expected, got=got, remedy=remedy)


def _filled(polars: ModuleType, column: polars.Series, operation: str) -> polars.Series:
    """The column as numbers, booleans or text, with null wherever a value is missing."""
    if isinstance(column.dtype, (polars.String, polars.Boolean, polars.Null)):
        return column
    if isinstance(column.dtype, (polars.Categorical, polars.Enum)):
        return column.cast(polars.String)
    if not column.dtype.is_numeric():
        raise DataError(
            operation,
            expected=f"numbers, text or booleans in the target {column.name!r}",
            got=f"a column of {column.dtype}",
            remedy="Make a column of numbers or text from it.",
        )
    return column if column.dtype.is_integer() else column.cast(polars.Float64).fill_nan(None)


def _are_whole(present: polars.Series) -> bool:
    return bool(present.dtype.is_integer() or (present.is_finite() & (present == present.floor())).all())


def _in_words(present: polars.Series) -> str:
    if not present.dtype.is_numeric():
        return "booleans" if present.dtype == load_polars().Boolean else "text"
    return "whole numbers" if _are_whole(present) else "numbers"


def _require_no_slip(present: polars.Series, rows: np.ndarray) -> None:
    """Refuse to infer classes from a quantity that is text only because a few of its values are not numbers."""
    strays = stray_text(present)
    if strays.size and infer_task(present.cast(load_polars().Float64, strict=False)) == "regression":
        first = int(strays[0])
        said = f"{counted(strays.size, 'value')} of other text, {present[first]!r} in row {rows[first] + 1}"
        remedy = "Correct or empty such values, or ask for a classification."
        raise _unfit(f"numbers in the target {present.name!r}, as most of it holds", said, remedy)


def _require_two(present: polars.Series) -> None:
    if present.n_unique() < 2:
        raise _unfit(
            f"a target {present.name!r} with two or more distinct values",
            f"{present[0]!r} in all {counted(len(present), 'row')}",
            "Name another target: there is nothing to learn in a constant.",
        )


def _require_finite(present: polars.Series, rows: np.ndarray) -> None:
    infinite = np.flatnonzero(present.is_infinite().to_numpy())
    if infinite.size:
        said = f"{present[int(infinite[0])]} in row {rows[infinite[0]] + 1}"
        raise _unfit(f"finite numbers in the target {present.name!r}", said, "Remove or correct the row.")


def _quantity(polars: ModuleType, present: polars.Series, rows: np.ndarray) -> polars.Series:
    """The values of a regression's target as finite float64."""
    if not present.dtype.is_numeric():
        first = next(iter(stray_text(present).tolist()), 0)
        said = f"{present[first]!r} in row {rows[first] + 1}"
        raise _unfit(f"numbers in the target {present.name!r}", said, "Fit a classification, or name another target.")
    values = present.cast(polars.Float64)
    _require_finite(values, rows)
    _require_two(values)
    return values


def _classes(polars: ModuleType, present: polars.Series, rows: np.ndarray) -> polars.Series:
    """The values of a classification's target as booleans, integers or text, each class in two rows or more."""
    values = present
    if present.dtype.is_numeric():
        _require_finite(present, rows)
        values = present.cast(polars.Int64, strict=False)
        if values.has_nulls() or not _are_whole(present):
            # Python writes the numbers: polars does it differently from version to version.
            values = polars.Series(present.name, [str(value) for value in present.to_list()])
    _require_two(values)
    labels = values.to_list()
    once = [label for label, count in Counter(labels).items() if count == 1]
    if once:
        other = "fit a regression" if present.dtype.is_numeric() else "name another target"
        raise _unfit(
            f"each class of the target {present.name!r} in two rows or more, to learn from one and to test on another",
            f"{listing(once, 3)} seen once (row {rows[labels.index(once[0])] + 1})",
            f"Remove the rows of such classes, merge them with other classes, or {other}.",
        )
    return values
