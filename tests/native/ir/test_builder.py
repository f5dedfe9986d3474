"""Instructions that the other tests of machine code do not write, run."""

import ctypes

import pytest

from chainrule.native import ir
from chainrule.native.engine import compile_ir

WORD = ir.IntType(64)
POINTER = ir.PointerType()


def word_function(body, count=1):
    """A function of words, which gives what `body(builder, *arguments)` does."""
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(WORD, [WORD] * count), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(body(builder, *function.args))
    compiled = compile_ir(module, cache=None).function("f", ctypes.c_int64, count)
    return lambda *numbers: compiled(*(number % 2**64 for number in numbers))


def test_a_sum_with_0_and_a_product_with_1_are_no_instructions():
    function = ir.Function(ir.Module(), ir.FunctionType(WORD, [WORD]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    x = function.args[0]
    assert builder.add(x, WORD(0)) is builder.add(WORD(0), x) is builder.mul(x, WORD(1)) is builder.mul(WORD(1), x) is x
    assert not builder.block.lines


@pytest.mark.parametrize(("number", "result"), [(1, 10), (2, 20), (3, -1)])
def test_a_switch(number, result):
    def body(builder, x):
        blocks = {value: builder.append_basic_block() for value in (10, 20, -1)}
        over = builder.append_basic_block()
        switch = builder.switch(x, blocks[-1])
        switch.add_case(1, blocks[10])
        switch.add_case(2, blocks[20])
        for block in blocks.values():
            builder.position_at_end(block)
            builder.branch(over)
        builder.position_at_end(over)
        answer = builder.phi(WORD)
        for value, block in blocks.items():
            answer.add_incoming(WORD(value), block)
        return answer

    assert word_function(body)(number) == result


def test_memory_asked_for_in_a_loop_stands_in_the_first_block():
    def body(builder, x):
        after = builder.append_basic_block()
        builder.branch(after)
        builder.position_at_end(after)
        with builder.goto_entry_block():
            memory = builder.alloca(WORD)
        builder.store(x, memory)
        assert builder.block is after
        assert memory in builder.function.blocks[0].lines
        return builder.load(memory)

    assert word_function(body)(7) == 7


def test_bits():
    assert word_function(lambda b, x: b.add(b.ctlz(x, ir.IntType(1)(0)), b.cttz(x, ir.IntType(1)(0))))(8) == 60 + 3
    assert word_function(lambda b, x: b.not_(b.neg(x)))(8) == 7


def test_compare_and_exchange():
    def body(builder, x):
        memory = builder.alloca(WORD)
        builder.store(WORD(5), memory)
        pair = builder.cmpxchg(memory, x, WORD(9), "acq_rel", "monotonic")
        found = builder.zext(builder.extract_value(pair, 1), WORD)
        return builder.add(builder.load(memory), builder.mul(found, WORD(100)))

    assert (word_function(body)(5), word_function(body)(6)) == (109, 5)


def test_if_with_an_end_of_its_own():
    def body(builder, x):
        with builder.if_then(builder.icmp_signed("<", x, WORD(0)), likely=False):
            builder.ret(WORD(-1))
        with builder.if_else(builder.icmp_unsigned("==", x, WORD(3))) as (then, otherwise):
            with then:
                one, first = builder.add(x, WORD(1)), builder.block
            with otherwise:
                other, second = builder.add(x, WORD(2)), builder.block
        answer = builder.phi(WORD)
        answer.add_incoming(one, first)
        answer.add_incoming(other, second)
        return answer

    function = word_function(body)
    assert [function(x) for x in (-5, 3, 4)] == [-1, 4, 6]
