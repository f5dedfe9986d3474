"""What a function reads besides its arguments is watched: a change has it traced anew, and nothing is kept alive."""

from __future__ import annotations

import functools
import gc
import types
import weakref
from collections import deque

import numpy as np
import pytest

import chainrule as cr
from chainrule.functions.environment import Environment

RATE = 2.0
TABLE = {"rates": [1.0, 2.0]}


class Thing:
    """Something with attributes."""

    shared = 1.0

    def __init__(self, scale=2.0):
        self.scale = scale

    def __call__(self, x):
        return x * self.scale

    def product(self, x):
        return x * self.scale

    @property
    def double(self):
        return 2 * self.scale

    @classmethod
    def total(cls, x):
        return x * cls.shared

    @staticmethod
    def rated(x):
        return x * RATE


class Slots:
    __slots__ = ("scale",)


def changes(function, change, *, x=1.0, before, after):
    """The gradient before and after a change of the surroundings."""
    slope = cr.grad(function)
    np.testing.assert_array_equal(slope(x), before)
    change()
    np.testing.assert_array_equal(slope(x), after)
    np.testing.assert_array_equal(slope(x), after)


def test_a_callable_object():
    thing = Thing()
    changes(thing, lambda: setattr(thing, "scale", 3.0), before=2, after=3)


@pytest.mark.parametrize(
    "use", [lambda t, x: x * t.scale, lambda t, x: t.product(x), lambda t, x: x * t.double / 2, lambda t, x: t(x)]
)
def test_an_object_that_is_closed_over(use):
    thing = Thing()
    changes(lambda x: use(thing, x), lambda: setattr(thing, "scale", 3.0), before=2, after=3)


def test_an_object_in_a_container():
    things = [Thing(), {"other": Thing(5.0)}]
    function = lambda x: x * things[0].scale * things[1]["other"].scale  # noqa: E731
    changes(function, lambda: setattr(things[1]["other"], "scale", 1.0), before=10, after=2)


def test_slots():
    thing = Slots()
    thing.scale = 2.0
    changes(lambda x: x * thing.scale, lambda: setattr(thing, "scale", 3.0), before=2, after=3)


def test_a_class(monkeypatch):
    thing = Thing()
    monkeypatch.setattr(Thing, "shared", 2.0)
    changes(lambda x: x * Thing.shared, lambda: setattr(Thing, "shared", 3.0), before=2, after=3)
    changes(lambda x: thing.total(x), lambda: setattr(Thing, "shared", 4.0), before=3, after=4)


def test_an_attribute_of_a_module():
    settings = types.ModuleType("settings_of_mine")
    settings.rate = 2.0
    changes(lambda x: x * settings.rate, lambda: setattr(settings, "rate", 3.0), before=2, after=3)


def test_globals_in_code_inside_the_code(monkeypatch):
    def function(x):
        return cr.grad(lambda y: y * y * RATE)(x)

    changes(function, lambda: monkeypatch.setitem(globals(), "RATE", 3.0), before=4, after=6)
    monkeypatch.setitem(globals(), "RATE", 2.0)
    changes(lambda x: Thing().rated(x), lambda: monkeypatch.setitem(globals(), "RATE", 3.0), before=2, after=3)


def test_a_global_that_is_deleted(monkeypatch):
    function = cr.jit(lambda x: x * RATE)
    assert float(function(1.0)) == 2
    monkeypatch.delitem(globals(), "RATE")
    with pytest.raises(NameError):
        function(1.0)


def test_a_global_container(monkeypatch):
    function = lambda x: x * sum(TABLE["rates"])  # noqa: E731
    changes(function, lambda: monkeypatch.setitem(TABLE, "rates", [5.0]), before=3, after=5)


def test_defaults_and_partials():
    weights = np.array([1.0, 2.0])

    def default(x, w=weights, *, v=weights):
        return np.sum(x * (w + v))

    part = functools.partial(lambda w, x: np.sum(x * w), weights)
    for function, times in ((default, 2), (part, 1)):
        weights[0] = 1.0
        change = lambda: weights.__setitem__(0, 5.0)  # noqa: E731
        changes(function, change, x=np.ones(2), before=times * np.array([1, 2]), after=times * np.array([5, 2]))


def test_sets_and_modules_of_parameters():
    names = {"a"}
    changes(lambda x: x * len(names), lambda: names.add("b"), before=1, after=2)
    layer = cr.nn.Dense(np.ones((1, 1)), np.zeros(1))
    change = lambda: layer.weight.__setitem__((0, 0), 7.0)  # noqa: E731
    changes(lambda x: np.sum(layer(x)), change, x=np.ones((1, 1)), before=[[1]], after=[[7]])


