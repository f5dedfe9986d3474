"""Reading tables: what is read as what, and that each fault is told with its place."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import polars
import pytest

from chainrule.errors import ChainruleError, DataError, DependencyError
from chainrule.train.table import MISSING, find_column, load_polars, read_table, stray_text

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def write(tmp_path):
    """Write a file into a fresh folder and return its path."""

    def written(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return written


def fault(path, **settings) -> DataError:
    """The error of reading a table; every one must fill all its parts."""
    with pytest.raises(DataError) as caught:
        read_table(path, **settings)
    error = caught.value
    assert isinstance(error, ChainruleError)
    assert isinstance(error, ValueError)
    assert error.operation == "read_table"
    assert error.expected
    assert error.remedy.endswith((".", "?"))
    assert "\n" not in error.sentence
    assert error.location is not None
    assert error.location.file == __file__
    return error


# --- What is read -----------------------------------------------------------------------------------------------------


def test_the_types_are_the_narrowest_that_hold_a_column(write):
    frame = read_table(write("flag,count,size,word,none\nTrue,1,1.5,a,\nfalse,-2,2,b,NA\nTRUE,+3,1e3,c,?\n"))
    assert frame.schema == {
        "flag": polars.Boolean,
        "count": polars.Int64,
        "size": polars.Float64,
        "word": polars.String,
        "none": polars.String,
    }
    assert frame.to_dict(as_series=False) == {
        "flag": [True, False, True],
        "count": [1, -2, 3],
        "size": [1.5, 2.0, 1000.0],
        "word": ["a", "b", "c"],
        "none": [None, None, None],
    }


@pytest.mark.parametrize("marker", sorted(MISSING))
@pytest.mark.parametrize(("other", "kept"), [("7", 7), ("7.5", 7.5), ("seven", "seven"), ("true", True)])
def test_every_marker_of_a_missing_value_is_one_in_every_type(write, marker, other, kept):
    frame = read_table(write(f'a,b\n{marker},1\n{other},2\n "{marker}",3\n'))
    assert frame["a"].to_list() == [None, kept, None]


def test_the_markers_are_the_usual_ones():
    assert {"", "NA", "NaN", "null", "?"} <= MISSING
    assert "None" not in MISSING  # a category of its own: no garage


def test_nan_in_another_spelling_is_missing_too(write):
    assert read_table(write("a\n1.5\nNAN\n"))["a"].to_list() == [1.5, None]


def test_infinity_is_read_as_such(write):
    assert read_table(write("a\n1.5\n-inf\n"))["a"].to_list() == [1.5, -math.inf]


def test_integers_beyond_64_bits_are_floats(write):
    assert read_table(write(f"a\n1\n{10**20}\n"))["a"].to_list() == [1.0, 1e20]


def test_named_columns_stay_text(write):
    frame = read_table(write("code,flag,n\n1.50,TRUE,1\nNA,false,2\n"), text=("code", "flag", "absent"))
    assert frame["code"].to_list() == ["1.50", None]
    assert frame["flag"].to_list() == ["TRUE", "false"]
    assert frame["n"].to_list() == [1, 2]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(write, separator, end):
    rows = [["name", "size"], ["a b", "1"], ["c", "2"]]
    frame = read_table(write(end.join(separator.join(row) for row in rows)))
    assert frame.rows() == [("a b", 1), ("c", 2)]


def test_a_separator_within_text_does_not_mislead(write):
    assert read_table(write("a;b, c\n1;x, y\n2;z\n")).rows() == [(1, "x, y"), (2, "z")]
    assert read_table(write("a,b; c\n1,x; y\n2,z\n")).rows() == [(1, "x; y"), (2, "z")]


def test_of_separators_that_fit_equally_the_one_with_more_fields_then_the_comma_is_taken(write):
    assert read_table(write("a;b;c,d\n1;2;3,4\n")).columns == ["a", "b", "c,d"]
    assert read_table(write("a;b,c\n1;2,3\n")).columns == ["a;b", "c"]


def test_a_tsv_file_is_split_at_tabs_only(write):
    assert read_table(write("a, b, c\td\n1\t2\n", "table.tsv")).columns == ["a, b, c", "d"]


def test_one_column_needs_no_separator(write):
    assert read_table(write("a\n1\n\n2\n"))["a"].to_list() == [1, 2]


def test_quotes_blank_lines_spaces_and_a_byte_order_mark(write):
    text = '\ufeffname , "the size"\n\n"a, ""b""", 1 \n  \n"two\nlines",2\n'
    assert read_table(write(text)).to_dict(as_series=False) == {"name": ['a, "b"', "two\nlines"], "the size": [1, 2]}


