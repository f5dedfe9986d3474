"""Indices as sums."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from chainrule.loops import Index, apply, buffer, constant
from chainrule.loops.affine import ZERO, Affine, address, address_of, affine, digits, uses

P, J, K = Index("i"), Index("j"), Index("k")
N = buffer("n", (7,), np.int64)
X = buffer("x", (4, 5, 6), np.float32)

FORMS = [
    (constant(7, np.int64), 7, {}, 0),
    (P, 0, {P: 1}, 0),
    (P + J, 0, {P: 1, J: 1}, 0),
    (P - J, 0, {P: 1, J: -1}, 0),
    (P - P, 0, {}, 0),
    (3 - P, 3, {P: -1}, 0),
    ((P + 2) * 3 - 1, 5, {P: 3}, 0),
    (3 * (J - (P - 2)), 6, {P: -3, J: 3}, 0),
    (P * 2 + P * 3, 0, {P: 5}, 0),
    (P * J, 0, {}, 1),
    (N[P] * 4 + P, 0, {P: 1}, 1),
    (N[P] - N[P], 0, {}, 0),
    (P / 2, 0, {}, 1),
    (-P, 0, {}, 1),
    (apply("minimum", P, 3) * 2 + J, 0, {J: 1}, 1),
]


@pytest.mark.parametrize(("scalar", "number", "indices", "others"), FORMS, ids=lambda one: str(one)[:20])
def test_forms(scalar, number, indices, others):
    found = affine(scalar)
    assert (found.constant, found.indices, len(found.others)) == (number, indices, others)


def test_factors_of_what_is_no_index():
    found = affine(N[P] * 4 - N[J])
    assert found.others == {N[P]: 4, N[J]: -1}


def test_an_address_counts_elements():
    found = address((P, 2 * J + 1, K), X.shape)
    assert (found.constant, found.indices) == (6, {P: 30, J: 12, K: 1})
    strides = np.empty(X.shape, np.int8).strides
    for place in itertools.product(range(4), range(2), range(6)):
        value = found.constant + sum(found.indices[index] * k for index, k in zip((P, J, K), place, strict=True))
        assert value == place[0] * strides[0] + (2 * place[1] + 1) * strides[1] + place[2]
    assert address((), ()) == ZERO
    assert address_of(X[P, J, 5]) == Affine(5, {P: 30, J: 6}, {})
    assert address_of(X[0, N[P], J]).others == {N[P]: 6}


def test_sums_and_multiples():
    one, other = affine(P * 2 + 1), affine(J - P + 3)
    assert one.plus(other) == Affine(4, {P: 1, J: 1}, {})
    assert one.plus(other, 2) == Affine(7, {J: 2}, {})
    assert one.plus(one, -1) == ZERO


def test_what_an_expression_depends_on():
    known = {}
    assert uses(X[P, N[J], 3] * 2, known) == {P, J}
    assert known[N[J]] == {J}
    assert uses(constant(1, np.int64), known) == frozenset()
    assert uses(P, known) == {P}


DIGITS = [
    (P * 2 + J, (14, 2), {P: 14, J: 2}),
    (P * 6 + J * 2 + K, (4, 3, 2), {P: 4, J: 3, K: 2}),
    (P * 4 + J * 2 + K, (5, 4), {P: 5, J: 2, K: 2}),
    (J + P * 3 + 12, (9, 3), {P: 5, J: 3}),
    (J + 1, (1, 9), {J: 8}),
    (P * 10 + J * 5, (4, 2, 5), {P: 4, J: 2}),
    (constant(7, np.int64), (2, 3, 4), {}),
    (P, (9,), {P: 9}),
]


@pytest.mark.parametrize(("scalar", "radices", "extents"), DIGITS, ids=lambda one: str(one)[:24])
def test_digits_are_those_of_the_number(scalar, radices, extents):
    found = digits(scalar, radices, extents)
    assert len(found) == len(radices)
    for point in itertools.product(*map(range, extents.values())):
        values = dict(zip(extents, point, strict=True))
        number, *parts = (
            one.constant + sum(by * values[index] for index, by in one.indices.items())
            for one in map(affine, (scalar, *found))
        )
        assert tuple(parts) == np.unravel_index(number, radices)


@pytest.mark.parametrize(
    ("scalar", "radices", "extents"),
    [
        (P, (14, 2), {P: 28}),  # a digit of it is no sum
        (P * 2 + J, (14, 2), {P: 14, J: 3}),  # carries
        (J + 1, (2, 9), {J: 9}),
        (P * 2 - J, (14, 2), {P: 14, J: 2}),
        (P * 2 - 1, (14, 2), {P: 14}),
        (N[P], (4, 2), {P: 7}),
        (P * 2 + J, (14, 2), {P: 14}),  # of an index of unknown length
    ],
    ids=str,
)
def test_what_is_not_seen_to_be_digits(scalar, radices, extents):
    assert digits(scalar, radices, extents) is None
