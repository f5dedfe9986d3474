"""The routines that a lowered program can call, by the names that operations give them.

An emitter takes the builder, the types of operands and results, the pointers to the operands, to the results, the whole
numbers of the call, a pointer to memory to work in, and one to a byte that becomes 1 where an operand is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.native import ir, lapack, library
from chainrule.native.code import counted, number
from chainrule.types import ArrayType

Emit = Callable[[ir.IRBuilder, Sequence[ArrayType], list[Any], list[Any], Sequence[int], Any, Any], None]


def _rows(builder: ir.IRBuilder, count: int, body: Callable[[Callable[[Any, int], Any]], None]) -> None:
    """`body(at)` for each row: `at(pointer, bytes)` is where it begins in an array whose rows are that long."""

    def one(row: Any, _: Any) -> list[Any]:
        body(lambda pointer, size: builder.gep(pointer, [builder.mul(row, number(size))], source_etype=ir.IntType(8)))
        return []

    if count:
        counted(builder, number(0), number(count), 1, [], one)


def _argsort(builder: Any, types: Any, operands: Any, results: Any, numbers: Any, scratch: Any, _: Any) -> None:
    (rows, count), size = numbers, types[0].dtype.itemsize
    function = library.argsort(builder.module, types[0].dtype)

    def row(at: Any) -> None:
        builder.call(function, [at(operands[0], size * count), at(results[0], 8 * count), number(count), scratch])

    _rows(builder, rows, row)


def _philox(builder: Any, types: Any, operands: Any, results: Any, numbers: Any, scratch: Any, _: Any) -> None:
    rows, length = numbers
    function = library.philox(builder.module)

    def row(at: Any) -> None:
        builder.call(function, [at(operands[0], 16), at(operands[1], 32), at(results[0], 8 * length), number(length)])

    _rows(builder, rows, row)


def _searchsorted(builder: Any, types: Any, operands: Any, results: Any, numbers: Any, scratch: Any, _: Any) -> None:
    rows, count, values, left = numbers
    dtype = types[0].dtype
    function = library.searchsorted(builder.module, dtype, "left" if left else "right")

    def row(at: Any) -> None:
        table, sought = at(operands[0], dtype.itemsize * count), at(operands[1], dtype.itemsize * values)
        builder.call(function, [table, number(count), sought, number(values), at(results[0], 8 * values)])

    _rows(builder, rows, row)


def _place_of_extreme(name: str) -> Emit:
    def emit(builder: Any, types: Any, operands: Any, results: Any, numbers: Any, scratch: Any, _: Any) -> None:
        rows, count = numbers
        function = getattr(library, name)(builder.module, types[0].dtype)

        def row(at: Any) -> None:
            found = builder.call(function, [at(operands[0], types[0].dtype.itemsize * count), number(count)])
            builder.store(found, at(results[0], 8))

        _rows(builder, rows, row)

    return emit


def _nonzero(builder: Any, types: Any, operands: Any, results: Any, numbers: Any, scratch: Any, _: Any) -> None:
    rows, count, wanted = numbers
    function = library.nonzero(builder.module)

    def row(at: Any) -> None:
        builder.call(function, [at(operands[0], count), at(results[0], 8 * wanted), number(count), number(wanted)])

    _rows(builder, rows, row)


CALLS: dict[str, Emit] = {
    "argsort": _argsort,
    "philox": _philox,
    "searchsorted": _searchsorted,
    "argmax": _place_of_extreme("argmax"),
    "argmin": _place_of_extreme("argmin"),
    "nonzero": _nonzero,
    **{name: routine.emit for name, routine in lapack.ROUTINES.items()},
}


def scratch_bytes(name: str, types: Sequence[ArrayType], numbers: tuple[int, ...]) -> int:
    """The memory that a routine works in."""
    if name in lapack.ROUTINES:
        return lapack.scratch_bytes(name, types[0].dtype, numbers)
    return library.scratch_bytes(types[0].dtype, numbers[1]) if name == "argsort" else 0
