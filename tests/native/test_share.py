"""Shares of work: who does what, and where threads meet. The schedule is the worst that barriers allow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.join import every
from chainrule.lower.program import Branch, Call, Copy, Evaluate, Place, Repeat, Run, leaves
from chainrule.native import share as shares_of
from chainrule.native.mapping import choose
from chainrule.native.nest import recognise
from chainrule.native.rows import Rows, Touch
from chainrule.native.share import WORTH_THREADS, Shares, _Walk, share
from chainrule.types import ArrayType
from tests.lower.programs import PROGRAMS
from tests.lower.running import check, everything_split, graph_of, numbers, reference, values_of, verified
from tests.lower.spmd import WIDTH, run_together, share_of

X = numbers(20, 9)


def shared(function, *args, split: bool = True):
    program = verified(graph_of(function, *args))
    if not split:
        return program, share(program, 32)
    with everything_split():
        return program, share(program, 32)


def ways(function, *args) -> list[str]:
    program, shares = shared(function, *args)
    return [shares.ways[step] for step in leaves(program.steps)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_threads_at_the_worst_pace_compute_the_same(name):
    function, args = PROGRAMS[name]
    program, shares = shared(function, *args)
    values = values_of(*args)
    alone = run_together(program, Shares(False, 0.0, shares.own), values, 1, [0])
    check(reference(program.graph, values), alone)
    for order in ((0, 1, 2), (2, 1, 0)):
        found = run_together(program, shares, values, 3, order)
        for one, other in zip(alone, found, strict=True):
            assert one.tobytes() == other.tobytes()


WIDE, NARROW = numbers(9, 40, seed=1), numbers(40, 5, seed=2)
BROAD = numbers(130, 130, seed=3)
CHAINS = {
    "rows of other lengths in the memory of rows": lambda x: (
        np.tanh(np.tanh(np.tanh(np.exp(x) @ WIDE) @ NARROW) @ NARROW.T) @ WIDE.T
    ),
    "a square and its columns": lambda x: ((e := np.exp(x @ x.T / 9)), e.T * e[::-1]),
    "a square and its rows from the end": lambda x: ((e := np.exp(x @ x.T / 9)), e[::-1] * 2),
    "a branch with memory of its own": lambda x: (
        (c := cr.cond(x[0, 0] < 9, lambda x: np.sum(np.exp(x), 0), lambda x: x[0] * 2, x)),
        np.exp(x + c[0] * 0) @ WIDE * c[1],
    ),
    "a branch whose memory is soon another's": lambda x: (
        cr.cond(x[0, 0] < 9, lambda x: np.sort(x, 1)[::-1] * 2, lambda x: x * 2, x).T @ np.exp(x)
    ),
    "rows of another shape": lambda x: np.tanh(np.exp(x).reshape(36, 5)[:20]),
    "rows and then rows": lambda x: np.sum(np.cumsum(np.exp(x), 1), 1),
    "rows and then columns": lambda x: np.sum(np.cumsum(np.exp(x), 1), 0),
    "a product of what was made": lambda x: np.exp(x) @ np.exp(x.T) @ np.exp(x),
    "a value that is overwritten": lambda x: cr.scan(lambda c, s: (np.sin(c) + s, c), x, x[:5, None] * x)[0],
    "turned round in each step": lambda x: cr.scan(lambda c, s: (c[::-1] * s[0], c), x, x[:5])[1],
    "small ones between large": lambda x: np.exp(x) * np.sum(np.exp(x), 0)[:3].sum() + np.sum(x),
    "one after another": lambda x: np.argsort(np.sort(np.exp(x), 1), 1) + np.argmax(x),
    "reshaped between": lambda x: np.sum(np.exp(x).reshape(9, 20) * 2, 1) + np.exp(x).reshape(-1)[:9],
    "independent": lambda x: np.sum(cr.scan(lambda c, s: (c, np.cumsum(s * x[0]) @ x.T), (), x)[1] * 2, 0),
    "independent and nested": lambda x: cr.scan(
        lambda c, s: (c, cr.scan(lambda d, t: (d * 0.5 + t, d), s, x[:4])), (), x[:7]
    )[1],
    "independent and small": lambda x: np.sum(cr.scan(lambda c, s: (c, np.sum(s)), (), x)[1]) + x,
    "columns of a product": lambda x: ((p := (x[:5, :1] * BROAD[0]) @ BROAD), np.sum(np.exp(p) + p, 1), p.T + 1),
    "until": lambda x: cr.while_loop(lambda c: np.sum(c) < 100, lambda c: np.cumsum(np.abs(c), 1)[:, ::-1], x),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), 1, 2, 3])
def test_chains_at_the_worst_pace(name, order):
    program, shares = shared(CHAINS[name], X)
    check(reference(program.graph, [X]), run_together(program, shares, [X], 3, order), tolerance=1e-3)


def check_orders(program, shares, expected):
    for order in ((0, 1, 2), (2, 1, 0)):
        check(expected, run_together(program, shares, [X], 3, order), tolerance=1e-3)


@pytest.mark.parametrize("name", ["rows and then columns", "a product of what was made", "one after another"])
def test_a_barrier_that_is_left_out_is_seen(name):
    """A planted fault: without barriers, some schedule gives another result."""
    program, shares = shared(CHAINS[name], X)
    expected = reference(program.graph, [X])
    assert shares.before
    shares.before.clear()
    with pytest.raises(AssertionError):
        check_orders(program, shares, expected)


def test_the_barrier_at_the_end_of_a_loop_is_needed():
    program, shares = shared(CHAINS["turned round in each step"], X)
    assert shares.after
    expected = reference(program.graph, [X])
    shares.after.clear()
    shares.before.clear()
    with pytest.raises(AssertionError):
        check_orders(program, shares, expected)


def test_a_loop_whose_steps_meet_anyway_does_not_meet_at_its_end():
    def function(x, flags):
        def step(c, flag):
            columns = np.cumsum(np.sin(c), 0)
            return cr.cond(flag, lambda: np.cos(columns) * c, lambda: np.tanh(columns * c)), None

        return cr.scan(step, x, flags)[0]

    flags = np.array([True, False, False, True])
    program, shares = shared(function, X, flags)
    (loop,) = (step for step in program.steps if isinstance(step, Repeat))
    assert loop not in shares.after
    assert sum(step in shares.before for step in every(loop.body)) >= 2
    expected = reference(program.graph, [X, flags])
    for order in ((0, 1, 2), (2, 1, 0), 1, 2, 3, 4, 5):
        check(expected, run_together(program, shares, [X, flags], 3, order), tolerance=1e-3)


@pytest.mark.parametrize(
    ("meets", "is_awaited"), [({}, False), ({0: 1}, True), ({0: 4}, False), ({0: 2}, True), ({1: 1}, False)]
)
def test_the_next_step_of_a_loop_waits_for_the_one_before_it(meets, is_awaited):
    """Rows that a thread shares with itself where there are two, and with another one of four."""
    program, _ = shared(lambda x: (np.sort(x), np.argsort(x)), X)
    steps = list(leaves(program.steps))[:2]
    place = Place("c", ArrayType((64, 9), np.dtype(np.float32)))
    touches = {steps[0]: [Touch(place, "split", Rows(64, 16), True)], steps[1]: []}
    shares = Shares(True, 1e9, touches=touches, before={steps[k]: by for k, by in meets.items()})
    walk = _Walk(shares, 32, program.fault)
    walk.touched.add([Touch(place, "split", Rows(64, 32), False)])
    assert walk._is_awaited(steps) == is_awaited


def test_work_that_does_not_repay_it_is_for_one():
    assert not shared(lambda x: x + 1, X, split=False)[1].threaded
    program, shares = shared(lambda x: np.tanh(x) @ x.T, numbers(1500, 500), split=False)
    assert shares.threaded
    assert shares.nanoseconds > WORTH_THREADS
    assert "split" in {shares.ways[step] for step in leaves(program.steps)}


def test_threads_that_hand_on_more_than_they_gain_are_not_used():
    def turned(x):
        return cr.scan(lambda c, _: ((np.tanh(c) * 0.5).T, None), x, None, length=1000)[0]

    small, large = (shared(turned, numbers(size, size), split=False)[1] for size in (48, 400))
    assert small.nanoseconds > WORTH_THREADS
    assert not small.threaded
    assert large.threaded


def test_ways():
    assert ways(lambda x: np.exp(x), X) == ["split"]
    assert ways(lambda x: np.sum(x), X)[0] == "each"
    assert ways(lambda x: np.argsort(x, 1), X)[0] == "one"
    assert ways(lambda x: x, X) == ["one"]
    assert "one" in ways(lambda x: np.cumsum(x, 0)[0] + np.exp(x), X) or "split" in ways(lambda x: np.cumsum(x, 0), X)


def test_rows_that_are_a_threads_own_need_no_waiting():
    _, shares = shared(lambda x: (e := np.exp(x), np.sum(e, 1)), numbers(200, 33))
    assert not shares.before
    _, shares = shared(lambda x: (e := np.exp(x), np.sum(e, 0)), numbers(200, 33))
    assert shares.before


def test_blocks_of_rows_are_a_threads_own_where_as_many_threads_have_them():
    x = numbers(256, 16)
    program, shares = shared(lambda x: (e := np.exp(x), np.sum(e, 0)), x)
    expected = reference(program.graph, [x])
    parts = next(step for step in leaves(program.steps) if step in shares.before)
    assert shares.before[parts] == 4  # two and four threads have the rows of whole parts
    assert {touch.rows for touch in shares.touches[parts] if not touch.writes} == {Rows(256, 64)}
    for threads in (1, 2, 3, 4, 5):
        for order in (range(threads), range(threads)[::-1]):
            check(expected, run_together(program, shares, [x], threads, list(order)), tolerance=1e-3)
    program, shares = shared(lambda x: (e := np.exp(x), np.sum(e, 0), np.tanh(e[::-1])), x)
    assert sorted(shares.before.values()) == [1, 4]  # where four need not wait, what they did is not forgotten
    check(reference(program.graph, [x]), run_together(program, shares, [x], 4, [3, 2, 1, 0]), tolerance=1e-3)


def test_threads_that_have_other_rows_wait():
    x = numbers(256, 16)
    program, shares = shared(lambda x: (e := np.exp(x), np.sum(e, 0)), x)
    expected = reference(program.graph, [x])
    parts = next(step for step in leaves(program.steps) if step in shares.before)
    shares.before[parts] = 3  # a planted fault: three threads do not
    with pytest.raises(AssertionError):
        check(expected, run_together(program, shares, [x], 3, [2, 1, 0]), tolerance=1e-3)


def test_short_steps_follow_the_rows_that_threads_have():
    x = numbers(320, 320)
    _, shares = shared(lambda x: np.tanh(e := np.tanh(np.tanh(x) @ x)) + e[:, :1], x, split=False)
    assert shares.threaded
    assert set(shares.ways.values()) == {"split"}


def test_small_places_are_each_threads_own():
    program, shares = shared(lambda x: np.exp(x) * np.sum(x), X)
    assert {place.bytes for place in shares.own} == {4}
    # what a callback or a routine reads or writes belongs to all, where there are several threads
    program, shares = shared(lambda x: np.argsort(np.sum(x[:3], 1)) + 1, X)
    call = next(step for step in leaves(program.steps) if isinstance(step, Call))
    assert not shares.own & {place.root for place in (*call.reads, *call.writes)}
    program, shares = shared(lambda x: np.argsort(np.sum(x[:3], 1)) + 1, X, split=False)
    call = next(step for step in leaves(program.steps) if isinstance(step, Call))
    assert not shares.threaded
    assert shares.own & {place.root for place in call.reads}


def test_all_that_a_kernel_writes_is_everybodys_if_some_of_it_is():
    """Of the one kernel of two small arrays one is too large to be each thread's own."""
    x = numbers(200, 40, dtype=np.float64)

    def function(x):
        small = np.sin(np.cumsum(x[0])).astype(np.float32)
        return np.exp(small.astype(np.float64)), np.exp(x) * np.sum(small)

    program, shares = shared(function, x)
    for step in leaves(program.steps):
        if isinstance(step, Run):
            assert len({place.root in shares.own for place in step.writes}) == 1
    for order in ((0, 1, 2), (2, 1, 0)):
        check(reference(program.graph, [x]), run_together(program, shares, [x], 3, order), tolerance=1e-5)


