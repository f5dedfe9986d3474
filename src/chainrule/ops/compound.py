"""NumPy's elementwise functions that are made of others: clip, round, divmod, isclose and their like."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.graph import Flat, as_node, constant, reaches
from chainrule.ops.cast import cast
from chainrule.ops.declare import elementwise, like
from chainrule.ops.samples import smooth

# --------------------------------------------------------------------------------------------------- parts of a number

exponent = elementwise(
    lambda x: np.frexp(x)[1],
    lambda m, x: m.frexp(x)[1],
    Flat(),
    r"\operatorname{{exponent}} {0}",
    smooth,
    name="frexp_exponent",
    promotion=lambda name, kinds, dtype=None: (like(np.frexp)(name, kinds)[0], np.dtype(np.int32)),
    points={"1/2": 0, 1: 1, -5: 3},
)


@reaches(np.frexp)
def _frexp(x: Any, /) -> tuple[Any, Any]:
    power = exponent(x)
    return np.ldexp(x, -power), power


@reaches(np.modf)
def _modf(x: Any, /) -> tuple[Any, Any]:
    x = cast(x, like(np.modf)("modf", (as_node(x).dtype,))[0])
    return np.where(np.isinf(x), np.copysign(0, x), np.fmod(x, 1)), np.trunc(x)


@reaches(np.divmod)
def _divmod(x: Any, y: Any, /) -> tuple[Any, Any]:
    return np.floor_divide(x, y), np.remainder(x, y)


@reaches(np.conjugate, method="conjugate")
@reaches("conj", method="conj")
def _conjugate(x: Any, /) -> Any:
    return as_node(x)  # every number here is real


# ------------------------------------------------------------------------------------------------------------- choices


@reaches(np.clip, method="clip")
def _clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        given = {"a_min": a_min, "a_max": a_max, "min": min, "max": max}
        raise ArgumentError(
            "clip",
            expected="the bounds once",
            got=", ".join(f"{key}={value!r}" for key, value in given.items() if value is not None),
            remedy="Write np.clip(x, min=low, max=high).",
        )
    low, high = (a_min, a_max) if min is max is None else (min, max)
    x = as_node(x)
    if low is not None:
        x = np.where((x >= low) | (x != x), x, low)  # at the bound the slope is 1, as in torch.clamp; NaN stays
    if high is not None:
        x = np.where((x <= high) | (x != x), x, high)
    return x


@reaches(np.nan_to_num)
def _nan_to_num(x: Any, *, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    x = as_node(x)
    if x.dtype.kind != "f":
        return x
    limits = np.finfo(x.dtype)
    largest = limits.max if posinf is None else posinf
    smallest = limits.min if neginf is None else neginf
    x = np.where(x == np.inf, cast(largest, x.dtype), x)
    x = np.where(x == -np.inf, cast(smallest, x.dtype), x)
    return np.where(np.isnan(x), cast(nan, x.dtype), x)


# ------------------------------------------------------------------------------------------------------------ rounding


@reaches(np.round, np.around, method="round")
def _round(x: Any, decimals: int = 0) -> Any:
    x = as_node(x)
    whole = x.dtype.kind in "iu"
    if decimals == 0 or (whole and decimals > 0):
        return x if whole else np.rint(x)
    scale = 10.0 ** abs(decimals)
    return np.rint(x * scale) / scale if decimals > 0 else cast(np.rint(x / scale) * scale, x.dtype)


@reaches(np.fix)
def _fix(x: Any) -> Any:
    return np.trunc(x)


# ---------------------------------------------------------------------------------------------------------- comparison


@reaches(np.isposinf)
def _isposinf(x: Any) -> Any:
    return np.isinf(x) & ~np.signbit(x)


@reaches(np.isneginf)
def _isneginf(x: Any) -> Any:
    return np.isinf(x) & np.signbit(x)


@reaches(np.isclose)
def _isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    a, b = as_node(a), as_node(b)
    b = cast(b, np.result_type(b.dtype, 1.0))
    close = (np.abs(a - b) <= atol + rtol * np.abs(b)) & np.isfinite(b) | (a == b)
    return close | np.isnan(a) & np.isnan(b) if equal_nan else close


@reaches(np.allclose)
def _allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return np.all(_isclose(a, b, rtol, atol, equal_nan))


@reaches(np.array_equal)
def _array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    a1, a2 = as_node(a1), as_node(a2)
    if a1.shape != a2.shape:
        return constant(False)
    return np.all((a1 == a2) | (np.isnan(a1) & np.isnan(a2)) if equal_nan else a1 == a2)


@reaches(np.array_equiv)
def _array_equiv(a1: Any, a2: Any) -> Any:
    a1, a2 = as_node(a1), as_node(a2)
    try:
        np.broadcast_shapes(a1.shape, a2.shape)
    except ValueError:
        return constant(False)
    return np.all(a1 == a2)
