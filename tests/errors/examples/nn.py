"""Errors of `nn/`: layers and losses."""

import numpy as np

import chainrule as cr
from chainrule import nn

THREE = np.ones(3)

EXAMPLES = [
    ("a network of one size", lambda: nn.multilayer_perceptron([3])),
    ("a network with an empty layer", lambda: nn.multilayer_perceptron([3, 0, 1])),
    ("an unknown activation", lambda: nn.multilayer_perceptron([3, 8, 1], activation="swish")),
    ("predictions and targets of different shapes", lambda: nn.mean_squared_error(np.ones((3, 1)), THREE)),
    ("logits and targets of different shapes", lambda: nn.binary_cross_entropy(np.ones((3, 1)), THREE)),
    ("labels for other rows", lambda: nn.cross_entropy(np.ones((4, 2)), np.zeros(3, int))),
    ("labels that are one-hot", lambda: nn.cross_entropy(np.ones((3, 2)), np.eye(3, 2))),
    ("a label that is no class", lambda: cr.jit(nn.cross_entropy)(np.ones((2, 2)), np.array([0, 2]))),
    ("labels that are floats", lambda: cr.jit(nn.cross_entropy)(np.ones((2, 2)), np.array([0.0, 1.0]))),
    ("gelu with an approximation that is none", lambda: nn.gelu(THREE, approximate="tanh")),
    ("softmax along an axis that is not there", lambda: nn.softmax(THREE, axis=1)),
    ("an input of another width", lambda: cr.jit(nn.multilayer_perceptron([3, 8, 1]))(np.ones((5, 4), np.float32))),
]
