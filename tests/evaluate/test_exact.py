"""Exact evaluation: fractions in, fractions out, and a clear refusal of what no fraction equals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InexactError, ShapeError
from chainrule.evaluate import UNDEFINED, evaluate_exactly, to_fractions


def exactly(function, *values, like=None):
    """The exact result of a function, traced at floats (or at `like`), at these values."""
    graph = cr.trace(function, *(like if like is not None else [np.ones(np.shape(value)) for value in values]))
    results = evaluate_exactly(graph, *values)
    return results[0][()] if len(results) == 1 else [result[()] for result in results]


def test_what_floats_only_approach():
    assert exactly(lambda x: x / 3 + x / 7, 1) == Fraction(10, 21)
    assert exactly(lambda x: x + 0.1, 0) == Fraction(0.1) != Fraction(1, 10)
    assert exactly(lambda x: (x + 1e-30) - x, 1) == Fraction(1e-30)


def test_integers_bools_and_decisions():
    assert exactly(lambda n: n // 2, 7, like=[3]) == 3
    assert exactly(lambda n: -n // 2, 7, like=[3]) == -4
    assert exactly(lambda x: x > 1, 2) is True
    assert exactly(lambda x: (x > 1) & (x < 3), 2) is True
    assert exactly(lambda b: ~b, True, like=[True]) is False
    assert exactly(lambda x: np.where(x > 1, x, 0), Fraction(3, 2)) == Fraction(3, 2)
    assert exactly(lambda n: (n & 6) | 1, 7, like=[3]) == 7
    assert exactly(lambda n: np.gcd(n, 12) + np.lcm(n, 4), 6, like=[3]) == 18
    assert exactly(lambda n: ((n ^ 3) << 2) - (~n >> 1) + np.bitwise_count(n), 5, like=[3]) == 24 + 3 + 2


@pytest.mark.parametrize("degree", [2, 3])
@pytest.mark.parametrize("base", [0, 1, 10**40, 3**200, Fraction(7, 10**30)])
def test_roots_of_powers(degree, base):
    root = {2: np.sqrt, 3: np.cbrt}[degree]
    power = Fraction(base) ** degree
    assert exactly(lambda x: root(x), power) == base
    with pytest.raises(InexactError, match="root"):
        exactly(lambda x: root(x), power + 2)
    if degree == 3:
        assert exactly(lambda x: root(x), -power) == -base


def test_powers():
    assert exactly(lambda x: x ** np.float64(-2.0), Fraction(2, 3)) == Fraction(9, 4)
    assert exactly(lambda x: x ** np.float64(1.5), Fraction(4, 9)) == Fraction(8, 27)
    assert exactly(lambda x, y: np.power(x, y), -8, Fraction(1, 3)) is UNDEFINED
    assert exactly(lambda x, y: np.power(x, y), 0, -1) is UNDEFINED
    assert exactly(lambda x: np.hypot(x, 4), 3) == 5


def test_the_rounding_functions():
    values = [Fraction(-5, 2), Fraction(5, 2), Fraction(7, 2), Fraction(-1, 3)]
    for function in (np.floor, np.ceil, np.trunc, np.rint):
        assert [exactly(lambda x: function(x), value) for value in values] == [function(float(v)) for v in values]  # noqa: B023
    assert exactly(lambda x: np.fmod(x, 2), Fraction(-7, 2)) == Fraction(-3, 2)
    assert exactly(lambda x: np.copysign(x, -1), 3) == -3
    assert exactly(lambda x: np.ldexp(x, 3), Fraction(1, 3)) == Fraction(8, 3)


def test_undefined_harms_nothing_unless_used():
    assert exactly(lambda x: np.where(x > 0, 1 / x, 5), 0) == 5
    assert exactly(lambda x: 1 / x + 1, 0) is UNDEFINED
    assert exactly(lambda x: 1 / x > 1, 0) is False
    assert exactly(lambda x: 1 / x != 1 / x, 0) is True
    assert exactly(lambda x: np.fmod(x, 0), 3) is UNDEFINED
    assert exactly(cr.grad(lambda x: np.where(x > 0, np.sqrt(x), 0.0)), 0) == 0
    assert repr(UNDEFINED) == "UNDEFINED"
    assert np.isnan(float(UNDEFINED))
    assert len({UNDEFINED, UNDEFINED}) == 1
    for function in (np.floor, np.rint, np.abs, np.sqrt, np.negative):
        assert exactly(lambda x: function(1 / x), 0) is UNDEFINED  # noqa: B023


@pytest.mark.parametrize(
    ("function", "words"), [(np.sin, "sin(1/2)"), (np.exp, "exp(1/2)"), (np.sqrt, "root of 1/2"), (np.log, "log(1/2)")]
)
def test_irrational_values_are_refused_with_their_line(function, words):
    with pytest.raises(InexactError, match="a rational value") as caught:
        exactly(lambda x: function(x), Fraction(1, 2))
    assert words in str(caught.value)
    assert caught.value.location.file == __file__


def test_reading():
    read = to_fractions([0.5, 3])
    assert read.tolist() == [Fraction(1, 2), Fraction(3)]
    assert to_fractions(np.array([True]))[0] is True
    assert to_fractions(np.nan)[()] is UNDEFINED
    assert to_fractions(UNDEFINED)[()] is UNDEFINED
    assert to_fractions(np.zeros((0, 2))).shape == (0, 2)
    assert to_fractions("dual")[()] == "dual"
    for value in (np.inf, -np.inf, np.float32(np.inf)):
        with pytest.raises(InexactError, match="inf"):
            to_fractions(value)


def test_values_are_held_to_the_inputs():
    with pytest.raises(ShapeError, match="float64"):
        exactly(lambda x: x, np.ones(3), like=[1.0])


def test_derivatives_are_exact():
    found = exactly(cr.grad(lambda x: x**3 / 3), Fraction(1, 7))
    assert found == Fraction(1, 49)
    by_both = exactly(cr.hessian(lambda x: x[0] ** 2 * x[1]), [Fraction(1, 3), 2])
    assert by_both.tolist() == [[4, Fraction(2, 3)], [Fraction(2, 3), 0]]
