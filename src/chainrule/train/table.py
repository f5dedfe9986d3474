"""Tables: from a CSV or Parquet file to a polars frame, and from a name to its column.

CSV goes through Python's own `csv` in strict mode, because a wrong row must be reported with its line and polars fills
short rows silently; polars then gives each whole column its type. The format is that of RFC 4180, with a header.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from chainrule.errors import DataError, DependencyError
from chainrule.train.words import counted, listing, nearest

if TYPE_CHECKING:
    import polars

MISSING = frozenset({"", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "Null", "null", "?"})
"""The fields of a CSV file that stand for a missing value, spaces around them aside."""

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SNIFFED_ROWS = 20
_FOREIGN = {
    b"PK\x03\x04": "a zip archive (Excel workbooks are zip archives)",
    b"\x1f\x8b": "a gzip archive",
    b"ARROW1": "an Arrow (Feather) file",
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
}


def load_polars() -> ModuleType:
    """The polars package, or a `DependencyError` that says how to install it.

    >>> load_polars().__name__
    'polars'
    """
    try:
        import polars
    except ImportError:
        raise DependencyError(
            "read_table",
            expected="the package polars, which reads tables",
            got="no module 'polars'",
            remedy="Run: pip install 'chainrule[cli]'",
        ) from None
    return polars


def read_table(path: str | PathLike[str], *, text: Collection[str] = ()) -> polars.DataFrame:
    r"""The table in a CSV or Parquet file: Parquet if it begins as one or is named `.parquet` or `.pq`, else CSV.

    A CSV file is UTF-8 with a header. Its separator is a comma, a semicolon or a tab (always a tab in `.tsv`): the one
    that splits the header and gives the first rows the header's length. Spaces around a field do not count, and the
    fields in `MISSING` are missing values. A column is boolean if all its values are `true` or `false` in any case,
    else integer, else float where all are numbers, else text. An unnamed column that is empty, or that numbers the
    rows from 0 or 1 as pandas and R write it, is passed over.

    `text`: names of columns to leave as text whatever they hold; columns that are not there are ignored. A model's
    `Preprocessor.text_columns` belongs here, so that a code such as `1.50` means the same in every file.

    Raises `DataError` (with the line, if the fault has one) where the file is absent, a folder, empty, has a header
    only, names a column twice, is not UTF-8, has an unclosed quote or a row of the wrong length.

    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "cars.csv")
    ...     _ = path.write_text("origin,weight\nusa,3504\njapan,NA\n")
    ...     read_table(path).to_dict(as_series=False)
    {'origin': ['usa', 'japan'], 'weight': [3504, None]}
    """
    polars = load_polars()
    file = Path(path)
    content = _content(file)
    if content.startswith(b"PAR1") or file.suffix.lower() in (".parquet", ".pq"):
        frame = _read_parquet(polars, content, file)
    else:
        frame = _read_csv(polars, content, file, text)
    if frame.height == 0 or frame.width == 0:
        raise _unreadable(file, "column names and at least one row", "column names only", "Add rows.")
    return frame


def find_column(frame: polars.DataFrame, name: str, *, operation: str = "find_column") -> polars.Series:
    """The column of this name, or a `DataError` that tells the nearest name there is.

    `operation` is what the error says was being done.

    >>> frame = load_polars().DataFrame({"species": ["Adelie"], "island": ["Dream"]})
    >>> find_column(frame, "island").to_list()
    ['Dream']
    >>> find_column(frame, "Specie")
    Traceback (most recent call last):
    chainrule.errors.DataError: find_column: expected a column named 'Specie'; got the columns 'species', 'island'. ...
    """
    if name in frame.columns:
        return frame.get_column(name)
    near = nearest(name, frame.columns)
    remedy = f"Did you mean {near!r}?" if near else "Name one of the columns there are."
    if any(_is_number(column) for column in frame.columns):
        remedy += " Some names are numbers: does the file lack its header line?"
    raise DataError(
        operation, expected=f"a column named {name!r}", got=f"the columns {listing(frame.columns)}", remedy=remedy
    )


def stray_text(column: polars.Series) -> np.ndarray:
    """The places of the values that are no numbers in a text column of which four fifths or more are numbers.

    Empty where the column is not text, or less of it is numbers: then its text is meant.

    >>> stray_text(load_polars().Series(["1", "2", "unknown", "4", "5", None])).tolist()
    [2]
    """
    polars = load_polars()
    nowhere = np.empty(0, np.intp)
    if column.dtype != polars.String:
        return nowhere
    strays = np.flatnonzero((column.is_not_null() & column.cast(polars.Float64, strict=False).is_null()).to_numpy())
    return strays if 5 * strays.size <= len(column) - column.null_count() else nowhere


def _unreadable(file: Path, expected: str, got: str, remedy: str, line: int | None = None) -> DataError:
    place = f"'{file}'" if line is None else f"line {line} of '{file}'"
    return DataError("read_table", expected=expected, got=f"{got} in {place}", remedy=remedy)


def _content(file: Path) -> bytes:
    """The bytes of a file, or a `DataError` that says why there are none."""
    wanted = "a CSV or Parquet file"
    try:
        return file.read_bytes()
    except FileNotFoundError:
        near = None
        with suppress(OSError):
            near = nearest(file.name, (entry.name for entry in file.parent.iterdir()))
        remedy = f"Did you mean {near!r}?" if near else "Check the path."
        raise DataError("read_table", expected=wanted, got=f"no file at '{file}'", remedy=remedy) from None
    except IsADirectoryError:
        remedy = "Name a file in it."
        raise DataError("read_table", expected=wanted, got=f"the folder '{file}'", remedy=remedy) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(
            "read_table", expected="a file that can be read", got=f"{reason}: {str(file)!r}", remedy="Check the path."
        ) from None


def _read_parquet(polars: ModuleType, content: bytes, file: Path) -> polars.DataFrame:
    try:
        return polars.read_parquet(io.BytesIO(content))
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException) as error:
        reason = str(error).strip().partition("\n")[0]
        raise _unreadable(file, "a Parquet file", f"a fault ({reason})", "Write the file anew.") from None


def _read_csv(polars: ModuleType, content: bytes, file: Path, text: Collection[str]) -> polars.DataFrame:
    decoded = _decode(content, file)
    separator = "\t" if file.suffix.lower() == ".tsv" else _separator(decoded, file)
    lines = _rows(decoded, separator, file)
    header = next(lines, None)
    if header is None:
        raise _unreadable(file, "column names and at least one row", "nothing", "Check that it is the right file.")
    names = _names(header[1], file)
    rows = []
    for line, row in lines:
        if len(row) != len(names):
            raise _unreadable(
                file,
                f"{counted(len(names), 'field')} in each row, as in the header",
                counted(len(row), "field"),
                f"Mend the line: a {_SEPARATORS[separator]} separates fields, and a field that contains one is quoted.",
                line,
            )
        rows.append(row)
    columns = [
        _typed(polars, name, fields, name in text) for name, fields in zip(names, zip(*rows, strict=True), strict=False)
    ]
    return polars.DataFrame([column for place, column in enumerate(columns, 1) if _is_named(column, place, file)])


def _decode(content: bytes, file: Path) -> str:
    for start, kind in _FOREIGN.items():
        if content.startswith(start):
            raise _unreadable(file, "CSV text in UTF-8, or Parquet", kind, "Save the table as CSV in UTF-8.")
    try:
        decoded = content.decode("utf-8-sig")
        fault = decoded.find("\0")
        if fault < 0:
            return decoded
        before, what = decoded[:fault].encode(), "a NUL byte"
    except UnicodeDecodeError as error:
        before, what = content[: error.start], f"the byte 0x{content[error.start]:02x}, which is not UTF-8,"
    line = len(before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    raise _unreadable(file, "CSV text in UTF-8", what, "Save the table as CSV in UTF-8.", line)


def _rows(decoded: str, separator: str, file: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with the line that it begins in; blank lines are passed over."""
    reader = csv.reader(io.StringIO(decoded, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _unreadable(
                file,
                "rows whose quotes are closed",
                f"a row that cannot be read ({error}) and begins",
                'Close the quote; a quote inside a quoted field is written "".',
                line,
            ) from None
        if len(row) > 1 or (row and row[0].strip()):
            yield line, row
        line = reader.line_num + 1


def _separator(decoded: str, file: Path) -> str:
    """The separator that splits the header, by preference into as many fields as the first rows have."""

    def widths(separator: str) -> list[int]:
        found = []
        with suppress(DataError):
            found.extend(len(row) for _, row in islice(_rows(decoded, separator, file), _SNIFFED_ROWS))
        return found

    found = {separator: widths(separator) for separator in _SEPARATORS}
    fitting = {separator: wide for separator, wide in found.items() if wide and wide[0] > 1}
    return max(fitting, key=lambda separator: (len(set(fitting[separator])) == 1, fitting[separator][0]), default=",")


def _names(fields: list[str], file: Path) -> list[str]:
    """The column names of a header, each once; an unnamed column has the name ''."""
    names = [field.strip() for field in fields]
    twice = {name: names.count(name) for name in names if name and names.count(name) > 1}
    if twice:
        said = f"the names {listing(twice)} more than once"
        raise _unreadable(file, "column names that differ", said, "Rename the columns.")
    if all(_is_number(name) for name in names):
        said = f"only numbers ({listing(names, 3)})"
        raise _unreadable(file, "column names in the first line", said, "Add a first line that names the columns.")
    return names


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _typed(polars: ModuleType, name: str, fields: Iterable[str], as_text: bool) -> polars.Series:
    """A column of the narrowest type that holds all its fields: boolean, integer, float or text."""
    values = [None if (field := raw.strip()) in MISSING else field for raw in fields]
    column = polars.Series(name, values, dtype=polars.String)
    present = column.drop_nulls()
    if as_text or present.is_empty():
        return column
    lowered = column.str.to_lowercase()
    if lowered.drop_nulls().is_in(["true", "false"]).all():
        return lowered == "true"
    for dtype in (polars.Int64, polars.Float64):
        numbers = column.cast(dtype, strict=False)
        if numbers.null_count() == column.null_count():
            return numbers.fill_nan(None) if dtype == polars.Float64 else numbers
    return column


def _is_named(column: polars.Series, place: int, file: Path) -> bool:
    """Whether a column has a name; one without is passed over if it is empty or only numbers the rows."""
    if column.name:
        return True
    values, numbers = column.to_list(), range(len(column) + 1)
    if column.null_count() == len(column) or values in (list(numbers[:-1]), list(numbers[1:])):
        return False
    said = f"no name for column {place}"
    raise _unreadable(file, "a name for each column", said, "Name the column in the first line.")
