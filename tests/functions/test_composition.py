"""The transformations compose: each with each, in any order, and to third derivatives."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as cr


def f(x):
    return np.sin(x) * x**2


FIRST = lambda x: np.cos(x) * x**2 + 2 * x * np.sin(x)  # noqa: E731
SECOND = lambda x: -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)  # noqa: E731
THIRD = lambda x: -np.cos(x) * x**2 - 6 * x * np.sin(x) + 6 * np.cos(x)  # noqa: E731

DERIVATIVES = {
    "grad": cr.grad,
    "jacfwd": cr.jacfwd,
    "jacrev": cr.jacrev,
    "jvp": lambda g: lambda x: cr.jvp(g, (x,), (1.0,))[1],
    "vjp": lambda g: lambda x: cr.vjp(g, x)[1](1.0)[0],
    "linearize": lambda g: lambda x: cr.linearize(g, x)[1](1.0),
}
PAIRS = list(itertools.product(DERIVATIVES, repeat=2))


@pytest.mark.parametrize("name", DERIVATIVES)
def test_first(name):
    assert float(DERIVATIVES[name](f)(0.7)) == pytest.approx(FIRST(0.7), rel=1e-13)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_second(outer, inner):
    assert float(DERIVATIVES[outer](DERIVATIVES[inner](f))(0.7)) == pytest.approx(SECOND(0.7), rel=1e-13)


@pytest.mark.parametrize("names", list(itertools.product(["grad", "jvp", "vjp"], repeat=3)), ids="-".join)
def test_third(names):
    g = f
    for name in names:
        g = DERIVATIVES[name](g)
    assert float(g(0.7)) == pytest.approx(THIRD(0.7), rel=1e-12)


@pytest.mark.parametrize(("outer", "inner"), PAIRS)
def test_second_under_vmap_and_jit(outer, inner):
    x = np.linspace(0.1, 1.0, 4)
    second = DERIVATIVES[outer](cr.jit(DERIVATIVES[inner](f)))
    np.testing.assert_allclose(cr.vmap(second)(x), SECOND(x), rtol=1e-12)
    np.testing.assert_allclose(cr.jit(cr.vmap(second))(x), SECOND(x), rtol=1e-12)


def test_grad_of_vmap():
    x = np.linspace(0.1, 1.0, 4)
    np.testing.assert_allclose(cr.grad(lambda x: np.sum(cr.vmap(f)(x)))(x), FIRST(x), rtol=1e-12)


def test_no_perturbation_confusion():
    """The example of Siskind and Pearlmutter, "Perturbation confusion and referential transparency", 2005."""
    assert float(cr.grad(lambda x: x * cr.grad(lambda y: x + y)(2.0))(1.0)) == 1
    inner = lambda x: cr.jvp(lambda y: x * y, (3.0,), (1.0,))[1]  # noqa: E731
    assert float(cr.jvp(inner, (2.0,), (1.0,))[1]) == 1


def test_nested_closures_of_three_levels():
    def outer(x):
        return cr.grad(lambda y: cr.grad(lambda z: x * y * z * z)(x) * y)(x)

    # d/dz (x y z^2) at z=x: 2 x^2 y; times y: 2 x^2 y^2; d/dy at y=x: 4 x^3
    assert float(outer(3.0)) == pytest.approx(108)
    assert float(cr.grad(outer)(3.0)) == pytest.approx(108)


def test_hessian_is_forward_over_reverse_and_symmetric():
    def g(x):
        return np.sum(np.exp(x[:-1]) * x[1:] ** 2)

    matrix = cr.hessian(g)(np.array([0.1, 0.5, -0.3]))
    np.testing.assert_allclose(matrix, matrix.T)
    vector = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(cr.hvp(g, (np.array([0.1, 0.5, -0.3]),), (vector,)), matrix @ vector)
    np.testing.assert_allclose(cr.jacrev(cr.jacrev(g))(np.array([0.1, 0.5, -0.3])), matrix)
    np.testing.assert_allclose(cr.jacrev(cr.jacfwd(g))(np.array([0.1, 0.5, -0.3])), matrix)


def test_where_hides_what_was_not_selected_in_every_order_and_mode():
    g = lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0))  # noqa: E731
    x = np.array([0.0, 4.0])
    np.testing.assert_array_equal(cr.grad(g)(x), [0, 0.25])
    np.testing.assert_allclose(cr.hessian(g)(x), [[0, 0], [0, -1 / 32]])
    np.testing.assert_array_equal(cr.jvp(g, (x,), (np.ones(2),))[1], 0.25)


def test_kinks_follow_pytorch():
    assert float(cr.grad(cr.nn.relu)(0.0)) == 0
    assert float(cr.grad(np.abs)(0.0)) == 0
    assert [float(g) for g in cr.grad(np.maximum, argnums=(0, 1))(2.0, 2.0)] == [0.5, 0.5]
    np.testing.assert_array_equal(cr.grad(np.max)(np.array([1.0, 3.0, 3.0])), [0, 0.5, 0.5])


def test_a_chain_of_100000_nodes():
    def deep(x):
        for _ in range(100_000):
            x = np.sin(x)
        return x

    graph = cr.trace(cr.grad(deep), 0.5)
    assert len(graph.nodes) >= 200_000
    slope = cr.evaluate(graph, 0.5)[0]
    assert 0 < slope < 1e-5


def test_pytrees_and_argnums():
    def g(params, x, scale=1.0):
        return scale * np.sum(params["w"] * x + params["b"][0])

    params = {"w": np.ones(2), "b": (np.zeros(2), None)}
    slope = cr.grad(g)(params, np.array([1.0, 2.0]), scale=3.0)
    np.testing.assert_array_equal(slope["w"], [3, 6])
    np.testing.assert_array_equal(slope["b"][0], [3, 3])
    assert slope["b"][1] is None
    by_both = cr.grad(g, argnums=(0, 1))(params, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(by_both[1], [1, 1])
    (value, aux), slope = cr.value_and_grad(lambda x: (x * x, {"note": "kept", "x": x * 1}), has_aux=True)(3.0)
    assert (float(value), aux["note"], float(slope)) == (9, "kept", 6)


def test_dtypes_are_kept():
    value, slope = cr.value_and_grad(lambda x: np.sum(x * 2.0))(np.ones(3, np.float32))
    assert value.dtype == slope.dtype == np.float32
    assert cr.jit(lambda x, s: x * s)(np.ones(2, np.float32), 0.5).dtype == np.float32
    assert cr.jit(lambda x, s: x * s)(np.ones(2, np.float32), np.float64(0.5)).dtype == np.float64
