"""PyTorch as most people use it: a Python loop of gather, zero_grad, forward, backward and step."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.systems.system import Peer
from bench.tasks import ADAM, LENET_PADDING, RELU, Task


class TorchEager(Peer):
    """`torch.nn.Sequential`, `torch.optim` as it comes, and PyTorch's own choice of threads."""

    name = "torch"
    fused: bool | None = None

    def __init__(self, task: Task) -> None:
        super().__init__(task)
        x, y = task.data
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64) if task.classes else y)

    def losses(self, order: np.ndarray) -> np.ndarray:
        """The losses of these steps."""
        return torch.stack(self.prepare(order)()).numpy()

    def prepare(self, order: np.ndarray):
        """A training loop over these rows, with a fresh model."""
        model = make_model(self.task)
        rule = torch.optim.Adam if self.task.update == ADAM else torch.optim.SGD
        optimizer = rule(model.parameters(), lr=self.task.step, fused=self.fused)
        rows, x, y, loss = torch.from_numpy(order), self.x, self.y, self.loss

        def run() -> list[torch.Tensor]:
            losses = []
            for batch in rows:
                optimizer.zero_grad()
                value = loss(model(x[batch]), y[batch])
                value.backward()
                optimizer.step()
                losses.append(value.detach())
            return losses

        return run

    @property
    def loss(self):
        """Cross-entropy, or half the mean of the squared errors."""
        if self.task.classes:
            return functional.cross_entropy
        return lambda prediction, y: functional.mse_loss(prediction, y) / 2


class TorchFused(TorchEager):
    """The same with the update of all parameters in one kernel, which PyTorch leaves to the user to ask for."""

    name = "torch fused"
    fused = True


def make_model(task: Task) -> nn.Sequential:
    """The task's layers with its first parameters."""
    activation = nn.ReLU if task.activation == RELU else nn.Tanh
    layers, paddings, pairs = [], iter(LENET_PADDING), task.parameters()
    for number, (weight, bias) in enumerate(pairs):
        if weight.ndim == 4:
            layer = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2:], padding=next(paddings))
            after = [activation(), nn.MaxPool2d(2)]
        else:
            layer, weight = nn.Linear(*weight.shape), np.ascontiguousarray(weight.T)
            before = [nn.Flatten()] if number and pairs[number - 1][0].ndim == 4 else []
            layers += before
            after = [activation()] if number < len(pairs) - 1 else []
        layer.weight.data, layer.bias.data = torch.from_numpy(weight), torch.from_numpy(bias)
        layers += [layer, *after]
    return nn.Sequential(*layers)
