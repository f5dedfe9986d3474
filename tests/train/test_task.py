"""Tasks: which one a target sets, and which targets cannot be learned."""

from __future__ import annotations

import datetime
import decimal
import math

import polars
import pytest

from chainrule.errors import ArgumentError, DataError
from chainrule.train.task import infer_task, prepare_target


def target(values, task=None, **settings):
    return prepare_target(polars.DataFrame({"y": polars.Series("y", values, **settings)}), "y", task)


def fault(values, task=None, **settings) -> DataError:
    with pytest.raises(DataError) as caught:
        target(values, task, **settings)
    error = caught.value
    assert error.operation == "prepare_target"
    assert "'y'" in error.expected
    assert error.remedy.endswith(".")
    assert error.location.file == __file__
    return error


# --- Which task -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "settings", "task"),
    [
        (["a", "b", None], {}, "classification"),
        ([True, False], {}, "classification"),
        (["a", "b"], {"dtype": polars.Categorical}, "classification"),
        (["a", "b"], {"dtype": polars.Enum(["a", "b"])}, "classification"),
        ([0.5, 1.0], {}, "regression"),
        ([0, 1], {}, "classification"),  # two whole numbers, however few rows
        ([1, 2, 1], {"dtype": polars.UInt8}, "classification"),
        ([0.0, 1.0, math.nan], {}, "classification"),  # whole numbers with gaps, as pandas writes them
        ([0.0, 1.0, math.inf], {}, "regression"),
        ([*range(10)] * 10, {}, "classification"),  # digits
        ([*range(10)] * 9 + [0] * 9, {}, "regression"),  # 99 rows: less than ten for each
        ([*range(11)] * 20, {}, "regression"),  # eleven values
        ([3, 4, 5], {}, "regression"),
        ([decimal.Decimal("1.5"), decimal.Decimal("2.0")], {}, "regression"),
        ([decimal.Decimal("1.0"), decimal.Decimal("2.0")], {}, "classification"),
    ],
)
def test_the_task_is_inferred(values, settings, task):
    assert infer_task(polars.Series("y", values, **settings)) == task


@pytest.mark.parametrize(
    "values", [[datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)], [[1], [2]], [datetime.timedelta(1)]]
)
def test_dates_and_nested_values_set_no_task(values):
    with pytest.raises(DataError) as caught:
        infer_task(polars.Series("when", values))
    assert caught.value.operation == "infer_task"
    assert caught.value.expected == "numbers, text or booleans in the target 'when'"
    assert caught.value.got.startswith("a column of ")
    assert fault(values, "regression").got == caught.value.got


# --- What is prepared -------------------------------------------------------------------------------------------------


def test_a_quantity_is_float64_and_rows_without_it_are_counted():
    found = target([3, None, 5, None, 4])
    assert found.task == "regression"
    assert found.name == "y"
    assert found.values.dtype == polars.Float64
    assert found.values.to_list() == [3.0, 5.0, 4.0]
    assert found.rows.tolist() == [0, 2, 4]
    assert found.notes == (
        "'y' holds whole numbers with 3 distinct values, so the task is regression.",
        "2 of 5 rows have no 'y' and are left out.",
    )


def test_nan_is_missing():
    found = target([0.5, math.nan, 2.0], "regression")
    assert found.rows.tolist() == [0, 2]
    assert found.notes == ("1 of 3 rows has no 'y' and is left out.",)


@pytest.mark.parametrize(
    ("values", "settings", "kept", "words"),
    [
        (["b", "a", "b", "a"], {}, ["b", "a", "b", "a"], "text"),
        (["b", "a", "b", "a"], {"dtype": polars.Categorical}, ["b", "a", "b", "a"], "text"),
        ([True, False, True, False], {}, [True, False, True, False], "booleans"),
        ([1.0, 0.0, 0.0, 1.0], {}, [1, 0, 0, 1], "whole numbers"),
    ],
)
def test_classes_are_text_integers_or_booleans(values, settings, kept, words):
    found = target(values, **settings)
    assert found.task == "classification"
    assert found.values.to_list() == kept
    assert [type(value) for value in found.values.to_list()] == [type(value) for value in kept]
    assert found.notes == (f"'y' holds {words} with 2 distinct values, so the task is classification.",)


