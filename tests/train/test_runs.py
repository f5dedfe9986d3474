"""What `fit_many` gives back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DivergenceError
from chainrule.train.run import Run
from chainrule.train.runs import Runs

X = np.linspace(-1, 1, 12)


def loss(theta, x):
    return np.mean((theta - x) ** 2)


def many(steps, **settings):
    listed = [{"step": step} for step in steps]
    return cr.fit_many(
        loss, 9.0, X, optimizer=cr.optim.gradient_descent, hyperparameters=listed, batch_size=5, epochs=4, **settings
    )


def test_a_sequence_of_runs():
    runs = many([0.1, 0.2, 0.01])
    assert len(runs) == 3
    assert all(isinstance(run, Run) for run in runs)
    assert runs[2] is list(runs)[2] is runs.runs[-1]
    assert repr(runs) == "<3 runs: 3 finished>"
    assert runs.best == 1


def test_the_history_of_all():
    runs = many([0.1, 0.2], validation=0.25)
    history = runs.history
    assert list(history) == ["model", "epoch", "loss", "validation_loss"]
    np.testing.assert_array_equal(history["model"], [0] * 4 + [1] * 4)
    np.testing.assert_array_equal(history["epoch"], [1, 2, 3, 4] * 2)
    np.testing.assert_array_equal(history["validation_loss"][4:], runs[1].history["validation_loss"])
    assert runs[1].score == runs[1].history["validation_loss"][-1]


def test_the_best_leaves_out_what_diverged():
    runs = many([0.1, 1e300])
    assert [run.status for run in runs] == ["finished", "diverged"]
    assert runs.best == 0
    with pytest.raises(DivergenceError, match="none of 2"):
        assert many([1e300, 1e301]).best is None


def test_runs_can_be_pickled():
    runs = many([0.1, 1e300])
    again = pickle.loads(pickle.dumps(runs))
    assert isinstance(again, Runs)
    assert again[0].params == runs[0].params
    assert again.errors[1].got == runs.errors[1].got


def test_scores():
    patient = cr.fit(loss, 9.0, X, optimizer=cr.optim.adam(2.0), epochs=40, validation=0.25, patience=2)
    assert patient.score == patient.history["validation_loss"].min() < patient.history["validation_loss"][-1]
    plain = cr.fit(loss, 9.0, X, optimizer=cr.optim.adam(), batch_size=5, steps=4)
    assert plain.score == plain.history["loss"][-1]
    assert np.isnan(cr.fit(loss, 9.0, X, optimizer=cr.optim.adam(), batch_size=5, steps=1).score)
