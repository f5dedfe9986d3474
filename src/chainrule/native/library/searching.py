"""Searching: where values belong among sorted numbers, and where the extreme of a row stands."""

from __future__ import annotations

from typing import Any, Literal

from chainrule.native import ir
from chainrule.native.host import vector_bytes
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import INDEX, INT64, POINTER, Array, Kind, Value

_TOGETHER = 8  # searches that run side by side: each waits for its memory, not for the others
_REGISTERS = 4  # vectors of a row that are compared side by side


# ---------------------------------------------------------------------------------------------------- searchsorted


def searchsorted(module: ir.Module, dtype: Any, side: Literal["left", "right"]) -> ir.Function:
    """`void (table, count, values, values_count, places)`: how many numbers of the sorted table are less than a value,
    or on the side "right" not greater, as int64.

    The order is NumPy's, NaN being equal and the greatest. Of a table that is not sorted, a result is some number from
    0 to count; no memory outside is read.

    Bisection without branches (Khuong and Morin, Array Layouts for Comparison-Based Searching, J. Experimental
    Algorithmics 22, 2017), so that it takes the same steps whatever the value.
    """
    kind, left = Kind.of(dtype), side == "left"

    def write(code: Code, table: Value, count: Value, values: Value, values_count: Value, places: Value) -> None:
        some = count > 0
        numbers = Array(kind, some.where(table, values))  # of an empty table, something to read, though not to count
        sought, result = Array(kind, values), Array(INT64, places)

        def search(i: Value, together: int) -> None:
            mine = [sought[i + k] for k in range(together)]
            bases = [code.variable(0) for _ in mine]
            rest = code.variable(count)
            with code.repeat() as leave:
                leave(rest.get() <= 1)
                half = rest.get().as_signed(False) >> 1
                for value, base in zip(mine, bases, strict=True):
                    middle = base.get() + half
                    goes_on = _precedes(numbers[middle - 1], value, left)
                    base.set(goes_on.where_unforeseen(middle, base.get()))
                rest.set(rest.get() - half)
            for k, (value, base) in enumerate(zip(mine, bases, strict=True)):
                last = _precedes(numbers[base.get()], value, left) & some
                result[i + k] = base.get() + last.resized(INDEX)

        whole = values_count & -_TOGETHER
        with code.loop(0, whole, _TOGETHER) as i:
            search(i, _TOGETHER)
        with code.loop(whole, values_count) as i:
            search(i, 1)

    return routine(module, f"searchsorted.{side}.{kind.name}", [POINTER, INDEX, POINTER, INDEX, POINTER], write)


def _precedes(number: Value, value: Value, left: bool) -> Value:
    """Does a number of the table come before where the value belongs?"""
    if not number.is_float:
        return number < value if left else number <= value
    # NaN comes after every number, and equals NaN.
    return ~(number >= value) & number.equals(number) if left else (number <= value) | value.differs(value)


# ------------------------------------------------------------------------------------------------ places of extremes


def argmax(module: ir.Module, dtype: Any) -> ir.Function:
    """`i64 (row, count)`: where the first of the greatest elements stands; if there is NaN, the first NaN.

    The count is at least 1. As `numpy.argmax`.
    """
    return _place_of_extreme(module, "argmax", Kind.of(dtype), ">")


def argmin(module: ir.Module, dtype: Any) -> ir.Function:
    """`i64 (row, count)`: where the first of the least elements stands; if there is NaN, the first NaN."""
    return _place_of_extreme(module, "argmin", Kind.of(dtype), "<")


def _place_of_extreme(module: ir.Module, name: str, kind: Kind, relation: str) -> ir.Function:
    """The extreme is found first, by vectors, then the first element that equals it: the second walk ends there."""
    width = _REGISTERS * vector_bytes() // kind.bytes
    narrow = max(2, width // (2 * _REGISTERS))

    def write(code: Code, row: Value, count: Value) -> None:
        elements = Array(kind, row)
        best = code.variable(elements[0])
        with code.when(count >= width):
            best.set(_fold(code, elements, count, width, relation))
        with code.when((count >= narrow) & (count < width)):
            best.set(_fold(code, elements, count, narrow, relation))
        with code.when(count < narrow), code.loop(1, count) as i:
            best.set(_better(elements[i], best.get(), relation))
        place = code.variable(0)
        with code.repeat() as leave:
            now = place.get()
            leave(now + narrow > count)
            leave(_is(elements.load(now, narrow), best.get().splat(narrow)).any())
            place.set(now + narrow)
        with code.repeat() as leave:  # it is among the next
            leave(_is(elements[place.get()], best.get()))
            place.set(place.get() + 1)
        code.give(place.get())

    return routine(module, f"{name}.{kind.name}", [POINTER, INDEX], write, INDEX)


def _fold(code: Code, elements: Array, count: Value, lanes: int, relation: str) -> Value:
    """The extreme of a row of at least so many elements; some are looked at twice, which does no harm."""
    best = code.variable(elements.load(0, lanes))
    with code.loop(lanes, count - lanes, lanes) as i:
        best.set(_better(elements.load(i, lanes), best.get(), relation))
    total = _better(elements.load(count - lanes, lanes), best.get(), relation)
    while total.count > 2:
        lower, upper = total.halves()
        total = _better(upper, lower, relation)
    return _better(total.lane(1), total.lane(0), relation)


def _better(new: Value, best: Value, relation: str) -> Value:
    """The better of two, lane by lane; NaN is better than numbers."""
    beats = new.compare(relation, best)
    return (beats | new.differs(new) if new.is_float else beats).where(new, best)


def _is(element: Value, best: Value) -> Value:
    """Is this the extreme? If that is NaN, any NaN is."""
    return element.equals(best) | element.differs(element) if element.is_float else element.equals(best)
