"""The entry to a compiled run: a built-in function of Python's that takes arrays as objects and looks into them itself.

To ask an array for its address costs Python some 0.5 µs, and to check its type, shape and order as much again. An entry
is a function in CPython's own convention (`METH_FASTCALL`), compiled once for all runs, that reads the fields of
`PyArrayObject`; what it expects of the arguments stands in a plan, an array of words that it is bound to. A call of it
takes 0.1 µs, and less than 10 ns more for each array.

Where the fields stand is NumPy's ABI (numpy/ndarraytypes.h, `tagPyArrayObject_fields`) behind CPython's object header.
It is not taken on trust: at the first use the fields of some arrays are read and compared with what NumPy says of them.
On an interpreter that differs (without the interpreter's lock, with a larger header, PyPy) there are no entries.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from chainrule.native.engine import compile_ir
from chainrule.native.plan import READABLE, WORD_BYTES, Layout, Plan, header_bytes

_FASTCALL = 0x0080  # METH_FASTCALL of methodobject.h
_NUMBERS = (1.5, *(kind(1.5) for kind in (np.float64, np.float32, np.int64, np.int32, np.bool_)))


def make_entry(plan: Plan, code: object = None) -> Callable[..., bool] | None:
    """The function that enters a run by a plan, None where this interpreter has no entries, or the plan asks for an
    input of a type that they cannot read.

    It takes the inputs, the arrays of the results and an array that begins with the table, all by position, and keeps
    `code` alive.
    """
    maker = _maker()
    if maker is None or not {kind for kind, _, _ in plan.inputs} <= {np.ndarray, *_readable_numbers()}:
        return None
    return maker(_Bound.of(plan, code))


@cache
def _maker() -> Callable[[_Bound], Any] | None:
    layout = array_layout()
    if layout is None:
        return None
    increase = ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value or 0

    def emit() -> Any:
        from chainrule.native.entry_code import entry_module  # which is not needed where the cache has the code

        return entry_module(layout)

    compiled = compile_ir(emit, identity=f"entry {layout}", symbols={"Py_IncRef": increase})
    method = _Method(b"run", compiled.address("enter"), _FASTCALL, None)
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(
        ("PyCFunction_NewEx", ctypes.pythonapi)
    )
    # What has been handed out may be called for as long as the process lives.
    make.kept = compiled, method  # type: ignore[attr-defined]
    return lambda bound: make(ctypes.addressof(method), bound, None)


class _Method(ctypes.Structure):
    """`PyMethodDef`."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("documentation", ctypes.c_char_p),
    )


class _Bound(np.ndarray):
    """The words of a plan, which keep alive what they are the addresses of."""

    kept: Any

    @staticmethod
    def of(plan: Plan, code: object) -> _Bound:
        """The words of a plan."""
        bound = plan.words.view(_Bound)
        bound.kept = plan, code
        return bound


# --- What is where in an object ---------------------------------------------------------------------------------------


@cache
def array_layout() -> Layout | None:
    """Where the fields of an array stand, None where that is not as it is known."""
    locked = getattr(sys, "_is_gil_enabled", lambda: True)()  # an entry runs on memory that only one thread may use
    if not locked or sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != WORD_BYTES:
        return None
    head = header_bytes()
    layout = Layout(type=head - 8, data=head, axes=head + 8, lengths=head + 16, descriptor=head + 40, flags=head + 48)
    return layout if all(agrees(layout, array) for array in _samples()) else None


def _samples() -> list[np.ndarray]:
    """Arrays that differ in every field."""
    whole = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    misaligned = np.zeros(17, np.uint8)[1:].view(np.float64)
    return [whole, whole[:, ::2], whole.T, np.array(2.5), np.zeros((0, 5), np.float32), misaligned, np.ones(3, bool)]


def agrees(layout: Layout, array: np.ndarray) -> bool:
    """Whether the fields of an array, read at these offsets, are what NumPy says they are."""
    address, size = id(array), type(array).__basicsize__
    if max(layout) + 4 > size:
        return False
    word, number = ctypes.c_size_t.from_address, ctypes.c_int.from_address
    if (
        word(address + layout.type).value != id(type(array))
        or word(address + layout.data).value != array.ctypes.data
        or number(address + layout.axes).value != array.ndim
        or word(address + layout.descriptor).value != id(array.dtype)
        or number(address + layout.flags).value != array.flags.num
    ):
        return False
    lengths = word(address + layout.lengths).value
    readable = array.flags.c_contiguous and array.flags.aligned
    return readable == (array.flags.num & READABLE == READABLE) and all(
        ctypes.c_ssize_t.from_address(lengths + 8 * axis).value == n for axis, n in enumerate(array.shape)
    )


@cache
def _readable_numbers() -> frozenset[type]:
    """The types of numbers, as objects by themselves, whose value stands right behind the header."""
    found = (
        (
            type(number),
            np.asarray(number).tobytes() == ctypes.string_at(id(number) + header_bytes(), np.asarray(number).nbytes),
        )
        for number in _NUMBERS
    )
    return frozenset(kind for kind, is_there in found if is_there)
