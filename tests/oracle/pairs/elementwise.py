"""Elementwise functions of NumPy: arithmetic, exponentials, trigonometry, choices; and the `outer` of each ufunc."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.oracle.pairs import Pair, pair

REAL = np.array([[-2.3, -0.7, 0.4], [0.9, 1.6, 3.2]])
POSITIVE = np.array([0.3, 0.8, 1.7, 4.2])
INSIDE = np.array([-0.8, -0.3, 0.2, 0.7])
ABOVE_ONE = np.array([1.2, 1.9, 3.5, 8.1])
COLUMN = np.array([[0.6], [-1.3]])
ROW = np.array([1.9, -0.45, 2.6])
TIED, OTHER = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.5, 2.0, -3.0])
WHOLE = np.array([3, 1, 0])
ODD = np.array([1.5, np.nan, np.inf, -np.inf, -0.5])


SHARED = "PyTorch gives a tie to the first operand; here it is shared, as that of maximum is in both"
UNDEFINED = "PyTorch gives NaN, though there is a derivative"
FLAT = "PyTorch gives NaN; here the origin is flat, as 0 is for the absolute value"
INTEGERS = "PyTorch takes 2 to a negative integer power for 0"


def of(function: Callable[..., Any], theirs: Callable[..., Any], *arrays: Any, note: str = "", **differs: str) -> Pair:
    """The plain call of a function of NumPy."""
    return pair(f"numpy.{function.__name__}", function, theirs, *arrays, note=note, **differs)


def cube_root(x):
    return x.sign() * x.abs() ** (1 / 3)


# fmt: off
UNARY = [
    of(np.negative, torch.negative, REAL), of(np.positive, torch.positive, REAL), of(np.square, torch.square, REAL),
    of(np.absolute, torch.abs, REAL), of(np.fabs, torch.abs, REAL), of(np.reciprocal, torch.reciprocal, REAL),
    of(np.cbrt, cube_root, REAL), of(np.exp, torch.exp, REAL), of(np.exp2, torch.exp2, REAL),
    of(np.expm1, torch.expm1, REAL), of(np.sin, torch.sin, REAL), of(np.cos, torch.cos, REAL),
    of(np.tan, torch.tan, REAL), of(np.arctan, torch.arctan, REAL), of(np.sinh, torch.sinh, REAL),
    of(np.cosh, torch.cosh, REAL), of(np.tanh, torch.tanh, REAL), of(np.arcsinh, torch.arcsinh, REAL),
    of(np.deg2rad, torch.deg2rad, REAL), of(np.rad2deg, torch.rad2deg, REAL), of(np.radians, torch.deg2rad, REAL),
    of(np.degrees, torch.rad2deg, REAL), of(np.sinc, torch.sinc, REAL), of(np.conjugate, torch.conj_physical, REAL),
    of(np.sqrt, torch.sqrt, POSITIVE), of(np.log, torch.log, POSITIVE), of(np.log2, torch.log2, POSITIVE),
    of(np.log10, torch.log10, POSITIVE), of(np.log1p, torch.log1p, POSITIVE), of(np.arcsin, torch.arcsin, INSIDE),
    of(np.arccos, torch.arccos, INSIDE), of(np.arctanh, torch.arctanh, INSIDE),
    of(np.arccosh, torch.arccosh, ABOVE_ONE),
]
BINARY = [
    of(np.add, torch.add, COLUMN, ROW), of(np.subtract, torch.subtract, COLUMN, ROW),
    of(np.multiply, torch.multiply, COLUMN, ROW), of(np.divide, torch.divide, COLUMN, ROW),
    of(np.hypot, torch.hypot, COLUMN, ROW), of(np.arctan2, torch.arctan2, COLUMN, ROW),
    of(np.maximum, torch.maximum, COLUMN, ROW), of(np.minimum, torch.minimum, COLUMN, ROW),
    of(np.fmax, torch.fmax, COLUMN, ROW), of(np.fmin, torch.fmin, COLUMN, ROW),
    of(np.copysign, torch.copysign, COLUMN, ROW),
    of(np.logaddexp, torch.logaddexp, COLUMN, ROW), of(np.logaddexp2, torch.logaddexp2, COLUMN, ROW),
    of(np.remainder, torch.remainder, COLUMN, ROW), of(np.fmod, torch.fmod, COLUMN, ROW),
    of(np.power, torch.pow, POSITIVE, POSITIVE[::-1] - 1),
    of(np.float_power, torch.float_power, POSITIVE, POSITIVE[::-1] - 1),
]
# fmt: on


def outer(one: Pair) -> Pair:
    """The function applied to each element of one operand with each of the other."""
    ufunc = getattr(np, one.name.removeprefix("numpy."))

    def theirs(x, y):
        return one.theirs(x.reshape(x.shape + (1,) * y.ndim), y)

    return pair(f"{one.name}.outer", ufunc.outer, theirs, *one.arrays)


PAIRS = [
    *UNARY,
    *BINARY,
    *(outer(one) for one in BINARY if one.name != "numpy.float_power"),
    # -------------------------------------------------------------------------------------------- kinks, ties and edges
    of(np.absolute, torch.abs, TIED, note="at 0"),
    of(np.fabs, torch.abs, TIED, note="at 0"),
    of(np.maximum, torch.maximum, TIED, OTHER, note="ties"),
    of(np.minimum, torch.minimum, TIED, OTHER, note="ties"),
    of(np.fmax, torch.fmax, TIED, OTHER, note="ties", gradient=SHARED, forward=SHARED),
    of(np.fmin, torch.fmin, TIED, OTHER, note="ties", gradient=SHARED, forward=SHARED),
    of(np.copysign, torch.copysign, TIED, OTHER, note="at 0", second=FLAT),
    of(np.sinc, torch.sinc, [1.0, -2.0, 0.5], note="whole numbers"),
    of(np.sinc, torch.sinc, [0.0, 0.3], note="at 0", second=UNDEFINED),
    of(np.sqrt, torch.sqrt, [0.0, 1.0], note="at 0"),
    of(np.log, torch.log, [0.0, 1.0], note="at 0"),
    of(np.arcsin, torch.arcsin, [1.0, -1.0], note="at the ends"),
    of(np.hypot, torch.hypot, [0.0, 0.0, 2.0], [3.0, -3.0, 0.0], note="on the axes"),
    of(np.hypot, torch.hypot, [0.0], [0.0], note="at the origin", gradient=FLAT, forward=FLAT, second=FLAT),
    of(np.arctan2, torch.arctan2, [0.0, 0.0, 2.0, -1.0], [3.0, -3.0, 0.0, 0.0], note="on the axes"),
    of(np.arctan2, torch.arctan2, [0.0], [0.0], note="at the origin", forward=FLAT, second=FLAT),
    of(np.tanh, torch.tanh, [-25.0, 25.0], note="saturated"),
    of(np.logaddexp, torch.logaddexp, [800.0, -800.0], [-3.0, -790.0], note="large", second=UNDEFINED),
    of(np.logaddexp, torch.logaddexp, [-np.inf, 1.0], [1.0, -np.inf], note="of nothing", second=UNDEFINED),
    of(np.hypot, torch.hypot, [1e200], [3e200], note="large"),
    of(np.hypot, torch.hypot, [3e-200], [4e-200], note="small"),
    # ----------------------------------------------------------------------------------------------------------- powers
    pair("numpy.power", lambda x: x**2, lambda x: x**2, REAL, note="square"),
    pair("numpy.power", lambda x: x**3, lambda x: x**3, TIED, note="cube at 0"),
    pair("numpy.power", lambda x: x**-2.5, lambda x: x**-2.5, POSITIVE, note="negative number"),
    pair("numpy.power", lambda x: x**0.5, lambda x: x**0.5, [0.0, 1.0], note="root at 0"),
    pair("numpy.power", lambda x: x**1, lambda x: x**1, TIED, note="one"),
    pair("numpy.power", lambda x: x**0, lambda x: x**0, TIED, note="zero"),
    pair("numpy.power", lambda x: 2.0**x, lambda x: 2.0**x, REAL, note="of a number"),
    of(np.power, torch.pow, [0.0, 0.0], [3.0, 2.0], note="base 0", second=UNDEFINED),
    # ------------------------------------------------------------------------------------------------ parts and choices
    pair("numpy.ldexp", lambda x: np.ldexp(x, WHOLE), lambda x: torch.ldexp(x, torch.tensor(WHOLE)), REAL),
    pair(
        "numpy.ldexp.outer",
        lambda x: np.ldexp.outer(x, WHOLE),
        lambda x: torch.ldexp(*torch.broadcast_tensors(x[..., None], torch.tensor(WHOLE))),
        ROW,
    ),
    pair(
        "numpy.ldexp",
        lambda x: np.ldexp(x, -WHOLE),
        lambda x: torch.ldexp(x, torch.tensor(-WHOLE)),
        REAL,
        note="negative powers",
        gradient=INTEGERS,
        forward=INTEGERS,
    ),
    pair("numpy.frexp", lambda x: np.frexp(x)[0], lambda x: torch.frexp(x).mantissa, REAL, note="mantissa"),
    pair("numpy.modf", lambda x: np.modf(x)[0], torch.frac, REAL, note="fraction"),
    pair("numpy.divmod", lambda x, y: np.divmod(x, y)[1], torch.remainder, COLUMN, ROW, note="remainder"),
    pair("numpy.clip", lambda x: np.clip(x, -1.0, 2.0), lambda x: torch.clamp(x, -1.0, 2.0), REAL),
    pair("numpy.clip", lambda x: np.clip(x, None, 1.0), lambda x: torch.clamp(x, max=1.0), REAL, note="above"),
    pair("numpy.clip", lambda x: np.clip(x, 0.5), lambda x: torch.clamp(x, min=0.5), REAL, note="below"),
    pair("numpy.clip", lambda x: np.clip(x, 1.0, 2.0), lambda x: torch.clamp(x, 1.0, 2.0), TIED, note="on the bounds"),
    pair("numpy.clip", np.clip, torch.clamp, REAL, COLUMN, COLUMN + 1.5, note="arrays"),
    pair("numpy.clip", np.clip, torch.clamp, REAL, COLUMN + 1.5, COLUMN, note="bounds crossed"),
    pair("numpy.where", lambda x, y: np.where(x > y, x * x, y), lambda x, y: torch.where(x > y, x * x, y), COLUMN, ROW),
    pair(
        "numpy.where",
        lambda x: np.where(x > 0, np.log(np.abs(x)), 0.0),
        lambda x: torch.where(x > 0, torch.log(torch.abs(x)), 0.0),
        REAL,
        note="a number",
    ),
    pair(
        "numpy.nan_to_num",
        lambda x: np.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0),
        lambda x: torch.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0),
        ODD,
    ),
    pair(
        "numpy.select",
        lambda x, y: np.select([x > 0, y > 0], [x**2, y], -1.0),
        lambda x, y: torch.where(x > 0, x**2, torch.where(y > 0, y, -1.0)),
        [1.0, -2.0, -3.0],
        [1.0, 2.0, -1.0],
    ),
    pair(
        "numpy.choose",
        lambda x, y: np.choose([[0, 1, 1]], [x, y]),
        lambda x, y: torch.where(torch.tensor([[True, False, False]]), x, y),
        REAL,
        ROW,
    ),
    # ----------------------------------------------------------------------------------------------------------- copies
    pair("numpy.copy", lambda x: np.copy(x) * x, lambda x: torch.clone(x) * x, REAL),
    pair("numpy.full_like", lambda x, y: np.full_like(x, y), lambda x, y: y.expand_as(x), REAL, 0.3),
    pair("conj", lambda x: x.conj() * x, lambda x: x.conj() * x, REAL),
    # ---------------------------------------------------------------------------- constant between jumps: no derivative
    *(
        of(ours, theirs, REAL)
        for ours, theirs in (
            (np.floor, torch.floor),
            (np.ceil, torch.ceil),
            (np.trunc, torch.trunc),
            (np.rint, torch.round),
            (np.round, torch.round),
            (np.sign, torch.sign),
        )
    ),
    *(
        pair(
            name,
            lambda x: x.astype(np.float32).astype(np.float64) ** 2,
            lambda x: x.to(torch.float32).to(torch.float64) ** 2,
            REAL,
            note="to float32 and back",
        )
        for name in ("astype", "numpy.astype")
    ),
]
