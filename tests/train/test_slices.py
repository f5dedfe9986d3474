"""Slices: as many real steps as asked for, of one model or of many."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import random
from chainrule.errors import AllocationError
from chainrule.evaluate import Program
from chainrule.pytree import flatten
from chainrule.train import slices as slices_module
from chainrule.train.data import schedule
from chainrule.train.fit import gradients_of
from chainrule.train.gradient import value
from chainrule.train.slices import Slices, allocate
from chainrule.train.step import GOING, STOPPED, Stepper

DATA = np.arange(10.0), np.arange(10.0) ** 2


def loss(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def made(many):
    """(slices, the first state): of one model, or of three, of which the last has another order."""
    plan = schedule(10, 4, None, 12)
    stepper = Stepper(gradients_of(loss, plan), value(loss), lambda own: cr.optim.adam(0.1), plan, True, None)
    keys = [random.key(seed) for seed in (0, 0, 1)]
    firsts = [stepper.first_state(np.zeros(2), {"key": key}, False) for key in keys]
    stepper.trace(firsts[0], {"key": keys[0]}, DATA, None)
    if not many:
        return Slices(stepper, {"key": keys[0]}, DATA, None), firsts[0]
    stacked = cr.tree_map(lambda *leaves: np.stack(leaves), *firsts)
    return Slices(stepper, {"key": np.stack(keys)}, DATA, None, many=True), stacked


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in flatten(tree)[0]]


def test_steps_beyond_the_bound_leave_the_state_as_it_is():
    slices, first = made(False)
    assert slices.length == 12
    state, losses, scores = slices.run(first, np.int64(5))
    assert state["step"] == 5
    assert np.isfinite(losses[:5]).all()
    assert np.isnan(losses[5:]).all()
    assert np.isnan(scores).all()
    again, none, _ = slices.run(state, np.int64(5))
    assert bits(again) == bits(state)
    assert np.isnan(none).all()
    in_two = slices.run(state, np.int64(12))[0]
    assert bits(in_two) == bits(slices.run(first, np.int64(12))[0])
    assert bits(slices.run(first, np.int64(99))[0]) == bits(in_two)  # no more than the length


@pytest.mark.parametrize("many", [False, True])
def test_long_slices_go_in_stretches(monkeypatch, many):
    def run(until):
        slices, first = made(many)
        return slices.run(first, np.full(3, until) if many else np.int64(until))

    plain = {until: run(until) for until in (3, 7, 12)}
    monkeypatch.setattr(slices_module, "STRETCH", 5)  # and twelve steps: the last stretch is not whole
    for until, (state, losses, scores) in plain.items():
        in_stretches, more_losses, more_scores = run(until)
        assert bits(in_stretches) == bits(state)
        assert more_losses[..., :12].tobytes() == losses.tobytes()
        assert np.isnan(more_losses[..., 12:]).all()
        assert more_scores[..., :12].tobytes() == scores.tobytes()


def test_many_models_in_one_call_are_each_alone():
    one, first = made(False)
    all_three, stacked = made(True)
    states, losses, _ = all_three.run(stacked, np.array([12, 3, 7]))
    assert losses.shape == (3, 12)
    np.testing.assert_array_equal(states["step"], [12, 3, 7])
    for k, until in enumerate([12, 3]):
        alone = one.run(first, np.int64(until))
        assert bits(cr.tree_map(lambda leaf, k=k: leaf[k], states)) == bits(alone[0])
        assert losses[k].tobytes() == alone[1].tobytes()
    assert losses[2, 0] != losses[0, 0]


def test_the_models_are_steps_of_a_loop_that_hands_nothing_on(monkeypatch):
    graphs = []
    real = slices_module.executable
    monkeypatch.setattr(slices_module, "executable", lambda graph: graphs.append(graph) or real(graph))
    slices, stacked = made(True)
    slices.run(stacked, np.array([1, 1, 1]))
    loops = [node for node in graphs[0].nodes if node.operation is not None and node.operation.name == "scan"]
    assert [(node.parameters["carries"], node.parameters["length"]) for node in loops] == [(0, 3)]


def test_a_program_is_told_how_many_steps_it_has_to_do(monkeypatch):
    told = []

    class Heard:
        def __init__(self, graph):
            self.program = Program(graph)

        def run(self, values, work):
            told.append(work)
            return self.program.run(values)

    monkeypatch.setattr(slices_module, "executable", Heard)
    slices, state = made(False)
    for until in (1, 5, 5, 12):
        state = slices.run(state, np.int64(until))[0]
    assert told == [1, 4, 0, 7]
    slices, stacked = made(True)
    stacked = {**stacked, "status": np.array([GOING, STOPPED, GOING])}
    slices.run(stacked, np.array([12, 3, 7]))
    assert told[4:] == [19]


def test_what_cannot_be_allocated_is_refused_with_its_bytes():
    assert allocate("losses", (2, 3)).shape == (2, 3)
    for shape in ((10**9, 10**9), (1, 10**40)):
        with pytest.raises(AllocationError, match=f"{8 * shape[0] * shape[1]:,} bytes"):
            allocate("losses", shape)
