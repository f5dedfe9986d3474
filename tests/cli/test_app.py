"""The command as a user meets it: what it prints, its exit codes, and that bad input leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars
import pytest

from chainrule.cli.app import run
from chainrule.train.model_file import read_model, write_model
from chainrule.train.tabular import TableModel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PENGUINS, CARS = EXAMPLES / "penguins.csv", EXAMPLES / "mpg.csv"


@pytest.fixture
def command(capsys):
    """Run the command line: (exit code, standard output, standard error)."""

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    """A model of the penguins, quickly trained."""
    path = tmp_path_factory.mktemp("model") / "penguins.safetensors"
    with pytest.raises(SystemExit) as ended:
        run(["fit", str(PENGUINS), "--target", "species", "--epochs", "30", "--out", str(path)])
    assert not ended.value.code
    return path


def test_the_examples_reach_their_scores(command, tmp_path):
    from chainrule.train.table import read_table
    from chainrule.train.tabular import fit_table

    species = [fit_table(read_table(PENGUINS), "species", seed=seed) for seed in range(3)]
    assert np.median([fitted.scores.scores["accuracy"] for fitted in species]) >= 0.97
    miles = [fit_table(read_table(CARS), "mpg", drop=["name"], seed=seed) for seed in range(3)]
    assert np.median([fitted.scores.scores["R²"] for fitted in miles]) >= 0.85
    for fitted in miles:
        assert fitted.scores.scores["R²"] > fitted.baselines[1].scores["R²"]


def test_fit_prints_what_it_did(command, tmp_path):
    out = tmp_path / "cars.safetensors"
    code, text, _ = command(
        "fit", CARS, "--target", "mpg", "--drop", "name", "--epochs", 3, "--hidden", "8", "--out", out
    )
    assert code == 0
    for words in ("regression", "held out", "horsepower", "median", "linear (ridge)", "this model", "Saved to"):
        assert words in text, words
    assert out.exists()


def test_fit_without_out_saves_nothing(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, text, _ = command("fit", PENGUINS, "--target", "species", "--epochs", 1)
    assert code == 0
    assert "Not saved" in text
    assert not list(tmp_path.iterdir())


def test_the_same_seed_gives_the_same_file(command, tmp_path):
    files = []
    for name in ("a", "b"):
        command("fit", PENGUINS, "--target", "sex", "--epochs", 2, "--out", tmp_path / name)
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_predict_writes_rows_and_probabilities(command, penguins, tmp_path):
    for name, read in (("out.csv", polars.read_csv), ("out.parquet", polars.read_parquet)):
        code, text, _ = command("predict", penguins, PENGUINS, "--out", tmp_path / name)
        assert code == 0
        assert "344 rows" in text
        frame = read(tmp_path / name)
        assert frame.columns[-4:] == ["prediction", "probability_Adelie", "probability_Chinstrap", "probability_Gentoo"]
        chances = frame.select(frame.columns[-3:]).to_numpy()
        np.testing.assert_allclose(chances.sum(axis=1), 1, rtol=1e-9)
        assert (frame["prediction"] == frame["species"]).mean() > 0.9
    assert sorted(os.listdir(tmp_path)) == ["out.csv", "out.parquet"]


def test_predict_numbers(command, tmp_path):
    command("fit", CARS, "--target", "mpg", "--drop", "name", "--epochs", 20, "--out", tmp_path / "m")
    code, _, _ = command("predict", tmp_path / "m", CARS, "--out", tmp_path / "p.csv")
    frame = polars.read_csv(tmp_path / "p.csv")
    assert code == 0
    assert frame["prediction"].dtype == polars.Float64
    assert np.corrcoef(frame["prediction"], frame["mpg"])[0, 1] > 0.8


def test_no_input_is_written_over(command, penguins, tmp_path):
    table = tmp_path / "table.csv"
    table.write_bytes(PENGUINS.read_bytes())
    (tmp_path / "link.csv").symlink_to(table)
    for out in (table, tmp_path / "link.csv", tmp_path / "." / "table.csv"):
        code, _, said = command("fit", table, "--target", "species", "--epochs", 1, "--out", out)
        assert (code, "would be lost" in said) == (2, True)
        code, _, said = command("predict", penguins, table, "--out", out)
        assert (code, "would be lost" in said) == (2, True)
    model = tmp_path / "model.csv"
    model.write_bytes(penguins.read_bytes())
    assert command("predict", model, table, "--out", model)[0] == 2
    assert table.read_bytes() == PENGUINS.read_bytes()
    assert model.read_bytes() == penguins.read_bytes()


def test_predictions_have_the_permissions_of_any_new_file(command, penguins, tmp_path):
    (tmp_path / "other").touch()
    command("predict", penguins, PENGUINS, "--out", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_the_target_cannot_be_dropped(command):
    code, _, said = command("fit", PENGUINS, "--target", "species", "--drop", "species")
    assert code == 2
    assert "'species'" in said


def test_keep_encodes_a_column_of_many_values(command):
    settings = ["fit", CARS, "--target", "mpg", "--epochs", 1]
    assert "'name' is left out" in command(*settings)[1]
    assert "'name' is encoded one-hot" in command(*settings, "--keep", "name")[1]


def test_debug_may_stand_anywhere(command):
    code, _, said = command("fit", "no.csv", "--target", "a", "--debug")
    assert code == 2
    assert "Traceback" in said
    assert "no file at" in said


def test_help_names_every_option(command):
    code, text, _ = command("--help")
    assert code == 0
    assert "fit" in text
    assert "predict" in text
    _, text, _ = command("fit", "--help")
    for option in ("--target", "--out", "--drop", "--keep", "--seed", "--hidden", "--epochs"):
        assert option in text
    assert command("--version")[1].startswith("chainrule ")


CSV = "a,b,c\n" + "".join(f"{k},{k % 7},{'xyz'[k % 3]}\n" for k in range(40))


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        (None, "a", "no file at"),
        (CSV, "d", "'d'"),
        (CSV.replace("c\n", "colour\n", 1), "color", "colour"),
        ("", "a", "empty"),
        ("a,b\n", "a", "row"),
        ("a,b\n" + "1,\n" * 30, "b", "missing"),
        ("a,b\n" + "".join(f"{k},5\n" for k in range(30)), "b", "distinct"),
        ("a,b\n" + "".join(f"{k},{'inf' if k == 9 else k / 3}\n" for k in range(30)), "b", "row 10"),
        (
            "a,b\n" + "".join(f"{k},{'once' if k == 4 else 'often' if k % 2 else 'also'}\n" for k in range(30)),
            "b",
            "once",
        ),
        ("a,b\n1,2\n3\n4,5\n", "b", "line 3"),
        ('a,b\n1,"2\n', "b", "line"),
    ],
    ids=[
        "no file",
        "no column",
        "nearest column",
        "empty",
        "no rows",
        "missing",
        "constant",
        "infinite",
        "a class once",
        "a short line",
        "an open quote",
    ],
)
def test_bad_tables(command, tmp_path, content, target, words):
    table, out = tmp_path / "table.csv", tmp_path / "model.safetensors"
    if content is not None:
        table.write_text(content)
    code, text, error = command("fit", table, "--target", target, "--out", out)
    assert code == 2, text + error
    assert words in error
    assert error.startswith("chainrule: expected ")
    assert "Traceback" not in error
    assert error.count("\n") == 1, error
    assert not out.exists()
    assert len(list(tmp_path.iterdir())) == (content is not None)


@pytest.mark.parametrize(
    "damage", ["truncated", "altered", "not ours", "hostile", "another kind", "missing", "a folder"]
)
def test_bad_models(command, penguins, tmp_path, damage):
    model = tmp_path / "model"
    whole = penguins.read_bytes()
    if damage == "truncated":
        model.write_bytes(whole[:-5])
    elif damage == "altered":
        model.write_bytes(whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:])
    elif damage == "not ours":
        model.write_bytes(b"PK\x03\x04 something else entirely")
    elif damage == "hostile":
        model.write_bytes((2**62).to_bytes(8, "little") + b"{}")
    elif damage == "another kind":
        write_model(model, {}, {"kind": "something else"})
    elif damage == "a folder":
        model.mkdir()
    code, _, error = command("predict", model, PENGUINS, "--out", tmp_path / "out.csv")
    assert code == 2, error
    assert error.startswith("chainrule: ")
    assert str(model) in error
    assert "expected " in error
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "x"),
        ("sizes", [4, 3]),
        ("sizes", ["a", 2]),
        ("sizes", [9]),
        ("activation", "sine"),
        ("target", {}),
        ("preprocessor", []),
    ],
)
def test_models_whose_metadata_does_not_fit(command, penguins, tmp_path, key, value):
    tensors, metadata = read_model(penguins)
    write_model(tmp_path / "model", tensors, {**json.loads(json.dumps(metadata)), key: value})
    code, _, error = command("predict", tmp_path / "model", PENGUINS, "--out", tmp_path / "out.csv")
    assert (code, error.startswith("chainrule: "), "expected " in error) == (2, True, True), error


def test_models_whose_tensors_do_not_fit(command, penguins, tmp_path):
    tensors, metadata = read_model(penguins)
    tensors["parameter 0"] = tensors["parameter 0"][:-1]
    write_model(tmp_path / "model", tensors, metadata)
    assert command("predict", tmp_path / "model", PENGUINS, "--out", tmp_path / "out.csv")[0] == 2


def test_bad_rows_to_predict(command, penguins, tmp_path):
    rows = PENGUINS.read_text().replace("Torgersen", "Atlantis", 1)
    for name, text, words in (
        ("unseen", rows, "Atlantis"),
        ("lacking", PENGUINS.read_text().replace("island", "isle", 1), "island"),
        ("taken", PENGUINS.read_text().replace("species", "prediction", 1), "prediction"),
    ):
        (tmp_path / f"{name}.csv").write_text(text)
        code, _, error = command("predict", penguins, tmp_path / f"{name}.csv", "--out", tmp_path / "out.csv")
        assert (code, words in error) == (2, True), error
        assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fit", PENGUINS, "--target", "species", "--out", "no/such/folder/m"], "folder"),
        (["fit", PENGUINS, "--target", "species", "--out", "."], "folder"),
        (["fit", PENGUINS, "--target", "species", "--hidden", "a"], "--hidden"),
        (["fit", PENGUINS, "--target", "species", "--held-out", "2"], "fraction"),
        (["fit", PENGUINS, "--target", "species", "--learning-rate", "-1"], "learning_rate"),
        (["fit", PENGUINS, "--target", "species", "--drop", "colour"], "colour"),
        (["fit", PENGUINS], "--target"),
        (["fly"], "fly"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_options(command, arguments, words):
    code, _, error = command(*arguments)
    assert code == 2
    assert words in error
    assert "Traceback" not in error


def test_predict_refuses_another_ending(command, penguins, tmp_path):
    code, _, error = command("predict", penguins, PENGUINS, "--out", tmp_path / "out.xlsx")
    assert code == 2
    assert ".parquet" in error
    assert not list(tmp_path.iterdir())


def test_an_unwritable_place_keeps_the_old_file(command, penguins, tmp_path, monkeypatch):
    out = tmp_path / "out.csv"
    out.write_text("old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    code, _, error = command("predict", penguins, PENGUINS, "--out", out)
    assert code != 0
    assert "Traceback" not in error
    assert out.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_debug_shows_the_traceback(command, tmp_path):
    code, _, error = command("--debug", "fit", tmp_path / "none.csv", "--target", "a")
    assert code == 2
    assert "Traceback" in error


def test_a_fault_of_ours_is_a_sentence_too(command, monkeypatch):
    monkeypatch.setattr(TableModel, "load", staticmethod(lambda path: 1 / 0))
    code, _, error = command("predict", PENGUINS, PENGUINS, "--out", "out.csv")
    assert code == 1
    assert "--debug" in error


def test_the_installed_command():
    done = subprocess.run(
        [sys.executable, "-c", "from chainrule.cli import main; main()", "--version"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("chainrule ")


def test_a_missing_package_is_named(monkeypatch, capsys):
    from chainrule.cli import main

    monkeypatch.setitem(sys.modules, "typer", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    assert "chainrule[cli]" in capsys.readouterr().err
