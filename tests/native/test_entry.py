"""Entries look into arrays themselves: what they accept, what they refuse, and that nothing is taken on trust."""

from __future__ import annotations

import ctypes
import gc
import sys
import weakref

import numpy as np
import pytest

from chainrule.native import entry as module
from chainrule.native.engine import compile_ir
from chainrule.native.entry import agrees, array_layout, make_entry
from chainrule.native.plan import Plan

SHAPE = (3, 2)
FLOATS = np.dtype(np.float64)
# Copies the first word of its first input to its output, raises a flag if that is 7, and says with a byte if it is 5.
PROGRAM = """
define void @run(ptr %table, i64 %thread, i64 %threads) {
  %input = load ptr, ptr %table
  %value = load i64, ptr %input
  %second = getelementptr ptr, ptr %table, i64 1
  %output = load ptr, ptr %second
  store i64 %value, ptr %output
  %third = getelementptr ptr, ptr %table, i64 2
  %holds = load ptr, ptr %third
  %five = icmp eq i64 %value, 5
  %truth = zext i1 %five to i8
  store i8 %truth, ptr %holds
  %state = getelementptr i64, ptr %table, i64 8
  %before = load i64, ptr %state
  %one = icmp eq i64 %value, 7
  %flag = zext i1 %one to i64
  %sum = or i64 %before, %flag
  %flags = getelementptr i64, ptr %state, i64 2
  %old = load i64, ptr %flags
  %new = or i64 %old, %sum
  store i64 %new, ptr %flags
  ret void
}
"""
CODE = compile_ir(PROGRAM, cache=None)


def filler(kind=np.ndarray, shape=SHAPE, dtype=FLOATS, outputs=(1,)):
    """An entry that only fills the table, with one input."""
    made = make_entry(Plan([(kind, shape, dtype)], outputs, 0, (64, 16, 32)))
    assert made is not None
    return made


def runner(holds=-1):
    """An entry that runs the program on a number of int64."""
    plan = Plan([(np.ndarray, (), np.dtype(np.int64))], (1, 2), CODE.address("run"), (64, 16, 32), holds)
    made = make_entry(plan, CODE)
    assert made is not None
    return made


def test_the_table_is_filled_with_addresses():
    memory, given, result = np.zeros(8, np.int64), np.ones(SHAPE), np.empty(4)
    assert filler(outputs=(3,))(given, result, memory) is True
    assert memory[0] == given.ctypes.data
    assert memory[3] == result.ctypes.data
    assert not memory[[1, 2, 4, 5, 6, 7]].any()


def misaligned():
    return np.zeros(6 * 8 + 1, np.uint8)[1:].view(np.float64).reshape(SHAPE)


@pytest.mark.parametrize(
    "given",
    [
        np.ones((2, 3)),
        np.ones(SHAPE, np.float32),
        np.ones(SHAPE, ">f8"),
        np.ones(SHAPE, order="F"),
        np.ones((3, 4))[:, ::2],
        np.ones((3, 2, 1)),
        np.ones(6),
        np.float64(1),
        1.0,
        None,
        [[1.0, 1.0]] * 3,
        np.ones(SHAPE).view(np.matrix) if hasattr(np, "matrix") else None,
        misaligned(),
    ],
    ids=repr,
)
def test_what_is_not_as_planned_is_refused(given):
    assert filler()(given, np.empty(4), np.zeros(8, np.int64)) is False


@pytest.mark.parametrize(
    "given", [np.ones(SHAPE), np.broadcast_to(np.ones(()), SHAPE).copy(), np.ones((6, 2))[::-1][:3].copy()]
)
def test_what_is_as_planned_is_accepted(given):
    given.flags.writeable = False
    assert filler()(given, np.empty(4), np.zeros(8, np.int64)) is True


