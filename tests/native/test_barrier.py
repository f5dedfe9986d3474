"""Barriers and shares: run by teams of threads, with barriers that do not hold as planted faults."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest

from chainrule.native import barrier, compile_ir, ir
from chainrule.native.barrier import WORD, emit_barrier, emit_pause, emit_share, emit_yield
from chainrule.native.host import Machine
from chainrule.native.state import BARRIER_BYTES
from chainrule.native.team import Team

LINE = 128 // 8  # words
WORDS = WORD.as_pointer()
TEAM = Team(8)

pytestmark = pytest.mark.usefixtures("no_cache")


def lines(count: int) -> np.ndarray:
    """So many cache lines of zeros, so aligned."""
    memory = np.zeros((count + 1) * LINE, np.int64)
    return memory[-memory.ctypes.data % (8 * LINE) // 8 :][: count * LINE].reshape(count, LINE)


def function_of(arguments: list[ir.Type]) -> tuple[ir.IRBuilder, ir.Function]:
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), arguments), "f")
    return ir.IRBuilder(function.append_basic_block()), function


# --- The barrier ------------------------------------------------------------------------------------------------------


def count_to(builder: ir.IRBuilder, stop: Any, body: Callable[[Any], None]) -> None:
    """Emit a loop over [0, stop)."""
    index = builder.alloca(WORD)
    builder.store(WORD(0), index)
    test, inside, end = (builder.append_basic_block() for _ in range(3))
    builder.branch(test)
    builder.position_at_end(test)
    builder.cbranch(builder.icmp_signed("<", builder.load(index), stop), inside, end)
    builder.position_at_end(inside)
    body(builder.load(index))
    builder.store(builder.add(builder.load(index), WORD(1)), index)
    builder.branch(test)
    builder.position_at_end(end)


def meetings(emit: Callable[..., None], rounds: int) -> ir.Module:
    """In each round every thread writes the round into its line (after the barrier's), all meet, and every thread
    counts the lines that hold another round, in the second word of its own; then they meet again."""
    builder, function = function_of([WORDS, WORD, WORD])
    memory, thread, threads = function.args

    def word(line: Any, which: int) -> Any:
        place = builder.add(builder.mul(builder.add(line, WORD(1)), WORD(LINE)), WORD(which))
        return builder.gep(memory, [place])

    def one_round(number: Any) -> None:
        builder.store(number, word(thread, 0))
        emit(builder, memory, thread, threads)

        def look(other: Any) -> None:
            differs = builder.icmp_signed("!=", builder.load(word(other, 0)), number)
            errors = word(thread, 1)
            builder.store(builder.add(builder.load(errors), builder.zext(differs, WORD)), errors)

        count_to(builder, threads, look)
        emit(builder, memory, thread, threads)

    count_to(builder, WORD(rounds), one_round)
    builder.ret_void()
    return function.module


def missed(emit: Callable[..., None], threads: int, rounds: int = 3000, memory: np.ndarray | None = None) -> int:
    """How often a thread did not see what another wrote before the barrier, or saw what it wrote after."""
    memory = lines(1 + threads) if memory is None else memory
    memory[1:] = -1
    memory[1:, 1] = 0
    compiled = compile_ir(meetings(emit, rounds))
    assert TEAM.run(compiled.address("f"), memory.ctypes.data, threads) == threads
    return memory[1 : 1 + threads, 1].sum()


def no_barrier(builder: ir.IRBuilder, *_: Any) -> None:
    builder.fence("seq_cst")


@pytest.mark.parametrize("threads", [1, 2, 3, 4, 8])
def test_all_see_what_all_wrote(threads: int) -> None:
    assert missed(emit_barrier, threads) == 0


def test_one_barrier_serves_any_number_of_threads() -> None:
    memory = lines(9)
    for threads in (2, 8, 1, 3, 2, 5):
        assert missed(emit_barrier, threads, 300, memory) == 0


def test_the_generation_may_overflow() -> None:
    memory = lines(3)
    memory[0, 0] = -10 << 32  # ten generations before the last
    assert missed(emit_barrier, 2, 100, memory) == 0
    assert memory[0, 0] == 190 << 32


@pytest.mark.parametrize("threads", [2, 4, 8])
def test_no_barrier_is_found_out(threads: int) -> None:
    assert missed(no_barrier, threads) > 0


def test_a_barrier_that_does_not_wait_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barrier, "emit_wait", lambda builder, is_over: None)
    assert missed(emit_barrier, 4) > 0


def test_one_thread_never_touches_the_barrier() -> None:
    memory = lines(2)
    memory[0] = 77
    assert missed(emit_barrier, 1, 10, memory) == 0
    assert (memory[0] == 77).all()


def test_the_barriers_bytes_are_all_it_writes() -> None:
    memory = lines(3)
    assert memory[0].nbytes == BARRIER_BYTES
    assert missed(emit_barrier, 2, 5, memory) == 0
    assert (memory[:, 2:] == np.array([0, -1, -1])[:, None]).all()


# --- Hints to the processor and the system ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("triple", "called"),
    [
        ("x86_64-unknown-linux-gnu", "@llvm.x86.sse2.pause()"),
        ("x86_64-pc-windows-msvc", "@llvm.x86.sse2.pause()"),
        ("arm64-apple-darwin24.1.0", "@llvm.aarch64.isb(i32 15)"),
        ("aarch64-unknown-linux-gnu", "@llvm.aarch64.isb(i32 15)"),
        ("riscv64-unknown-linux-gnu", None),
    ],
)
def test_the_pause_is_the_processors(triple: str, called: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barrier, "host_machine", lambda: Machine(triple, "", ""))
    builder, function = function_of([])
    emit_pause(builder)
    emit_pause(builder)
    text = str(function.module).replace('"', "")
    assert text.count("call ") == (2 if called else 0)
    assert called is None or called in text


@pytest.mark.parametrize(("system", "name"), [("posix", "sched_yield"), ("nt", "SwitchToThread")])
def test_the_yield_is_the_systems(system: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barrier, "os", SimpleNamespace(name=system))
    builder, function = function_of([])
    emit_yield(builder)
    assert name in str(function.module)


@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"])
def test_the_barrier_compiles_for_other_machines(triple: str, monkeypatch: pytest.MonkeyPatch) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    try:
        target = llvm.Target.from_triple(triple).create_target_machine()
    except RuntimeError:
        pytest.skip("this LLVM has no such target")
    monkeypatch.setattr(barrier, "host_machine", lambda: Machine(triple, "", ""))
    with llvm.parse_assembly(str(meetings(emit_barrier, 1))) as module:
        module.triple = triple
        text = target.emit_assembly(module)
    assert ("isb" if "aarch64" in triple else "pause") in text


# --- Shares -----------------------------------------------------------------------------------------------------------


def shares(extent: int, threads: int, grain: int) -> list[tuple[int, int]]:
    """The bounds that the emitted code gives each thread."""
    builder, function = function_of([WORDS, WORD, WORD, WORD])
    where, *operands = function.args
    bounds = emit_share(builder, *operands, grain)
    for i, bound in enumerate(bounds):
        builder.store(bound, builder.gep(where, [WORD(i)]))
    builder.ret_void()
    call = compile_ir(function.module, level=1).function("f", None, 4)
    told = []
    for thread in range(threads):
        block = (ctypes.c_int64 * 2)()
        call(ctypes.addressof(block), extent, thread, threads)
        told.append(tuple(block))
    return told


def complaints(told: list[tuple[int, int]], extent: int, grain: int) -> list[str]:
    """What is wrong with shares."""
    sizes = [-(-(stop - start) // grain) for start, stop in told]
    checks = {
        "begins at 0": told[0][0] == 0,
        "ends at the extent": told[-1][1] == extent,
        "follow one another": all(one[1] == other[0] for one, other in itertools.pairwise(told)),
        "go forward": all(start <= stop for start, stop in told),
        "begin at grains": all(start % grain == 0 or start == extent for start, _ in told),
        "differ by one grain": max(sizes) - min(sizes) <= 1,
    }
    return [name for name, holds in checks.items() if not holds]


@pytest.mark.parametrize("grain", [1, 3, 16, 64])
@pytest.mark.parametrize("threads", [1, 2, 3, 8, 64])
def test_shares_divide_the_extent(threads: int, grain: int) -> None:
    for extent in (0, 1, 2, 15, 16, 17, 63, 64, 1000, 2**40 + 5):
        assert complaints(shares(extent, threads, grain), extent, grain) == []


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ([(1, 4), (4, 9)], "begins at 0"),
        ([(0, 4), (4, 8)], "ends at the extent"),
        ([(0, 4), (6, 9)], "follow one another"),
        ([(0, 6), (6, 4), (4, 9)], "go forward"),
        ([(0, 3), (3, 9)], "begin at grains"),
        ([(0, 8), (8, 9)], "differ by one grain"),
    ],
)
def test_wrong_shares_are_found_out(told: list[tuple[int, int]], complaint: str) -> None:
    assert complaint in complaints(told, 9, 2)
