"""How errors pass through what looks numbers up and puts them in order: a place is certain, or open."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.fuzz.bounded import Bounded, bounded, tiny

Function = Callable[..., Any]


def _sides(one: Bounded) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest that each element may be, in a dtype that holds them."""
    if one.value.dtype.kind != "f":
        wide = one.value.astype(object) if one.value.dtype.itemsize == 8 else one.value.astype(float)
        return wide, wide
    return one.value.astype(float) - one.error, one.value.astype(float) + one.error


def extreme(function: Function, greatest: Function, one: Bounded) -> Bounded:
    """The largest or smallest element, by the largest error; which of two zeros it is is open."""
    result = np.asarray(function(one.value))
    error = np.asarray(greatest(one.error), float)
    if result.dtype.kind == "f":
        error = np.where(result == 0, np.maximum(error, tiny(result.dtype)), error)
        error = np.where(
            ~np.isfinite(result) & (error > 0) & (np.asarray(greatest(np.isinf(one.error))) > 0), np.inf, error
        )
    return bounded(result, error)


def place(function: Function, one: Bounded, axis: int, smallest: bool) -> Bounded:
    """argmax or argmin: certain where no other element can come as near."""
    result = np.asarray(function(one.value))
    if one.exact:
        return bounded(result, 0.0)
    low, high = _sides(one)
    if smallest:
        low, high = -high, -low
    at = np.expand_dims(result, axis)
    best = np.take_along_axis(low, at, axis)
    rivals = high.copy()
    np.put_along_axis(rivals, at, -np.inf, axis)
    opened = ~np.all(rivals < best, axis=axis) & np.any(one.error > 0, axis=axis)
    return bounded(result, np.where(opened, np.inf, 0.0))


def order(function: Function, one: Bounded, axis: int) -> Bounded:
    """argsort: certain in rows in which no two neighbours could change places."""
    result = np.asarray(function(one.value))
    if one.exact or result.size == 0:
        return bounded(result, 0.0)
    low, high = (np.moveaxis(np.take_along_axis(side, result, axis), axis, -1) for side in _sides(one))
    error = np.moveaxis(np.take_along_axis(one.error, result, axis), axis, -1)
    close = ~(high[..., :-1] < low[..., 1:]) & (error[..., :-1] + error[..., 1:] > 0)
    opened = np.any(close, axis=-1) | np.any(np.isinf(error), axis=-1)
    return bounded(result, np.where(np.expand_dims(opened, axis), np.inf, 0.0))


def search(function: Function, table: Bounded, values: Bounded) -> Bounded:
    """searchsorted: certain where moving the value and the table apart or together changes nothing."""
    result = np.asarray(function(table.value, values.value, side="left"))
    if table.exact and values.exact:
        return bounded(result, 0.0)
    (low, high), (least, most) = _sides(table), _sides(values)
    room = [
        np.where(np.isfinite(x.astype(float)), x, y.astype(x.dtype))  # whole numbers come as objects
        for x, y in zip((low, high, least, most), (table.value, table.value, values.value, values.value), strict=True)
    ]
    low, high = (np.maximum.accumulate(x, axis=1) if x.size else x for x in room[:2])
    first = np.asarray(function(high, room[2], side="left"))
    last = np.asarray(function(low, room[3], side="right"))
    opened = np.isinf(values.error) | np.any(np.isinf(table.error), axis=1, keepdims=True)
    return bounded(result, np.where((first != last) | opened, np.inf, 0.0))


def any_(function: Function, one: Bounded) -> Bounded:
    """any: certain where one element is certainly true, or none is open."""
    result = np.asarray(function(one.value))
    certain = np.asarray(function(one.value.astype(bool) & (one.error == 0)))
    opened = np.asarray(function(np.isinf(one.error)))
    return bounded(result, np.where(opened & ~certain, np.inf, 0.0))
