"""Layers, modules, activations and losses, on arrays and traced."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.pytree import flatten, tree_map

X = np.array([[-30.0, -1.5, -1e-3], [1e-3, 2.0, 30.0]])


@nn.module
class Scaled:
    """A module with a parameter, a module inside, and a setting."""

    factor: np.ndarray
    inner: nn.Dense
    power: int = dataclasses.field(default=2, metadata={"static": True})

    def __call__(self, x):
        return self.inner(x) ** self.power * self.factor


def test_modules_are_trees_of_their_parameters():
    model = Scaled(np.array(2.0), nn.Dense(np.ones((3, 1)), np.zeros(1)), 3)
    assert [leaf.shape for leaf in flatten(model)[0]] == [(), (3, 1), (1,)]
    doubled = tree_map(lambda leaf: leaf * 2, model)
    assert (type(doubled), doubled.power, float(doubled.factor)) == (Scaled, 3, 4)
    slope = cr.grad(lambda model: np.sum(model(np.ones((2, 3)))))(model)
    assert float(slope.factor) == 2 * 27
    other = dataclasses.replace(model, power=1)
    loss = cr.jit(lambda model: np.sum(model(np.ones((1, 3)))))
    assert (float(loss(model)), float(loss(other))) == (54, 6)
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.power = 5
    again = pickle.loads(pickle.dumps(nn.multilayer_perceptron([2, 3, 1])))
    np.testing.assert_array_equal(again(np.ones((1, 2))), nn.multilayer_perceptron([2, 3, 1])(np.ones((1, 2))))


REFERENCES = {
    nn.relu: lambda x: np.maximum(x, 0),
    nn.softplus: lambda x: np.logaddexp(x, 0),
    nn.silu: lambda x: x / (1 + np.exp(-x)),
    nn.softmax: lambda x: np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True),
    nn.log_softmax: lambda x: x - np.log(np.exp(x).sum(axis=-1, keepdims=True)),
}


@pytest.mark.parametrize("activation", REFERENCES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations(activation, dtype):
    x = X.astype(dtype)
    found = activation(x)
    assert type(found) is np.ndarray
    assert found.dtype == cr.jit(activation)(x).dtype == dtype
    tolerance = {"rtol": 1e-5, "atol": 1e-7} if dtype == np.float32 else {"rtol": 1e-12}
    np.testing.assert_allclose(found, REFERENCES[activation](X), **tolerance)
    assert np.isfinite(activation(np.array([-1e4, 1e4], dtype))).all()
    assert np.isfinite(cr.grad(lambda x: np.sum(activation(x) * x))(np.array([-1e4, 1e4], dtype))).all()


def test_losses_against_their_formulas():
    logits, labels = X, np.array([2, 0])
    chosen = REFERENCES[nn.log_softmax](logits)[[0, 1], labels]
    np.testing.assert_allclose(nn.cross_entropy(logits, labels), -chosen.mean())
    p, target = 1 / (1 + np.exp(-logits)), np.array([[0.0, 1, 0.5], [1, 0, 1]])
    expected = -np.mean(target * np.log(p) + (1 - target) * np.log1p(-p + 1e-300))
    np.testing.assert_allclose(nn.binary_cross_entropy(logits, target), expected, rtol=1e-3)
    assert nn.mean_squared_error(X, X) == nn.mean_absolute_error(X, X) == 0
    for loss in (nn.mean_squared_error, nn.mean_absolute_error, nn.binary_cross_entropy):
        assert loss(X.astype(np.float32), target.astype(np.float32)).dtype == np.float32
        cr.check_grads(lambda x: loss(x, target), (X[:, :2].repeat(2, 1)[:, :3] + 0.3,), order=1, rtol=1e-5)  # noqa: B023


@pytest.mark.parametrize(
    "call",
    [
        lambda: nn.mean_squared_error(np.ones((3, 1)), np.ones(3)),
        lambda: nn.cross_entropy(np.ones((3, 2)), np.zeros((3, 1), int)),
        lambda: nn.cross_entropy(np.ones(3), np.zeros(3, int)),
        lambda: nn.cross_entropy(np.ones((3, 2)), np.zeros(3)),
    ],
)
def test_losses_refuse_shapes_that_would_broadcast(call):
    with pytest.raises(ChainruleError) as caught:
        call()
    assert isinstance(caught.value, (ShapeError, TypeError))


def test_perceptrons():
    model = nn.multilayer_perceptron([2, 500, 1], activation="tanh", seed=3, dtype=np.float64)
    np.testing.assert_allclose(
        model(np.ones((4, 2))), np.tanh(np.ones((4, 2)) @ model.layers[0].weight) @ model.layers[1].weight
    )
    assert np.std(nn.multilayer_perceptron([100, 500, 1]).layers[0].weight) == pytest.approx(np.sqrt(2 / 100), rel=0.02)
    assert nn.Dense.create(0, 2, np.random.default_rng(0)).weight.shape == (0, 2)
    for sizes, activation in (([3], "relu"), ([3, 0], "relu"), ([3, 1], "sigh")):
        with pytest.raises(ArgumentError):
            nn.multilayer_perceptron(sizes, activation=activation)
