"""Blocked arrays: which places are kept in blocks of rows, and that kernels mean the same afterwards."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Graph, Input
from chainrule.loops import parse_kernel, verify
from chainrule.lower.arena import lay_out_arena
from chainrule.lower.blocked import block_rows
from chainrule.lower.program import Call, Copy, Counter, Evaluate, Place, Program, Repeat, Run, leaves
from chainrule.types import ArrayType
from tests.lower.interpreter import interpret_program
from tests.lower.programs import PROGRAMS, pooled
from tests.lower.running import (
    WIDTHS,
    check,
    compare,
    compare_threads,
    compiled,
    graph_of,
    numbers,
    reference,
    values_of,
    verified,
    without,
)


def place(name: str, *shape: int, kind="local", dtype=np.float32, **facts) -> Place:
    return Place(name, ArrayType(shape, np.dtype(dtype)), kind, **facts)


def run(text: str, *places: Place) -> Run:
    return Run(parse_kernel(f"kernel f({text}"), places)


def plain(source: Place, target: Place, value: str = "x[i, j] + 1") -> Run:
    """An elementwise kernel of two places of one shape."""
    rows, columns = target.type.shape
    return run(
        f"input x: float32[{rows}, {columns}], output y: float32[{rows}, {columns}]):\n"
        f"  parallel for i in 0..{rows}:\n    parallel for j in 0..{columns}: y[i, j] = {value}",
        source,
        target,
    )


def slide(source: Place, target: Place, where: str = "i, j + r") -> Run:
    """A fold along the columns, three at a time."""
    rows, columns = source.type.shape
    return run(
        f"input x: float32[{rows}, {columns}], output y: float32[{rows}, {columns - 2}]):\n"
        f"  parallel for i in 0..{rows}:\n    parallel for j in 0..{columns - 2}:\n"
        f"      y[i, j] = 0\n      for r in 0..3: y[i, j] += x[{where}]",
        source,
        target,
    )


class Chain:
    """An input, an array around it, a slide over that, an array around the result, an output."""

    def __init__(self, rows: int = 64, columns: int = 5) -> None:
        self.rows = rows
        self.source, self.out = (
            place("in0", rows, columns, kind="input"),
            place("out0", rows, columns - 2, kind="output"),
        )
        self.before = place("a", rows, columns)
        self.slid, self.after = place("b", rows, columns - 2), place("c", rows, columns - 2)
        self.steps = [
            plain(self.source, self.before),
            slide(self.before, self.slid),
            plain(self.slid, self.after, "x[i, j] * 2"),
            plain(self.after, self.out, "x[i, j] - 1"),
        ]

    def blocked(self) -> set[str]:
        """The places that the pass keeps in blocks; its program gives the same as before."""
        x = Input(self.source.type, "x")
        fault = place("fault", dtype=bool, kind="output", number=-1)
        program = lay_out_arena(Program(Graph([x], [x]), [self.source], [self.out], self.steps, fault))
        values = [numbers(*self.source.type.shape)]
        (expected,), _ = interpret_program(program, values)
        (found,), _ = interpret_program(block_rows(program), values)
        np.testing.assert_array_equal(found, expected)
        names = set()
        for step in leaves(program.steps):
            if isinstance(step, Run):
                verify(parse_kernel(str(step.kernel).replace("output ", "temporary ")))
                for buffer, where in zip(step.kernel.buffers, step.places, strict=True):
                    if buffer.shape[-1:] == (16,) and buffer.shape[0] * 16 == self.rows:
                        names.add(where.joined.root.name)
        return names


def test_what_is_slid_over_is_blocked_and_what_goes_with_it():
    chain = Chain()
    assert chain.blocked() == {"a", "b", "c"}
    _, kernel, *_ = (step.kernel for step in chain.steps)
    assert str(kernel) == (
        "kernel f(input x: float32[4, 5, 16], output y: float32[4, 3, 16]):\n"
        "  parallel for i_block in 0..4:\n"
        "    parallel for j in 0..3:\n"
        "      parallel for i_row in 0..16:\n"
        "        y[i_block, j, i_row] = 0\n"
        "        for r in 0..3: y[i_block, j, i_row] += x[i_block, j + r, i_row]"
    )
    assert "x[(i_block * 16) + i_row, j]" in str(chain.steps[0].kernel)


@pytest.mark.parametrize("rows", [16, 48, 63, 72, 100])
def test_few_rows_and_ragged_ones_stay(rows):
    assert Chain(rows).blocked() == set()


@pytest.mark.parametrize("rows", [64, 80, 160])
def test_any_number_of_whole_blocks(rows):
    assert Chain(rows).blocked() == {"a", "b", "c"}


def test_without_a_convolution_nothing_is_blocked():
    chain = Chain()
    chain.steps[1] = slide(chain.before, chain.slid, "i, j")
    before = [str(step.kernel) for step in chain.steps]
    assert chain.blocked() == set()
    assert [str(step.kernel) for step in chain.steps] == before


@pytest.mark.parametrize("value", ["x[63 - i, j]", "x[0, j]", "x[i, 0] + x[minimum(i + 1, 63), j]"])
def test_what_is_read_at_other_rows_stays(value):
    chain = Chain()
    chain.steps[2] = plain(chain.slid, chain.after, value)
    assert chain.blocked() == {"a"}


def test_what_is_read_at_other_rows_before_the_slide_stays():
    chain = Chain()
    chain.steps[1] = slide(chain.before, chain.slid, "63 - i, j + r")
    assert chain.blocked() == set()


def test_what_is_slid_over_by_two_rows_stays():
    chain = Chain()
    chain.steps[2] = plain(chain.slid, chain.after, "x[i, j] * x[j, i % 3]")
    assert chain.blocked() == {"a"}


def test_what_is_filled_stays():
    chain = Chain()
    chain.steps[0] = run("output y: float32[64, 5]):\n  fill y = 2", chain.before)
    assert chain.blocked() == set()


def test_a_kernel_that_fills_something_else_is_rewritten():
    chain = Chain()
    other = place("q", 7)
    chain.steps[0] = run(
        "input x: float32[64, 5], output y: float32[64, 5], output z: float32[7]):\n"
        "  fill z = 2\n  parallel for i in 0..64:\n    parallel for j in 0..5: y[i, j] = x[i, j] + 1",
        chain.source,
        chain.before,
        other,
    )
    assert chain.blocked() == {"a", "b", "c"}


def test_what_is_written_in_parts_of_its_rows_stays():
    chain = Chain()
    chain.steps[0] = run(
        "input x: float32[64, 5], output y: float32[64, 5]):\n"
        "  parallel for i in 0..64:\n    parallel for j in 0..5: y[i, j] = 1\n"
        "  parallel for k in 1..64:\n    parallel for j in 0..5: y[k, j] = x[k - 1, j]",
        chain.source,
        chain.before,
    )
    assert chain.blocked() == set()


def test_a_name_of_loops_of_two_lengths_ties_nothing():
    chain = Chain()
    chain.steps[0] = run(
        "input x: float32[64, 5], output y: float32[64, 5]):\n"
        "  parallel for i in 0..64:\n    parallel for j in 0..5: y[i, j] = 1\n"
        "  parallel for i in 0..32:\n    parallel for j in 0..5: y[i, j] = x[i, j]",
        chain.source,
        chain.before,
    )
    assert chain.blocked() == set()


def test_several_nests_and_conditions_are_rewritten():
    chain = Chain()
    chain.steps[0] = run(
        "input x: float32[64, 5], output y: float32[64, 5]):\n"
        "  parallel for i in 0..64:\n    parallel for j in 0..5: y[i, j] = float32(i)\n"
        "  for k in 0..64:\n    for l in 0..5:\n      if x[k, l] > 0:\n"
        "        if k > 20: y[k, l] = (x[k, l] + y[k, l]) - float32(k)",
        chain.source,
        chain.before,
    )
    assert chain.blocked() == {"a", "b", "c"}
    assert "if ((k_block * 16) + k_row) > 20" in str(chain.steps[0].kernel)


def test_a_fold_over_rows_keeps_its_order():
    """The sum over a batch, as the gradients of weights are: rows come one after another as before."""
    chain = Chain()
    total = place("t", 3)
    chain.steps[3:] = [
        run(
            "input x: float32[64, 3], output y: float32[3]):\n"
            "  parallel for j in 0..3:\n    y[j] = 0\n    for r in 0..64: y[j] += x[r, j]",
            chain.after,
            total,
        ),
        run(
            "input x: float32[3], input z: float32[64, 3], output y: float32[64, 3]):\n"
            "  parallel for i in 0..64:\n    parallel for j in 0..3: y[i, j] = x[j] * z[i, j]",
            total,
            chain.after,
            chain.out,
        ),
    ]
    assert chain.blocked() == {"a", "b", "c"}
    assert "for r_block in 0..4:\n      for r_row in 0..16: y[j] += x[r_block, j, r_row]" in str(chain.steps[3].kernel)


def test_a_place_under_several_shapes():
    chain = Chain(columns=6)
    chain.steps[2] = run(
        "input x: float32[1, 64, 2, 2], output y: float32[64, 4]):\n"
        "  parallel for i in 0..64:\n    parallel for j in 0..4: y[i, j] = x[0, i, j / 2, j % 2]",
        chain.slid,
        chain.after,
    )
    assert chain.blocked() == {"a", "b", "c"}
    assert [one.shape for one in chain.steps[2].kernel.buffers] == [(4, 2, 2, 16), (4, 4, 16)]
    chain = Chain(columns=6)
    chain.steps[2] = run(
        "input x: float32[256], output y: float32[64, 4]):\n"
        "  parallel for i in 0..64:\n    parallel for j in 0..4: y[i, j] = x[(i * 4) + j]",
        chain.slid,
        chain.after,
    )
    assert chain.blocked() == {"a"}
    chain = Chain(columns=66)
    chain.steps[2] = run(  # as many rows, but other ones: a place that two kernels see with rows of two lengths
        "input x: float32[32, 128], output y: float32[64, 64]):\n"
        "  for i in 0..32:\n    for j in 0..128: y[(i * 2) + (j / 64), j % 64] = x[i, j]",
        chain.slid,
        chain.after,
    )
    assert chain.blocked() == {"a"}


def test_what_a_copy_touches_stays():
    chain = Chain()
    chain.steps[0:1] = [Copy(chain.before, chain.source)]
    assert chain.blocked() == set()
    chain = Chain()
    chain.steps[3:] = [Copy(chain.out, chain.after)]
    assert chain.blocked() == {"a", "b"}


@pytest.mark.parametrize("kind", ["callback reads", "callback writes", "routine reads", "routine writes", "works in"])
def test_what_python_or_a_routine_touches_stays(kind):
    chain = Chain()
    node = graph_of(lambda x: np.linalg.inv(x), np.eye(3)).outputs[0]
    mine, other = (chain.slid,), (place("q", 64, 3),)
    types = chain.slid.type, chain.slid.type
    step = {
        "callback reads": Evaluate(node, mine, other),
        "callback writes": Evaluate(node, other, mine),
        "routine reads": Call("argsort", mine, other, types, (64, 3), place("scratch", 1)),
        "routine writes": Call("argsort", other, mine, types, (64, 3), place("scratch", 1)),
        "works in": Call("argsort", other, other, types, (64, 3), chain.slid),
    }[kind]
    x = Input(chain.source.type, "x")
    steps = [*chain.steps[:2], step, *chain.steps[2:]]
    block_rows(Program(Graph([x], [x]), [chain.source], [chain.out], steps, place("fault", dtype=bool)))
    assert [one.shape for one in chain.steps[1].kernel.buffers] == [(4, 5, 16), (64, 3)]


def test_slices_of_a_stack_stay():
    chain = Chain()
    counter = Counter("n")
    stack = place("s", 2, 64, 3)
    row = place("s'", 64, 3, base=stack, counter=counter)
    body = [slide(chain.before, row)]
    chain.steps[1:3] = [
        Repeat(counter, 2, False, False, body),
        run(
            "input x: float32[2, 64, 3], output y: float32[64, 3]):\n"
            "  parallel for i in 0..64:\n    parallel for j in 0..3: y[i, j] = x[0, i, j] + x[1, i, j]",
            stack,
            chain.after,
        ),
    ]
    assert chain.blocked() == {"a"}


def test_inputs_and_outputs_stay():
    chain = Chain()
    chain.steps[:] = [slide(chain.source, chain.out)]
    assert chain.blocked() == set()


# ------------------------------------------------------------------------------------------------------------- graphs


def arguments(batch: int, channels: int = 2, side: int = 4, dtype=np.float32):
    weights = [numbers(channels, 1, 3, 3, dtype=dtype), numbers(channels * (side // 2) ** 2, 3, dtype=dtype, seed=1)]
    return weights, numbers(batch, 1, side, side, dtype=dtype, seed=2), numbers(batch, 3, dtype=dtype, seed=3)


def blocks(function, *args) -> int:
    program = verified(graph_of(function, *args))
    return sum("_block" in str(step.kernel) for step in leaves(program.steps) if isinstance(step, Run))


@pytest.mark.parametrize("batch", [1, 16, 60, 64, 72, 96])
def test_nets_of_every_batch(batch):
    args = arguments(batch)
    assert bool(blocks(cr.grad(pooled), *args)) == (batch in (64, 96))
    compare(cr.grad(pooled), *args)


def test_a_net_of_doubles():
    args = arguments(64, dtype=np.float64)
    assert blocks(cr.grad(pooled), *args)
    for width in WIDTHS:
        compare(cr.grad(pooled), *args, width=width)


def test_blocked_kernels_mean_what_others_do():
    function, args = PROGRAMS["blocked rows"]
    assert blocks(function, *args) > 5
    graph, values = graph_of(function, *args), values_of(*args)
    expected = reference(graph, values)
    check(expected, interpret_program(verified(graph), values)[0])
    for off in (("blocking",), ("blocking", "strips"), ("packing", "parting"), ("join",), ("inlining",)):
        check(expected, compiled(graph, off=off).run(values), str(off))
    with without("blocking"):
        assert blocks(function, *args) == 0
    compare_threads(function, *args)


def test_training_in_a_loop():
    """Carries that are blocked are so in every step: what one leaves the next one reads."""
    (w, v), x, y = arguments(64)

    def step(state, pair):
        gradient = cr.grad(pooled)(state, *pair)
        return [a - 0.1 * b for a, b in zip(state, gradient, strict=True)], pooled(state, *pair)

    args = [w, v], np.stack([x, -x, x * 2]), np.stack([y, y, y])
    function = lambda w, x, y: cr.scan(step, w, (x, y))  # noqa: E731
    assert blocks(function, *args)
    compare(function, *args)
    compare_threads(function, *args, counts=(1, 3))


def test_a_carry_around_a_convolution():
    w = numbers(1, 1, 3, 3) / 4

    def function(x):
        return cr.scan(
            lambda c, s: (np.tanh(cr.nn.convolve(c, w, padding=1)) * s, np.sum(c)), x, np.ones(3, np.float32)
        )

    compare(function, numbers(64, 1, 4, 5))
    compare_threads(function, numbers(64, 1, 4, 5), counts=(1, 3))


@pytest.mark.parametrize("settings", [{"padding": 1}, {"stride": 2}, {"dilation": 2}, {"padding": 2, "stride": (1, 2)}])
def test_two_convolutions_one_after_another(settings):
    w, v = numbers(2, 1, 3, 3), numbers(3, 2, 1, 2, seed=1)

    def loss(w, v, x):
        return np.sum(np.tanh(cr.nn.convolve(np.tanh(cr.nn.convolve(x, w, **settings)), v)) ** 2)

    args = w, v, numbers(64, 1, 7, 8)
    assert blocks(cr.grad(loss, argnums=(0, 1, 2)), *args)
    compare(cr.grad(loss, argnums=(0, 1, 2)), *args)
