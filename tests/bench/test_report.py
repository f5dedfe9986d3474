"""Tables, verdicts, and what is kept between runs."""

import pytest
from bench.page import page
from bench.report import Result, number, row_result, table, yardstick
from bench.tasks import Target

TIMES = {"chainrule": [2.0, 2.2, 2.1], "jax scan": [4.0, 4.0, 4.4], "torch": [100.0, 90.0, 80.0]}
PEAK = {"all cores": 200.0, "one core": 110.0, "numpy product": 150.0}


def row(fraction):
    target = Target(fraction, ("jax scan",))
    return row_result("small", "small: 1-64-64-1", TIMES, target=target, operations=10**6, peak=PEAK)


@pytest.mark.parametrize(("fraction", "verdict", "reached"), [(0.51, "reached.", "yes"), (0.4, "NOT reached.", "no")])
def test_a_target_is_reached_or_not(fraction, verdict, reached):
    result = row(fraction)
    assert result.notes[0].endswith(f"0.5 × jax scan, {verdict}")
    assert yardstick([result]).splitlines()[-1].endswith(f"| {reached:<7} |")


def test_a_row_shows_medians_ratios_speed_and_share():
    assert row(1).rows[0] == ["chainrule", "2.1", "10%", "0.5", "476", "238.1%"]
    assert row(1).rows[2][:4] == ["torch", "90", "22%", "22.5"]


def test_a_result_is_read_as_it_was_kept(tmp_path):
    result = row(1)
    assert Result.read(result.save(tmp_path / "kept")) == result


def test_the_page_holds_each_section_and_says_what_was_quick():
    other = Result("memory", "memory", ["system", "MB"], [["torch", "1"]], date="today", machine="M", quick=True)
    text = page([row(1), other])
    assert "Machine: M." in text
    assert "### memory" in text
    assert "*Taken today (quick: figures are rough).*" in text
    assert text.index("## The yardstick") < text.index("| small") < text.index("### small: 1-64-64-1")


def test_numbers_of_a_table_stand_to_the_right():
    lines = table(["name", "µs"], [["a", "1"], ["long name", "–"]]).splitlines()
    assert lines == ["| name      |  µs |", "| --------- | --: |", "| a         |   1 |", "| long name |   – |"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.12345, "0.123"), (12.345, "12.3"), (12345.6, "12,346"), (99.94, "99.9"), (0.00000123, "0.0000012")],
)
def test_numbers_have_three_digits_and_no_exponent(value, text):
    assert number(value) == text
