"""What `show` prints after each stage."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError

X = np.ones(4)


def decided(x):
    return np.sum(np.sin(x) * (1 + 1)) if x[0] > 0 else x[1]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("trace", "sin(x)"),
        ("guards", "greater("),
        ("share_loops", "sin(x)"),
        ("fold", "constant(2.0)"),
        ("expand", "sum("),
        ("fuse", "sin(x0[r0])"),
        ("join", "sin(x0[r0])"),
        ("block", "sin(x0[r0])"),
        ("part", "sin(x0[r0])"),
        ("pack", "sin(x0[r0])"),
        ("arena", "program of"),
        ("llvm", "define void @"),
        ("optimized", "define void @"),
        ("assembly", "ret"),
    ],
)
def test_each_stage(stage, words):
    text = cr.jit(decided).show(X, after=stage)
    assert words in text
    assert repr(text) == str(text)


def test_the_trace_has_no_guards_yet():
    shown = cr.jit(decided).show
    assert "greater" not in shown(X, after="trace")
    assert "greater" in shown(X)


def test_guards_stay_apart_where_the_body_might_not_end():
    def loop(x):
        return cr.while_loop(lambda v: v < 9, lambda v: v * x, 1.0) if x > 1 else x

    assert cr.jit(loop).show(2.0, after="guards") == cr.jit(loop).show(2.0, after="trace")


def test_derivatives_and_keywords():
    assert "cos(x)" in cr.grad(lambda x, *, times: np.sin(x) * times).show(1.0, times=2.0)


def test_an_unknown_stage():
    with pytest.raises(ArgumentError, match=r"'trace', 'guards', .*'llvm', 'optimized', 'assembly'; got 'magic'"):
        cr.jit(decided).show(X, after="magic")
