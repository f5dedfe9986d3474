"""Losses: values against sums by hand, and labels in whatever they come."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn


def test_labels_may_be_a_list_a_column_or_traced():
    logits, labels = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]]), [1, 2]
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -(np.log(chances[0, 1]) + np.log(chances[1, 2])) / 2
    np.testing.assert_allclose(nn.cross_entropy(logits, labels), expected, rtol=1e-12)
    np.testing.assert_allclose(cr.jit(nn.cross_entropy)(logits, np.array(labels)), expected, rtol=1e-12)
    slope = cr.grad(nn.cross_entropy)(logits, np.array(labels, np.uint8))
    np.testing.assert_allclose(slope, (chances - np.eye(3)[labels]) / 2, rtol=1e-12)


def test_a_label_below_zero_does_not_count_from_the_end():
    with pytest.raises(IndexError):
        cr.nn.cross_entropy(np.zeros((2, 3)), np.array([0, -1]))
