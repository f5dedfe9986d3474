"""Neural networks: modules that are pytrees of arrays, activations, and losses. All of it is ordinary NumPy."""

from chainrule.nn.activations import gelu, log_softmax, logsumexp, relu, silu, softmax, softplus
from chainrule.nn.convolutions import average_pool, convolve, convolve_transpose, max_pool
from chainrule.nn.layers import ACTIVATIONS, Dense, Sequential, multilayer_perceptron
from chainrule.nn.losses import binary_cross_entropy, cross_entropy, mean_absolute_error, mean_squared_error
from chainrule.nn.module import module

__all__ = [
    "ACTIVATIONS",
    "Dense",
    "Sequential",
    "average_pool",
    "binary_cross_entropy",
    "convolve",
    "convolve_transpose",
    "cross_entropy",
    "gelu",
    "log_softmax",
    "logsumexp",
    "max_pool",
    "mean_absolute_error",
    "mean_squared_error",
    "module",
    "multilayer_perceptron",
    "relu",
    "silu",
    "softmax",
    "softplus",
]
