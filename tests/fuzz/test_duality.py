"""Inner products of forward and of reverse mode: the same number, and no wider bound than can tell a fault."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np

from chainrule.graph import OPERATIONS, Graph, Input, apply, constant
from chainrule.types import ArrayType
from tests.fuzz import duality
from tests.fuzz.backends import reference
from tests.fuzz.case import Case, parse_case
from tests.fuzz.compare import expect
from tests.fuzz.duality import apart, disagreement, dual
from tests.fuzz.generate import generate

TEXT = """# tanh
graph(x: float32[3]) {
  %1: float32[3] = tanh(x)
  return %1
}
# the values of the inputs, as a graph whose views give their layouts in memory
graph() {
  %1: float32[3] = constant([0.5, -1.0, 2.0])
  return %1
}
"""


def test_most_graphs_have_both_and_a_bound_that_tells_something() -> None:
    found = [both for both in map(dual, map(generate, range(200))) if both is not None]
    expected = [expect(both.graph, both.values) for both in found]
    assert len(found) > 100
    assert not any(map(apart, expected))
    finite = [one for one in expected if one.error is None and np.isfinite(one.outputs[0].value)]
    close = [one for one in finite if sum(float(side.error) for side in one.outputs) < 1e-3 * abs(one.outputs[0].value)]
    assert len(close) > len(found) / 4


def test_a_wrong_adjoint_is_seen() -> None:
    case = parse_case(TEXT)
    assert disagreement(case, reference) == ""
    right = duality.reverse

    def off(cotangent: Any) -> Any:
        return cotangent * np.float32(1.001)

    with mock.patch.object(duality, "reverse", lambda *given: [off(g) for g in right(*given)]):
        assert "<g, J t> = " in disagreement(case, reference)


def test_what_has_no_derivative_has_none() -> None:
    x = Input(ArrayType.of(np.float32(1)), "x")
    for name in ("floor", "signbit"):
        graph = Graph([x], [apply(OPERATIONS[name], (x,), {})])
        assert disagreement(Case(graph, Graph([], [constant(np.float32(1))])), reference) == ""


def test_a_backward_of_its_own_is_left_alone() -> None:
    cases = [case for case in map(generate, range(100)) if "custom_vjp(" in str(case.graph)]
    assert cases
    assert [dual(case) for case in cases] == [None] * len(cases)


def test_conversions_between_floating_dtypes_are_left_alone() -> None:
    x = Input(ArrayType.of(np.float32(1)), "x")
    wide, whole = (apply(OPERATIONS["astype"], (x,), {"dtype": np.dtype(name)}) for name in ("float64", "int32"))
    given = Graph([], [constant(np.float32(1.5))])
    assert dual(Case(Graph([x], [wide]), given)) is None
    assert dual(Case(Graph([x], [np.exp(x), whole]), given)) is not None
