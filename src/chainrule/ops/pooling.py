"""Pooling: the maximum and the mean of windows in 1, 2 and 3 dimensions, by PyTorch's definitions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import as_node
from chainrule.ops.window import Lengths, Padding, padding_pairs, per_dimension, windows


def max_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0) -> Any:
    """The maximum of each window.

    Args:
        x: (batch, channels, *space) with 1, 2 or 3 axes of space for an integer `window`; (..., *space) for a tuple.
        window: its length in all dimensions of space; or a tuple, the lengths along the last axes of x.
        stride: how far the window moves; its own length where None.
        padding: elements that count as minus infinity around x: an integer, or an integer or a pair (before, after) for
            each dimension; at most half a window.

    Returns:
        (..., *places), where `places = (space + 2 padding - window) // stride + 1`; NaN where a window holds one.

    Equal maxima of a window share its derivative, as the project's rule for ties is; PyTorch gives it all to the first.

    >>> import chainrule as cr
    >>> cr.nn.max_pool(np.arange(6.0)[None, None], 2)
    array([[[1., 3., 5.]]])
    """
    x = as_node(x)
    lowest = -math.inf if x.dtype.kind == "f" else False if x.dtype.kind == "b" else np.iinfo(x.dtype).min
    lengths, step, around = _settings("max_pool", x, window, stride, padding)
    return np.max(_padded_windows(x, lengths, step, around, lowest), axis=_last(lengths))


def average_pool(x: Any, window: Any, stride: Any = None, padding: Any = 0, count_include_pad: bool = True) -> Any:
    """The mean of each window; settings and shapes as for `max_pool`.

    Args:
        x, window, stride: as for `max_pool`.
        padding: zeros around x, as `max_pool` counts them.
        count_include_pad: whether these zeros count as elements; else the mean is that of the elements of x alone.

    >>> import chainrule as cr
    >>> cr.nn.average_pool(np.arange(6.0)[None, None], 3)
    array([[[1., 4.]]])
    """
    x = as_node(x)
    lengths, step, around = _settings("average_pool", x, window, stride, padding)
    taken = _padded_windows(x, lengths, step, around, 0)
    if count_include_pad:
        return np.mean(taken, axis=_last(lengths))
    ones = as_node(np.ones(x.shape[-len(lengths) :], np.mean(np.ones(1, x.dtype)).dtype))
    counts = _padded_windows(ones, lengths, step, around, 0)
    return np.sum(taken, axis=_last(lengths)) / np.sum(counts, axis=_last(lengths))


def _padded_windows(x: Any, window: Lengths, stride: Lengths, padding: Padding, value: Any) -> Any:
    if any(map(any, padding)):
        x = np.pad(x, ((0, 0),) * (x.ndim - len(window)) + padding, constant_values=value)
    return windows(x, window=window, stride=stride)


def _last(window: Lengths) -> Lengths:
    return tuple(range(-len(window), 0))


def _settings(name: str, x: Any, window: Any, stride: Any, padding: Any) -> tuple[Lengths, Lengths, Padding]:
    """Window, stride and padding for each dimension of space."""
    rank = len(window) if isinstance(window, (tuple, list)) else x.ndim - 2
    if rank not in (1, 2, 3) or x.ndim < rank:
        raise ShapeError(
            name,
            expected="(batch, channels, *space) with 1, 2 or 3 dimensions of space",
            got=f"{x.shape} with window {window!r}",
            remedy="Give the window as a tuple, one length for each of the last axes, where x has other axes in front.",
        )
    lengths = per_dimension(name, "window", window, rank, 1)
    steps = lengths if stride is None else per_dimension(name, "stride", stride, rank, 1)
    around = padding_pairs(name, padding, rank)
    if any(max(pair) > length // 2 for pair, length in zip(around, lengths, strict=True)):
        expected = f"padding of at most half the window {lengths}"
        raise ArgumentError(
            name, expected=expected, got=f"{around}", remedy="Give less padding, so that no window is all padding."
        )
    if (
        any(n + sum(pair) < length for n, pair, length in zip(x.shape[-rank:], around, lengths, strict=True))
        or 0 in x.shape[-rank:]
    ):
        got = f"{x.shape[-rank:]} with padding {around}"
        raise ShapeError(name, expected=f"room for a window of {lengths}", got=got, remedy="Give a smaller window.")
    return lengths, steps, around