@pytest.mark.parametrize("array", [np.array(0.0), np.zeros(3, np.float32)[::2], np.array([1j]), np.array([None, 1])])
def test_arrays_are_compared_bit_by_bit(array):
    function = lambda: array  # noqa: E731
    environment = Environment(function)
    assert environment.holds()
    array[...] = -array if array.dtype.kind == "f" else 5
    assert not environment.holds()


@pytest.mark.parametrize("dtype", [np.float64, np.int8, np.complex128, np.bool_])
def test_large_arrays_are_compared_bit_by_bit(dtype):
    array = np.zeros((100, 100), dtype)[::2]
    function = lambda: array  # noqa: E731
    environment = Environment(function)
    assert environment.holds()
    array[3, 5] = -0.0 if array.dtype.kind in "fc" else 1
    assert array.dtype.kind in "fc" or array.any()
    assert not environment.holds()


def test_an_array_that_changes_its_shape():
    array = np.zeros(4)
    function = lambda: array  # noqa: E731
    environment = Environment(function)
    array.resize((2, 2), refcheck=False)
    assert not environment.holds()


def test_arguments_that_are_no_numbers():
    scale = 2.0

    def times(x):
        return x * scale

    apply = cr.jit(lambda f, x: f(x))
    assert float(apply(times, 1.0)) == 2
    scale = 3.0
    assert float(apply(times, 1.0)) == 3
    thing, use = Thing(), cr.jit(lambda thing, x: thing.product(x))
    assert float(use(thing, 1.0)) == 2
    thing.scale = 3.0
    assert float(use(thing, 1.0)) == 3


def test_arguments_that_cannot_be_hashed_are_not_remembered():
    names = {"a"}
    count = cr.jit(lambda names, x: x * len(names))
    assert float(count(names, 1.0)) == 1
    names.add("b")
    assert float(count(names, 1.0)) == 2


def test_what_is_not_read_does_not_matter():
    thing, runs = Thing(), deque()
    function = cr.jit(lambda x: (runs.append(0), x * thing.scale)[1])
    function(1.0)
    thing.other = 5
    function(1.0)
    assert len(runs) == 1


def test_what_holds_itself():
    circle: list = [2.0]
    circle.append(circle)
    slope = cr.grad(lambda x: x * circle[0])
    assert [float(slope(1.0)) for _ in range(2)] == [2, 2]

    def recursive(x, n=3):
        return x if n == 0 else x * recursive(x, n - 1)

    assert float(cr.grad(recursive)(2.0)) == 32


def test_a_variable_that_is_not_yet_bound():
    function = cr.jit(lambda x: x if x > 0 else x * later)
    assert float(function(1.0)) == 1
    later = 3.0
    assert float(function(-1.0)) == -3


def test_nothing_watched_is_kept_alive():
    class Model:
        def __init__(self):
            self.weight = np.ones(3)
            self.slope = cr.grad(lambda x: np.sum(x * self.weight))

    def local():
        def recursive(x, n=2):
            return x if n == 0 else x * recursive(x, n - 1)

        cr.grad(recursive)(2.0)
        model = Model()
        model.slope(np.ones(3))
        return [weakref.ref(thing) for thing in (recursive, model, model.weight)]

    references = local()
    gc.collect()
    assert [reference() for reference in references] == [None] * 3


def test_a_dead_owner_holds_no_longer():
    def make():
        value = 1.0
        return lambda: value

    function = make()
    environment = Environment(function)
    assert environment.holds()
    del function
    assert not environment.holds()


def test_every_draw_from_numpys_own_generator_is_seen():
    def environment():
        return Environment(lambda x: np.random.normal() * x)

    source = np.random.get_state()
    np.random.seed(3)
    made = environment()
    assert not made.drew()
    np.random.uniform()
    assert made.drew()
    np.random.seed(3)
    assert not made.drew()
    np.random.normal()  # two are made, and one is kept for the next call
    kept = environment()
    assert not kept.drew()
    np.random.normal()
    assert kept.drew()
    made, before = environment(), np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(0))
    assert made.drew()
    np.random.set_bit_generator(before)
    np.random.set_state(source)


def test_a_random_generator_is_drawn_from_at_every_call():
    random = np.random.default_rng(0)
    slope = cr.grad(lambda x: np.sum(x * random.normal(size=3)))
    assert not np.array_equal(slope(np.ones(3)), slope(np.ones(3)))
    slope = cr.grad(lambda x: np.sum(x * np.random.normal(size=3)))
    assert not np.array_equal(slope(np.ones(3)), slope(np.ones(3)))
