"""Rows at computed places: reading them, adding them up, and the questions about indices.

An index counts from the front, or back from -1. Each routine that takes one returns the position of the first index
that is out of bounds, or -1: up to there its work is done, and nothing is read or written outside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.native import ir
from chainrule.native.host import vector_bytes
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import BYTE, INDEX, INT64, POINTER, Array, Kind, Value


def check_index(module: ir.Module, dtype: Any) -> ir.Function:
    """`i64 (index, result, count, length)`: indices of an integer dtype as int64 that count from the front."""
    kind = Kind.of(dtype)

    def write(code: Code, index: Value, result: Value, count: Value, length: Value) -> None:
        places = Array(INT64, result)
        _each(code, Array(kind, index), count, length, lambda i, place: places.__setitem__(i, place))

    return routine(module, f"check_index.{kind.name}", [POINTER, POINTER, INDEX, INDEX], write, INDEX)


def gather(module: ir.Module, dtype: Any) -> ir.Function:
    """`i64 (rows, index, result, count, width, length)`: the rows, of so many elements each, at int64 places.

    As `numpy.take(rows, index, axis=0)`.
    """
    kind = Kind.of(dtype)

    def write(code: Code, rows: Value, index: Value, result: Value, count: Value, width: Value, length: Value) -> None:
        source, target = Array(kind, rows), Array(kind, result)

        def copy(i: Value, place: Value) -> None:
            row, copied = source.at(place * width), target.at(i * width)
            _along(code, kind, width, lambda k, lanes: copied.store(k, row.load(k, lanes)))

        _each(code, Array(INT64, index), count, length, copy)

    return routine(module, f"gather.{kind.name}", [POINTER, POINTER, POINTER, INDEX, INDEX, INDEX], write, INDEX)


def scatter_add(module: ir.Module, dtype: Any) -> ir.Function:
    """`i64 (totals, index, rows, count, width, length)`: add each row to the total at its int64 place, in order.

    As `numpy.add.at(totals, index, rows)`: rows that meet are added one after the other; of booleans, or.
    """
    kind = Kind.of(dtype)

    def write(code: Code, totals: Value, index: Value, rows: Value, count: Value, width: Value, length: Value) -> None:
        source, target = Array(kind, rows), Array(kind, totals)

        def add(i: Value, place: Value) -> None:
            row, total = source.at(i * width), target.at(place * width)

            def step(k: Value, lanes: int) -> None:
                before, more = total.load(k, lanes), row.load(k, lanes)
                total.store(k, before | more if kind.name == "bool" else before + more)

            _along(code, kind, width, step)

        _each(code, Array(INT64, index), count, length, add)

    return routine(module, f"scatter_add.{kind.name}", [POINTER, POINTER, POINTER, INDEX, INDEX, INDEX], write, INDEX)


def last_writer(module: ir.Module) -> ir.Function:
    """`i64 (owners, index, count, length)`: for each of so many rows where its number stands last in the index.

    The owners of rows that nobody writes stay as they are.
    """

    def write(code: Code, owners: Value, index: Value, count: Value, length: Value) -> None:
        result = Array(INT64, owners)
        _each(code, Array(INT64, index), count, length, lambda i, place: result.__setitem__(place, i))

    return routine(module, "last_writer", [POINTER, POINTER, INDEX, INDEX], write, INDEX)


def nonzero(module: ir.Module) -> ir.Function:
    """`void (mask, places, count, wanted)`: the first places of a mask, those where it holds before the others.

    `wanted` is at most `count`.
    """

    def write(code: Code, mask: Value, places: Value, count: Value, wanted: Value) -> None:
        holds, result, found = Array(BYTE, mask), Array(INT64, places), code.variable(0)
        for held in (True, False):
            place = code.variable(0)
            with code.repeat() as leave:
                leave(place.get() >= count)
                leave(found.get() >= wanted)
                result[found.get()] = place.get()  # overwritten by the next unless it counts
                step = holds[place.get()] if held else holds[place.get()] ^ 1
                found.set(found.get() + step.resized(INDEX))
                place.set(place.get() + 1)

    return routine(module, "nonzero", [POINTER, POINTER, INDEX, INDEX], write)


def _each(code: Code, index: Array, count: Value, length: Value, act: Callable[[Value, Value], None]) -> None:
    """`act(i, place)` for each index, and -1 as the result; or the position of one out of bounds, where it ends."""
    with code.loop(0, count) as i:
        given = index[i]
        place = given.resized(INDEX).as_signed(True)
        if given.signed:
            place = (place < 0).where(place + length, place)
        with code.when(place.as_signed(False) >= length):
            code.give(i)
        act(i, place)
    code.give(-1)


def _along(code: Code, kind: Kind, width: Value, act: Callable[[Value, int], None]) -> None:
    """`act(k, lanes)` for the elements of a row: by vectors, what is left by short ones, and then one by one."""
    lanes, start = vector_bytes() // kind.bytes, code.number(0)
    for together in dict.fromkeys((lanes, max(lanes // 4, 1), 1)):
        stop = width & -together
        with code.loop(start, stop, together) as k:
            act(k, together)
        start = stop
