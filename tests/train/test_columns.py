"""Single columns: what is learned of them, how they are encoded, what is left out and what is refused."""

from __future__ import annotations

import datetime
import math

import numpy as np
import polars
import pytest

from chainrule.errors import DataError, ModelFileError
from chainrule.train.columns import (
    MOST_CATEGORIES,
    CategoryColumn,
    NumericColumn,
    fit_column,
    labels_of,
    mean_and_spread,
    numbers_of,
)


def fit(values, *, first_row=0, keep=False, **settings):
    column = polars.Series("c", values, **settings)
    return fit_column(column, np.arange(first_row, first_row + len(column)), keep=keep)


def encode(record, values, *, first_row=0, unseen="error", **settings):
    column = polars.Series("c", values, **settings)
    return record.encode(column, np.arange(first_row, first_row + len(column)), unseen).tolist()


def refused(record, values, **settings) -> DataError:
    with pytest.raises(DataError) as caught:
        encode(record, values, **settings)
    assert caught.value.operation == "transform"
    assert "'c'" in caught.value.expected
    return caught.value


# --- Numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [polars.Int8, polars.UInt64, polars.Float32, polars.Float64, polars.Decimal(10, 2)])
def test_numbers_of_every_kind_are_standardised(dtype):
    record, note = fit([1, 2, 3, 6], dtype=dtype)
    assert record == NumericColumn("c", median=2.5, mean=3.0, scale=math.sqrt(3.5), marks_missing=False)
    assert note == ""
    assert record.features == ("c",)
    encoded = record.encode(polars.Series("c", [1, 2, 3, 6], dtype=dtype), np.arange(4))
    assert encoded.dtype == np.float32
    assert encoded.shape == (4, 1)
    assert encoded.mean() == pytest.approx(0, abs=1e-7)
    assert encoded.std() == pytest.approx(1)


@pytest.mark.parametrize("gap", [None, math.nan])
def test_a_missing_number_is_the_median_and_marked(gap):
    record, note = fit([1.0, gap, 5.0, 9.0, 9.0], strict=False)
    filled = np.array([1.0, 7.0, 5.0, 9.0, 9.0])
    assert record == NumericColumn("c", 7.0, filled.mean(), pytest.approx(filled.std()), True)
    assert note == "'c': 1 of 5 training values missing; the median 7 stands for them, and a feature marks them."
    assert record.features == ("c", "c is missing")
    encoded = np.array(encode(record, [gap, 5.0]))
    assert encoded[:, 1].tolist() == [1, 0]
    assert encoded[:, 0] == pytest.approx((np.array([7.0, 5.0]) - record.mean) / record.scale)


def test_a_number_missing_later_only_is_the_median():
    record, _ = fit([1, 2, 9])
    assert encode(record, [None, 2]) == [[pytest.approx((2 - 4) / record.scale)]] * 2
    assert encode(record, [None], dtype=polars.Null) == encode(record, [2])
    assert encode(record, [None], dtype=polars.String) == encode(record, [2])


def test_a_constant_is_left_out():
    assert fit([4.5, 4.5]) == (None, "'c' is left out: it is constant (4.5).")
    assert fit([7]) == (None, "'c' is left out: it is constant (7).")


def test_a_constant_with_gaps_gives_the_mark_alone():
    record, note = fit([4.5, None, 4.5])
    assert record == NumericColumn("c", 4.5, 4.5, None, True)
    assert note == (
        "'c': 1 of 3 training values missing, the others constant (4.5); "
        "only a feature that marks the missing ones is made."
    )
    assert record.features == ("c is missing",)
    assert encode(record, [4.5, None, 99.0]) == [[0], [1], [0]]


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e150, 5e307])
def test_sizes_do_not_matter(size):
    record, _ = fit([size, -size, size, size, None])
    assert record.median == size
    assert np.array(encode(record, [size, -size]))[:, 0] == pytest.approx([0.5, -2.0])


def test_values_that_differ_by_little_are_no_constant():
    record, _ = fit([1e9, 1e9 + 1e-6])
    assert np.array(encode(record, [1e9, 1e9 + 1e-6]))[:, 0] == pytest.approx([-1, 1], rel=0.2)


def test_mean_and_spread():
    assert mean_and_spread(np.array([0.1] * 3))[1] == 0.0
    assert mean_and_spread(np.zeros(2)) == (0.0, 0.0)
    assert mean_and_spread(np.array([5e-324, 5e-324, 1e-320]))[1] > 0


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinity_is_refused_with_its_row(value):
    with pytest.raises(DataError) as caught:
        fit([1.0, None, value, 2.0], first_row=10)
    assert caught.value.operation == "fit"
    assert caught.value.expected == "numbers that are finite in the column 'c'"
    assert caught.value.got == f"{value} in row 13"
    record = NumericColumn("c", 0.0, 0.0, 1.0, False)
    assert refused(record, [1.0, value], first_row=5).got == f"{value} in row 7"


