"""Lowered programs as text."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from tests.lower.running import graph_of, numbers, verified

X = numbers(4, 67)


def text(function, *args) -> str:
    return str(verified(graph_of(function, *args)))


def test_a_kernel():
    assert text(lambda x: x * 2, X) == (
        "program of 0 bytes:\n"
        "  run multiply(x0=in0, y0=out0)\n"
        "        parallel for i0 in 0..4:\n"
        "          parallel for i1 in 0..67: y0[i0, i1] = x0[i0, i1] * 2"
    )


def test_copies_callbacks_and_routines():
    from chainrule.ops.rows import last_writer
    from chainrule.trace import traceable

    writer = traceable(lambda index: last_writer(index, length=3))
    assert "copy out0 <- in0" in text(lambda x: x, X)
    assert "evaluate last_writer(in0)" in text(writer, np.array([1, 2]))
    assert "call argsort(" in text(lambda x: np.argsort(x, 1), X)


def test_loops_and_branches():
    assert "repeat 4 times, n" in text(lambda x: cr.scan(lambda c, s: (c + s, c), x[0], x), X)
    down = text(lambda x: cr.scan(lambda c, s: (c + s, c), x[0], x, reverse=True), X)
    assert " down:" in down
    assert "in0' of in0 at n" in down
    branch = text(lambda x: cr.cond(x[0, 0] > 0, lambda x: x * 2, lambda x: x + 1, x), X)
    assert "  if t" in branch
    assert "  else:" in branch
    loop = text(lambda x: cr.while_loop(lambda c: c[0] < 9, lambda c: c + 1, x[0]), X)
    assert "  while:" in loop
    assert "  holds " in loop
    assert "while at most 5 times:" in text(
        lambda x: cr.while_loop(lambda c: c[0] < 9, lambda c: c + 1, x[0], max_steps=5), X
    )
