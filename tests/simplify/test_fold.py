"""Constant folding: what is computed ahead, and what is left to the run."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Constant, Graph, Input, constant
from chainrule.simplify import fold
from chainrule.simplify.fold import MOST_ELEMENTS
from chainrule.types import ArrayType


def folded(node):
    return fold(Graph([], [node])).outputs[0]


def test_constants_are_computed_to_the_bits_of_numpy():
    found = folded(np.sin(constant(np.float32(0.3))) * constant(np.float32(3)))
    assert isinstance(found, Constant)
    assert found.value.tobytes() == (np.sin(np.float32(0.3)) * np.float32(3)).tobytes()
    assert found.dtype == np.float32


def test_what_depends_on_inputs_stays():
    x = Input(ArrayType.of(1.0), "x")
    graph = Graph([x], [x * (constant(2.0) + 1), x])
    found = fold(graph)
    assert found.outputs[0].operands == (x, constant(3.0))
    assert found.outputs[1] is x
    unchanged = Graph([x], [np.sin(x)])
    assert fold(unchanged).outputs[0] is unchanged.outputs[0]


@pytest.mark.parametrize(("size", "is_folded"), [(MOST_ELEMENTS, True), (MOST_ELEMENTS + 1, False)])
def test_large_results_stay_nodes(size, is_folded):
    assert isinstance(folded(np.broadcast_to(constant(1.0), (size,))), Constant) is is_folded


def test_failures_and_warnings_belong_to_the_run():
    with np.errstate(all="raise"):
        assert np.isnan(folded(np.log(constant(-1.0))).value)
    singular = np.linalg.inv(constant(np.zeros((2, 2))))
    assert folded(singular) is singular
    f = cr.jit(lambda x: np.where(x > 0, x, np.linalg.inv(np.zeros((2, 2)) * x)[0, 0]))
    with pytest.raises(np.linalg.LinAlgError):
        f(1.0)
