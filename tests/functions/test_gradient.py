"""`grad` and `value_and_grad`: auxiliary data, structures, dtypes, and cost."""

from __future__ import annotations

import time
from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DerivativeError, StructureError

Pair = namedtuple("Pair", "a b")


def test_auxiliary_data_are_those_of_the_call():
    both = cr.value_and_grad(
        lambda x: (x * x, {"triple": x * 3, "note": "kept", "count": 2, "none": None}), has_aux=True
    )
    for x in (2.0, 5.0):
        (value, aux), slope = both(x)
        assert (value, slope) == (x * x, 2 * x)
        assert aux == {"triple": 3 * x, "note": "kept", "count": 2, "none": None}
        assert type(aux["count"]) is int
    slope, aux = cr.grad(lambda x: (x * x, x), has_aux=True)(3.0)
    assert (slope, aux) == (6, 3)


def test_auxiliary_data_of_nested_functions():
    def outer(x):
        (value, aux), slope = cr.value_and_grad(lambda y: (y * y * x, (y * 3, x)), has_aux=True)(x)
        return value + slope + aux[0] * aux[1]  # x^3 + 2 x^2 + 3 x^2

    assert float(cr.grad(outer)(2.0)) == 3 * 4 + 10 * 2
    assert float(cr.grad(cr.grad(outer))(2.0)) == 6 * 2 + 10


def test_auxiliary_arrays_are_the_callers_own():
    slope = cr.grad(lambda x: (x * x, np.arange(3)), has_aux=True)
    slope(1.0)[1][:] = 9
    np.testing.assert_array_equal(slope(1.0)[1], [0, 1, 2])


def test_auxiliary_data_in_all_transformations():
    f = lambda x: (np.sin(x), x * 3)  # noqa: E731
    assert cr.vjp(f, 2.0, has_aux=True)[2] == 6
    assert cr.linearize(f, 2.0, has_aux=True)[2] == 6
    assert cr.jvp(f, (2.0,), (1.0,), has_aux=True)[2] == 6
    assert float(cr.grad(lambda x: cr.vjp(f, x, has_aux=True)[2])(2.0)) == 3
    np.testing.assert_array_equal(cr.vmap(lambda x: cr.grad(f, has_aux=True)(x)[1])(np.arange(3.0)), [0, 3, 6])


@pytest.mark.parametrize("result", [lambda x: x, lambda x: (x,), lambda x: [x, x], lambda x: (x, x, x)])
def test_auxiliary_data_must_be_there(result):
    with pytest.raises(StructureError, match="has_aux"):
        cr.grad(result, has_aux=True)(1.0)


@pytest.mark.parametrize(
    "result", [lambda x: x * np.ones(2), lambda x: (x, x), lambda x: x > 0, lambda x: 3, lambda x: {}]
)
def test_results_without_a_gradient(result):
    with pytest.raises(DerivativeError, match="one floating-point number"):
        cr.grad(result)(1.0)


def test_structures():
    tree = Pair(np.ones(2), ({"z": np.ones(2), "a": None}, [2.0], {}))
    slope = cr.grad(lambda p: np.sum(p.a * p.b[0]["z"] * p.b[1][0]))(tree)
    assert type(slope) is Pair
    np.testing.assert_array_equal(slope.a, [2, 2])
    assert slope.b[0]["a"] is None
    assert slope.b[1] == [2.0]
    assert slope.b[2] == {}
    assert cr.grad(lambda p: 1.0)(None) is None


def test_gradients_have_the_dtype_of_the_argument_and_values_that_of_numpy():
    x32, x64 = np.ones(2, np.float32), np.ones(2)
    for f in (lambda x, y: np.sum(x * y), lambda x, y: np.sum(x @ y), lambda x, y: np.sum(np.where(y > 0, x, y))):
        value, slopes = cr.value_and_grad(f, argnums=(0, 1))(x32, x64)
        assert value.dtype == f(x32, x64).dtype == np.float64
        assert [slope.dtype for slope in slopes] == [np.float32, np.float64]


@pytest.mark.parametrize(
    "f",
    [
        lambda x, s: x * s,
        lambda x, s: x * (s + 1) ** 2,
        lambda x, s: x * np.sin(s),
        lambda x, s: np.where(x > 0, x, s),
        lambda x, s: np.where(x > 0, s, s) * x,
        lambda x, s: np.clip(x, 0, s),
        lambda x, s: np.maximum(x, s),
        lambda x, s: x * -abs(s),
        lambda x, s: x + int(s),
    ],
)
def test_python_numbers_are_as_weak_as_in_numpy(f):
    x = np.ones(2, np.float32)
    expected = f(x, 0.5)
    found = cr.jit(f)(x, 0.5)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_cost_is_linear_in_the_length_of_a_chain():
    """Per node, ten times as many nodes may cost at most three times as much."""

    def seconds(count):
        def chain(x):
            for _ in range(count):
                x = np.sin(x) * 1.01
            return x

        began = time.process_time()
        cr.grad(chain)(0.5)
        return (time.process_time() - began) / count

    seconds(10)
    assert seconds(3000) < 3 * seconds(300)


class Scale:
    """A class that is no pytree."""

    def __init__(self, factor):
        self.factor = factor


@pytest.mark.parametrize(
    ("function", "argument", "words"),
    [
        (lambda x: np.sum(x * x), np.arange(3), "Compute it from floats"),
        (lambda x: np.sum(x.astype(int)), np.ones(2), "Compute it from floats"),
        (lambda x: x * 2, np.ones(2), "Reduce it"),
        (lambda scale: scale.factor * 2, Scale(1.0), "register_pytree"),
    ],
)
def test_the_remedy_fits_the_fault(function, argument, words):
    with pytest.raises(cr.errors.DerivativeError, match=words):
        cr.grad(function)(argument)
