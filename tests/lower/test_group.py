"""Groups: kernels of one shape that become one, in an order in which each finds what it needs."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.lower.group import MOST_ROOTS
from chainrule.lower.program import Run, leaves
from tests.lower.running import graph_of, numbers, verified

X = numbers(9, 5)


def outputs(function, *args) -> list[int]:
    """How many results each kernel has."""
    program = verified(graph_of(function, *args))
    return [len(step.writes) for step in leaves(program.steps) if isinstance(step, Run) and step.kernel.name != "check"]


def test_values_that_are_made_of_one_another_are_one_pass():
    assert outputs(lambda x: (e := np.exp(x), e * 2, np.sin(e)), X) == [3]


def test_values_that_share_nothing_but_operands_are_apart():
    assert outputs(lambda x: (np.exp(x), np.sin(x)), X) == [1, 1]


def test_a_value_read_at_another_place_is_needed_from_memory():
    assert outputs(lambda x: (e := np.exp(x), e[::-1] * 2), X) == [1, 1]
    assert outputs(lambda x: (e := np.exp(x), e + e[:1]), X) == [1, 1]


def test_a_value_that_goes_through_another_kernel_is_apart():
    def function(x):
        e = np.exp(x)
        return e, e * np.sum(e)

    assert sorted(outputs(function, X)) == [1, 1, 1]


def test_a_group_that_would_wait_for_itself_is_not_made():
    def function(x):
        a = np.exp(x)
        b = np.cumsum(a, 0)
        c = np.sin(a) + b
        return a, b, c, c * a

    assert sum(outputs(function, X)) == 4
    assert max(outputs(function, X)) == 2


def test_groups_have_a_largest_size():
    def function(x):
        made = [np.exp(x)]
        for _ in range(2 * MOST_ROOTS + 3):
            made.append(np.sin(made[-1]))
        return made

    sizes = outputs(function, X)
    assert max(sizes) == MOST_ROOTS
    assert sum(sizes) == 2 * MOST_ROOTS + 4


def test_other_shapes_and_folds_are_apart():
    assert outputs(lambda x: (e := np.exp(x), e.T * 2), X) == [1, 1]
    assert outputs(lambda x: (s := np.sum(x, 1), s * 2), X) in ([1, 1], [2])


def test_the_update_of_a_parameter_is_one_pass():
    def update(w, m, v, g):
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g * g
        return w - 0.1 * m / (np.sqrt(v) + 1e-8), m, v

    assert outputs(update, X, X * 2, X * X, X + 1) == [3]


def test_order_is_kept_between_groups():
    """Later groups find what earlier ones made, also where a group was moved behind another step."""

    def function(x):
        a = np.exp(x)
        total = np.sum(a)
        b = np.sin(x) * total
        return a, np.cos(b), b, cr.stop_gradient(a) + b

    assert sum(outputs(function, X)) >= 4
