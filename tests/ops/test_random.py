"""Philox against numpy.random.Philox, and its two meanings against each other, over keys, counters and lengths."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from chainrule.derive import batch
from chainrule.evaluate import evaluate, to_fractions
from chainrule.graph import Graph, Input
from chainrule.ops.random import philox
from chainrule.types import ArrayType

LAST = 2**64 - 1
KEYS = [(0, 0), (1, 0), (0, 1), (LAST, LAST), (0x0123456789ABCDEF, 0xFEDCBA9876543210)]
COUNTERS = [(0, 0, 0, 0), (LAST, 0, 0, 0), (LAST, LAST, LAST, 0), (LAST, LAST, LAST, LAST), (1, 2, 3, 4)]


def words(*values) -> np.ndarray:
    return np.array(values, np.uint64)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("counter", COUNTERS)
def test_the_stream_is_that_of_numpy(key, counter):
    expected = np.random.Philox(key=words(*key), counter=words(*counter)).random_raw(13).tolist()
    for length in range(14):
        reference = philox.reference(words(*key), words(*counter), length=length)
        exact = philox.exact(to_fractions(words(*key)), to_fractions(words(*counter)), length=length)
        assert reference.dtype == np.uint64
        assert reference.tolist() == exact.tolist() == expected[:length]
        assert all(isinstance(word, Fraction) for word in exact)


def test_the_published_numbers():
    """The known answers of Random123 for philox4x64-10; NumPy's first block is that of the counter plus 1."""
    before = words(LAST, LAST, LAST, LAST)
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox.reference(words(0, 0), before, length=4).tolist() == expected
    assert philox.exact(to_fractions(words(0, 0)), to_fractions(before), length=4).tolist() == expected


def test_leading_axes_are_streams_of_their_own():
    keys, counters = words(*range(12)).reshape(3, 2, 2), words(*range(8)).reshape(2, 4)
    result = philox.reference(keys, counters, length=5)
    assert result.shape == (3, 2, 5)
    for i, j in np.ndindex(3, 2):
        assert np.array_equal(result[i, j], philox.reference(keys[i, j], counters[j], length=5))
    assert philox.reference(keys[:0], counters, length=5).shape == (0, 2, 5)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_batching_twice_over_different_operands(order):
    keys, counters = words(*range(6)).reshape(3, 2), words(*range(8)).reshape(2, 4)
    values = [keys, counters]
    inputs = [Input(ArrayType.of(keys[0])), Input(ArrayType.of(counters[0]))]
    node = philox(*inputs, length=5)
    sizes = [3, 2]
    for k in order:
        wider = list(inputs)
        wider[k] = Input(ArrayType.of(values[k]))
        (node,) = batch([node], inputs, wider, [k == 0, k == 1], sizes[k])
        inputs = wider
    (result,) = evaluate(Graph(inputs, [node]), *values)
    assert result.shape == (*(sizes[k] for k in reversed(order)), 5)
    for i, j in np.ndindex(3, 2):
        place = (j, i) if order == (0, 1) else (i, j)
        assert np.array_equal(result[place], philox.reference(keys[i], counters[j], length=5))
