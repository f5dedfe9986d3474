"""What several threads are worth: less where more is handed from one to another, more where there are more of them."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.native import share as shares_of
from chainrule.native.gain import gain
from chainrule.native.share import share
from tests.lower.running import everything_split, graph_of, numbers, verified


def gain_of(function, *args, threads: int = 2) -> float:
    """The gain of a program in which all is split that can be."""
    program = verified(graph_of(function, *args))
    with everything_split():
        shares = share(program, 32)
    return gain(program.steps, shares, lambda steps: shares_of._nanoseconds(steps, 32), threads)


def repeated(function):
    return lambda x: cr.scan(lambda c, _: (function(c), None), x, None, length=20)[0]


LARGE = numbers(400, 400)


def test_work_without_handing_on_gains_as_many_times_as_there_are_threads():
    assert 1.9 < gain_of(np.tanh, LARGE) <= 2
    assert 7.5 < gain_of(np.tanh, LARGE, threads=8) <= 8


def test_one_thread_gains_nothing():
    assert gain_of(repeated(lambda c: np.tanh(c).T), LARGE, threads=1) == 1


def test_rows_that_stay_with_their_thread_are_not_fetched():
    assert (
        gain_of(repeated(lambda c: np.tanh(c) * 0.5), LARGE) > gain_of(repeated(lambda c: np.tanh(c).T), LARGE) * 1.05
    )


def test_small_steps_that_hand_all_on_lose():
    assert gain_of(repeated(lambda c: (c * 0.5).T), numbers(64, 64)) < 1


def test_a_place_is_fetched_once():
    once = gain_of(repeated(lambda c: np.tanh(c).T + np.sin(c[::-1])), LARGE)
    assert once > 1


def test_branches_and_loops_count():
    branch = lambda x: cr.cond(x[0, 0] > 0, lambda x: np.tanh(x), lambda x: x * 2, x)  # noqa: E731
    assert gain_of(branch, LARGE) > 1
    loop = lambda x: cr.while_loop(lambda c: c[0, 0] < 9, lambda c: np.tanh(c).T, x)  # noqa: E731
    assert gain_of(loop, LARGE) > 1


def test_independent_steps_are_shared_out_whole():
    many = lambda x: cr.scan(lambda c, s: (c, np.tanh(np.outer(s, s)) @ x), (), x)[1]  # noqa: E731
    assert gain_of(many, LARGE) > 1.9


def test_routines_take_as_long_in_any_number_of_threads():
    assert gain_of(lambda x: np.argsort(np.tanh(x), 1), LARGE) > 1.2
