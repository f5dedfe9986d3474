"""One column of a table as features: numbers standardised, categories one-hot. Each record is fitted on training rows.

Both records keep all that they need to encode a new table, and nothing else; `fit_column` chooses between them. Row
numbers in errors and notes count from 1 and are those of the whole table.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from chainrule.errors import DataError
from chainrule.train.records import check_flag, check_list, check_number, check_object, check_text, refuse
from chainrule.train.table import load_polars, stray_text
from chainrule.train.words import counted, listing, nearest

if TYPE_CHECKING:
    import polars

MOST_CATEGORIES = 256
"""A text column with more categories is left out unless it is kept by name: each would cost a feature."""

Unseen = Literal["error", "zeros"]


@dataclass(frozen=True)
class NumericColumn:
    """A column of numbers: (value - mean) / scale, a missing value taken to be the median.

    A constant has the scale None and no such feature. Where training had missing values, a feature marks them by 1.

    >>> column = NumericColumn("weight", median=3.0, mean=2.0, scale=0.5, marks_missing=True)
    >>> column.features
    ('weight', 'weight is missing')
    >>> column.encode(load_polars().Series("weight", [2.5, None]), np.arange(2)).tolist()
    [[1.0, 0.0], [2.0, 1.0]]
    """

    name: str
    median: float
    mean: float
    scale: float | None
    marks_missing: bool

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features it gives."""
        value = () if self.scale is None else (self.name,)
        return value + ((f"{self.name} is missing",) if self.marks_missing else ())

    def encode(self, column: polars.Series, rows: np.ndarray, unseen: Unseen = "error") -> np.ndarray:
        """The features of a column: float32 (n, number of features). `rows` are its row numbers, for errors.

        Raises `DataError` for text, infinity and what float32 cannot hold once standardised.
        """
        values = numbers_of(column, rows, "transform")
        missing = np.isnan(values)
        parts = [missing.astype(np.float32)] if self.marks_missing else []
        if self.scale is not None:
            filled = np.where(missing, self.median, values)
            parts.insert(0, standardize("transform", filled, self.mean, self.scale, self.name, rows))
        return np.stack(parts, axis=1)

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"kind": "numeric", **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> NumericColumn:
        """The record that `to_json` gave, or a `ModelFileError` that says what at `where` is wrong."""
        check_object(data, where, ("kind", "name", "median", "mean", "scale", "marks_missing"))
        scale, marks = data["scale"], check_flag(data["marks_missing"], f"{where}.marks_missing")
        if scale is not None:
            scale = check_number(scale, f"{where}.scale", positive=True)
        elif not marks:
            refuse(f"{where}.scale", "a number above 0", scale)
        median, mean = (check_number(data[key], f"{where}.{key}") for key in ("median", "mean"))
        return cls(check_text(data["name"], f"{where}.name"), median, mean, scale, marks)


@dataclass(frozen=True)
class CategoryColumn:
    """A column of categories, in ascending order: a feature for each, 1 where the row is of it and else 0.

    Where training had missing values, they are a category of their own, the last; else a missing value is all zeros.

    >>> column = CategoryColumn("sex", boolean=False, categories=("f", "m"), marks_missing=True)
    >>> column.features
    ('sex = f', 'sex = m', 'sex is missing')
    >>> column.encode(load_polars().Series("sex", ["m", None]), np.arange(2)).tolist()
    [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    name: str
    boolean: bool
    categories: tuple[str, ...]
    marks_missing: bool

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the features it gives."""
        missing = (f"{self.name} is missing",) if self.marks_missing else ()
        return tuple(f"{self.name} = {category}" for category in self.categories) + missing

    def encode(self, column: polars.Series, rows: np.ndarray, unseen: Unseen = "error") -> np.ndarray:
        """The features of a column: float32 (n, number of features). `rows` are its row numbers, for errors.

        A category that training did not have raises `DataError`, or gives a row of zeros where `unseen` is "zeros".
        """
        labels = labels_of(column, "transform")
        places: dict[str | None, int] = {category: place for place, category in enumerate(self.categories)}
        places[None] = len(self.categories) if self.marks_missing else -1
        found = np.fromiter((places.get(label, -2) for label in labels), np.int64, len(labels))
        unknown = np.flatnonzero(found == -2)
        if unknown.size and unseen == "error":
            raise self._unseen(str(labels[unknown[0]]), int(rows[unknown[0]]))
        result = np.zeros((len(labels), len(self.features)), np.float32)
        known = np.flatnonzero(found >= 0)
        result[known, found[known]] = 1
        return result

    def _unseen(self, label: str, row: int) -> DataError:
        near = nearest(label, self.categories)
        return DataError(
            "transform",
            expected=f"a category of the column {self.name!r} that training had: {listing(self.categories)}",
            got=f"{label!r} in row {row + 1}",
            remedy=f"Did you mean {near!r}?" if near else "Correct the value, empty it, or fit again with such rows.",
        )

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {"kind": "category", **asdict(self), "categories": list(self.categories)}

    @classmethod
    def from_json(cls, data: dict[str, Any], where: str) -> CategoryColumn:
        """The record that `to_json` gave, or a `ModelFileError` that says what at `where` is wrong."""
        check_object(data, where, ("kind", "name", "boolean", "categories", "marks_missing"))
        place = f"{where}.categories"
        categories = tuple(check_text(value, place) for value in check_list(data["categories"], place))
        boolean = check_flag(data["boolean"], f"{where}.boolean")
        if not categories or categories != tuple(sorted(set(categories))):
            refuse(place, "one or more distinct texts in ascending order", data["categories"])
        if boolean and not {*categories} <= {"false", "true"}:
            refuse(place, "'false' and 'true'", data["categories"])
        marks = check_flag(data["marks_missing"], f"{where}.marks_missing")
        return cls(check_text(data["name"], f"{where}.name"), boolean, categories, marks)


