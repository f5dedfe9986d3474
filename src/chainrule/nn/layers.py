"""Layers: modules that map arrays to arrays, the examples along the first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nn.activations import relu
from chainrule.nn.module import module

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"relu": relu, "tanh": np.tanh}


@module
class Dense:
    """x @ weight + bias, for x of shape (..., inputs).

    >>> Dense(np.ones((2, 1)), np.zeros(1))(np.array([[1.0, 2.0]]))
    array([[3.]])
    """

    weight: Any
    bias: Any

    def __call__(self, x: Any) -> Any:
        """The layer at x; shape (..., outputs)."""
        return x @ self.weight + self.bias

    @staticmethod
    def create(
        inputs: int, outputs: int, random: np.random.Generator, gain: float = 1.0, dtype: Any = np.float32
    ) -> Dense:
        """A layer with normal weights of variance gain^2 / inputs, and zero bias.

        A gain of sqrt(2) suits relu (He et al., "Delving deep into rectifiers", 2015); 1 suits tanh (Glorot and
        Bengio, 2010).

        >>> Dense.create(3, 2, np.random.default_rng(0)).weight.shape
        (3, 2)
        """
        scale = gain / np.sqrt(max(inputs, 1))
        return Dense((random.standard_normal((inputs, outputs)) * scale).astype(dtype), np.zeros(outputs, dtype))


@module
class Sequential:
    """Layers one after another, with one activation between them (none after the last).

    >>> layer = Dense(np.ones((1, 1)), np.zeros(1))
    >>> Sequential((layer, layer))(np.array([[-1.0], [2.0]]))
    array([[0.],
           [2.]])
    """

    layers: tuple[Any, ...]
    activation: str = field(default="relu", metadata={"static": True})

    def __call__(self, x: Any) -> Any:
        """The composition at x."""
        *hidden, last = self.layers
        for layer in hidden:
            x = ACTIVATIONS[self.activation](layer(x))
        return last(x)


def multilayer_perceptron(
    sizes: Sequence[int], *, activation: str = "relu", seed: int = 0, dtype: Any = np.float32
) -> Sequential:
    """A network of dense layers: `sizes` gives the width of the input, of each hidden layer, and of the output.

    Raises:
        ArgumentError: fewer than two sizes, a size below 1, or an unknown activation.

    >>> model = multilayer_perceptron([2, 8, 1])
    >>> model(np.zeros((5, 2), np.float32)).shape
    (5, 1)
    """
    if len(sizes) < 2 or min(sizes) < 1:
        raise ArgumentError(
            "multilayer_perceptron",
            expected="at least two sizes, each at least 1",
            got=f"{list(sizes)}",
            remedy="Give [inputs, ..., outputs].",
        )
    if activation not in ACTIVATIONS:
        raise ArgumentError(
            "multilayer_perceptron",
            expected=f"an activation of {', '.join(ACTIVATIONS)}",
            got=repr(activation),
            remedy="Choose one of them.",
        )
    random = np.random.Generator(np.random.Philox(seed))
    gain = np.sqrt(2.0) if activation == "relu" else 1.0
    gains = [gain] * (len(sizes) - 2) + [1.0]
    layers = (Dense.create(m, n, random, g, dtype) for m, n, g in zip(sizes[:-1], sizes[1:], gains, strict=True))
    return Sequential(tuple(layers), activation)
