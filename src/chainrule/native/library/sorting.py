"""Sorting: the stable order of a row, by radix.

Keys become unsigned integers of the same order. The leading bits of each and the number of its place make one word, and
the words are sorted in passes of some bits, the least significant first. The passes stop short of the low bits: for n
keys that are random, log2(n) + 6 of the leading bits that vary leave hardly two neighbours in the wrong order, and an
insertion sort settles those. Up to 65,536 keys take two passes: each is of so many bits that there are no more counts
than keys, and that their table is in the nearest cache. Where the insertion sort has more to do than expected (keys
that agree in those bits), all bits are sorted by instead. Where that leaves keys in the wrong order, as they differ in
no more than the bits for which a word has no room, they are sorted once more, by these bits and then by the others.
Each pass is stable, and the number of a place decides between equal keys, so that any attempt may begin from where the
one before it ended.

Sources: MacLaren, Internal Sorting by Radix Plus Sifting, J. ACM 13 (1966); Knuth, The Art of Computer Programming,
volume 3, 2nd ed. (1998), section 5.2.5; Herf, Radix Tricks (2001), on the bits of floats.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.native import ir
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import BIT, INDEX, INT64, POINTER, UINT64, Array, Kind, Value

_FEWEST_BITS, _MOST_BITS = 8, 11  # that a pass may sort by
_TABLE = 8 << _MOST_BITS  # bytes
_WORD = 8  # bytes
_LANES = 8
_SURPLUS = 6  # bits sorted by, beyond those that number the keys
_FEW = 16  # keys that an insertion sort takes on alone
_MOVES = 2  # that it may make for each key, and those that few keys may need, before it gives up


def scratch_bytes(dtype: Any, count: int) -> int:
    """How many bytes of memory, aligned to 8, `argsort` needs for a row of `count` keys.

    >>> scratch_bytes("float32", 1000)
    32384
    """
    Kind.of(dtype)
    return _TABLE + 2 * _WORD * count


def argsort(module: ir.Module, dtype: Any) -> ir.Function:
    """`void (keys, places, count, scratch)`: the int64 places of the keys in ascending order, equal ones in theirs.

    NaN comes last, and -0 equals 0, as in `numpy.argsort(keys, kind="stable")`. `scratch` has `scratch_bytes`.
    """
    kind = Kind.of(dtype)

    def write(code: Code, keys: Value, places: Value, count: Value, scratch: Value) -> None:
        source, result = Array(kind, keys), Array(INT64, places)
        with code.when(count > 0):
            first, result[0] = ordered(source[0], kind), code.number(0)
            least = _Total(code, first, lambda x, y: (x < y).where(x, y))
            most = _Total(code, first, lambda x, y: (x < y).where(y, x))
            falls = _Total(code, code.number(0, BIT), lambda x, y: x | y)

            def look(i: Value, lanes: int) -> None:
                before, key = (ordered(source.load(place, lanes), kind) for place in (i - 1, i))
                least.add(key)
                most.add(key)
                falls.add(key < before)
                result.store(i, _counted(i, lanes))

            _each(code, 1, count, look)
            with code.when(falls.get()):
                low = least.get()
                _by_words(code, source, result, count, scratch, low, 64 - (most.get() - low).zeros("leading"))

    return routine(module, f"argsort.{kind.name}", [POINTER, POINTER, INDEX, POINTER], write)


def _by_words(
    code: Code, source: Array, result: Array, count: Value, scratch: Value, least: Value, bits: Value
) -> None:
    """Sort keys that are `least` and numbers of so many bits."""
    module, kind = code.builder.module, source.kind
    room = (count - 1).zeros("leading")  # for the key in a word: the rest is the place
    behind, excess = 64 - room, bits - room
    cut = (excess > 0).where(excess, 0)
    words, zero = Array(UINT64, scratch).at(1 << _MOST_BITS), code.number(0).as_signed(False)
    used = code.variable(zero)
    with code.loop(0, count) as i:
        leading = ((ordered(source[i], kind) - least) >> cut) << behind
        words[i] = leading | i
        used.set(used.get() | leading)
    high, low = bits - cut + behind, used.get().zeros("trailing")
    enough = high - (behind + _SURPLUS)
    enough = (count <= _FEW).where(high, (enough < low).where(low, enough))
    here = Array(UINT64, code.call(_sort(module), scratch, count, _bits_of_a_pass(behind), enough, low, high))
    place = zero.like(-1) >> room
    tied = _Total(code, code.number(0, BIT), lambda x, y: x | y)
    result[0] = here[0] & place

    def hand_on(i: Value, lanes: int) -> None:
        before, word = here.load(i - 1, lanes), here.load(i, lanes)
        result.store(i, word & place.splat(lanes))
        tied.add(((word ^ before) >> behind.splat(lanes)).equals(0))

    _each(code, 1, count, hand_on)
    with code.when(tied.get() & (cut > 0)):
        wrong = code.variable(code.number(0, BIT))
        with code.loop(1, count) as i, code.when(((here[i] ^ here[i - 1]) >> behind).equals(0)):
            before, key = (ordered(source[here[at] & place], kind) for at in (i - 1, i))
            wrong.set(wrong.get() | (key < before))
        with code.when(wrong.get()):
            _in_two(code, source, result, count, scratch, least, bits, cut)


def _bits_of_a_pass(places: Value) -> Value:
    """The bits that each pass sorts by, where the places of all keys are numbers of so many."""
    most = (places < _FEWEST_BITS).where(places.like(_FEWEST_BITS), places)
    most = (most > _MOST_BITS).where(most.like(_MOST_BITS), most)
    half = (places + (_SURPLUS + 1)) >> 1
    return (half < most).where(half, most)


def _in_two(
    code: Code, source: Array, result: Array, count: Value, scratch: Value, least: Value, bits: Value, cut: Value
) -> None:
    """Sort by the bits that were cut off, then by the others, from the order that `result` has on."""
    words, room = Array(UINT64, scratch).at(1 << _MOST_BITS), (count - 1).zeros("leading")
    behind = 64 - room
    with code.loop(0, cut + 1, cut) as less:
        with code.loop(0, count) as i:
            place = result[i].as_signed(False)
            words[i] = (((ordered(source[place], source.kind) - least) >> less) << behind) | place
        high = behind + less.equals(0).where(cut, bits - cut)
        bits_of_a_pass = _bits_of_a_pass(behind)
        here = Array(INT64, code.call(_sort(code.builder.module), scratch, count, bits_of_a_pass, behind, behind, high))
        with code.loop(0, count) as i:
            result[i] = here[i] & (code.number(-1).as_signed(False) >> room)


def ordered(key: Value, kind: Kind) -> Value:
    """An unsigned 64-bit integer whose order is that of the keys: NaN are equal and the greatest, zeros are equal."""
    width = 8 * kind.bytes
    sign, integer = 1 << (width - 1), ir.IntType(width)
    if kind.is_float:
        whole = integer if key.count == 1 else ir.VectorType(integer, key.count)
        bits = (key + 0.0).bits(whole).as_signed(True)  # -0 + 0 = 0
        flipped = bits ^ ((bits >> (width - 1)) | sign)
        key = key.differs(key).where(flipped.like(-1), flipped)
    elif kind.is_signed:
        key = key ^ sign
    return key.as_signed(False).resized(INDEX)


# ------------------------------------------------------------------------------------------------ several at once


def _each(code: Code, start: int, count: Value, body: Callable[[Value, int], None]) -> None:
    """`body(index, lanes)` for all places of a row: as many at a time as make a vector, then those that are left."""
    whole = ((count - start) & -_LANES) + start
    with code.loop(start, whole, _LANES) as i:
        body(i, _LANES)
    with code.loop(whole, count) as i:
        body(i, 1)


def _counted(index: Value, lanes: int) -> Value:
    """The numbers of the lanes from an index on."""
    if lanes == 1:
        return index
    steps = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
    return index.splat(lanes) + index.with_value(steps)


class _Total:
    """What is gathered from all places of a row: in each lane by itself, and from the lanes at the end."""

    def __init__(self, code: Code, start: Value, combine: Callable[[Value, Value], Value]) -> None:
        self.combine = combine
        self.parts = {lanes: code.variable(start.splat(lanes)) for lanes in (1, _LANES)}

    def add(self, value: Value) -> None:
        """Take one place, or a vector of them."""
        part = self.parts[value.count]
        part.set(self.combine(part.get(), value))

    def get(self) -> Value:
        """What has been gathered."""
        value = self.parts[_LANES].get()
        while value.count > 2:
            value = self.combine(*value.halves())
        return self.combine(self.parts[1].get(), self.combine(value.lane(0), value.lane(1)))


# ------------------------------------------------------------------------------------------------ the passes


def _sort(module: ir.Module) -> ir.Function:
    """`words (scratch, count, digit, enough, low, high)`: sort words, laid out in `scratch`, by the bits from `enough`
    to `high`, in passes of `digit` bits, and by insertion; or, where that takes long or there are no bits below
    `enough`, by the bits from `low` on alone. Where the words are then."""

    def write(code: Code, scratch: Value, count: Value, digit: Value, enough: Value, low: Value, high: Value) -> None:
        here = code.variable(Array(UINT64, scratch).at(1 << _MOST_BITS).pointer)
        there = code.variable(Array(UINT64, here.get()).at(count).pointer)
        start = code.variable(enough)
        with code.repeat() as leave:
            with code.loop(start.get(), high, digit) as shift:
                source, target = here.get(), there.get()
                with code.when(code.call(_distribute(module), scratch, source, target, count, digit, shift)):
                    here.set(target)
                    there.set(source)
            leave(start.get() <= low)
            leave(code.call(_settle(module), here.get(), count))
            start.set(low)
        code.give(here.get())

    return routine(module, "sort", [POINTER, *[INDEX] * 5], write, POINTER)


def _distribute(module: ir.Module) -> ir.Function:
    """`bit (table, source, target, count, bits, shift)`: the words in the order of some of their bits, those from
    `shift` on. False where these are the same in all, and nothing is written."""

    def write(code: Code, table: Value, source: Value, target: Value, count: Value, bits: Value, shift: Value) -> None:
        places, words, sorted_words = Array(INT64, table), Array(UINT64, source), Array(UINT64, target)
        radix = code.number(1) << bits

        def digit(word: Value) -> Value:
            return (word >> shift) & (radix - 1)

        with code.loop(0, radix, 1 << _FEWEST_BITS) as i:
            places.at(i).clear(1 << _FEWEST_BITS)
        with code.loop(0, count) as i:
            which = digit(words[i])
            places[which] = places[which] + 1
        with code.when(places[digit(words[0])].equals(count)):
            code.give(code.number(0, BIT))
        total = code.variable(0)
        with code.loop(0, radix) as i:
            start = total.get()
            total.set(start + places[i])
            places[i] = start
        with code.loop(0, count) as i:
            word = words[i]
            which = digit(word)
            place = places[which]
            sorted_words[place] = word
            places[which] = place + 1
        code.give(code.number(1, BIT))

    return routine(module, "distribute", [POINTER, POINTER, POINTER, INDEX, INDEX, INDEX], write, BIT)


def _settle(module: ir.Module) -> ir.Function:
    """`bit (words, count)`: sort by insertion. False where that takes too many moves, and is not done."""

    def write(code: Code, pointer: Value, count: Value) -> None:
        words, moves = Array(UINT64, pointer), code.variable(count * _MOVES + _FEW * _FEW // 2)
        with code.loop(1, count) as i:
            word = words[i]
            with code.when(words[i - 1] > word):
                hole = code.variable(i)
                with code.repeat() as leave:
                    words[hole.get()] = words[hole.get() - 1]
                    hole.set(hole.get() - 1)
                    leave(hole.get() <= 0)
                    leave(words[hole.get() - 1] <= word)
                words[hole.get()] = word
                moves.set(moves.get() - (i - hole.get()))
                with code.when(moves.get() < 0):
                    code.give(code.number(0, BIT))
        code.give(code.number(1, BIT))

    return routine(module, "settle", [POINTER, INDEX], write, BIT)
