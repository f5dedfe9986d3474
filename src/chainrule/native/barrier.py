"""Code that runs in several threads at once: waiting for the others, and the share of the work that is one's own.

A compiled run is one function that N threads execute together, each with its number (single program, multiple data).
They divide a loop with `emit_share` and meet with `emit_barrier` before one reads what another wrote.

The barrier is one word of memory: how many have arrived, and a generation that the last of them advances. So it needs
no reset, serves any number of threads from run to run, and costs two transfers of a cache line for two threads: 140 ns
on a 2-core Xeon. (A dissemination barrier, with a flag for each thread and round, took as long there and needs memory
for every number of threads.) What comes before a barrier in any thread happens before what follows it in every thread.

Source: J. Mellor-Crummey and M. Scott, Algorithms for Scalable Synchronization on Shared-Memory Multiprocessors, ACM
Transactions on Computer Systems 9 (1991): the centralised barrier, with a generation for its sense.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from chainrule.native import ir
from chainrule.native.host import host_machine

WORD = ir.IntType(64)
POINTER = ir.PointerType()
# Tests of the word until the processor is told that this is a wait, and until the system is asked to run another
# thread. Where every thread has a processor, the others are mostly there within the first; where there are more threads
# than processors, the thread waited for may need this very one. Between the two there is no pause: in a virtual machine
# an instruction to pause is a call of the host, of 2 to 10 µs, and the system's answer takes 0.3.
_EAGER = 100
_PATIENT = 100
_GENERATION = 1 << 32


def emit_barrier(builder: ir.IRBuilder, barrier: Any, thread: Any, threads: Any) -> None:
    """Emit the wait of a thread until all `threads` threads of the run have come to a barrier.

    `barrier` points to `state.BARRIER_BYTES` bytes, so aligned, zero before their first use and this barrier's alone;
    `threads` is an integer of 64 bits, and so is `thread`, which this kind of barrier does not need. The threads of a
    run pass the same barriers in the same order. Where `threads` is 1, a branch is all that is executed.

    Memory that one thread writes and another reads must not be `noalias` (nor in an alias scope of its own): LLVM might
    keep a value in a register across the barrier.

    >>> module = ir.Module()
    >>> function = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, WORD, WORD]), "f")
    >>> builder = ir.IRBuilder(function.append_basic_block())
    >>> emit_barrier(builder, *function.args)
    >>> emit_barrier(builder, *function.args)
    >>> [name for name in module.globals if name.startswith("chainrule")]  # once in a module
    ['chainrule.barrier']
    """
    with builder.if_then(builder.icmp_unsigned(">", threads, WORD(1))):
        builder.call(_barrier(builder.module), [barrier, threads])


def emit_share(builder: ir.IRBuilder, extent: Any, thread: Any, threads: Any, grain: int) -> tuple[Any, Any]:
    """Emit the bounds of a thread's share of [0, extent): start and stop, of 64 bits as all operands are.

    The shares follow one another, begin at multiples of `grain` (a number known now) and differ by at most one grain.
    Of an extent that gives too few grains, some threads get nothing. `extent` is at most 2^63 / threads.

    The bounds depend on the number of threads, so what a result's bits depend on (the order of a sum) must not depend
    on the bounds.
    """
    # The i-th of n threads gets the grains from floor(i * grains / n) on.
    grains = builder.udiv(builder.add(extent, WORD(grain - 1)), WORD(grain))
    bounds = []
    for which in (thread, builder.add(thread, WORD(1))):
        first = builder.udiv(builder.mul(which, grains), threads)
        bound = builder.mul(first, WORD(grain))
        bounds.append(builder.select(builder.icmp_unsigned("<", bound, extent), bound, extent))
    return bounds[0], bounds[1]


def emit_wait(builder: ir.IRBuilder, is_over: Callable[[], Any]) -> None:
    """Emit a loop until the condition that `is_over` emits holds: eager at first, then pausing, then yielding to other
    threads of the system, so that also more threads than processors come on."""
    before = builder.block
    test = builder.append_basic_block("wait")
    wait = builder.append_basic_block("wait.longer")
    pause = builder.append_basic_block("wait.pause")
    leave = builder.append_basic_block("wait.yield")
    again = builder.append_basic_block("wait.again")
    over = builder.append_basic_block("wait.over")

    builder.branch(test)
    builder.position_at_end(test)
    tries = builder.phi(WORD)
    tries.add_incoming(WORD(0), before)
    builder.cbranch(is_over(), over, wait)

    builder.position_at_end(wait)
    stage = builder.switch(builder.add(_above(builder, tries, _EAGER), _above(builder, tries, _PATIENT)), again)
    stage.add_case(1, pause)
    stage.add_case(2, leave)

    builder.position_at_end(pause)
    emit_pause(builder)
    builder.branch(again)
    builder.position_at_end(leave)
    emit_yield(builder)
    builder.branch(again)

    builder.position_at_end(again)
    tries.add_incoming(builder.add(tries, WORD(1)), again)
    builder.branch(test)
    builder.position_at_end(over)


def emit_pause(builder: ir.IRBuilder) -> None:
    """Emit the processor's hint that this is a loop that waits, 10 to 50 ns long; nothing where none is known.

    On arm64 that is `isb` and not `yield`, which does nothing on processors with one thread a core.
    """
    architecture = host_machine().triple.partition("-")[0]
    if architecture in ("x86_64", "amd64", "i686"):
        builder.call(declare(builder.module, "llvm.x86.sse2.pause", ir.VoidType()), [])
    elif architecture in ("aarch64", "arm64"):
        number = ir.IntType(32)
        builder.call(declare(builder.module, "llvm.aarch64.isb", ir.VoidType(), number), [number(15)])


def emit_yield(builder: ir.IRBuilder) -> None:
    """Emit a call of the system's function that lets another thread run; without one, it takes some 0.3 µs."""
    name = "SwitchToThread" if os.name == "nt" else "sched_yield"
    builder.call(declare(builder.module, name, ir.IntType(32)), [])  # both return an int, which says nothing of use


