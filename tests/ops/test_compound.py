"""Compound elementwise functions: edges against NumPy's own, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DtypeError, UnsupportedError
from chainrule.functions.batching import jit
from tests.ops.refuse import refused

EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0, 2.5, 5e-324, 1e300])


def same(call, *arrays):
    """Traced and plain NumPy agree: in values, dtypes and the signs of zeros."""
    with np.errstate(all="ignore"):
        expected = call(*arrays)
    found = jit(call)(*arrays)
    for one, other in zip(*((x if isinstance(x, tuple) else (x,)) for x in (found, expected)), strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype
        if np.asarray(other).dtype.kind == "f":
            settled = ~np.isnan(other)
            np.testing.assert_array_equal(np.signbit(one)[settled], np.signbit(other)[settled])


@pytest.mark.parametrize(
    "call",
    [
        np.modf,
        np.rint,
        np.sign,
        np.absolute,
        np.fix,
        np.isposinf,
        np.isneginf,
        np.nan_to_num,
        np.conjugate,
        lambda x: np.frexp(x)[0],
        lambda x: x.conj(),
        lambda x: x.conjugate(),
        lambda x: np.frexp(x[3:])[1],
        lambda x: np.round(x, 1),
        lambda x: np.round(x, -1),
        lambda x: round(x, 1) if not isinstance(x, np.ndarray) else np.round(x, 1),
        lambda x: np.divmod(x, 1.5),
        lambda x: np.divmod(x, -2.0),
        lambda x: np.fmod(x, 1.5),
        lambda x: x // 0,
        lambda x: np.clip(x, 0.5, np.nan),
        lambda x: np.clip(x, np.nan, 1.0),
        lambda x: np.clip(x, 2.0, 1.0),
        lambda x: np.clip(x, -1.0, np.inf),
        lambda x: np.nan_to_num(x, nan=np.arange(10.0), posinf=7.0),
        lambda x: np.isclose(x, x[::-1]),
        lambda x: np.isclose(x, x, equal_nan=True),
        lambda x: np.isclose(x, x + 1e-3, rtol=0, atol=1e-2),
    ],
)
def test_edges(call):
    same(call, EDGES)


@pytest.mark.parametrize(
    "call",
    [
        np.round,
        np.fix,
        np.modf,
        np.nan_to_num,
        np.frexp,
        lambda x: np.round(x, 2),
        lambda x: np.round(x, -1),
        lambda x: np.clip(x, 0.5, 20.5),
        lambda x: np.clip(x, 2, None),
        lambda x: np.isclose(x, x + 1),
        lambda x: np.divmod(x, 0),
        lambda x: divmod(x, 4),
    ],
)
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_integers(call, dtype):
    same(call, np.array([-17, 0, 3, 25, 115], dtype))


def test_slopes_of_clip():
    x = np.array([-2.0, -1.0, 0.0, 1.0, 3.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.clip(x, -1, 1)))(x), [0, 1, 1, 1, 0])
    by_bounds = cr.grad(lambda low, high: np.sum(np.clip(x, low, high)), argnums=(0, 1))(-1.0, 1.0)
    assert tuple(map(float, by_bounds)) == (1.0, 1.0)


def test_slopes_of_the_parts_of_a_number():
    assert cr.grad(lambda x: np.modf(x)[0])(-2.75) == 1
    assert cr.grad(lambda x: np.modf(x)[1])(-2.75) == 0
    assert cr.grad(lambda x: np.frexp(x)[0])(12.0) == 1 / 16
    assert cr.grad(lambda x: np.divmod(x, 2.0)[1])(5.5) == 1


def test_slopes_of_nan_to_num():
    x = np.array([np.nan, np.inf, -np.inf, 2.0])
    np.testing.assert_array_equal(cr.grad(lambda x: np.sum(np.nan_to_num(x) / 1e300))(x), [0, 0, 0, 1 / 1e300])


def test_equality_of_arrays():
    x = np.array([1.0, np.nan])
    for call in (
        lambda x: np.array_equal(x, x),
        lambda x: np.array_equal(x, x, equal_nan=True),
        lambda x: np.array_equal(x, x[:1]),
        lambda x: np.array_equiv(x[:1], np.ones((3, 2))),
        lambda x: np.array_equiv(x, np.ones(3)),
        lambda x: np.allclose(x, x, equal_nan=True),
    ):
        assert bool(jit(call)(x)) == call(x)


def test_what_is_refused():
    x = np.ones(3)
    refused(lambda x: x.clip(0, min=1), x, error=ArgumentError, words="the bounds once; got a_min=0, min=1")
    refused(lambda x: np.nan_to_num(x, copy=False), x, error=UnsupportedError, words="copy")
    refused(lambda x: np.divmod(x, 2, dtype=np.float32), x, error=UnsupportedError, words="dtype")
    refused(np.modf, np.ones(3, bool), error=DtypeError, words="float16")
