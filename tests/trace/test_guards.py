"""Python's own control flow on traced values: decisions are guards, and a call that decides otherwise is traced
anew."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ConcreteError, LeakError, SeveredGradientWarning, ShapeError, UnsupportedError


class Note:
    """Remembers what it is called with, in a deque: out of sight of the watch on what a function closes over."""

    def __init__(self):
        self.kept = deque()

    def __call__(self, value):
        self.kept.append(value)

    @property
    def values(self):
        return list(self.kept)


class Counter:
    """Counts how often a function is run, which is how often it is traced."""

    def __init__(self, function):
        self.function, self.note = function, Note()

    def __call__(self, *args):
        self.note(args)
        return self.function(*args)

    @property
    def runs(self):
        return len(self.note.kept)


def test_if_is_traced_once_for_each_answer():
    count = Counter(lambda x: x * 2 if x > 0 else -x)
    slope = cr.grad(lambda x: count(x))
    assert [float(slope(x)) for x in (1.0, 2.0, -1.0, -3.0, 5.0)] == [2, 2, -1, -1, 2]
    assert count.runs == 2


def test_while_until_convergence():
    def root(a):
        x = a
        while abs(x * x - a) > 1e-12:
            x = (x + a / x) / 2
        return x

    for a in (2.0, 9.0, 2.0):
        value, slope = cr.value_and_grad(root)(a)
        assert float(value) == pytest.approx(math.sqrt(a))
        assert float(slope) == pytest.approx(0.5 / math.sqrt(a))


def test_for_over_an_axis_and_len():
    def f(x):
        total = 0.0
        for row in x:
            total = total + row[0] * len(row)
        return total

    np.testing.assert_array_equal(cr.grad(f)(np.ones((2, 3))), [[3, 0, 0], [3, 0, 0]])


@pytest.mark.parametrize(
    ("ask", "value"),
    [(float, 2.5), (int, 2), (bool, True), (lambda x: x.item(), 2.5)],
    ids=["float", "int", "bool", "item"],
)
def test_numbers_on_request(ask, value):
    note = Note()
    slope = cr.grad(lambda x: (note(ask(cr.stop_gradient(x))), x * 3)[1])
    assert float(slope(2.5)) == 3
    assert note.values == [value]
    slope(2.5)
    assert note.values == [value]
    slope(-4.0)
    assert len(note.values) == (1 if ask is bool else 2)


def test_integers_index_and_range():
    f = cr.jit(lambda x, n: sum((x[k] for k in range(n)), 0.0) + x[n])
    assert float(f(np.arange(5.0), np.int64(2))) == 3
    assert float(f(np.arange(5.0), np.int64(3))) == 6


def test_guards_of_an_inner_function_reach_the_outer():
    inner = lambda y: y * y if y > 1 else y  # noqa: E731
    f = cr.jit(lambda x: cr.grad(inner)(x * 2))
    assert [float(f(x)) for x in (1.0, 0.1, 3.0)] == [4, 1, 12]


@pytest.mark.parametrize(
    "construct",
    [lambda x: x if x[0] > 0 else -x, lambda x: float(x[0]) * x, lambda x: x[x > 0]],
    ids=["if", "float", "mask"],
)
def test_no_numbers_inside_vmap(construct):
    with pytest.raises(ConcreteError, match="test_guards") as caught:
        cr.vmap(construct)(np.ones((2, 3)))
    assert "where" in caught.value.remedy


def test_a_closure_that_changed_is_traced_anew():
    scale = np.array([1.0, 2.0])
    slope = cr.grad(lambda x: np.sum(x * scale))
    np.testing.assert_array_equal(slope(np.ones(2)), [1, 2])
    scale[0] = 5.0
    np.testing.assert_array_equal(slope(np.ones(2)), [5, 2])
    scale = np.array([7.0, 7.0])
    np.testing.assert_array_equal(slope(np.ones(2)), [7, 7])


def test_an_attribute_that_changed_is_traced_anew():
    class Model:
        def __init__(self):
            self.scale = 2.0

        def loss(self, x):
            return x * self.scale

    model = Model()
    slope = cr.grad(model.loss)
    assert float(slope(1.0)) == 2
    model.scale = 3.0
    assert float(slope(1.0)) == 3


def test_a_constant_is_what_it_was_when_used():
    def f(x):
        buffer = np.zeros(2)
        y = x + buffer
        buffer[0] = 10.0
        return np.sum(y + x * buffer)

    assert float(cr.jit(f)(np.ones(2))) == 12


def test_leaks_are_found():
    kept = []
    cr.grad(lambda x: (kept.append(x), x * 1)[1])(1.0)
    with pytest.raises(LeakError, match="outlived"):
        kept[0] + 1


def test_a_truth_of_many_elements():
    with pytest.raises(ShapeError, match="one element"):
        cr.jit(lambda x: x if x > 0 else -x)(np.ones(3))


def test_numpy_asarray_says_what_to_write():
    with pytest.raises(UnsupportedError, match=r"chainrule\.numpy\.array"):
        cr.grad(lambda x: np.sum(np.array([x, x])))(1.0)
    assert float(cr.grad(lambda x: np.sum(cr.numpy.array([x, [x * x, 1.0][0]])))(3.0)) == 7


def test_assignment_and_views_behave_as_numpy():
    def f(x):
        y = np.zeros(4) * x
        y[1:3] = x
        view = y[::2]
        view += 1
        y[0] *= 5
        return y, view, view[0]

    for found, expected in zip(cr.jit(f)(2.0), f(np.float64(2.0)), strict=True):
        np.testing.assert_array_equal(found, expected)


def fill(x):
    squares = np.zeros(2)
    for k in range(2):
        squares[k] = x[k] ** 2
    return np.sum(squares)


def add_up(x):
    total = np.zeros(2)
    total[0] += x[0]
    return np.sum(total)


@pytest.mark.parametrize("function", [fill, add_up])
@pytest.mark.parametrize("transform", [cr.grad, cr.jit, lambda f: lambda x: cr.vmap(f)(x[None])])
def test_a_plain_array_takes_no_traced_number(function, transform):
    with pytest.raises(UnsupportedError, match="zeros_like"):
        transform(function)(np.array([1.0, 2.0]))


def test_the_remedies_for_writing_to_a_plain_array():
    def fill(x):
        squares = np.zeros_like(x, shape=(3,))
        for k in range(2):
            squares[k] = x[k] ** 2
        return np.sum(squares)

    def note(x):
        seen = np.zeros(1)
        seen[0] = float(x)
        return x * seen[0]

    np.testing.assert_array_equal(cr.grad(fill)(np.array([1.0, 2.0])), [2, 4])
    with pytest.warns(SeveredGradientWarning):
        assert cr.grad(note)(3.0) == 3


def test_other_value_errors_are_the_functions_own():
    def refuse(x):
        raise ValueError("not that") from KeyError("this")

    with pytest.raises(ValueError, match="not that"):
        cr.grad(refuse)(1.0)


def test_columns_of_other_libraries_meet_python_numbers():
    import polars

    column = polars.Series("a", [1.0, 2.0, 3.0])
    assert cr.grad(lambda w: np.sum((w * column) ** 2))(2.0) == 56


def test_arguments_are_not_written_to():
    def f(x):
        x[0] = 1.0
        return x

    with pytest.raises(UnsupportedError, match="copy"):
        cr.jit(f)(np.zeros(2))
    np.testing.assert_array_equal(cr.jit(lambda x: f(x.copy()))(np.zeros(2)), [1, 0])


def test_numbers_are_bound_anew_by_in_place_arithmetic():
    def f(x):
        y = x
        x += 1
        x *= 2
        return x, y

    assert [float(v) for v in cr.jit(f)(3.0)] == [8, 3]


def test_printing_does_not_decide():
    note = Note()
    f = cr.jit(lambda x: (note(f"{x:.1f} {x!r}"), x * 2)[1])
    assert float(f(1.5)) == 3
    assert float(f(2.5)) == 5
    assert note.values == ["1.5 <traced float64[]>"]


def test_a_function_that_changes_what_it_closes_over_is_traced_each_time():
    calls = 0

    def f(x):
        nonlocal calls
        calls += 1
        return x * calls

    g = cr.jit(f)
    assert [float(g(10.0)) for _ in range(3)] == [10, 20, 30]


def test_numbers_of_python_take_the_dtype_of_what_they_meet():
    x = np.ones(3, np.float32)
    functions = (
        lambda x, s: x * s,
        lambda x, s: np.maximum(x, s),
        lambda x, s: np.where(x > 1, s, x),
        lambda x, s: np.where(x > 1, s, 3.0),
        lambda x, s: np.clip(x, 0, s),
        lambda x, s: np.stack([x[0], s]),
    )
    for function in functions:
        assert cr.jit(function)(x, 2.0).dtype == function(x, 2.0).dtype