def test_who_reads_columns_of_others_waits():
    program, shares = shared(lambda x: np.exp((x[:, :1] * BROAD[0]) @ BROAD)[:, ::-1] + 1, X)
    steps = list(leaves(program.steps))
    assert [shares.ways[step] for step in steps][-1] == "split"
    x = numbers(24, 130)
    program, shares = shared(lambda x: (p := x @ BROAD, np.sum(np.exp(p), 1)), x)
    product, total, _ = leaves(program.steps)
    nest = recognise(product.kernel.body[0])
    assert choose(nest, WIDTH).by_columns
    assert shares.before[total] == 1


def test_the_cost_of_each_kind_of_step():
    program = verified(graph_of(lambda x: cr.scan(lambda c, s: (c + s, c), x[0], x), X))
    total = shares_of._nanoseconds(program.steps, 32)
    (loop,) = [step for step in program.steps if isinstance(step, Repeat)]
    assert total >= 20 * shares_of._nanoseconds(loop.body, 32)
    for function in (
        lambda x: cr.while_loop(lambda c: c[0, 0] < 9, lambda c: c + 1, x),
        lambda x: cr.cond(x[0, 0] > 0, lambda x: np.sin(x), lambda x: x * 2, x),
        lambda x: np.argsort(x, 1),
        lambda x: np.cumsum(x, 0),
    ):
        assert shares_of._nanoseconds(verified(graph_of(function, X)).steps, 32) > 5
    few = verified(graph_of(lambda x: cr.while_loop(lambda c: c[0, 0] < 9, lambda c: c + 1, x, max_steps=2), X))
    many = verified(graph_of(lambda x: cr.while_loop(lambda c: c[0, 0] < 9, lambda c: c + 1, x), X))
    assert shares_of._nanoseconds(few.steps, 32) < shares_of._nanoseconds(many.steps, 32)
    writer = verified(graph_of(PROGRAMS["order"][0], *PROGRAMS["order"][1]))
    assert any(isinstance(step, Evaluate | Call) for step in leaves(writer.steps))
    assert any(isinstance(step, Run | Copy) for step in leaves(writer.steps))


