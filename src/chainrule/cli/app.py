"""The commands and their options. Exit codes: 0 done, 2 bad input, 3 a missing package, 1 a fault of ours."""

from __future__ import annotations

import sys
import traceback
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chainrule.cli import show
from chainrule.errors import ArgumentError, ChainruleError, DataError, DependencyError, ModelFileError

BAD_INPUT, MISSING_PACKAGE, OUR_FAULT = 2, 3, 1

app = typer.Typer(
    name="chainrule",
    help="Fit a model to a table, and predict with it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


class TaskName(StrEnum):
    """What the target asks for."""

    regression = "regression"
    classification = "classification"


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"chainrule {version('chainrule')}")
        raise typer.Exit()


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of every command."""
    context.obj = debug


@app.command()
def fit(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE", help="The table: a CSV or Parquet file with a row of column names.", show_default=False
        ),
    ],
    target: Annotated[
        str, typer.Option("--target", metavar="COLUMN", help="The column to predict.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Where to save the model, for example model.safetensors.", show_default=False
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="COLUMN", help="A column to leave out; may be given again.", show_default=False),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="COLUMN",
            help="A text column to encode however many values it has; may be given again.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        TaskName | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="regression or classification; inferred from the target if not given.",
            show_default=False,
        ),
    ] = None,
    hidden: Annotated[str, typer.Option("--hidden", metavar="WIDTHS", help="Widths of the hidden layers.")] = "64,64",
    epochs: Annotated[
        int, typer.Option("--epochs", metavar="COUNT", min=1, help="Passes over the training rows, at most.")
    ] = 200,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="ROWS", min=1, help="Rows in a step.")] = 32,
    learning_rate: Annotated[
        float,
        typer.Option(
            "--learning-rate", metavar="STEP", help="Adam's first step size; it falls to zero along a cosine."
        ),
    ] = 3e-3,
    held_out: Annotated[
        float, typer.Option("--held-out", metavar="FRACTION", help="The fraction of rows held back for the scores.")
    ] = 0.2,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            metavar="NUMBER",
            min=0,
            help="Decides split, first weights and order. The same seed gives the same model.",
        ),
    ] = 0,
) -> None:
    """Fit a model to a table, score it on held-out rows, and save it.

    Numbers are standardised, categories encoded, missing values filled in, and the summary says so.

    The scores of a multilayer perceptron on rows that it never saw stand beside those of a constant and a linear model.

    Example: chainrule fit examples/penguins.csv --target species --out penguins.safetensors
    """
    from chainrule.train.table import read_table
    from chainrule.train.tabular import fit_table

    if out is not None:
        _check_out(out, table)
    frame = read_table(table)
    if "prediction" in frame.columns and "prediction" not in (target, *(drop or ())):
        raise DataError(
            "fit",
            expected="columns of other names than 'prediction', where predictions will be written",
            got="a column 'prediction'",
            remedy="Rename it, or leave it out with --drop prediction.",
        )
    result = fit_table(
        frame, target, task=task.value if task else None, drop=drop or (), keep=keep or (), hidden=_widths(hidden),
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, held_out=held_out, seed=seed,
    )  # fmt: skip
    if out is not None:
        result.model.save(out)
    show.fitted(Console(), table, target, result, out)


@app.command()
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model that `chainrule fit` saved.", show_default=False)
    ],
    table: Annotated[
        Path,
        typer.Argument(
            metavar="TABLE",
            help="The rows to predict: a CSV or Parquet file with the model's columns.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            metavar="FILE",
            help="Where to write the rows with their predictions: .csv or .parquet.",
            show_default=False,
        ),
    ],
) -> None:
    """Predict the target for the rows of a table.

    Writes the rows with a column "prediction", and for classes one column "probability_CLASS" each.

    Example: chainrule predict penguins.safetensors new.csv --out predicted.csv
    """
    from chainrule.cli.write import predicted_frame, write_table
    from chainrule.train.table import read_table
    from chainrule.train.tabular import TableModel

    _check_out(out, table, model)
    loaded = TableModel.load(model)
    frame = read_table(table, text=loaded.preprocessor.text_columns)
    result = predicted_frame(loaded, frame)
    write_table(result, out)
    show.predicted(Console(), len(frame), out)


def _widths(text: str) -> tuple[int, ...]:
    try:
        widths = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        widths = (0,)
    if any(width < 1 for width in widths):
        raise ArgumentError(
            "--hidden",
            expected="--hidden to be widths of at least 1, such as 64,64",
            got=repr(text),
            remedy="Separate integers by commas.",
        )
    return widths


def _check_out(out: Path, *inputs: Path) -> None:
    """Refuse an output that cannot be written, or that would replace an input, before anything is computed."""
    if out.is_dir() or not out.parent.is_dir():
        got = f"{str(out)!r}, which is a folder" if out.is_dir() else f"{str(out)!r}, in a folder that does not exist"
        raise ArgumentError(
            "--out",
            expected="--out to be a file in a folder that exists",
            got=got,
            remedy="Name another file, or make the folder first.",
        )
    if out.exists() and any(file.exists() and out.samefile(file) for file in inputs):
        raise ArgumentError(
            "--out",
            expected="--out to be another file than those that are read",
            got=repr(str(out)),
            remedy="Name another file: this one would be lost.",
        )


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code. Errors are one sentence; `--debug` adds the traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--debug" in given:  # wherever it stands
        given = ["--debug", *(part for part in given if part != "--debug")]
    try:
        app(args=given)
    except ChainruleError as error:
        where = f"{error.operation}: " if isinstance(error, ModelFileError) else ""  # which names the file
        sentence = f"{where}expected {error.expected}; got {error.got}. {error.remedy}"
        raise _ended(sentence, MISSING_PACKAGE if isinstance(error, DependencyError) else BAD_INPUT, given) from None
    except Exception as error:  # the last line of defence: a user sees a sentence, whatever happened
        sentence = f"a fault of chainrule's own: {type(error).__name__}: {error}. Run again with --debug and report it."
        raise _ended(sentence, OUR_FAULT, given) from None


def _ended(sentence: str, code: int, given: list[str]) -> SystemExit:
    """Say what happened, with the traceback if it was asked for, and how to exit."""
    if "--debug" in given:
        traceback.print_exc()
    print(f"chainrule: {sentence}", file=sys.stderr)
    return SystemExit(code)
