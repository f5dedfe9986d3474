"""Kinds of elements, and the arithmetic of values."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import DtypeError
from chainrule.native import ir
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import INDEX, POINTER, Array, Kind, Value
from tests.native.library.calling import DTYPES, call


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_kind_is_a_dtype_in_memory(dtype: str) -> None:
    kind = Kind.of(dtype)
    assert kind.dtype == np.dtype(dtype)
    assert kind.bytes == np.dtype(dtype).itemsize
    assert kind.is_float == dtype.startswith("float")
    assert kind.is_signed == dtype.startswith("int")
    assert isinstance(kind.type, ir.IntType) != kind.is_float


def test_a_kind_of_complex_numbers_is_refused() -> None:
    with pytest.raises(DtypeError, match="complex64"):
        Kind.of("complex64")


def test_what_a_routine_says_is_what_it_does() -> None:
    def write(code: Code, numbers: Value) -> None:
        array = Array(Kind("int64"), numbers)
        x, y = array[0], array[1]
        wanted = [1 - x, x * y, ~x, y ^ -(2**63), x << 2, x >> 1, x.as_signed(False) >> 1]
        wanted += [x.zeros("leading"), y.zeros("trailing"), x.resized(ir.IntType(8)).resized(INDEX)]
        wanted += [x.equals(y).where(x, 5), x.splat(4).halves()[1].lane(0)]
        for k, value in enumerate(wanted):
            array[k + 2] = value if value.type == INDEX else value.resized(INDEX)

    x, y = -1000, 48
    numbers = np.array([x, y] + [0] * 12)
    call(lambda module: routine(module, "arithmetic", [POINTER], write), numbers)
    expected = [1 - x, x * y, ~x, y - 2**63, x << 2, x >> 1, (x + 2**64) >> 1, 0, 4, np.int64(x).astype(np.int8), 5, x]
    assert numbers[2:].tolist() == expected
