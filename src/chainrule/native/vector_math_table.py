"""tanh of float32 from a table that processors with AVX-512 keep in registers: a third of the time of other ways.

Two registers hold 32 numbers, of which an instruction takes one for each lane (`vpermt2ps`). So the interval of |x|
chooses the coefficients of a polynomial, and nothing is divided. |x| is put into its interval by one addition: the bits
of |x| + 0.625 count eighths of octaves, which are 1/16 wide near 0, and 1 at the end. The error is at most 1 unit.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.native import ir
from chainrule.native.code import first_lanes, shuffle, widened
from chainrule.native.host import host_machine
from chainrule.native.polynomials_tanh import END, OFFSET, SHIFT, TANH
from chainrule.native.vector_math_lanes import SINGLE, Lanes, fma

LANES = 16
_INTEGER = ir.IntType(32)


def has_tables(x: Lanes) -> bool:
    """Whether float32 goes by tables on this machine: then in vectors of all widths, which have the same bits."""
    return x.format is SINGLE and host_machine().has("avx512f")


def tanh(x: Lanes) -> Lanes:
    """The polynomial of the interval; beyond the last interval tanh is 1, and NaN stays NaN."""
    return _in_whole_vectors(x, _tanh)


def _tanh(x: Lanes) -> Lanes:
    a = x.abs().at_most(END)
    place = (a + OFFSET).bits() >> SHIFT  # of which `_chosen` takes the last five bits
    centre, *coefficients = (_chosen(place, column) for column in zip(*TANH, strict=True))
    distance = a - centre
    total = coefficients.pop()
    while coefficients:
        total = fma(total, distance, coefficients.pop())
    return total.copysign(x)


def _chosen(place: Lanes, table: tuple[float, ...]) -> Lanes:
    """In each lane the number of the table, of 32, that the last five bits of `place` say."""
    build, kind = place.builder, ir.VectorType(SINGLE.float_type, LANES)
    name = "llvm.x86.avx512.vpermi2var.ps.512"
    signature = ir.FunctionType(kind, [kind, place.kind, kind])
    function = build.module.globals.get(name) or ir.Function(build.module, signature, name)
    low, high = ir.Constant(kind, table[:LANES]), ir.Constant(kind, table[LANES:])
    return Lanes(build, build.call(function, [low, place.value, high]))


def _in_whole_vectors(x: Lanes, function: Callable[[Lanes], Lanes]) -> Lanes:
    """The function of narrower vectors and of scalars, by the lanes of a vector that they fill."""
    build, kind = x.builder, ir.VectorType(SINGLE.float_type, LANES)
    nothing = ir.Constant(kind, ir.Undefined)
    if not isinstance(x.kind, ir.VectorType):
        filled = Lanes(build, build.insert_element(nothing, x.value, _INTEGER(0)))
        return Lanes(build, build.extract_element(function(filled).value, _INTEGER(0)))
    count = x.kind.count
    if count == LANES:
        return function(x)
    if count > LANES:  # between numbers that are kept in fewer bits
        half = count // 2
        low, high = (
            _in_whole_vectors(Lanes(build, build.shuffle_vector(x.value, x.value, shuffle(lanes))), function).value
            for lanes in (range(half), range(half, count))
        )
        return Lanes(build, build.shuffle_vector(low, high, shuffle(range(count))))
    whole = function(Lanes(build, widened(build, x.value, LANES)))
    return Lanes(build, first_lanes(build, whole.value, count))
