"""Nodes: equal ones are one, constants are fixed, and nothing is kept alive that nobody holds."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

from chainrule.errors import DtypeError, GraphError
from chainrule.graph import Graph, Input, apply, as_node, constant, depends_on, in_order, project, substitute
from chainrule.graph import node as module
from chainrule.types import ArrayType

SCALAR = ArrayType.of(1.0)


def test_equal_nodes_are_one():
    x = Input(SCALAR, "x")
    assert np.sin(x) is np.sin(x)
    assert (x + 1) is (x + 1.0)
    assert np.sum(x, axis=()) is np.sum(x, axis=())
    assert Input(SCALAR, "x") is not x
    assert np.sin(Input(SCALAR, "x")) is not np.sin(x)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (0.0, -0.0),
        (1.0, 1),
        (1, True),
        (np.float32(1), np.float64(1)),
        (np.zeros((1, 2)), np.zeros((2, 1))),
        (np.zeros(0), np.zeros((0, 1))),
        (np.nan, -np.nan),
    ],
)
def test_constants_that_differ_in_a_bit_or_in_type_are_two(one, other):
    assert constant(one) is not constant(other)
    assert constant(one) is constant(one)


def test_zero_of_each_sign_keeps_its_sign_in_a_graph():
    x = Input(SCALAR, "x")
    assert (1 / (x * 0.0)) is not (1 / (x * -0.0))


def test_constants_are_copies_and_read_only():
    array = np.ones(3)
    node = constant(array)
    array[0] = 5
    assert node.value[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        node.value[0] = 2


def test_constants_of_other_byte_orders_and_layouts():
    assert constant(np.ones(2, ">f4")) is constant(np.ones(2, "<f4"))
    assert constant(np.arange(6.0).reshape(2, 3).T) is constant(np.arange(6.0).reshape(2, 3).T.copy())


def test_large_constants_are_one_object_each():
    array = np.zeros(65)
    assert constant(array) is not constant(array)


@pytest.mark.parametrize("value", [np.ma.array([1.0, 2.0], mask=[True, False]), np.array([1j]), np.array(["a"]), None])
def test_what_cannot_be_a_constant(value):
    with pytest.raises(DtypeError):
        constant(value)


def test_nodes_have_no_truth():
    x = Input(SCALAR, "x")
    with pytest.raises(GraphError, match="<equal: bool"):
        bool(x == x)
    assert repr(x) == "<input: float64[]>"
    assert repr(constant(1)) == "<constant: int64[]>"


def test_graphs_die_with_their_last_holder():
    gc.collect()
    gc.disable()
    try:
        before = len(module._nodes)
        x = Input(SCALAR, "x")
        top = x
        for _ in range(100):
            top = np.sin(top) + 0.123
        assert len(module._nodes) > before + 100
        watched = weakref.ref(top.operands[0])
        del top
        assert watched() is None
        assert len(module._nodes) <= before
    finally:
        gc.enable()


def test_a_chain_of_any_depth_can_be_dropped():
    top = Input(SCALAR, "x")
    for _ in range(50_000):
        top = apply(np_sin, (top,))
    del top


np_sin = np.sin(Input(SCALAR)).operation


def test_order_is_operands_first_and_stops_at_known_nodes():
    x = Input(SCALAR, "x")
    inner = np.sin(x)
    outer = inner * inner
    assert in_order([outer, inner]) == [x, inner, outer]
    assert in_order([outer], known={inner}) == [outer]
    assert in_order([], known={inner}) == []


def test_dependence_and_substitution():
    x, y = Input(SCALAR, "x"), Input(SCALAR, "y")
    root = np.sin(x) * np.cos(y)
    assert depends_on([root], [x]) == {x, np.sin(x), root}
    assert depends_on([root], [x], fixed={np.sin(x)}) == {x}
    assert substitute([root, constant(2.0)], {x: y}) == [np.sin(y) * np.cos(y), constant(2.0)]
    assert Graph([x, y], [root])(y, x)[0] is np.sin(y) * np.cos(x)


def test_as_node():
    x = Input(SCALAR, "x")
    assert as_node(x) is x
    assert as_node(2.5) is constant(2.5)


def test_only_results_that_exist_can_be_projected():
    with pytest.raises(GraphError, match="more than 0 results"):
        apply(project, (Input(SCALAR),), {"index": 0})
