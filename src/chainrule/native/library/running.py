"""Running along a row: cumulative sums, products and extremes, each element from the one before, as NumPy does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.native import ir
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import INDEX, POINTER, Array, Kind, Value


def cumsum(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (row, result, count)`: the sums up to each element; of all integers they have 64 bits."""
    return _running(module, "cumsum", dtype, np.cumsum, lambda total, new: total + new)


def cumprod(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (row, result, count)`: the products up to each element; of all integers they have 64 bits."""
    return _running(module, "cumprod", dtype, np.cumprod, lambda total, new: total * new)


def cummax(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (row, result, count)`: the greatest up to each element; NaN from the first one on; of zeros the last."""
    return _running(module, "cummax", dtype, np.maximum.accumulate, lambda total, new: _unless(total > new, total, new))


def cummin(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (row, result, count)`: the least up to each element; NaN from the first one on; of zeros the last."""
    return _running(module, "cummin", dtype, np.minimum.accumulate, lambda total, new: _unless(total < new, total, new))


def _unless(stays: Value, total: Value, new: Value) -> Value:
    """The total if it stays, or if it is NaN, which nothing replaces."""
    return (stays | total.differs(total) if total.is_float else stays).where(total, new)


def _running(
    module: ir.Module, name: str, dtype: Any, function: Callable[..., Any], step: Callable[[Value, Value], Value]
) -> ir.Function:
    kind = Kind.of(dtype)
    wide = Kind.of(function(np.empty(0, kind.dtype)).dtype)

    def write(code: Code, row: Value, result: Value, count: Value) -> None:
        elements, totals = Array(kind, row), Array(wide, result)

        def element(i: Value | int) -> Value:
            return elements[i] if kind.is_float else elements[i].resized(wide.type)

        with code.when(count > 0):
            total = code.variable(element(0))
            totals[0] = total.get()
            with code.loop(1, count) as i:
                total.set(step(total.get(), element(i)))
                totals[i] = total.get()

    return routine(module, f"{name}.{kind.name}", [POINTER, POINTER, INDEX], write)
