"""Routines: every row of every operand, in every dtype."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.graph import OPERATIONS, Graph, Input, Routine
from chainrule.lower.expand import lowering_of
from chainrule.lower.program import Call, leaves
from chainrule.native.calls import CALLS, scratch_bytes
from chainrule.ops.rows import nonzero
from chainrule.types import ArrayType
from tests.lower.running import check, compare, compare_threads, compiled, graph_of, numbers, reference, verified


def calls(function, *args) -> set[str]:
    program = verified(graph_of(function, *args))
    return {step.name for step in leaves(program.steps) if isinstance(step, Call)}


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "i2", "u1", "?"])
@pytest.mark.parametrize("shape", [(7,), (5, 33), (3, 4, 100), (4, 1), (2, 0), (0, 5)])
def test_order_of_every_row(dtype, shape):
    x = numbers(*shape, dtype=dtype)
    compare(lambda x: (np.argsort(x), np.sort(x)), x)
    assert "argsort" in CALLS


def test_order_of_long_rows_needs_memory():
    x = numbers(3, 1000)
    compare(lambda x: (np.argsort(x, 1), np.argsort(x[:, ::-1], 1)), x)
    compare_threads(lambda x: np.sort(x, 1) + np.sort(x * 2, 1), x, counts=(2, 5))
    kind = ArrayType.of(x)
    assert scratch_bytes("argsort", [kind], (3, 1000)) > 0
    assert scratch_bytes("argmax", [kind], (3, 1000)) == 0


def test_equal_numbers_and_nan():
    x = np.array([[2.0, np.nan, 1, 1, np.nan, -0.0, 0.0], [0, 0, 0, 0, 0, 0, 0]])
    compare(lambda x: (np.argsort(x, 1), np.argmax(x, 1), np.argmin(x, 1), np.argmax(x, 0)), x)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i2", "u1", "?"])
@pytest.mark.parametrize("shape", [(7,), (5, 33), (3, 4, 100), (4, 1)])
def test_places_of_extremes(dtype, shape):
    x = numbers(*shape, dtype=dtype)
    compare(lambda x: [f(x, axis) for f in (np.argmax, np.argmin) for axis in range(x.ndim)], x)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searches(side):
    table, sought = np.sort(numbers(20).round(1)), np.round(numbers(3, 11, seed=1), 1)
    compare(lambda table, sought: np.searchsorted(table, sought, side), table, sought)
    compare(lambda table: np.searchsorted(table, table, side), table)


def graph_over(operation, *arrays, **parameters) -> Graph:
    inputs = [Input(ArrayType.of(array), f"x{k}") for k, array in enumerate(arrays)]
    return Graph(inputs, [operation(*inputs, **parameters)])


def test_searches_of_several_tables():
    """As the derivative of a batch has them: a table for each row."""
    search = OPERATIONS["searchsorted"]
    tables, sought = np.sort(numbers(4, 20), 1), numbers(4, 7, seed=1)
    sample = next(sample for sample in search.samples())
    graph = graph_over(search, tables, sought, **sample.parameters)
    check(reference(graph, [tables, sought]), compiled(graph).run([tables, sought]))


def test_places_that_hold():
    mask = numbers(6, 9, dtype=bool)
    for count in (0, 3, 9):
        graph = graph_over(nonzero, mask, count=count)
        check(reference(graph, [mask]), compiled(graph).run([mask]))


def test_random_words():
    from chainrule.ops.random import philox

    key = np.arange(6, dtype=np.uint64).reshape(3, 2)
    counter = np.arange(12, dtype=np.uint64).reshape(3, 4)
    for length in (0, 1, 5, 64, 100):
        graph = graph_over(philox, key, counter, length=length)
        assert isinstance(lowering_of(graph.outputs[0]), Routine)
        check(reference(graph, [key, counter]), compiled(graph).run([key, counter]))


def test_random_words_of_keys_that_are_broadcast_call_the_reference():
    from chainrule.ops.random import philox

    key, counter = np.arange(2, dtype=np.uint64), np.arange(12, dtype=np.uint64).reshape(3, 4)
    graph = graph_over(philox, key, counter, length=5)
    assert not isinstance(lowering_of(graph.outputs[0]), Routine)
    check(reference(graph, [key, counter]), compiled(graph).run([key, counter]))


def test_routines_of_matrices():
    x = numbers(4, 5, 5, dtype=np.float64) + 4 * np.eye(5)
    b = numbers(4, 5, 3, dtype=np.float64)
    for function in (
        lambda x, b: np.linalg.inv(x),
        lambda x, b: np.linalg.solve(x, b),
        lambda x, b: np.linalg.det(x),
        lambda x, b: np.linalg.cholesky(x @ np.swapaxes(x, 1, 2)),
    ):
        compare(function, x, b)
        compare_threads(function, x, b, counts=(1, 2))
