"""The operation that is convolution, in any number of dimensions, grouped, strided, dilated and transposed.

What the field calls convolution is correlation: the kernel slides over the input and is not flipped. Which convolution
is the adjoint of which: Dumoulin and Visin, A guide to convolution arithmetic for deep learning (2016), chapter 4,
arXiv:1603.07285.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.graph import Composed, Fold, Linear, Operation, Sample, constant
from chainrule.ops.samples import F
from chainrule.ops.slices import Range, cut, whole, write_slice
from chainrule.ops.window import Lengths, Padding, slide_lengths, spread_length, strided
from chainrule.types import ArrayType


def _infer_convolve(
    x: ArrayType, w: ArrayType, *, stride: Lengths, padding: Padding, dilation: Lengths, input_dilation: Lengths
) -> ArrayType:
    rank = len(stride)
    if not x.ndim == w.ndim == rank + 3 or x.shape[1:3] != (w.shape[0], w.shape[2]):
        raise ShapeError(
            "convolution",
            expected=f"(batch, groups, channels, ...) and (groups, features, channels, ...) with {rank} axes more",
            got=f"{x.shape} and {w.shape}",
            remedy="Give both the same groups and channels.",
        )
    if x.dtype != w.dtype:
        raise DtypeError(
            "convolution",
            expected="operands of one dtype",
            got=f"{x.dtype.name} and {w.dtype.name}",
            remedy="Apply astype to one of them.",
        )
    if min(*stride, *dilation, *input_dilation) < 1:
        got = f"stride {stride}, dilation {dilation}, input_dilation {input_dilation}"
        raise ArgumentError(
            "convolution", expected="steps of at least 1", got=got, remedy="Use 1 where nothing is to be skipped."
        )
    result = slide_lengths(x.shape[3:], w.shape[3:], stride, padding, dilation, input_dilation)
    return ArrayType((*x.shape[:2], w.shape[1], *result), x.dtype)


def _convolve(x: Any, w: Any, *, stride: Lengths, padding: Padding, dilation: Lengths, input_dilation: Lengths) -> Any:
    """A matrix product of the kernel with the windows of the input, one column for each place."""
    (batch, groups), (features, channels), kernel = x.shape[:2], w.shape[1:3], w.shape[3:]
    places = slide_lengths(x.shape[3:], kernel, stride, padding, dilation, input_dilation)
    view = strided(_spread(x, padding, input_dilation), places, kernel, stride, dilation)
    rank = len(kernel)
    columns = view.transpose(0, 1, 2, *range(3 + rank, 3 + 2 * rank), *range(3, 3 + rank))
    depth = channels * math.prod(kernel)
    product = np.matmul(w.reshape(groups, features, depth), columns.reshape(batch, groups, depth, math.prod(places)))
    return product.reshape(batch, groups, features, *places)


def _spread(x: Any, padding: Padding, input_dilation: Lengths) -> Any:
    """The input with zeros between its elements and around them; negative padding takes elements away."""
    if not any(map(any, padding)) and max(input_dilation) == 1:
        return x
    lead = x.ndim - len(padding)
    sources, targets, lengths = _spreading(x.shape[lead:], padding, input_dilation)
    result = np.zeros((*x.shape[:lead], *lengths), x.dtype)
    result[..., *map(_slice, targets)] = x[..., *map(_slice, sources)]
    return result


def _slice(places: Range) -> slice:
    start, length, step = places
    return slice(start, start + spread_length(length, step), step)


def _spreading(
    shape: Sequence[int], padding: Padding, input_dilation: Lengths
) -> tuple[list[Range], list[Range], list[int]]:
    """Where the elements come from that are kept, where they go to, and how long the axes become."""
    sources: list[Range] = []
    targets: list[Range] = []
    lengths = []
    for n, (before, after), step in zip(shape, padding, input_dilation, strict=True):
        length = max(0, spread_length(n, step) + before + after)
        first = max(0, -(before // step))  # the first element that is not cut off, and the one after the last
        last = max(first, min(n, -((before - length) // step)))
        kept = last - first
        sources.append((first, kept, 1) if kept else whole(0))
        targets.append((before + first * step, kept, step) if kept else whole(0))
        lengths.append(length)
    return sources, targets, lengths


def _convolve_exactly(
    x: Any, w: Any, *, stride: Lengths, padding: Padding, dilation: Lengths, input_dilation: Lengths
) -> Any:
    """The definition: at each place, the sum over the positions in the kernel that meet an element of the input."""
    lengths, kernel = x.shape[3:], w.shape[3:]
    places = slide_lengths(lengths, kernel, stride, padding, dilation, input_dilation)
    result = np.full((*x.shape[:2], w.shape[1], *places), Fraction(0), object)
    for place, position in itertools.product(np.ndindex(places), np.ndindex(kernel)):
        met = [
            divmod(t * step + k * skip - before, apart)
            for t, k, step, skip, (before, _), apart in zip(
                place, position, stride, dilation, padding, input_dilation, strict=True
            )
        ]
        source = [index for index, rest in met if rest == 0]
        if len(source) == len(met) and all(0 <= index < n for index, n in zip(source, lengths, strict=True)):
            result[..., *place] += np.sum(x[:, :, None, :, *source] * w[..., *position], axis=-1)
    return result


def _padded(x: Any, w: Any, *, padding: Padding, input_dilation: Lengths, **rest: Any) -> Any:
    """The same convolution of an input that was spread and padded before, None where nothing is to be done."""
    if not any(map(any, padding)) and max(input_dilation) == 1:
        return None
    sources, targets, lengths = _spreading(x.shape[3:], padding, input_dilation)
    zeros: Any = np.broadcast_to(constant(0, x.dtype), (*x.shape[:3], *lengths))
    lead = tuple(map(whole, x.shape[:3]))
    spread = write_slice(zeros, cut(x, (*lead, *sources)), ranges=(*lead, *targets))
    return convolution(spread, w, **settings(len(lengths), **rest))


def _combine(x: Any, w: Any, **_: Any) -> str:
    return "any" if x.dtype.kind == "b" else "sum"


def _taps(x: Any, w: Any, **_: Any) -> Lengths:
    return w.shape[2:]


def _tap_product(index: Any, inner: Any, x: Any, w: Any, *, stride: Lengths, dilation: Lengths, **_: Any) -> Any:
    (row, group, feature, *places), (channel, *taps) = index, inner
    source = (t * step + k * skip for t, step, k, skip in zip(places, stride, taps, dilation, strict=True))
    return x[(row, group, channel, *source)] * w[(group, feature, channel, *taps)]


def _adjoint_convolve(
    g: Any, k: int, x: Any, w: Any, *, stride: Lengths, padding: Padding, dilation: Lengths, input_dilation: Lengths
) -> Any:
    """Of the input: the cotangent, spread by the stride, under the flipped kernel. Of the kernel: the input under the
    cotangent as a kernel, summed over the batch. The padding is what makes the lengths come out right."""
    extents = [
        (before, spread_length(n, apart), spread_length(m, skip), spread_length(t, step))
        for n, m, t, (before, _), step, skip, apart in zip(
            x.shape[3:], w.shape[3:], g.shape[3:], padding, stride, dilation, input_dilation, strict=True
        )
    ]
    if k == 0:
        around = tuple((kernel - 1 - before, n + before - result) for before, n, kernel, result in extents)
        flipped = np.flip(np.swapaxes(w, 1, 2), tuple(range(3, w.ndim)))
        return convolution(g, flipped, stride=input_dilation, padding=around, dilation=dilation, input_dilation=stride)
    around = tuple((before, kernel - 1 + result - n - before) for before, n, kernel, result in extents)
    transposed: Any = convolution(
        np.swapaxes(x, 0, 2),
        np.moveaxis(g, 0, 2),
        stride=dilation,
        padding=around,
        dilation=stride,
        input_dilation=input_dilation,
    )
    return np.moveaxis(transposed, 0, 2)


def _batch_convolve(operands: Sequence[Any], batched: Sequence[bool], size: int, **parameters: Any) -> Any:
    """A batch of inputs joins the batch, one of kernels the features, one of both the groups: all are convolutions."""
    x, w = operands
    if not batched[1]:
        many = convolution(_merge(x), w, **parameters)
        return np.reshape(many, (size, x.shape[1], *many.shape[1:]))
    features = w.shape[2]
    if not batched[0]:
        many = convolution(x, _merge(np.moveaxis(w, 0, 1), 1), **parameters)
        return np.moveaxis(np.reshape(many, (*many.shape[:2], size, features, *many.shape[3:])), 2, 0)
    many = convolution(_merge(np.moveaxis(x, 0, 1), 1), _merge(w), **parameters)
    return np.moveaxis(np.reshape(many, (many.shape[0], size, w.shape[1], *many.shape[2:])), 1, 0)


def _merge(x: Any, axis: int = 0) -> Any:
    """An axis and the next one as one."""
    return np.reshape(x, (*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))


def settings(rank: int, **changes: Any) -> dict[str, Any]:
    """The parameters of a convolution that skips nothing and pads nothing, with changes."""
    return {
        "stride": (1,) * rank,
        "padding": ((0, 0),) * rank,
        "dilation": (1,) * rank,
        "input_dilation": (1,) * rank,
        **changes,
    }


def _convolve_samples() -> Iterator[Sample]:
    row, taps = F(1, -2, "1/2", 3, "-1/3").reshape(1, 1, 1, 5), F(2, "1/3", -1, 4).reshape(1, 2, 1, 2)
    two, planes = F(1, 2, 3, "1/2", -1, 4, 0, 5, -2, 7, "2/3", 1), F(3, -1, "1/2", 2, 1, 1, 0, -4)
    yield Sample(row, taps, **settings(1))
    yield Sample(row, taps, **settings(1, stride=(2,), padding=((1, 2),), dilation=(2,)))
    yield Sample(row, taps, **settings(1, stride=(2,), padding=((2, -1),), input_dilation=(3,)))
    yield Sample(row, taps, **settings(1, padding=((-1, 4),), dilation=(2,), input_dilation=(2,)))
    yield Sample(two.reshape(1, 2, 1, 2, 3), planes.reshape(2, 1, 1, 2, 2), **settings(2, padding=((1, 0), (0, 1))))
    yield Sample(two.reshape(1, 1, 2, 2, 3), planes.reshape(1, 1, 2, 2, 2), **settings(2, stride=(1, 2)))
    yield Sample(
        two.reshape(1, 1, 1, 2, 2, 3), planes.reshape(1, 1, 1, 2, 2, 2), **settings(3, padding=((0, 0), (1, 0), (0, 0)))
    )


convolution = Operation(
    name="convolution",
    infer=_infer_convolve,
    reference=_convolve,
    exact=_convolve_exactly,
    derivative=Linear(_adjoint_convolve),
    batch=_batch_convolve,
    lowering=Composed(_padded, otherwise=Fold(_combine, _taps, _tap_product)),
    latex=r"{0} \star {1}",
    samples=_convolve_samples,
    rejects=lambda: [
        Sample(np.zeros((1, 1, 2, 5)), np.zeros((1, 1, 3, 2)), words="(1, 1, 2, 5) and (1, 1, 3, 2)", **settings(1)),
        Sample(np.zeros((1, 1, 2, 5)), np.zeros((1, 1, 2, 2)), words="with 2 axes more", **settings(2)),
        Sample(np.zeros((1, 1, 2, 5)), np.zeros((1, 1, 2, 2), np.float32), words="float64 and float32", **settings(1)),
        Sample(np.zeros((1, 1, 2, 5)), np.zeros((1, 1, 2, 2)), words="stride (0,)", **settings(1, stride=(0,))),
    ],
)
"""x (batch, groups, channels, *space), w (groups, features, channels, *kernel): (batch, groups, features, *places).

The groups are an axis of their own, so that adjoints and batches of a grouped convolution are grouped convolutions too.
`dilation` spreads the kernel, `input_dilation` the input; `padding` counts zeros before and after, or takes away."""
