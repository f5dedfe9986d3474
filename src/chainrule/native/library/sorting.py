"""Sorting: the stable order of a row, by radix.

Keys become unsigned integers of the same order. The leading bits of each and the number of its place make one word, and
the words are sorted in passes of 8 bits, the least significant first. The passes stop short of the low bits: for n keys
that are random, log2(n) + 6 of the leading bits that vary leave hardly two neighbours in the wrong order, and an
insertion sort settles those. Where it has more to do than expected (keys that agree in those bits), all bits are sorted
by instead. Where keys differ in no more than the bits for which a word has no room, they are sorted once more, as pairs
of a key and a place. All of this is stable, so that the second attempt may begin from where the first one ended.

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
        source, result = Array(kind, keys), Array(INT64, places)
        zero = code.number(0).as_signed(False)
        previous, least, most = (code.variable(start) for start in (zero, zero.like(-1), zero))
        falls = code.variable(code.number(0, BIT))
        with code.loop(0, count) as i:
            key = ordered(source[i], kind)
            result[i] = i
            falls.set(falls.get() | (key < previous.get()))
            least.set((key < least.get()).where(key, least.get()))
            most.set((key > most.get()).where(key, most.get()))
            previous.set(key)
        with code.when(falls.get()):
            low, bits = least.get(), 64 - (most.get() - least.get()).zeros("leading")
            _by_words(code, source, result, count, scratch, low, bits)

    return routine(module, f"argsort.{kind.name}", [POINTER, POINTER, INDEX, POINTER], write)


def _by_words(
    code: Code, source: Array, result: Array, count: Value, scratch: Value, least: Value, bits: Value
) -> None:
    """Sort keys that are `least` and numbers of so many bits."""
    module, kind = code.builder.module, source.kind
    room = (count - 1).zeros("leading")  # for the key in a word: the rest is the place
    behind, excess = 64 - room, bits - room
    cut = (excess > 0).where(excess, 0)
    words, used = Array(UINT64, scratch).at(_RADIX), code.variable(code.number(0).as_signed(False))
    with code.loop(0, count) as i:
        leading = ((ordered(source[i], kind) - least) >> cut) << behind
        words[i] = leading | i
        used.set(used.get() | leading)
    high, low = bits - cut + behind, used.get().zeros("trailing")
    here = Array(UINT64, code.call(_sort(module, 1), scratch, count, low, high))
    fraction, wrong = (code.number(-1).as_signed(False) >> room), code.variable(code.number(0, BIT))
    before = code.variable(here[0])
    with code.loop(0, count) as i:
        word = here[i]
        place = word & fraction
        result[i] = place
        with code.when((((word ^ before.get()) >> behind).equals(0)) & (cut > 0)):
            last, key = (ordered(source[at & fraction], kind) for at in (before.get(), word))
            wrong.set(wrong.get() | (key < last))
        before.set(word)
    with code.when(wrong.get()):
        _by_pairs(code, source, result, count, scratch, least, bits)


def _by_pairs(
    code: Code, source: Array, result: Array, count: Value, scratch: Value, least: Value, bits: Value
) -> None:
    """The same, with room for all bits."""
    pairs = Array(UINT64, scratch).at(_RADIX)
    with code.loop(0, count) as i:
        pairs[i * 2], pairs[i * 2 + 1] = ordered(source[i], source.kind) - least, i
    here = code.call(_sort(code.builder.module, 2), scratch, count, code.number(0), bits)
    sorted_pairs = Array(INT64, here)
    with code.loop(0, count) as i:
        result[i] = sorted_pairs[i * 2 + 1]


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


def _sort(module: ir.Module, width: int) -> ir.Function:
    """`items (scratch, count, low, high)`: sort items of so many words, laid out in `scratch`, by the bits of the first
    word from `low` to `high`: all that are not 0. Where the items are then."""

    def write(code: Code, scratch: Value, count: Value, low: Value, high: Value) -> None:
        here = code.variable(Array(UINT64, scratch).at(_RADIX).pointer)
        there = code.variable(Array(UINT64, here.get()).at(count * width).pointer)
        digits = (64 + _SURPLUS + 7 - (count - 1).zeros("leading")) >> 3
        enough = high - digits * 8
        enough = (enough < low).where(low, enough)
        start = code.variable((count <= _FEW).where(high, enough))
        with code.repeat() as leave:
            with code.loop(start.get(), high, 8) as shift:
                source, target = here.get(), there.get()
                with code.when(code.call(_distribute(module, width), scratch, source, target, count, shift)):
                    here.set(target)
                    there.set(source)
            leave(start.get() <= low)
            leave(code.call(_settle(module, width), here.get(), count))
            start.set(low)
        code.give(here.get())

    return routine(module, f"sort.{width}", [POINTER, INDEX, INDEX, INDEX], write, POINTER)


def _distribute(module: ir.Module, width: int) -> ir.Function:
    """`bit (table, source, target, count, shift)`: the items in the order of 8 bits of their first words. False where
    these are the same in all, and nothing is written."""

    def write(code: Code, table: Value, source: Value, target: Value, count: Value, shift: Value) -> None:
        places, items, sorted_items = Array(INT64, table), Array(UINT64, source), Array(UINT64, target)

        def digit(item: Value) -> Value:
            return (item >> shift) & (_RADIX - 1)

        places.clear(_RADIX)
        with code.loop(0, count) as i:
            which = digit(items[i * width])
            places[which] = places[which] + 1
        with code.when(places[digit(items[0])].equals(count)):
            code.give(code.number(0, BIT))
        total = code.variable(0)
        with code.loop(0, _RADIX) as i:
            start = total.get()
            total.set(start + places[i])
            places[i] = start
        with code.loop(0, count) as i:
            which = digit(items[i * width])
            place = places[which]
            sorted_items.store(place * width, items.load(i * width, width))
            places[which] = place + 1
        code.give(code.number(1, BIT))

    return routine(module, f"distribute.{width}", [POINTER, POINTER, POINTER, INDEX, INDEX], write, BIT)


def _settle(module: ir.Module, width: int) -> ir.Function:
    """`bit (items, count)`: sort by insertion. False where that takes too many moves, and is not done."""

    def write(code: Code, pointer: Value, count: Value) -> None:
        items, moves = Array(UINT64, pointer), code.variable(count * _MOVES + _FEW * _FEW // 2)
        with code.loop(1, count) as i:
            item = items.load(i * width, width)
            key = item.lane(0) if width > 1 else item
            with code.when(items[(i - 1) * width] > key):
                hole = code.variable(i)
                with code.repeat() as leave:
                    place = hole.get() * width
                    items.store(place, items.load(place - width, width))
                    hole.set(hole.get() - 1)
                    leave(hole.get() <= 0)
                    leave(items[(hole.get() - 1) * width] <= key)
                items.store(hole.get() * width, item)
                moves.set(moves.get() - (i - hole.get()))
                with code.when(moves.get() < 0):
                    code.give(code.number(0, BIT))
        code.give(code.number(1, BIT))

    return routine(module, f"settle.{width}", [POINTER, INDEX], write, BIT)
