"""LAPACK and BLAS as functions in this process: those that SciPy exports for Cython.

Machine code calls them by address; where SciPy is missing, or has a function under another signature, there are none,
and NumPy computes linear algebra. `native/lapack.py` makes the calls.

Sources: SciPy, "Low-level LAPACK functions" (`scipy.linalg.cython_lapack`); Cython, "Interfacing with external C code"
(`__pyx_capi__`: for each function a capsule, whose name is the signature).
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

# The functions on doubles, with "d" before their names. Each argument is a pointer: to a character (c), to a whole
# number (i), or to doubles (d).
SIGNATURES: Mapping[str, str] = MappingProxyType(
    {
        "gesv": "iidiidii",
        "getrf": "iidiii",
        "potrf": "cidii",
        "geqrf": "iididdii",
        "orgqr": "iiididdii",
        "syevd": "ccididdiiii",
        "gesdd": "ciididdididiii",
        "trsm": "cccciiddidi",
    }
)
_LETTERS = {"int": "i", "char": "c", "double": "d"}
# Workspaces are counted in whole numbers of 32 bits. The longest is gesdd's, four squares of the matrix and a little.
_MOST_ELEMENTS = 1 << 28


@cache
def addresses() -> Mapping[str, int]:
    """Where the functions stand, by the names in `SIGNATURES`; empty if any of them is not to be had."""
    try:
        modules = [import_module(f"scipy.linalg.cython_{name}") for name in ("blas", "lapack")]
    except ImportError:
        return {}
    capsules = {**modules[0].__pyx_capi__, **modules[1].__pyx_capi__}
    found = {name: _address(capsules.get(f"d{name}"), signature) for name, signature in SIGNATURES.items()}
    return {name: address for name, address in found.items() if address} if all(found.values()) else {}


def _address(capsule: Any, signature: str) -> int | None:
    """The address in a capsule, None where it holds a function of another signature."""
    if capsule is None:
        return None
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    words = name(capsule) or b""
    return pointer(capsule, words) if letters_of(words.decode()) == signature else None


def letters_of(words: str) -> str:
    """The letters of a signature as Cython writes it; "?" for what is none of the pointers that we pass.

    >>> letters_of("void (char *, int *, __pyx_t_5scipy_6linalg_13cython_lapack_d *, long *)")
    'cid?'
    """
    result, _, arguments = words.partition(" (")
    kinds = [word.rpartition(" *")[0] for word in arguments.removesuffix(")").split(", ")]
    letters = ("d" if kind.endswith("_d") else _LETTERS.get(kind, "?") for kind in kinds)
    return "".join(letters) if result == "void" else "?"


def matrix_sizes(*operands: Any, **_: Any) -> tuple[int, ...] | None:
    """How many matrices there are, and rows and columns of the last operand's; None where NumPy is to do the work.

    That is where there is no LAPACK, where an operand is empty, or so large that a workspace has no 32-bit length.
    """
    sizes = [math.prod(operand.shape[-2:]) for operand in operands]
    *lead, rows, columns = operands[-1].shape
    if not all(0 < size < _MOST_ELEMENTS for size in sizes) or not all(lead) or not addresses():
        return None
    return math.prod(lead), rows, columns


def square_sizes(a: Any, **_: Any) -> tuple[int, ...] | None:
    """How many square matrices there are, and their rows, or None, as `matrix_sizes`."""
    sizes = matrix_sizes(a)
    return None if sizes is None else sizes[:2]