def test_row_numbers_without_a_name_are_passed_over(write):
    assert read_table(write(",a\n0,5\n1,6\n")).columns == ["a"]
    assert read_table(write('"","a"\n"1",5\n"2",6\n')).columns == ["a"]


def test_an_empty_column_without_a_name_is_passed_over(write):
    assert read_table(write("a,b,\n1,2,\n3,4,\n")).rows() == [(1, 2), (3, 4)]


def test_penguins():
    frame = read_table(EXAMPLES / "penguins.csv")
    assert frame.shape == (344, 7)
    assert frame.null_count().row(0, named=True) == {
        "species": 0,
        "island": 0,
        "bill_length_mm": 2,
        "bill_depth_mm": 2,
        "flipper_length_mm": 2,
        "body_mass_g": 2,
        "sex": 11,
    }
    assert frame["sex"].drop_nulls().unique().sort().to_list() == ["FEMALE", "MALE"]


def test_mpg():
    frame = read_table(str(EXAMPLES / "mpg.csv"))
    assert frame.shape == (398, 9)
    assert frame["horsepower"].dtype == polars.Float64
    assert frame["horsepower"].null_count() == 6
    assert frame["model_year"].dtype == polars.Int64


def test_parquet_by_its_content_or_its_name(tmp_path):
    frame = polars.DataFrame({"a": [1.5, None], "b": ["NA", ""]})
    for name in ("table.parquet", "table.csv"):
        frame.write_parquet(tmp_path / name)
        assert read_table(tmp_path / name).equals(frame)  # text stays as it is: Parquet has a way to say missing


# --- What cannot be read ----------------------------------------------------------------------------------------------


def test_no_such_file_tells_the_nearest(write, tmp_path):
    write("a\n1\n", "penguins.csv")
    error = fault(tmp_path / "pengins.csv")
    assert error.got == f"no file at '{tmp_path / 'pengins.csv'}'"
    assert error.remedy == "Did you mean 'penguins.csv'?"
    assert fault(tmp_path / "absent" / "penguins.csv").remedy == "Check the path."


def test_a_folder(tmp_path):
    assert fault(tmp_path).got == f"the folder '{tmp_path}'"


def test_a_path_that_the_system_refuses(tmp_path, monkeypatch):
    assert "null" in fault(str(tmp_path / "a\0b")).got

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    error = fault(tmp_path / "table.csv")
    assert error.got == f"Permission denied: {str(tmp_path / 'table.csv')!r}"
    assert error.expected == "a file that can be read"


@pytest.mark.parametrize("content", ["", "\n", " \n\r\n", "\ufeff"])
def test_nothing(write, content):
    path = write(content)
    error = fault(path)
    assert error.got == f"nothing in '{path}'"
    assert error.expected == "column names and at least one row"


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "a,b\n\n"])
def test_a_header_only(write, content):
    assert fault(write(content)).got.startswith("column names only in ")


def test_a_parquet_file_without_rows(tmp_path):
    polars.DataFrame({"a": []}).write_parquet(tmp_path / "t.parquet")
    assert fault(tmp_path / "t.parquet").got.startswith("column names only in ")


def test_only_unnamed_columns(write):
    assert fault(write('"",""\n0,\n1,\n')).got.startswith("column names only in ")


@pytest.mark.parametrize(("row", "count"), [("1,2", "2 fields"), ("1,2,3,4", "4 fields"), ("1", "1 field")])
def test_a_row_of_the_wrong_length_is_told_with_its_line(write, row, count):
    path = write(f'a,b,c\n"x\ny",2,3\n\n{row}\n7,8,9\n')
    error = fault(path)
    assert error.got == f"{count} in line 5 of '{path}'"
    assert error.expected == "3 fields in each row, as in the header"
    assert "a comma separates fields" in error.remedy


