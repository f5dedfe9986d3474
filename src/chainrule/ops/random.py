"""Random bits: Philox4x64-10, which computes the n-th number of a stream without the ones before it.

Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC '11. A key names a stream and a counter
a place in it, so the same key and counter give the same numbers wherever and in whatever order they are computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.graph import Evaluated, Flat, Operation, Routine, Sample
from chainrule.types import ArrayType, broadcast_shapes

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # the golden ratio, and the square root of 3 less 1
_WORD = 2**64


def _infer(key: ArrayType, counter: ArrayType, *, length: int) -> ArrayType:
    if key.dtype != np.uint64 or counter.dtype != np.uint64:
        raise DtypeError(
            "philox",
            expected="a key and a counter of uint64",
            got=f"{key} and {counter}",
            remedy="Make a key with chainrule.random.key(seed).",
        )
    if key.shape[-1:] != (2,) or counter.shape[-1:] != (4,):
        raise ShapeError(
            "philox",
            expected="a key of 2 words and a counter of 4",
            got=f"{key} and {counter}",
            remedy="Make a key with chainrule.random.key(seed), and use vmap for many keys.",
        )
    if length < 0:
        raise ArgumentError(
            "philox", expected="a length of at least 0", got=f"{length}", remedy="Ask for 0 or more words."
        )
    return ArrayType((*broadcast_shapes("philox", key.shape[:-1], counter.shape[:-1]), length), key.dtype)


def _each(stream: Callable[[Any, Any, int], Any], dtype: Any) -> Callable[..., Any]:
    """A function of one key and one counter as a function of arrays of them."""

    def each(key: Any, counter: Any, *, length: int) -> Any:
        lead = np.broadcast_shapes(key.shape[:-1], counter.shape[:-1])
        keys, counters = np.broadcast_to(key, (*lead, 2)), np.broadcast_to(counter, (*lead, 4))
        result = np.empty((*lead, length), dtype)
        for index in np.ndindex(lead):
            result[index] = stream(keys[index], counters[index], length)
        return result

    return each


def _raw_stream(key: Any, counter: Any, length: int) -> Any:
    return np.random.Philox(key=key, counter=counter).random_raw(length)


def _exact_stream(key: Any, counter: Any, length: int) -> Any:
    """The definition over Python's integers. As in NumPy, the first block is that of the counter plus 1."""
    start = sum(int(word) << (64 * k) for k, word in enumerate(counter))
    words: list[int] = []
    while len(words) < length:
        start += 1
        words += _block([int(word) for word in key], [start >> (64 * k) & (_WORD - 1) for k in range(4)])
    result = np.empty(length, object)
    result[:] = [Fraction(word) for word in words[:length]]
    return result


def _block(key: list[int], counter: list[int]) -> list[int]:
    """Four random words: ten rounds that multiply two words of the counter and mix the halves into the others."""
    a, b, c, d = counter
    for turn in range(_ROUNDS):
        k0, k1 = ((word + turn * step) % _WORD for word, step in zip(key, _WEYL, strict=True))
        high0, low0 = divmod(_MULTIPLIERS[0] * a, _WORD)
        high1, low1 = divmod(_MULTIPLIERS[1] * c, _WORD)
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
    return [a, b, c, d]


def _batch(operands: Sequence[Any], batched: Sequence[bool], size: int, *, length: int) -> Any:
    rank = max(operand.ndim - has for operand, has in zip(operands, batched, strict=True))

    def aligned(operand: Any) -> Any:
        gap = rank + 1 - operand.ndim
        return np.reshape(operand, (size, *(1,) * gap, *operand.shape[1:]))

    return philox(*(aligned(x) if has else x for x, has in zip(operands, batched, strict=True)), length=length)


def _words(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


def _streams(key: Any, counter: Any, *, length: int) -> tuple[int, int] | None:
    """(streams, the length of each) where each has a key and a counter of its own, None where they are broadcast."""
    return (math.prod(key.shape[:-1]), length) if key.shape[:-1] == counter.shape[:-1] else None


philox = Operation(
    name="philox",
    infer=_infer,
    reference=_each(_raw_stream, np.uint64),
    exact=_each(_exact_stream, object),
    derivative=Flat(),
    batch=_batch,
    lowering=Routine("philox", _streams, Evaluated()),
    latex=r"\operatorname{{Philox}}({0}, {1})",
    samples=lambda: [
        Sample(_words(1, 2), _words(3, 4, 5, 6), length=5),
        Sample(_words(_WORD - 1, 0), _words(_WORD - 1, _WORD - 1, _WORD - 1, _WORD - 1), length=8),
        Sample(_words(1, 2, 3, 4).reshape(2, 2), _words(0, _WORD - 1, 0, 0), length=3),
        Sample(_words(0, 0), _words(0, 0, 0, 0), length=0),
    ],
    rejects=lambda: [
        Sample(np.zeros(2), _words(0, 0, 0, 0), length=1, words="float64[2]"),
        Sample(_words(0, 0, 0), _words(0, 0, 0, 0), length=1, words="uint64[3]"),
        Sample(_words(0, 0), _words(0, 0), length=1, words="uint64[2] and uint64[2]"),
        Sample(_words(0, 0), _words(0, 0, 0, 0), length=-1, words="got -1"),
    ],
)
"""key (..., 2) and counter (..., 4), words of uint64 with the lowest first: `length` words of the stream (..., length).

It is that of `numpy.random.Philox(key=key, counter=counter).random_raw(length)`."""
