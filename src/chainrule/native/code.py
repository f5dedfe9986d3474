"""Small pieces of LLVM IR that every emitter needs: numbers, loops, vectors of one value, part of a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.native import ir
from chainrule.native.host import AVX512, host_machine

WORD = ir.IntType(64)
POINTER = ir.PointerType()


def number(value: int) -> ir.Constant:
    """A whole number of 64 bits."""
    return ir.Constant(WORD, value)


def stack(builder: ir.IRBuilder, kind: ir.Type) -> Any:
    """Memory on the stack, aligned to a cache line."""
    memory = builder.alloca(kind)
    memory.align = 64
    memory.type = POINTER  # to nothing in particular: all that reads it says what it reads
    return memory


def splat(builder: ir.IRBuilder, value: Any, lanes: int) -> Any:
    """A vector with one value in every lane; a vector as it is."""
    if isinstance(value.type, ir.VectorType):
        return value
    kind = ir.VectorType(value.type, lanes)
    if isinstance(value, ir.Constant):
        return ir.Constant(kind, [value.constant] * lanes)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, first, shuffle([0] * lanes))


def shuffle(lanes: Sequence[int]) -> ir.Constant:
    """The mask of a shuffle."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))


def widened(builder: ir.IRBuilder, value: Any, lanes: int) -> Any:
    """A vector with zeros after its lanes."""
    count = value.type.count
    if count == lanes:
        return value
    zeros = ir.Constant(value.type, None)
    return builder.shuffle_vector(value, zeros, shuffle([*range(count), *[count] * (lanes - count)]))


def first_lanes(builder: ir.IRBuilder, value: Any, count: int) -> Any:
    """The first lanes of a vector."""
    if value.type.count == count:
        return value
    return builder.shuffle_vector(value, value, shuffle(range(count)))


def load_first(builder: ir.IRBuilder, pointer: Any, kind: ir.Type, count: int, lanes: int, align: int) -> Any:
    """The first lanes of a vector from memory that may end behind them, and zeros."""
    if count & (count - 1) and align >= 4 and host_machine().has(*AVX512):
        return _masked_load(builder, pointer, kind, count, lanes, align)
    found = builder.load(pointer, typ=ir.VectorType(kind, count), align=align)
    return widened(builder, found, lanes)


def _masked_load(builder: ir.IRBuilder, pointer: Any, kind: ir.Type, count: int, lanes: int, align: int) -> Any:
    vector, flags = ir.VectorType(kind, lanes), ir.VectorType(ir.IntType(1), lanes)
    shape = ir.FunctionType(vector, [POINTER, ir.IntType(32), flags, vector])
    name = f"llvm.masked.load.v{lanes}{'i' if isinstance(kind, ir.IntType) else 'f'}{align * 8}.p0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, shape, name)
    mask = ir.Constant(flags, [lane < count for lane in range(lanes)])
    return builder.call(function, [pointer, ir.Constant(ir.IntType(32), align), mask, ir.Constant(vector, None)])


def counted(
    builder: ir.IRBuilder,
    start: Any,
    stop: Any,
    step: int,
    carried: Sequence[Any],
    body: Callable[[Any, Sequence[Any]], Sequence[Any]],
    *,
    guarded: bool = False,
) -> list[Any]:
    """A loop from start to stop that hands values from step to step. Without `guarded` it runs at least once."""
    if guarded:
        before = builder.block
        into, done = builder.append_basic_block("loop"), builder.append_basic_block("over")
        builder.cbranch(builder.icmp_signed("<", start, stop), into, done)
        builder.position_at_end(into)
        finals = counted(builder, start, stop, step, carried, body)
        last = builder.block
        builder.branch(done)
        builder.position_at_end(done)
        results = []
        for first, final in zip(carried, finals, strict=True):
            joined = builder.phi(first.type)
            joined.add_incoming(first, before)
            joined.add_incoming(final, last)
            results.append(joined)
        return results
    before, inside = builder.block, builder.append_basic_block("loop")
    builder.branch(inside)
    builder.position_at_end(inside)
    index = builder.phi(WORD)
    index.add_incoming(start, before)
    phis = []
    for first in carried:
        phi = builder.phi(first.type)
        phi.add_incoming(first, before)
        phis.append(phi)
    finals = list(body(index, phis))
    following = builder.add(index, number(step), flags=["nsw"])
    end = builder.block
    index.add_incoming(following, end)
    for phi, final in zip(phis, finals, strict=True):
        phi.add_incoming(final, end)
    over = builder.append_basic_block("over")
    builder.cbranch(builder.icmp_signed("<", following, stop), inside, over)
    builder.position_at_end(over)
    return finals