def test_the_caller_may_say_otherwise():
    assert target([0, 1, 0, 1], "regression").values.to_list() == [0.0, 1.0, 0.0, 1.0]
    assert target([0, 1, 0, 1], "regression").notes == ()
    assert target([0.5, 1.0, 0.5, 1.0], "classification").values.to_list() == ["0.5", "1.0", "0.5", "1.0"]
    huge = [1e300, 2e300] * 2
    assert target(huge, "classification").values.to_list() == ["1e+300", "2e+300"] * 2
    assert target([30, 31, 32] * 2, "classification").values.to_list() == [30, 31, 32] * 2


# --- What cannot be learned -------------------------------------------------------------------------------------------


def test_a_column_that_is_not_there():
    with pytest.raises(DataError, match=r"^prepare_target: expected a column named 'Y'; .* Did you mean 'y'\?"):
        prepare_target(polars.DataFrame({"y": [1]}), "Y")


def test_a_task_that_is_none():
    with pytest.raises(ArgumentError) as caught:
        target([1, 2], "clustering")
    assert caught.value.expected == "'regression' or 'classification'"
    assert caught.value.got == "'clustering'"


@pytest.mark.parametrize(
    ("values", "settings"),
    [
        ([None, None], {}),
        ([None, None], {"dtype": polars.String}),
        ([math.nan, None], {}),
        ([], {"dtype": polars.Int8}),
    ],
)
@pytest.mark.parametrize("task", [None, "regression", "classification"])
def test_all_missing(values, settings, task):
    error = fault(values, task, **settings)
    assert error.expected == "a target 'y' with values"
    assert error.got == f"{len(values)} rows, all missing"


@pytest.mark.parametrize(
    ("values", "task"),
    [([4, 4, None], None), (["a", "a"], None), ([4.5, 4.5], "classification"), ([True, True], None), ([2.5], None)],
)
def test_constant(values, task):
    error = fault(values, task)
    assert error.expected == "a target 'y' with two or more distinct values"
    shown = "'4.5'" if task else repr(values[0] if values != [4, 4, None] else 4.0)
    count = len([value for value in values if value is not None])
    assert error.got == f"{shown} in all {count} row{'s' * (count > 1)}"


@pytest.mark.parametrize("task", [None, "regression", "classification"])
@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinite(value, task):
    error = fault([1.5, None, value, 2.5], task)
    assert error.expected == "finite numbers in the target 'y'"
    assert error.got == f"{value} in row 3"


def test_a_class_seen_once():
    error = fault(["a", None, "b", "a", "c"])
    assert error.got == "'b', 'c' seen once (row 3)"
    assert error.expected.startswith("each class of the target 'y' in two rows or more")
    assert "name another target" in error.remedy
    many = fault([str(number) + "x" for number in range(9)])
    assert many.got == "'0x', '1x', '2x' and 6 more seen once (row 1)"


def test_a_number_as_class_seen_once_points_to_regression():
    assert "or fit a regression." in fault([0, 1, 1]).remedy
    assert fault([0] * 20 + [1] * 20 + [2]).got == "2 seen once (row 41)"


def test_text_is_no_quantity():
    error = fault([None, "a", "b"], "regression")
    assert error.expected == "numbers in the target 'y'"
    assert error.got == "'a' in row 2"
    assert fault(["1.5", None, "2", "3", "4", "oops"], "regression").got == "'oops' in row 6"
    assert fault([True, False], "regression").got == "True in row 1"


def test_a_slip_in_a_column_of_numbers_makes_no_classes():
    values = ["1.5", None, "2.5", "3.5", "4.5", "about 6"]
    error = fault(values)
    assert error.expected == "numbers in the target 'y', as most of it holds"
    assert error.got == "1 value of other text, 'about 6' in row 6"
    assert target(values * 2, "classification").values.n_unique() == 5


def test_digits_with_another_class_are_classes():
    assert target([*"0123456789"] * 10 + ["none"] * 10).task == "classification"
