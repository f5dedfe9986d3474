"""Baselines: against the closed forms, on degenerate features, and on the example tables."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import ShapeError
from chainrule.train.baselines import PENALTY, classification_baselines, linear_ridge, regression_baselines
from chainrule.train.preprocess import Preprocessor, fit_target
from chainrule.train.split import split_rows
from chainrule.train.table import read_table
from chainrule.train.task import prepare_target

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def generator():
    return np.random.Generator(np.random.Philox(3))


def test_ridge_solves_its_normal_equations_and_does_not_shrink_the_intercept(generator):
    features, targets = generator.normal(size=(50, 4)) + 5, generator.normal(size=(50, 2)) + 100
    probes = np.vstack([np.zeros(4), np.eye(4)])
    predicted = linear_ridge(features, targets, probes)
    intercept, weights = predicted[0], predicted[1:] - predicted[0]
    residual = features @ weights + intercept - targets
    assert np.allclose(residual.sum(axis=0), 0, atol=1e-8)
    centred = features - features.mean(axis=0)
    assert np.allclose(centred.T @ residual + PENALTY * weights, 0, atol=1e-8)


def test_ridge_bears_features_that_depend_on_one_another_or_are_many(generator):
    column = generator.normal(size=(30, 1))
    features = np.hstack([column, column, 1 - column, np.zeros((30, 100))])
    assert np.allclose(linear_ridge(features, column, features), column, atol=0.1)


def test_regression_baselines(generator):
    features = generator.normal(size=(400, 3)).astype(np.float32)
    target = 10 + features @ np.array([3.0, -2.0, 0.0]) + 0.1 * generator.normal(size=400)
    constant, linear = regression_baselines(features[:300], target[:300], features[300:], target[300:])
    held = target[300:]
    assert constant.name == "constant (mean)"
    assert constant.scores["RMSE"] == pytest.approx(np.sqrt(np.mean((held - target[:300].mean()) ** 2)))
    assert constant.scores["R²"] < 0.01
    assert linear.name == "linear (ridge)"
    assert list(linear.scores) == ["R²", "RMSE"]
    assert linear.scores["RMSE"] == pytest.approx(0.1, rel=0.2)
    assert linear.scores["R²"] > 0.99


def test_classification_baselines(generator):
    target = np.array([0, 1, 1, 2] * 50)
    features = np.eye(3)[target] + 0.1 * generator.normal(size=(200, 3))
    constant, linear = classification_baselines(features[:100], target[:100], features[100:], target[100:])
    assert constant.name == "constant (most frequent class)"
    assert constant.scores["accuracy"] == 0.5
    assert constant.scores["log loss"] == pytest.approx(-(0.5 * math.log(0.5) + 0.5 * math.log(0.25)))
    assert linear.name == "linear (ridge classifier)"
    assert linear.scores == {"accuracy": 1.0}


def test_a_class_that_only_the_held_out_rows_have():
    features = np.array([[0.0], [1.0], [0.0], [1.0]])
    constant, linear = classification_baselines(features, np.array([0, 1, 0, 1]), features, np.array([0, 1, 2, 2]))
    assert linear.scores["accuracy"] == 0.5
    assert math.isfinite(constant.scores["log loss"])


@pytest.mark.parametrize("baselines", [regression_baselines, classification_baselines])
@pytest.mark.parametrize(
    "shapes",
    [
        ((4, 2), (3,), (2, 2), (2,)),
        ((4, 2), (4,), (2, 3), (2,)),
        ((4, 2), (4,), (2, 2), (1,)),
        ((4,), (4,), (2,), (2,)),
        ((4, 2), (4, 1), (2, 2), (2, 1)),
        ((0, 2), (0,), (2, 2), (2,)),
    ],
)
def test_shapes_that_do_not_fit(baselines, shapes):
    with pytest.raises(ShapeError) as caught:
        baselines(*(np.zeros(shape, np.int64) for shape in shapes))
    assert caught.value.operation == baselines.__name__
    assert caught.value.got == ", ".join(map(str, shapes))


def test_the_examples_can_be_beaten_but_not_by_a_constant():
    """The linear scores of the examples, which the demo prints beside the trained model's."""
    penguins = read_table(EXAMPLES / "penguins.csv")
    target = prepare_target(penguins, "species")
    learn, test = split_rows(len(target.rows), 0.2, 0, target.values)
    preprocessor = Preprocessor.fit(penguins, rows=target.rows[learn], target="species")
    features = [preprocessor.transform(penguins, rows=target.rows[part]) for part in (learn, test)]
    numbers = fit_target(target).encode(target.values)
    constant, linear = classification_baselines(features[0], numbers[learn], features[1], numbers[test])
    assert constant.scores["accuracy"] < 0.5 < 0.95 < linear.scores["accuracy"]

    mpg = read_table(EXAMPLES / "mpg.csv")
    target = prepare_target(mpg, "mpg")
    learn, test = split_rows(len(target.rows), 0.2, 0)
    preprocessor = Preprocessor.fit(mpg, rows=target.rows[learn], target="mpg", leave_out=["name"])
    features = [preprocessor.transform(mpg, rows=target.rows[part]) for part in (learn, test)]
    values = target.values.to_numpy()
    constant, linear = regression_baselines(features[0], values[learn], features[1], values[test])
    assert constant.scores["R²"] < 0.1 < 0.75 < linear.scores["R²"] < 0.9
