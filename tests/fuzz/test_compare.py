"""Bounds: exact where nothing rounds, wide enough where something does, and open where rounding decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chainrule.graph import Graph, Input, parse_graph
from chainrule.types import ArrayType
from tests.fuzz.analysis import analyse
from tests.fuzz.bounded import Bounded, bounded, exactly
from tests.fuzz.case import Case
from tests.fuzz.compare import check, compare, expect

EPS = np.finfo(np.float64).eps


def outcome(line: str, *operands: Any) -> Bounded:
    """The last value of some lines of a graph, with its bound; operands may have errors."""
    parts = [one if isinstance(one, Bounded) else exactly(one) for one in operands]
    inputs = ", ".join(f"x{k}: {ArrayType.of(one.value)}" for k, one in enumerate(parts))
    (found,) = analyse(parse_graph(f"graph({inputs}) {{ {line} return %1 }}"), parts)
    return found


def rough(*numbers: float, error: float = 1e-12) -> Bounded:
    """Numbers that were rounded."""
    return bounded(np.array(numbers), error)


def test_movement_and_small_whole_numbers_are_exact() -> None:
    x = np.array([1.0, -2.0, 3.0])
    for line in (
        "%1: float64[3] = negative(x0)",
        "%1: float64[3] = multiply(x0, x0)",
        "%1: float64[] = sum(x0) {axes=(0,)}",
        "%1: float64[] = contract(x0, x0) {indices='i,i->'}",
        "%1: float64[3] = slice(x0) {ranges=((2, 3, -1),)}",
        "%1: float32[3] = astype(x0) {dtype=float32}",
        "%1: float64[3] = cumprod(x0) {axis=0}",
    ):
        assert outcome(line, x).exact, line


def test_a_sum_is_bounded_by_its_terms_not_by_its_result() -> None:
    found = outcome("%1: float64[] = sum(x0) {axes=(0,)}", np.array([1e10 + 0.5, -1e10, 0.25]))
    assert 2e10 * EPS < found.error < 20 * 2e10 * EPS


def test_errors_grow_where_the_slope_is_steep() -> None:
    found = outcome("%1: float64[2] = exp(x0)", rough(0.0, 5.0))
    assert 1e-12 <= found.error[0] < 1e-11
    assert np.exp(5) * 1e-12 <= found.error[1] < np.exp(5) * 1e-11


@pytest.mark.parametrize(
    ("line", "open_", "certain"),
    [
        ("%1: float64[1] = floor(x0)", 2.0, 2.5),
        ("%1: float64[1] = sign(x0)", 0.0, 1.0),
        ("%1: int64[1] = astype(x0) {dtype=int64}", 3.0, 3.5),
        ("%1: bool[1] = signbit(x0)", 0.0, -1.0),
        ("%1: float64[1] = reciprocal(x0)", 0.0, 2.0),
        ("%1: bool[1] = astype(x0) {dtype=bool}", 0.0, 2.0),
        ("%1: float64[1] = spacing(x0)", 2.0, None),
    ],
)
def test_what_rounding_decides_is_open(line: str, open_: float, certain: float | None) -> None:
    assert np.isinf(outcome(line, rough(open_)).error).all()
    assert not np.isinf(outcome(line, open_ * np.ones(1)).error).any()
    if certain is not None:
        assert not np.isinf(outcome(line, rough(certain)).error).any()


@pytest.mark.parametrize("name", ["less", "equal", "not_equal", "greater_equal"])
def test_comparisons_are_open_where_operands_touch(name: str) -> None:
    found = outcome(f"%1: bool[2] = {name}(x0, x1)", rough(1.0, 2.0), np.array([1.0, 1.0]))
    assert found.error.tolist() == [np.inf, 0]


def test_places_are_open_where_rivals_touch() -> None:
    near, far = rough(1.0, 1.0 + 1e-13, 0.0), rough(1.0, 2.0, 0.0)
    for line in ("%1: int64[] = argmax(x0) {axis=0}", "%1: int64[3] = argsort(x0) {axis=0}"):
        assert np.isinf(outcome(line, near).error).all()
        assert outcome(line, far).exact
    assert outcome("%1: int64[] = argmin(x0) {axis=0}", near).exact
    table = np.array([[0.0, 1.0, 2.0]])
    found = outcome(
        "%1: int64[1, 2] = searchsorted(x0, x1) {side='left'}", table, bounded(np.array([[1.0, 1.5]]), 1e-9)
    )
    assert found.error.tolist() == [[np.inf, 0]]


def test_an_open_condition_opens_what_differs() -> None:
    condition = Bounded(np.array([True, True]), np.array([np.inf, np.inf]))
    found = outcome("%1: float64[2] = where(x0, x1, x2)", condition, np.array([1.0, 2.0]), np.array([1.0, 3.0]))
    assert found.error.tolist() == [0, np.inf]
    assert np.isinf(outcome("%1: bool[] = any(x0) {axes=(0,)}", condition).error)


def test_infinity_times_what_may_be_zero_is_open() -> None:
    x, y = np.array([np.inf, 1.0]), rough(0.0, 1.0)
    assert np.isinf(outcome("%1: float64[] = contract(x0, x1) {indices='i,i->'}", x, y).error)
    assert np.isinf(outcome("%1: float64[2] = multiply(x0, x1)", x, y).error[0])
    assert np.isinf(outcome("%1: float64[] = sum(x0) {axes=(0,)}", np.array([1e308, 1e308, -1e308])).error)


def _expected(value: Any, error: float = 0.0) -> Any:
    x = Input(ArrayType.of(value), "x")
    expected = expect(Graph([x], [x]), [np.asarray(value)])
    expected.outputs[0].error[...] = error
    return expected


@pytest.mark.parametrize(
    ("value", "error", "found", "words"),
    [
        (np.array([1.0, 2.0]), 0.0, np.array([1.0, 2.0 + 4e-16]), "at (1,) instead of np.float64(2.0)"),
        (np.array([1.0]), 1e-9, np.array([1.0 + 2e-9]), "more than 1e-09 away from"),
        (np.array([0.0]), 0.0, np.array([-0.0]), "np.float64(-0.0) at (0,) instead of np.float64(0.0)"),
        (np.array([np.nan]), 0.0, np.array([1.0]), "instead of np.float64(nan)"),
        (np.array([np.inf]), 1.0, np.array([-np.inf]), "np.float64(-inf)"),
        (np.array([True]), 0.0, np.array([False]), "np.False_ at (0,)"),
        (np.array([1]), 0.0, np.array([1.0]), "float64[1] instead of int64[1]"),
        (np.array([1]), 0.0, np.array([[1]]), "int64[1, 1] instead of int64[1]"),
    ],
)
def test_what_is_wrong_is_said(value: Any, error: float, found: Any, words: str) -> None:
    assert words in compare(_expected(value, error), [found])
    assert compare(_expected(value, error), [value.copy()]) == ""


def test_what_is_open_or_within_the_bound_passes() -> None:
    assert compare(_expected(np.array([1.0]), np.inf), [np.array([5.0])]) == ""
    assert compare(_expected(np.array([1.0]), 1e-9), [np.array([1.0 + 5e-10])]) == ""
    assert compare(_expected(np.array([0.0]), 5e-324), [np.array([-0.0])]) == ""
    assert compare(_expected(np.array([1.0])), []) == "0 outputs instead of 1"


class _Runner:
    def __init__(self, run: Any) -> None:
        self.run = run


@pytest.fixture
def case() -> Case:
    graph = parse_graph("graph(x: float64[2]) { %1: float64[2] = add(x, x) return %1 }")
    return Case(graph, parse_graph("graph() { %1: float64[2] = constant([1.0, 2.0]) return %1 }"))


def test_a_backend_that_changes_its_mind_or_its_values(case: Case) -> None:
    counter = iter(range(9))
    held = np.zeros(2)

    def spoil(values: Any) -> Any:
        total = values[0] + values[0]
        np.asarray(values[0].base if values[0].base is not None else values[0]).setflags(write=True)
        return [total]

    def keep(values: Any) -> Any:
        held[...] = values[0] + values[0]
        return [held]

    assert check(case, lambda graph: _Runner(lambda values: [2 * values[0]])) == ""
    assert check(case, lambda graph: _Runner(spoil)) == ""
    later = check(case, lambda graph: _Runner(lambda values: [2 * values[0] * (next(counter) < 1)]))
    assert later == "gave other outputs when it was run again"
    assert check(case, lambda graph: _Runner(keep)) == "changed its first outputs when it was run again"


def test_errors_must_be_those_of_the_reference(case: Case) -> None:
    def refuse(values: Any) -> Any:
        raise ValueError("no")

    assert check(case, lambda graph: _Runner(refuse)) == "raised ValueError: no instead of giving outputs"
    power = parse_graph("graph(x: int64[1]) { %1: int64[1] = power(x, x) return %1 }")
    negative = Case(power, parse_graph("graph() { %1: int64[1] = constant([-1]) return %1 }"))
    assert check(negative, lambda graph: _Runner(refuse)) == ""
    silent = check(negative, lambda graph: _Runner(lambda values: [values[0]]))
    assert silent == "gave outputs instead of raising ValueError"
