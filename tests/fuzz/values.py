"""Values that graphs are tried on, and the layouts in memory that they come in."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from chainrule.graph import OPERATIONS, Node, apply, constant

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
INTEGERS = tuple(np.dtype(name) for name in "int8 int16 int32 int64 uint8 uint16 uint32 uint64".split())
BOOL, INDEX = np.dtype(bool), np.dtype(np.int64)


def array(choose: random.Random, kind: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Numbers of a kind: "whole" are small, "real" are between -2 and 2, "wild" are at the edges of the dtype."""
    draw = np.random.default_rng(choose.getrandbits(32))
    if dtype.kind == "b":
        return draw.integers(0, 2, shape).astype(bool)
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        least = 0 if dtype.kind == "u" else -5
        small = draw.integers(least, 9, shape).astype(dtype)
        if kind != "wild":
            return small
        edges = np.array([bounds.min, bounds.min + 1, bounds.max - 1, bounds.max, bounds.max // 2 + 1, 0, 1], dtype)
        anywhere = draw.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)
        return np.choose(draw.integers(0, 3, shape), [small, draw.choice(edges, shape), anywhere]).astype(dtype)
    if kind == "whole":
        return draw.integers(-4, 5, shape).astype(dtype)
    real = (draw.integers(-5, 6, shape) / 2 if choose.random() < 0.3 else draw.uniform(-2, 2, shape)).astype(dtype)
    if kind == "real":
        return real
    edges = edges_of(dtype)
    spread = (real * 10.0 ** draw.integers(-6, 7, shape)).astype(dtype)
    return np.choose(
        draw.integers(0, 4, shape), [real, spread, draw.choice(edges, shape), draw.integers(-3, 4, shape)]
    ).astype(dtype)


def edges_of(dtype: np.dtype) -> np.ndarray:
    """NaN, infinities, zeros of both signs, and numbers at both ends of a floating dtype."""
    info: Any = np.finfo(dtype)
    least, normal, most = info.smallest_subnormal, info.tiny, info.max
    parts = [
        np.nan,
        np.nan,
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        least,
        -least,
        normal / 2,
        normal,
        -normal,
        most,
        -most,
        most / 2,
    ]
    return np.array([*parts, 1e-30, -1e30, 0.5, -1.5, 2.5, 2.0**24 + 1], dtype)


def laid_out(choose: random.Random, value: np.ndarray) -> Node:
    """A node without inputs whose value this is, often as a view: transposed, reversed, strided, or broadcast."""
    if value.ndim and value.shape[0] > 1 and value.strides[0] == 0:
        return apply(OPERATIONS["broadcast_to"], (constant(value[0]),), {"shape": value.shape})
    layout = choose.choice(("plain", "plain", "transposed", "reversed", "strided"))
    if layout == "transposed" and value.ndim > 1:
        axes = list(range(value.ndim))
        choose.shuffle(axes)
        return apply(OPERATIONS["transpose"], (constant(value.transpose(np.argsort(axes))),), {"axes": tuple(axes)})
    axis = choose.randrange(max(value.ndim, 1))
    if layout == "plain" or value.ndim == 0 or value.shape[axis] < 2:
        return constant(value)
    n, ranges = value.shape[axis], [(0, n, 1) for n in value.shape]
    ranges[axis] = (n - 1, n, -1) if layout == "reversed" else (1, n, 2)
    held = np.flip(value, axis) if layout == "reversed" else np.repeat(value, 2, axis)
    return apply(OPERATIONS["slice"], (constant(held),), {"ranges": tuple(ranges)})
