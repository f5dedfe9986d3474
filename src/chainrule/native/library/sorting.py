"""Sorting: the stable order of a row, by radix.

Keys become unsigned integers of the same order, and are sorted with their places in passes of 8 bits, the least
significant first. The passes stop short of the low bits: for n keys that are random, log2(n) + 6 of the leading bits
that vary leave hardly two neighbours in the wrong order, and an insertion sort settles those. Where it has more to do
than expected (keys that agree in those bits), all bits are sorted by instead. Both are stable, so that the second
attempt may begin from where the first one ended.

Sources: MacLaren, Internal Sorting by Radix Plus Sifting, J. ACM 13 (1966); Knuth, The Art of Computer Programming,
volume 3, 2nd ed. (1998), section 5.2.5; Herf, Radix Tricks (2001), on the bits of floats.
"""

from __future__ import annotations

from typing import Any

from chainrule.native import ir
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import BIT, INDEX, INT64, POINTER, UINT64, Array, Kind, Value

_RADIX = 256
_TABLE = 8 * _RADIX  # bytes
_PAIR = 16  # bytes of a key and its place
_SURPLUS = 6  # bits sorted by, beyond those that number the keys
_FEW = 16  # keys that an insertion sort takes on alone
_MOVES = 2  # that it may make for each key, and those that few keys may need, before it gives up


def scratch_bytes(dtype: Any, count: int) -> int:
    """How many bytes of memory, aligned to 8, `argsort` needs for a row of `count` keys.

    >>> scratch_bytes("float32", 1000)
    34048
    """
    Kind.of(dtype)
    return _TABLE + 2 * _PAIR * count


def argsort(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (keys, places, count, scratch)`: the int64 places of the keys in ascending order, equal ones in theirs.

    NaN comes last, and -0 equals 0, as in `numpy.argsort(keys, kind="stable")`. `scratch` has `scratch_bytes`.
    """
    kind = Kind.of(dtype)

    def write(code: Code, keys: Value, places: Value, count: Value, scratch: Value) -> None:
        source, pairs, result = Array(kind, keys), Array(UINT64, scratch).at(_RADIX), Array(INT64, places)
        zero = code.number(0).as_signed(False)
        previous, least, most, varying = (code.variable(start) for start in (zero, zero.like(-1), zero, zero))
        falls, here = code.variable(code.number(0, BIT)), code.variable(pairs.pointer)
        with code.loop(0, count) as i:
            key = ordered(source[i], kind)
            pairs[i * 2], pairs[i * 2 + 1] = key, i
            falls.set(falls.get() | (key < previous.get()))
            least.set((key < least.get()).where(key, least.get()))
            most.set((key > most.get()).where(key, most.get()))
            varying.set(varying.get() | (key ^ pairs[0]))
            previous.set(key)
        with code.when(falls.get()):
            here.set(code.call(_sort_pairs(module), scratch, count, least.get(), most.get(), varying.get()))
        sorted_pairs = Array(INT64, here.get())
        with code.loop(0, count) as i:
            result[i] = sorted_pairs[i * 2 + 1]

    return routine(module, f"argsort.{kind.name}", [POINTER, POINTER, INDEX, POINTER], write)


def ordered(key: Value, kind: Kind) -> Value:
    """An unsigned 64-bit integer whose order is that of the keys: NaN are equal and the greatest, zeros are equal."""
    width = 8 * kind.bytes
    sign, integer = 1 << (width - 1), ir.IntType(width)
    if kind.is_float:
        bits = (key + 0.0).bits(integer).as_signed(True)  # -0 + 0 = 0
        flipped = bits ^ ((bits >> (width - 1)) | sign)
        key = key.differs(key).where(flipped.like(-1), flipped)
    elif kind.is_signed:
        key = key ^ sign
    return key.as_signed(False).resized(INDEX)


def _sort_pairs(module: ir.Module) -> ir.Function:
    """`pairs (scratch, count, least, most, varying)`: sort the pairs that `argsort` laid out, given the least and the
    greatest key and the bits that are not the same in all. Where the pairs are then."""

    def write(code: Code, scratch: Value, count: Value, least: Value, most: Value, varying: Value) -> None:
        here = code.variable(Array(UINT64, scratch).at(_RADIX).pointer)
        there = code.variable(Array(UINT64, here.get()).at(count * 2).pointer)
        # Counted from the least, keys have their bits together: else -1 and 0 would differ in all of theirs.
        low, high = varying.zeros("trailing"), 64 - (most - least).zeros("leading")
        digits = (64 + _SURPLUS + 7 - count.zeros("leading")) >> 3
        enough = high - digits * 8
        enough = (enough < low).where(low, enough)
        start = code.variable((count <= _FEW).where(high, enough))
        with code.repeat() as leave:
            with code.loop(start.get(), high, 8) as shift:
                source, target = here.get(), there.get()
                with code.when(code.call(_distribute(module), scratch, source, target, count, least, shift)):
                    here.set(target)
                    there.set(source)
            leave(start.get() <= low)
            leave(code.call(_settle(module), here.get(), count))
            start.set(low)
        code.give(here.get())

    return routine(module, "sort_pairs", [POINTER, INDEX, INDEX, INDEX, INDEX], write, POINTER)


def _distribute(module: ir.Module) -> ir.Function:
    """`bit (table, source, target, count, least, shift)`: the pairs in the order of 8 bits of their keys. False where
    these are the same in all, and nothing is written."""

    def write(code: Code, table: Value, source: Value, target: Value, count: Value, least: Value, shift: Value) -> None:
        places, pairs, sorted_pairs = Array(INT64, table), Array(UINT64, source), Array(UINT64, target)

        def digit(key: Value) -> Value:
            return ((key - least) >> shift) & (_RADIX - 1)

        places.clear(_RADIX)
        with code.loop(0, count) as i:
            which = digit(pairs[i * 2])
            places[which] = places[which] + 1
        with code.when(places[digit(pairs[0])].equals(count)):
            code.give(code.number(0, BIT))
        total = code.variable(0)
        with code.loop(0, _RADIX) as i:
            start = total.get()
            total.set(start + places[i])
            places[i] = start
        with code.loop(0, count) as i:
            which = digit(pairs[i * 2])
            place = places[which]
            sorted_pairs.store(place * 2, pairs.load(i * 2, 2))
            places[which] = place + 1
        code.give(code.number(1, BIT))

    return routine(module, "distribute", [POINTER, POINTER, POINTER, INDEX, INDEX, INDEX], write, BIT)


def _settle(module: ir.Module) -> ir.Function:
    """`bit (pairs, count)`: sort by insertion. False where that takes too many moves, and is not done."""

    def write(code: Code, pointer: Value, count: Value) -> None:
        pairs, moves = Array(UINT64, pointer), code.variable(count * _MOVES + _FEW * _FEW // 2)
        with code.loop(1, count) as i:
            pair = pairs.load(i * 2, 2)
            key = pair.lane(0)
            with code.when(pairs[i * 2 - 2] > key):
                hole = code.variable(i)
                with code.repeat() as leave:
                    place = hole.get() * 2
                    pairs.store(place, pairs.load(place - 2, 2))
                    hole.set(hole.get() - 1)
                    leave(hole.get() <= 0)
                    leave(pairs[hole.get() * 2 - 2] <= key)
                pairs.store(hole.get() * 2, pair)
                moves.set(moves.get() - (i - hole.get()))
                with code.when(moves.get() < 0):
                    code.give(code.number(0, BIT))
        code.give(code.number(1, BIT))

    return routine(module, "settle", [POINTER, INDEX], write, BIT)
