"""What is traced is remembered by signature, bounded, in any number of threads, and without keeping arrays."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections import OrderedDict, deque

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import DtypeError
from chainrule.functions import remember


class Metres(np.ndarray):
    """Numbers with a unit."""


def counted(function):
    """(the function jitted, a deque with one entry for each run of it)."""
    runs = deque()
    return cr.jit(lambda *args: (runs.append(0), function(*args))[1]), runs


def test_one_trace_for_each_signature():
    double, runs = counted(lambda x: x * 2)
    for x in (1.0, 2.0, np.float64(1), np.ones(2), np.zeros(2), np.ones(2, np.float32), 1, 5, True, 2**63, 2**63 + 2):
        found = double(x)
        expected = np.asarray(x) * 2
        np.testing.assert_array_equal(found, expected)
    assert len(runs) == 7


def test_large_integers_are_unsigned_as_in_numpy():
    same = cr.jit(lambda x: x)
    assert same(1).dtype == np.int64
    assert same(2**63) == 2**63


def test_arrays_of_other_classes_are_refused_also_when_the_plain_one_is_known():
    total = cr.jit(lambda x: np.sum(x))
    assert float(total(np.array([1.0, 2.0]))) == 3
    for array in (np.ma.array([1.0, 2.0], mask=[True, False]), np.ones(2).view(Metres)):
        with pytest.raises(DtypeError, match=type(array).__name__):
            total(array)


def test_ordered_dicts():
    double = cr.jit(lambda tree: tree["b"] * 2)
    tree = OrderedDict(b=np.ones(2), a=np.zeros(2))
    np.testing.assert_array_equal(double(tree), [2, 2])
    tree["b"] = np.zeros(2)
    np.testing.assert_array_equal(double(tree), [0, 0])
    slope = cr.grad(lambda tree: np.sum(tree["b"] * tree["a"]))(tree)
    assert list(slope) == ["b", "a"]


@pytest.mark.filterwarnings("ignore::chainrule.errors.RetraceWarning")
def test_memory_is_bounded():
    double, runs = counted(lambda x: x * 2)
    for n in range(remember.MOST_SIGNATURES + 1):
        double(np.ones(n))
        double(np.ones(0))  # used again and again: stays
    assert len(runs) == remember.MOST_SIGNATURES + 1
    double(np.ones(1))
    assert len(runs) == remember.MOST_SIGNATURES + 2
    step, runs = counted(lambda x: x if int(x) % 2 else -x)
    for _ in range(2):
        for n in range(remember.MOST_VARIANTS + 1):
            assert float(step(float(n))) == (n if n % 2 else -n)
    assert len(runs) == 2 * remember.MOST_VARIANTS + 2


def test_what_cannot_be_referred_to_weakly_remembers_for_itself():
    class Closed:
        __slots__ = ()
        __hash__ = None

        def __call__(self, x):
            return x * 2

    assert [float(cr.grad(Closed())(1.0)) for _ in range(2)] == [2, 2]
    np.testing.assert_array_equal(cr.grad(np.sum)(np.ones(2)), [1, 1])


def test_results_are_the_callers_own():
    x = np.ones((3, 3))
    for result in cr.jit(lambda x: (x, x, x.T, x[1:], np.ones(3)))(x):
        assert not np.shares_memory(result, x)
        result[...] = 7.0
    assert x.sum() == 9
    assert cr.jit(lambda x: (x, np.ones(3)))(x)[1].sum() == 3


def test_results_for_large_arguments_keep_no_argument_alive():
    gc.collect()
    gc.disable()
    try:

        def call(transform):
            x = np.ones(1000)
            result = transform(lambda x: np.sum(x * 2) if x[0] > 0 else x[0] + float(x[1]))(x)
            return weakref.ref(x), result

        for transform in (cr.grad, cr.jit, cr.value_and_grad, cr.hessian):
            assert call(transform)[0]() is None

        def maps():
            _, pullback = cr.vjp(lambda x: np.sin(x) * x, np.ones(1000))
            return [weakref.ref(thing) for thing in (pullback, pullback.residuals[0])]

        assert [reference() for reference in maps()] == [None, None]
    finally:
        gc.enable()


def test_after_an_exception_all_is_as_before():
    def fragile(x):
        if x > 0:
            raise RuntimeError("of mine")
        return x * 2

    slope = cr.grad(fragile)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="of mine"):
            slope(1.0)
        assert float(slope(-1.0)) == 2
    with pytest.raises(RuntimeError, match="of mine"):
        cr.grad(lambda x: cr.grad(fragile)(x) * x)(1.0)
    assert np.sin(1.0) == float(cr.jit(np.sin)(1.0))


def test_guards_are_asked_in_their_order():
    """The second question makes sense under the first answer alone."""

    def f(x):
        if np.min(x) > 0 and np.linalg.cholesky(np.diag(x))[0, 0] > 2:
            return np.sum(x)
        return np.sum(x**2)

    slope = cr.grad(f)
    for x, expected in (([9.0], [1]), ([-1.0], [-2]), ([1.0], [2]), ([9.0], [1])):
        np.testing.assert_array_equal(slope(np.array(x)), expected)


def test_decisions_on_a_mixture_of_inner_and_outer_values():
    def outer(x):
        return x * cr.grad(lambda z: z * z if z > x else z)(3.0)

    slope = cr.grad(outer)
    assert [float(slope(x)) for x in (1.0, 5.0, 2.0)] == [6, 1, 6]


def test_arguments_are_what_they_were_at_the_call():
    def outer(x):
        y = x * 1.0

        def inner(z):
            y[0] = -5.0
            return np.sum(z**2) if z[0] > 0 else np.sum(z)

        return np.sum(cr.grad(inner)(y))

    np.testing.assert_array_equal(cr.grad(outer)(np.ones(2)), [2, 2])


@pytest.mark.filterwarnings("ignore::chainrule.errors.RetraceWarning")
def test_threads():
    """One function in eight threads at once, with signatures and decisions that differ, and eight others."""
    slope = cr.grad(lambda x: np.sum(np.sin(x)) if x[0] > 0 else np.sum(x * 3))
    failures = []

    def work(number):
        try:
            for k in range(25):
                x = np.full(k % 10 + 1, 0.5 if (k + number) % 2 else -0.5)
                np.testing.assert_allclose(slope(x), np.cos(x) if x[0] > 0 else np.full(x.shape, 3.0))
                assert float(cr.grad(lambda x: x * number)(2.0)) == number
        except BaseException as error:
            failures.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not failures
