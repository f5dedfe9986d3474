"""The public draws: their streams, their distributions, their derivatives, and what they refuse."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule import random
from chainrule.errors import ArgumentError, AxisError, ChainruleError, DtypeError, ShapeError
from chainrule.graph import constant

KEY = random.key(2024)
MANY = 40_000


# ------------------------------------------------------------------------------------------------------------ keys


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1, 2**64, 2**128 - 1, np.int8(5), np.uint64(2**64 - 1)])
def test_a_key_is_that_of_numpy_for_the_seed(seed):
    key = random.key(seed)
    assert (key.shape, key.dtype) == ((2,), np.uint64)
    assert random.bits(key, 5).tolist() == np.random.Philox(key=int(seed)).random_raw(5).tolist()


def test_keys_of_many_seeds():
    seeds = np.array([[3, 4], [5, -1]])
    keys = random.key(seeds)
    assert keys.tolist() == [[[3, 0], [4, 0]], [[5, 0], [2**64 - 1, 0]]]
    assert cr.jit(random.key)(7).tolist() == [7, 0]
    assert cr.vmap(random.key)(seeds[0]).tolist() == [[3, 0], [4, 0]]


def test_split_and_fold_in_give_streams_of_their_own():
    children = [
        KEY,
        *random.split(KEY, 50),
        *(random.fold_in(KEY, k) for k in range(50)),
        *random.split(random.split(KEY)[0]),
    ]
    drawn = np.concatenate([random.bits(child, 200) for child in children])
    assert len(set(drawn.tolist())) == drawn.size
    uniform = np.stack([random.uniform(child, 2000) for child in children])
    correlations = np.corrcoef(uniform) - np.eye(len(children))
    assert np.abs(correlations).max() < 6 / math.sqrt(2000)


def test_what_one_key_leads_to_is_all_distinct():
    parts = [random.bits(KEY, 64), random.split(KEY, 32).ravel(), *(random.fold_in(KEY, k) for k in range(32))]
    words = np.concatenate(parts).tolist()
    assert len(set(words)) == len(words)


def test_split_gives_the_same_keys_however_many():
    assert np.array_equal(random.split(KEY, 7)[:2], random.split(KEY))
    assert random.split(KEY, 0).shape == (0, 2)


def test_fold_in_takes_a_traced_number():
    steps = np.array([0, 1, -1, 2**62])
    many = cr.vmap(lambda step: random.fold_in(KEY, step))(steps)
    assert many.tolist() == [random.fold_in(KEY, int(step)).tolist() for step in steps]
    assert len({tuple(key) for key in many.tolist()}) == 4


def test_the_same_key_gives_the_same_numbers_and_prefixes():
    for draw in (random.bits, random.uniform):
        assert np.array_equal(draw(KEY, 9), draw(KEY, 9))
        assert np.array_equal(draw(KEY, 9)[:4], draw(KEY, 4))
        assert np.array_equal(draw(KEY, (3, 3)).ravel(), draw(KEY, 9))


@pytest.mark.parametrize("shape", [(), 5, (5,), [2, 3], (2, 0), (1, 2, 3)])
def test_shapes(shape):
    expected = np.zeros(shape).shape
    p = np.ones(3) / 3
    draws = [
        random.bits(KEY, shape), random.uniform(KEY, shape), random.normal(KEY, shape),
        random.bernoulli(KEY, 0.5, shape), random.integers(KEY, 0, 3, shape), random.categorical(KEY, p, shape=shape),
    ]  # fmt: skip
    assert [draw.shape for draw in draws] == [expected] * len(draws)
    assert [draw.dtype.name for draw in draws] == ["uint64", "float64", "float64", "bool", "int64", "int64"]


def test_results_are_the_callers_own():
    draw = random.uniform(KEY, 4)
    draw[0] = 7
    assert random.uniform(KEY, 4)[0] != 7
    assert isinstance(random.uniform(KEY), np.float64)


# --------------------------------------------------------------------------------------------------- distributions


def far_from(sample: np.ndarray, distribution) -> float:
    """Kolmogorov and Smirnov's distance of a sample from a distribution, times the root of its size."""
    x = np.sort(sample.astype(np.float64))
    p = np.vectorize(distribution)(x)
    steps = np.arange(len(x) + 1) / len(x)
    return math.sqrt(len(x)) * max(np.max(p - steps[:-1]), np.max(steps[1:] - p))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform(dtype):
    sample = random.uniform(KEY, MANY, dtype)
    assert sample.dtype == dtype
    assert sample.min() >= 0
    assert sample.max() < 1
    assert far_from(sample, lambda x: x) < 2  # met with probability below 0.001
    raw = np.random.Philox(key=2024).random_raw(MANY)
    bits = 53 if dtype == np.float64 else 24
    assert [int(x) for x in np.ldexp(sample.astype(float), bits)] == [int(word) >> (64 - bits) for word in raw]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal(dtype):
    sample = random.normal(KEY, MANY, dtype)
    assert sample.dtype == dtype
    assert far_from(sample, lambda x: 0.5 * math.erfc(-x / math.sqrt(2))) < 2
    assert abs(np.corrcoef(sample[: MANY // 2], sample[MANY // 2 :])[0, 1]) < 0.03  # the two of a pair


def test_normal_of_an_odd_number_is_part_of_the_next_even():
    assert random.normal(KEY, 7).tolist() == random.normal(KEY, 8)[:7].tolist()


def test_bernoulli():
    p = np.array([0.0, 0.25, 0.5, 1.0])
    sample = random.bernoulli(KEY, p, (MANY, 4))
    assert np.allclose(sample.mean(axis=0), p, atol=4 * 0.5 / math.sqrt(MANY))
    assert not sample[:, 0].any()
    assert sample[:, 3].all()
    assert random.bernoulli(KEY, p).shape == (4,)


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [
        (0, 7, np.int64),
        (-3, 4, np.int8),
        (0, 256, np.uint8),
        (-(2**63), 2**63 - 1, np.int64),
        (5, 2**64, np.uint64),
        (2**40, 2**40 + 5, np.int64),
    ],
)
def test_integers(low, high, dtype):
    sample = random.integers(KEY, low, high, MANY, dtype)
    assert sample.dtype == dtype
    raw = np.random.Philox(key=2024).random_raw(200)
    assert [int(x) for x in sample[:200]] == [low + (int(word) * (high - low) >> 64) for word in raw]
    if high - low < 300:
        counts = np.bincount(sample.astype(int) - low, minlength=high - low)
        expected = MANY / (high - low)
        chi_squared = np.sum((counts - expected) ** 2) / expected
        assert chi_squared < (high - low) + 4 * math.sqrt(2 * (high - low)) + 8


def test_integers_with_bounds_of_arrays():
    low, high = np.array([[0], [-5]]), np.array([1, 3, 10])
    sample = random.integers(KEY, low, high, (200, 2, 3))
    assert np.all(sample >= low)
    assert np.all(sample < high)
    assert np.array_equal(sample.min(axis=0), np.broadcast_to(low, (2, 3)))
    assert np.array_equal(sample.max(axis=0), np.broadcast_to(high - 1, (2, 3)))
    traced = cr.jit(lambda low, high: random.integers(KEY, low, high, (200, 2, 3)))(low, high)
    assert np.array_equal(traced, sample)


def test_permutation():
    order = random.permutation(KEY, 100)
    assert sorted(order.tolist()) == list(range(100))
    x = np.arange(200.0).reshape(2, 100)
    assert np.array_equal(random.permutation(KEY, x, axis=-1), x[:, order])
    assert random.permutation(KEY, 0).shape == (0,)
    firsts = [int(random.permutation(key, 5)[0]) for key in random.split(KEY, 1000)]
    assert np.bincount(firsts).min() > 140


def test_categorical():
    p = np.array([[0.1, 0.2, 0.7], [0.5, 0.0, 0.5]])
    with np.errstate(divide="ignore"):
        logits = np.log(p)
    sample = random.categorical(KEY, logits, shape=(MANY, 2))
    for row in range(2):
        assert np.allclose(np.bincount(sample[:, row], minlength=3) / MANY, p[row], atol=0.012)
    assert not np.any(sample[:, 1] == 1)
    assert np.array_equal(random.categorical(KEY, logits.T, axis=0), random.categorical(KEY, logits))
    assert random.categorical(KEY, np.array([0, 0], np.int8), shape=3).shape == (3,)


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_the_extreme_words(monkeypatch, word):
    monkeypatch.setattr(random, "_bits", lambda key, shape: constant(np.full(shape, word, np.uint64)))
    for dtype in (np.float32, np.float64):
        sample = random.normal(KEY, 2, dtype)
        assert np.isfinite(sample).all()
        assert np.abs(sample).max() < 8.6
        assert 0 <= random.uniform(KEY, 1, dtype)[0] < 1
    assert random.bernoulli(KEY, np.array([0.0, 1.0])).tolist() == [False, True]
    assert random.categorical(KEY, np.array([0.0, 1.0, 0.0])) == 1
    assert random.integers(KEY, -3, 4) == (-3 if word == 0 else 3)


# -------------------------------------------------------------------------------------------------- transformations


def draws(key):
    return (
        random.uniform(key, 3), random.normal(key, (1, 3), np.float32), random.bernoulli(key, 0.5, 3),
        random.integers(key, 0, 9, 3), random.permutation(key, 4), random.categorical(key, np.zeros(3), shape=3),
        random.split(key), random.fold_in(key, 3), random.bits(key, 2),
    )  # fmt: skip


def test_traced_draws_are_the_eager_ones():
    """Machine code rounds logarithm and cosine otherwise than NumPy, by which eager draws are made."""
    for seed in range(5):
        key = random.key(seed)
        for traced, eager in zip(cr.jit(draws)(key), draws(key), strict=True):
            assert traced.dtype == eager.dtype
            if eager.dtype.kind == "f":
                np.testing.assert_array_max_ulp(traced, eager, 8)
            else:
                assert np.array_equal(traced, eager)


def test_vmap_over_keys_is_a_loop():
    """To the bit, by the evaluator or by machine code."""
    keys = random.split(KEY, 3)
    for k, key in enumerate(keys):
        for many, one in zip(cr.vmap(draws)(keys), cr.jit(draws)(key), strict=True):
            assert np.array_equal(many[k], one)


def test_draws_under_scan():
    def step(key, _):
        key, now = random.split(key)
        return key, random.uniform(now)

    _, sample = cr.scan(step, KEY, None, length=5)
    key = KEY
    for value in sample:
        key, now = random.split(key)
        assert value == random.uniform(now)


def test_draws_are_differentiable_in_location_and_scale():
    low, high = np.array([0.0, 1, 2]), np.array([3.0, 5, 2.5])
    unit, standard = random.uniform(KEY, 3), random.normal(KEY, 3)
    by_low, by_high = cr.grad(lambda low, high: np.sum(random.uniform(KEY, low=low, high=high)), argnums=(0, 1))(
        low, high
    )
    assert np.allclose(by_low, 1 - unit)
    assert np.allclose(by_high, unit)
    by_mean, by_scale = cr.grad(
        lambda mean, scale: np.sum(random.normal(KEY, 3, mean=mean, scale=scale)), argnums=(0, 1)
    )(low, 2.0)
    assert np.allclose(by_mean, 1)
    assert np.isclose(by_scale, standard.sum())
    x = np.arange(4.0)
    assert (
        cr.grad(lambda x: random.permutation(KEY, x)[0])(x).tolist()
        == (np.arange(4) == random.permutation(KEY, 4)[0]).tolist()
    )


# ---------------------------------------------------------------------------------------------------------- refusals


def refusal(kind, call) -> ChainruleError:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("seed", [-1, 2**128])
def test_seeds_that_are_none(seed):
    error = refusal(ArgumentError, lambda: random.key(seed))
    assert (error.operation, error.got) == ("key", str(seed))


def test_numbers_that_are_not_integers():
    assert refusal(DtypeError, lambda: random.key(1.5)).got == "float64"
    assert refusal(DtypeError, lambda: random.fold_in(KEY, np.ones(()))).operation == "fold_in"
    assert refusal(DtypeError, lambda: random.integers(KEY, 0.0, 3)).expected == "integers as bounds"
    assert refusal(DtypeError, lambda: cr.jit(lambda low: random.integers(KEY, low, 3))(0.0)).got == "float64"
    assert refusal(DtypeError, lambda: random.integers(KEY, 0, 3, dtype=float)).got == "float64"
    assert refusal(DtypeError, lambda: random.uniform(KEY, dtype=int)).got == "int64"


@pytest.mark.parametrize("key", [0, np.zeros(2), np.zeros(3, np.uint64), np.zeros((4, 2), np.uint64)])
def test_keys_that_are_none(key):
    error = refusal(ArgumentError, lambda: random.uniform(key))
    assert error.expected == "a key, uint64[2]"
    assert str(list(np.shape(key))) in error.got
    assert "chainrule.random.key(seed)" in error.remedy


@pytest.mark.parametrize("shape", [-1, (2, -1), 1.5, "a"])
def test_shapes_that_are_none(shape):
    assert refusal(ArgumentError, lambda: random.uniform(KEY, shape)).got == repr(shape)


def test_parameters_that_do_not_broadcast_to_the_shape():
    error = refusal(ShapeError, lambda: random.uniform(KEY, (), low=np.zeros(3)))
    assert (error.operation, error.got) == ("uniform", "shape () for parameters of shape (3,)")
    refusal(ShapeError, lambda: random.normal(KEY, (3, 1), mean=np.zeros(2)))
    refusal(ShapeError, lambda: random.normal(KEY, mean=np.zeros(2), scale=np.zeros(3)))


@pytest.mark.parametrize(
    ("low", "high", "dtype"),
    [(3, 3, np.int64), (0, 2**64, np.uint64), (-1, 3, np.uint8), (0, 257, np.uint8), (np.array([0, 5]), 4, np.int64)],
)
def test_bounds_that_are_none(low, high, dtype):
    error = refusal(ArgumentError, lambda: random.integers(KEY, low, high, dtype=dtype))
    assert error.got == f"low={low!r} and high={high!r}"
    assert np.dtype(dtype).name in error.expected


def test_axes_that_are_none():
    refusal(AxisError, lambda: random.permutation(KEY, np.zeros((2, 2)), axis=2))
    refusal(AxisError, lambda: random.categorical(KEY, np.zeros(())))
    assert refusal(ShapeError, lambda: random.categorical(KEY, np.zeros((2, 0)))).got == "logits (2, 0)"
