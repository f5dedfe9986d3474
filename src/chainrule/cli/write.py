"""Predictions as a table: the rows as they were, with new columns, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import ArgumentError, DataError
from chainrule.train.preprocess import ClassTarget

if TYPE_CHECKING:
    import polars

    from chainrule.train.tabular import TableModel


def predicted_frame(model: TableModel, frame: polars.DataFrame) -> polars.DataFrame:
    """The rows with `prediction`, and for classes `probability_CLASS` each.

    Raises:
        DataError: the table lacks a needed column, has an unseen category, or already has a column of such a name.
    """
    from chainrule.train.table import load_polars

    polars = load_polars()
    columns = {"prediction": model.predict(frame)}
    if isinstance(model.target, ClassTarget):
        probabilities = model.probabilities(frame)
        columns |= {f"probability_{name}": probabilities[:, k] for k, name in enumerate(model.target.class_names)}
    taken = [name for name in columns if name in frame.columns]
    if taken:
        raise DataError(
            "predict",
            expected="a table without the columns that are to be written",
            got=f"a column {taken[0]!r}",
            remedy="Rename or drop it.",
        )
    return frame.with_columns(polars.Series(name, values) for name, values in columns.items())


def write_table(frame: polars.DataFrame, out: Path) -> None:
    """Write a table as CSV or Parquet, by the name's ending: to a temporary file first, then in one step.

    Raises:
        ArgumentError: another ending, or a place that cannot be written to.
    """
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise ArgumentError(
            "--out", expected="--out to end in .csv or .parquet", got=repr(out.name), remedy="Choose one of the two."
        )
    try:
        handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    except OSError as error:
        raise ArgumentError(
            "--out",
            expected="--out to be in a folder that can be written to",
            got=f"{str(out.parent)!r} ({error.strerror})",
            remedy="Choose another folder.",
        ) from None
    try:
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)  # as of any new file; mkstemp makes one for its owner's eyes only
        with os.fdopen(handle, "wb") as file:
            frame.write_csv(file) if out.suffix.lower() == ".csv" else frame.write_parquet(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
