"""Windows and their sum, and the settings that convolution and pooling share."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.lower.expand import expand
from chainrule.ops.window import overlap_add, padding_pairs, per_dimension, slide_lengths, windows
from chainrule.trace import traceable
from tests.lower.running import compare, graph_of, numbers


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


# ------------------------------------------------------------------------------------------------------- side by side


def lowered(function, *args) -> set[str]:
    """The names of the operations that kernels are made of."""
    return {node.operation.name for node in expand(graph_of(function, *args)).nodes if node.operation is not None}


SIDES = [
    ((12,), (3,)), ((2, 12), (4,)), ((2, 3, 4, 6), (2, 3)), ((2, 4, 6, 8), (4, 2, 2)), ((3, 5), (1,)), ((2, 6), (6,)),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "window"), SIDES)
def test_windows_side_by_side_are_reshapes(shape, window):
    x = numbers(*shape, dtype=np.float64)
    function = traceable(lambda x: windows(x, window=window, stride=window))
    assert "windows" not in lowered(function, x)
    compare(function, x)
    lead = len(shape) - len(window)
    back = traceable(lambda g: overlap_add(g, lengths=shape[lead:], stride=window))
    g = windows.reference(x, window=window, stride=window)
    np.testing.assert_array_equal(overlap_add.reference(g, lengths=shape[lead:], stride=window), x)
    assert "overlap_add" not in lowered(back, g)
    compare(back, g)
    assert not {"windows", "overlap_add"} & lowered(cr.grad(lambda x: np.sum(function(x) ** 3)), x)
    compare(cr.grad(lambda x: np.sum(function(x) ** 3)), x)


@pytest.mark.parametrize(
    ("shape", "window"), [((13,), (3,)), ((2, 5, 7), (2, 3)), ((3, 5, 5, 4), (2, 4, 3)), ((2, 7), (4,)), ((2, 4), (4,))]
)
def test_what_is_left_over_beside_windows_is_cut_off(shape, window):
    x = numbers(*shape, dtype=np.float64)
    function = traceable(lambda x: windows(x, window=window, stride=window))
    assert "windows" not in lowered(function, x)
    compare(function, x)
    compare(cr.grad(lambda x: np.sum(function(x) ** 3)), x)  # what is cut off has a gradient of 0


@pytest.mark.parametrize(("window", "stride"), [((3,), (1,)), ((2,), (3,)), ((3,), (2,)), ((1,), (2,))])
def test_windows_that_meet_or_leave_gaps_are_no_reshapes(window, stride):
    x = numbers(2, 12, dtype=np.float64)
    function = traceable(lambda x: windows(x, window=window, stride=stride))
    assert "windows" in lowered(function, x)
    compare(function, x)
    assert "overlap_add" in lowered(cr.grad(lambda x: np.sum(function(x) ** 3)), x)
    compare(cr.grad(lambda x: np.sum(function(x) ** 3)), x)


def test_windows_of_which_one_axis_alone_is_side_by_side():
    x = numbers(2, 6, 6, dtype=np.float64)
    function = traceable(lambda x: windows(x, window=(2, 2), stride=(2, 1)))
    assert "windows" in lowered(function, x)
    compare(cr.grad(lambda x: np.sum(function(x) ** 3)), x)


@pytest.mark.parametrize("size", [2, (1, 2), (3, 2), (5, 5)])
@pytest.mark.parametrize("pool", [cr.nn.max_pool, cr.nn.average_pool])
def test_pools_side_by_side(pool, size):
    x = numbers(2, 3, 7, 5, dtype=np.float64)
    compare(lambda x: pool(np.tanh(x), size) * 2, x)
    compare(cr.grad(lambda x: np.sum(pool(np.tanh(x), size) ** 2)), x)
    compare(cr.vmap(lambda x: pool(x[None], size)), x)