Column = NumericColumn | CategoryColumn


def fit_column(column: polars.Series, rows: np.ndarray, *, keep: bool = False) -> tuple[Column | None, str]:
    """The record for a column of training rows, or None if it is left out; and a note in English, or "" for none.

    `rows` (n,) are the row numbers in the whole table. `keep` has a text column encoded however many categories it has.

    >>> polars = load_polars()
    >>> fit_column(polars.Series("origin", ["usa", "japan", "usa", "usa"]), np.arange(4))[1]
    "'origin' is encoded one-hot: 'japan', 'usa'."
    >>> fit_column(polars.Series("name", ["ford torino", "vw rabbit", "fiat 128"]), np.arange(3))[0] is None
    True
    """
    polars = load_polars()
    if column.dtype.is_decimal():
        column = column.cast(polars.Float64)
    dtype = column.dtype
    present = column.drop_nans().drop_nulls() if dtype.is_float() else column.drop_nulls()
    missing, reason = len(column) - len(present), ""
    if present.is_empty():
        reason = "all its training values are missing"
    elif dtype.is_temporal():
        reason = f"dates and times ({dtype}) are not encoded; to use it, add a column of numbers made from it"
    elif not dtype.is_numeric() and not _is_category(polars, dtype):
        reason = f"values of the type {dtype} are not encoded"
    elif present.n_unique() == 1 and not missing:
        reason = f"it is constant ({present[0]!r})"
    if reason:
        return None, f"{column.name!r} is left out: {reason}."
    if dtype.is_numeric():
        return _fit_numbers(column, rows)
    return _fit_categories(column, rows, dtype == polars.Boolean, keep)


def _fit_numbers(column: polars.Series, rows: np.ndarray) -> tuple[NumericColumn, str]:
    values = numbers_of(column, rows, "fit")
    missing = np.isnan(values)
    median = 2 * float(np.median(values[~missing] / 2))  # halved, so that the sum of two large ones does not overflow
    mean, spread = mean_and_spread(np.where(missing, median, values))
    record = NumericColumn(column.name, median, mean, spread or None, bool(missing.any()))
    if not record.marks_missing:
        return record, ""
    said = f"{column.name!r}: {np.sum(missing)} of {counted(len(values), 'training value')} missing"
    if record.scale is None:
        return record, f"{said}, the others constant ({median:g}); only a feature that marks the missing ones is made."
    return record, f"{said}; the median {median:g} stands for them, and a feature marks them."


