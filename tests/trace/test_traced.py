"""Writing into arrays inside a traced function, against what NumPy does with the same lines."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ChainruleError


def swap(x):
    a = x.copy()
    a[0], a[1] = a[1], a[0]
    return a


def numbers_are_no_views(x):
    a = x.copy()
    first, rest = a[0], a[1:]
    a += 10
    return a, first, rest


def views_of_views(x):
    a = x.copy()
    b = a[1:]
    c = b[1:]
    c[0] = 9
    b[0] = 3
    return a, b, c


def aliases(x):
    a = x * 1
    b = a
    b += 1
    c = a[1:]
    c *= 5
    a[0] = 7
    return a, b, c


def zero_dimensional_views(x):
    a = x.copy()
    whole = a[0, ...]
    whole[...] = 5
    return a


def reshaped(x):
    a = x.copy()
    b = a.reshape(2, 2)
    a[0] = 9
    return b, b.T


def accumulated(x):
    total = np.zeros(2) * x[0]
    for k in range(4):
        total[k % 2] += x[k] * total[0]
        total[0] += 1
    return total


@pytest.mark.parametrize(
    "f", [swap, numbers_are_no_views, views_of_views, aliases, zero_dimensional_views, reshaped, accumulated]
)
def test_writing_is_as_in_numpy(f):
    x = np.array([1.0, 2.0, 3.0, 4.0])
    expected = f(x)
    found = cr.jit(f)(x)
    for one, other in zip(*((v if isinstance(v, tuple) else (v,)) for v in (found, expected)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_derivatives_go_through_writing():
    cr.check_grads(lambda x: [np.sum(part**2) for part in views_of_views(x * x)], (np.array([0.1, 0.7, 0.3, 0.9]),))
    cr.check_grads(accumulated, (np.array([0.1, 0.7, 0.3, 0.9]),))
    np.testing.assert_array_equal(cr.jacobian(swap)(np.ones(2)), [[0, 1], [1, 0]])


@pytest.mark.parametrize("statement", ["x += 1", "x[0] = 1", "x[1:][0] = 1", "x.T[0] = 1", "np.add(x, 1, out=x)"])
def test_arguments_are_not_written_to(statement):
    def f(x):
        exec(statement, {"np": np}, {"x": x})
        return x

    with pytest.raises(ChainruleError, match=r"x\.copy\(\)"):
        cr.jit(f)(np.ones(3))


def test_pythons_questions_besides_control():
    def f(x):
        found = 2.0 in x, round(x, 1), f"{x}", len(list(x))
        with pytest.raises(TypeError, match="without axes"):
            iter(x[0])
        return found[0] * 1.0, found[1], float(found[3])

    for one, other in zip(cr.jit(f)(np.array([2.0, 0.26])), (1.0, [2.0, 0.3], 2.0), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.zeros(3)[x],
        lambda x: range(x),
        lambda x: np.add(np.ones(2), x, out=np.ones(2)),
        lambda x: (x.copy().__iadd__(np.ones((2, 2))), 0)[1],
        lambda x: (x.astype(int).__iadd__(0.5), 0)[1],
        lambda x: bool(x),
    ],
)
def test_refusals(f):
    with pytest.raises(ChainruleError):
        cr.jit(f)(np.ones(2))


def test_results_of_several_parts():
    q, r = cr.jit(lambda a: np.linalg.qr(a))(np.eye(2))
    np.testing.assert_allclose(q @ r, np.eye(2))
    named = cr.jit(lambda a: np.linalg.slogdet(a).logabsdet)(np.eye(2))
    assert float(named) == 0


def test_the_cache_keeps_no_array_behind_a_decision():
    """A guard on one element must not hold the array that the element is a view of."""
    f = cr.jit(lambda x: x * float(x[0]))
    f(np.ones(1000))
    from chainrule.functions.remember import _remembered

    entries = [
        entry
        for memory in _remembered.values()
        for kept in memory.values()
        for es in kept.entries.values()
        for entry in es
    ]
    assert all(guard.value.base is None for entry in entries for guard in entry.guards)
