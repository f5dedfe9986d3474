"""Convolution and its transpose as functions, by PyTorch's definitions, and NumPy's `convolve` and `correlate`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import as_node, reaches
from chainrule.ops.cast import cast
from chainrule.ops.convolution import convolution, settings
from chainrule.ops.window import Lengths, Padding, padding_pairs, per_dimension, slide_lengths, spread_length
from chainrule.types import promote


def convolve(x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    """The kernels w slid over x: result[o, t] = sum over c and k of x[c, t stride + k dilation - padding] w[o, c, k].

    Args:
        x: (*batch, channels, *space) with 1, 2 or 3 axes of space.
        w: (features, channels / groups, *kernel).
        stride: how far the kernel moves from place to place; like `dilation` an integer, or one for each dimension.
        padding: zeros around x: an integer, an integer or a pair (before, after) for each dimension, "valid" (none), or
            "same" (as many places as x has elements, for stride 1; the odd zero comes after).
        dilation: how far apart the elements of the kernel are.
        groups: into how many groups the channels, and the features, are split; each group sees its own channels alone.

    Returns:
        (*batch, features, *places), where `places = (space + 2 padding - dilation (kernel - 1) - 1) // stride + 1`.

    Raises:
        ShapeError: channels, groups or features do not go together, or the kernel does not fit.
        ArgumentError: a setting that is none.

    >>> import chainrule as cr
    >>> cr.nn.convolve(np.arange(5.0)[None, None], np.ones((1, 1, 2)), stride=2)
    array([[[1., 5.]]])
    """
    x, w, rank = _operands("convolve", x, w)
    channels, features, groups = x.shape[-rank - 1], w.shape[0], _groups("convolve", groups, w.shape[0], "features")
    if channels != w.shape[1] * groups:
        raise ShapeError(
            "convolve",
            expected=f"x with {w.shape[1] * groups} channels, as w {w.shape} in {groups} groups takes",
            got=f"x {x.shape} with {channels}",
            remedy="Give w the shape (features, channels / groups, *kernel).",
        )
    stride, dilation = (
        per_dimension("convolve", "stride", stride, rank, 1),
        per_dimension("convolve", "dilation", dilation, rank, 1),
    )
    spans = [spread_length(k, step) for k, step in zip(w.shape[2:], dilation, strict=True)]
    around = (
        _same_padding(spans, stride)
        if padding == "same"
        else padding_pairs("convolve", 0 if padding == "valid" else padding, rank)
    )
    if any(n + sum(zeros) < span for n, zeros, span in zip(x.shape[-rank:], around, spans, strict=True)):
        raise ShapeError(
            "convolve",
            expected=f"room for a kernel of {w.shape[2:]} with dilation {dilation}",
            got=f"{x.shape[-rank:]} with padding {around}",
            remedy="Give a smaller kernel, or more padding.",
        )
    kernels = np.reshape(w, (groups, features // groups, *w.shape[1:]))
    return _apply(x, kernels, rank, stride=stride, padding=around, dilation=dilation, input_dilation=(1,) * rank)


def convolve_transpose(
    x: Any, w: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """The adjoint of `convolve` in its input: each element of x lays down the kernels, `stride` apart, and they add up.

    Args:
        x: (*batch, channels, *space) with 1, 2 or 3 axes of space.
        w: (channels, features / groups, *kernel): the kernels of the convolution that this is the transpose of.
        stride: how far apart the kernels are laid down.
        padding: what is taken away at both ends, as the convolution had added it.
        output_padding: how many places more there are at the end: of the lengths that the convolution brings to that of
            x, the shortest is taken, plus this. Less than stride or dilation.
        dilation: how far apart the elements of the kernel are.
        groups: as for `convolve`.

    Returns:
        (*batch, features, *places), where
        `places = (space - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1`.

    >>> import chainrule as cr
    >>> cr.nn.convolve_transpose(np.ones((1, 1, 2)), np.array([[[1.0, 2.0]]]), stride=2)
    array([[[1., 2., 1., 2.]]])
    """
    name = "convolve_transpose"
    x, w, rank = _operands(name, x, w)
    channels, groups = x.shape[-rank - 1], _groups(name, groups, w.shape[0], "channels")
    if channels != w.shape[0]:
        expected = f"x with {w.shape[0]} channels, as w {w.shape} takes"
        remedy = "Give w the shape (channels, features / groups, *kernel)."
        raise ShapeError(name, expected=expected, got=f"x {x.shape} with {channels}", remedy=remedy)
    stride, dilation = (
        per_dimension(name, "stride", stride, rank, 1),
        per_dimension(name, "dilation", dilation, rank, 1),
    )
    more = per_dimension(name, "output_padding", output_padding, rank, 0)
    if any(extra >= max(steps) for extra, *steps in zip(more, stride, dilation, strict=True)):
        expected = f"output_padding less than the stride {stride} or the dilation {dilation}"
        raise ArgumentError(
            name, expected=expected, got=f"{more}", remedy="Pad the result with np.pad where more is wanted."
        )
    ends = [spread_length(k, step) - 1 for k, step in zip(w.shape[2:], dilation, strict=True)]
    pairs = padding_pairs(name, padding, rank)
    around = tuple(
        (end - before, end - after + extra) for end, (before, after), extra in zip(ends, pairs, more, strict=True)
    )
    if 0 in slide_lengths(x.shape[-rank:], w.shape[2:], (1,) * rank, around, dilation, stride):
        got = f"{x.shape[-rank:]} under a kernel of {w.shape[2:]} with padding {pairs}"
        raise ShapeError(name, expected="a result of at least one place", got=got, remedy="Give less padding.")
    split = np.reshape(w, (groups, channels // groups, *w.shape[1:]))
    kernels = np.flip(np.swapaxes(split, 1, 2), tuple(range(3, 3 + rank)))
    return _apply(x, kernels, rank, stride=(1,) * rank, padding=around, dilation=dilation, input_dilation=stride)


def _operands(name: str, x: Any, w: Any) -> tuple[Any, Any, int]:
    """Both as nodes of one dtype, and the number of dimensions."""
    x, w = as_node(x), as_node(w)
    rank = w.ndim - 2
    if rank not in (1, 2, 3) or x.ndim < rank + 1 or 0 in w.shape:
        raise ShapeError(
            name,
            expected="x (*batch, channels, *space) and w (features, channels, *kernel) with 1, 2 or 3 axes of space",
            got=f"x {x.shape} and w {w.shape}",
            remedy="Add the axes that are missing; an axis of length 1 will do.",
        )
    dtype = promote(name, x.dtype, w.dtype)
    return cast(x, dtype), cast(w, dtype), rank


def _groups(name: str, groups: Any, count: int, what: str) -> int:
    """The number of groups, which must divide the first axis of the kernels."""
    if not isinstance(groups, (int, np.integer)) or groups < 1 or count % groups:
        expected = f"groups as a divisor of the {count} {what}"
        raise ArgumentError(name, expected=expected, got=f"{groups!r}", remedy="Give a number that splits them evenly.")
    return int(groups)


def _same_padding(spans: Sequence[int], stride: Lengths) -> Padding:
    if max(stride) > 1:
        raise ArgumentError(
            "convolve",
            expected='stride 1 with padding "same"',
            got=f"stride {stride}",
            remedy="Give the padding in numbers.",
        )
    return tuple(((span - 1) // 2, span // 2) for span in spans)


def _apply(x: Any, kernels: Any, rank: int, **parameters: Any) -> Any:
    """Convolve under kernels (groups, features, channels, *kernel): batch axes become one, groups become an axis."""
    batch, space = x.shape[: -rank - 1], x.shape[-rank:]
    parted = np.reshape(x, (math.prod(batch), kernels.shape[0], kernels.shape[2], *space))
    result = convolution(parted, kernels, **parameters)
    return np.reshape(result, (*batch, kernels.shape[0] * kernels.shape[1], *result.shape[3:]))


# ------------------------------------------------------------------------------------------------------- NumPy's own


@reaches(np.correlate)
def _correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    a, v = _sequences("correlate", a, v)
    return _slide("correlate", a, v, mode) if a.size >= v.size else np.flip(_slide("correlate", v, a, mode))


@reaches(np.convolve)
def _convolve_sequences(a: Any, v: Any, mode: str = "full") -> Any:
    a, v = (np.reshape(x, (1,)) if x.ndim == 0 else x for x in (as_node(a), as_node(v)))
    longer, shorter = sorted(_sequences("convolve", a, v), key=lambda x: -x.size)
    return _slide("convolve", longer, np.flip(shorter), mode)


def _sequences(name: str, a: Any, v: Any) -> tuple[Any, Any]:
    a, v = as_node(a), as_node(v)
    if a.ndim != 1 or v.ndim != 1 or not a.size or not v.size:
        remedy = "Ravel them; for several dimensions use chainrule.nn.convolve."
        raise ShapeError(name, expected="two sequences with elements", got=f"{a.shape} and {v.shape}", remedy=remedy)
    dtype = promote(name, a.dtype, v.dtype)
    return cast(a, dtype), cast(v, dtype)


def _slide(name: str, longer: Any, shorter: Any, mode: str) -> Any:
    span = shorter.size
    around = {"valid": (0, 0), "same": (span // 2, span - span // 2 - 1), "full": (span - 1, span - 1)}.get(mode)
    if around is None:
        raise ArgumentError(
            name, expected='mode "full", "same" or "valid"', got=f"{mode!r}", remedy="Choose one of the three."
        )
    kernel = np.reshape(shorter, (1, 1, 1, span))
    return np.reshape(_apply(np.reshape(longer, (1, -1)), kernel, 1, **settings(1, padding=(around,))), (-1,))
