"""Blocks of steps: what control flow becomes, and that nothing is lost between blocks."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.program import Branch, Call, Evaluate, Repeat, Run, While, leaves
from tests.lower.interpreter import interpret_program
from tests.lower.running import (
    WIDTHS,
    check,
    compare,
    compare_threads,
    graph_of,
    numbers,
    reference,
    values_of,
    verified,
)

X = numbers(4, 5)


def steps(function, *args):
    return verified(graph_of(function, *args)).steps


def kinds(function, *args) -> set[type]:
    return {type(step) for step in steps(function, *args)}


def test_control_flow_keeps_its_shape():
    assert Repeat in kinds(lambda x: cr.scan(lambda c, s: (c + s, c), x[0], x), X)
    assert While in kinds(lambda x: cr.while_loop(lambda c: c[0] < 9, lambda c: c + 1, x[0]), X)
    assert Branch in kinds(lambda x: cr.cond(x[0, 0] > 0, lambda x: x + 1, lambda x: x, x), X)
    assert Call in kinds(lambda x: np.argsort(x, 1), X)
    assert kinds(lambda x: np.sin(x), np.repeat(X, 20, 0)) == {Run}


def test_a_loop_that_hands_nothing_on_is_independent():
    (loop,) = [one for one in steps(lambda x: cr.scan(lambda c, s: (c, s * 2), (), x), X) if isinstance(one, Repeat)]
    assert loop.independent
    (loop,) = [one for one in steps(lambda x: cr.scan(lambda c, s: (c + s, c), x[0], x), X) if isinstance(one, Repeat)]
    assert not loop.independent


def test_projections_are_no_steps():
    for step in leaves(steps(lambda x: np.linalg.svd(x, full_matrices=False), X)):
        assert not isinstance(step, Evaluate) or step.node.operation.name != "project"


@pytest.mark.parametrize("length", [0, 1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("width", [5, 67])
def test_scans_of_every_length(length, reverse, width):
    x = numbers(length, width)

    def function(x, start):
        return cr.scan(lambda c, s: (c * 0.5 + s, (c, s * c, c[0])), start, x, reverse=reverse)

    args = (x, numbers(width, seed=9))
    compare(function, *args)
    graph = graph_of(function, *args)
    check(reference(graph, values_of(*args)), interpret_program(verified(graph), values_of(*args))[0])


def test_scans_without_carries_and_without_slices():
    compare(lambda x: cr.scan(lambda c, s: (c, (np.sin(s), s @ x.T)), (), x)[1], X)
    compare(lambda x: cr.scan(lambda c, s: (c * 2, c), x, None, length=3), X)
    compare_threads(lambda x: cr.scan(lambda c, s: (c, (np.sin(s), np.sum(x * s, 1))), (), x)[1], numbers(9, 67))
    compare_threads(lambda x: cr.scan(lambda c, s: (c, np.cumsum(s)[::-1]), (), x, reverse=True)[1], numbers(9, 67))


def test_slices_of_what_was_given_another_shape():
    """The memory of a reshaped array is the array's: its slices are not."""

    def rows(carry, row):
        return carry + row, carry * row

    x = numbers(12, 5)
    compare(lambda x: cr.scan(rows, x[0], x.reshape(6, 2, 5)[:, 0]), x)
    for shape in ((3, 4, 5), (2, 6, 5), (4, 3, 5), (5, 12, 1)):
        compare(lambda x, shape=shape: cr.scan(lambda c, s: (c + s, s * 2), x.reshape(shape)[0], x.reshape(shape)), x)
    compare(lambda x: cr.scan(lambda c, s: (c, cr.scan(rows, s[0], s)), x[0], x.reshape(3, 4, 5)), x)
    compare(lambda x: cr.scan(lambda c, s: (c * 2, cr.scan(rows, s, c[0])), x.reshape(3, 4, 5), x[:2]), x)


def test_loops_of_models_are_shared_out_whole():
    """Each step has kernels, a loop and memory of its own, which threads must not share."""

    def model(x):
        def one(c, rows):
            inner, ys = cr.scan(lambda d, s: (np.tanh(d + s), d * s), rows[0], rows)
            return c, (inner, ys, rows @ rows.T)

        return cr.scan(one, (), x)[1]

    compare_threads(model, numbers(5, 4, 67))
    compare_threads(lambda x: (model(x), model(x * 2)), numbers(3, 4, 9))


def test_a_loop_of_models_around_a_table_from_outside():
    def model(x, table):
        best = np.sum(table, 0)
        return cr.scan(lambda c, s: (c, np.tanh(s @ table + best)), (), x)[1] + np.sum(table)

    compare_threads(model, numbers(7, 9, 6), numbers(6, 40))


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_both_branches(value):
    x = np.abs(numbers(67)) * value
    compare(lambda x: cr.cond(x[0] > 0, lambda x: (x * 2, np.sum(x)), lambda x: (x, x[0]), x), x)
    compare(lambda x: cr.cond(x[0] > 0, lambda x: cr.cond(x[1] > 5, lambda x: x, lambda x: -x, x), np.sin, x), x)
    compare_threads(lambda x: cr.cond(x[0] > 0, lambda x: (np.exp(x), np.sum(x)), lambda x: (x, x[0]), x)[0] * 2, x)


@pytest.mark.parametrize("most", [None, 0, 1, 3, 100])
def test_loops_until_a_condition(most):
    x = np.abs(numbers(67))

    def function(x):
        return cr.while_loop(lambda c: c[1] < 7, lambda c: (c[0] * 1.5, c[1] + 1), (x, 0), max_steps=most)

    compare(function, x)
    compare_threads(function, x)


def test_a_branch_in_a_loop_in_a_branch():
    def function(x):
        def step(c, s):
            return cr.cond(s[0] > 0, lambda c, s: (c + s, c), lambda c, s: (s, c * s), c, s)

        return cr.cond(x[0, 0] > 0, lambda x: cr.scan(step, x[0], x), lambda x: cr.scan(step, x[1], -x), x)

    for x in (X, -X):
        compare(function, x)
        compare_threads(function, x)


def test_what_a_routine_needs_is_in_memory():
    compare(lambda x: np.argsort(np.sin(x) * 2, 1) + 1, X)
    compare(lambda x: np.sort(x.T, 0)[::-1], X)
    compare(lambda x: np.searchsorted(np.sort(x[0] * 2), x[1]), X)
    for width in WIDTHS:
        compare(lambda x: (np.argmax(x * 2, 1), np.argmin(x.T, 0)), X, width=width)


def test_something_costly_that_is_asked_for_at_two_places_is_computed_once():
    def function(x):
        e = np.exp(x)
        return e[::-1] + e

    assert len([s for s in steps(function, X) if isinstance(s, Run)]) == 2
    compare(function, X)
