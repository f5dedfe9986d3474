"""Words of the random stream, against NumPy's generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.native.library import philox, philox_word, random_bits
from chainrule.native.library.values import Value
from chainrule.ops.random import philox as operation
from tests.native.library.calling import call, calling, same

TOP = 2**64 - 1
KEYS = ([0, 0], [1, 2], [TOP, TOP], [0x9E3779B97F4A7C15, 3])
COUNTERS = ([0, 0, 0, 0], [3, 4, 5, 6], [TOP - 2, TOP, 7, 8], [TOP, TOP, TOP, 0], [TOP, TOP, TOP, TOP])


def check() -> None:
    """Streams of every length up to a few blocks, counters that carry, and words alone."""
    fill, word = calling(philox), calling(philox_word)
    for key in KEYS:
        for counter in COUNTERS:
            words = [np.array(each, np.uint64) for each in (key, counter)]
            for length in (*range(14), 1003):
                result = np.zeros(length, np.uint64)
                fill(*words, result, length)
                same(result, operation.reference(*words, length=length))
            for place in (0, 1, 2, 3, 4, 1002):
                drawn = word(*words, place)
                assert drawn is not None
                assert drawn & TOP == result[place]


def test_the_stream_is_that_of_numpy() -> None:
    check()


def test_a_long_stream() -> None:
    key, counter, result = np.array([5, 6], np.uint64), np.zeros(4, np.uint64), np.zeros(100_000, np.uint64)
    call(philox, key, counter, result, result.size)
    same(result, operation.reference(key, counter, length=result.size))


def _without_carry(counter: Any, number: Value) -> list[Value]:
    first, *rest = counter
    return [first + (number.as_signed(False) + 1), *rest]


@pytest.mark.parametrize(("name", "fault"), [("_ROUNDS", 9), ("_WEYL", (1, 2)), ("_advanced", _without_carry)])
def test_a_planted_fault_is_caught(monkeypatch: pytest.MonkeyPatch, name: str, fault: Any) -> None:
    monkeypatch.setattr(random_bits, name, fault)
    with pytest.raises(AssertionError):
        check()
