"""Losses: one number from predictions and targets, the mean over all examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import DtypeError, ShapeError
from chainrule.nn.activations import log_softmax, softplus
from chainrule.trace import Traced


def mean_squared_error(prediction: Any, target: Any) -> Any:
    """The mean of (prediction - target)^2; equal shapes.

    >>> float(mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    _same("mean_squared_error", prediction, target)
    return np.mean((prediction - target) ** 2)


def mean_absolute_error(prediction: Any, target: Any) -> Any:
    """The mean of |prediction - target|; equal shapes.

    >>> float(mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    _same("mean_absolute_error", prediction, target)
    return np.mean(np.abs(prediction - target))


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean of -log softmax(logits)[label]: logits of shape (n, classes), integer labels of shape (n,). In nats.

    >>> round(float(cross_entropy(np.zeros((1, 4)), np.array([2]))), 6)
    1.386294
    """
    labels = labels if isinstance(labels, Traced) else np.asarray(labels)
    if len(np.shape(logits)) != 2 or np.shape(labels) != np.shape(logits)[:1]:
        raise ShapeError(
            "cross_entropy",
            expected="logits of shape (n, classes) and labels of shape (n,)",
            got=f"{np.shape(logits)} and {np.shape(labels)}",
            remedy="Give one integer label for each row of logits: of one-hot rows, their argmax(axis=1).",
        )
    if np.result_type(labels).kind not in "iu":
        raise DtypeError(
            "cross_entropy",
            expected="integer labels, the numbers of the classes",
            got=f"{np.result_type(labels)}",
            remedy="Convert them with astype(int); for probabilities of two classes take binary_cross_entropy.",
        )
    scores, count = log_softmax(logits), np.shape(logits)[1]
    labels = np.where(labels < 0, count, labels)  # out of range, where an index below 0 would count from the end
    return -np.mean(np.take_along_axis(scores, labels[:, None], axis=1))


def binary_cross_entropy(logits: Any, target: Any) -> Any:
    """The mean of -(t log p + (1 - t) log(1 - p)) with p = 1 / (1 + e^-logit); equal shapes. In nats.

    >>> round(float(binary_cross_entropy(np.array([0.0]), np.array([1.0]))), 6)
    0.693147
    """
    _same("binary_cross_entropy", logits, target)
    return np.mean(softplus(logits) - target * logits)


def _same(name: str, prediction: Any, target: Any) -> None:
    """Refuse shapes that differ: (n, 1) against (n,) would broadcast to (n, n) and mean something else."""
    if np.shape(prediction) != np.shape(target):
        raise ShapeError(
            name,
            expected="predictions and targets of one shape",
            got=f"{np.shape(prediction)} and {np.shape(target)}",
            remedy="Reshape one of them, for example target[:, None].",
        )
