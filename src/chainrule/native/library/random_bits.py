"""Random bits: Philox4x64-10.

Blocks are computed one by one: on the machine it was measured on, bound by one product of 64-bit words a cycle, 1.75 ns
a word. Vectors have no such product and make it of four of 32-bit words: 2.06 ns with 64 bytes, 4.4 ns with 32.

Source: Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3, SC '11. As in NumPy, the first block
is that of the counter plus 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.native import ir
from chainrule.native.library.code import Code, routine
from chainrule.native.library.values import INDEX, POINTER, UINT64, Array, Value

_ROUNDS = 10
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)  # the golden ratio, and the square root of 3 less 1
_DOUBLE = ir.IntType(128)


def philox(module: ir.Module) -> ir.Function:
    """`void (key, counter, words, length)`: so many words of uint64 from the start of a stream.

    They are those of `numpy.random.Philox(key=key, counter=counter).random_raw(length)`.
    """

    def write(code: Code, key: Value, counter: Value, words: Value, length: Value) -> None:
        result, keys, start, whole = Array(UINT64, words), _words(key, 2), _words(counter, 4), length & -4
        with code.loop(0, whole, 4) as place:
            for k, word in enumerate(_block(keys, _advanced(start, place >> 2))):
                result[place + k] = word
        with code.when(whole < length):
            for k, word in enumerate(_block(keys, _advanced(start, whole >> 2))):
                with code.when(whole + k < length):
                    result[whole + k] = word

    return routine(module, "philox", [POINTER, POINTER, POINTER, INDEX], write)


def philox_word(module: ir.Module) -> ir.Function:
    """`i64 (key, counter, place)`: one word of the stream."""

    def write(code: Code, key: Value, counter: Value, place: Value) -> None:
        first, second, third, fourth = _block(_words(key, 2), _advanced(_words(counter, 4), place >> 2))
        odd, late = (place & 1).differs(0), (place & 2).differs(0)
        code.give(late.where(odd.where(fourth, third), odd.where(second, first)))

    return routine(module, "philox_word", [POINTER, POINTER, INDEX], write, INDEX)


def _words(pointer: Value, count: int) -> list[Value]:
    array = Array(UINT64, pointer)
    return [array[k] for k in range(count)]


def _advanced(counter: Sequence[Value], number: Value) -> list[Value]:
    """The counter, of 256 bits, plus a number plus 1."""
    carry, words = number.as_signed(False) + 1, []
    for word in counter:
        words.append(word + carry)
        carry = (words[-1] < carry).resized(INDEX)
    return words


def _block(key: Sequence[Value], counter: Sequence[Value]) -> list[Value]:
    """Four random words: ten rounds that multiply two words of the counter and mix the halves into the others."""
    a, b, c, d = counter
    for turn in range(_ROUNDS):
        k0, k1 = (word + turn * step % 2**64 for word, step in zip(key, _WEYL, strict=True))
        (high0, low0), (high1, low1) = _product(a, _MULTIPLIERS[0]), _product(c, _MULTIPLIERS[1])
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
    return [a, b, c, d]


def _product(word: Value, factor: int) -> tuple[Value, Value]:
    """The high and the low word of a product."""
    product = word.resized(_DOUBLE) * factor
    return (product >> 64).resized(INDEX), product.resized(INDEX)
