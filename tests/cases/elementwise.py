"""Cases of the elementwise functions of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.cases import Case

REAL = np.array([[-2.3, -0.7, 0.4], [0.9, 1.6, 3.2]])
POSITIVE = np.array([0.3, 0.8, 1.7, 4.2])
INSIDE = np.array([-0.8, -0.3, 0.2, 0.7])
ABOVE_ONE = np.array([1.2, 1.9, 3.5, 8.1])
COLUMN = np.array([[0.6], [-1.3]])
ROW = np.array([1.9, -0.45, 2.6])
WHOLE = np.array([6, -9, 12, 7])
OTHER = np.array([4, 3, 5, 2])
TRUTH = np.array([True, False, True, False])
SECOND = np.array([True, True, False, False])


def of(function: Callable[..., Any], *arrays: np.ndarray, note: str = "", smooth: bool = True) -> Case:
    """The plain call of a function."""
    return Case(f"numpy.{function.__name__}", function, arrays, note, smooth)


CASES = [
    *(of(f, REAL) for f in (np.negative, np.positive, np.square, np.absolute, np.fabs, np.reciprocal, np.cbrt)),
    *(of(f, REAL) for f in (np.exp, np.exp2, np.expm1, np.sin, np.cos, np.tan, np.arctan, np.sinh, np.cosh, np.tanh)),
    *(of(f, REAL) for f in (np.arcsinh, np.deg2rad, np.rad2deg, np.degrees, np.radians, np.sinc, np.conjugate)),
    *(of(f, POSITIVE) for f in (np.sqrt, np.log, np.log2, np.log10, np.log1p)),
    *(of(f, INSIDE) for f in (np.arcsin, np.arccos, np.arctanh)),
    of(np.arccosh, ABOVE_ONE),
    *(of(f, COLUMN, ROW) for f in (np.add, np.subtract, np.multiply, np.divide, np.hypot, np.arctan2)),
    *(of(f, COLUMN, ROW) for f in (np.maximum, np.minimum, np.fmax, np.fmin, np.copysign)),
    *(of(f, COLUMN, ROW) for f in (np.logaddexp, np.logaddexp2, np.remainder, np.fmod)),
    *(of(f, POSITIVE, POSITIVE[::-1] - 1) for f in (np.power, np.float_power)),
    *(of(f, ROW, ROW[::-1], smooth=False) for f in (np.nextafter, np.floor_divide, np.divmod)),
    *(of(f, REAL, smooth=False) for f in (np.floor, np.ceil, np.trunc, np.rint, np.fix, np.sign, np.spacing)),
    *(of(f, REAL, smooth=False) for f in (np.isnan, np.isinf, np.isfinite, np.isposinf, np.isneginf, np.signbit)),
    *(of(f, REAL, smooth=False) for f in (np.round, np.around, np.frexp, np.logical_not)),
    *(of(f, ROW, ROW[::-1], smooth=False) for f in (np.greater, np.greater_equal, np.less, np.less_equal)),
    *(of(f, ROW, ROW[::-1], smooth=False) for f in (np.equal, np.not_equal, np.isclose, np.allclose)),
    *(of(f, ROW, ROW[::-1], smooth=False) for f in (np.logical_and, np.logical_or, np.logical_xor)),
    *(of(f, TRUTH, SECOND, note="truths", smooth=False) for f in (np.logical_and, np.logical_or, np.logical_xor)),
    *(of(f, TRUTH, SECOND, note="truths", smooth=False) for f in (np.add, np.multiply, np.maximum, np.minimum)),
    *(of(f, TRUTH, SECOND, note="truths", smooth=False) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)),
    *(of(f, WHOLE, OTHER, smooth=False) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.gcd, np.lcm)),
    *(of(f, WHOLE, OTHER, smooth=False) for f in (np.left_shift, np.right_shift)),
    *(of(f, WHOLE, OTHER, note="integers", smooth=False) for f in (np.power, np.floor_divide, np.remainder, np.fmod)),
    *(of(f, WHOLE, smooth=False) for f in (np.invert, np.bitwise_count)),
    *(of(f, REAL, smooth=False) for f in (np.zeros_like, np.ones_like)),
    of(np.invert, TRUTH, note="truths", smooth=False),
    Case("numpy.heaviside", np.heaviside, (COLUMN, ROW)),
    Case("numpy.ldexp", lambda x: np.ldexp(x, np.array([3, -2, 0])), (REAL,)),
    Case("numpy.modf", lambda x: np.modf(x)[0], (REAL,), "fraction"),
    Case("numpy.modf", lambda x: np.modf(x)[1], (REAL,), "whole", False),
    Case("numpy.divmod", lambda x, y: divmod(x, y)[1], (COLUMN, ROW), "remainder"),
    Case("numpy.clip", lambda x: np.clip(x, -1.0, 2.0), (REAL,)),
    Case("numpy.clip", lambda x: np.clip(x, None, 1.0), (REAL,), "above"),
    Case("numpy.clip", lambda x: x.clip(0.5), (REAL,), "below, as a method"),
    Case("numpy.clip", lambda x: np.clip(x, min=0.5), (REAL,), "by name"),
    Case("numpy.clip", lambda x: np.clip(x, None, None), (REAL,), "no bounds"),
    Case("numpy.clip", np.clip, (REAL, COLUMN, COLUMN + 1.5), "arrays"),
    Case("numpy.clip", np.clip, (REAL, COLUMN + 1.5, COLUMN), "bounds crossed"),
    Case("numpy.where", lambda x, y: np.where(x > y, x * x, y), (COLUMN, ROW)),
    Case("numpy.where", lambda x: np.where(x > 0, np.log(np.abs(x)), 0), (REAL,), "a number"),
    Case("numpy.nan_to_num", lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0), (REAL,)),
    Case("numpy.round", lambda x: np.round(x, 1), (REAL / 3,), "decimals", False),
    Case("numpy.round", lambda x: x.round(decimals=-1), (REAL * 10,), "tens", False),
    Case("numpy.isclose", lambda x: np.isclose(x, x + 1e-9, equal_nan=True), (REAL,), "near", False),
    Case("numpy.array_equal", lambda x, y: np.array_equal(x, y), (ROW, ROW[::-1]), "", False),
    Case("numpy.array_equal", lambda x: np.array_equal(x, x, equal_nan=True), (ROW,), "nan", False),
    Case("numpy.array_equal", lambda x, y: np.array_equal(x, y), (ROW, COLUMN), "shapes differ", False),
    Case("numpy.array_equiv", lambda x, y: np.array_equiv(x, y), (ROW, COLUMN), "", False),
    Case("numpy.array_equiv", lambda x, y: np.array_equiv(x, y), (ROW, ROW[:2]), "shapes differ", False),
    Case("numpy.full_like", lambda x: np.full_like(x, 2.5), (REAL,), "", False),
    Case("numpy.full_like", lambda x, y: np.full_like(x, y), (REAL, np.array(0.3)), "of a traced value"),
    Case("numpy.zeros_like", lambda x: np.zeros_like(x, dtype=np.float32, shape=4), (REAL,), "dtype, shape", False),
    Case("numpy.empty_like", lambda x: 0 * np.empty_like(x, np.int32), (REAL,), "", False),
    Case("numpy.copy", lambda x: np.copy(x) * x, (REAL,)),
    Case("numpy.astype", lambda x: np.astype(x, np.float64) ** 2, (REAL,)),
    Case("numpy.astype", lambda x: x.astype(np.int32), (REAL,), "to integers", False),
    Case("numpy.add.outer", np.add.outer, (ROW, COLUMN)),
    Case("numpy.multiply.outer", lambda x, y: np.multiply.outer(x, y), (ROW, REAL)),
    Case("numpy.logaddexp.outer", np.logaddexp.outer, (ROW, ROW[::-1])),
    Case("numpy.power", lambda x: x**3 + 2.0**x + x**-2 + x**0.5 + x**0, (POSITIVE,), "numbers"),
    Case("numpy.power", lambda x: x**2, (REAL,), "square of anything"),
    Case("numpy.absolute", lambda x: abs(-x) + (+x), (REAL,), "operators"),
    Case("numpy.bitwise_and", lambda x: (x > 0) & ~(x > 2) | (x < -1) ^ True, (REAL,), "operators", False),
    Case("numpy.left_shift", lambda x: (x << 2) + (x >> 1) + (x & 3) + (x | 8), (WHOLE,), "operators", False),
    Case("numpy.floor_divide", lambda x: x // 0.7 + x % 0.7, (REAL,), "operators", False),
    Case("numpy.exp", np.exp, (np.array(0.7),), "no axes"),
    Case("numpy.multiply", np.multiply, (np.zeros((0, 3)), ROW), "no elements"),
    Case("numpy.add", lambda x, y: np.add(x, y, dtype=np.float64), (COLUMN, ROW), "dtype"),
    Case("numpy.sinc", np.sinc, (np.array([-0.4, -1e-3, 0.0, 1e-9, 0.2, 1.0]),), "around 0"),
]
