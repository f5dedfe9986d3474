"""The line that an error names is the user's, whoever raises it and however deep."""

from __future__ import annotations

import json

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError, InexactError, ShapeError
from chainrule.source import user_location


def here(text: str) -> int:
    """The number of the line of this file that holds the text first."""
    with open(__file__, encoding="utf-8") as file:
        return next(number for number, line in enumerate(file, 1) if text in line)


def roots(x):
    return cr.scan(lambda c, v: (c + np.sqrt(v), None), 0.0, x)[0]  # in the body


def test_exact_arithmetic_names_the_line_of_the_innermost_node() -> None:
    graph = cr.trace(roots, np.ones(2))
    with pytest.raises(InexactError) as caught:
        cr.evaluate_exactly(graph, [4, 2])
    assert caught.value.location is not None
    assert (caught.value.location.file, caught.value.location.line) == (__file__, here("# in the body"))


def test_an_error_of_numpy_says_where_in_a_note() -> None:
    inverse = cr.jit(lambda x: np.linalg.inv(x) + 1)  # singular
    with pytest.raises(np.linalg.LinAlgError) as caught:
        inverse(np.zeros((2, 2)))
    (note,) = caught.value.__notes__
    assert note.startswith(f"in <inv: float64[2, 2]>, made at {__file__}:{here('# singular')}: inverse = ")


def test_the_standard_library_is_not_the_user() -> None:
    found = []

    def look(text: str) -> str:
        found.append(user_location())
        return text

    # exec gives code of ours no file, as dataclasses do; json calls it from the standard library
    space = {"look": look, "__name__": "chainrule.made"}
    exec(compile("def ours(text): return look(text)", "<string>", "exec"), space)
    json.loads("1.5", parse_float=space["ours"])
    assert (found[0].file, found[0].line) == (__file__, here("found.append(user"))


def test_what_an_error_quotes_takes_one_line() -> None:
    matrix = np.eye(2)
    error = ShapeError("f", expected="a vector", got=f"{matrix}", remedy="Give one.", location=None)
    assert "\n" not in str(error)


def test_an_error_is_placed_once() -> None:
    error = ChainruleError("f", expected="1", got="2", remedy="Give 1.")
    first, second = cr.trace(np.sin, 1.0).outputs[0].location, user_location()
    error.place(None)
    error.place(first)
    error.place(second)
    assert error.location is first
