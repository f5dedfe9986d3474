"""A step that reads what no step has surely written is found."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower import lower
from chainrule.lower.program import Branch, Repeat, While
from tests.lower.order import read_too_soon
from tests.lower.programs import PROGRAMS
from tests.lower.running import graph_of, numbers, values_of

X = numbers(6, 5)


def rows(x):
    """A product of products, whose steps need one another."""
    return np.exp(x) @ np.exp(x.T) @ np.tanh(x)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_programs_are_in_order(name):
    function, args = PROGRAMS[name]
    assert values_of(*args)
    assert read_too_soon(lower(graph_of(function, *args))) == []


def test_steps_that_change_places_are_found():
    program = lower(graph_of(rows, X))
    program.steps.reverse()
    assert read_too_soon(program)


def test_what_one_side_of_a_branch_writes_is_not_sure():
    function = lambda x: np.exp(cr.cond(x[0, 0] > 0, np.sort, lambda x: x * 2, x)) @ x.T  # noqa: E731
    program = lower(graph_of(function, X))
    assert not read_too_soon(program)
    next(step for step in program.steps if isinstance(step, Branch)).otherwise.clear()
    assert read_too_soon(program)


@pytest.mark.parametrize("kind", [Repeat, While])
def test_loops_are_looked_into(kind):
    def function(x):
        step = lambda c: rows(c) + x  # noqa: E731
        if kind is While:
            return cr.while_loop(lambda c: np.sum(c) < 9, step, x)
        return cr.scan(lambda c, s: (step(c) * s, ()), x, x[:3, 0])[0]

    program = lower(graph_of(function, X))
    assert not read_too_soon(program)
    loop = next(step for step in program.steps if isinstance(step, kind))
    loop.body.reverse()
    assert read_too_soon(program)


def test_a_loop_of_no_steps_reads_nothing():
    program = lower(graph_of(lambda x: cr.scan(lambda c, s: (rows(c) * s, ()), x, x[:0, 0])[0], X))
    for step in program.steps:
        if isinstance(step, Repeat):
            step.body.reverse()
    assert not read_too_soon(program)
