"""Which arguments a derivative is taken by, and what they are called."""

from __future__ import annotations

import functools
from collections import namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DerivativeError, StructureError
from chainrule.functions.arguments import leaf_names, name_of_function
from chainrule.pytree import flatten

Pair = namedtuple("Pair", "a b")


def names(function, *args, **kwargs):
    return leaf_names(function, flatten((args, kwargs))[1])


def test_leaves_are_named_after_parameters():
    def f(theta, x, *rest, scale=1.0):
        raise NotImplementedError

    found = names(f, {"w": [1, 2], "b": None}, Pair(1, 2), 3, (4, 5), scale=6)
    assert found == ["theta['w'][0]", "theta['w'][1]", "x.a", "x.b", "rest[0]", "rest[1][0]", "rest[1][1]", "scale"]
    assert names(np.ndarray.sum, 1.0) == ["x[0]"] or names(np.ndarray.sum, 1.0) == ["self"]
    assert names(dict, 1.0) == ["x[0]"]
    assert name_of_function(functools.partial(f)) == "partial"


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), "x", [0], ([0],), 1.0, None])
def test_argnums_that_number_nothing(argnums):
    with pytest.raises(ArgumentError, match="argnums"):
        cr.grad(lambda x, y: x * y, argnums=argnums)(1.0, 2.0)


def test_argnums_count_backwards_repeat_and_may_be_none_at_all():
    product = lambda x, y: x * y  # noqa: E731
    assert float(cr.grad(product, argnums=-1)(3.0, 4.0)) == 3
    assert [float(g) for g in cr.grad(product, argnums=(0, 0, -1))(3.0, 4.0)] == [4, 4, 3]
    assert cr.grad(product, argnums=())(3.0, 4.0) == ()


@pytest.mark.parametrize("argument", [3, np.arange(3), True, "a", {"a": 1.0, "b": 2}])
def test_arguments_that_are_not_floating(argument):
    with pytest.raises(DerivativeError, match="floating-point numbers as x"):
        cr.grad(lambda x: 1.0)(argument)


def test_static_arguments_of_any_kind():
    f = lambda x, *rest, **options: x * (2 + len(rest) + len(options))  # noqa: E731
    for odd in ("a", None, {"a": None}, {1, 2}, np.sin, lambda: 0, object(), slice(0, 2), np.float32, [], b"a", ...):
        assert float(cr.grad(f)(1.0, odd)) == 3
        assert float(cr.grad(f)(1.0, odd=odd)) == 3


def test_positional_arguments_come_in_a_tuple():
    for call in (lambda: cr.jvp(np.sin, np.ones(2), (np.ones(2),)), lambda: cr.hvp(np.sum, 1.0, (1.0,))):
        with pytest.raises(StructureError, match="primals as a tuple"):
            call()


def test_methods_defaults_and_generators():
    class Model:
        def loss(self, x, *, scale=2.0):
            return sum(v * v for v in x) * scale

    np.testing.assert_array_equal(cr.grad(Model().loss)(np.arange(3.0)), [0, 4, 8])
    np.testing.assert_array_equal(cr.grad(Model().loss)(np.arange(3.0), scale=1.0), [0, 2, 4])
