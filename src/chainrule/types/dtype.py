"""The dtypes of a graph, and NumPy 2's promotion (NEP 50), asked of NumPy itself."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DtypeError

DTYPES = {
    np.dtype(name)
    for name in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64".split()
}  # fmt: skip
_REMEDIES = {
    "c": "Keep the real and the imaginary part as two real arrays.",
    "e": "Compute in float32: x.astype(np.float32).",
    "O": "Give an array of numbers of one dtype; for traced values use chainrule.numpy.array or np.stack.",
}


def check_dtype(operation: str, dtype: Any) -> np.dtype:
    """The dtype in native byte order, or a `DtypeError` where a graph cannot hold it.

    >>> check_dtype("input", ">f4")
    dtype('float32')
    """
    try:
        given = np.dtype(dtype)
    except TypeError:
        raise DtypeError(
            operation, expected="a dtype of NumPy", got=f"{dtype!r}", remedy="Give one such as np.float64 or 'float64'."
        ) from None
    native = given.newbyteorder("=")
    if native in DTYPES:
        return native
    remedy = _REMEDIES.get(
        native.kind if native.kind != "f" else native.char, "Convert it to float64, float32, an integer or bool first."
    )
    raise DtypeError(
        operation, expected="bool, int8 to int64, uint8 to uint64, float32 or float64", got=f"{given}", remedy=remedy
    )


def check_plain(operation: str, value: Any) -> Any:
    """The value as it is, or a `DtypeError` for an array of another class, whose masks or units would be lost.

    >>> check_plain("input", 2.0)
    2.0
    """
    if not isinstance(value, np.ndarray) or type(value) in (np.ndarray, np.memmap):
        return value
    raise DtypeError(
        operation,
        expected="an array of NumPy's own class",
        got=f"one of the class {type(value).__name__}",
        remedy="Convert it with np.asarray, after filling in what is masked.",
    )


def promote(operation: str, *operands: Any) -> np.dtype:
    """The dtype that NumPy gives these operands together; dtypes are strong, Python scalars weak.

    >>> promote("add", np.dtype("float32"), 2.0), promote("add", np.dtype("int32"), np.dtype("float32"))
    (dtype('float32'), dtype('float64'))
    """
    return check_dtype(operation, np.result_type(*operands))


def is_floating(dtype: np.dtype) -> bool:
    """Whether derivatives flow through values of this dtype.

    >>> is_floating(np.dtype("float32")), is_floating(np.dtype("int64"))
    (True, False)
    """
    return dtype.kind == "f"
