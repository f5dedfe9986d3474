"""Baselines: what a constant and a linear model reach on the held-out rows, for a trained model to be compared with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chainrule.errors import ShapeError
from chainrule.train.scores import accuracy, log_loss, r2, rmse

PENALTY = 1.0
"""The weight of the squared coefficients in the linear baselines, whose features are standardised."""


@dataclass(frozen=True)
class Baseline:
    """A simple model's name and its scores on held-out rows.

    >>> Baseline("mean", {"R²": 0.0}).scores["R²"]
    0.0
    """

    name: str
    scores: dict[str, float]


def regression_baselines(
    features: np.ndarray, target: np.ndarray, held_features: np.ndarray, held_target: np.ndarray
) -> tuple[Baseline, Baseline]:
    """The mean of the target, and linear ridge regression: R² and RMSE on the held-out rows.

    `features` (n, d) and `target` (n,) are learned from, `held_features` (m, d) and `held_target` (m,) are tested on.
    RMSE is in the unit of the targets given. Raises `ShapeError` for shapes that do not fit together.

    >>> x, y = np.arange(40.0)[:, None] / 10, np.arange(40.0)
    >>> constant, linear = regression_baselines(x[:30], y[:30], x[30:], y[30:])
    >>> constant.scores["R²"] < 0 < 0.9 < linear.scores["R²"]
    True
    """
    _check("regression_baselines", features, target, held_features, held_target)
    mean = np.full(len(held_target), np.mean(target, dtype=np.float64))
    fitted = linear_ridge(features, np.asarray(target, dtype=np.float64)[:, None], held_features)[:, 0]
    constant, linear = (
        Baseline(name, {"R²": r2(held_target, predicted), "RMSE": rmse(held_target, predicted)})
        for name, predicted in (("constant (mean)", mean), ("linear (ridge)", fitted))
    )
    return constant, linear


def classification_baselines(
    features: np.ndarray, target: np.ndarray, held_features: np.ndarray, held_target: np.ndarray
) -> tuple[Baseline, Baseline]:
    """The most frequent class, and a ridge classifier: accuracy on the held-out rows.

    Shapes as for `regression_baselines`; the targets are class numbers from 0. The constant's log loss is that of
    the classes' frequencies. The linear one is ridge regression on the classes' indicators, the largest output taken
    (Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, 2nd ed. §4.2); its outputs are no
    probabilities, so it has no log loss.

    >>> x, y = np.array([[0.0], [1.0], [9.0], [10.0]] * 5), np.array([0, 0, 1, 1] * 5)
    >>> constant, linear = classification_baselines(x, y, x, y)
    >>> constant.scores["accuracy"], linear.scores["accuracy"]
    (0.5, 1.0)
    """
    _check("classification_baselines", features, target, held_features, held_target)
    count = int(max(target.max(), held_target.max())) + 1
    frequencies = np.bincount(target, minlength=count) / len(target)
    guessed = np.tile(frequencies, (len(held_target), 1))
    fitted = linear_ridge(features, np.eye(count)[target], held_features)
    constant = {"accuracy": accuracy(held_target, guessed.argmax(1)), "log loss": log_loss(held_target, guessed)}
    linear = {"accuracy": accuracy(held_target, fitted.argmax(1))}
    return Baseline("constant (most frequent class)", constant), Baseline("linear (ridge classifier)", linear)


def linear_ridge(features: np.ndarray, targets: np.ndarray, held_features: np.ndarray) -> np.ndarray:
    """What linear ridge regression with an intercept, learned from (n, d) and (n, k), predicts for (m, d): (m, k).

    The coefficients w minimise |Xw - Y|² + `PENALTY` |w|² with X and Y centred. The penalty is small beside n
    standardised rows; it makes the solution unique where features depend on one another, as the indicators of a
    category do. The normal equations are d by d, so a long table costs one product.

    Source: Hoerl, Kennard (1970), Ridge regression, Technometrics 12.

    >>> linear_ridge(np.array([[-1.0], [1.0]]), np.array([[-3.0], [3.0]]), np.array([[1.0]]))
    array([[2.]])
    """
    table, outputs = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    middle, level = table.mean(axis=0), outputs.mean(axis=0)
    table = table - middle
    normal = table.T @ table + PENALTY * np.eye(table.shape[1])
    weights = np.linalg.lstsq(normal, table.T @ (outputs - level), rcond=None)[0]
    return (np.asarray(held_features, dtype=np.float64) - middle) @ weights + level


def _check(operation: str, features: np.ndarray, target: np.ndarray, held: np.ndarray, held_target: np.ndarray) -> None:
    shapes = [np.shape(array) for array in (features, target, held, held_target)]
    rows, held_rows = len(target), len(held_target)
    width = features.shape[1:]
    if len(width) != 1 or shapes != [(rows, *width), (rows,), (held_rows, *width), (held_rows,)] or not rows:
        raise ShapeError(
            operation,
            expected="the shapes (n, d), (n,), (m, d), (m,) with n from 1",
            got=", ".join(map(str, shapes)),
            remedy="Give as many targets as rows, and the same features for both parts.",
        )
