"""The compiled half of a team: how a run claims workers and how a worker serves, as LLVM IR.

Each worker has a mailbox, one cache line with a state that goes round:

    FREE (it watches the mailbox) -> CLAIMED by a run -> POSTED (what to call is in it) -> FREE, when it has been called
    FREE -> PARKED, when nothing came for a while -> CLAIMED -> POSTED, and the worker's lock is released

A run changes FREE and PARKED to CLAIMED, the worker FREE to PARKED: by compare and exchange, so that one has its way.
In a mailbox without a worker the state is NOBODY, until `open`. A run's workers count themselves down in memory of the
run's own, so their mailboxes concern it no more once they are posted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.native import ir
from chainrule.native.barrier import POINTER, WORD, declare, emit_pause, emit_wait, emit_yield

MAILBOX_WORDS = 16  # 128 bytes: see BARRIER_BYTES
NOBODY, FREE, PARKED, CLAIMED, POSTED = range(5)
STATE, FUNCTION, ARGUMENTS, THREAD, THREADS, MISSING, LOCK, FOUND, NEXT = range(9)

_PAUSES = 64  # until a worker that waits lets others run: 0.6 to 3 µs
_INT, _VOID = ir.IntType(32), ir.VoidType()
_WORDS = WORD.as_pointer()  # what points to words
_CALLED = ir.FunctionType(_VOID, [POINTER, WORD, WORD])


def team_module() -> ir.Module:
    """The module with `lead`, `serve`, `open` and `rest`. All arguments are words."""
    module = ir.Module()
    _emit_lead(module)
    _emit_serve(module)
    _emit_open(module)
    _emit_rest(module)
    return module


def _emit_lead(module: ir.Module) -> None:
    """`i64 lead(mailboxes, size, function, arguments, threads)`: a run, from claiming to the last worker's end."""
    builder, (mailboxes, size, function, arguments, threads) = _function(module, "lead", WORD, 5)
    missing = builder.alloca(ir.ArrayType(WORD, MAILBOX_WORDS))
    missing.align = 8 * MAILBOX_WORDS  # a cache line that workers write to
    missing = builder.bitcast(missing, _WORDS)
    index, team, chain = (_variable(builder, start) for start in (0, 1, 0))

    # Claim.
    with _while(builder, lambda: builder.and_(_less(builder, index, size), _less(builder, team, threads))):
        number = builder.load(index)
        mailbox = builder.add(mailboxes, builder.mul(number, WORD(8 * MAILBOX_WORDS)))
        state = builder.load_atomic(_word(builder, mailbox, STATE), "monotonic", 8)
        is_there = builder.or_(_equal(builder, state, FREE), _equal(builder, state, PARKED))
        with builder.if_then(is_there), builder.if_then(_exchange(builder, mailbox, state, CLAIMED)):
            thread = builder.load(team)
            for which, value in ((THREAD, thread), (FOUND, state), (NEXT, builder.load(chain))):
                builder.store(value, _word(builder, mailbox, which))
            builder.store(mailbox, chain)
            builder.store(builder.add(thread, WORD(1)), team)
        builder.store(builder.add(number, WORD(1)), index)

    # Post. A mailbox may be another run's as soon as it is posted, so what is needed of it is read before.
    count = builder.load(team)
    builder.store(builder.sub(count, WORD(1)), missing)
    words = (FUNCTION, function), (ARGUMENTS, arguments), (THREADS, count), (MISSING, builder.ptrtoint(missing, WORD))
    with _while(builder, lambda: builder.not_(_equal(builder, builder.load(chain), 0))):
        mailbox = builder.load(chain)
        found, lock, following = (builder.load(_word(builder, mailbox, which)) for which in (FOUND, LOCK, NEXT))
        builder.store(following, chain)
        for which, value in words:
            builder.store(value, _word(builder, mailbox, which))
        builder.store_atomic(WORD(POSTED), _word(builder, mailbox, STATE), "release", 8)
        with builder.if_then(_equal(builder, found, PARKED)):
            builder.call(declare(module, "PyThread_release_lock", _VOID, POINTER), [_pointer(builder, lock)])

    _call(builder, function, arguments, WORD(0), count)
    emit_wait(builder, lambda: _equal(builder, builder.load_atomic(missing, "acquire", 8), 0))
    builder.ret(count)


