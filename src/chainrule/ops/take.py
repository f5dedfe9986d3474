"""NumPy's functions that index: take and its relatives, and where a condition holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.index import Places, as_places, places_of
from chainrule.ops.settings import in_given_order, integers
from chainrule.types import normalize_axis


@reaches(np.take, method="take")
def _take(a: Any, indices: Any, axis: Any = None, *, mode: str = "raise") -> Node:
    a, places = np.ravel(as_node(a)) if axis is None else as_node(a), as_places(indices)
    axis = normalize_axis("take", 0 if axis is None else axis, a.ndim)
    places = places.astype(np.int64) if places.dtype == bool else places
    match mode:
        case "raise":
            pass
        case "wrap":
            places = places % a.shape[axis]
        case "clip":
            places = np.minimum(np.maximum(places, 0), a.shape[axis] - 1)
        case _:
            raise ArgumentError(
                "take",
                expected='the mode "raise", "wrap" or "clip"',
                got=f"{mode!r}",
                remedy='Leave it out for "raise".',
            )
    return a[(*(slice(None),) * axis, places)]


@reaches(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Node:
    arr, places = as_node(arr), as_places(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = normalize_axis("take_along_axis", axis, arr.ndim)
    if places.ndim != arr.ndim or places.dtype == bool:
        raise ShapeError(
            "take_along_axis",
            expected=f"integer indices with as many axes as the array of shape {arr.shape}",
            got=f"{places.dtype.name}{list(places.shape)}",
            remedy="Add axes to them with np.expand_dims, or use np.take.",
        )
    every = [np.reshape(np.arange(n), (-1, *(1,) * (arr.ndim - 1 - k))) for k, n in enumerate(arr.shape)]
    return arr[(*every[:axis], places, *every[axis + 1 :])]


@reaches(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(x: Any, window_shape: Any, axis: Any = None) -> Node:
    x = as_node(x)
    lengths = integers("sliding_window_view", window_shape)
    axes = tuple(range(x.ndim)) if axis is None else in_given_order("sliding_window_view", axis, x.ndim)
    if len(lengths) != len(axes):
        raise ArgumentError(
            "sliding_window_view",
            expected=f"a window length for each of the axes {axes}",
            got=f"{window_shape}",
            remedy="Name the axes with axis=.",
        )
    for along, length in zip(axes, lengths, strict=True):
        n = x.shape[along]
        if not 0 <= length <= n:
            raise ShapeError(
                "sliding_window_view",
                expected=f"a window of 0 to {n} along axis {along}",
                got=f"{length}",
                remedy="Pad the array first.",
            )
        windows = np.arange(n - length + 1)[:, None] + np.arange(length)
        x = np.moveaxis(np.take(x, windows, along), along + 1, -1)
    return x


@reaches(np.ix_)
def _ix(*args: Any) -> tuple[Places, ...]:
    columns = [places_of(places) if places.dtype == bool else places for places in map(as_places, args)]
    return tuple(np.reshape(places, (-1, *(1,) * (len(columns) - 1 - k))) for k, places in enumerate(columns))


@reaches(np.nonzero, method="nonzero")
def _nonzero(a: Any) -> tuple[Places, ...]:
    a = as_node(a)
    if a.ndim == 0:
        raise ShapeError(
            "nonzero", expected="an array of at least one axis", got="shape ()", remedy="Write np.atleast_1d(x)."
        )
    flat, places = places_of(a if a.dtype == bool else a != 0), []
    for n in a.shape[:0:-1]:
        places.append(flat % n)
        flat = flat // n
    return flat, *reversed(places)


@reaches(np.flatnonzero)
def _flatnonzero(a: Any) -> Places:
    return np.nonzero(np.ravel(a))[0]


@reaches(np.argwhere)
def _argwhere(a: Any) -> Node:
    a = as_node(a)
    return np.stack(np.nonzero(a), axis=-1) if a.ndim else np.argwhere(np.atleast_1d(a))[:, :0]


@reaches(np.extract)
def _extract(condition: Any, arr: Any) -> Node:
    return np.take(arr, np.flatnonzero(condition))


@reaches(np.compress)
def _compress(condition: Any, a: Any, axis: Any = None) -> Node:
    condition = as_places(condition)
    if condition.ndim != 1:
        raise ShapeError(
            "compress",
            expected="a condition of one axis",
            got=f"shape {condition.shape}",
            remedy="Index with a mask: x[mask].",
        )
    return np.take(as_node(a), np.flatnonzero(condition), axis)


@reaches("compress", method="compress")
def _compress_method(a: Any, condition: Any, axis: Any = None) -> Node:
    return np.compress(condition, a, axis)
