"""Kernels: the expressions that elements become."""

from __future__ import annotations

import numpy as np

from chainrule.graph import OPERATIONS, Graph, Input
from chainrule.loops import Load, in_order, scalars_of, statements
from chainrule.lower.program import Run, leaves
from chainrule.types import ArrayType
from tests.lower.interpreter import interpret_program
from tests.lower.running import check, graph_of, numbers, reference, verified

X, Y = numbers(7, 5), numbers(5, 9)


def runs(function, *args) -> list[Run]:
    return [step for step in leaves(verified(graph_of(function, *args)).steps) if isinstance(step, Run)]


def text(function, *args) -> str:
    (run,) = runs(function, *args)
    return str(run.kernel)


def test_an_elementwise_chain_with_a_broadcast():
    assert text(lambda x, r: x * r + 1, X, X[0]) == (
        "kernel add(input x0: float32[7, 5], input x1: float32[5], output y0: float32[7, 5]):\n"
        "  parallel for i0 in 0..7:\n"
        "    parallel for i1 in 0..5: y0[i0, i1] = (x0[i0, i1] * x1[i1]) + 1"
    )


def test_a_product_with_an_epilogue():
    assert text(lambda x, y: np.maximum(x @ y, 1), X, Y) .splitlines()[1:4] == [
        "  parallel for i0 in 0..7:", "    parallel for i1 in 0..9:", "      y0[i0, i1] = 0",
    ]  # fmt: skip
    body = text(lambda x, y: x @ y * 2, X, Y)
    assert "for r0 in 0..5: y0[i0, i1] += x0[i0, r0] * x1[r0, i1]" in body
    assert body.endswith("y0[i0, i1] = y0[i0, i1] * 2")


def test_axes_of_one_have_no_loop():
    body = text(lambda x: x.reshape(7, 1, 5) * 2, X)
    assert body.count("for ") == 2
    assert "y0[i0, 0, i2] = x0[i0, i2] * 2" in body


def test_a_slice_is_where_it_is_read():
    assert "x0[6 + (i0 * -1), 1 + (i1 * 2)]" in text(lambda x: x[::-1, 1::2] * 2, X) or "-1" in text(
        lambda x: x[::-1, 1::2] * 2, X
    )


def test_a_constant_of_one_value_is_a_number():
    body = text(lambda x: x * np.full((7, 5), 3, np.float32), X)
    assert "* 3" in body
    assert "x1" not in body
    table = text(lambda x: x * np.arange(5, dtype=np.float32), X)
    assert "input x1: float32[5]" in table
    zeros = np.zeros((7, 5), np.float32)
    zeros[0, 0] = -0.0
    assert "input x1" in text(lambda x: x * zeros, X)  # -0 is another number
    late = np.zeros(35, np.float32)
    late[34] = 1
    assert "input x1" in text(lambda x: x * late.reshape(7, 5), X)


def test_what_is_read_under_two_shapes_has_two_buffers():
    (run,) = runs(lambda x: np.sin(x.reshape(5, 7)) + x[0, 0] + x[:5, :1], X)
    assert len(run.reads) == 2
    assert run.places[0] is run.places[1]


def test_an_array_of_nothing_is_never_read():
    for function in (lambda x: x + 1, lambda x: np.sum(x, 0), lambda x: np.concatenate([x, x])):
        for run in runs(function, np.zeros((0, 3))):
            for statement in statements(run.kernel.body):
                for scalar in in_order(scalars_of(statement)):
                    assert not isinstance(scalar, Load) or scalar.buffer.role == "output" or 0 in scalar.buffer.shape


def test_equal_kernels_have_the_very_same_expressions():
    one, other = (runs(lambda x: np.sin(x) * 2, X)[0].kernel for _ in range(2))
    assert one.buffers == other.buffers
    first, second = (scalars_of(list(statements(kernel.body))[-1])[-1] for kernel in (one, other))
    assert first is second


def test_a_check_of_an_index_comes_before_what_reads_it():
    made = runs(lambda x, n: x[n] * 2, X, np.array([1, 2]))
    assert made[0].kernel.name == "check"
    assert "y0[] |= ~" in str(made[0].kernel)


def test_a_check_of_what_a_group_makes_comes_after_it():
    """It would find memory that nothing was written to, and call the evaluator for no reason."""
    x, n = Input(ArrayType((7,), np.dtype(np.float32)), "x"), Input(ArrayType((30,), np.dtype(np.int64)), "n")
    places = n + 1
    graph = Graph([x, n], [places, OPERATIONS["gather"](x, places)])
    written, steps = set(), list(leaves(verified(graph).steps))
    assert [len(step.writes) for step in steps if isinstance(step, Run) and step.kernel.name != "check"] == [2]
    for step in steps:
        assert all(place.kind == "input" or place.joined in written for place in step.reads)
        written |= {place.joined for place in step.writes}
    values = [numbers(7), np.arange(30) % 6]
    found, fault = interpret_program(verified(graph), values)
    check(reference(graph, values), found)
    assert not fault
    assert interpret_program(verified(graph), [values[0], values[1] + 1])[1]