def test_shares_follow_one_another():
    for extent in (1, 7, 16, 64, 1000, 1100):
        for threads in (1, 2, 3, 8):
            bounds = [
                share_of(extent, k, threads, shares_of.splits.__globals__["grain_of"](extent)) for k in range(threads)
            ]
            assert bounds[0][0] == 0
            assert bounds[-1][1] == extent
            assert all(one[1] == other[0] for one, other in pairwise(bounds))


def test_rows_of_memory_that_is_given_out_again_need_no_waiting():
    """Of a long chain, the third value is where the first was: the rows of each are one thread's."""
    u, v = numbers(32, 32, seed=1) / 6, numbers(32, 32, seed=2) / 6

    def chain(x):
        for _ in range(3):
            x = np.tanh(np.tanh(x @ u) @ v)
        return x

    program, shares = shared(chain, numbers(64, 32))
    places = {place.name: place.offset for step in leaves(program.steps) for place in step.writes}
    assert len(set(places.values())) < len(places)
    assert not shares.before


def test_what_is_worth_meeting_is_everybodys():
    """A small result of much work is shared out, and is then in memory that all see."""

    def function(x):
        return np.tanh(np.sum(x * x, 1)) * 2 + np.sum(np.sum(x, 1))

    program, shares = shared(function, numbers(64, 4096), split=False)
    assert shares.threaded
    small = {place for step in leaves(program.steps) for place in step.writes if place.bytes <= 256}
    assert any(place not in shares.own and place.kind == "local" for place in small)
    program, shares = shared(function, numbers(64, 40), split=False)
    assert not shares.threaded
    assert all(place.root in shares.own for place in small_places(program))


