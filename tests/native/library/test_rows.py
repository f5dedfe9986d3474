"""Rows at computed places, against the operations' references."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from chainrule.errors import AxisError
from chainrule.native.library import check_index, gather, last_writer, nonzero, rows, scatter_add
from chainrule.native.library.values import Value
from chainrule.ops import rows as operations
from tests.native.library.calling import DTYPES, SIZES, calling, same
from tests.native.library.calling import rows as rows_of

WIDTHS = (0, 1, 2, 3, 5, 8, 17, 64, 131)
LENGTH = 9


def index_of(count: int, seed: int = 0) -> np.ndarray:
    """Places from the front and from the back, most of them more than once."""
    return np.random.default_rng([seed, count]).integers(-LENGTH, LENGTH, count)


def matrix(dtype: str, count: int, width: int, seed: int = 0) -> np.ndarray:
    """Rows of one sort of numbers."""
    return rows_of(dtype, count * width, seed)[0].reshape(count, width)


def check_gather(dtype: str) -> None:
    """Read rows of every width."""
    take = calling(lambda module: gather(module, dtype))
    for width in WIDTHS:
        source = matrix(dtype, LENGTH, width)
        for count in (0, 1, 2, 33):
            index, result = index_of(count), np.ones((count, width), dtype)
            assert take(source, index, result, count, width, LENGTH) == -1
            same(result, operations.gather.reference(source, index))


def check_scatter(dtype: str) -> None:
    """Add up rows of every width, where there is something already."""
    add = calling(lambda module: scatter_add(module, dtype))
    for width in WIDTHS:
        for count in (0, 1, 2, 100):
            index, more, total = index_of(count), matrix(dtype, count, width), np.zeros((LENGTH, width), dtype)
            assert add(total, index, more, count, width, LENGTH) == -1
            same(total, operations.scatter_add.reference(index, more, length=LENGTH))
            before = matrix(dtype, LENGTH, width, 1)
            total, expected = before.copy(), before.copy()
            np.add.at(expected, index, more)
            add(total, index, more, count, width, LENGTH)
            same(total, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_read(dtype: str) -> None:
    check_gather(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_are_added_up_in_order(dtype: str) -> None:
    check_scatter(dtype)


@pytest.mark.parametrize("width", ["16", "32", "64"])
def test_every_vector_width_does_the_same(monkeypatch: pytest.MonkeyPatch, width: str) -> None:
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", width)
    for dtype in ("bool", "float32", "float64"):
        check_gather(dtype)
        check_scatter(dtype)


def _without_the_rest(code: Any, kind: Any, width: Value, act: Callable[[Value, int], None]) -> None:
    with code.loop(0, width & -4, 4) as k:
        act(k, 4)


def _wrongly_from_back(code: Any, index: Any, count: Value, length: Value, act: Callable[[Value, Value], None]) -> None:
    with code.loop(0, count) as i:
        place = index[i]
        act(i, (place < 0).where(place + (length - 1), place))
    code.give(-1)


@pytest.mark.parametrize(("name", "fault"), [("_along", _without_the_rest), ("_each", _wrongly_from_back)])
@pytest.mark.parametrize("check", [check_gather, check_scatter])
def test_a_planted_fault_is_caught(
    monkeypatch: pytest.MonkeyPatch, name: str, fault: Any, check: Callable[[str], None]
) -> None:
    monkeypatch.setattr(rows, name, fault)
    with pytest.raises(AssertionError):
        check("float32")


# ---------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize("bad", [LENGTH, -LENGTH - 1, 2**62, -(2**63), 2**63 - 1])
@pytest.mark.parametrize("position", [0, 5, 19])
def test_the_first_index_out_of_bounds_is_named(bad: int, position: int) -> None:
    index = index_of(20)
    index[position] = index[19] = bad
    source, result, total = np.ones((LENGTH, 3)), np.zeros((20, 3)), np.zeros((LENGTH, 3))
    assert calling(lambda module: gather(module, "float64"))(source, index, result, 20, 3, LENGTH) == position
    same(result[:position], np.ones((position, 3)))
    same(result[position:], np.zeros((20 - position, 3)))
    more = np.ones((20, 3))
    assert calling(lambda module: scatter_add(module, "float64"))(total, index, more, 20, 3, LENGTH) == position
    assert total.sum() == 3 * position
    assert calling(last_writer)(np.zeros(LENGTH, int), index, 20, LENGTH) == position


@pytest.mark.parametrize("dtype", [name for name in DTYPES if "int" in name])
def test_an_index_is_counted_from_the_front(dtype: str) -> None:
    check, limits = calling(lambda module: check_index(module, dtype)), np.iinfo(dtype)
    for count in SIZES:
        index = index_of(count) if limits.min < 0 else abs(index_of(count)) % LENGTH
        result = np.full(count, -7)
        assert check(index.astype(dtype), result, count, LENGTH) == -1
        same(result, operations.check_index.reference(index.astype(dtype), axis=0, shape=(LENGTH,)))
    for bad in (limits.min if limits.min < 0 else limits.max, limits.max, LENGTH):
        index = np.array([0, 1, bad, 2, bad], dtype)
        with pytest.raises(AxisError):
            operations.check_index.reference(index, axis=0, shape=(LENGTH,))
        assert check(index, np.zeros(5, int), 5, LENGTH) == 2
    assert check(np.zeros(1, dtype), np.zeros(1, int), 1, 0) == 0  # nothing is within an axis of length 0


# ------------------------------------------------------------------------------------- where a mask holds, who wrote


def check_nonzero() -> None:
    """Masks of every length and density, and every number of places that may be asked for."""
    find = calling(nonzero)
    for size in SIZES:
        for mask in rows_of("bool", size):
            for wanted in sorted({0, 1, int(mask.sum()), size // 2, size}):
                if wanted <= size:
                    places = np.full(wanted, -7)
                    find(mask, places, size, wanted)
                    same(places, operations.nonzero.reference(mask, count=wanted))


def test_a_mask_holds_where_numpy_says() -> None:
    check_nonzero()


def test_a_mask_read_wrongly_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Value, "__xor__", lambda value, other: value)
    with pytest.raises(AssertionError):
        check_nonzero()


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_the_last_writer_is_named(count: int) -> None:
    index, result = index_of(count), np.full(LENGTH, -1)
    assert calling(last_writer)(result, index, count, LENGTH) == -1
    same(result, operations.last_writer.reference(index, length=LENGTH))
