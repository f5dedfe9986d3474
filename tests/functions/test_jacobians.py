"""Matrices of derivatives, of trees by trees, of mixed dtypes, and of nothing."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr

MODES = [cr.jacobian, cr.jacfwd, cr.jacrev]


@pytest.mark.parametrize("mode", MODES)
def test_trees_of_results_by_trees_of_arguments(mode):
    f = lambda x, p: {"u": x * p["a"].sum(), "v": (p["a"] * p["b"], np.argmax(p["a"]))}  # noqa: E731
    p = {"a": np.array([1.0, 5.0, 2.0]), "b": 3.0}
    found = mode(f, argnums=(0, 1))(2.0, p)
    by_x, by_p = found["u"]
    assert by_x == 8
    np.testing.assert_array_equal(by_p["a"], [2, 2, 2])
    assert by_p["b"] == 0
    by_x, by_p = found["v"][0]
    np.testing.assert_array_equal(by_x, np.zeros(3))
    np.testing.assert_array_equal(by_p["a"], 3 * np.eye(3))
    np.testing.assert_array_equal(by_p["b"], p["a"])
    by_x, by_p = found["v"][1]
    assert by_x.dtype == by_p["a"].dtype == np.float64
    assert not by_p["a"].any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda x: x * 2, (0, 2, 0, 2)),
        (lambda x: np.sum(x), (0, 2)),
        (lambda x: np.ones(3), (3, 0, 2)),
    ],
)
def test_arguments_without_elements(mode, f, shape):
    assert mode(f)(np.zeros((0, 2))).shape == shape


@pytest.mark.parametrize("mode", MODES)
def test_results_without_elements_without_floats_and_without_any(mode):
    assert mode(lambda x: x[:0])(np.ones(2)).shape == (0, 2)
    np.testing.assert_array_equal(mode(np.argmax)(np.ones(2)), [0.0, 0.0])
    assert mode(lambda x: ())(np.ones(2)) == ()


def test_shapes_of_results_come_first():
    x = np.arange(6.0).reshape(2, 3)
    for mode in MODES:
        found = mode(lambda x: x.T * 2)(x)
        assert found.shape == (3, 2, 2, 3)
        np.testing.assert_array_equal(np.einsum("ijji->ij", found), np.full((3, 2), 2.0))


def test_hessians_of_trees():
    f = lambda p: p["a"] ** 2 * p["b"]  # noqa: E731
    found = cr.hessian(f)({"a": 2.0, "b": 3.0})
    assert {k: {j: float(v) for j, v in row.items()} for k, row in found.items()} == {
        "a": {"a": 6, "b": 4},
        "b": {"a": 4, "b": 0},
    }
    by_both = cr.hessian(lambda x, y: x * y * y, argnums=(0, 1))(2.0, 3.0)
    assert [[float(part) for part in row] for row in by_both] == [[0, 6], [6, 4]]


def test_hessian_times_a_vector():
    f = lambda p, q: p["a"] ** 2 * p["b"] * q  # noqa: E731
    by_p, by_q = cr.hvp(f, ({"a": 2.0, "b": 3.0}, 1.0), ({"a": 1.0, "b": 0.0}, 0.0))
    assert ({k: float(v) for k, v in by_p.items()}, float(by_q)) == ({"a": 6, "b": 4}, 12)
    x, t = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    g = lambda x: np.sum(x**3) * x[0]  # noqa: E731
    np.testing.assert_allclose(cr.hvp(g, (x,), (t,)), cr.hessian(g)(x) @ t)