@pytest.mark.parametrize("shape", [(), (0,), (0, 5), (1,), (2, 3, 4, 5)])
def test_every_number_of_axes(shape):
    entry = filler(shape=shape)
    assert entry(np.ones(shape), np.empty(4), np.zeros(8, np.int64)) is True
    for axis in range(len(shape)):
        other = tuple(n + (k == axis) for k, n in enumerate(shape))
        assert entry(np.ones(other), np.empty(4), np.zeros(8, np.int64)) is False


@pytest.mark.parametrize("number", [2.5, np.float64(2.5), np.float32(2.5), np.int64(-3), np.int32(7), np.bool_(True)])
def test_numbers_that_are_objects_by_themselves(number):
    memory, dtype = np.zeros(8, np.int64), np.asarray(number).dtype
    entry = filler(type(number), (), dtype)
    assert entry(number, np.empty(4), memory) is True
    assert ctypes.string_at(int(memory[0]), dtype.itemsize) == np.asarray(number).tobytes()
    assert entry(np.asarray(number), np.empty(4), memory) is False
    assert entry(0, np.empty(4), memory) is False


def test_no_entry_for_a_type_that_cannot_be_read():
    assert make_entry(Plan([(int, (), np.dtype(np.int64))], (), 0, (64, 16, 32))) is None


def test_a_run_and_its_flags():
    run, memory, result, holds = runner(), np.full(16, -1), np.zeros(1, np.int64), np.zeros(1, bool)
    assert run(np.array(3), result, holds, memory) is True
    assert result[0] == 3
    assert memory[8] == 0  # cleared before
    assert run(np.array(7), result, holds, memory) is False
    assert run(np.array(5), result, holds, memory) is True


def test_the_truth_that_a_run_needs():
    run, memory, result, holds = runner(holds=2), np.zeros(16, np.int64), np.zeros(1, np.int64), np.zeros(1, bool)
    assert [run(np.array(k), result, holds, memory) for k in (5, 3, 7)] == [True, False, False]


def test_answers_and_arguments_are_counted():
    """An entry returns a new reference to its answer and takes none of its arguments."""
    entry, given, result, memory = filler(), np.ones(SHAPE), np.empty(4), np.zeros(8, np.int64)
    before = [sys.getrefcount(thing) for thing in (True, False, given, result, memory)]
    for _ in range(1000):
        entry(given, result, memory)
        entry(None, result, memory)
    after = [sys.getrefcount(thing) for thing in (True, False, given, result, memory)]
    assert all(abs(now - then) < 100 for now, then in zip(after, before, strict=True))


def test_an_entry_keeps_its_code_and_no_longer():
    class Code:
        """Something that can be referred to."""

    code = Code()
    entry = make_entry(Plan([], (), 0, (64, 16, 32)), code)
    reference = weakref.ref(code)
    del code
    assert reference() is not None
    del entry
    gc.collect()
    assert reference() is None


# --- The layout -------------------------------------------------------------------------------------------------------


def test_the_layout_agrees_with_numpy():
    layout = array_layout()
    assert layout is not None
    assert agrees(layout, np.arange(6).reshape(2, 3).T)


@pytest.mark.parametrize("field", ["type", "data", "axes", "lengths", "descriptor", "flags"])
def test_a_field_elsewhere_is_noticed(field):
    layout = array_layout()
    assert layout is not None
    moved = layout._replace(**{field: getattr(layout, field) + 8})
    assert not all(agrees(moved, array) for array in module._samples())
    assert not agrees(layout._replace(flags=10_000), np.ones(3))


@pytest.mark.parametrize("change", ["gil", "implementation", "fields"])
def test_an_interpreter_that_differs_has_no_entries(monkeypatch, change):
    if change == "gil":
        monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    elif change == "implementation":
        monkeypatch.setattr(sys.implementation, "name", "pypy")
    else:
        monkeypatch.setattr(module, "agrees", lambda layout, array: array.ndim != 2)
    for cached in (array_layout, module._maker):
        cached.cache_clear()
    try:
        assert make_entry(Plan([], (), 0, (64, 16, 32))) is None
    finally:
        for cached in (array_layout, module._maker):
            cached.cache_clear()
