"""The order of a row, against NumPy's stable sort."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.errors import DtypeError
from chainrule.native import ir
from chainrule.native.library import argsort, scratch_bytes, sorting
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import BIT, INDEX, POINTER, Kind, Value
from chainrule.ops.order import order_of
from tests.native.library.calling import DTYPES, SIZES, calling, rows, same


def shapes_of(row: np.ndarray) -> list[np.ndarray]:
    """A row and the same numbers in orders that a sort may find easy or hard."""
    ascending = np.sort(row, kind="stable")
    half = len(row) // 2
    return [row, ascending, ascending[::-1], np.concatenate([ascending[half:], ascending[:half]])]


def clustered(dtype: str, size: int) -> list[np.ndarray]:
    """Integers that agree in their leading bits, but for one; those whose low bits are all zero; and few that differ in
    nothing else than their last bits, but for one."""
    kind = np.dtype(dtype)
    if kind.kind not in "iu" or kind.itemsize < 4 or not size:
        return []
    random = np.random.default_rng(size)
    low = random.integers(0, 2**12, size).astype(kind)
    outlier, high, few = low.copy(), low << (8 * kind.itemsize - 13), low % 4
    outlier[size // 2] = few[size // 2] = np.iinfo(kind).max
    both = low | (random.integers(0, 2, size).astype(kind) << (8 * kind.itemsize - 2))
    return [outlier, high, both, few]


def check(dtype: str, sizes: tuple[int, ...] = SIZES) -> None:
    """Sort rows of all sorts."""
    sort = calling(lambda module: argsort(module, dtype))
    for size in sizes:
        for base in rows(dtype, size) + clustered(dtype, size):
            for row in shapes_of(base):
                places = np.full(size, -1)
                sort(row, places, size, np.zeros(scratch_bytes(dtype, size) // 8))
                same(places, order_of.reference(row, axis=0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_order_is_that_of_numpy(dtype: str) -> None:
    check(dtype)


def test_a_long_row() -> None:
    check("uint64", (60_000,))


def _raw(key: Value, kind: Kind) -> Value:
    """The bits of a number, or of a vector of them, as an integer."""
    integer = ir.IntType(8 * kind.bytes)
    return key.bits(integer if key.count == 1 else ir.VectorType(integer, key.count)) if kind.is_float else key


def _of_bits(key: Value, kind: Kind) -> Value:
    """The bits of floats as they are."""
    return _raw(key, kind).as_signed(False).resized(ir.IntType(64))


def _without_canon(key: Value, kind: Kind) -> Value:
    """The order of IEEE 754's totalOrder, in which NaN has a sign and -0 is less than 0."""
    width = 8 * kind.bytes
    bits = _raw(key, kind).as_signed(True)
    return (bits ^ ((bits >> (width - 1)) | (1 << (width - 1)))).as_signed(False).resized(ir.IntType(64))


def _content(module: ir.Module) -> ir.Function:
    """An insertion sort that does nothing and says that it is done."""

    def write(code: Code, words: Value, count: Value) -> None:
        code.give(code.number(1, BIT))

    return routine(module, "settle", [POINTER, INDEX], write, BIT)


def _nothing(*_: Any) -> None:
    """A second sort that is none."""


@pytest.mark.parametrize(
    ("name", "fault", "dtype"),
    [
        ("ordered", _of_bits, "int16"),
        ("ordered", _of_bits, "float64"),
        ("ordered", _without_canon, "float32"),
        ("_settle", _content, "uint64"),
        ("_in_two", _nothing, "uint64"),
        ("_TABLE", (8 << 11) - 8, "int64"),
    ],
)
def test_a_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch, name: str, fault: Any, dtype: str) -> None:
    monkeypatch.setattr(sorting, name, fault)
    with pytest.raises(AssertionError):
        check(dtype, (100, 1000))


def test_a_sort_that_is_not_stable_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    at_most = Value.__le__

    def before(one: Value, other: Value | int) -> Value:
        return one < other if isinstance(other, Value) else at_most(one, other)

    monkeypatch.setattr(Value, "__le__", before)
    with pytest.raises(AssertionError):
        check("uint64", (16,))


def test_scratch_is_asked_for_by_dtype_and_count() -> None:
    assert scratch_bytes("int8", 0) == 16384
    assert scratch_bytes("float64", 10) - scratch_bytes("float64", 9) == 16
    with pytest.raises(DtypeError, match="complex"):
        scratch_bytes("complex64", 1)
