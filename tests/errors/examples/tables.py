"""Errors of `train/` about tables: files, columns, targets, preprocessing, fitting."""

import datetime
import os
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import polars

from chainrule.train.columns import labels_of, numbers_of
from chainrule.train.preprocess import ClassTarget, Preprocessor, QuantityTarget, fit_target
from chainrule.train.table import find_column, read_table
from chainrule.train.tabular import fit_table
from chainrule.train.task import infer_task, prepare_target

CARS = {"origin": ["usa", "usa", "japan", "usa"] * 10, "weight": [3.0, 1.5, 2.5, 2.0] * 10, "mpg": range(40)}
PENGUINS = {"species": ["Adelie", "Gentoo"] * 4, "mass": [3.75, 5.0, 3.8, 5.1, 3.7, 4.9, 3.6, 5.2]}
DAYS = [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)]
LARGE = [1e300, 1.0, 2.0]


def read(content, name="cars.csv", **options):
    """Read a table from a file of this content."""
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_table(name, **options)


def target(values, task=None):
    """The target of a table with one column, y."""
    return prepare_target(polars.DataFrame({"y": values}, strict=False), "y", task)


def fitted(column):
    """A preprocessor that has learned from a column of four rows."""
    return Preprocessor.fit(polars.DataFrame({"x": column}))


def transform(column, new, **options):
    """A new column by a preprocessor that has learned from another."""
    return fitted(column).transform(polars.DataFrame({"x": new}), **options)


def constant_among_the_training_rows():
    fit_target(target([1.5, 1.5, 2.5]), np.array([0, 1]))


def without_polars():
    with mock.patch.dict(sys.modules, {"polars": None}):
        read_table("cars.csv")


def fit(table, target, **settings):
    """Fit a model to a table."""
    return fit_table(polars.DataFrame(table), target, epochs=1, **settings)


EXAMPLES = [
    ("a file that is not there", lambda: read_table("penguin.csv")),
    ("a file with another name", lambda: (Path("penguins.csv").touch(), read_table("penguin.csv"))),
    ("a folder", lambda: (os.mkdir("tables"), read_table("tables"))),
    ("a name with a NUL character", lambda: read_table("cars\0.csv")),
    ("an empty file", lambda: read("")),
    ("a header alone", lambda: read("weight,mpg\n")),
    ("a row that is too short", lambda: read("weight,mpg\n3504,18\n3693\n")),
    ("a row that is too long", lambda: read("weight;mpg\n3504;18\n3693;15;70\n")),
    ("a quote that is not closed", lambda: read('name,mpg\n"ford,18\nvw,25\n')),
    ("a byte that is no UTF-8", lambda: read(b"name,mpg\ncitro\xebn,18\n")),
    ("a NUL byte", lambda: read(b"name,mpg\nford\0,18\n")),
    ("an Excel workbook", lambda: read(b"PK\x03\x04...", "cars.xlsx")),
    ("a name twice", lambda: read("mpg,mpg\n18,15\n")),
    ("no names", lambda: read("3504,18\n3693,15\n")),
    ("a column without a name", lambda: read("mpg,\n18,a\n15,b\n")),
    ("a Parquet file that is none", lambda: read("weight,mpg\n3504,18\n", "cars.parquet")),
    ("reading without polars", without_polars),
    ("a column that is not there", lambda: find_column(polars.DataFrame(PENGUINS), "Specie")),
    ("a column of a table without a header", lambda: find_column(polars.DataFrame({"3504": [1]}), "mpg")),
    ("a task that is none", lambda: target([1.0, 2.0], "ranking")),
    ("a target without values", lambda: target([None, None])),
    ("a target that is constant", lambda: target([18.0, 18.0])),
    ("a target that is infinite", lambda: target([18.0, float("inf"), 3.5])),
    ("a target of dates", lambda: infer_task(polars.Series("day", DAYS))),
    ("a target of numbers with a slip", lambda: target(["1.5", "2.5", "3.5", "4.5", "unknown"])),
    ("a regression on text", lambda: target(["usa", "japan"], "regression")),
    ("a class that is seen once", lambda: target(["usa", "usa", "japan"])),
    ("a number as a class that is seen once", lambda: target([1, 1, 2], "classification")),
    ("a target that is constant among the training rows", constant_among_the_training_rows),
    ("a class that was not learned", lambda: ClassTarget("sex", ("f", "m")).encode(["f", "x"])),
    ("a target beyond float32", lambda: QuantityTarget("mpg", 0.0, 1e-300).encode([1.0])),
    ("a category that was not learned", lambda: transform(["a", "a", "b", "b"], ["a", "c"])),
    ("a category with a slip", lambda: transform(["usa", "usa", "japan", "japan"], ["Japan"])),
    ("text in a column of numbers", lambda: transform([1.0, 2.0, 3.0], ["1.5", "2.5", "many", "3", "4"])),
    ("infinity in a column of numbers", lambda: fitted([1.0, float("inf"), 3.0])),
    ("a number beyond float32", lambda: transform([1.0, 2.0, 3.0], LARGE)),
    ("a column of dates as categories", lambda: labels_of(polars.Series("day", DAYS), "transform")),
    ("a column of dates as numbers", lambda: numbers_of(polars.Series("day", DAYS), np.arange(2), "transform")),
    ("an unknown rule for unseen categories", lambda: transform([1.0, 2.0], [1.0], unseen="skip")),
    ("a mask in place of row numbers", lambda: transform([1.0, 2.0], [1.0, 2.0], rows=np.array([True, False]))),
    ("a row that is not there", lambda: transform([1.0, 2.0], [1.0, 2.0], rows=np.array([0, 2]))),
    ("a preprocessor of no rows", lambda: Preprocessor.fit(polars.DataFrame({"x": [1.0]}), rows=np.array([], int))),
    ("a preprocessor of no features", lambda: fitted([1.0, 1.0])),
    ("a preprocessor of the target alone", lambda: Preprocessor.fit(polars.DataFrame({"y": [1.0, 2.0]}), target="y")),
    ("a column to leave out that is not there", lambda: fit(CARS, "mpg", drop=["name"])),
    ("hidden layers without width", lambda: fit(CARS, "mpg", hidden=(8, 0))),
    ("a negative learning rate", lambda: fit(CARS, "mpg", learning_rate=-1.0)),
    ("a held-out fraction of all", lambda: fit(CARS, "mpg", held_out=1.0)),
]
