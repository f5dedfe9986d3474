"""What all routines have in common, and how they are written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chainrule.native import ir, library
from chainrule.native.engine import assembly
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import INDEX, POINTER, Array, Kind, Value
from tests.native.library.calling import module_of

ALONE: list[Any] = [library.philox, library.philox_word, library.nonzero, library.last_writer]
BY_DTYPE: list[Any] = [
    library.argmax,
    library.argmin,
    library.argsort,
    library.check_index,
    library.cummax,
    library.cumprod,
    library.cumsum,
    library.gather,
    library.scatter_add,
]
EVERY = [
    *ALONE,
    *(lambda module, make=make: make(module, "float32") for make in BY_DTYPE if make is not library.check_index),
    lambda module: library.check_index(module, "int64"),
    lambda module: library.searchsorted(module, "int8", "right"),
]


def calls_outside(make: Any) -> list[str]:
    """The functions that the machine code calls and the module does not have."""
    called = re.findall(r'^\s+(?:callq?|jmpq?|bl|b)\s+"?_?([a-zA-Z][\w.]*)', assembly(module_of(make)), re.MULTILINE)
    return [name for name in called if not name.startswith(("chainrule.", "LBB"))]  # LBB: a label on macOS


@pytest.mark.parametrize("make", EVERY)
def test_a_routine_is_written_once_and_calls_nothing_outside(make: Any) -> None:
    module = ir.Module()
    first = make(module)
    count = len(module.functions)
    assert make(module) is first
    assert len(module.functions) == count
    assert first.linkage == "internal"
    assert calls_outside(make) == []


def test_a_call_of_memset_is_noticed() -> None:
    def write(code: Code, memory: Value, count: Value) -> None:
        with code.loop(0, count) as i:
            Array(Kind("int64"), memory)[i] = code.number(0)

    assert calls_outside(lambda module: routine(module, "zero", [POINTER, INDEX], write)) == ["memset"]