def _emit_serve(module: ir.Module) -> None:
    """`void serve(mailbox, loops)`: a worker's life, which ends with the process. It begins parked."""
    builder, (mailbox, loops) = _function(module, "serve", _VOID, 2)
    tries = _variable(builder, 0)
    parked, awake, full, empty, tired = (
        builder.append_basic_block(name) for name in ("parked", "awake", "full", "empty", "tired")
    )
    builder.branch(parked)

    builder.position_at_end(parked)
    lock = _pointer(builder, builder.load(_word(builder, mailbox, LOCK)))
    builder.call(declare(module, "PyThread_acquire_lock", _INT, POINTER, _INT), [lock, _INT(1)])
    builder.branch(awake)

    builder.position_at_end(awake)
    state = builder.load_atomic(_word(builder, mailbox, STATE), "acquire", 8)
    builder.cbranch(_equal(builder, state, POSTED), full, empty)

    builder.position_at_end(full)
    function, arguments, thread, threads, missing = (
        builder.load(_word(builder, mailbox, which)) for which in (FUNCTION, ARGUMENTS, THREAD, THREADS, MISSING)
    )
    _call(builder, function, arguments, thread, threads)
    builder.store(WORD(0), tries)
    # First free, then counted down: a run that follows at once finds the worker free.
    builder.store_atomic(WORD(FREE), _word(builder, mailbox, STATE), "release", 8)
    builder.atomic_rmw("sub", _word(builder, missing, 0), WORD(1), "release")
    builder.branch(awake)

    builder.position_at_end(empty)
    _rest(builder, tries)
    builder.cbranch(_less(builder, tries, loops), awake, tired)

    builder.position_at_end(tired)
    builder.store(WORD(0), tries)
    builder.cbranch(_exchange(builder, mailbox, WORD(FREE), PARKED), parked, awake)


def _emit_open(module: ir.Module) -> None:
    """`void open(mailbox)`: let runs claim the worker."""
    builder, (mailbox,) = _function(module, "open", _VOID, 1)
    builder.store_atomic(WORD(PARKED), _word(builder, mailbox, STATE), "release", 8)
    builder.ret_void()


def _emit_rest(module: ir.Module) -> None:
    """`void rest(count)`: what a worker does while it waits, to measure how long that takes."""
    builder, (count,) = _function(module, "rest", _VOID, 1)
    tries = _variable(builder, 0)
    with _while(builder, lambda: _less(builder, tries, count)):
        _rest(builder, tries)
    builder.ret_void()


def _rest(builder: ir.IRBuilder, tries: Any) -> None:
    """Pause, and count that; now and then let other threads run. One of them may be the caller, put on this worker's
    processor, whose next run the worker is waiting for."""
    count = builder.add(builder.load(tries), WORD(1))
    builder.store(count, tries)
    emit_pause(builder)
    with builder.if_then(_equal(builder, builder.urem(count, WORD(_PAUSES)), 0)):
        emit_yield(builder)


# --- Words ------------------------------------------------------------------------------------------------------------


def _function(module: ir.Module, name: str, result: ir.Type, count: int) -> tuple[ir.IRBuilder, tuple[Any, ...]]:
    function = ir.Function(module, ir.FunctionType(result, [WORD] * count), name)
    return ir.IRBuilder(function.append_basic_block()), function.args


def _variable(builder: ir.IRBuilder, start: int) -> Any:
    """A word on the stack, which LLVM turns into a register."""
    variable = builder.alloca(WORD)
    builder.store(WORD(start), variable)
    return variable


def _pointer(builder: ir.IRBuilder, address: Any) -> Any:
    return builder.inttoptr(address, POINTER)


def _word(builder: ir.IRBuilder, address: Any, which: int) -> Any:
    """The pointer to a word of a mailbox."""
    return builder.inttoptr(builder.add(address, WORD(8 * which)), _WORDS)


def _equal(builder: ir.IRBuilder, value: Any, number: int) -> Any:
    return builder.icmp_unsigned("==", value, WORD(number))


def _less(builder: ir.IRBuilder, variable: Any, bound: Any) -> Any:
    # Signed: a run for less than one thread is one for one thread.
    return builder.icmp_signed("<", builder.load(variable), bound)


def _exchange(builder: ir.IRBuilder, mailbox: Any, expected: Any, state: int) -> Any:
    """Change the state of a mailbox if it is the expected one, and whether it was."""
    pair = builder.cmpxchg(_word(builder, mailbox, STATE), expected, WORD(state), "acq_rel", "monotonic")
    return builder.extract_value(pair, 1)


def _call(builder: ir.IRBuilder, function: Any, arguments: Any, thread: Any, threads: Any) -> None:
    callee = builder.inttoptr(function, _CALLED.as_pointer())
    builder.call(callee, [_pointer(builder, arguments), thread, threads])


@contextmanager
def _while(builder: ir.IRBuilder, condition: Callable[[], Any]) -> Iterator[None]:
    """A loop around what is emitted inside."""
    test, body, end = (builder.append_basic_block(f"while.{name}") for name in ("test", "body", "end"))
    builder.branch(test)
    builder.position_at_end(test)
    builder.cbranch(condition(), body, end)
    builder.position_at_end(body)
    yield
    builder.branch(test)
    builder.position_at_end(end)
