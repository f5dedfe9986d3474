"""Windows of an array, and their sum: what pooling is made of, and the arithmetic of lengths that convolution shares.

Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), arXiv:1603.07285, chapters 2 to 5.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import Composed, Element, Linear, Operation, Sample, Statements
from chainrule.loops import Statement, each, fill, store
from chainrule.ops.samples import F
from chainrule.types import ArrayType

Lengths = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]


# ------------------------------------------------------------------------------------------------- settings and lengths


def per_dimension(name: str, setting: str, value: Any, rank: int, least: int) -> Lengths:
    """A setting of an operation as one integer for each dimension; an integer alone stands for all.

    >>> per_dimension("max_pool", "stride", 2, 3, 1)
    (2, 2, 2)
    """
    numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank
    try:
        steps = tuple(map(operator.index, numbers))
    except TypeError:
        steps = ()
    if len(steps) != rank or min(steps) < least:
        expected = f"{setting} as an integer of at least {least}, or {rank} of them"
        raise ArgumentError(
            name,
            expected=expected,
            got=f"{value!r}",
            remedy=f"Give an integer, or one for each of the {rank} dimensions.",
        )
    return steps


def padding_pairs(name: str, value: Any, rank: int) -> Padding:
    """Padding as (before, after) for each dimension; an integer counts for both ends.

    >>> padding_pairs("convolve", (1, (0, 2)), 2)
    ((1, 1), (0, 2))
    """
    each = value if isinstance(value, (tuple, list)) else (value,) * rank
    try:
        pairs = tuple((operator.index(a), operator.index(b)) for a, b in (_pair(around) for around in each))
    except (TypeError, ValueError):
        pairs = ()
    if len(pairs) != rank or min(map(min, pairs)) < 0:
        raise ArgumentError(
            name,
            expected=f"padding as an integer of at least 0, or an integer or a pair for each of the {rank} dimensions",
            got=f"{value!r}",
            remedy="Give zeros to add, for example 1, or ((0, 1),) for one dimension with one after its end.",
        )
    return pairs


def _pair(around: Any) -> Any:
    return around if isinstance(around, (tuple, list)) else (around, around)


def spread_length(points: int, step: int) -> int:
    """How long a row of points is that stand `step` apart.

    >>> spread_length(3, 1), spread_length(3, 2), spread_length(0, 2)
    (3, 5, 0)
    """
    return (points - 1) * step + 1 if points else 0


def slide_lengths(
    lengths: Sequence[int],
    kernel: Sequence[int],
    stride: Lengths,
    padding: Padding,
    dilation: Lengths,
    input_dilation: Lengths,
) -> Lengths:
    """How many places a kernel finds in each dimension.

    >>> slide_lengths((5, 5), (3, 3), (1, 2), ((0, 0), (1, 1)), (1, 1), (1, 1))
    (3, 3)
    """
    room = (
        spread_length(n, apart) + sum(around) - spread_length(k, step)
        for n, k, around, step, apart in zip(lengths, kernel, padding, dilation, input_dilation, strict=True)
    )
    return tuple(max(0, free // step + 1) for free, step in zip(room, stride, strict=True))


def strided(x: Any, places: Lengths, kernel: Lengths, stride: Lengths, dilation: Lengths) -> Any:
    """The windows of an array as a view: the last axes become places, then positions within the kernel."""
    lead = x.ndim - len(kernel)
    steps = x.strides[lead:]
    between = (step * skip for step, skip in zip(steps, stride, strict=True))
    within = (step * skip for step, skip in zip(steps, dilation, strict=True))
    return np.lib.stride_tricks.as_strided(
        x, (*x.shape[:lead], *places, *kernel), (*x.strides[:lead], *between, *within), writeable=False
    )


# ----------------------------------------------------------------------------------------------- windows and their sum


def _places(lengths: Sequence[int], window: Lengths, stride: Lengths) -> Lengths:
    return tuple((n - k) // step + 1 for n, k, step in zip(lengths, window, stride, strict=True))


def _check_windows(name: str, lengths: Sequence[int], window: Lengths, stride: Lengths) -> None:
    if len(lengths) != len(window) or any(k > n for n, k in zip(lengths, window, strict=True)):
        raise ShapeError(
            name,
            expected=f"room for a window of {window}",
            got=f"{tuple(lengths)}",
            remedy="Give a smaller window, or pad.",
        )
    if min(*window, *stride) < 1:
        raise ArgumentError(
            name,
            expected="lengths and steps of at least 1",
            got=f"window {window}, stride {stride}",
            remedy="Use 1 or more.",
        )


def _infer_windows(x: ArrayType, *, window: Lengths, stride: Lengths) -> ArrayType:
    lead = max(0, x.ndim - len(window))
    _check_windows("windows", x.shape[lead:], window, stride)
    return ArrayType((*x.shape[:lead], *_places(x.shape[lead:], window, stride), *window), x.dtype)


def _windows(x: Any, *, window: Lengths, stride: Lengths) -> Any:
    lead = x.ndim - len(window)
    return strided(x, _places(x.shape[lead:], window, stride), window, stride, (1,) * len(window))


def _source(index: tuple[Any, ...], rank: int, stride: Lengths) -> tuple[Any, ...]:
    """Where in the array the element of a window is."""
    lead = len(index) - 2 * rank
    places, within = index[lead : lead + rank], index[lead + rank :]
    return *index[:lead], *(t * step + k for t, step, k in zip(places, stride, within, strict=True))


def _parted(lengths: Sequence[int], window: Lengths, stride: Lengths) -> Lengths | None:
    """The lengths (place, position, place, position...) of axes whose windows neither meet nor leave a gap."""
    if window != stride:
        return None
    return tuple(itertools.chain(*((n // k, k) for n, k in zip(lengths, window, strict=True))))


def _windows_parted(x: Any, *, window: Lengths, stride: Lengths) -> Any:
    """Windows side by side: each axis made two, of places and of positions."""
    lead, rank = x.ndim - len(window), len(window)
    parted = _parted(x.shape[lead:], window, stride)
    if parted is None:
        return None
    whole = tuple(slice(0, n // k * k) for n, k in zip(x.shape[lead:], window, strict=True))
    x = x[..., *whole] if any(n % k for n, k in zip(x.shape[lead:], window, strict=True)) else x
    order = (*range(lead), *range(lead, lead + 2 * rank, 2), *range(lead + 1, lead + 2 * rank, 2))
    return np.transpose(np.reshape(x, (*x.shape[:lead], *parted)), order)


def _windows_exactly(x: Any, *, window: Lengths, stride: Lengths) -> Any:
    lead = x.ndim - len(window)
    places = _places(x.shape[lead:], window, stride)
    result = np.empty((*x.shape[:lead], *places, *window), object)
    for place, position in itertools.product(np.ndindex(places), np.ndindex(window)):
        result[..., *place, *position] = x[
            ..., *(t * step + k for t, step, k in zip(place, stride, position, strict=True))
        ]
    return result


windows = Operation(
    name="windows",
    infer=_infer_windows,
    reference=_windows,
    exact=_windows_exactly,
    derivative=Linear(
        lambda g, k, x, *, window, stride: overlap_add(g, lengths=x.shape[x.ndim - len(window) :], stride=stride)
    ),
    batch=lambda operands, batched, size, **parameters: windows(operands[0], **parameters),
    lowering=Composed(
        _windows_parted,
        Element(lambda index, x, *, window, stride: x[_source(index, len(window), stride)]),
    ),
    latex=r"\operatorname{{windows}} {0}",
    samples=lambda: [
        Sample(F([1, -2, "1/2", 3, 5], [4, 0, "1/3", 2, 6]), window=(2,), stride=(1,)),
        Sample(F([1, -2, "1/2", 3, 5], [4, 0, "1/3", 2, 6]), window=(2, 2), stride=(1, 2)),
    ],
    rejects=lambda: [
        Sample(np.zeros((3, 2)), window=(3,), stride=(1,), words="a window of (3,)"),
        Sample(np.zeros(2), window=(1, 1), stride=(1, 1), words="got (2,)"),
        Sample(np.zeros(2), window=(1,), stride=(0,), words="stride (0,)"),
    ],
)
"""x (..., *space) as all its windows: (..., *places, *window)."""


def _infer_overlap_add(g: ArrayType, *, lengths: Lengths, stride: Lengths) -> ArrayType:
    rank = len(lengths)
    lead = max(0, g.ndim - 2 * rank)
    places, window = g.shape[lead : lead + rank], g.shape[lead + rank :]
    _check_windows("overlap_add", lengths, window, stride)
    if places != _places(lengths, window, stride):
        expected = f"windows at {_places(lengths, window, stride)} places of {lengths}"
        raise ShapeError(
            "overlap_add",
            expected=expected,
            got=f"{places}",
            remedy="Give the lengths that the windows were taken from.",
        )
    return ArrayType((*g.shape[:lead], *lengths), g.dtype)


def _overlap_add(g: Any, *, lengths: Lengths, stride: Lengths) -> Any:
    rank = len(lengths)
    lead = g.ndim - 2 * rank
    places, window = g.shape[lead : lead + rank], g.shape[lead + rank :]
    result = np.zeros((*g.shape[:lead], *lengths), g.dtype)
    for position in np.ndindex(window):
        met = (slice(k, k + spread_length(n, step), step) for k, n, step in zip(position, places, stride, strict=True))
        result[..., *met] += g[..., *position]
    return result


def _overlap_statements(result: Any, g: Any, *, lengths: Lengths, stride: Lengths) -> Iterator[Statement]:
    """One position in the window after the other; at each, no two windows meet."""
    yield fill(result, 0)
    rank = len(lengths)
    lead = len(g.shape) - 2 * rank
    for position in np.ndindex(g.shape[lead + rank :]):

        def added(place: tuple[Any, ...], position: tuple[int, ...] = position) -> Statement:
            target = _source((*place, *position), rank, stride)
            return store(result, target, result[target] + g[(*place, *position)])

        yield from each(g.shape[: lead + rank], added)


def _overlap_parted(g: Any, *, lengths: Lengths, stride: Lengths) -> Any:
    """Windows side by side: places and positions made one axis."""
    rank = len(lengths)
    lead = g.ndim - 2 * rank
    parted = _parted(lengths, g.shape[lead + rank :], stride)
    if parted is None or math.prod(parted) != math.prod(lengths):
        return None
    order = (*range(lead), *itertools.chain(*((lead + k, lead + rank + k) for k in range(rank))))
    return np.reshape(np.transpose(g, order), (*g.shape[:lead], *lengths))


def _overlap_add_exactly(g: Any, *, lengths: Lengths, stride: Lengths) -> Any:
    rank = len(lengths)
    lead = g.ndim - 2 * rank
    result = np.full((*g.shape[:lead], *lengths), Fraction(0), object)
    for index in np.ndindex(g.shape[lead:]):
        result[..., *(t * step + k for t, step, k in zip(index[:rank], stride, index[rank:], strict=True))] += g[
            ..., *index
        ]
    return result


overlap_add = Operation(
    name="overlap_add",
    infer=_infer_overlap_add,
    reference=_overlap_add,
    exact=_overlap_add_exactly,
    derivative=Linear(
        lambda g, k, x, *, lengths, stride: windows(g, window=x.shape[x.ndim - len(lengths) :], stride=stride)
    ),
    batch=lambda operands, batched, size, **parameters: overlap_add(operands[0], **parameters),
    lowering=Composed(_overlap_parted, Statements(_overlap_statements)),
    latex=r"\operatorname{{overlap}} {0}",
    samples=lambda: [
        Sample(F([[1, 2], ["1/2", -3], [4, 5]]), lengths=(4,), stride=(1,)),
        Sample(F([[1, 2], ["1/2", -3]]), lengths=(6,), stride=(3,)),
        Sample(F([[[[1, 2], [3, "1/5"]], [[0, 4], [-1, 2]]]]), lengths=(2, 4), stride=(1, 2)),
    ],
    rejects=lambda: [
        Sample(np.zeros((3, 2)), lengths=(5,), stride=(1,), words="(4,) places of (5,)"),
        Sample(np.zeros((3, 2)), lengths=(1,), stride=(1,), words="a window of (2,)"),
        Sample(np.zeros((3, 2)), lengths=(4,), stride=(-1,), words="stride (-1,)"),
    ],
)
"""Windows (..., *places, *window) added up where they stood: (..., *lengths). The adjoint of taking windows."""
