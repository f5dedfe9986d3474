"""Routines of the library as functions of arrays and numbers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.native import ir
from chainrule.native.engine import compile_ir

GUARD = 64  # bytes around an array that nothing may change
DTYPES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
SIZES = (0, 1, 2, 3, 7, 16, 17, 31, 33, 64, 100, 257, 1000, 5003)

Array = np.ndarray[Any, Any]
Make = Callable[[ir.Module], ir.Function]


def module_of(make: Make) -> ir.Module:
    """A module in which a function `entry` does what the routine does that `make` writes."""
    module = ir.Module()
    routine = make(module)
    kind = routine.function_type
    builder = ir.IRBuilder(ir.Function(module, kind, "entry").append_basic_block())
    result = builder.call(routine, builder.function.args)
    if kind.return_type == ir.VoidType():
        builder.ret_void()
    else:
        builder.ret(result)
    return module


def native(make: Make) -> Callable[..., int | None]:
    """The routine as a function of addresses and numbers."""
    module = module_of(make)
    kind = module.get_global("entry").function_type
    result = None if kind.return_type == ir.VoidType() else ctypes.c_int64
    return compile_ir(module, cache=None).function("entry", result, len(kind.args))


def call(make: Make, *arguments: Any) -> int | None:
    """Run the routine on copies of the arrays between guards, aligned no more than they need be, and copy them back."""
    return calling(make)(*arguments)


def calling(make: Make) -> Callable[..., int | None]:
    """The routine as a function as `call` runs it."""
    function = native(make)

    def run(*arguments: Any) -> int | None:
        given = [each for each in arguments if isinstance(each, np.ndarray)]
        rooms = [guarded(array) for array in given]
        addresses = iter([room.ctypes.data + GUARD + array.itemsize for room, array in zip(rooms, given, strict=True)])
        result = function(*(next(addresses) if isinstance(each, np.ndarray) else int(each) for each in arguments))
        for room, array in zip(rooms, given, strict=True):
            start, stop = GUARD + array.itemsize, GUARD + array.itemsize + array.nbytes
            assert (room[:start] == 0xFF).all(), "written before an array"
            assert (room[stop:] == 0xFF).all(), "written after an array"
            array[...] = room[start:stop].view(array.dtype).reshape(array.shape)
        return result

    return run


def guarded(array: Array) -> Array:
    """The bytes of an array, between bytes that are set whole: NaN, or -1."""
    room = np.full(array.nbytes + array.itemsize + 2 * GUARD, 0xFF, np.uint8)
    room[GUARD + array.itemsize : GUARD + array.itemsize + array.nbytes] = (
        np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    )
    return room


def same(result: Array, expected: Array, *, signs: bool = True) -> None:
    """Equal in dtype and to the last bit, but for what NaN is told apart by; perhaps but for the signs of zeros."""
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    if result.dtype.kind == "f" and signs:
        numbers = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(result[numbers]), np.signbit(expected[numbers]))


def rows(dtype: str, size: int, seed: int = 0) -> list[Array]:
    """Rows of numbers: of the whole range, few values over and over, and floats with all that is special."""
    random = np.random.default_rng([seed, size])
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return [random.random(size) < part for part in (0.0, 0.03, 0.5, 1.0)]
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        whole = random.integers(limits.min, limits.max, size, kind, endpoint=True)
        few = random.integers(0 if kind.kind == "u" else -2, 3, size, kind, endpoint=True)
        ends = random.choice(np.array([limits.min, limits.max, 0, 1], kind), size)
        return [whole, few, ends]
    normal = random.normal(size=size).astype(kind)
    tiny = np.finfo(kind).smallest_subnormal
    special = np.array([np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, np.finfo(kind).max, 1, -1], kind)
    zeros = random.choice(np.array([0.0, -0.0], kind), size)
    with_nan = np.where(random.random(size) < 0.02, kind.type(np.nan), normal)
    return [normal, random.choice(special, size), zeros, np.round(normal), with_nan]