def small_places(program):
    return {
        place for step in leaves(program.steps) for place in step.writes if place.bytes <= 256 and place.kind == "local"
    }


@pytest.fixture
def always_threaded(monkeypatch):
    """Threads for any program, which share out what they would in a longer one."""
    monkeypatch.setattr(shares_of, "WORTH_THREADS", 0.0)
    monkeypatch.setattr(shares_of, "LEAST_GAIN", 0.0)


def in_turn(program, shares, *args) -> None:
    """Compare what three threads give that go in either order."""
    for order in ((0, 1, 2), (2, 1, 0)):
        check(reference(program.graph, args), run_together(program, shares, args, 3, order), tolerance=1e-3)


@pytest.mark.usefixtures("always_threaded")
def test_what_is_soon_computed_is_each_threads_own():
    """Rows are gathered by places that every thread computes for itself, though they are not small."""
    x, places = numbers(40, 16), np.arange(64)[::-1].copy()

    def function(x, places):
        some = x[(places * 3 + 1) % 40]
        return np.tanh(np.tanh(some)), np.sin(some)

    program, shares = shared(function, x, places, split=False)
    own = [place for place in shares.own if place.bytes > 256]
    assert own
    assert all(place.bytes <= shares_of.OWN_BYTES for place in own)
    assert "split" in shares.ways.values()
    assert not shares.before
    in_turn(program, shares, x, places)