def test_a_number_beyond_float32_is_refused():
    record = NumericColumn("c", 0.0, 2.0, 1.0, False)
    assert refused(record, [1.0, 1e39]).got == "1e+39 in row 2"
    assert refused(record, [-1e308]).expected == "numbers within float32's range of the mean 2 in the column 'c'"
    assert np.isfinite(encode(record, [3e38])).all()


@pytest.mark.parametrize(
    ("values", "got"),
    [
        ([None, "heavy", "3"], "'heavy' in row 2"),
        (["1", "2", "3", "4", "heavy"], "'heavy' in row 5"),  # the one that spoils the column
        (["1", "2"], "'1' in row 1"),
        ([None, True], "True in row 2"),
        ([datetime.date(2020, 1, 2)], "datetime.date(2020, 1, 2) in row 1"),
    ],
)
def test_text_where_a_number_is_needed_is_refused(values, got):
    error = refused(NumericColumn("c", 0.0, 0.0, 1.0, False), values)
    assert error.expected == "numbers in the column 'c'"
    assert error.got == got


# --- Categories -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [polars.String, polars.Categorical, polars.Enum(["b", "a", "unused"])])
def test_categories_are_encoded_in_ascending_order(dtype):
    record, note = fit(["b", "a", "b", "b"], dtype=dtype)
    assert record == CategoryColumn("c", boolean=False, categories=("a", "b"), marks_missing=False)
    assert note == "'c' is encoded one-hot: 'a', 'b'."
    assert record.features == ("c = a", "c = b")
    assert encode(record, ["a", "b", None], dtype=dtype) == [[1, 0], [0, 1], [0, 0]]


def test_missing_is_a_category_where_training_had_it():
    record, note = fit(["b", None, "a", "b", None])
    assert record.marks_missing
    assert note == "'c' is encoded one-hot: 'a', 'b', and missing (2 training values) as a category of its own."
    assert encode(record, ["b", None]) == [[0, 1, 0], [0, 0, 1]]
    assert encode(record, [None], dtype=polars.Null) == [[0, 0, 1]]


def test_booleans_are_categories():
    record, note = fit([True, False, None])
    assert record == CategoryColumn("c", boolean=True, categories=("false", "true"), marks_missing=True)
    assert note.startswith("'c' is encoded one-hot: 'false', 'true', and missing (1 training value)")
    assert encode(record, [True, None]) == [[0, 1, 0], [0, 0, 1]]


def test_one_category_with_gaps_is_no_constant():
    record, _ = fit(["x", None])
    assert encode(record, ["x", None]) == [[1, 0], [0, 1]]
    assert fit(["x", "x"]) == (None, "'c' is left out: it is constant ('x').")


