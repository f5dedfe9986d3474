"""Where the laws are tested: rational operands away from kinks, by the domain of the operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.graph import Sample

Samples = Callable[[], Iterable[Sample]]


def F(*values: Any) -> np.ndarray:
    """An array of fractions, nested as given.

    >>> F([1, "1/2"], [0, -3])[0, 1]
    Fraction(1, 2)
    """
    return np.vectorize(Fraction, otypes=[object])(np.array(values, dtype=object))


def on(*samples: tuple[Any, ...]) -> Samples:
    """The operand tuples as samples."""
    return lambda: [Sample(*operands) for operands in samples]


real = on((F(0, 1, -2, "1/2", "-1/3"),))
smooth = on((F("1/3", "-5/2", "7/4", 5),))
squares = on((F(1, 4, "1/4", "9/4"),), (F(2, "1/3", 5),))
cubes = on((F(1, -8, "27/64"),), (F(2, "-1/3", 5),))
positive = on((F(1, 2, "1/4", "9/4"),))
inside = on((F(0, "1/2", "-1/3", "3/4"),))
probability = on((F("1/2", "1/3", "9/10"),))
above_one = on((F(2, "3/2", 5),))
above_minus_one = on((F(0, 1, "-1/2", 3),))
pairs = on(
    (F(2, -3, "1/3"), F(5, "1/7", -1)),
    (F([1, 2], [3, 4]), F(10, 20)),
    (F([1], [2]), F(3, 4, 5)),
)
products = on((F(2, -3, "1/3"), F(5, "1/7", 1)))
quotients = on((F(7, -7, "5/2"), F(2, 3, "-3/4")), (F([1], [5]), F(2, 3)))
powers = on((F(2, "1/3", 4), F(3, -2, "1/2")), (F(1, 1, 1), F(2, "-1/2", 0)))
right_triangles = on((F(3, -5, "8/3"), F(4, 12, 5)))
steps = on((F(0, 2, -1), F("1/2", 3, 4)))
scaled = on((F(3, "1/2", -5), np.array([2, -1, 0])))
shifts = on((np.array([6, 9, -12]), np.array([2, 0, 1])))
integer_pairs = on((np.array([6, 9, 12]), np.array([4, 3, 1])))
integers = on((np.array([6, 9, 0]),))
truths = on((np.array([True, False]),))
truth_pairs = on((np.array([True, True, False, False]), np.array([True, False, True, False])))
choices = on(
    (np.array([True, False, True]), F(1, 2, 3), F(-1, -2, -3)),
    (np.array([[True], [False]]), F(1, 2), F(0)),
)


def orders() -> Iterable[Sample]:
    """Where a polygamma function is tested: two of its orders."""
    return [Sample(F(1, 2, "1/4"), order=order) for order in (1, 3)]
