"""Long stretches of steps as a list: they compute what they do written out, in code that does not grow with them."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.native import ir, routine
from chainrule.native.routine import emit_program
from chainrule.native.share import share
from chainrule.native.state import FAULT
from tests.lower.running import compare, compare_threads, everything_split, graph_of, numbers, verified

X, W = numbers(16, 24), numbers(24, 24, seed=1) / 5
SMALL = numbers(5)


@pytest.fixture
def everything_listed(monkeypatch):
    """No stretch is too short, and no kernel is put in the place of its call."""
    monkeypatch.setattr(routine, "LONG", 1)
    monkeypatch.setattr(routine, "MOST_KERNELS_INLINED", 0)


def layers(depth):
    def function(x, w):
        for _ in range(depth):
            x = np.tanh(x @ w)
        return np.sum(x)

    return function


def module_of(function, *args, split: bool = False) -> ir.Module:
    program = verified(graph_of(function, *args))
    if not split:
        return emit_program(program, share(program, 32), 32)
    with everything_split():
        return emit_program(program, share(program, 32), 32)


@pytest.mark.parametrize("split", [False, True])
def test_the_code_of_equal_layers_does_not_grow(split):
    def lines(depth: int) -> int:
        module = module_of(cr.grad(layers(depth)), X, W, split=split)
        return sum(len(block.lines) for function in module.functions for block in function.blocks)

    assert lines(120) == lines(240) < 2 * lines(20)


def test_only_long_stretches_are_listed():
    assert '@"steps.' not in str(module_of(layers(60), X, W))
    assert str(module_of(layers(160), X, W)).count('@"steps.') > 1


def test_a_long_program_computes_the_same():
    compare(cr.value_and_grad(layers(100)), X, W)
    compare_threads(cr.value_and_grad(layers(100)), X, W, counts=(1, 3))


def scan(x, w):
    def step(carry, row):
        carry = np.tanh((carry + row) @ w)
        return carry, (row * 2, np.sum(carry))

    return cr.scan(step, x[0], x)


def slices_of_slices(x, w):
    inner = lambda carry, row: (carry + row, np.cumsum(carry * row))  # noqa: E731
    return cr.scan(lambda carry, rows: (carry, cr.scan(inner, carry, rows, reverse=True)[1]), w[0], x.reshape(4, 4, 24))


def steps_apart(x, w):
    return cr.scan(lambda carry, row: (carry, np.cumsum(np.exp(row[:, None] * w) @ w, 1)), (), x)[1]


def choice(x, w):
    x = cr.cond(np.sum(x) > 0, lambda x: np.cumsum(x, 1), lambda x: np.cumsum(x, 0), x)
    return cr.while_loop(lambda x: np.sum(np.abs(x)) > 1, lambda x: np.tanh(x @ w) / 2, x)


def small_values(x, w):
    total = np.cumsum(x[0])
    for k in range(6):
        total = np.tanh(np.cumsum(total * w[k]) + np.sum(total) / 9)
    return total, np.cumsum(x, 1) * total


def swapped(x, w):
    return cr.scan(lambda pair, _: ((pair[1], pair[0]), pair[0]), (x, x[::-1]), np.zeros(3, np.float32))


@pytest.mark.parametrize("function", [layers(3), scan, slices_of_slices, steps_apart, choice, small_values, swapped])
def test_listed_steps_compute_the_same(everything_listed, function):
    assert '@"steps.' in str(module_of(function, X, W))
    compare(function, X, W)
    compare_threads(function, X, W, counts=(1, 2, 5))


@pytest.mark.parametrize("function", [layers(3), scan, small_values])
def test_listed_gradients_compute_the_same(everything_listed, function):
    def loss(x, w):
        return sum(np.sum(np.sin(leaf)) for leaf in cr.pytree.flatten(function(x, w))[0])

    compare_threads(cr.grad(loss), X, W, counts=(1, 3))


def test_a_listed_check_sets_the_fault(everything_listed):
    made = compare(lambda x, k: np.cumsum(np.take(x, k)), SMALL, np.array([1, 3]))
    assert not made.free[-1].state[FAULT]
    with pytest.raises(cr.ChainruleError):
        made.run([SMALL, np.array([1, 5])])
