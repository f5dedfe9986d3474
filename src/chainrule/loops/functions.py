"""The table of functions that scalar expressions are made of: the dtypes they take and give, and how they are written.

Their meaning is that of NumPy's ufunc of the same name on numbers of one dtype (SciPy's for the last rows), with these
cases settled that NumPy or C leave open, so that every function has a value for every operand:

- integers wrap around; `divide` and `fmod` round toward zero as in C, and are 0 where the divisor is 0;
- an integer `power` with a negative exponent, for which NumPy raises an error, is 0;
- a shift by less than 0 or by all bits or more leaves 0, or -1 where a negative number is shifted right;
- `select` has both of its values computed, whatever the condition; `fma` rounds once;
- `exponent` of 0, NaN and infinity is 0; `mantissa` of them is the number itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.errors import DtypeError, UnsupportedError
from chainrule.record import record

_NAMES = {"b": "bool", "i": "signed integers", "u": "unsigned integers", "f": "floats"}


@record
class Function:
    """One function: `x` in its signature is one dtype of `kinds` (NumPy's letters), `n` is int32 or int64."""

    name: str
    operands: tuple[str, ...]
    result: str
    kinds: str
    symbol: str | None = None
    """How it is written between (or, if it has one operand, before) its operands; None: `name(operands)`."""

    @property
    def signature(self) -> str:
        """What errors and documentation show."""
        domain = ", ".join(_NAMES[kind] for kind in self.kinds)
        return f"({', '.join(self.operands)}) -> {self.result} where x is of: {domain}"


def _table() -> dict[str, Function]:
    rows = []
    for signature, kinds, names in _ROWS:
        operands, result = signature.split(" -> ")
        for word in names.split():
            name, _, symbol = word.partition(":")
            rows.append(Function(name, tuple(operands.split()), result, kinds, symbol or None))
    return {row.name: row for row in rows}


# fmt: off
_ROWS = (
    ("x x -> x",      "iuf",  "add:+ subtract:- multiply:* divide:/ fmod:% power"),
    ("x x -> x",      "biuf", "minimum maximum"),
    ("x -> x",        "iuf",  "negative:-"),
    ("x -> x",        "if",   "absolute"),
    ("x x x -> x",    "f",    "fma"),
    ("x x -> bool",   "biuf", "less:< less_equal:<= greater:> greater_equal:>= equal:== not_equal:!="),
    ("bool x x -> x", "biuf", "select"),
    ("x x -> x",      "biu",  "bitwise_and:& bitwise_or:| bitwise_xor:^"),
    ("x -> x",        "biu",  "invert:~"),
    ("x x -> x",      "iu",   "left_shift:<< right_shift:>> gcd lcm"),
    ("x -> uint8",    "iu",   "bitwise_count"),
    ("x -> x",        "f",    "floor ceil trunc rint sqrt cbrt spacing mantissa"),
    ("x -> int32",    "f",    "exponent"),
    ("x n -> x",      "f",    "ldexp"),
    ("x x -> x",      "f",    "copysign hypot nextafter arctan2"),
    ("x -> x",        "f",    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan"),
    ("x -> x",        "f",    "sinh cosh tanh arcsinh arccosh arctanh"),
    ("x -> x",        "f",    "erf erfc erfcx gammaln digamma"),
    ("int64 x -> x",  "f",    "polygamma"),
)
# fmt: on
FUNCTIONS = _table()
_WHOLE = (np.dtype(np.int32), np.dtype(np.int64))


def function_of(name: str) -> Function:
    """The function of that name, or an `UnsupportedError`.

    >>> function_of("ldexp").signature
    '(x, n) -> x where x is of: floats'
    """
    found = FUNCTIONS.get(name)
    if found is None:
        raise UnsupportedError(
            "loops",
            expected="a function of loop scalars",
            got=repr(name),
            remedy="Use those in loops/functions.py.",
        )
    return found


def result_dtype(name: str, dtypes: Sequence[np.dtype]) -> np.dtype:
    """The dtype of the result, or a `DtypeError` where the function does not take these operands.

    >>> result_dtype("less", [np.dtype("float32"), np.dtype("float32")])
    dtype('bool')
    """
    function = function_of(name)
    common = next((dtype for dtype, wanted in zip(dtypes, function.operands, strict=False) if wanted == "x"), None)
    if (
        common is None
        or common.kind not in function.kinds
        or len(dtypes) != len(function.operands)
        or not all(_fits(dtype, wanted, common) for dtype, wanted in zip(dtypes, function.operands, strict=True))
    ):
        raise DtypeError(
            name,
            expected=function.signature,
            got=", ".join(dtype.name for dtype in dtypes) or "no operands",
            remedy="Cast the operands first.",
        )
    return common if function.result == "x" else np.dtype(function.result)


def _fits(dtype: np.dtype, wanted: str, common: np.dtype) -> bool:
    if wanted == "x":
        return dtype == common
    return dtype in _WHOLE if wanted == "n" else dtype == np.dtype(wanted)
