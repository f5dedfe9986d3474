"""What is known of whole numbers in a loop nest: sums of multiples of indices, their ranges, and facts about them.

An int64 expression is read as a `Linear` form. Its range follows from the ranges of the loops' indices by interval
arithmetic (Moore, "Interval Analysis", 1966), after like terms are collected, and is sharpened by facts: what the
loops' ends and the conditions around a statement say. What is claimed here holds; what cannot be proved is not claimed.
A form is the value before it wraps around; an index that is proved to be in range has not done so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from chainrule.loops.scalar import INDEX, Apply, Cast, Constant, Index, Load, Scalar, in_order

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Linear:
    """A sum of whole multiples of atoms (indices, and what is not linear in them) and a number."""

    terms: dict[Scalar, int]
    offset: int

    def __add__(self, other: Linear | int) -> Linear:
        if isinstance(other, int):
            return Linear(self.terms, self.offset + other)
        terms = {atom: self.terms.get(atom, 0) + other.terms.get(atom, 0) for atom in {**self.terms, **other.terms}}
        return Linear({atom: factor for atom, factor in terms.items() if factor}, self.offset + other.offset)

    def __mul__(self, factor: int) -> Linear:
        return Linear({atom: factor * one for atom, one in self.terms.items() if factor}, factor * self.offset)

    def __sub__(self, other: Linear | int) -> Linear:
        return self + other * -1

    def factor(self, index: Index) -> int | None:
        """The multiple of the index in it; None where a term that is not linear depends on the index."""
        if any(atom is not index and index in set(in_order([atom])) for atom in self.terms):
            return None
        return self.terms.get(index, 0)

    def at(self, index: Index, value: Linear) -> Linear:
        """The form with the index replaced."""
        rest = Linear({atom: factor for atom, factor in self.terms.items() if atom is not index}, self.offset)
        return rest + value * self.terms.get(index, 0)


def linear(root: Scalar) -> Linear:
    """The linear form of an int64 expression.

    >>> i, j = Index("i"), Index("j")
    >>> linear((i + j) * 4 - j - j + 3) == linear(3 + 4 * i + 2 * j)
    True
    """
    forms: dict[Scalar, Linear] = {}
    for scalar in in_order([root]):
        forms[scalar] = Linear({scalar: 1}, 0)
        if isinstance(scalar, Constant):
            forms[scalar] = Linear({}, int(scalar.value) if scalar.dtype == INDEX else 0)
        elif isinstance(scalar, Apply) and scalar.dtype == INDEX:
            known = [forms[operand] for operand in scalar.operands]
            match scalar.function:
                case "add":
                    forms[scalar] = known[0] + known[1]
                case "subtract":
                    forms[scalar] = known[0] - known[1]
                case "negative":
                    forms[scalar] = known[0] * -1
                case "multiply" if not known[0].terms or not known[1].terms:
                    number, other = known if not known[0].terms else reversed(known)
                    forms[scalar] = other * number.offset
    return forms[root]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ranges of the indices in scope, and the forms that are known not to be positive."""

    ranges: dict[Index, Range]
    facts: tuple[Linear, ...] = ()

    def inside(self, index: Index, start: Scalar, stop: Scalar) -> Bounds:
        """What holds in a loop's body."""
        low, high = self.range(start)[0], self.range(stop)[1] - 1
        itself = linear(index)
        ends = [itself + 1 - end for end in self.plain(operands_of(stop, "minimum"))]
        ends += [begin - itself for begin in self.plain(operands_of(start, "maximum"))]
        return Bounds({**self.ranges, index: (low, high)}, (*self.facts, *ends))

    def plain(self, forms: Iterable[Linear]) -> list[Linear]:
        """Those of the forms that are sure to be the values of their expressions, as they do not wrap around, and that
        stay so, as they are not read from memory that the kernel writes."""
        return [form for form in forms if is_lasting(form) and self.fits(form)]

    def fits(self, form: Linear) -> bool:
        """Whether a form is sure to be within the range of int64."""
        least, most = _limits(INDEX)
        low, high = self.of(form)
        return least <= low and high <= most

    def where(self, facts: Iterable[Linear]) -> Bounds:
        """What holds where these forms are not positive."""
        return replace(self, facts=(*self.facts, *facts))

    def holds(self, form: Linear) -> bool:
        """Whether a form is known not to be positive, by the ranges and at most one fact."""
        return any(self.of(form - fact)[1] <= 0 for fact in (Linear({}, 0), *self.facts))

    def range(self, scalar: Scalar) -> Range:
        """Bounds of an integer expression."""
        if scalar.dtype != INDEX:
            return self._of_atom(scalar)
        form = linear(scalar)
        return self.of(form) if self.fits(form) else _limits(INDEX)

    def of(self, form: Linear) -> Range:
        """Bounds of a linear form."""
        low = high = form.offset
        for atom, factor in form.terms.items():
            ends = [factor * end for end in self._of_atom(atom)]
            low, high = low + min(ends), high + max(ends)
        return low, high

    def _of_atom(self, scalar: Scalar) -> Range:
        limits = (0, 1) if scalar.dtype.kind == "b" else _limits(scalar.dtype)
        if isinstance(scalar, Index):
            return self.ranges.get(scalar, limits)
        if isinstance(scalar, Constant):
            return int(scalar.value), int(scalar.value)
        if scalar.dtype.kind == "b" or any(operand.dtype.kind == "f" for operand in scalar.operands):
            return limits
        known = [self.range(operand) for operand in scalar.operands]
        low, high = _of_function(scalar, known) or limits
        return (low, high) if limits[0] <= low and high <= limits[1] else limits  # else it may have wrapped around


