"""Evaluation in NumPy: values are held to the inputs, released when used up, and failures name their line."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, AxisError, DtypeError, GraphError, ShapeError
from chainrule.evaluate import Program, evaluate
from chainrule.graph import Graph, Input, constant
from chainrule.types import ArrayType

SCALAR = ArrayType.of(1.0)


def test_outputs_may_be_inputs_constants_and_twice_the_same():
    x, unused = Input(SCALAR, "x"), Input(SCALAR, "unused")
    y = np.sin(x)
    found = evaluate(Graph([x, unused], [x, constant(2), y, y]), 0.5, 9.0)
    assert [float(value) for value in found] == [0.5, 2, np.sin(0.5), np.sin(0.5)]
    assert found[1].dtype == np.int64
    assert evaluate(Graph([], [])) == ()


def test_no_warnings_and_the_values_of_ieee():
    graph = cr.trace(lambda x: (1 / x, np.log(x), x / x), np.float64(1))
    with np.errstate(all="raise"):
        found = evaluate(graph, 0.0)
    np.testing.assert_array_equal(found, [np.inf, -np.inf, np.nan])


def test_values_are_released_after_their_last_use():
    arrays = []

    def sine(x):
        assert sum(array() is not None for array in arrays) <= 1
        result = np.sin(x)
        arrays.append(weakref.ref(result))
        return result

    x = Input(ArrayType.of(np.ones(3)), "x")
    y = x
    for _ in range(5):
        y = np.sin(y)
    program = Program(Graph([x], [y]))
    program._steps = [(sine, *step[1:]) for step in program._steps]
    gc.disable()
    try:
        assert len(program.run([np.ones(3)])) == 1
    finally:
        gc.enable()
    assert len(arrays) == 5


def test_a_free_input():
    x, y = Input(SCALAR, "x"), Input(SCALAR, "y")
    with pytest.raises(GraphError, match="its own inputs alone"):
        Program(Graph([x], [x + y]))


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ((), ArgumentError, "0 for 2 inputs"),
        ((np.ones(3), 1, 2), ArgumentError, "3 for 2 inputs"),
        ((np.ones(4), 1), ShapeError, "float64[4]"),
        ((np.ones(3), 1.5), DtypeError, "int64[] for k"),
        ((np.ones(3), 1j), DtypeError, "int64[] for k"),
        ((np.array(["a"] * 3), 1), DtypeError, "float64[3] for x"),
    ],
)
def test_values_that_do_not_fit(values, error, words):
    graph = cr.trace(lambda x, k: x * k, np.ones(3), 2)
    with pytest.raises(error) as caught:
        evaluate(graph, *values)
    assert words in str(caught.value)


def test_a_function_is_no_graph():
    for evaluate_with in (cr.evaluate, cr.evaluate_exactly):
        with pytest.raises(ArgumentError, match=r"chainrule\.trace"):
            evaluate_with(np.sin, 1.0)


def test_failures_say_the_line_that_asked_for_the_value():
    solve = cr.jit(lambda a: np.linalg.inv(a))
    line = test_failures_say_the_line_that_asked_for_the_value.__code__.co_firstlineno + 1
    solve(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        solve(np.zeros((2, 2)))
    assert f"test_program.py:{line}" in caught.value.__notes__[0]
    look = cr.jit(lambda x, k: cr.numpy.take(x, k))
    look(np.ones(3), np.array([1]))
    with pytest.raises(AxisError) as caught:
        look(np.ones(3), np.array([5]))
    assert caught.value.location.line == line + 6
    graph = cr.trace(np.linalg.inv, np.eye(2))
    graph.outputs[0].location = None
    with pytest.raises(np.linalg.LinAlgError) as caught:
        evaluate(graph, np.zeros((2, 2)))
    assert not hasattr(caught.value, "__notes__")
