"""Guards as an output of the graph: the answers are those of `Guard.holds`."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.evaluate import Program
from chainrule.functions.guards import may_run_on, with_guards
from chainrule.graph import Graph, Input
from chainrule.trace import Guard
from chainrule.types import ArrayType

NAN, INFINITY = float("nan"), float("inf")
NUMBERS = [0.0, -0.0, 1.0, NAN, INFINITY, -INFINITY, 5e-324]


@pytest.mark.parametrize("then", NUMBERS)
def test_floats_agree_bit_for_bit(then):
    x = Input(ArrayType.of(1.0))
    guard = Guard(x, np.array(then))
    program = Program(with_guards(Graph([x], [x]), [guard]))
    for now in NUMBERS:
        assert bool(program.run([np.array(now)])[-1]) == guard.holds(np.array(now))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_, np.uint8])
def test_arrays_agree_where_every_element_does(dtype):
    then = np.array([[0, 1], [1, 0]], dtype)
    x = Input(ArrayType.of(then))
    program = Program(with_guards(Graph([x], []), [Guard(x, then)]))
    assert bool(program.run([then])[-1])
    for place in np.ndindex(2, 2):
        now = then.copy()
        now[place] = 1 - now[place]
        assert not bool(program.run([now])[-1])


def test_all_guards_must_hold():
    x = Input(ArrayType.of(1.0))
    guards = [Guard(x > 0, np.array(True)), Guard(x > 2, np.array(False)), Guard(x > 1, np.array(True))]
    program = Program(with_guards(Graph([x], []), guards))
    assert [bool(program.run([np.array(k)])[-1]) for k in (-1.0, 0.5, 1.5, 3.0)] == [False, False, True, False]


def test_what_may_run_on():
    def loop(x, **options):
        return cr.while_loop(lambda v: v < 100, lambda v: v * x, 1.0, **options)

    assert may_run_on(cr.trace(loop, 2.0))
    assert not may_run_on(cr.trace(lambda x: loop(x, max_steps=5), 2.0))
    assert may_run_on(cr.trace(lambda x: cr.cond(x > 0, lambda: loop(x), lambda: x), 2.0))
    assert not may_run_on(cr.trace(lambda x: cr.cond(x > 0, lambda: x * 2, lambda: x), 2.0))