def test_codes_read_as_numbers_are_their_text():
    record = CategoryColumn("c", False, ("1", "2", "2.5", "x"), False)
    assert encode(record, [2, 1]) == [[0, 1, 0, 0], [1, 0, 0, 0]]
    assert encode(record, [2.0, 2.5, None, math.nan]) == [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_unseen_category_is_refused_with_its_row():
    record = CategoryColumn("c", False, ("Biscoe", "Dream"), True)
    error = refused(record, ["Dream", None, "biscoe ", "x"], first_row=100)
    assert error.expected == "a category of the column 'c' that training had: 'Biscoe', 'Dream'"
    assert error.got == "'biscoe ' in row 103"
    assert error.remedy == "Did you mean 'Biscoe'?"
    assert refused(record, ["zzz"]).remedy == "Correct the value, empty it, or fit again with such rows."
    many = CategoryColumn("c", False, tuple(f"{number:02}" for number in range(20)), False)
    assert many.categories[9] in refused(many, ["x"]).expected
    assert refused(many, ["x"]).expected.endswith("'09' and 10 more")


def test_an_unseen_category_may_be_zeros():
    record = CategoryColumn("c", False, ("a", "b"), True)
    assert encode(record, ["b", "z", None], unseen="zeros") == [[0, 1, 0], [0, 0, 0], [0, 0, 1]]


def test_infinity_is_no_category():
    assert refused(CategoryColumn("c", False, ("1",), False), [math.inf]).got == "'inf' in row 1"


def test_dates_where_categories_are_needed_are_refused():
    error = refused(CategoryColumn("c", False, ("a",), False), [datetime.date(2020, 1, 1)])
    assert error.expected == "text, booleans or whole numbers in the column 'c'"
    assert error.got == "a column of Date"


# --- What is left out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "settings", "reason"),
    [
        ([None, None], {}, "all its training values are missing"),
        ([None, math.nan], {"strict": False}, "all its training values are missing"),
        ([None, None], {"dtype": polars.String}, "all its training values are missing"),
        (
            [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
            {},
            "dates and times (Date) are not encoded; to use it, add a column of numbers made from it",
        ),
        ([[1], [2]], {}, "values of the type List(Int64) are not encoded"),
        ([b"a", b"b"], {}, "values of the type Binary are not encoded"),
    ],
)
def test_what_is_left_out_says_why(values, settings, reason):
    assert fit(values, **settings) == (None, f"'c' is left out: {reason}.")
    assert fit(values, keep=True, **settings)[0] is None


def test_text_that_is_nearly_all_distinct_is_left_out_unless_kept():
    values = ["a", "b", "c", "c", None]
    record, note = fit(values)
    assert record is None
    assert note == (
        "'c' is left out: 3 of its 4 training values are distinct text; keep it by name to encode it all the same."
    )
    kept, note = fit(values, keep=True)
    assert kept.categories == ("a", "b", "c")
    assert note.startswith("'c' is encoded one-hot: 'a', 'b', 'c', and missing (1 training value)")
    assert fit(["a", "b", "c"] * 2)[0] is not None  # half is not more than half
    assert fit(["a", "b"])[0] is not None  # two categories never are too many


def test_too_many_categories_are_left_out_unless_kept():
    names = [f"{number:04}x" for number in range(MOST_CATEGORIES + 1)]
    assert fit(names * 3)[0] is None
    assert len(fit(names * 3, keep=True)[0].categories) == MOST_CATEGORIES + 1
    assert len(fit(names[1:] * 3)[0].categories) == MOST_CATEGORIES


def test_a_slip_that_turns_numbers_into_text_is_noted():
    hint = " Most of its values are numbers; 1 of them, such as 'x' in row 13, not."
    assert fit(["1", None, "x", "3", "4", "5"], first_row=10)[1].endswith(f"all the same.{hint}")
    assert fit(["1", "1", "x", "3", "3", "3"], first_row=10, keep=True)[1].endswith(f"'1', '3', 'x'.{hint}")


# --- JSON -------------------------------------------------------------------------------------------------------------

NUMERIC = {"kind": "numeric", "name": "c", "median": 1.0, "mean": 2, "scale": 0.5, "marks_missing": False}
CATEGORY = {"kind": "category", "name": "c", "boolean": False, "categories": ["a", "b"], "marks_missing": True}


def test_records_come_back_from_json():
    numeric = NumericColumn("c", 1.0, 2.0, 0.5, False)
    assert NumericColumn.from_json(NUMERIC, "here") == numeric
    assert numeric.to_json() == NUMERIC
    mark = NumericColumn("c", 1.0, 2.0, None, True)
    assert NumericColumn.from_json(mark.to_json(), "here") == mark
    category = CategoryColumn("c", False, ("a", "b"), True)
    assert CategoryColumn.from_json(CATEGORY, "here") == category
    assert category.to_json() == CATEGORY
    flags = CategoryColumn("c", True, ("true",), True)
    assert CategoryColumn.from_json(flags.to_json(), "here") == flags


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": 1}, "here.name"),
        ({"median": "1"}, "here.median"),
        ({"median": math.nan}, "here.median"),
        ({"mean": None}, "here.mean"),
        ({"mean": True}, "here.mean"),
        ({"scale": 0}, "here.scale"),
        ({"scale": -1.0}, "here.scale"),
        ({"scale": math.inf}, "here.scale"),
        ({"scale": None}, "here.scale"),  # and no mark: no feature at all
        ({"marks_missing": 1}, "here.marks_missing"),
        ({"more": 1}, "here"),
    ],
)
def test_a_malformed_numeric_column(change, place):
    with pytest.raises(ModelFileError) as caught:
        NumericColumn.from_json(NUMERIC | change, "here")
    assert caught.value.expected.endswith(f" as {place}")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": None}, "here.name"),
        ({"name": "\ud800"}, "here.name"),
        ({"boolean": 0}, "here.boolean"),
        ({"boolean": True}, "here.categories"),
        ({"categories": "ab"}, "here.categories"),
        ({"categories": []}, "here.categories"),
        ({"categories": ["b", "a"]}, "here.categories"),
        ({"categories": ["a", "a"]}, "here.categories"),
        ({"categories": ["a", 1]}, "here.categories"),
        ({"categories": ["a", None]}, "here.categories"),
        ({"marks_missing": "no"}, "here.marks_missing"),
        ({"kind2": 1}, "here"),
    ],
)
def test_a_malformed_category_column(change, place):
    with pytest.raises(ModelFileError) as caught:
        CategoryColumn.from_json(CATEGORY | change, "here")
    assert caught.value.expected.endswith(f" as {place}")


def test_values_are_not_altered():
    column = polars.Series("c", [1.0, None, 3.0])
    assert numbers_of(column, np.arange(3), "fit").flags.writeable
    assert column.to_list() == [1.0, None, 3.0]
    assert labels_of(polars.Series("c", [1e20, -0.0]), "fit") == ["100000000000000000000", "0"]
