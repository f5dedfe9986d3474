"""What was compiled once is found again by the text of its graph, with all that a run of it needs."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import lower
from chainrule.evaluate import Program
from chainrule.native import build as module
from chainrule.native import counts
from chainrule.native.build import build
from chainrule.native.executable import Executable
from chainrule.simplify import simplify

X = np.linspace(-1, 1, 12).reshape(3, 4)
TABLE = np.array([[1.5, -0.0, np.inf], [np.nan, 5e-324, 2.0]])


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A cache of one's own."""
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    return tmp_path


def graph_of(function, *args):
    return simplify(cr.trace(function, *args))


FUNCTIONS = {
    "elementwise": lambda x: np.tanh(x) * 2,
    "constants": lambda x: (x[:2, :3] * TABLE, np.arange(4) + x, x > np.array([True, False, True, True])),
    "no constants": lambda x: x + x,
    "a loop": lambda x: cr.scan(lambda c, row: (c * 0.5 + row * np.arange(4), c), x[0], x),
    "a choice": lambda x: cr.cond(x[0, 0] > 0, lambda: x * 2, lambda: x * np.arange(4)),
    "long": lambda x: np.sum(np.cos(np.broadcast_to(x, (3000, 3, 4)))),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_a_second_time_nothing_is_lowered(function, monkeypatch):
    graph = graph_of(function, X)
    first = Executable(graph)
    before = counts.loaded

    def refuse(*_):
        raise AssertionError("lowered again")

    monkeypatch.setattr(lower, "lower", refuse)
    second = Executable(graph_of(function, X))
    assert counts.loaded > before
    for one, other in zip(first.constants, second.constants, strict=True):
        assert (one.shape, one.dtype, one.tobytes()) == (other.shape, other.dtype, other.tobytes())
    for name in ("threaded", "short", "arena", "scratch", "inputs", "outputs"):
        assert getattr(first, name) == getattr(second, name)
    for one, other, true in zip(first.run([X]), second.run([X]), Program(graph).run([X]), strict=True):
        assert one.tobytes() == other.tobytes()
        np.testing.assert_allclose(one, true, rtol=1e-12)


def test_other_constants_are_other_code():
    for factor in (2.0, 3.0, -0.0, 0.0, np.nan):
        for _ in range(2):
            (found,) = Executable(graph_of(lambda x, f=factor: x[0] * np.array([1.0, 2.0, 3.0, f]), X)).run([X])
            np.testing.assert_array_equal(found, X[0] * np.array([1.0, 2.0, 3.0, factor]))
            np.testing.assert_array_equal(np.signbit(found), np.signbit(X[0] * np.array([1.0, 2.0, 3.0, factor])))


def test_large_constants_are_not_carried(cache):
    table = np.arange(20_000.0)
    graph = graph_of(lambda x: x[0, 0] * table, X)
    assert module._identity(graph) is None
    for _ in range(2):
        np.testing.assert_array_equal(Executable(graph).run([X])[0], X[0, 0] * table)
    assert max(path.stat().st_size for path in cache.iterdir()) < table.nbytes


def test_constants_that_lowering_makes_large_are_not_carried(monkeypatch):
    monkeypatch.setattr(module, "_identity", lambda graph: "one for all")
    monkeypatch.setattr(module, "_MOST_CARRIED", 16)
    table = np.arange(20.0)
    graph = graph_of(lambda x: x[0, 0] * table, X)
    assert "facts" not in build(graph).code.names
    np.testing.assert_array_equal(Executable(graph).run([X])[0], X[0, 0] * table)


@pytest.mark.parametrize(
    "function", [lambda x: np.linalg.norm(np.linalg.pinv(x)), lambda x: np.linalg.det(x[:, :3] + 4 * np.eye(3))]
)
def test_what_calls_out_of_the_code_is_lowered_each_time(function):
    graph = graph_of(function, X)
    for _ in range(2):
        made = Executable(graph)
        np.testing.assert_allclose(made.run([X])[0], Program(graph).run([X])[0], rtol=1e-9)


def test_without_a_cache(monkeypatch):
    monkeypatch.setenv("CHAINRULE_CACHE", "off")
    graph, loaded = graph_of(FUNCTIONS["constants"], X), counts.loaded
    assert [build(graph).short for _ in range(2)] == [True, True]
    assert counts.loaded == loaded


def test_a_wrong_fact_is_noticed(monkeypatch):
    """The check above sees a fact that was carried wrongly: the planted fault."""
    facts = module._facts
    monkeypatch.setattr(module, "_facts", lambda *args: facts(*args) | {"arena": 12345})
    first = build(graph_of(FUNCTIONS["a loop"], X))
    monkeypatch.setattr(module, "_facts", facts)
    assert build(graph_of(FUNCTIONS["a loop"], X)).arena == first.arena == 12345