def _fit_categories(
    column: polars.Series, rows: np.ndarray, boolean: bool, keep: bool
) -> tuple[CategoryColumn | None, str]:
    labels = labels_of(column, "fit")
    categories = tuple(sorted({label for label in labels if label is not None}))
    missing, count, slip = labels.count(None), len(categories), ""
    present = len(labels) - missing
    if (strays := stray_text(column)).size:
        first = int(strays[0])
        others = f"{strays.size} of them, such as {column[first]!r} in row {rows[first] + 1},"
        slip = f" Most of its values are numbers; {others} not."
    if not keep and (count > MOST_CATEGORIES or (count > 2 and 2 * count > present)):
        said = f"{count} of its {counted(present, 'training value')} are distinct text"
        return None, f"{column.name!r} is left out: {said}; keep it by name to encode it all the same.{slip}"
    record = CategoryColumn(column.name, boolean, categories, missing > 0)
    own = f", and missing ({counted(missing, 'training value')}) as a category of its own" if missing else ""
    return record, f"{column.name!r} is encoded one-hot: {listing(categories)}{own}.{slip}"


def mean_and_spread(values: np.ndarray) -> tuple[float, float]:
    """The mean and the standard deviation of finite values (n,), n from 1; just 0 for a constant.

    They are scaled by a power of two first, so that no square overflows or vanishes.

    >>> mean_and_spread(np.array([1e200, 3e200]))
    (2e+200, 1e+200)
    """
    exponent = int(np.frexp(np.max(np.abs(values)))[1])
    scaled = np.ldexp(values, -exponent)
    spread = 0.0 if values.min() == values.max() else scaled.std()
    return float(np.ldexp(scaled.mean(), exponent)), float(np.ldexp(spread, exponent))


def standardize(
    operation: str, values: np.ndarray, mean: float, scale: float, name: str, rows: np.ndarray
) -> np.ndarray:
    """Finite values (n,) less the mean, over the scale, as float32; or a `DataError` where float32 cannot hold one.

    >>> standardize("transform", np.array([3.0, 1.0]), 2.0, 0.5, "weight", np.arange(2)).tolist()
    [2.0, -2.0]
    """
    with np.errstate(over="ignore"):
        result = ((values - mean) / scale).astype(np.float32)
    _require_finite(operation, result, values, name, rows, f"within float32's range of the mean {mean:g}")
    return result


def numbers_of(column: polars.Series, rows: np.ndarray, operation: str) -> np.ndarray:
    """A column of numbers as float64 (n,), missing ones NaN; or a `DataError` that names a row with text or infinity.

    >>> numbers_of(load_polars().Series("weight", [3504, None]), np.arange(2), "transform").tolist()
    [3504.0, nan]
    """
    if column.null_count() == len(column):
        return np.full(len(column), np.nan)
    if not column.dtype.is_numeric():
        strays = stray_text(column)
        first = int(strays[0] if strays.size else np.flatnonzero(column.is_not_null().to_numpy())[0])
        raise DataError(
            operation,
            expected=f"numbers in the column {column.name!r}",
            got=f"{column[first]!r} in row {rows[first] + 1}",
            remedy="Correct the value, or empty it if it is missing.",
        )
    values = column.cast(load_polars().Float64).to_numpy().copy()
    _require_finite(operation, np.where(np.isnan(values), 0, values), values, column.name, rows, "that are finite")
    return values


def labels_of(column: polars.Series, operation: str) -> list[str | None]:
    """A column of categories as text, missing ones None: booleans are `true` and `false`, 3.0 is `3`.

    >>> labels_of(load_polars().Series("cylinders", [8.0, None, 4.5]), "transform")
    ['8', None, '4.5']
    """
    polars = load_polars()
    if column.dtype.is_float():
        return [
            None if value is None or value != value else str(int(value)) if value == value // 1 else str(value)
            for value in column.to_list()
        ]
    if not column.dtype.is_integer() and not _is_category(polars, column.dtype) and column.dtype != polars.Null:
        raise DataError(
            operation,
            expected=f"text, booleans or whole numbers in the column {column.name!r}",
            got=f"a column of {column.dtype}",
            remedy="Write it as text.",
        )
    return column.cast(polars.String).to_list()


def _is_category(polars: ModuleType, dtype: polars.DataType) -> bool:
    return isinstance(dtype, (polars.String, polars.Boolean, polars.Categorical, polars.Enum))


def _require_finite(
    operation: str, checked: np.ndarray, values: np.ndarray, name: str, rows: np.ndarray, expected: str
) -> None:
    """Raise the `DataError` for the first value whose checked form is not finite."""
    wrong = np.flatnonzero(~np.isfinite(checked))
    if wrong.size:
        raise DataError(
            operation,
            expected=f"numbers {expected} in the column {name!r}",
            got=f"{values[wrong[0]]} in row {rows[wrong[0]] + 1}",
            remedy="Correct the value, or empty it if it is missing.",
        )
