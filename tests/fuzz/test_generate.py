"""The graphs are well formed, the same in every run, of every operation, and mostly comparable; their text is whole."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.graph import OPERATIONS, Graph, Input, verify
from tests.fuzz.backends import reference
from tests.fuzz.builder import Builder, Skip
from tests.fuzz.case import Case, operations, parse_case
from tests.fuzz.compare import check, expect
from tests.fuzz.generate import NAMES, generate, generated
from tests.fuzz.makers import make

CASES = [generate(number) for number in range(500)]


def test_every_operation_is_in_several_graphs() -> None:
    used = Counter(name for case in CASES for name in set(operations(case.graph)))
    assert min(used[name] for name in OPERATIONS) >= 3


def test_the_graphs_are_well_formed() -> None:
    for case in CASES:
        verify(case.graph)


def test_the_graphs_are_as_wide_as_they_should_be() -> None:
    inputs = [node for case in CASES for node in case.graph.inputs]
    assert {node.ndim for node in inputs} >= {0, 1, 2, 3, 4}
    assert {n for node in inputs for n in node.shape} >= {0, 1, 3, 7, 17, 33, 100}
    assert len({node.dtype for node in inputs}) == 11
    assert any(not value.flags.c_contiguous for case in CASES for value in case.values)
    assert any(0 in value.strides for case in CASES for value in case.values if value.size > 1)
    assert any(min(value.strides, default=0) < 0 for case in CASES for value in case.values)
    assert any(isinstance(node, Input) for case in CASES for node in case.graph.outputs)
    assert any(np.isnan(value).any() for case in CASES for value in case.values if value.dtype.kind == "f")


def test_most_can_be_compared() -> None:
    expected = [expect(case.graph, case.values) for case in CASES]
    assert np.mean([one.share for one in expected]) > 0.95
    assert sum(one.error is not None for one in expected) < 5
    exact = [float(np.mean(out.error == 0)) for one in expected for out in one.outputs if out.error.size]
    assert np.mean(exact) > 0.3


def test_a_number_gives_the_same_graph() -> None:
    for number in range(0, 500, 25):
        assert str(generate(number)) == str(CASES[number])
    assert str(generate(3, seed=1)) != str(CASES[3])


def test_the_text_gives_the_case_again() -> None:
    for case in CASES[::5]:
        again = parse_case(str(case))
        assert str(again) == str(case)
        for value, other in zip(case.values, again.values, strict=True):
            np.testing.assert_array_equal(value, other)
            assert value.strides == other.strides


@settings(max_examples=25)
@given(st.randoms(use_true_random=False), st.sampled_from(NAMES))
def test_whatever_is_drawn_the_reference_passes(choose: random.Random, name: str) -> None:
    case = generated(choose, name)
    assert check(Case(verify(case.graph), case.given), reference) == ""


@pytest.mark.parametrize("name", [name for name in NAMES if name != "project"])
def test_an_operation_alone(name: str) -> None:
    """Its maker gives a node of it, soon."""
    for seed in range(60):
        build = Builder(random.Random(seed), "real")
        try:
            node = make(build, name)
        except Skip:
            continue
        assert name in operations(Graph(build.inputs, node.results if isinstance(node.type, tuple) else [node]))
        return
    pytest.fail(f"no graph with {name}")
