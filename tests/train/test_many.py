"""Many models as one run: each gets the bits that it gets alone."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ChainruleError, DivergenceError, ShapeError, StructureError
from chainrule.pytree import flatten

X = np.linspace(-1, 1, 60)
Y = np.sin(3 * X)
STARTS = ([3.0, 1.0], [0.0, 0.0], [-1.0, 2.0])
SETTINGS = [{"step": 0.05, "decay": 0.9}, {"step": 0.01, "decay": 0.5}, {"step": 0.1, "decay": 0.9}]
SEEDS = [4, 5, 6]
HELD = X[:5] + 0.01, Y[:5]


def loss(theta, x, y):
    """Python decides, and each model decides otherwise."""
    error = theta[0] * x + theta[1] - y
    return np.mean(np.abs(error)) if np.max(np.abs(error)) > 1.2 else np.mean(error**2)


def line(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def bits(run):
    leaves = flatten((run.params, run.state, run.losses, run.history, run.score))[0]
    return run.status, [(np.asarray(leaf).dtype, np.shape(leaf), np.asarray(leaf).tobytes()) for leaf in leaves]


def assert_alone(runs, alone):
    assert len(runs) == len(alone)
    for run, one in zip(runs, alone, strict=True):
        assert bits(run) == bits(one)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "settings",
    [
        {"steps": 20},
        {"epochs": 4, "batch_size": 7},
        {"epochs": 30, "batch_size": 8, "validation": 0.2, "patience": 3},
        {"epochs": 3, "batch_size": 9, "shuffle": False, "validation": HELD},
    ],
)
def test_starts_seeds_and_hyperparameters(settings, dtype):
    starts, data = [np.array(start, dtype) for start in STARTS], (X.astype(dtype), Y.astype(dtype))
    runs = cr.fit_many(loss, starts, data, optimizer=cr.optim.adam, hyperparameters=SETTINGS, seeds=SEEDS, **settings)
    alone = [
        cr.fit(loss, start, data, optimizer=cr.optim.adam(**numbers), seed=seed, **settings)
        for start, numbers, seed in zip(starts, SETTINGS, SEEDS, strict=True)
    ]
    assert_alone(runs, alone)
    assert runs.seeds == tuple(SEEDS)
    assert runs.hyperparameters == tuple(SETTINGS)
    assert not runs.errors
    assert runs[runs.best].score == min(run.score for run in alone)


@pytest.mark.parametrize(
    ("rule", "listed"),
    [
        (cr.optim.gradient_descent, [{"step": 0.1}, {"step": 0.3}]),
        (cr.optim.momentum, [{"step": 0.1, "nesterov": True}, {"step": np.float32(0.3), "nesterov": True}]),
        (cr.optim.adam, [{"step": 1, "square_decay": 0.9}, {"step": 0.1, "square_decay": 0.99}]),
        (cr.optim.adam, [{"epsilon": 1e-3}, {"epsilon": 0}]),
        (cr.optim.adam, [{}, {}]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_each_rule_with_other_numbers(rule, listed, dtype):
    data, start = (X.astype(dtype), Y.astype(dtype)), np.zeros(2, dtype)
    runs = cr.fit_many(line, start, data, optimizer=rule, hyperparameters=listed, batch_size=16, epochs=3)
    assert_alone(runs, [cr.fit(line, start, data, optimizer=rule(**each), batch_size=16, epochs=3) for each in listed])
    assert runs[0].params.dtype == dtype


def test_a_schedule_is_the_same_for_all():
    schedule = lambda count: 0.1 / (1 + count)  # noqa: E731
    listed = [{"step": schedule, "decay": decay} for decay in (0.5, 0.9)]
    runs = cr.fit_many(line, np.zeros(2), (X, Y), optimizer=cr.optim.adam, hyperparameters=listed, steps=9)
    assert_alone(runs, [cr.fit(line, np.zeros(2), (X, Y), optimizer=cr.optim.adam(**each), steps=9) for each in listed])


@pytest.mark.parametrize("settings", [{"batch_size": 7, "epochs": 4}, {"steps": 9}])
def test_folds(settings):
    folds = [(np.r_[0:40], np.r_[40:60]), (np.r_[20:60], np.r_[0:20]), (np.r_[0:20, 40:60], np.r_[20:40])]
    rule, start = cr.optim.momentum(0.1), np.zeros(2)
    runs = cr.fit_many(loss, start, (X, Y), optimizer=rule, folds=(fold for fold in folds), **settings)
    alone = [
        cr.fit(loss, start, (X[rows], Y[rows]), optimizer=rule, validation=(X[held], Y[held]), **settings)
        for rows, held in folds
    ]
    assert_alone(runs, alone)
    rows = [fold[0] for fold in folds]
    for validation in (None, 0.25, HELD):
        runs = cr.fit_many(loss, start, (X, Y), optimizer=rule, folds=rows, validation=validation, **settings)
        alone = [
            cr.fit(loss, start, (X[part], Y[part]), optimizer=rule, validation=validation, **settings) for part in rows
        ]
        assert_alone(runs, alone)


def test_one_seed_for_all_and_parameters_in_containers():
    starts = [{"a": (np.ones(1) * k, 2.0 * k)} for k in range(3)]
    affine = lambda theta, x, y: np.mean((theta["a"][0] * x + theta["a"][1] - y) ** 2)  # noqa: E731
    runs = cr.fit_many(affine, starts, (X, Y), optimizer=cr.optim.adam(), seeds=np.int64(3), batch_size=8, steps=9)
    alone = [
        cr.fit(affine, start, (X, Y), optimizer=cr.optim.adam(), seed=3, batch_size=8, steps=9) for start in starts
    ]
    assert_alone(runs, alone)
    assert isinstance(runs[0].params["a"], tuple)


def test_a_model_that_diverges_stops_and_the_others_go_on():
    listed = [{"step": step} for step in (0.1, 1e100, 0.2, 50.0)]
    runs = cr.fit_many(
        line, np.zeros(2), (X, Y), optimizer=cr.optim.gradient_descent, hyperparameters=listed, steps=100
    )
    assert [run.status for run in runs] == ["finished", "diverged", "finished", "diverged"]
    assert sorted(runs.errors) == [1, 3]
    assert "2 diverged" in repr(runs)
    for k, each in enumerate(listed):
        if k in runs.errors:
            with pytest.raises(DivergenceError) as caught:
                cr.fit(line, np.zeros(2), (X, Y), optimizer=cr.optim.gradient_descent(**each), steps=100)
            assert runs.errors[k].got == caught.value.got
            assert runs.errors[k].run is runs[k]
            assert bits(runs[k]) == bits(caught.value.run)
        else:
            one = cr.fit(line, np.zeros(2), (X, Y), optimizer=cr.optim.gradient_descent(**each), steps=100)
            assert bits(runs[k]) == bits(one)
    assert runs.best in (0, 2)


def test_parameters_that_become_infinite_unseen_in_one_model_alone():
    x = np.arange(30.0)

    def unseen(theta, x, y):
        return theta[0] + np.sum(np.where(x == 20.0, np.sqrt(theta[1] - 2.0), 0.0))

    starts = [np.array([1.0, 3.0]), np.array([1.0, 2.0])]
    settings = {"optimizer": cr.optim.gradient_descent(1e-3), "batch_size": 1, "steps": 49, "shuffle": False}
    runs = cr.fit_many(unseen, starts, (x, x), **settings)
    assert [run.steps for run in runs] == [49, 20]
    assert bits(runs[0]) == bits(cr.fit(unseen, starts[0], (x, x), **settings))
    assert np.isfinite(runs[1].params).all()


def test_ctrl_c_ends_all_at_a_whole_step():
    def stop(progress):
        raise KeyboardInterrupt

    settings = {"optimizer": cr.optim.adam, "hyperparameters": SETTINGS, "batch_size": 8}
    runs = cr.fit_many(line, np.zeros(2), (X, Y), steps=10**5, progress=stop, **settings)
    assert {run.status for run in runs} == {"interrupted"}
    again = cr.fit_many(line, np.zeros(2), (X, Y), steps=runs[0].steps, **settings)
    assert [bits(run)[1] for run in runs] == [bits(run)[1] for run in again]


def test_progress_counts_all_models():
    told = []
    runs = cr.fit_many(line, np.zeros(2), (X, Y), optimizer=cr.optim.adam(), seeds=range(3), batch_size=8, epochs=2,
                       validation=0.2, progress=told.append)  # fmt: skip
    last = told[-1]
    assert (last.step, last.total, last.epoch) == (36, 36, 2)
    assert last.loss == min(run.losses[-1] for run in runs)
    assert last.validation_loss == min(run.history["validation_loss"][-1] for run in runs)


RULES = {"optimizer": cr.optim.adam, "hyperparameters": [{"step": 0.1}, {"step": 0.2}]}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({}, ArgumentError, "got no list"),
        ({"seeds": []}, ArgumentError, "got 0 in seeds"),
        ({"seeds": [1, 2, 3], **RULES}, ArgumentError, "2 in hyperparameters, 3 in seeds"),
        ({"seeds": 1.5}, ArgumentError, "seeds as a list, one entry a model; got 1.5"),
        ({"folds": 3}, ArgumentError, "folds as a list"),
        ({"params": [np.zeros(2), np.zeros(3)]}, StructureError, "params[0]: * of float64[2]; got * of float64[3]"),
        ({"params": [np.zeros(2), (0.0, 1.0)]}, StructureError, "tuple(*, *)"),
        ({"params": [np.zeros(2), np.array([0, np.inf])]}, ArgumentError, "got inf in params"),
        ({**RULES, "optimizer": cr.optim.adam(0.1)}, ArgumentError, "the optimizer 'Adam', which is made already"),
        ({**RULES, "optimizer": "adam"}, ArgumentError, "got 'adam'"),
        ({**RULES, "optimizer": lambda step: step}, ArgumentError, "an optimizer, which"),
        ({"seeds": [1, 2], "optimizer": cr.optim.adam}, ArgumentError, "function 'adam'"),
        ({**RULES, "hyperparameters": [{"step": 0.1}, {"decay": 0.1}]}, ArgumentError, "{'step': 0.1} and {'decay'"),
        ({**RULES, "hyperparameters": [0.1, 0.2]}, ArgumentError, "got 0.1"),
        ({**RULES, "hyperparameters": [{"step": 0.1}, {"step": -1}]}, ArgumentError, "adam: expected step"),
        ({**RULES, "hyperparameters": [{"step": abs}, {"step": round}]}, ArgumentError, "numbers as step"),
        ({"optimizer": cr.optim.momentum, "hyperparameters": [{"step": 0.1, "nesterov": n} for n in (True, False)]},
         ArgumentError, "numbers as nesterov, where it differs from model to model; got [True, False]"),
        ({"seeds": [1, 2], "patience": 3}, ArgumentError, "patience=3 with validation=None"),
        ({"seeds": [1, 2], "validation": 1.5}, ArgumentError, "the fraction 1.5"),
        ({"seeds": [1, 2], "validation": (X,)}, ShapeError, "validation arrays like the data"),
        ({"seeds": [1, -2]}, ArgumentError, "a seed from 0"),
    ],
)  # fmt: skip
def test_bad_arguments(change, error, words):
    given = {"params": np.zeros(2), "optimizer": cr.optim.adam(), "steps": 2, **change}
    with pytest.raises(ChainruleError) as caught:
        cr.fit_many(line, given.pop("params"), (X, Y), **given)
    assert isinstance(caught.value, error)
    assert words in str(caught.value)
