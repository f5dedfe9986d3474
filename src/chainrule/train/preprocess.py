"""From a table to arrays and back: features by a `Preprocessor`, targets by a `TargetEncoder`; both fit in JSON.

Both are fitted on training rows only, so nothing of the held-out rows leaks into what they remember.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from chainrule.errors import ArgumentError, DataError
from chainrule.train.columns import (
    CategoryColumn,
    Column,
    NumericColumn,
    Unseen,
    fit_column,
    mean_and_spread,
    standardize,
)
from chainrule.train.records import check_list, check_number, check_object, check_text, refuse
from chainrule.train.table import find_column
from chainrule.train.task import Label, Target
from chainrule.train.words import counted, listing

if TYPE_CHECKING:
    import polars

FORMAT = 1
"""The version of the JSON form."""


@dataclass(frozen=True)
class Preprocessor:
    """How the columns of a table become features, as learned from training rows.

    Numbers are standardised: less the mean, over the standard deviation. A missing number is taken to be the median,
    and where training had any, a feature of its own marks it. Text and booleans are encoded one-hot, in ascending
    order; missing values are the last category where training had any, else all zeros. Left out, each with a note:
    constants, dates and times, nested values, columns without values, and text with more than `MOST_CATEGORIES`
    categories or of which more than half the values are distinct, such as names.

    `columns` are the columns used, in the table's order; `notes` says in English what becomes of every column.

    >>> from chainrule.train.table import load_polars
    >>> cars = load_polars().DataFrame({"weight": [1.0, None, 3.0, 2.0], "origin": ["usa", "usa", "japan", "usa"]})
    >>> preprocessor = Preprocessor.fit(cars)
    >>> preprocessor.features
    ('weight', 'weight is missing', 'origin = japan', 'origin = usa')
    >>> preprocessor.transform(cars)[1].tolist()
    [0.0, 1.0, 0.0, 1.0]
    >>> Preprocessor.from_json(preprocessor.to_json()) == preprocessor
    True
    """

    columns: tuple[Column, ...]
    notes: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        frame: polars.DataFrame,
        *,
        rows: np.ndarray | None = None,
        target: str | None = None,
        leave_out: Collection[str] = (),
        keep: Collection[str] = (),
    ) -> Preprocessor:
        """Learn from the rows of a table: all, or the row numbers in `rows` (n,), counted from 0.

        `target` names the column that is no feature, `leave_out` others to leave out, `keep` text columns to encode
        however many categories they have. Raises `DataError` for a name that is not there, an infinite value (with
        its column and row, counted from 1 in the whole table), no rows, or nothing that could be a feature.
        """
        chosen = _row_numbers("fit", frame, rows)
        for name in (*leave_out, *keep, *(() if target is None else (target,))):
            find_column(frame, name, operation="fit")
        if not chosen.size:
            raise DataError("fit", expected="at least one training row", got="0 rows", remedy="Add rows to the table.")
        columns, notes = [], []
        for column in frame.get_columns():
            if column.name == target:
                continue
            if column.name in leave_out:
                notes.append(f"{column.name!r} is left out, as asked.")
                continue
            fitted, note = fit_column(column.gather(chosen), chosen, keep=column.name in keep)
            columns.extend([] if fitted is None else [fitted])
            notes.extend([note] if note else [])
        if not columns:
            said = f"none in {counted(frame.width, 'column')}: {' '.join(notes) or 'there is only the target.'}"
            raise DataError("fit", expected="columns to learn from", got=said[:-1], remedy="Add columns, or keep one.")
        standard = [column.name for column in columns if isinstance(column, NumericColumn) and column.scale]
        summary = [f"Standardised: {listing(standard)}."] if standard else []
        return cls(tuple(columns), (*summary, *notes))

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features, in the order in which `transform` gives them."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The columns that `read_table` must leave as text, so that codes in them stay as they were."""
        return tuple(c.name for c in self.columns if isinstance(c, CategoryColumn) and not c.boolean)

    def transform(
        self, frame: polars.DataFrame, *, rows: np.ndarray | None = None, unseen: Unseen = "error"
    ) -> np.ndarray:
        """The features of a table's rows, all or those in `rows` (n,): float32 (n, number of features).

        Other columns than those used are ignored. A category that training did not have is an error, or a row of
        zeros where `unseen` is "zeros": for held-out rows at training time. Raises `DataError` for a column that is not
        there (with the nearest name), an unseen category, text where a number is needed, infinity: with row.
        """
        if unseen not in get_args(Unseen):
            expected = f"unseen to be {' or '.join(map(repr, get_args(Unseen)))}"
            raise ArgumentError("transform", expected=expected, got=f"{unseen!r}", remedy="Give one of the two.")
        chosen = _row_numbers("transform", frame, rows)
        parts = [
            column.encode(find_column(frame, column.name, operation="transform").gather(chosen), chosen, unseen)
            for column in self.columns
        ]
        return np.concatenate(parts, axis=1)

    def to_json(self) -> dict[str, Any]:
        """All that it knows, as JSON values."""
        columns = [column.to_json() for column in self.columns]
        return {"format": FORMAT, "columns": columns, "notes": list(self.notes)}

    @classmethod
    def from_json(cls, data: object) -> Preprocessor:
        """The preprocessor that `to_json` gave, or a `ModelFileError` for anything else: `data` is not trusted."""
        found = check_object(data, "preprocessor", ("format", "columns", "notes"))
        if type(found["format"]) is not int or found["format"] != FORMAT:
            refuse("preprocessor.format", str(FORMAT), found["format"])
        columns = []
        for place, entry in enumerate(check_list(found["columns"], "columns")):
            kind = entry.get("kind") if isinstance(entry, dict) else None
            kinds: dict[object, type[Column]] = {"numeric": NumericColumn, "category": CategoryColumn}
            if not isinstance(kind, str) or kind not in kinds:
                refuse(f"columns[{place}]", "an object of the kind 'numeric' or 'category'", entry)
            columns.append(kinds[kind].from_json(entry, f"columns[{place}]"))
        names = [column.name for column in columns]
        if not names or len(set(names)) < len(names):
            refuse("columns", "one or more columns with different names", names)
        notes = tuple(check_text(note, "notes") for note in check_list(found["notes"], "notes"))
        for note in notes:
            if not note.isprintable():
                refuse("notes", "printable text", note)
        return cls(tuple(columns), notes)


