"""The short way of a repeated call: the same results as the long way, and the long way for all that does not fit."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque, namedtuple

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import AxisError, ChainruleError
from chainrule.functions import remember
from chainrule.functions.shortcut import MISSED, _Source
from chainrule.native import entry
from chainrule.pytree import flatten

Pair = namedtuple("Pair", ["left", "right"])


class Box:
    """A container of one's own."""

    def __init__(self, value, label):
        self.value, self.label = value, label


cr.register_pytree(Box, lambda box: ((box.value,), box.label), lambda label, children: Box(children[0], label))


@pytest.fixture(autouse=True)
def machine_code(monkeypatch):
    """Graphs are compiled."""
    monkeypatch.setenv("CHAINRULE_COMPILE", "on")


@pytest.fixture
def lengths(monkeypatch):
    """A list with one entry for each call that goes the long way."""
    seen = []
    original = remember.Remembered.at_length

    def counted(self, args, kwargs):
        seen.append(args)
        return original(self, args, kwargs)

    monkeypatch.setattr(remember.Remembered, "at_length", counted)
    return seen


def assert_same(found, expected):
    found_leaves, found_structure = flatten(found)
    leaves, structure = flatten(expected)
    assert found_structure == structure
    for one, other in zip(found_leaves, leaves, strict=True):
        assert type(one) is type(other)
        if isinstance(one, str):
            assert one == other
            continue
        np.testing.assert_allclose(one, other, rtol=1e-12)


def shortened(function, *args, **kwargs):
    """(the function, its result the long way), when it has been called so often that there is a short way."""
    expected = function(*args, **kwargs)
    assert_same(function(*args, **kwargs), expected)
    return function, expected


ARGUMENTS = {
    "an array": (np.arange(3.0),),
    "a number": (1.5,),
    "an integer": (3,),
    "a large integer": (2**63 + 5,),
    "a truth": (True,),
    "a number of NumPy's": (np.float32(1.5),),
    "an array of one number": (np.array(1.5),),
    "none of anything": (np.zeros((0, 2)),),
    "a tuple": ((np.ones(2), 2.0),),
    "a list in a list": ([np.ones(2), [2.0, np.ones(3)]],),
    "an empty list": ([], 1.0),
    "a dict": ({"b": np.ones(2), "a": 2.0},),
    "None": ({"b": np.ones(2), "a": None},),
    "an ordered dict": (OrderedDict(b=np.ones(2), a=2.0),),
    "a named tuple": (Pair(np.ones(2), 2.0),),
    "a container of one's own": (Box(np.ones(2), "label"),),
    "large": (np.ones((40, 40)),),
}


@pytest.mark.parametrize("args", ARGUMENTS.values(), ids=ARGUMENTS)
def test_arguments_and_results_of_every_structure(args, lengths):
    function, expected = shortened(cr.jit(lambda *args: cr.tree_map(lambda x: x * 2, args)), *args)
    del lengths[:]
    found = function(*args)
    assert not lengths
    assert_same(found, expected)
    if type(args[0]) is Box:
        assert found[0].label == "label"


def test_keywords_and_static_arguments(lengths):
    function = cr.jit(lambda x, *, scale, mode: x * scale if mode == "times" else x + scale)
    for mode, result in (("times", 6.0), ("plus", 5.0)):
        shortened(function, 2.0, scale=3.0, mode=mode)
        del lengths[:]
        assert function(2.0, mode=mode, scale=3.0) == result
        assert not lengths
    with pytest.raises(TypeError):
        function(2.0, scale=3.0)
    with pytest.raises(TypeError):
        function(2.0, scale=3.0, other="times")


DIFFERENT = [
    (np.ones(4),),
    (np.ones(3, np.float32),),
    (np.ones(3, ">f8"),),
    (np.ones(6)[::2],),
    (np.zeros(25, np.uint8)[1:].view(np.float64),),
    ([1.0, 2.0],),
    (2.0,),
    (np.arange(3),),
    (np.array([True, False, True]),),
]


def doubled(part):
    """Twice an array, in the machine's byte order."""
    twice = np.asarray(part) * 2
    return twice.astype(twice.dtype.newbyteorder("="))[()]


@pytest.mark.parametrize("other", DIFFERENT, ids=repr)
def test_what_does_not_fit_goes_the_long_way(other, lengths):
    function, _ = shortened(cr.jit(lambda x: cr.tree_map(lambda part: part * 2, x)), np.ones(3))
    del lengths[:]
    assert_same(function(*other), cr.tree_map(doubled, *other))
    assert len(lengths) == 1


