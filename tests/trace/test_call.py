"""Functions over nodes, called on arrays, traced values and nodes."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import LeakError
from chainrule.graph import Input, Node, as_node, concrete
from chainrule.trace.call import apply_function, traceable
from chainrule.types import ArrayType


def parts(pair, shift=0.0):
    """Several results, one of them not a node."""
    x, y = map(as_node, pair)
    return {"sum": x + y + shift, "both": [x * y, "kept"]}


def test_arrays_give_arrays_in_the_same_containers():
    result = apply_function(parts, (np.array([1.0, 2.0]), 3), shift=1)
    assert result["sum"].tolist() == [5, 6]
    assert result["both"][0].tolist() == [3, 6]
    assert result["both"][1] == "kept"


def test_a_result_is_an_array_of_the_callers_own():
    given = np.zeros(3)
    result = apply_function(as_node, given)
    result[0] = 1
    assert given[0] == 0
    assert isinstance(apply_function(as_node, 1.0), np.float64)


def test_a_node_gives_nodes():
    x = Input(ArrayType.of(1.0))
    result = apply_function(parts, [x, 2.0])
    assert isinstance(result["sum"], Node)
    assert result["both"][0] is x * 2.0


def test_a_traced_value_takes_part_wherever_it_stands():
    assert cr.grad(lambda x: apply_function(parts, (x, x))["both"][0])(3.0) == 6
    assert cr.grad(lambda x: apply_function(parts, (1.0, 2.0), shift=x)["sum"])(3.0) == 1
    assert cr.grad(lambda x: cr.grad(lambda y: apply_function(parts, (x, y))["both"][0])(2.0))(3.0) == 1


def test_a_function_may_ask_for_numbers():
    count = traceable(lambda x: np.broadcast_to(x, (int(concrete(as_node(x), "nothing")),)))
    assert count(3).tolist() == [3, 3, 3]
    assert cr.jit(lambda x: count(x + 1))(1).tolist() == [2, 2]


def test_a_value_that_leaked_is_refused():
    kept = []
    cr.jit(lambda x: kept.append(x) or x)(1.0)
    with pytest.raises(LeakError):
        apply_function(parts, (kept[0], 1.0))


def test_the_wrapped_function_keeps_its_name():
    assert traceable(parts).__name__ == "parts"
    assert traceable(parts).__doc__ == parts.__doc__
