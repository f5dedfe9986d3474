"""Groups: kernels of one shape that become one, in an order in which each finds what it needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.group import MOST_ROOTS, _Groups
from chainrule.lower.program import Run, leaves
from tests.lower.running import compare, graph_of, numbers, verified

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


def test_a_group_that_would_wait_for_itself_through_a_later_group_is_not_made():
    """The sum of `e` waits for the group of `e`, that for the sum of `t`: what needs the one is not made with `t`."""

    def function(x, y):
        e, t = np.exp(x), np.sin(y)
        return (total := np.sum(e)), e, t, e * np.sum(t), t * total

    assert sorted(outputs(function, X, X + 1)) == [1, 1, 1, 1, 2]
    for off in ((), ("join", "arena")):
        compare(function, X, X + 1, off=off)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_joined_the_order_stays_one(seed):
    """Of 40 roots that need some of those before them; a join is refused only where a group would need itself."""
    random = np.random.default_rng(seed)
    roots: list[Any] = list(range(40))
    needs: dict[Any, Any] = {
        root: random.choice(root, random.integers(0, min(root, 3)), replace=False).tolist() for root in roots[1:]
    }
    groups = _Groups(roots, needs | {0: []})
    for root, other in [(one, two) for one in needs for two in needs[one]]:
        first, last = groups.home[other], groups.home[root]
        if first is last or random.random() < 0.5:
            continue
        between = groups.between(first, last)
        assert (between is None) == waits_for_itself(groups, needs, first, last)
        if between is not None:
            groups.join(first, last, between)
            assert all(
                groups.home[one] is groups.home[two] or groups.home[one].at > groups.home[two].at
                for one in needs
                for two in needs[one]
            )
    made: set[Any] = set()
    for members in groups.ordered():
        made.update(members)
        assert all(made.issuperset(needs.get(member, ())) for member in members)
    assert len(made) == 40


def waits_for_itself(groups, needs, first, last):
    """Whether two groups in one would need what needs them, by walking as far as there is anything."""
    found, stack = set(), [other for root in last.members for other in needs.get(root, ())]
    stack = [other for other in stack if groups.home[other] not in (first, last)]
    while stack:
        group = groups.home[stack.pop()]
        if group is first:
            return True
        if group not in found:
            found.add(group)
            stack += [other for root in group.members for other in needs.get(root, ())]
    return False


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
