"""Checks of JSON from an untrusted model file: each takes a value and returns it typed, or raises `ModelFileError`.

`where` is the value's place in the file, for the message. JSON has no integers apart from floats and Python's `bool` is
an `int`, so each check says which of them it takes.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Collection
from typing import Any, NoReturn

from chainrule.errors import ModelFileError


def refuse(where: str, expected: str, value: object) -> NoReturn:
    """Raise the `ModelFileError` for a value that is not what its place needs.

    >>> refuse("columns[0].scale", "a number above 0", -1.0)
    Traceback (most recent call last):
    chainrule.errors.ModelFileError: from_json: expected a number above 0 as columns[0].scale; got -1.0. ...
    """
    try:
        got = reprlib.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        got = type(value).__name__
    raise ModelFileError(
        "from_json",
        expected=f"{expected} as {where}",
        got=got,
        remedy="The model file was damaged or altered: fit the model again, or take the file from where it was made.",
    )


def check_object(value: object, where: str, keys: Collection[str]) -> dict[str, Any]:
    """An object with just these keys.

    >>> check_object({"mean": 1.0}, "target", ["mean"])
    {'mean': 1.0}
    """
    if not isinstance(value, dict) or value.keys() != set(keys):
        refuse(where, f"an object with the keys {', '.join(keys)}", value)
    return value


def check_list(value: object, where: str) -> list[Any]:
    """A list.

    >>> check_list([1, "a"], "columns")
    [1, 'a']
    """
    return value if isinstance(value, list) else refuse(where, "a list", value)


def check_text(value: object, where: str) -> str:
    """Text that UTF-8 can express: a lone surrogate would make the first print of it fail.

    >>> check_text("island", "columns[0].name")
    'island'
    """
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        refuse(where, "text", value)
    return value


def check_flag(value: object, where: str) -> bool:
    """True or false.

    >>> check_flag(True, "columns[0].marks_missing")
    True
    """
    return value if isinstance(value, bool) else refuse(where, "true or false", value)


def check_number(value: object, where: str, *, positive: bool = False) -> float:
    """A finite number, as a float.

    >>> check_number(2, "columns[0].mean")
    2.0
    """
    expected = "a finite number above 0" if positive else "a finite number"
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(where, expected, value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number) or (positive and number <= 0):
        refuse(where, expected, value)
    return number
