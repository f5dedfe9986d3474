"""Arrays like another, copies and casts."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from chainrule.errors import DtypeError, UnsupportedError
from chainrule.evaluate import UNDEFINED
from chainrule.functions.batching import jit
from chainrule.ops import cast
from tests.ops.refuse import refused


def test_like_another():
    x = np.ones((2, 3), np.float32)
    assert jit(lambda x: np.zeros_like(x, shape=4))(x).shape == (4,)
    assert jit(lambda x: np.full_like(x, 2.7, np.int16))(x).dtype == np.int16
    assert jit(lambda x: np.full_like(x, 2.7, np.int16))(x)[0, 0] == 2
    assert jit(lambda x: np.empty_like(x))(x).shape == (2, 3)
    refused(lambda x: np.zeros_like(x, device="cpu"), x, error=UnsupportedError, words="device")


def test_a_copy_may_be_written_to():
    def function(x):
        y = np.copy(x)
        y[0] = 5.0
        z = np.zeros_like(x)
        z[1] = y[0] * x[1]
        return np.sum(y) + np.sum(z)

    np.testing.assert_array_equal(cr.grad(function)(np.array([1.0, 2.0])), [0, 6])


def test_result_type():
    assert jit(lambda x: np.ones(2, np.result_type(x, np.float64)) * x)(np.ones(2, np.float32)).dtype == np.float64


def test_casts():
    x = np.array([1.7, -1.7, 0.0])
    np.testing.assert_array_equal(jit(lambda x: x.astype(int))(x), [1, -1, 0])
    np.testing.assert_array_equal(jit(lambda x: x.astype(bool))(x), [True, True, False])
    assert cast(2, np.float32).dtype == np.float32
    refused(lambda x: x.astype(complex), x, error=DtypeError, words="complex128")


def test_casts_of_fractions():
    exact = cr.graph.OPERATIONS["astype"].exact
    given = np.array([UNDEFINED, 3], object)
    assert exact(given, dtype=np.dtype(int))[0] is UNDEFINED
    assert list(exact(given, dtype=np.dtype(bool))) == [True, True]
    assert exact(np.array([True], object), dtype=np.dtype(float))[0] == 1
