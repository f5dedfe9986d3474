"""Preprocessing a table: learned from training rows only, applied to any table, kept as JSON."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path

import numpy as np
import polars
import pytest

from chainrule.errors import ArgumentError, DataError, ModelFileError
from chainrule.train.preprocess import (
    ClassTarget,
    Preprocessor,
    QuantityTarget,
    fit_target,
    target_from_json,
)
from chainrule.train.table import read_table
from chainrule.train.task import prepare_target

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CARS = polars.DataFrame(
    {
        "mpg": [18.0, 15.0, 36.0, 26.0, 24.0],
        "weight": [3504, 3693, None, 2130, 2372],
        "origin": ["usa", "usa", "japan", None, "japan"],
        "diesel": [False, False, True, False, True],
        "wheels": [4, 4, 4, 4, 4],
        "name": ["chevelle", "skylark", "datsun", "vw", "corona"],
    }
)


@pytest.fixture
def cars() -> Preprocessor:
    return Preprocessor.fit(CARS, target="mpg")


# --- Fitting ----------------------------------------------------------------------------------------------------------


def test_what_is_learned_of_a_table(cars):
    assert cars.features == (
        "weight",
        "weight is missing",
        "origin = japan",
        "origin = usa",
        "origin is missing",
        "diesel = false",
        "diesel = true",
    )
    assert cars.notes == (
        "Standardised: 'weight'.",
        "'weight': 1 of 5 training values missing; the median 2938 stands for them, and a feature marks them.",
        "'origin' is encoded one-hot: 'japan', 'usa', and missing (1 training value) as a category of its own.",
        "'diesel' is encoded one-hot: 'false', 'true'.",
        "'wheels' is left out: it is constant (4).",
        "'name' is left out: 5 of its 5 training values are distinct text; keep it by name to encode it all the same.",
    )
    assert cars.text_columns == ("origin",)


def test_the_features_of_a_table(cars):
    features = cars.transform(CARS)
    assert features.dtype == np.float32
    assert features.shape == (5, 7)
    assert features.flags.c_contiguous
    assert features[:, 0].mean() == pytest.approx(0, abs=1e-6)
    assert features[:, 0].std() == pytest.approx(1)
    assert features[:, 1:].tolist() == [
        [0, 0, 1, 0, 1, 0],
        [0, 0, 1, 0, 1, 0],
        [1, 1, 0, 0, 0, 1],
        [0, 0, 0, 1, 1, 0],
        [0, 1, 0, 0, 0, 1],
    ]


def test_only_the_training_rows_are_learned_from():
    rows = np.array([3, 0, 1])
    found = Preprocessor.fit(CARS, rows=rows, target="mpg")
    assert found == Preprocessor.fit(CARS[[3, 0, 1]], target="mpg")
    changed = CARS.with_columns(weight=polars.Series([3504, 3693, 10**9, 2130, -(10**9)]), origin=polars.lit("usa"))
    changed = changed.with_columns(origin=polars.Series(["usa", "usa", "x", None, "y"]))
    assert Preprocessor.fit(changed, rows=rows, target="mpg") == found
    assert found.features == ("weight", "origin = usa", "origin is missing")  # no gap, no japan, no diesel there


def test_held_out_rows_may_have_categories_of_their_own():
    found = Preprocessor.fit(CARS, rows=np.array([0, 1, 3]), target="mpg")
    held = np.array([4, 2])
    assert found.transform(CARS, rows=held, unseen="zeros")[:, 1:].tolist() == [[0, 0], [0, 0]]
    with pytest.raises(DataError) as caught:
        found.transform(CARS, rows=held)
    assert caught.value.got == "'japan' in row 5"  # counted in the whole table


def test_rows_are_those_asked_for_in_their_order(cars):
    rows = np.array([4, 0, 0])
    assert np.array_equal(cars.transform(CARS, rows=rows), cars.transform(CARS)[rows])
    assert cars.transform(CARS, rows=np.array([])).shape == (0, 7)
    assert cars.transform(CARS.head(0)).shape == (0, 7)


def test_columns_are_left_out_and_kept_by_name():
    found = Preprocessor.fit(CARS, target="mpg", leave_out=["weight", "origin", "diesel"], keep=["name"])
    assert found.features == tuple(f"name = {name}" for name in sorted(CARS["name"]))
    assert "'weight' is left out, as asked." in found.notes
    assert found.text_columns == ("name",)
    assert not any(note.startswith("Standardised") for note in found.notes)


@pytest.mark.parametrize("settings", [{"target": "MPG"}, {"leave_out": ["MPG"]}, {"keep": ["MPG"]}])
def test_names_that_are_not_there(settings):
    with pytest.raises(DataError) as caught:
        Preprocessor.fit(CARS, **settings)
    assert caught.value.operation == "fit"
    assert caught.value.remedy == "Did you mean 'mpg'?"


def test_no_rows_to_learn_from():
    with pytest.raises(DataError) as caught:
        Preprocessor.fit(CARS, rows=np.array([], np.int64))
    assert caught.value.expected == "at least one training row"


def test_nothing_to_learn_from():
    with pytest.raises(DataError) as caught:
        Preprocessor.fit(CARS.select("mpg", "wheels"), target="mpg")
    assert caught.value.expected == "columns to learn from"
    assert caught.value.got == "none in 2 columns: 'wheels' is left out: it is constant (4)"
    with pytest.raises(DataError) as alone:
        Preprocessor.fit(CARS.select("mpg"), target="mpg")
    assert alone.value.got == "none in 1 column: there is only the target"


def test_an_infinite_value_is_told_with_its_row_in_the_whole_table():
    frame = polars.DataFrame({"a": [0.0, 1.0, math.inf, 3.0]})
    with pytest.raises(DataError) as caught:
        Preprocessor.fit(frame, rows=np.array([1, 2]))
    assert caught.value.got == "inf in row 3"
    assert "'a'" in caught.value.expected
    found = Preprocessor.fit(frame, rows=np.array([0, 1]))
    with pytest.raises(DataError) as later:
        found.transform(frame, rows=np.array([3, 2]))
    assert later.value.got == "inf in row 3"


@pytest.mark.parametrize(
    "rows",
    [np.array([True, False, True, False, True]), np.array([0.0, 1.0]), np.array([[0]]), np.array([-1]), np.array([5])],
)
def test_rows_that_are_no_row_numbers(cars, rows):
    with pytest.raises(ArgumentError) as caught:
        cars.transform(CARS, rows=rows)
    assert caught.value.expected == "row numbers from 0 to 4"
    numbers = rows.ndim == 1 and rows.dtype.kind in "iu"
    outside = next((f"{row}" for row in rows.tolist() if not 0 <= row < 5), "") if numbers else ""
    assert caught.value.got == (outside or f"an array of {rows.dtype} with the shape {rows.shape}")
    with pytest.raises(ArgumentError) as fitting:
        Preprocessor.fit(CARS, rows=rows)
    assert fitting.value.operation == "fit"


# --- Applying ---------------------------------------------------------------------------------------------------------


def test_another_table_needs_the_columns_used_and_no_others(cars):
    other = CARS.select("diesel", "origin", "weight", extra=polars.lit("x"))
    assert np.array_equal(cars.transform(other), cars.transform(CARS))


def test_a_column_that_is_not_there(cars):
    with pytest.raises(DataError) as caught:
        cars.transform(CARS.rename({"weight": "Weights"}))
    assert caught.value.operation == "transform"
    assert caught.value.expected == "a column named 'weight'"
    assert caught.value.remedy == "Did you mean 'Weights'?"


def test_an_unseen_category(cars):
    with pytest.raises(DataError) as caught:
        cars.transform(CARS.with_columns(origin=polars.Series(["usa", "usa", "europe", "usa", "usa"])))
    assert caught.value.expected == "a category of the column 'origin' that training had: 'japan', 'usa'"
    assert caught.value.got == "'europe' in row 3"


def test_text_where_a_number_is_needed(cars):
    with pytest.raises(DataError) as caught:
        cars.transform(CARS.with_columns(weight=polars.Series(["1", "2", "heavy", "4", "5"])))
    assert caught.value.expected == "numbers in the column 'weight'"
    assert caught.value.got == "'heavy' in row 3"


def test_a_way_with_unseen_categories_that_is_none(cars):
    with pytest.raises(ArgumentError) as caught:
        cars.transform(CARS, unseen="zero")
    assert caught.value.expected == "unseen to be 'error' or 'zeros'"
    assert caught.value.got == "'zero'"


def test_codes_mean_the_same_in_every_file(tmp_path):
    (tmp_path / "train.csv").write_text("code,y\n1.50,0\nx,1\n1.50,1\n007,0\n007,0\nx,1\n")
    (tmp_path / "new.csv").write_text("code\n1.50\n007\n")
    found = Preprocessor.fit(read_table(tmp_path / "train.csv"), target="y")
    new = read_table(tmp_path / "new.csv", text=found.text_columns)
    assert found.transform(new).tolist() == [[0, 1, 0], [1, 0, 0]]


def test_penguins():
    frame = read_table(EXAMPLES / "penguins.csv")
    found = Preprocessor.fit(frame, target="species")
    assert found.transform(frame).shape == (344, 3 + 4 * 2 + 3)
    assert np.isfinite(found.transform(frame)).all()


def test_mpg_leaves_its_names_out():
    frame = read_table(EXAMPLES / "mpg.csv")
    found = Preprocessor.fit(frame, target="mpg")
    assert found == Preprocessor.fit(frame, target="mpg", keep=["origin"])
    assert "name" not in {column.name for column in found.columns}
    assert any(note.startswith("'name' is left out: 305 of its 398") for note in found.notes)
    assert "horsepower is missing" in found.features
    assert len(Preprocessor.fit(frame, target="mpg", keep=["name"]).features) == len(found.features) + 305


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_all_that_is_known_comes_back_from_json(cars):
    text = json.dumps(cars.to_json(), allow_nan=False)
    again = Preprocessor.from_json(json.loads(text))
    assert again == cars
    assert np.array_equal(again.transform(CARS), cars.transform(CARS))
    assert again.to_json() == cars.to_json()


@pytest.mark.parametrize(
    "data", [None, [], "x", 1, {}, {"format": 1}, {"format": 1, "columns": [], "notes": [], "x": 0}]
)
def test_json_that_is_no_preprocessor(data):
    with pytest.raises(ModelFileError) as caught:
        Preprocessor.from_json(data)
    assert caught.value.expected == "an object with the keys format, columns, notes as preprocessor"


def changed(data, *path, value):
    """A copy of JSON values in which the one at a path is another."""
    result = copy.deepcopy(data)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        (["format"], 2, "preprocessor.format"),
        (["format"], True, "preprocessor.format"),
        (["format"], 1.0, "preprocessor.format"),
        (["columns"], {}, "columns"),
        (["columns"], [], "columns"),
        (["columns", 0], None, "columns[0]"),
        (["columns", 1, "kind"], "numerical", "columns[1]"),
        (["columns", 1, "kind"], ["numeric"], "columns[1]"),
        (["columns", 1, "kind"], "numeric", "columns[1]"),
        (["columns", 0, "mean"], "0", "columns[0].mean"),
        (["columns", 1, "name"], "weight", "columns"),
        (["notes"], "note", "notes"),
        (["notes", 0], 1, "notes"),
        (["notes", 0], "\x1b[2Jgone", "notes"),
    ],
)
def test_a_malformed_preprocessor(cars, path, value, place):
    with pytest.raises(ModelFileError) as caught:
        Preprocessor.from_json(changed(cars.to_json(), *path, value=value))
    assert caught.value.expected.endswith(f" as {place}")
    assert caught.value.remedy.startswith("The model file was damaged or altered")


def test_no_small_change_of_type_loads_or_crashes(cars):
    """Each value of the JSON form is replaced by each kind of value: the result loads whole or is refused."""
    data = cars.to_json()

    def paths(value, at=()):
        yield at
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in inside:
            yield from paths(inner, (*at, key))

    for path in list(paths(data))[1:]:
        for value in (None, True, 0, -1, 1e999, "", "z", [], {}, [[]], {"kind": "numeric"}):
            try:
                found = Preprocessor.from_json(changed(data, *path, value=value))
            except ModelFileError:
                continue
            assert found.to_json() == changed(data, *path, value=value)


# --- Targets ----------------------------------------------------------------------------------------------------------


def test_a_quantity_is_standardised_by_its_training_rows():
    target = prepare_target(CARS, "mpg")
    found = fit_target(target, np.array([0, 1, 2]))
    assert found == QuantityTarget("mpg", 23.0, pytest.approx(np.std([18, 15, 36])))
    assert found.task == "regression"
    encoded = found.encode(target.values)
    assert encoded.dtype == np.float32
    assert encoded[:3].mean() == pytest.approx(0, abs=1e-6)
    assert encoded[:3].std() == pytest.approx(1)
    decoded = found.decode(encoded)
    assert decoded.dtype == np.float64
    assert decoded == pytest.approx(CARS["mpg"].to_numpy(), rel=1e-6)
    assert found.decode(encoded[:, None]).shape == (5, 1)
    assert fit_target(target).mean == pytest.approx(23.8)


def test_a_quantity_that_is_constant_in_training():
    target = prepare_target(polars.DataFrame({"y": [1.5, 1.5, 2.0]}), "y")
    with pytest.raises(DataError) as caught:
        fit_target(target, np.array([0, 1]))
    assert caught.value.operation == "fit_target"
    assert caught.value.got == "1.5 in all of them"


def test_a_quantity_beyond_float32():
    with pytest.raises(DataError, match=r"^encode: expected numbers within float32's range .* got 1e\+60 in row 2"):
        QuantityTarget("y", 0.0, 1.0).encode([0.0, 1e60])


@pytest.mark.parametrize(
    ("values", "classes", "names"),
    [
        (["b", "a", "b", "a"], ("a", "b"), ("a", "b")),
        ([10, 9, 10, 9], (9, 10), ("9", "10")),
        ([True, False, True, False], (False, True), ("false", "true")),
    ],
)
def test_classes_are_numbered_in_ascending_order(values, classes, names):
    target = prepare_target(polars.DataFrame({"y": values}), "y")
    found = fit_target(target, np.array([0]))
    assert found == ClassTarget("y", classes)
    assert [type(label) for label in found.classes] == [type(label) for label in classes]
    assert found.task == "classification"
    assert found.class_names == names
    numbers = found.encode(target.values)
    assert numbers.dtype == np.int64
    assert numbers.tolist() == [1, 0, 1, 0]
    assert found.decode(numbers) == values


def test_a_class_that_was_not_learned():
    with pytest.raises(DataError) as caught:
        ClassTarget("y", ("a", "b")).encode(["a", "c"])
    assert caught.value.expected == "a class of the target 'y': 'a', 'b'"
    assert caught.value.got == "'c' at place 1"


@pytest.mark.parametrize(
    "target",
    [
        QuantityTarget("y", -0.1, 1e-300),
        ClassTarget("y", ("", "a", "한국어")),
        ClassTarget("y", (-(2**63), 2**63 - 1)),
        ClassTarget("y", (False, True)),
    ],
)
def test_targets_come_back_from_json(target):
    again = target_from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)))
    assert again == target
    assert type(again) is type(target)
    if isinstance(target, ClassTarget):
        assert [type(label) for label in again.classes] == [type(label) for label in target.classes]


REGRESSION = {"task": "regression", "name": "y", "mean": 0.5, "scale": 2.0}
CLASSIFICATION = {"task": "classification", "name": "y", "classes": ["a", "b"]}


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (None, "target"),
        ({}, "target"),
        ({"task": "regression"}, "target"),
        (REGRESSION | {"more": 1}, "target"),
        (REGRESSION | {"task": "classification"}, "target"),
        (REGRESSION | {"name": 1}, "target.name"),
        (REGRESSION | {"mean": math.nan}, "target.mean"),
        (REGRESSION | {"scale": 0.0}, "target.scale"),
        (CLASSIFICATION | {"task": "regression"}, "target"),
        (CLASSIFICATION | {"task": "clustering"}, "target.task"),
        (CLASSIFICATION | {"task": ["regression"]}, "target.task"),
        (CLASSIFICATION | {"name": None}, "target.name"),
        (CLASSIFICATION | {"classes": "ab"}, "target.classes"),
        (CLASSIFICATION | {"classes": []}, "target.classes"),
        (CLASSIFICATION | {"classes": ["a"]}, "target.classes"),
        (CLASSIFICATION | {"classes": ["b", "a"]}, "target.classes"),
        (CLASSIFICATION | {"classes": ["a", "a"]}, "target.classes"),
        (CLASSIFICATION | {"classes": ["a", 1]}, "target.classes"),
        (CLASSIFICATION | {"classes": [0, True]}, "target.classes"),
        (CLASSIFICATION | {"classes": [0.5, 1.5]}, "target.classes"),
        (CLASSIFICATION | {"classes": [None, None]}, "target.classes"),
        (CLASSIFICATION | {"classes": [[], []]}, "target.classes"),
        (CLASSIFICATION | {"classes": [0, 2**63]}, "target.classes"),
        (CLASSIFICATION | {"classes": [-(2**63) - 1, 0]}, "target.classes"),
        (CLASSIFICATION | {"classes": ["a", "\ud800"]}, "target.classes"),
    ],
)
def test_a_malformed_target(data, place):
    with pytest.raises(ModelFileError) as caught:
        target_from_json(data)
    assert caught.value.expected.endswith(f" as {place}")
