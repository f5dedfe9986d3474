"""Which arguments a derivative is taken by, and what they are called."""

from __future__ import annotations

import functools
import math
from collections import deque, namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DerivativeError, SeveredGradientWarning, StructureError
from chainrule.functions import arguments
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


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), "x", [3], ([0],), 1.0, None])
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


def test_a_number_taken_out_of_a_value_is_a_warning_where_a_derivative_is_taken_by_it():
    with pytest.warns(SeveredGradientWarning, match=r"test_arguments\.py"):
        assert float(cr.grad(lambda x: math.sin(x) + 0 * x)(1.0)) == 0
    with pytest.warns(SeveredGradientWarning, match="stop_gradient"):
        cr.jvp(lambda x: x * x.item(), (2.0,), (1.0,))


def test_no_warning_where_it_is_meant_or_does_not_matter():
    assert float(cr.grad(lambda x: float(cr.stop_gradient(x)) * x)(2.0)) == 2
    assert float(cr.grad(lambda x, scale: float(scale) * x)(2.0, 3.0)) == 3
    assert float(cr.grad(lambda x: x * int(x))(2.0)) == 2
    assert float(cr.jit(lambda x: x * float(x))(2.0)) == 4


def test_a_list_of_argnums_is_a_tuple_of_them():
    assert [float(slope) for slope in cr.grad(lambda x, y: x * y, argnums=[0, 1])(2.0, 3.0)] == [3, 2]


def test_names_are_made_once_for_all_leaves(monkeypatch):
    """Not once for each leaf: a thousand layers would take a million names."""
    asked = deque()
    monkeypatch.setattr(arguments, "leaf_names", lambda *args: (asked.append(0), leaf_names(*args))[1])
    cr.grad(lambda layers: np.sum(layers[0] * layers[9]))([np.ones(2)] * 10)
    assert len(asked) == 2  # for the trace, and for the choice of what to differentiate by
