"""Windows and their sum, and the settings that convolution and pooling share."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.ops.window import overlap_add, padding_pairs, per_dimension, slide_lengths, windows


def test_windows_are_those_of_numpy():
    x = np.arange(60.0).reshape(3, 4, 5)
    expected = np.lib.stride_tricks.sliding_window_view(x, (2, 3), axis=(1, 2))[:, ::2, ::1]
    assert np.array_equal(windows.reference(x, window=(2, 3), stride=(2, 1)), expected)


def test_windows_of_an_array_that_is_not_contiguous():
    x = np.arange(40.0).reshape(4, 10)[::2, ::-3]
    assert np.array_equal(windows.reference(x, window=(2,), stride=(2,)), [[[9, 6], [3, 0]], [[29, 26], [23, 20]]])


def test_overlap_add_counts_how_often_an_element_is_met():
    ones = np.ones((3, 2))
    assert overlap_add.reference(ones, lengths=(4,), stride=(1,)).tolist() == [1, 2, 2, 1]
    assert overlap_add.reference(np.ones((2, 2)), lengths=(6,), stride=(3,)).tolist() == [1, 1, 0, 1, 1, 0]


def test_a_kernel_that_finds_no_place():
    assert slide_lengths((2, 0, 2), (3, 1, 1), (1, 1, 5), ((0, 0),) * 3, (1, 1, 1), (1, 1, 1)) == (0, 0, 1)


@pytest.mark.parametrize(("value", "expected"), [(2, (2, 2)), ((1, 3), (1, 3)), ([1, np.int64(3)], (1, 3))])
def test_a_setting_stands_for_all_dimensions_or_each(value, expected):
    assert per_dimension("f", "stride", value, 2, 1) == expected


@pytest.mark.parametrize("value", [0, (1,), (1, 2, 3), (1, 0), 1.5, (1, None), "same"])
def test_a_setting_that_is_none(value):
    with pytest.raises(ArgumentError) as caught:
        per_dimension("max_pool", "stride", value, 2, 1)
    assert caught.value.operation == "max_pool"
    assert caught.value.expected == "stride as an integer of at least 1, or 2 of them"
    assert caught.value.got == repr(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, ((1, 1), (1, 1))),
        ((0, 2), ((0, 0), (2, 2))),
        (((0, 2), 1), ((0, 2), (1, 1))),
        ([[1, 2], [3, 4]], ((1, 2), (3, 4))),
    ],
)
def test_padding_as_pairs(value, expected):
    assert padding_pairs("f", value, 2) == expected


@pytest.mark.parametrize("value", [-1, (1,), (1, 2, 3), ((1, -1), 0), ((1, 2, 3), 0), 0.5, "full", None])
def test_padding_that_is_none(value):
    with pytest.raises(ArgumentError, match="a pair for each of the 2 dimensions") as caught:
        padding_pairs("convolve", value, 2)
    assert caught.value.got == repr(value)
