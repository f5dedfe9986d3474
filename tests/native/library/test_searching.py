"""Places among sorted numbers and of extremes, against NumPy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from chainrule.native.library import argmax, argmin, searching, searchsorted
from chainrule.ops import places
from chainrule.ops.lookup import search
from tests.native.library.calling import DTYPES, SIZES, calling, rows, same

ROUTINES: dict[str, Any] = {"argmax": argmax, "argmin": argmin}


def check_search(dtype: str, side: Literal["left", "right"], sizes: tuple[int, ...] = SIZES) -> None:
    """Look up values of every sort in tables of every sort."""
    find = calling(lambda module: searchsorted(module, dtype, side))
    for size in sizes:
        for table in map(np.sort, rows(dtype, size)):
            for count in (0, 1, 7, 8, 100):
                for values in [*rows(dtype, count, 1), np.resize(table, count if size else 0)]:
                    places = np.full(values.shape, -7)
                    find(table, size, values, values.size, places)
                    same(places, search.reference(table[None], values[None], side=side)[0])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_values_are_found_where_numpy_finds_them(dtype: str, side: Literal["left", "right"]) -> None:
    check_search(dtype, side)


def test_a_table_that_is_not_sorted_gives_places_within() -> None:
    table, values = np.random.default_rng(0).normal(size=(2, 1000))
    places = np.full(1000, -7)
    calling(lambda module: searchsorted(module, "float64", "left"))(table, 1000, values, 1000, places)
    assert places.min() >= 0
    assert places.max() <= 1000


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_search_that_does_not_know_nan_is_caught(
    monkeypatch: pytest.MonkeyPatch, side: Literal["left", "right"]
) -> None:
    monkeypatch.setattr(searching, "_precedes", lambda number, value, left: number < value if left else number <= value)
    with pytest.raises(AssertionError):
        check_search("float32", side, (100,))


def test_the_other_side_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "_precedes", lambda number, value, left: number <= value if left else number < value)
    with pytest.raises(AssertionError):
        check_search("int32", "left", (100,))


def check_place(name: str, dtype: str, sizes: tuple[int, ...] = SIZES) -> None:
    """Find extremes of rows of every sort, and one extreme wherever it may stand."""
    find = calling(lambda module: ROUTINES[name](module, dtype))
    expected = getattr(places, name).reference
    for size in sizes[1:]:
        for row in rows(dtype, size):
            assert find(row, size) == expected(row, axis=0)
    for size in (1, 5, 40, 300):
        for place in range(size):
            row = np.ones(size, dtype) if name == "argmin" else np.zeros(size, dtype)
            row[place:] = 1 - row[place]
            assert find(row, size) == expected(row, axis=0)


@pytest.mark.parametrize("name", ROUTINES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_extreme_stands_where_numpy_says(name: str, dtype: str) -> None:
    check_place(name, dtype)


@pytest.mark.parametrize("width", ["16", "32", "64"])
def test_every_width_finds_the_same(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", width)
    for dtype in ("bool", "int64", "float32"):
        check_place("argmax", dtype)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("_better", lambda new, best, relation: new.compare(relation, best).where(new, best)),
        ("_better", lambda new, best, relation: best),
        ("_is", lambda element, best: element.differs(best - best)),
    ],
)
def test_a_planted_fault_in_extremes_is_caught(monkeypatch: pytest.MonkeyPatch, name: str, fault: Any) -> None:
    monkeypatch.setattr(searching, name, fault)
    with pytest.raises(AssertionError):
        check_place("argmax", "float64", (0, 100))
