"""Activation functions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special as sp

import chainrule as cr
from chainrule.errors import ArgumentError
from chainrule.ops.activation import gelu, relu, silu, softplus
from chainrule.trace import apply_function

X = np.array([-30.0, -3.0, -0.4, 0.7, 2.0, 30.0])


def on_arrays(function, **options):
    return lambda x: apply_function(function, x, **options)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (on_arrays(relu), lambda x: np.maximum(x, 0)),
        (on_arrays(silu), lambda x: x * sp.expit(x)),
        (on_arrays(softplus), lambda x: np.log1p(np.exp(x))),
        (on_arrays(gelu), lambda x: x * sp.ndtr(x)),
        (
            on_arrays(gelu, approximate=True),
            lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
        ),
    ],
    ids=["relu", "silu", "softplus", "gelu", "gelu by tanh"],
)
def test_values_and_derivatives(function, expected):
    np.testing.assert_allclose(function(X), expected(X), rtol=1e-12, atol=1e-15)
    for dtype in (np.float32, np.float64):
        assert function(X.astype(dtype)).dtype == dtype
    cr.check_grads(lambda x: np.sum(function(x)), (X / 10,), order=2)


def test_relu_at_its_kink_and_at_nan():
    x = np.array([0.0, -0.0, -np.inf, np.inf, np.nan])
    np.testing.assert_array_equal(on_arrays(relu)(x), [0, 0, 0, np.inf, np.nan])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(on_arrays(relu)(x)))(x), [0, 0, 0, 1, 1])


def test_nothing_overflows():
    x = np.array([-1e4, -800.0, 800.0, 1e4])
    for function in (on_arrays(silu), on_arrays(softplus), on_arrays(gelu), on_arrays(gelu, approximate=True)):
        np.testing.assert_array_equal(function(x), [0, 0, 800, 1e4])
        np.testing.assert_array_equal(cr.grad(lambda x, f=function: np.sum(f(x)))(x), [0, 0, 1, 1])


def test_the_forms_of_gelu():
    with pytest.raises(ArgumentError, match="approximate to be True or False; got 'tanh'"):
        gelu(1.0, approximate="tanh")
