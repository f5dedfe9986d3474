"""Pooling against its definition in loops, ties, NaN, and what is refused."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.ops import pooling
from chainrule.trace.call import apply_function

max_pool, average_pool = partial(apply_function, pooling.max_pool), partial(apply_function, pooling.average_pool)


def pool_by_loops(function, x, window, stride, padding, fill):
    """The last axes of x, padded, and `function` of each window."""
    rank = len(window)
    x = np.pad(x, [(0, 0)] * (x.ndim - rank) + list(padding), constant_values=fill)
    places = [(n - k) // s + 1 for n, k, s in zip(x.shape[-rank:], window, stride, strict=True)]
    result = np.zeros((*x.shape[:-rank], *places))
    for t in np.ndindex(*places):
        part = x[(..., *(slice(i * s, i * s + k) for i, s, k in zip(t, stride, window, strict=True)))]
        result[..., *t] = function(part, tuple(range(-rank, 0)))
    return result


SETTINGS = [
    ((5,), (2,), (2,), ((0, 0),)),
    ((7,), (3,), (1,), ((1, 1),)),
    ((7,), (3,), (4,), ((0, 1),)),
    ((4, 5), (2, 3), (2, 1), ((1, 0), (0, 1))),
    ((3, 4, 4), (2, 2, 1), (1, 2, 3), ((0, 1), (1, 1), (0, 0))),
]


@pytest.mark.parametrize(("space", "window", "stride", "padding"), SETTINGS)
def test_pooling_is_its_definition(space, window, stride, padding):
    x = np.sin(2.3 * np.arange(6 * np.prod(space))).reshape(2, 3, *space)
    options = {"stride": stride, "padding": padding}
    assert np.array_equal(max_pool(x, window, **options), pool_by_loops(np.max, x, window, **options, fill=-np.inf))
    assert np.allclose(average_pool(x, window, **options), pool_by_loops(np.mean, x, window, **options, fill=0))
    expected = pool_by_loops(np.nanmean, x, window, **options, fill=np.nan)
    assert np.allclose(average_pool(x, window, **options, count_include_pad=False), expected)


def test_an_integer_window_pools_all_of_space():
    x = np.arange(32.0).reshape(1, 2, 4, 4)
    assert max_pool(x, 2).tolist() == [[[[5, 7], [13, 15]], [[21, 23], [29, 31]]]]
    assert np.array_equal(max_pool(x, 2), max_pool(x, (2, 2)))
    assert np.array_equal(max_pool(x[0, 0], (2, 2)), max_pool(x, 2)[0, 0])
    assert np.array_equal(average_pool(x, 2), max_pool(x, 2) - 2.5)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_dtypes(dtype):
    x = np.array([0, 3, 1, 2]).astype(dtype)
    assert max_pool(x, (2,), padding=1).dtype == x.dtype
    assert max_pool(x, (2,), padding=1).tolist() == [x[0], x[1], x[3]]
    for options in ({"padding": 1}, {"padding": 1, "count_include_pad": False}):
        assert average_pool(x, (2,), **options).dtype == np.mean(x).dtype


def test_the_least_numbers_are_above_the_padding():
    assert max_pool(np.full(3, -np.inf), (2,), padding=1).tolist() == [-np.inf, -np.inf]
    assert max_pool(np.full(3, -128, np.int8), (2,), padding=1).tolist() == [-128, -128]


def test_equal_maxima_share_the_derivative():
    assert cr.grad(lambda x: np.sum(max_pool(x, (3,))))(np.array([2.0, 2, 1, 0, 0, 0])).tolist() == [
        0.5,
        0.5,
        0,
        *[1 / 3] * 3,
    ]
    edge = cr.grad(lambda x: np.sum(max_pool(x, (3,), padding=1)))(np.array([2.0, 2, 1]))
    assert edge.tolist() == [0.5, 0.5, 0]


def test_nan_stays_in_its_windows():
    x = np.array([1.0, np.nan, 3, 4])
    for function in (max_pool, average_pool):
        assert np.isnan(function(x, (2,))).tolist() == [True, False]


def test_real_elements_alone_make_no_difference_without_padding():
    x = np.arange(6.0)
    assert np.array_equal(average_pool(x, (2,), count_include_pad=False), average_pool(x, (2,)))


def refusal(kind, call) -> ChainruleError:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


@pytest.mark.parametrize(
    ("shape", "window"), [((4, 4), 2), ((1, 1, 2, 2, 2, 2), 2), ((4,), (2, 2)), ((4,), ()), ((), 2)]
)
def test_ranks_that_are_none(shape, window):
    error = refusal(ShapeError, lambda: max_pool(np.zeros(shape), window))
    assert error.operation == "max_pool"
    assert error.got == f"{shape} with window {window!r}"
    assert "tuple" in error.remedy


def test_padding_of_more_than_half_a_window():
    error = refusal(ArgumentError, lambda: average_pool(np.zeros((1, 1, 8)), 3, padding=2))
    assert (error.operation, error.got) == ("average_pool", "((2, 2),)")
    assert error.expected == "padding of at most half the window (3,)"


@pytest.mark.parametrize(("n", "window"), [(2, 5), (0, 2)])
def test_a_window_that_does_not_fit(n, window):
    error = refusal(ShapeError, lambda: max_pool(np.zeros((1, 1, n)), window, padding=1))
    assert (error.expected, error.got) == (f"room for a window of ({window},)", f"({n},) with padding ((1, 1),)")


def test_settings_that_are_none():
    assert refusal(ArgumentError, lambda: max_pool(np.zeros((1, 1, 5)), 0)).got == "0"
    assert refusal(ArgumentError, lambda: max_pool(np.zeros((1, 1, 5)), 2, stride=-1)).got == "-1"
    assert refusal(ArgumentError, lambda: max_pool(np.zeros((1, 1, 5)), 2, padding="same")).got == "'same'"
