"""Errors of `train/` but for tables and model files: `fit`, splits, scores, baselines."""

import sys
from unittest import mock

import numpy as np

import chainrule as cr
from chainrule.train import gradient
from chainrule.train.baselines import regression_baselines
from chainrule.train.scores import accuracy, log_loss, r2
from chainrule.train.split import split_rows

X, Y = np.arange(8.0), np.arange(8.0) % 3
START = np.zeros(2)


def loss(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def fit(loss=loss, params=START, data=(X, Y), optimizer=None, **settings):
    """A short run with some of its arguments replaced."""
    settings = {"steps": 2, **settings}
    cr.fit(loss, params, data, optimizer=optimizer or cr.optim.gradient_descent(0.1), **settings)


def deciding_always_otherwise(theta, x, y):
    return np.sum(theta) * float(x[0])


def fit_that_decides_always_otherwise():
    with mock.patch.object(gradient, "MOST_VARIANTS", 3):  # 64, which would take some seconds
        fit(deciding_always_otherwise, batch_size=1, steps=8)


def fit_that_draws_by_numpy():
    random = np.random.default_rng(0)
    fit(lambda theta, x, y: np.sum(theta) * random.normal() * x[0])


def fit_inside_grad(scale):
    cr.fit(lambda theta, x: np.mean(scale * theta * x), 1.0, X, optimizer=cr.optim.adam(), steps=1)


def without_rich():
    with mock.patch.dict(sys.modules, {"rich": None, "rich.progress": None}):
        fit(progress=True)


def fit_many(params=START, optimizer=cr.optim.adam, **settings):
    """Two short runs with some of their arguments replaced."""
    settings = {"steps": 2, "hyperparameters": [{"step": 0.1}, {"step": 0.2}], **settings}
    return cr.fit_many(loss, params, (X, Y), optimizer=optimizer, **settings)


def diverged_among_many():
    steep = [{"step": 1e200}, {"step": 0.1}]
    raise fit_many(optimizer=cr.optim.gradient_descent, hyperparameters=steep, steps=20).errors[0]


def best_of_none():
    steep = [{"step": 1e200}, {"step": 1e210}]
    return fit_many(optimizer=cr.optim.gradient_descent, hyperparameters=steep, steps=20).best


EXAMPLES = [
    ("data of different lengths", lambda: fit(data=(X, Y[:5]))),
    ("no data", lambda: fit(data=())),
    ("data without rows", lambda: fit(data=(X[:0], Y[:0]))),
    ("complex data", lambda: fit(data=(X * 1j, Y))),
    ("parameters that are integers", lambda: fit(params=np.zeros(2, int))),
    ("a parameter that is text", lambda: fit(params={"w": START, "kind": "linear"})),
    ("no parameters", lambda: fit(params={})),
    ("an optimizer that was not called", lambda: fit(optimizer=cr.optim.adam)),
    ("a batch size of zero", lambda: fit(batch_size=0)),
    ("epochs that are no integer", lambda: fit(steps=None, epochs=2.5)),
    ("neither epochs nor steps", lambda: fit(steps=None)),
    ("both epochs and steps", lambda: fit(epochs=2)),
    ("a seed that is none", lambda: fit(seed=-1)),
    ("validation that takes all", lambda: fit(validation=1.0)),
    ("validation arrays of another shape", lambda: fit(validation=(np.ones((4, 2)), np.ones(4)))),
    ("a validation array too few", lambda: fit(validation=(X,))),
    ("patience without validation", lambda: fit(patience=3)),
    ("patience of zero", lambda: fit(patience=0, validation=0.25)),
    ("a loss of several numbers", lambda: fit(lambda theta, x, y: theta[0] * x - y)),
    ("a validation loss of several numbers", lambda: fit(lambda theta, x, y: np.sum(theta) * x[:1], validation=0.5)),
    ("a loss that becomes infinite", lambda: fit(optimizer=cr.optim.gradient_descent(1e200), steps=20)),
    ("a loss that always decides otherwise", fit_that_decides_always_otherwise),
    ("fit inside grad", lambda: cr.grad(fit_inside_grad)(2.0)),
    ("a progress bar without rich", without_rich),
    ("fit of a loss that draws by NumPy", fit_that_draws_by_numpy),
    ("fit to data with a NaN", lambda: fit(data=(np.where(X == 3, np.nan, X), Y))),
    ("a loss that takes the logarithm of zero", lambda: fit(lambda theta, x, y: np.sum(np.log(theta)))),
    ("parameters that become infinite", lambda: fit(lambda theta, x, y: np.sum(np.sqrt(theta)))),
    ("parameters that start infinite", lambda: fit(params={"w": np.array([1.0, np.inf])})),
    ("more steps than there is memory for", lambda: fit(steps=10**17)),
    ("one of many models that diverges", diverged_among_many),
    ("many models of which nothing differs", lambda: fit_many(optimizer=cr.optim.adam(), hyperparameters=None)),
    ("many models by lists of different lengths", lambda: fit_many(seeds=range(3))),
    ("many models by seeds that are no list", lambda: fit_many(seeds=0.5)),
    ("many models of other shapes", lambda: fit_many([START, np.zeros(3)])),
    ("many models by settings that are no dicts", lambda: fit_many(hyperparameters=[0.1, 0.2])),
    ("many models by settings of other names", lambda: fit_many(hyperparameters=[{"step": 0.1}, {"decay": 0.5}])),
    ("many models by an optimizer that was made already", lambda: fit_many(optimizer=cr.optim.adam(0.1))),
    (
        "many models with and without Nesterov's momentum",
        lambda: fit_many(
            optimizer=cr.optim.momentum, hyperparameters=[{"step": 0.1, "nesterov": kind} for kind in (True, False)]
        ),
    ),
    ("folds of rows that are not there", lambda: fit_many(folds=[[0, 1], [7, 8]])),
    ("folds of different lengths", lambda: fit_many(folds=[[0, 1], [2, 3, 4]])),
    ("folds of which one is a pair", lambda: fit_many(folds=[[0, 1], ([2, 3], [4])])),
    ("the best of models that all diverged", best_of_none),
    ("a split of everything", lambda: split_rows(10, 1.0, 0)),
    ("a split by a seed that is none", lambda: split_rows(10, 0.2, "today")),
    ("a split of one row", lambda: split_rows(1, 0.5, 0)),
    ("a split of classes of one row each", lambda: split_rows(3, 0.5, 0, strata=["a", "b", "c"])),
    ("a split with a class too few", lambda: split_rows(3, 0.5, 0, strata=["a", "a"])),
    ("scores of different lengths", lambda: r2(X, X[:3])),
    ("scores of no rows", lambda: accuracy([], [])),
    ("log loss of classes as columns", lambda: log_loss(np.eye(2), np.eye(2))),
    ("log loss of a class that is not there", lambda: log_loss([0, 2], np.eye(2))),
    ("log loss of logits", lambda: log_loss([0, 1], np.array([[2.0, -1.0], [0.5, 0.5]]))),
    ("baselines of other rows", lambda: regression_baselines(np.ones((4, 2)), np.ones(3), np.ones((2, 2)), np.ones(2))),
]
