"""What runs a graph: machine code, the evaluator, or the one until the other is there."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import NativeError
from chainrule.functions import executable as module
from chainrule.functions.executable import Later, executable
from chainrule.graph import Graph, Input
from chainrule.types import ArrayType

X = Input(ArrayType.of(np.ones(3)))
GRAPH = Graph([X], [X * 2])
MAKE = module._make


@pytest.fixture(autouse=True)
def machine_code(monkeypatch):
    """Graphs are compiled."""
    monkeypatch.setenv("CHAINRULE_COMPILE", "on")


def refuse(graph):
    """A compiler that refuses everything."""
    error = NativeError("compile", expected="IR", got="'x'", remedy="Report it.", reproducer="define ...")
    return module.Program(graph), error


def test_the_environment_chooses(monkeypatch):
    assert executable(GRAPH).is_machine_code
    monkeypatch.setenv("CHAINRULE_COMPILE", " OFF ")
    assert not executable(GRAPH).is_machine_code


def test_a_refusal_is_a_warning_with_a_reproducer(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "_make", refuse)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.warns(UserWarning, match=r"run by the NumPy evaluator instead. The reproducer: .*\.ll"):
        found = executable(GRAPH)
    assert not found.is_machine_code
    (file,) = tmp_path.iterdir()
    assert file.read_text() == "define ..."


def test_the_evaluator_until_the_compiler_is_done(monkeypatch):
    gate = threading.Event()
    monkeypatch.setattr(module, "_make", lambda graph: (gate.wait(), MAKE(graph))[1])
    double = cr.jit(lambda x: x * 2 if x[0] > 0 else x * 3, wait=False)
    threads = threading.active_count()
    np.testing.assert_array_equal(double(np.ones(3)), 2)
    np.testing.assert_array_equal(double(np.ones(3)), 2)
    np.testing.assert_array_equal(double(-np.ones(3)), -3)
    assert threading.active_count() == threads + 2
    gate.set()
    until = time.monotonic() + 60
    while threading.active_count() > threads and time.monotonic() < until:
        time.sleep(0.01)
    for _ in range(3):
        np.testing.assert_array_equal(double(np.ones(3)), 2)
        np.testing.assert_array_equal(double(-np.ones(3)), -3)


def test_it_switches():
    later = Later(GRAPH)
    assert not later.meanwhile.is_machine_code
    later.wait()
    found = later.result()
    assert found is not None
    assert found.is_machine_code
    np.testing.assert_array_equal(found.run([np.ones(3)])[0], 2)
    assert later.result() is found


def test_a_refusal_beside_is_warned_of_once_where_the_result_is_asked_for(monkeypatch):
    monkeypatch.setattr(module, "_make", refuse)
    later = Later(GRAPH)
    later.wait()
    with pytest.warns(UserWarning, match="run by the NumPy evaluator instead"):
        found = later.result()
    assert found is not None
    assert not found.is_machine_code
    assert later.result() is found


def test_a_fault_beside_is_raised_where_the_result_is_asked_for(monkeypatch):
    def fail(graph):
        raise ZeroDivisionError

    monkeypatch.setattr(module, "_make", fail)
    later = Later(GRAPH)
    later.wait()
    with pytest.raises(ZeroDivisionError):
        later.result()
