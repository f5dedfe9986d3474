"""Cumulative sums, products and extremes, against NumPy's."""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import pytest

from chainrule.native import library
from chainrule.native.library import running
from chainrule.native.library.values import Value
from chainrule.ops import cumulative
from tests.native.library.calling import DTYPES, SIZES, calling, rows, same

OPERATIONS = {
    "cumsum": cumulative.running_sum,
    "cumprod": cumulative.running_product,
    "cummax": cumulative.running_maximum,
    "cummin": cumulative.running_minimum,
}


def check(name: str, dtype: str) -> None:
    """Run along rows of every sort."""
    run = calling(lambda module: getattr(library, name)(module, dtype))
    for size in SIZES:
        for row in rows(dtype, size):
            with np.errstate(all="ignore"):
                expected = OPERATIONS[name].reference(row, axis=0)
            result = np.ones_like(expected)
            run(row, result, size)
            # Of zeros of both signs NumPy's extremes give the last on x86-64 alone.
            same(result, expected, signs=name in ("cumsum", "cumprod") or platform.machine() in ("x86_64", "AMD64"))


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_each_element_is_numpys(name: str, dtype: str) -> None:
    check(name, dtype)


def _always(stays: Value, total: Value, new: Value) -> Value:
    """A choice that forgets NaN."""
    return stays.where(total, new)


def test_a_maximum_that_forgets_nan_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_unless", _always)
    with pytest.raises(AssertionError):
        check("cummax", "float32")


@pytest.mark.parametrize("dtype", ["int8", "uint16", "bool"])
def test_a_sum_of_the_wrong_sign_or_width_is_caught(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    resized = Value.resized

    def wrongly(value: Value, kind: Any) -> Value:
        return resized(value.as_signed(not value.signed), kind)

    monkeypatch.setattr(Value, "resized", wrongly)
    if dtype == "bool":  # 0 and 1 have no sign, but a bit that is cut off
        monkeypatch.setattr(Value, "resized", lambda value, kind: resized(value & 0, kind))
    with pytest.raises(AssertionError):
        check("cumsum", dtype)
