"""What is trained: the rows of the yardstick as one table, with data, first parameters and the count of operations.

Nothing here knows any of the systems. Data are synthetic: of the shapes that the names promise, from a
fixed seed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from math import prod

import numpy as np

ADAM, DESCENT = "Adam", "gradient descent"
RELU, TANH = "relu", "tanh"
LENET_PADDING = (2, 0)
Parameters = list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Target:
    """What is to be reached: at most `fraction` of the time of the fastest of these peers."""

    fraction: float
    peers: tuple[str, ...]

    def __str__(self) -> str:
        peers = self.peers[0] if len(self.peers) == 1 else f"the fastest of {', '.join(self.peers)}"
        return f"at most {self.fraction:g} × {peers}"


@dataclass(frozen=True)
class Task:
    """One kind of training. `shapes` are those of the weights: (inputs, outputs) of a dense layer, or (features,
    channels, height, width) of a convolution, which relu and the maximum of 2 × 2 windows follow."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    activation: str
    batch: int
    update: str
    step: float
    rows: int
    classes: bool
    peers: tuple[str, ...]
    target: Target | None = None
    image: tuple[int, ...] = ()

    @property
    def per_epoch(self) -> int:
        """Steps in an epoch; rows are a multiple of the batch, so that all steps are equal."""
        return self.rows // self.batch

    @property
    def description(self) -> str:
        """Layers, batch and update in one line."""
        if self.image:
            layers = "LeNet-5 on 28×28"
        else:
            layers = "-".join(str(size) for size in (self.shapes[0][0], *(shape[1] for shape in self.shapes)))
            if len(self.shapes) > 8:
                layers = f"{len(self.shapes)} layers of {self.shapes[0][0]}"
        return f"{layers} {self.activation}, {self.batch}, {self.update}"

    @property
    def operations(self) -> int:
        """Floating-point operations a step: 2 for each multiplication and addition of the products and convolutions,
        forward, for the weights' gradients, and for the inputs' gradients but those of the first layer. What is
        elementwise, the loss and the update are not counted."""
        products = [prod(shape) * places for shape, places in zip(self.shapes, self._places(), strict=True)]
        return 2 * self.batch * (3 * sum(products) - products[0])

    def _places(self) -> list[int]:
        """How often each weight is used for one example: 1, or the places of a convolution."""
        places, side, convolutions = [], self.image[-1] if self.image else 1, iter(LENET_PADDING)
        for shape in self.shapes:
            if len(shape) == 4:
                side = side + 2 * next(convolutions) - shape[-1] + 1
                places.append(side * side)
                side //= 2
            else:
                places.append(1)
        return places

    @cached_property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs in float32, and targets in float32 or labels in int32, of a smooth rule with some noise."""
        random = np.random.default_rng(1)
        x = random.standard_normal((self.rows, *(self.image or self.shapes[0][:1])), np.float32)
        outputs = self.shapes[-1][-1]
        features = x.reshape(self.rows, -1)
        rule = random.standard_normal((features.shape[1], outputs), np.float32) / np.float32(features.shape[1]) ** 0.5
        y = np.sin(features @ (2 * rule)) + 0.1 * random.standard_normal((self.rows, outputs), np.float32)
        return x, y.argmax(axis=1).astype(np.int32) if self.classes else y.astype(np.float32)

    def parameters(self, seed: int = 0) -> Parameters:
        """The first parameters, by He et al., "Delving deep into rectifiers", 2015; biases of 0.1."""
        random = np.random.default_rng(seed)
        pairs = []
        for shape in self.shapes:
            inputs, outputs = (prod(shape[1:]), shape[0]) if len(shape) == 4 else shape
            gain = np.sqrt((2 if self.activation == RELU else 1) / inputs)
            weight = gain * random.standard_normal(shape, np.float32)
            pairs.append((weight.astype(np.float32), np.full(outputs, 0.1, np.float32)))
        return pairs

    def order(self, steps: int, seed: int = 2) -> np.ndarray:
        """Rows of the examples for so many steps, shape (steps, batch), each epoch in an order of its own."""
        epochs = -(-steps // self.per_epoch)
        rows = np.tile(np.arange(self.rows, dtype=np.int32), (epochs, 1))
        return np.random.default_rng(seed).permuted(rows, axis=1).reshape(-1, self.batch)[:steps]


def dense(*sizes: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of the weights of dense layers between these sizes."""
    return tuple(pairwise(sizes))


TORCH, FUSED, STEP, SCAN, AHEAD, SKLEARN = "torch", "torch fused", "jax step", "jax scan", "jax ahead", "sklearn"
VMAP, MODELS = "jax vmap", 64
"""The peer of the row `many`, and how many models that trains."""
LENET = ((6, 1, 5, 5), (16, 6, 5, 5), (400, 120), (120, 84), (84, 10))
JAX, BOTH_TORCH, SCANS = (STEP, SCAN, AHEAD), (TORCH, FUSED), (SCAN, AHEAD)

TASKS = {
    task.name: task
    for task in (
        Task("tiny", dense(1, 1, 1, 1), RELU, 4, DESCENT, 0.05, 1024, False,
             (TORCH, *JAX, SKLEARN), Target(1, SCANS)),
        Task("small", dense(1, 64, 64, 1), TANH, 32, ADAM, 1e-3, 2048, False,
             (*BOTH_TORCH, *JAX), Target(0.5, SCANS)),
        Task("digits", dense(64, 128, 10), RELU, 64, ADAM, 1e-3, 1792, True,
             (*BOTH_TORCH, *JAX, SKLEARN), Target(0.5, SCANS)),
        Task("table", dense(8, 64, 64, 1), RELU, 256, ADAM, 1e-3, 20480, False,
             (*BOTH_TORCH, *JAX, SKLEARN), Target(0.5, SCANS)),
        Task("mnist", dense(784, 512, 512, 10), RELU, 128, ADAM, 1e-3, 12800, True,
             (*BOTH_TORCH, *JAX), Target(0.75, (*BOTH_TORCH, *JAX))),
        Task("lenet", LENET, RELU, 128, ADAM, 1e-3, 1280, True,
             (*BOTH_TORCH, STEP), Target(0.25, BOTH_TORCH), image=(1, 28, 28)),
        Task("wide", dense(2048, 2048, 2048, 2048), RELU, 1024, DESCENT, 0.1, 4096, False,
             (TORCH, STEP, SCAN), Target(1, (TORCH,))),
    )
}  # fmt: skip


def square(width: int = 128, depth: int = 3, batch: int = 128, activation: str = RELU) -> Task:
    """Equal layers trained by gradient descent: what the sections on cost vary. An epoch is short for large layers."""
    steps = max(1, min(64, 2**29 // (width * width * depth * batch)))
    name = f"{depth} layers of {width}, batch {batch}"
    return Task(name, dense(*[width] * (depth + 1)), activation, batch, DESCENT, 0.01, batch * steps, False, ())


def mnist_whole() -> Task:
    """`mnist` with all of its 60,000 rows (59,904, a multiple of the batch), for the measurement of memory."""
    return replace(TASKS["mnist"], rows=128 * 468)