@pytest.mark.usefixtures("always_threaded")
def test_what_is_each_threads_own_is_not_much(monkeypatch):
    def function(x):
        return [np.cumsum(x[k] + k)[::-1] * x[k] for k in range(40)]

    x = numbers(40, 100)
    monkeypatch.setattr(shares_of, "ALL_OWN_BYTES", 4000)
    _, shares = shared(function, x, split=False)
    held = sum(place.bytes for place in shares.own if place.bytes > 256)
    assert 3200 <= held <= 4000


@pytest.mark.usefixtures("always_threaded")
def test_what_follows_a_long_block_waits_at_its_end(monkeypatch):
    """What a branch seldom does, such as shuffling, is not waited for where it did nothing."""
    x, flags = numbers(64, 40), np.array([True, False, False, True, False])

    def function(x, flags):
        def step(order, is_new):
            order = cr.cond(is_new, lambda: np.argsort(np.sum(np.sin(x[order]), 1), kind="stable"), lambda: order)
            return order, np.tanh(np.tanh(x[order]))

        return cr.scan(step, np.arange(64), flags)

    program, shares = shared(function, x, flags, split=False)
    (loop,) = (step for step in program.steps if isinstance(step, Repeat))
    (branch,) = (step for step in loop.body if isinstance(step, Branch))
    after = loop.body[loop.body.index(branch) + 1 :]
    assert not shares.at_end  # a short one
    assert any(step in shares.before for step in after)
    monkeypatch.setattr(shares_of, "WORTH_MEETING", 1_000)
    shares = share(program, 32)
    assert shares.at_end == {(branch, True)}
    assert not any(step in shares.before for step in after)
    in_turn(program, shares, x, flags)
    shares.at_end.clear()
    with pytest.raises(AssertionError):
        in_turn(program, shares, x, flags)


def test_far_bytes_take_their_time():
    """What is more than the nearest caches hold costs by its size, however little is computed."""

    def cost(count: int) -> float:
        (run,) = verified(graph_of(lambda x: x + 1, numbers(count))).steps
        return shares_of.run_nanoseconds(run, 64)

    near, far = shares_of.FAR_BYTES // 16, shares_of.FAR_BYTES // 8
    assert cost(far) > 2.2 * cost(near)
    assert cost(4 * far) > 3.9 * cost(far)