def _limits(dtype: np.dtype) -> Range:
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _of_function(scalar: Scalar, known: list[Range]) -> Range | None:
    """Bounds of a function from those of its operands; None where nothing is known."""
    if isinstance(scalar, Cast):
        return known[0]
    name = scalar.function if isinstance(scalar, Apply) else None
    if name in ("minimum", "maximum"):
        choose = min if name == "minimum" else max
        return choose(known[0][0], known[1][0]), choose(known[0][1], known[1][1])
    if name == "select":
        return min(known[1][0], known[2][0]), max(known[1][1], known[2][1])
    if name in ("divide", "fmod") and known[1][0] == known[1][1] > 0:
        (low, high), divisor = known[0], known[1][0]
        if name == "divide":
            return _toward_zero(low, divisor), _toward_zero(high, divisor)
        if low >= 0 and high < divisor:
            return low, high
        return (0 if low >= 0 else 1 - divisor), (0 if high <= 0 else divisor - 1)
    return None


def _toward_zero(number: int, divisor: int) -> int:
    return number // divisor if number >= 0 else -(-number // divisor)


def is_lasting(form: Linear) -> bool:
    """Whether a form has the same value for as long as its indices have."""
    reads = (scalar for scalar in in_order(form.terms) if isinstance(scalar, Load))
    return all(one.buffer.role == "input" for one in reads)


def operands_of(scalar: Scalar, function: str) -> list[Linear]:
    """The forms whose minimum (or maximum) an expression is; of another expression its own."""
    if isinstance(scalar, Apply) and scalar.function == function:
        return [form for operand in scalar.operands for form in operands_of(operand, function)]
    return [linear(scalar)]


def facts_of(condition: Scalar, bounds: Bounds) -> tuple[list[Linear], bool]:
    """Forms that are not positive where a condition holds, and whether it holds wherever they are not.

    >>> i = Index("i")
    >>> facts_of((i >= 1) & (i < 5), Bounds({i: (0, 9)})) == ([linear(1 - i), linear(i - 4)], True)
    True
    """
    if not isinstance(condition, Apply):
        return [], False
    x, y = condition.operands[0], condition.operands[-1]
    if condition.function == "bitwise_and":
        (some, all_of_x), (more, all_of_y) = facts_of(x, bounds), facts_of(y, bounds)
        return [*some, *more], all_of_x and all_of_y
    if not x.dtype == y.dtype == INDEX or len(bounds.plain([linear(x), linear(y)])) < 2:
        return [], False
    difference = linear(x) - linear(y)
    forms = {
        "less": [difference + 1],
        "less_equal": [difference],
        "greater": [difference * -1 + 1],
        "greater_equal": [difference * -1],
        "equal": [difference, difference * -1],
    }
    return forms.get(condition.function, []), condition.function in forms
