"""Packing: which operands are laid out anew, and that they are the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.program import Run, leaves
from tests.lower.interpreter import interpret_program
from tests.lower.running import WIDTHS, check, compare, compare_threads, graph_of, numbers, reference, verified

A, B = numbers(9, 7), numbers(33, 7, seed=1)


def packed(function, *args) -> int:
    program = verified(graph_of(function, *args))
    return sum(isinstance(step, Run) and step.kernel.name == "pack" for step in leaves(program.steps))


def test_an_operand_that_is_read_across_its_rows_is_packed():
    assert packed(lambda a, b: a @ b.T, A, B) == 1
    assert packed(lambda a, b: a @ b, A, numbers(7, 33)) == 0
    assert packed(lambda a, b: a[:3] @ b.T, A, B) == 0  # too seldom


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b: a @ b.T,
        lambda a, b: np.tanh(a @ b.T + b[:, 0]),
        lambda a, b: a @ (b.T * 2),
        lambda a, b: (a @ b.T) @ (b @ b.T),
        lambda a, b: np.einsum("ik,jk->ij", a, b) * np.max(a),
        lambda a, b: a @ a.T + a[:, :1],
        lambda a, b: a[::-1] @ b[::-1].T,
        lambda a, b: a[:, :5] @ b[:, 2:].T,
        lambda a, b: np.einsum("ik,jk->ij", a[:, :7], b) - np.einsum("ik,jk->ij", a, b[:33]),
        lambda a, b: np.sum(np.abs(a[:, None, :] - b), 2),
        lambda a, b: np.einsum("ik,ik,jk->ij", a, a, b),
    ],
)
def test_what_is_packed_is_the_same(function):
    graph = graph_of(function, A, B)
    expected = reference(graph, [A, B])
    check(expected, interpret_program(verified(graph), [A, B])[0])
    for width in WIDTHS:
        compare(function, A, B, width=width)
    compare_threads(function, A, B, counts=(1, 3))


@pytest.mark.parametrize(
    "function",
    [
        lambda x, c: x @ x.T,
        lambda x, c: x @ (x * x).T + 1,
        lambda x, c: np.einsum("ikl,jkl->ij", c[:, :, :-1], c[:, :, 1:]),
        lambda x, c: np.einsum("ikl,jlk->ij", c[:8], c),
        lambda x, c: np.einsum("ikl,jkl->ij", c[:, ::2], c[:, 1::2]),
        lambda x, c: np.einsum("ikl,jkl->ij", c[::-1], c),
    ],
)
def test_squares_and_parts_of_operands(function):
    """A square looks the same with its axes swapped; of a part only a part may be read."""
    x, c = numbers(9, 9), numbers(8, 8, 8, seed=1)
    graph = graph_of(function, x, c)
    check(reference(graph, [x, c]), interpret_program(verified(graph), [x, c])[0])
    compare(function, x, c)


def test_a_diagonal_is_not_packed():
    x = numbers(20, 20)
    compare(lambda x: np.einsum("ij,jj->ij", x, x) if False else x @ np.diag(np.diagonal(x)), x)
    compare(lambda x: np.sum(np.diagonal(x)[:, None] * x.T, 1), x)


def test_a_large_operand_that_is_read_down_its_columns():
    """Its elements should follow one another along the fold."""
    x, w = numbers(600, 300, seed=2), numbers(600, 8, seed=3)
    compare(lambda x, w: x.T @ w / 600, x, w)


def test_operands_of_whole_numbers_and_truths():
    for dtype in (np.int8, np.int64, bool):
        compare(lambda a, b: a @ b.T, numbers(9, 7, dtype=dtype), numbers(33, 7, dtype=dtype, seed=1))


def test_operands_of_kernels_in_loops_and_branches_are_packed():
    def function(a, b):
        def step(c, s):
            return cr.cond(s > 0, lambda c, b: np.tanh(c @ b.T @ b), lambda c, b: c @ b.T @ b * 0.1, c, b), s

        return cr.scan(step, a, b[:3, 0])

    assert packed(function, A, B) >= 2
    places = {
        place
        for step in leaves(verified(graph_of(function, A, B)).steps)
        if isinstance(step, Run) and step.kernel.name == "pack"
        for place in step.writes
    }
    assert len({place.name for place in places}) == len(places) >= 2
    compare(function, A, B)
    compare_threads(function, A, B, counts=(1, 3))


def test_lanes_follow_the_steps_of_a_long_fold():
    """Few results of many steps: along these all is read already, so nothing is laid out anew."""
    function = lambda a, b: a @ b.T  # noqa: E731
    assert packed(function, numbers(64, 1008), numbers(32, 1008)) == 1
    assert packed(function, numbers(64, 1024), numbers(32, 1024)) == 0
    assert packed(function, numbers(64, 1025), numbers(32, 1025)) == 1  # lanes would be left over
    assert packed(lambda a, b: a.T @ b, numbers(1024, 64), numbers(1024, 32)) == 0  # along columns as it is
    long = numbers(9, 1024)
    for function in (lambda a: a @ a[:8].T, lambda a: np.tanh(a @ a.T) + 1, lambda a: np.max(a[:, None] * a, 2)):
        compare(function, long)
        compare_threads(function, long, counts=(1, 3))
