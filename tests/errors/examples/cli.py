"""Errors of `cli/`: what the command prints, one line, and its exit code."""

import os
import sys
from pathlib import Path
from unittest import mock

import polars

from chainrule import cli
from chainrule.cli import write
from chainrule.cli.app import run
from chainrule.train import tabular

CARS = "weight,origin,mpg\n" + "".join(f"{3.0 + k % 5},{'usa' if k % 3 else 'japan'},{10 + k}.5\n" for k in range(24))


def command(*arguments):
    """Run the command in a folder with the table cars.csv."""
    Path("cars.csv").write_text(CARS)
    run(list(arguments))


def fit(*options):
    command("fit", "cars.csv", "--target", "mpg", "--epochs", "1", *options)


def fit_with_a_feature_named_prediction():
    Path("named.csv").write_text(CARS.replace("weight", "prediction"))
    run(["fit", "named.csv", "--target", "mpg", "--epochs", "1"])


def predict(table, *, out="out.csv"):
    """Predict for a table, with a model of the cars."""
    Path("cars.csv").write_text(CARS)
    frame = polars.read_csv("cars.csv")
    tabular.fit_table(frame, "mpg", epochs=1).model.save("model")
    Path("new.csv").write_text(table)
    run(["predict", "model", "new.csv", "--out", out])


def folder_without_permission():
    with mock.patch.object(write.tempfile, "mkstemp", side_effect=PermissionError(13, "Permission denied")):
        predict(CARS)


def fault_of_ours():
    with mock.patch.object(tabular, "fit_table", side_effect=ZeroDivisionError("division by zero")):
        fit()


def with_debug():
    with mock.patch.object(sys, "stderr", open(os.devnull, "w")):
        command("--debug", "fit", "car.csv", "--target", "mpg")


def without(package):
    with mock.patch.dict(sys.modules, {package: None}):
        cli.main()


EXAMPLES = [
    ("fit a file that is not there", lambda: command("fit", "car.csv", "--target", "mpg")),
    ("fit a column that is not there", lambda: command("fit", "cars.csv", "--target", "mgp")),
    ("fit with widths that are none", lambda: fit("--hidden", "64,many")),
    ("fit with a width of zero", lambda: fit("--hidden", "0")),
    ("fit to a folder", lambda: fit("--out", ".")),
    ("fit to a folder that is not there", lambda: fit("--out", "models/cars")),
    ("fit with a feature named prediction", fit_with_a_feature_named_prediction),
    ("fit over its own table", lambda: fit("--out", "cars.csv")),
    ("fit without its own target", lambda: fit("--drop", "mpg")),
    ("fit with a negative learning rate", lambda: fit("--learning-rate", "-1")),
    ("fit with a loss that becomes infinite", lambda: fit("--learning-rate", "1e38", "--epochs", "9")),
    ("fit with everything held out", lambda: fit("--held-out", "1")),
    ("predict with a model that is none", lambda: command("predict", "cars.csv", "cars.csv", "--out", "out.csv")),
    ("predict with a model that is not there", lambda: command("predict", "model", "cars.csv", "--out", "out.csv")),
    ("predict without a column", lambda: predict("weight\n3.5\n")),
    ("predict with an unseen category", lambda: predict("weight,origin\n3.5,europe\n")),
    ("predict with a column of that name", lambda: predict("weight,origin,prediction\n3.5,usa,18\n")),
    ("predict to a file of another kind", lambda: predict(CARS, out="out.xlsx")),
    ("predict to a folder that cannot be written to", folder_without_permission),
    ("a fault of our own", fault_of_ours),
    ("the command without polars", lambda: without("polars")),
]