def declare(module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    """The function of this name and type in the module, declared at its first use."""
    if name in module.globals:
        return module.globals[name]
    return ir.Function(module, ir.FunctionType(result, arguments), name)


def _above(builder: ir.IRBuilder, tries: Any, bound: int) -> Any:
    """1 where there were so many tries, else 0."""
    return builder.zext(builder.icmp_unsigned(">=", tries, WORD(bound)), WORD)


def _barrier(module: ir.Module) -> ir.Function:
    """The function `void barrier(ptr word, i64 threads)` of a module. The low half of the word counts who has arrived,
    the high half is the generation, which may overflow: only its change matters."""
    name = "chainrule.barrier"
    if name in module.globals:
        return module.globals[name]
    function = declare(module, name, ir.VoidType(), WORD.as_pointer(), WORD)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    function.attributes.add("noinline")  # a run has many barriers, and the call is 1% of one
    builder = ir.IRBuilder(function.append_basic_block())
    word, threads = function.args

    before = builder.atomic_rmw("add", word, WORD(1), "acq_rel")
    arrived = builder.add(builder.and_(before, WORD(_GENERATION - 1)), WORD(1))
    generation = builder.sub(before, builder.and_(before, WORD(_GENERATION - 1)))
    with builder.if_else(builder.icmp_unsigned("==", arrived, threads)) as (last, others):
        with last:
            builder.store_atomic(builder.add(generation, WORD(_GENERATION)), word, "release", 8)
        with others:
            emit_wait(
                builder,
                lambda: builder.icmp_unsigned(
                    ">=", builder.sub(builder.load_atomic(word, "acquire", 8), generation), WORD(_GENERATION)
                ),
            )
    builder.ret_void()
    return function