TREES = [
    {"a": 1.0, "b": [np.ones(2)]},
    {"a": 1.0, "c": [np.ones(2)]},
    {"a": 1.0},
    {"a": 1.0, "b": (np.ones(2),)},
    {"a": 1.0, "b": [np.ones(2), 2.0]},
    {"a": None, "b": [np.ones(2)]},
    OrderedDict(a=1.0, b=[np.ones(2)]),
    Box(1.0, "b"),
    Box(1.0, "c"),
    Pair(1.0, 2.0),
    [1.0, 2.0],
    None,
]


@pytest.mark.parametrize("known", TREES, ids=map(str, range(len(TREES))))
def test_structures_are_told_apart(known):
    function = cr.jit(lambda tree: cr.tree_map(lambda x: x * 2, tree))
    shortened(function, known)
    for tree in TREES:
        assert_same(function(tree), cr.tree_map(lambda x: np.asarray(x * 2)[()], tree))


def test_several_signatures_keep_their_short_ways(lengths):
    function = cr.jit(lambda x: x * 2)
    for _ in range(3):
        for n in range(remember.MOST_SHORTCUTS):
            function(np.ones(n))
    del lengths[:]
    for n in range(remember.MOST_SHORTCUTS):
        np.testing.assert_array_equal(function(np.ones(n)), np.full(n, 2.0))
    assert not lengths


def test_results_are_new_each_time():
    function, _ = shortened(cr.jit(lambda x: (x, x, x * 2)), np.ones(3))
    first, second = function(np.ones(3)), function(np.zeros(3))
    np.testing.assert_array_equal(first[0], 1)
    np.testing.assert_array_equal(second[0], 0)
    assert not any(np.shares_memory(one, other) for one in first for other in second)
    assert not np.shares_memory(first[0], first[1])
    first[0][...] = 5
    assert first[1].sum() == 3


def test_a_gradient_leaves_out_the_value():
    """Its short way has an array for the value that all calls share, and nobody sees."""
    slope, _ = shortened(cr.grad(lambda x: np.sum(x**3)), np.ones(3))
    np.testing.assert_allclose(slope(np.full(3, 2.0)), 12)
    value, gradient = shortened(cr.value_and_grad(lambda x: np.sum(x**3)), np.ones(3))[0](np.ones(3))
    assert float(value) == 3
    np.testing.assert_allclose(gradient, 3)
    slope, _ = shortened(
        cr.grad(lambda x: (np.sum(x**3), {"norm": np.sum(x), "name": "cube"}), has_aux=True), np.ones(3)
    )
    gradient, auxiliary = slope(np.full(3, 2.0))
    np.testing.assert_allclose(gradient, 12)
    assert float(auxiliary["norm"]) == 6
    assert auxiliary["name"] == "cube"


def test_what_is_closed_over_is_watched():
    scale = np.ones(3)
    function, _ = shortened(cr.jit(lambda x: x * scale), np.ones(3))
    scale[1] = 5.0
    np.testing.assert_array_equal(function(np.ones(3)), [1, 5, 1])
    scale = np.zeros(3)
    np.testing.assert_array_equal(function(np.ones(3)), 0)


def test_guards_are_asked(lengths):
    function = cr.jit(lambda x: x * 2 if x[0] > 0 else -x)
    for sign in (1.0, -1.0, 1.0, -1.0):
        shortened(function, np.full(2, sign))
    del lengths[:]
    np.testing.assert_array_equal(function(np.ones(2)), 2)
    np.testing.assert_array_equal(function(-np.ones(2)), 1)
    assert not lengths


def test_a_number_that_python_took_in_numpys_arithmetic():
    """Its last bits may be others in machine code; the function is not traced at every call for that."""
    runs = deque()
    x = np.random.default_rng(0).standard_normal(1000)

    def function(x):
        runs.append(0)
        return x * float(np.sum(np.exp(np.sin(x))))

    compiled = cr.jit(function)
    results = [compiled(x) for _ in range(4)]
    assert len(runs) == 1
    for result in results:
        np.testing.assert_allclose(result, x * np.sum(np.exp(np.sin(x))), rtol=1e-12)


def test_a_body_that_fails_where_the_guards_do_not_hold():
    def function(x, k):
        return x[k] * 2 if k < 3 else x[0]

    compiled = cr.jit(function)
    x = np.arange(3.0)
    for k in (0, 1, 5, 0, 5, 2, 7, 2):
        assert float(compiled(x, k)) == float(function(x, k))
    plain = cr.jit(lambda x, k: x[k])
    for _ in range(3):
        assert float(plain(x, 1)) == 1
        with pytest.raises((AxisError, IndexError)):
            plain(x, 9)


