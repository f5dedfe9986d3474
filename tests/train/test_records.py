"""Checks of untrusted JSON: each takes what it should and refuses all else with `ModelFileError`."""

from __future__ import annotations

import math

import pytest

from chainrule.errors import ModelFileError
from chainrule.train.records import check_flag, check_list, check_number, check_object, check_text, refuse

VALUES = [None, True, False, 0, -1, 2.5, "", "text", [], [1], {}, {"a": 1}, 10**5000, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize(
    ("check", "taken"),
    [
        (check_list, [[], [1]]),
        (check_text, ["", "text"]),
        (check_flag, [True, False]),
        (check_number, [0, -1, 2.5]),
        (lambda value, where: check_number(value, where, positive=True), [2.5]),
        (lambda value, where: check_object(value, where, ["a"]), [{"a": 1}]),
        (lambda value, where: check_object(value, where, []), [{}]),
    ],
)
def test_each_check_takes_its_values_only(check, taken):
    for value in VALUES:
        if any(type(value) is type(kept) and value == kept for kept in taken):
            assert check(value, "here") == value
        else:
            with pytest.raises(ModelFileError) as caught:
                check(value, "here")
            assert caught.value.operation == "from_json"
            assert caught.value.expected.endswith(" as here")
            assert len(caught.value.got) < 100


def test_a_number_comes_back_as_a_float():
    assert type(check_number(3, "here")) is float
    with pytest.raises(ModelFileError):
        check_number(10**400, "here")


def test_an_object_with_a_key_too_many_or_too_few_is_refused():
    for wrong in ({"a": 1, "b": 2}, {"a": 1}, {"a": 1, "c": 3, "d": 4}):
        with pytest.raises(ModelFileError, match="an object with the keys a, c as target") as caught:
            check_object(wrong, "target", ["a", "c"])
        assert caught.value.got == repr(wrong)


def test_text_that_cannot_be_written_is_refused():
    with pytest.raises(ModelFileError) as caught:
        check_text("a\udc80", "name")
    assert caught.value.got == "'a\\udc80'"
    assert check_text("한국어 \U0001f600", "name") == "한국어 \U0001f600"


def test_a_refusal_shows_the_value_in_short():
    with pytest.raises(ModelFileError) as caught:
        refuse("columns", "a list", "x" * 10_000)
    assert len(str(caught.value.got)) < 60
    with pytest.raises(ModelFileError) as huge:
        refuse("columns", "a list", 10**5000)
    assert len(huge.value.got) < 60
