"""The engine among threads, forks and processes, and the memory it keeps."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from chainrule.native.cache import ObjectCache
from chainrule.native.engine import compile_ir
from tests.native.engine_sources import HOOKED, run, scale
from tests.native.forking import forks, in_child

pytestmark = pytest.mark.usefixtures("no_cache")


# --- Memory -----------------------------------------------------------------------------------------------------------


def test_a_call_allocates_nothing_that_stays() -> None:
    function = compile_ir("define void @f(ptr %p) {\n ret void\n}\n").function("f")
    before = sys.getallocatedblocks()
    for _ in range(10_000):
        function(4096)
    assert sys.getallocatedblocks() - before < 100


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads the memory that Linux tells")
def test_what_was_compiled_and_dropped_leaves_nothing() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def compile_some() -> None:
        for factor in range(100):
            compile_ir(scale(factor))

    compile_some()
    growth = []
    for _ in range(4):  # a leak is in every round, what other tests leave behind is not
        before = resident()
        compile_some()
        growth.append((resident() - before) / 100)
    assert min(growth) < 20_000  # a session keeps 10 KiB of each library until it is freed


# --- Processes --------------------------------------------------------------------------------------------------------

SECOND = """
import ctypes, json, sys
from chainrule import native
assert "llvmlite" not in sys.modules, "importing native must be cheap"
native.host._STAMP = ""  # which other work in the checkout may change between the two processes
padding = [ctypes.create_string_buffer(int(sys.argv[3])) for _ in range(100)]  # so that addresses differ
block = (ctypes.c_double * 1000)(float(sys.argv[2]))
hook = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda p: block.__setitem__(1, block[1] + float(sys.argv[3])))
symbols = {"hook": ctypes.cast(hook, ctypes.c_void_p).value, "table": ctypes.addressof(block) + 800}
block[100] = 7.0
compiled = native.compile_ir(sys.argv[1], symbols=symbols)
compiled.function("scale")(ctypes.addressof(block))
print(json.dumps([native.counts.compiled, native.counts.loaded, block[0].hex(), block[1], block[2]]))
"""
WITH_SYMBOLS = (
    scale(1 / 3).replace(
        "  ret void",
        "  %t = load double, ptr @table\n  %at = getelementptr double, ptr %block, i64 2\n  store double %t, ptr %at\n"
        "  call void @hook(ptr %block)\n  ret void",
    )
    + "declare void @hook(ptr)\n@table = external global double\n"
)


def test_a_second_process_compiles_nothing_and_has_its_own_symbols(tmp_path: Path) -> None:
    environment = {**os.environ, "CHAINRULE_CACHE": str(tmp_path / "cache")}
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, "-W", "error", "-c", SECOND, WITH_SYMBOLS, "0.7", mark],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for mark in ("1", "50000")
    ]
    assert told == [[1, 0, told[0][2], 1.0, 7.0], [0, 1, told[0][2], 50000.0, 7.0]]
    assert float.fromhex(told[0][2]) == 0.7 * float(f"{1 / 3:e}")


# --- Threads and forks ------------------------------------------------------------------------------------------------


def test_eight_threads_compile_at_once(store: ObjectCache) -> None:
    results: dict[tuple[int, int], float] = {}
    start = threading.Barrier(8)

    def work(me: int) -> None:
        start.wait()
        for i in range(12):
            # some modules are everybody's, some one thread's own
            factor = i if i % 2 else 100 * me + i
            results[me, i] = run(compile_ir(scale(factor), cache=store if i % 3 else None), 1.0) - factor

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 96
    assert set(results.values()) == {0.0}


SUM = """
define void @f(ptr %block, i64 %n) {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%j, %loop]
  %x = load double, ptr %block
  %y = fadd double %x, 1.0
  store volatile double %y, ptr %block
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %end
end:
  ret void
}
"""


def test_eight_threads_call_one_function_at_once() -> None:
    function = compile_ir(SUM).function("f", arguments=2)
    blocks, start = np.zeros((8, 64)), threading.Barrier(8)

    def work(me: int) -> None:
        start.wait()
        for _ in range(200):
            function(blocks[me].ctypes.data, 500)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (blocks[:, 0] == 100_000).all()
    assert not blocks[:, 1:].any()


def test_threads_meet_inside_one_function() -> None:
    """All are inside it at the same time, as threads that meet at a barrier must be."""
    meeting = threading.Barrier(4, timeout=300)
    hook = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: meeting.wait() >= 0)
    address = ctypes.cast(hook, ctypes.c_void_p).value
    assert address is not None
    function = compile_ir(HOOKED, symbols={"hook": address}).function("f", ctypes.c_int32, arguments=0)
    results = []
    threads = [threading.Thread(target=lambda: results.append(function())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1] * 4


@forks
def test_a_forked_child_runs_what_it_inherits_and_compiles() -> None:
    inherited = compile_ir(scale(2))
    assert in_child(lambda: run(inherited, 3.0) == 6.0 and run(compile_ir(scale(7)), 1.0) == 7.0)
    assert run(compile_ir(scale(8)), 1.0) == 8.0


@forks
def test_a_child_forked_while_threads_compile_is_not_stuck() -> None:
    done = threading.Event()

    def compile_on(me: int) -> None:
        factor = 1000 * me
        while not done.is_set():
            factor += 1
            assert run(compile_ir(scale(factor), level=0), 1.0) == factor

    threads = [threading.Thread(target=compile_on, args=(me,)) for me in range(1, 4)]
    for thread in threads:
        thread.start()
    try:
        for i in range(20):
            assert in_child(lambda i=i: run(compile_ir(scale(i)), 2.0) == 2.0 * i)
    finally:
        done.set()
        for thread in threads:
            thread.join()


@forks
def test_a_fork_waits_for_other_users_of_llvmlite() -> None:
    """Another library's thread is inside LLVM: without the wait, the child would inherit llvmlite's lock, held."""
    import llvmlite.binding.ffi as ffi

    compile_ir(scale(2))
    entered, left = threading.Event(), threading.Event()

    def be_inside() -> None:
        with ffi.lib._lock:
            entered.set()
            time.sleep(0.3)  # a fork that does not wait comes in this time, one that waits may come at any
            left.set()

    thread = threading.Thread(target=be_inside)
    thread.start()
    entered.wait()
    try:
        assert in_child(lambda: left.is_set() and run(compile_ir(scale(3)), 1.0) == 3.0)
    finally:
        thread.join()


@forks
@pytest.mark.parametrize("missing", ["llvmlite", "its lock"])
def test_a_fork_before_llvmlite_is_there_waits_for_nothing(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_ir(scale(2))
    if missing == "llvmlite":
        monkeypatch.delitem(sys.modules, "llvmlite.binding.ffi")
    else:
        monkeypatch.setitem(sys.modules, "llvmlite.binding.ffi", type(sys)("ffi"))
    assert in_child(lambda: run(compile_ir(scale(3)), 1.0) == 3.0)
    assert run(compile_ir(scale(4)), 1.0) == 4.0


def test_a_process_that_compiled_ends_well() -> None:
    script = textwrap.dedent("""
        from chainrule.native import compile_ir
        kept = compile_ir("define void @f(ptr %p) { ret void }", cache=None)
        function = kept.function("f")
        function(4096)
        import threading
        assert threading.active_count() == 1
    """)
    told = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