def test_a_loop_that_would_not_end_where_the_guards_do_not_hold():
    def function(x):
        if x > 1:
            return cr.while_loop(lambda v: v < 100, lambda v: v * x, 1.0)
        return x

    compiled = cr.jit(function)
    for x in (2.0, 2.0, 0.5, 3.0, 0.5, 2.0):
        assert float(compiled(x)) == {2.0: 128.0, 3.0: 243.0, 0.5: 0.5}[x]


def long(x):
    """A function that is not short: its runs let other threads go on."""
    return np.sum(np.sin(np.cos(x))) if x[0] < 10 else np.sum(x)


@pytest.mark.parametrize("size", [5_000, 200_000])
def test_programs_that_are_not_short(size, lengths):
    x = np.linspace(0, 1, size)
    function, expected = shortened(cr.value_and_grad(long), x)
    del lengths[:]
    assert_same(function(x), expected)
    assert not lengths
    assert float(function(x + 10)[0]) == pytest.approx(np.sum(x + 10))
    assert_same(function(x), expected)


def test_what_does_not_fit_a_program_that_is_not_short(lengths):
    x = np.linspace(0, 1, 5000)
    function, _ = shortened(cr.value_and_grad(long), x)
    del lengths[:]
    for other in (x[::-1], x[1:], x.astype(np.float32), np.repeat(x, 2)[::2]):
        value, slope = function(other)
        assert float(value) == pytest.approx(float(np.sum(np.sin(np.cos(other)))), rel=1e-5)
        assert slope.shape == other.shape
    assert len(lengths) == 4


@cr.custom_vjp
def cube(x):
    return x**3


cube.define(lambda x: (x**3, x), lambda x, g: (3 * x * x * g,))


def test_functions_with_rules_of_their_own(lengths):
    shortened(cube, np.ones(3))
    del lengths[:]
    np.testing.assert_array_equal(cube(np.full(3, 2.0)), 8)
    assert not lengths


def test_a_failure_in_a_program_that_is_not_short():
    """A matrix that cannot be factored: each call raises, and the next one that can be does not."""

    def function(x, a):
        return np.sum(np.sin(np.cos(x))) * np.linalg.cholesky(a)[0, 0]

    compiled, x = cr.jit(function), np.linspace(0, 1, 5000)
    for _ in range(3):
        assert float(compiled(x, 4 * np.eye(2))) == pytest.approx(function(x, 4 * np.eye(2)))
        with pytest.raises((ChainruleError, np.linalg.LinAlgError)):
            compiled(x, -np.eye(2))


def test_inside_another_trace():
    inner, _ = shortened(cr.jit(lambda x: x**2), 3.0)
    assert float(cr.grad(lambda x: inner(x) * 2)(3.0)) == 12
    assert float(cr.grad(lambda x: inner(x) + inner(3.0))(3.0)) == 6


def test_without_entries_all_goes_the_long_way(monkeypatch, lengths):
    monkeypatch.setattr(entry, "_maker", lambda: None)
    function, _ = shortened(cr.jit(lambda x: x * 2), np.ones(3))
    for _ in range(3):
        np.testing.assert_array_equal(function(np.ones(3)), 2)
    assert len(lengths) == 5


def test_threads():
    function, _ = shortened(cr.jit(lambda x: (x * 2, np.sum(x), np.sort(x)[::-1] if x[0] >= 0 else x)), np.ones(50))
    failures = []

    def work(number):
        x = np.full(50, float(number))
        for _ in range(2000):
            double, total, _ = function(x)
            if double[0] != 2 * number or total != 50 * number:
                failures.append((number, double, total))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_the_tests_above_see_a_shortcut_that_does_not_look(monkeypatch):
    """The planted fault: the surroundings are not asked."""
    unless = _Source.unless

    def seldom(self, condition):
        if not condition.endswith("()"):
            unless(self, condition)

    monkeypatch.setattr(_Source, "unless", seldom)
    scale = np.ones(3)
    function, _ = shortened(cr.jit(lambda x: x * scale), np.ones(3))
    scale[1] = 5.0
    np.testing.assert_array_equal(function(np.ones(3)), 1)


def test_what_missed_is_no_result():
    assert MISSED is not None
    assert cr.jit(lambda x: None)(1.0) is None
