"""Splits: exact parts, each class learned from, the same for the same seed."""

from __future__ import annotations

import numpy as np
import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import ArgumentError, DataError, ShapeError
from chainrule.train.split import split_rows


def is_partition(n, learn, test) -> bool:
    """Whether two parts are sorted, not empty, and hold each row once."""
    ascending = all(np.all(np.diff(part) > 0) and len(part) for part in (learn, test))
    return ascending and sorted([*learn.tolist(), *test.tolist()]) == list(range(n))


@given(st.integers(2, 200), st.floats(0.001, 0.999), st.integers(0, 2**70))
def test_the_parts_hold_each_row_once_and_in_proportion(n, fraction, seed):
    learn, test = split_rows(n, fraction, seed)
    assert is_partition(n, learn, test)
    assert abs(len(test) - n * fraction) <= 0.5 or len(test) in (1, n - 1)
    assert learn.dtype == test.dtype == np.intp


@given(st.lists(st.sampled_from("abcd"), min_size=2, max_size=80), st.floats(0.01, 0.99), st.integers(0, 99))
def test_each_class_is_learned_from_and_held_out_in_proportion(strata, fraction, seed):
    sizes = {name: strata.count(name) for name in set(strata)}
    if max(sizes.values()) < 2:
        return
    learn, test = split_rows(len(strata), fraction, seed, strata)
    assert is_partition(len(strata), learn, test)
    learned = {strata[row] for row in learn}
    assert learned == set(strata)
    most = sum(size - 1 for size in sizes.values())
    assert len(test) == np.clip(np.rint(len(strata) * fraction), 1, most)
    if all(np.ceil(size * fraction) <= size - 1 for size in sizes.values()) and len(test) > 1:
        for name, size in sizes.items():
            assert abs(sum(strata[row] == name for row in test) - size * fraction) <= 1


def test_equal_arguments_give_equal_parts_and_other_seeds_others():
    first, again, other = (split_rows(100, 0.2, seed)[1].tolist() for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_the_parts_of_a_seed_stay_the_same_for_ever():
    """Golden: a model file tells the seed, and its scores must be checkable later."""
    assert split_rows(12, 0.25, 0)[1].tolist() == [0, 8, 9]
    assert split_rows(12, 0.25, 0, [0] * 8 + [1] * 4)[1].tolist() == [0, 3, 8]


def test_the_order_is_that_of_the_generator_named():
    uniform = np.random.Generator(np.random.Philox(7)).random(10)
    assert split_rows(10, 0.3, 7)[1].tolist() == sorted(np.argsort(uniform)[:3].tolist())


@pytest.mark.parametrize(
    ("strata", "fraction", "held"),
    [
        ("aaaaaaaabb", 0.2, {"a": 2, "b": 0}),  # 1.6 and 0.4: two rows by largest remainders
        ("aaaabbbb", 0.5, {"a": 2, "b": 2}),
        ("aabb", 0.9, {"a": 1, "b": 1}),  # one of each is kept to learn from
        ("aaab", 0.5, {"a": 2, "b": 0}),
        ("aaaabbbbcc", 0.3, {"a": 1, "b": 1, "c": 1}),
        ("aaaaaaabb", 0.75, {"a": 6, "b": 1}),
    ],
)
def test_shares_of_classes(strata, fraction, held):
    _, test = split_rows(len(strata), fraction, 5, list(strata))
    assert {name: sum(strata[row] == name for row in test) for name in held} == held


def test_a_class_seen_once_is_learned_from():
    for seed in range(20):
        learn, _ = split_rows(5, 0.5, seed, ["a", "a", "b", "a", "a"])
        assert 2 in learn


def test_strata_may_be_a_column_or_an_array():
    labels = ["x", "y", "x", "y", "x", "y"]
    parts = [split_rows(6, 0.4, 3, strata)[1].tolist() for strata in (labels, np.array(labels), polars.Series(labels))]
    assert parts[0] == parts[1] == parts[2]


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan"), "0.2", None])
def test_a_fraction_outside_0_to_1(fraction):
    with pytest.raises(ArgumentError) as caught:
        split_rows(10, fraction, 0)
    assert caught.value.expected == "a fraction of the rows to hold out, between 0 and 1"
    assert caught.value.got == repr(fraction)


@pytest.mark.parametrize("seed", [-1, 1.5, None, "0"])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ArgumentError) as caught:
        split_rows(10, 0.2, seed)
    assert caught.value.expected == "an integer seed from 0"
    assert caught.value.got == repr(seed)


@pytest.mark.parametrize("n", [-3, 0, 1])
def test_too_few_rows(n):
    with pytest.raises(DataError) as caught:
        split_rows(n, 0.2, 0)
    assert caught.value.expected == "at least two rows"
    assert caught.value.got == str(n)


def test_classes_of_one_row_each():
    with pytest.raises(DataError) as caught:
        split_rows(3, 0.2, 0, ["a", "b", "c"])
    assert caught.value.expected == "at least two rows of some class"
    assert caught.value.got == "3 in 3 classes"


def test_strata_of_another_length():
    with pytest.raises(ShapeError) as caught:
        split_rows(3, 0.2, 0, ["a", "b"])
    assert "(3,)" in caught.value.expected
    assert caught.value.got == "(2,)"
