"""How a run is driven: its slices, what is told between them, and what is kept when it stops early."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AllocationError
from chainrule.pytree import flatten
from chainrule.train import driver, slices

X = np.linspace(-1, 1, 20)
DATA = X, np.sin(3 * X)
RULE = cr.optim.adam(0.01)


def line(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def bits(run):
    """All that a run has reached."""
    return [np.asarray(leaf).tobytes() for leaf in flatten((run.params, run.state, run.losses, run.history))[0]]


def fit(**settings):
    return cr.fit(line, np.zeros(2), DATA, **{"optimizer": RULE, "batch_size": 6, "validation": 0.2, **settings})


@pytest.mark.parametrize("length", [1, 3, 7, 1000])
def test_the_slices_do_not_show(length, monkeypatch):
    expected = bits(fit(steps=50, patience=9))
    monkeypatch.setattr(slices, "MOST_STEPS", length)
    assert bits(fit(steps=50, patience=9)) == expected


def test_one_graph_is_traced_for_all_slices(monkeypatch):
    graphs = []
    real = slices.executable
    monkeypatch.setattr(slices, "executable", lambda graph: graphs.append(graph) or real(graph))
    run = fit(steps=700)
    assert (run.steps, len(graphs)) == (700, 1)


def lengths_of(monkeypatch, seconds_a_step, most=256, steps=600):
    """The lengths of the slices of a run whose steps take as long as said."""
    clock, lengths = [0.0], []
    real = slices.Slices.run

    def run(self, state, until):
        result = real(self, state, until)
        lengths.append(int(result[0]["step"] - state["step"]))
        clock[0] += lengths[-1] * seconds_a_step
        return result

    monkeypatch.setattr(slices.Slices, "run", run)
    monkeypatch.setattr(driver.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(slices, "MOST_STEPS", most)
    told = []
    fit(steps=steps, progress=told.append)
    return lengths, told, clock[0]


def test_slices_grow_until_they_take_50_milliseconds(monkeypatch):
    lengths, told, seconds = lengths_of(monkeypatch, 0.001)
    assert lengths[:4] == [1, 4, 16, 50] or lengths[:4] == [1, 4, 16, 49]
    assert sum(lengths) == 600
    assert max(lengths) <= 51
    assert len(told) <= 20 * seconds + 1


def test_steps_longer_than_a_slice_come_one_by_one(monkeypatch):
    lengths, told, _ = lengths_of(monkeypatch, 0.3, steps=9)
    assert lengths == [1] * 9
    assert [report.step for report in told] == list(range(1, 10))


def test_quick_slices_are_told_of_20_times_a_second(monkeypatch):
    monkeypatch.setenv("CHAINRULE_COMPILE", "off")  # whose slices are short
    lengths, told, seconds = lengths_of(monkeypatch, 0.0005, most=10, steps=1000)
    assert len(lengths) > 99
    assert 8 <= len(told) <= 20 * seconds + 1
    assert [report.step for report in told] == sorted({report.step for report in told})
    assert told[-1].step == told[-1].total == 1000
    assert told[-1].epoch == 1000 // 3
    assert told[-1].validation_loss is not None


def test_a_run_too_long_to_remember_is_refused_before_anything_is_computed():
    asked = []

    def loss(theta, x, y):
        asked.append(None)
        return line(theta, x, y)

    for steps in (10**17, 10**30):
        with pytest.raises(AllocationError, match=f"{8 * steps:,} bytes") as caught:
            cr.fit(loss, np.zeros(2), DATA, optimizer=RULE, steps=steps)
        assert isinstance(caught.value, MemoryError)
    assert not asked


def test_the_losses_of_a_run_cut_short_hold_no_memory_for_those_not_done():
    def stop(progress):
        raise KeyboardInterrupt

    run = fit(steps=10**7, progress=stop)
    assert run.losses.base is None
    assert run.losses.size == run.steps < 10**6


# ------------------------------------------------------------------------------------------------------ interruption


@pytest.mark.parametrize("place", ["_finite", "_note", "_progress", "_slice"])
@pytest.mark.parametrize("when", [1, 2, 5])
def test_an_interrupt_before_and_after_each_piece_of_work_leaves_a_whole_step(place, when, monkeypatch):
    calls = []
    real = getattr(driver.Driver, place)

    def before_or_after(self, *args):
        calls.append(None)
        if len(calls) == when and when % 2:
            raise KeyboardInterrupt
        result = real(self, *args)
        if len(calls) == when:
            raise KeyboardInterrupt  # the work is done, and nobody knows of it
        return result

    with monkeypatch.context() as patched:
        patched.setattr(driver.Driver, place, before_or_after)
        patched.setattr(driver, "SECONDS_A_SLICE", 1e-4)
        patched.setattr(slices, "MOST_STEPS", 5)
        run = fit(steps=40)
    assert run.status == "interrupted"
    if run.steps:
        assert bits(run) == bits(fit(steps=run.steps))


def test_a_state_that_waits_for_a_decision_is_not_what_an_interrupt_returns(monkeypatch):
    def loss(theta, x, y):
        return line(theta, x, y) if x[0] > 0.3 else np.mean(np.abs(theta[0] * x - y))

    def settings(**more):
        return {"optimizer": RULE, "batch_size": 3, "seed": 5, **more}

    def strike(self, state, k):
        raise KeyboardInterrupt

    monkeypatch.setattr(driver.Driver, "_trace_decision", strike)
    run = cr.fit(loss, np.zeros(2), DATA, steps=30, **settings())
    assert run.status == "interrupted"
    monkeypatch.undo()
    if run.steps:
        assert bits(run) == bits(cr.fit(loss, np.zeros(2), DATA, steps=run.steps, **settings()))