@dataclass(frozen=True)
class QuantityTarget:
    """A regression's target, standardised to learn and turned back to predict.

    >>> target = QuantityTarget("mpg", mean=20.0, scale=5.0)
    >>> target.encode([25.0, 15.0]).tolist(), target.decode([0.0, 2.0]).tolist()
    ([1.0, -1.0], [20.0, 30.0])
    """

    name: str
    mean: float
    scale: float

    @property
    def task(self) -> Literal["regression"]:
        """The task: regression."""
        return "regression"

    def encode(self, values: polars.Series | Sequence[float]) -> np.ndarray:
        """Values (n,) in the target's unit as float32 (n,) to learn; a `DataError` for what float32 cannot hold."""
        given = np.asarray(values, dtype=np.float64)
        return standardize("encode", given, self.mean, self.scale, self.name, np.arange(len(given)))

    def decode(self, outputs: np.ndarray | Sequence[float]) -> np.ndarray:
        """A model's outputs, of any shape, as float64 in the target's unit."""
        return np.asarray(outputs, dtype=np.float64) * self.scale + self.mean

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"task": self.task, "name": self.name, "mean": self.mean, "scale": self.scale}


@dataclass(frozen=True)
class ClassTarget:
    """A classification's target: its classes in ascending order, numbered from 0. All are text, integers or booleans.

    >>> target = ClassTarget("species", ("Adelie", "Gentoo"))
    >>> target.encode(["Gentoo", "Adelie"]).tolist(), target.decode([1, 1])
    ([1, 0], ['Gentoo', 'Gentoo'])
    """

    name: str
    classes: tuple[Label, ...]

    @property
    def task(self) -> Literal["classification"]:
        """The task: classification."""
        return "classification"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes as text, as in the column `probability_CLASS`; booleans are `true` and `false`."""
        return tuple(str(label).lower() if isinstance(label, bool) else str(label) for label in self.classes)

    def encode(self, values: polars.Series | Sequence[Label]) -> np.ndarray:
        """The class numbers of values (n,): int64 (n,). Raises `DataError` for a class that was not learned."""
        numbers = {label: number for number, label in enumerate(self.classes)}
        labels = list(values)
        for row, label in enumerate(labels):
            if label not in numbers:
                raise DataError(
                    "encode",
                    expected=f"a class of the target {self.name!r}: {listing(self.classes)}",
                    got=f"{label!r} at place {row}",
                    remedy="Fit the target on all its classes.",
                )
        return np.fromiter((numbers[label] for label in labels), np.int64, len(labels))

    def decode(self, numbers: np.ndarray | Sequence[int]) -> list[Label]:
        """The classes of class numbers (n,)."""
        return [self.classes[number] for number in np.asarray(numbers).tolist()]

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"task": self.task, "name": self.name, "classes": list(self.classes)}


TargetEncoder = QuantityTarget | ClassTarget


def fit_target(target: Target, places: np.ndarray | None = None) -> TargetEncoder:
    """The encoder of a checked target: the mean and spread of a quantity, or the list of all classes.

    `places` (n,): the training rows, as places in `target.values`; a quantity is standardised by them alone. Raises
    `DataError` for a quantity that is constant there.

    >>> from chainrule.train.table import load_polars
    >>> from chainrule.train.task import prepare_target
    >>> fit_target(prepare_target(load_polars().DataFrame({"mpg": [10.0, 30.0, 20.5]}), "mpg"), np.array([0, 1]))
    QuantityTarget(name='mpg', mean=20.0, scale=10.0)
    """
    if target.task == "classification":
        return ClassTarget(target.name, tuple(sorted(target.values.unique().to_list())))
    values = target.values.to_numpy()
    mean, scale = mean_and_spread(values if places is None else values[places])
    if not scale:
        raise DataError(
            "fit_target",
            expected=f"two or more distinct values of {target.name!r} among the training rows",
            got=f"{mean:g} in all of them",
            remedy="Train on more rows, or split with another seed.",
        )
    return QuantityTarget(target.name, mean, scale)


def target_from_json(data: object) -> TargetEncoder:
    """The target encoder whose `to_json` gave `data`, or a `ModelFileError` for anything else: it is not trusted.

    >>> target_from_json({"task": "classification", "name": "sex", "classes": ["f", "m"]})
    ClassTarget(name='sex', classes=('f', 'm'))
    """
    if isinstance(data, dict) and data.get("task") == "regression":
        found = check_object(data, "target", ("task", "name", "mean", "scale"))
        mean = check_number(found["mean"], "target.mean")
        scale = check_number(found["scale"], "target.scale", positive=True)
        return QuantityTarget(check_text(found["name"], "target.name"), mean, scale)
    found = check_object(data, "target", ("task", "name", "classes"))
    if found["task"] != "classification":
        refuse("target.task", "'regression' or 'classification'", found["task"])
    classes, where = check_list(found["classes"], "target.classes"), "target.classes"
    if len({type(label) for label in classes}) != 1 or not isinstance(classes[0], str | int):
        refuse(where, "classes that are all text, all integers or all booleans", classes)
    for label in classes:
        if isinstance(label, str):
            check_text(label, where)
        elif not -(2**63) <= label < 2**63:
            refuse(where, "integers of 64 bits", label)
    if len(classes) < 2 or classes != sorted(set(classes)):
        refuse(where, "two or more distinct classes in ascending order", classes)
    return ClassTarget(check_text(found["name"], "target.name"), tuple(classes))


def _row_numbers(operation: str, frame: polars.DataFrame, rows: np.ndarray | None) -> np.ndarray:
    """Row numbers as an array, checked: a mask, or numbers from the end, would silently mean other rows."""
    if rows is None:
        return np.arange(frame.height)
    chosen = np.asarray(rows)
    are_numbers = chosen.ndim == 1 and (chosen.dtype.kind in "iu" or not chosen.size)
    outside = chosen[(chosen < 0) | (chosen >= frame.height)] if are_numbers else chosen[:0]
    if outside.size or not are_numbers:
        raise ArgumentError(
            operation,
            expected=f"row numbers from 0 to {frame.height - 1}",
            got=f"{outside[0]}" if are_numbers else f"an array of {chosen.dtype} with the shape {chosen.shape}",
            remedy="Give the numbers of the rows, such as split_rows gives.",
        )
    return chosen.astype(np.int64)