def test_the_separator_is_told_in_words(write):
    assert "a semicolon separates" in fault(write("a;b\n1;2\n1;2;3\n")).remedy
    assert "a tab separates" in fault(write("a\tb\n1\n")).remedy


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('a,b\n1,2\n3,"4\n5,6\n', 3),  # closed nowhere
        ('a,b\n1,2\n"3" 3,4\n', 3),  # text after the closing quote
        ('"a,b\n1,2\n', 1),
        ('a,b\n"1\n1",2\n3,"4 "5" \n', 4),  # the lines within a field count
    ],
)
def test_a_quote_that_is_not_closed_is_told_with_the_line_of_its_row(write, content, line):
    path = write(content)
    error = fault(path)
    assert error.got.startswith("a row that cannot be read (")
    assert error.got.endswith(f") and begins in line {line} of '{path}'")
    assert error.expected == "rows whose quotes are closed"


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize(
    ("bad", "what"), [(b"M\xfcller", "the byte 0xfc, which is not UTF-8,"), (b"M\0ller", "a NUL byte")]
)
def test_bytes_that_are_no_text_are_told_with_their_line(write, bad, what, end):
    path = write(end.join([b"name,size", b"a,1", bad + b",2", b"b,3"]))
    error = fault(path)
    assert error.got == f"{what} in line 3 of '{path}'"
    assert "UTF-8" in error.remedy


def test_a_nul_byte_at_the_very_start(write):
    assert fault(write(b"\0a,b\n1,2\n")).got.startswith("a NUL byte in line 1 of ")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"PK\x03\x04", "a zip archive"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"ARROW1", "an Arrow (Feather) file"),
        ("a,b\n1,2".encode("utf-16"), "text in UTF-16"),
    ],
)
def test_other_formats_are_told_by_name(write, start, kind):
    error = fault(write(start + b"..."))
    assert error.got.startswith(kind)
    assert error.remedy == "Save the table as CSV in UTF-8."


def test_columns_named_twice(write):
    error = fault(write("a,b, a,b,c\n1,2,3,4,5\n"))
    assert error.got.startswith("the names 'a', 'b' more than once")


def test_a_header_of_numbers_is_none(write):
    error = fault(write("1,2.5,-3,4\n5,6,7,8\n"))
    assert error.got.startswith("only numbers ('1', '2.5', '-3' and 1 more)")
    assert error.expected == "column names in the first line"


def test_a_column_without_a_name(write):
    error = fault(write("a,,c\n1,5,2\n3,5,4\n"))
    assert error.got.startswith("no name for column 2")
    assert fault(write(",a\n1,5\n0,6\n")).got.startswith("no name for column 1")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1 and more", b"a,b\n1,2\n"])
def test_a_parquet_file_that_is_none(write, content):
    path = write(content, "table.parquet")
    error = fault(path)
    assert error.expected == "a Parquet file"
    assert error.got.startswith("a fault (")
    assert error.got.endswith(f" in '{path}'")


def test_a_panic_inside_polars_is_an_error_like_others(write, monkeypatch):
    def panic(_):
        raise polars.exceptions.PanicException("index out of bounds\nbacktrace")

    monkeypatch.setattr(polars, "read_parquet", panic)
    assert fault(write(b"PAR1")).got.startswith("a fault (index out of bounds) in")


def test_without_polars_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(DependencyError) as caught:
        read_table("any.csv")
    assert caught.value.remedy == "Run: pip install 'chainrule[cli]'"
    assert "polars" in caught.value.expected


# --- Columns by name --------------------------------------------------------------------------------------------------


def test_a_column_is_found_by_its_name():
    frame = polars.DataFrame({"a": [1], "b": [2]})
    assert find_column(frame, "b").to_list() == [2]


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Species", "Did you mean 'species'?"),
        ("bodymass", "Did you mean 'Body_Mass'?"),
        ("zzz", "Name one of the columns there are."),
    ],
)
def test_a_column_that_is_not_there_tells_the_nearest(name, remedy):
    frame = polars.DataFrame({"species": ["a"], "Body_Mass": [1]})
    with pytest.raises(DataError) as caught:
        find_column(frame, name, operation="predict")
    assert caught.value.operation == "predict"
    assert caught.value.expected == f"a column named {name!r}"
    assert caught.value.got == "the columns 'species', 'Body_Mass'"
    assert caught.value.remedy == remedy


def test_names_that_are_numbers_suggest_a_file_without_a_header(write):
    frame = read_table(write("5.1,3.5,setosa\n4.9,3.0,setosa\n"))
    with pytest.raises(DataError, match="does the file lack its header line"):
        find_column(frame, "species")


def test_stray_text_is_what_spoils_a_column_of_numbers():
    assert stray_text(polars.Series(["1", "x", "3", None, "4", "5", "6"])).tolist() == [1]
    assert stray_text(polars.Series(["1", "x", "3", "4"])).tolist() == []  # a quarter is meant as text
    assert stray_text(polars.Series(["1", "x", "3", "4", *[None] * 9])).tolist() == []
    assert stray_text(polars.Series(["1", "2"])).tolist() == []
    assert stray_text(polars.Series([1, 2])).tolist() == []
    assert load_polars() is polars
