"""The function of a program: its table, its control flow, its callbacks."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.program import Evaluate, leaves
from chainrule.native import mapping, routine
from chainrule.native.routine import emit_program, evaluated
from chainrule.native.share import share
from chainrule.native.state import FAILED, FAULT, REFUSED, STATE_BYTES
from tests.lower.running import (
    compare,
    compare_threads,
    compiled,
    everything_split,
    graph_of,
    numbers,
    threads,
    values_of,
    verified,
)

X = numbers(5, 33)


def ir_of(function, *args, split: bool = False) -> str:
    program = verified(graph_of(function, *args))
    if not split:
        return str(emit_program(program, share(program, 32), 32))
    with everything_split():
        return str(emit_program(program, share(program, 32), 32))


def test_one_function_of_a_table_and_a_thread():
    text = ir_of(lambda x: np.sin(x), X)
    assert 'define void @"run"(ptr %a0, i64 %a1, i64 %a2)' in text
    assert text.count("define") >= 2
    assert ir_of(lambda x: np.sin(x), X) == text


def test_the_state_has_room_for_all_that_is_in_it():
    assert len({FAULT, FAILED, REFUSED}) == 3
    assert max(FAULT, FAILED, REFUSED) < STATE_BYTES


def test_equal_kernels_are_one_function():
    def layers(x):
        for _ in range(6):
            x = np.cumsum(np.tanh(x), 1)
        return x

    assert ir_of(layers, X).count('define internal void @"cumsum') <= 2


def test_barriers_are_for_threads():
    function = lambda x: np.sum(np.cumsum(np.exp(x), 1), 0)  # noqa: E731
    assert "chainrule.barrier" not in ir_of(function, X)
    assert "chainrule.barrier" in ir_of(function, X, split=True)


def writer(index, length=40):
    from chainrule.ops.rows import last_writer
    from chainrule.trace import traceable

    return traceable(lambda index: last_writer(index, length=length))(index)


def test_callbacks_are_numbered_in_order():
    n = np.array([3, 1, 1])
    program = verified(graph_of(lambda n: (writer(n), writer(n * 2, 9), writer(n + 1, 7)), n))
    assert evaluated(program) == [step for step in leaves(program.steps) if isinstance(step, Evaluate)]
    assert len(evaluated(program)) == 3
    compare(lambda n: (writer(n), writer(n * 2, 9), writer(n + 1, 7)), n)
    compare_threads(lambda n: (writer(n), writer(n * 2, 9)[:5] + 1, writer(n + 1, 7)), n)


def test_threads_meet_before_and_after_each_callback():
    """Who has not yet read how one callback ended must not find there how the next one did: threads would part."""
    n, x = np.array([3, 1, 1]), numbers(64, 9)
    text = ir_of(lambda n, x: (writer(n), writer(n * 2, 9), writer(n + 1, 7), np.exp(x)), n, x, split=True)
    body = text[text.index('define void @"run"') :]
    assert body.count("call void @") >= 6
    assert body.count('@"chainrule.barrier"') >= 6


@pytest.mark.parametrize("reverse", [False, True])
def test_callbacks_in_loops_and_branches(reverse):
    n = np.array([3, 1, 2, 0])

    def step(c, k):
        c = cr.cond(k > 1, lambda c: writer(c % 6, 6)[:4] % 5, lambda c: c + 1, c)
        return c, writer(c % 6, 6)

    compare(lambda n: cr.scan(step, n, n, reverse=reverse), n)
    compare_threads(lambda n: cr.scan(step, n, n, reverse=reverse), n)
    compare(lambda n: cr.while_loop(lambda c: np.sum(c) < 50, lambda c: writer(c % 6, 6)[:4] + c + 2, n), n)


def test_slices_of_slices():
    x = numbers(3, 4, 5, 17)

    def outer(c, rows):
        return c, cr.scan(lambda d, row: (d + row, cr.scan(lambda e, s: (e * s, e), row[0], row)[1]), rows[0], rows)

    compare(lambda x: cr.scan(outer, (), x)[1], x)
    compare_threads(lambda x: cr.scan(outer, (), x, reverse=True)[1], x)


def test_copies_of_every_length():
    for length in (1, 3, 7, 64, 65, 1000):
        x = numbers(length)
        compare(lambda x: (x, cr.scan(lambda c, s: (s, c), x, x[None] * np.ones((3, 1), x.dtype))), x)


def test_nothing_is_copied_of_nothing():
    compare(lambda x: (x, cr.scan(lambda c, s: (c, s), x, x[None])), np.zeros((0, 3)))


PANELS = numbers(64, 65), numbers(65, 100)
WORKING = {
    "panels": (lambda x, y: x @ y, PANELS),
    "an arena for each step": (
        lambda x, y: np.sum(cr.scan(lambda c, s: (c, np.exp(s[:, None] * y) @ y.T), (), x)[1], 0),
        PANELS,
    ),
}


@pytest.mark.parametrize("name", WORKING)
def test_each_thread_works_in_memory_of_its_own(name, monkeypatch):
    for limit in ("_NEAR_BYTES", "_FAR_BYTES", "_MANY_TILES"):
        monkeypatch.setattr(mapping, limit, 0)
    function, args = WORKING[name]
    made = compiled(graph_of(function, *args), split=True)
    assert made.scratch
    with threads(3):
        workspace = made.take()
        parts = np.split(workspace.memory[-3 * made.scratch :], 3)
        for part in parts:
            part[...] = 0x5B
        made.free.append(workspace)
        made.run(values_of(*args))
    assert all(np.any(part != 0x5B) for part in parts)


def test_small_places_of_a_long_program_are_apart(monkeypatch):
    """Where kernels are called, each thread's own places are in one piece of its stack."""
    monkeypatch.setattr(routine, "MOST_KERNELS_INLINED", 0)

    def function(x):
        total, least = np.sum(x), np.min(x)
        return np.tanh(x * total) + least, np.exp(x * least) - total

    compare_threads(function, numbers(16, 24), counts=(1, 2))
