"""tanh of float32 by its table: everywhere within a unit, right at the ends of its intervals and of its range."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from chainrule.native import vector_math_table
from chainrule.native.host import host_machine
from chainrule.native.polynomials_tanh import END, OFFSET, SHIFT, TANH
from chainrule.native.vector_math import emit
from chainrule.native.vector_math_lanes import Lanes
from tests.lower.running import compare
from tests.native import fit_tanh, machine

Array = np.ndarray[Any, Any]
BOUND = 1.0  # units in the last place; the largest error over all numbers is 0.994
by_table = pytest.mark.skipif(not host_machine().has("avx512f"), reason="only AVX-512 has the instruction")
ENDS = [fit_tanh.edges(place)[0] for place in range(len(TANH))]


def tanh(x: Any, lanes: int = 16) -> Array:
    """tanh in machine code."""
    x = np.asarray(x, np.float32)
    asked = {"tanh": (lambda build, x: emit(build, "tanh", x), [np.float32], np.float32)}
    return machine.compiled(asked, lanes)["tanh"](x)


def units(got: Array, x: Array) -> Array:
    """Errors in units in the last place of float64's tanh."""
    truth = np.tanh(x.astype(np.float64))
    return np.abs(got - truth) / np.ldexp(1.0, np.maximum(np.frexp(truth)[1] - 24, -149))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.bool_])
@pytest.mark.parametrize("width", [16, 32, 64])
def test_vectors_between_narrower_numbers(dtype, width):
    """Vectors have lanes for what is loaded and stored, so float32 in between has more than 16 of them."""
    x = np.arange(-100, 101).astype(dtype)
    compare(lambda x: np.tanh(x.astype(np.float32) * np.float32(0.02)) > np.float32(0.3), x, width=width)
    compare(lambda x: (np.tanh(x.astype(np.float32) * np.float32(0.02)) * 100).astype(np.int16), x[::7], width=width)


def sweep(stride: int) -> Array:
    """Every so many of the numbers from 2^-14 to 10; below, tanh is the number itself."""
    return np.arange(0x38800000, 0x41200000, stride, dtype=np.uint32).view(np.float32)


@by_table
def test_numbers_of_the_whole_range_are_within_a_unit_and_in_order():
    x = sweep(61)
    got = tanh(x)
    assert units(got, x).max() <= BOUND
    assert np.all(np.diff(got) >= 0)


@by_table
def test_the_neighbours_of_the_ends_of_each_interval():
    ends = np.array([*ENDS, END], np.float32).view(np.uint32)[:, None].astype(np.int64)
    x = np.maximum(ends + np.arange(-1000, 1000), 0).astype(np.uint32).view(np.float32)
    got = tanh(x).reshape(x.shape)
    assert units(got[x > 0], x[x > 0]).max() <= BOUND
    assert np.all(np.diff(got, axis=1) >= 0)


@pytest.mark.parametrize("lanes", [1, 8, 16])
def test_where_tanh_is_one_or_its_operand(lanes):
    one = [END, 9.375, 9.5, 10.0, 11.5, 16.0, 89.0, 3.4028235e38, np.inf]
    np.testing.assert_array_equal(tanh(one, lanes), 1)
    np.testing.assert_array_equal(tanh(np.negative(one), lanes), -1)
    small = np.concatenate([[0, 1e-45, 1.1754942e-38, 1.1754944e-38], np.ldexp(1.4142135, np.arange(-149, -12))])
    small = np.concatenate([small, -small]).astype(np.float32)
    np.testing.assert_array_equal(tanh(small, lanes).view(np.uint32), small.view(np.uint32))
    assert np.isnan(tanh([np.nan, -np.nan, np.uint32(0x7F800001).view(np.float32)], lanes)).all()


def test_without_tables(monkeypatch):
    """What other machines do is held to its bound on those that have tables, too."""
    monkeypatch.setattr(vector_math_table, "has_tables", lambda x: False)
    x = sweep(997)
    assert units(tanh(x), x).max() <= 1.7


@by_table
@pytest.mark.parametrize("column", range(3))
def test_a_wrong_number_in_any_place_is_caught(column, monkeypatch):
    """The centre, the value and the slope of each interval; the rest can matter less than a unit."""

    def emission(place: int, build: Any, x: Any) -> Any:
        rows = [list(row) for row in TANH]
        rows[place][column] += 3 * rows[place][column] if rows[place][column] else 1e-3
        monkeypatch.setattr(vector_math_table, "TANH", rows)
        return vector_math_table.tanh(Lanes(build, x)).value

    asked = {place: (functools.partial(emission, place), [np.float32], np.float32) for place in range(len(TANH))}
    for place, function in machine.compiled(asked, 16).items():
        low, high = fit_tanh.edges(place)
        x = np.linspace(low, high, 4096, endpoint=False, dtype=np.float32)[1:]
        assert units(function(x), x).max() > BOUND, f"interval {place}"


def test_the_table_is_what_the_script_computes():
    assert tuple(fit_tanh.table()) == tuple(tuple(float(np.float32(number)) for number in row) for row in TANH)
    assert (OFFSET, END, SHIFT) == (fit_tanh.OFFSET, fit_tanh.END, fit_tanh.SHIFT)
