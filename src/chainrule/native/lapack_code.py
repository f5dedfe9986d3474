"""How routines that call LAPACK are written: numbers and letters by address, columns one after the other, doubles.

Source: Anderson et al., LAPACK Users' Guide, 3rd ed. (1999).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.native import ir
from chainrule.native.code import POINTER, counted, number, stack
from chainrule.native.outlined import call_outlined
from chainrule.ops.lapack import SIGNATURES

BYTE, INTEGER, REAL = ir.IntType(8), ir.IntType(32), ir.DoubleType()
PREFIX = "chainrule.lapack."
"""With it begin the symbols that LAPACK's functions have in compiled code."""
_ROWS_AT_ONCE = 8


class Fortran:
    """The body of a function that works on one matrix: calls of LAPACK, and copies of arrays to its liking.

    `given` is the type of the numbers in operands and results. Pieces of memory to work in hold doubles.
    """

    def __init__(self, builder: ir.IRBuilder, dtype: np.dtype, pieces: Mapping[str, Any]) -> None:
        self.builder, self.pieces = builder, pieces
        self.given = REAL if dtype == np.float64 else ir.FloatType()
        self.info = stack(builder, INTEGER)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function; numbers and letters are passed as pointers to constants."""
        module, symbol = self.builder.module, PREFIX + name
        function = module.globals.get(symbol)
        if function is None:
            kinds = [POINTER] * len(SIGNATURES[name])
            function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), symbol)
        kinds = {"i": INTEGER, "c": BYTE, "d": REAL}
        passed = zip(SIGNATURES[name], arguments, strict=True)
        self.builder.call(function, [self._pointer(kinds[letter], argument) for letter, argument in passed])

    def checked(self, name: str, *arguments: Any) -> Any:
        """Call a function whose last argument says whether it went well, and give that: 0 if so."""
        self.call(name, *arguments, self.info)
        return self.builder.load(self.info, typ=INTEGER)

    def _pointer(self, kind: ir.Type, argument: Any) -> Any:
        if isinstance(argument, ir.Value):
            return argument
        symbol = f"{PREFIX}{kind}.{argument}"
        constant = self.builder.module.globals.get(symbol)
        if constant is None:
            constant = ir.GlobalVariable(self.builder.module, kind, symbol)
            constant.linkage, constant.global_constant = "internal", True
            value = ord(argument) if isinstance(argument, str) else argument
            constant.initializer = ir.Constant(kind, value)
            constant.type = POINTER
        return constant

    # ------------------------------------------------------------------------------------------------ elements

    def at(self, pointer: Any, index: Any, kind: ir.Type = REAL) -> Any:
        """Where an element of an array is."""
        return self.builder.gep(pointer, [index], source_etype=kind)

    def load(self, pointer: Any, index: Any, kind: ir.Type = REAL) -> Any:
        """An element of an array, as a double."""
        value = self.builder.load(self.at(pointer, index, kind), typ=kind)
        return value if kind is REAL else self.builder.fpext(value, REAL)

    def store(self, value: Any, pointer: Any, index: Any, kind: ir.Type = REAL) -> None:
        """Give an element of an array a double's value."""
        value = value if kind is REAL else self.builder.fptrunc(value, kind)
        self.builder.store(value, self.at(pointer, index, kind))

    def each(self, start: Any, stop: Any, body: Callable[[Any], Any], step: int = 1) -> None:
        """A loop over whole numbers."""

        def once(index: Any, _: Any) -> list[Any]:
            body(index)
            return []

        counted(self.builder, start, stop, step, [], once, guarded=True)

    # -------------------------------------------------------------------------------------------------- arrays

    def doubles(self, place: Any, piece: str) -> Any:
        """Memory for the doubles of an operand or a result: its own, or that piece where it holds others."""
        return place if self.given is REAL else self.pieces[piece]

    def take(self, source: Any, target: Any, elements: Any) -> None:
        """Copy an operand's numbers to doubles; nothing where it is the same memory."""
        self._copy(source, self.given, target, REAL, elements)

    def give(self, source: Any, target: Any, elements: Any) -> None:
        """Copy doubles to a result; nothing where it is the same memory."""
        self._copy(source, REAL, target, self.given, elements)

    def _copy(self, source: Any, kind: ir.Type, target: Any, wanted: ir.Type, elements: Any) -> None:
        if kind is not wanted:
            self.each(number(0), elements, lambda k: self.store(self.load(source, k, kind), target, k, wanted))
        elif source is not target:
            size = self.builder.mul(elements, number(8))
            _intrinsic(self.builder, "llvm.memmove.p0.p0.i64", target, source, size)

    def clear(self, target: Any, elements: Any) -> None:
        """Set doubles to zero."""
        set_bytes(self.builder, target, 0, self.builder.mul(elements, number(8)))

    def take_columns(self, source: Any, piece: str, rows: int, columns: int) -> Any:
        """The columns of an operand one after the other, in a piece of memory."""
        self._turn(source, self.given, self.pieces[piece], REAL, rows, columns)
        return self.pieces[piece]

    def give_rows(self, source: Any, target: Any, rows: int, columns: int) -> None:
        """Give a result the rows of a matrix whose columns are one after the other."""
        self._turn(source, REAL, target, self.given, columns, rows)

    def _turn(self, source: Any, kind: ir.Type, target: Any, wanted: ir.Type, rows: int, columns: int) -> None:
        """Transpose. Some rows are read at once, so that what is written together stands together."""

        def body(builder: ir.IRBuilder, source: Any, target: Any, rows: Any, columns: Any) -> Any:
            code = Fortran(builder, np.dtype(float), {})

            def some(first: Any, count: int) -> None:
                def element(row: Any, column: Any) -> None:
                    value = code.load(source, builder.add(builder.mul(row, columns), column), kind)
                    code.store(value, target, builder.add(builder.mul(column, rows), row), wanted)

                def column(column: Any) -> None:
                    for step in range(count):
                        element(builder.add(first, number(step)), column)

                code.each(number(0), columns, column)

            whole = builder.and_(rows, number(-_ROWS_AT_ONCE))
            code.each(number(0), whole, lambda row: some(row, _ROWS_AT_ONCE), _ROWS_AT_ONCE)
            code.each(whole, rows, lambda row: some(row, 1))
            return ir.Constant(INTEGER, 0)

        operands = [source, target, number(rows), number(columns)]
        call_outlined(self.builder, f"chainrule.turn.{kind}.{wanted}", INTEGER, operands, body)


def set_bytes(builder: ir.IRBuilder, target: Any, value: int, size: Any) -> None:
    """Give all bytes of some memory one value."""
    _intrinsic(builder, "llvm.memset.p0.i64", target, ir.Constant(BYTE, value), size)


def _intrinsic(builder: ir.IRBuilder, name: str, *operands: Any) -> None:
    """Call one of LLVM's functions on memory."""
    operands = (*operands, ir.Constant(ir.IntType(1), 0))  # not volatile
    module, kind = builder.module, ir.FunctionType(ir.VoidType(), [operand.type for operand in operands])
    builder.call(module.globals.get(name) or ir.Function(module, kind, name), operands)
