"""Special functions: the tails, and what they are without SciPy."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.special as sp
from mpmath import mp

import chainrule as cr
from chainrule.errors import DependencyError, DtypeError
from chainrule.functions.batching import jit
from chainrule.graph import OPERATIONS
from chainrule.ops import special
from tests.ops.refuse import refused

SPREAD = np.array([-1e30, -800, -40.0, -3.3, -0.7, -1e-9, 0, 1e-9, 0.3, 0.5, 0.6, 1, 2, 3.5, 40, 800, 1e300, np.inf])


def slope(function):
    return cr.grad(lambda x: np.sum(function(x)))


def test_log_ndtr_is_accurate_far_out():
    x = np.array([-1e8, -1e4, -200.0, -38.0, -5.0, 0.0, 8.0])
    with mp.workdps(60):
        expected = [float(mp.npdf(mp.mpf(one)) / mp.ncdf(mp.mpf(one))) if one > -1e5 else -one for one in x]
    np.testing.assert_allclose(slope(sp.log_ndtr)(x), expected, rtol=1e-13)
    assert slope(sp.log_ndtr)(np.array([40.0])) == 0
    second = slope(slope(sp.log_ndtr))(np.array([-100.0]))
    assert second == pytest.approx(-(1 - 1e-4), rel=1e-6)


def test_nothing_overflows():
    x = np.array([-1e4, -800.0, 0.0, 800.0, 1e4])
    for function in (sp.expit, sp.log_expit, sp.erf, sp.erfc, sp.ndtr, sp.log_ndtr):
        assert np.isfinite(slope(function)(x)).all()
        assert np.isfinite(slope(slope(function))(x[1:-1])).all()
    np.testing.assert_array_equal(slope(sp.log_expit)(x), [1, 1, 0.5, 0, 0])


def test_xlogy_at_zero():
    both = cr.grad(lambda x, y: np.sum(sp.xlogy(x, y)), argnums=(0, 1))
    x, y = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 3.0, -1.0, 4.0])
    np.testing.assert_array_equal(both(x, y)[0], [0, np.log(3), 0, np.log(4)])
    np.testing.assert_array_equal(both(x, y)[1], [0, 0, 0, 0.5])
    mixed = cr.grad(lambda y: cr.grad(sp.xlogy)(0.0, y))
    assert mixed(4.0) == 0.25


def test_digamma_to_any_order():
    function = sp.digamma
    for order in range(1, 5):
        function = slope(function)
        np.testing.assert_allclose(function(np.array([0.3, 2.0])), sp.polygamma(order, [0.3, 2.0]), rtol=1e-14)


def test_dtypes():
    assert jit(sp.erf)(np.ones(2, np.float32)).dtype == np.float32
    assert jit(sp.erf)(np.ones(2, np.int64)).dtype == np.float64
    assert jit(lambda x: sp.erf(x, dtype=np.float32))(np.ones(2)).dtype == np.float32
    refused(lambda x: sp.erf(x, dtype=np.int64), np.ones(2), error=DtypeError, words="dtype=int64")


@pytest.fixture
def without_scipy(monkeypatch):
    """SciPy cannot be imported."""
    monkeypatch.setitem(sys.modules, "scipy", None)
    special._scipy_special.cache_clear()
    yield
    special._scipy_special.cache_clear()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["expit", "logit", "log_expit", "erf", "erfc", "ndtr", "gammaln"])
def test_values_without_scipy(name, dtype, without_scipy):
    with np.errstate(all="ignore"):
        x = np.append(SPREAD, [np.nan]).astype(dtype)
        expected = getattr(sp, name)(x)
        found = OPERATIONS[name].reference(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype is np.float32 else 1e-13, atol=1e-40)


def test_xlogy_without_scipy(without_scipy):
    x, y = np.array([0.0, 0.0, 2.0, np.nan]), np.array([0.0, np.nan, 3.0, 1.0])
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(OPERATIONS["xlogy"].reference(x, y), sp.xlogy(x, y))


@pytest.mark.parametrize("name", ["digamma", "log_ndtr", "erfcx"])
def test_what_needs_scipy(name, without_scipy):
    with pytest.raises(DependencyError, match=r"pip install 'chainrule\[scipy\]'") as caught:
        OPERATIONS[name].reference(np.ones(2))
    assert caught.value.operation == name
