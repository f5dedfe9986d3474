"""`chainrule.numpy`: NumPy itself, and arrays of traced values besides."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ShapeError


def test_every_name_of_numpy_is_there():
    assert set(dir(np)) <= set(dir(cr.numpy))
    assert cr.numpy.sin is np.sin
    assert cr.numpy.linalg.inv is np.linalg.inv
    with pytest.raises(AttributeError, match="sine"):
        _ = cr.numpy.sine


@pytest.mark.parametrize("make", [cr.numpy.array, cr.numpy.asarray, cr.numpy.ascontiguousarray])
def test_arrays_of_traced_values(make):
    def f(x):
        return make([[x, 1.0], (x * x, np.float32(2))])

    np.testing.assert_array_equal(cr.jit(f)(3.0), [[3, 1], [9, 2]])
    np.testing.assert_array_equal(cr.jacobian(f)(3.0), [[1, 0], [6, 0]])
    assert cr.jit(lambda x: make([x], np.float32))(1.0).dtype == np.float32
    assert make([1, 2], float).dtype == np.float64
    assert make(3).shape == np.asarray(make(3)).shape
    with pytest.raises(ShapeError):
        cr.jit(lambda x: make([x, [x, x]]))(1.0)


@pytest.mark.parametrize(
    "kinds", [(np.float32, np.float64), (np.int8, np.uint8), (np.bool_, np.int32), (np.float32, int)]
)
def test_dtypes_are_those_of_numpy(kinds):
    values = [kind(1) for kind in kinds]
    assert cr.jit(lambda a, b: cr.numpy.array([a, b]))(*values).dtype == np.array(values).dtype


def test_array_copies_and_asarray_does_not():
    def f(x):
        y = x * 1
        z, same = cr.numpy.array(y), cr.numpy.asarray(y)
        z[0] = 5.0
        return y, z, same

    y, z, same = cr.jit(f)(np.ones(2))
    assert (y[0], z[0], same[0]) == (1, 5, 1)
    assert cr.jit(lambda x: cr.numpy.asarray(x, np.float32))(1.0).dtype == np.float32


def test_take_by_a_traced_index():
    table = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(cr.jit(lambda k: cr.numpy.take(table, k, axis=1))(np.array([1, 0])), table[:, ::-1])
    np.testing.assert_array_equal(cr.numpy.take(table, [1], axis=0), table[1:])
    np.testing.assert_array_equal(cr.grad(lambda t: np.sum(cr.numpy.take(t, [0, 3])))(table), [[1, 0], [0, 1]])


def test_the_array_namespace():
    def f(x):
        return x.__array_namespace__(api_version="2024.12").stack([x, x])

    np.testing.assert_array_equal(cr.jit(f)(np.ones(2)), np.ones((2, 2)))


def test_arrays_made_inside_a_traced_function_can_be_written_to():
    def f(x):
        filled = cr.numpy.zeros(3)
        filled[0:2] = x
        filled[2] += x * x
        copied = cr.numpy.array([1.0, 2.0])
        copied[0] = x
        return np.sum(filled * filled) + copied[0] * copied[1]

    assert float(cr.grad(f)(2.0)) == 42
    assert isinstance(cr.numpy.zeros(3), np.ndarray)
    assert float(cr.jit(lambda k: cr.numpy.asarray(np.array([10.0, 20.0]))[k])(1)) == 20
