"""Strips: which kernels are taken together grain by grain, and that they compute what they do one by one."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower.program import Run, leaves
from chainrule.native import strips as strips_of
from chainrule.native.mapping import grain_of
from chainrule.native.share import share, split_nest
from chainrule.native.strips import STRIP_BYTES, strips
from tests.lower.running import (
    check,
    compare_threads,
    compiled,
    everything_split,
    graph_of,
    numbers,
    reference,
    same_bits,
    threads,
    verified,
    without,
)
from tests.lower.spmd import share_of

X, W, V, U = numbers(200, 32), numbers(32, 48, seed=1) / 6, numbers(48, 16, seed=2) / 6, numbers(16, 32, seed=3) / 6


@pytest.fixture(autouse=True)
def any_size(monkeypatch):
    """Strips of any size."""
    monkeypatch.setattr(strips_of, "STRIP_BYTES", 0)


def found(function, *args) -> list[tuple[int, list[str]]]:
    """The rows and the kernels of each strip."""
    with everything_split():
        program = verified(graph_of(function, *args))
        made = strips(program.steps, share(program, 32), 32)
    assert all(strip.steps[0] is first for first, strip in made.items())
    return [(strip.rows, [step.kernel.name for step in strip.steps]) for strip in made.values()]


def layers(x, w, v):
    return np.tanh(np.tanh(x @ w) @ v)


def test_kernels_that_go_through_the_same_rows():
    assert found(layers, X, W, V) == [(200, ["tanh", "tanh"])]
    assert found(lambda x, w, v: np.exp(layers(x, w, v)) @ U, X, W, V) == [(200, ["tanh", "exp", "contract"])]


def test_one_kernel_is_no_strip():
    assert found(lambda x, w: np.tanh(x @ w), X, W) == []


def test_a_barrier_ends_a_strip():
    """Columns of what was made are rows of every thread's."""
    assert found(lambda x, w, v: np.sum(np.exp(np.tanh(x @ w)) @ v, 0), X, W, V) == [(200, ["exp", "contract"])]
    cut = found(lambda x, w, v: np.tanh(np.sin(np.tanh(x @ w) @ v)[::-1] @ U) @ w, X, W, V)
    assert cut == [(200, ["tanh", "contract"]), (200, ["slice", "tanh", "contract"])]


def test_other_rows_end_a_strip():
    def function(x, w, v):
        return layers(x, w, v), layers(x[:80] * 2, w, v)

    assert sorted(rows for rows, _ in found(function, X, W, V)) == [80, 200]


def test_a_step_that_is_for_one_thread_ends_a_strip():
    def function(x, w, v):
        y = np.tanh(x @ w)
        order = np.argsort(x[:, :16], 1)
        return np.sin(y @ v) @ U, order.astype(np.float32) * np.exp(y @ v)

    assert all("argsort" not in names for _, names in found(function, X, W, V))
    compare_threads(function, X, W, V, counts=(1, 3))


def test_strips_inside_loops_and_branches():
    def step(c, s):
        return cr.cond(s > 0, lambda c: np.tanh(np.tanh(c @ W) @ V) @ U, lambda c: np.sin(np.sin(c @ W) @ V) @ U, c), s

    def looped(x):
        return cr.scan(step, x, x[:3, 0])[0]

    assert [names for _, names in found(looped, X)] == [["tanh", "tanh", "contract"], ["sin", "sin", "contract"]]
    compare_threads(looped, X)
    until = lambda x: cr.while_loop(lambda c: np.sum(c * c) > 50, lambda c: np.tanh(np.tanh(c @ W) @ V) @ U, x)  # noqa: E731
    assert ["tanh", "tanh"] in [names[:2] for _, names in found(until, X)]
    compare_threads(until, X)


def test_what_copies_panels_is_in_no_strip():
    """They are copied for all rows of a tile's columns, not for those of a grain."""
    x, w = numbers(512, 512), numbers(512, 512, seed=1)
    assert found(lambda x, w: np.tanh(np.tanh(x @ w) @ w), x, w) == []
    assert len(found(lambda x, w: np.tanh(np.tanh(x @ w) @ w), x[:, :64], numbers(64, 64, seed=1))) == 1


def test_small_strips_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(strips_of, "STRIP_BYTES", STRIP_BYTES)
    assert found(layers, X, W, V) == []
    assert len(found(layers, numbers(8192, 32), W, V)) == 1


def test_without_threads_there_are_none():
    program = verified(graph_of(layers, X, W, V))
    shares = share(program, 32)
    assert not shares.threaded
    assert strips(program.steps, shares, 32) == {}


@pytest.mark.parametrize("rows", [16, 17, 40, 64, 65, 100, 1000, 1024, 1025])
def test_the_grains_of_a_strip_are_those_of_its_kernels(rows):
    """A thread's grains, each divided among as many threads as there are grains, are its rows."""
    grains = -(-rows // grain_of(rows))
    for count in (1, 2, 3, 4, 8, 13):
        for number in range(count):
            start, stop = share_of(grains, number, count, 1)
            mine = [row for k in range(start, stop) for row in range(*share_of(rows, k, grains, grain_of(rows)))]
            assert mine == list(range(*share_of(rows, number, count, grain_of(rows))))


CHAINS = {
    "layers": layers,
    "three layers": lambda x, w, v: np.exp(layers(x, w, v)) @ U,
    "rows from the end": lambda x, w, v: np.tanh(np.sin(np.tanh(x @ w) @ v)[::-1] @ U) @ w,
    "a sum of columns": lambda x, w, v: (y := np.tanh(x @ w), np.sum(np.sin(y @ v), 0)),
    "softmax": lambda x, w, v: (e := np.exp(x @ w)) / np.sum(e, 1, keepdims=True),
    "gradient": lambda x, w, v: cr.grad(lambda w, v: np.sum(layers(x, w, v) ** 2), argnums=(0, 1))(w, v),
    "scan": lambda x, w, v: cr.scan(lambda c, s: (np.tanh(np.tanh(c @ w) @ v) @ U * s, np.sum(c)), x, v[:3, 0])[0],
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("rows", [16, 40, 101, 256])
def test_strips_give_the_bits_of_single_kernels(name, rows):
    x = numbers(rows, 32)
    graph = graph_of(CHAINS[name], x, W, V)
    with without("strips"):
        alone = compiled(graph, split=True).run([x, W, V])
    check(reference(graph, [x, W, V]), alone, tolerance=2e-4)
    made = compiled(graph, split=True)
    for count in (1, 2, 3, 5, 8):
        with threads(count):
            same_bits(alone, made.run([x, W, V]), f"{count} threads")


@pytest.mark.parametrize("batch", [64, 80, 112, 272])
def test_blocks_of_rows_in_strips(batch):
    """Rows are blocks of sixteen: 4, 5, 7 and 17 grains."""
    w, x = numbers(3, 1, 3, 3), numbers(batch, 1, 6, 6, seed=1)
    function = lambda w, x: cr.nn.max_pool(np.tanh(cr.nn.convolve(np.sin(x), w)), 2) * 2  # noqa: E731
    with everything_split():
        program = verified(graph_of(function, w, x))
        runs = [step for step in leaves(program.steps) if isinstance(step, Run)]
        assert batch // 16 in {nest.leading_extent for step in runs if (nest := split_nest(step, 32)) is not None}
    compare_threads(function, w, x, counts=(1, 2, 3, 8))
