"""The library: routines that compiled code calls for what is no loop nest over scalars.

Each function writes an `ir.Function` into a module, once, and gives it: internal, of pointers and 64-bit integers,
calling nothing outside the module. Arrays are contiguous, of NumPy's dtypes, aligned as their elements are; a boolean
is a byte that is 0 or 1. What a routine computes is what the operation's reference does, to the last bit.

>>> from chainrule.native import ir
>>> module = ir.Module()
>>> print(argsort(module, "float32").name, argsort(module, "float32").function_type)
chainrule.argsort.float32 void (ptr, ptr, i64, ptr)
"""

from chainrule.native.library.random_bits import philox, philox_word
from chainrule.native.library.rows import check_index, gather, last_writer, nonzero, scatter_add
from chainrule.native.library.running import cummax, cummin, cumprod, cumsum
from chainrule.native.library.searching import argmax, argmin, searchsorted
from chainrule.native.library.sorting import argsort, scratch_bytes

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "check_index",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "gather",
    "last_writer",
    "nonzero",
    "philox",
    "philox_word",
    "scatter_add",
    "scratch_bytes",
    "searchsorted",
]
