"""Which node was the first to become infinite or NaN."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.train.culprit import find_culprit, first_not_finite, is_finite


def culprit(function, *values):
    graph = cr.trace(function, *values)
    found = find_culprit(graph, [np.asarray(value) for value in values])
    return None if found is None else (found[0].operation.name, found[1], found[0].location.text)


def masked(x):
    return np.sum(np.where(x > 0, np.log(x), 0.0)) / (x[0] - x[0])  # the division


def through_infinity(x):
    large = np.exp(x)  # the exponential
    return np.sum(large / large)


def masked_softmax(x):
    scores = x + np.array([-np.inf, -np.inf])
    return np.sum(np.exp(scores - np.max(scores)))  # the difference


def branch(x):
    return cr.cond(x[0] > 0, lambda: np.sum(x), lambda: np.sum(np.sqrt(x)))  # the root


def loop(x):
    def step(carry, row):
        return carry * 10 - np.log(row), row  # in the loop

    return cr.scan(step, 0.0, x)[0]


def backwards(x):
    return cr.scan(lambda carry, row: (carry + np.sqrt(row), None), 0.0, x, reverse=True)[0]  # from the end


def repeated(x):
    return cr.while_loop(lambda c: c < 1e300, lambda c: c * c, x[0]) * 2  # squared


def checkpointed(x):
    return cr.checkpoint(lambda x: np.sum(np.log(x)))(x)  # inside


@pytest.mark.parametrize(
    ("function", "values", "name", "value", "line"),
    [
        (masked, [2.0, -1.0], "divide", "inf", "the division"),
        (through_infinity, [1.0, 800.0], "exp", "inf", "the exponential"),
        (masked_softmax, [1.0, 2.0], "subtract", "nan", "the difference"),
        (branch, [-1.0, 2.0], "sqrt", "nan", "the root"),
        (loop, [1.0, 0.0, 2.0], "log", "-inf", "in the loop"),
        (backwards, [1.0, -4.0], "sqrt", "nan", "from the end"),
        (repeated, [1e100], "multiply", "inf", "squared"),
        (checkpointed, [0.0, 1.0], "log", "-inf", "inside"),
    ],
)
def test_the_node_that_began_it(function, values, name, value, line):
    found = culprit(function, np.array(values))
    assert found is not None
    assert found[:2] == (name, value)
    assert line in found[2]


def test_nothing_is_wrong_where_the_outputs_are_finite():
    assert culprit(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), np.array([1.0, -1.0])) is None


def test_what_comes_in_is_told_by_the_first_node_that_it_reaches():
    assert culprit(lambda x: np.sum(x * 2), np.array([np.nan, 1.0]))[:2] == ("multiply", "nan")
    assert culprit(lambda x: x, np.array([np.nan, 1.0])) is None  # no node did it


def test_several_results():
    assert is_finite((np.ones(2), np.array(3)))
    assert not is_finite((np.ones(2), np.array(np.nan)))
    assert first_not_finite((np.ones(2), np.array([1.0, -np.inf]))) == "-inf"
