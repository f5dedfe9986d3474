"""The team of threads: who is called, and what interrupts, forks, exits and other threads do to a run."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chainrule.native import compile_ir, team, team_code
from chainrule.native.team import Team, shared_team
from tests.native.forking import forks, in_child

# Each thread adds 1 to its word, from the second on, and thread 0 writes the number of threads into the first. Before
# that it writes -1, and all wait while the last word is 1, where the test wants that.
PROGRAM = """
declare i32 @sched_yield()
define void @f(ptr %memory, i64 %thread, i64 %threads) {
start:
  %gate = getelementptr i64, ptr %memory, i64 31
  %first = icmp eq i64 %thread, 0
  br i1 %first, label %begin, label %wait
begin:
  store atomic i64 -1, ptr %memory seq_cst, align 8
  br label %wait
wait:
  %closed = load atomic i64, ptr %gate acquire, align 8
  %stop = icmp eq i64 %closed, 1
  br i1 %stop, label %again, label %go
again:
  %ignored = call i32 @sched_yield()
  br label %wait
go:
  %next = add i64 %thread, 1
  %mine = getelementptr i64, ptr %memory, i64 %next
  %before = load i64, ptr %mine
  %after = add i64 %before, 1
  store i64 %after, ptr %mine
  br i1 %first, label %tell, label %end
tell:
  store i64 %threads, ptr %memory
  br label %end
end:
  ret void
}
""".replace("sched_yield", "SwitchToThread" if os.name == "nt" else "sched_yield")
COMPILED = compile_ir(PROGRAM, cache=None)
ADDRESS = COMPILED.address("f")
TEAM = Team(8)
signals = pytest.mark.skipif(os.name == "nt", reason="sends itself a signal")

pytestmark = pytest.mark.usefixtures("no_cache")


class Memory:
    """What the program works on."""

    def __init__(self, closed: bool = False) -> None:
        self.words = (ctypes.c_int64 * 32)()
        self.words[31] = closed
        self.address = ctypes.addressof(self.words)

    def open(self) -> None:
        self.words[31] = 0

    def complaint(self, threads: int) -> str | None:
        """What is wrong after one run of so many threads."""
        told, *calls = self.words[:31]
        if told != threads:
            return f"told of {told} threads, not {threads}"
        wrong = [i for i, called in enumerate(calls) if called != (i < threads)]
        return f"threads {wrong} were not called once" if wrong else None


def fault(team: Team, threads: int, at_least: int | None = None) -> str | None:
    """What is wrong with a run for so many threads, of which it must get so many."""
    memory = Memory()
    told = team.run(ADDRESS, memory.address, threads)
    if not (threads if at_least is None else at_least) <= told <= threads:
        return f"got {told} threads"
    return memory.complaint(told)


# --- Who is called ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_each_thread_is_called_once(threads: int) -> None:
    assert [fault(TEAM, threads) for _ in range(300)] == [None] * 300


def test_less_than_one_thread_is_the_caller_alone() -> None:
    for asked in (0, -3):
        memory = Memory()
        assert TEAM.run(ADDRESS, memory.address, asked) == 1
        assert memory.complaint(1) is None


@pytest.mark.parametrize(
    "words", [[2, 1, 0], [2, 1, 2], [2, 1, 1, 1], [3, 1, 1, 1], [0, 1, 1]], ids=["lost", "twice", "more", "told", "no"]
)
def test_wrong_calls_are_found_out(words: list[int]) -> None:
    memory = Memory()
    memory.words[: len(words)] = words
    assert memory.complaint(2) is not None


def test_the_limit_bounds_a_run() -> None:
    team = Team(3)
    memory = Memory()
    assert team.run(ADDRESS, memory.address, 8) == 3
    assert memory.complaint(3) is None
    team.limit = 1
    assert team.run(ADDRESS, memory.address, 8) == 1
    team.limit = 5
    assert fault(team, 5) is None


def test_the_limit_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "5")
    team = Team()
    assert team.limit == 5
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "6")
    assert team.limit == 5  # asked once: it costs as much as a hundred runs
    team.limit = None
    assert team.limit == 6


def crew_of(team: Team) -> Any:
    assert team._crew is not None
    return team._crew


def states(team: Team) -> list[int]:
    crew = crew_of(team)
    places = (crew.mailboxes + i * team_code.MAILBOX_WORDS * 8 for i in range(crew.size))
    return [ctypes.c_int64.from_address(place).value for place in places]


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_mailboxes_are_as_the_code_has_them() -> None:
    assert team.MAILBOX_BYTES == 8 * team_code.MAILBOX_WORDS
    assert team.LOCK_OFFSET == 8 * team_code.LOCK


def test_workers_park_and_are_woken() -> None:
    for threads in (4, 2, 8, 4):
        assert fault(TEAM, threads) is None
        wait_until(lambda: set(states(TEAM)) == {team_code.PARKED})


def test_no_more_workers_than_mailboxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "CAPACITY", 2)
    small = Team(8)
    assert [fault(small, 8, at_least=3) for _ in range(20)] == [None] * 20
    assert crew_of(small).size == 2


@contextmanager
def closed_run(team: Team, threads: int) -> Iterator[Memory]:
    """A run by another thread, which goes on while this is open."""
    memory = Memory(closed=True)
    told: list[int] = []
    thread = threading.Thread(target=lambda: told.append(team.run(ADDRESS, memory.address, threads)))
    thread.start()
    try:
        wait_until(lambda: team._crew is not None and states(team).count(team_code.POSTED) == threads - 1)
        yield memory
        assert told == []
    finally:
        memory.open()
        thread.join()
    assert told == [threads]
    assert memory.complaint(threads) is None


def test_a_run_gets_the_workers_that_are_free() -> None:
    team = Team(4)
    assert fault(team, 4) is None
    with closed_run(team, 3):
        memory = Memory()
        assert team.run(ADDRESS, memory.address, 4) == 2
        assert memory.complaint(2) is None
    with closed_run(team, 4):
        assert fault(team, 4, at_least=1) is None
    assert fault(team, 4) is None


def test_a_worker_whose_run_goes_on_parks() -> None:
    team = Team(2)
    memories = Memory(closed=True), Memory()

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    def slow_lead(_arguments: int, thread: int, _threads: int) -> None:
        if thread == 0:
            wait_until(lambda: states(team) == [team_code.PARKED])
            told.append(team.run(ADDRESS, memories[1].address, 2))  # a run inside a run finds it

    told: list[int] = []
    assert team.run(ctypes.cast(slow_lead, ctypes.c_void_p).value or 0, 0, 2) == 2
    assert told == [2]
    assert memories[1].complaint(2) is None


def test_eight_threads_run_at_once() -> None:
    team, faults, start = Team(4), [], threading.Barrier(8)

    def work() -> None:
        start.wait()
        faults.extend(fault(team, 4, at_least=1) for _ in range(500))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == [None] * 4000
    assert crew_of(team).size == 3


@forks
@pytest.mark.parametrize("planted", [False, True])
def test_a_run_that_does_not_wait_for_its_workers_is_found_out(planted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_code", team._code.__wrapped__)  # compiled anew
    if planted:
        monkeypatch.setattr(team_code, "emit_wait", lambda builder, is_over: None)
    # Workers may be done in time by chance, though not again and again.
    assert in_child(lambda: all(fault(Team(8), 8) is None for _ in range(20))) != planted


# --- Threads that cannot be had ---------------------------------------------------------------------------------------


def test_a_run_goes_on_without_threads_that_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    team, start, asked = Team(8), threading.Thread.start, []

    def refuse(thread: threading.Thread) -> None:
        asked.append(thread)
        if len(asked) > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert [fault(team, 8, at_least=3) for _ in range(20)] == [None] * 20
    assert len(asked) == 3
    assert fault(team, 3) is None


def test_a_sub_interpreter_hires_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_is_main_interpreter", lambda: False)
    small = Team(4)
    memory = Memory()
    assert small.run(ADDRESS, memory.address, 4) == 1
    assert crew_of(small).size == 0
    assert memory.complaint(1) is None


def test_an_interrupt_while_a_worker_is_hired(monkeypatch: pytest.MonkeyPatch) -> None:
    team, start = Team(4), threading.Thread.start

    def interrupt(thread: threading.Thread) -> None:
        start(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", interrupt)
        with pytest.raises(KeyboardInterrupt):
            team.run(ADDRESS, Memory().address, 2)
    assert [fault(team, 4, at_least=3) for _ in range(20)] == [None] * 20


def test_a_run_does_not_wait_for_one_that_hires() -> None:
    team = Team(2)
    assert fault(team, 1) is None
    with crew_of(team)._hiring:
        assert fault(team, 2, at_least=1) is None
    assert fault(team, 2) is None


# --- Interrupts -------------------------------------------------------------------------------------------------------


@signals
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_an_interrupt_waits_for_the_workers(threads: int) -> None:
    memory = Memory(closed=True)
    assert fault(TEAM, threads) is None

    def interrupt() -> None:
        wait_until(lambda: memory.words[0] == -1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        seen.append(sum(memory.words[1:31]))
        memory.open()

    seen: list[int] = []
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        TEAM.run(ADDRESS, memory.address, threads)
    assert memory.complaint(threads) is None
    thread.join()
    assert seen == [0]
    assert fault(TEAM, threads) is None


# --- Forks ------------------------------------------------------------------------------------------------------------


def has_own_workers(team: Team) -> bool:
    return team._crew is None and fault(team, 4) is None and crew_of(team).size == 3


@forks
def test_a_hundred_children_hire_their_own() -> None:
    team, done, faults = Team(4), threading.Event(), []
    assert fault(team, 4) is None

    def run_on() -> None:
        while not done.is_set():
            faults.append(fault(team, 3, at_least=1))

    threads = [threading.Thread(target=run_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert [in_child(lambda: has_own_workers(team)) for _ in range(100)] == [True] * 100
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(faults) == {None}
    assert fault(team, 4) is None


@forks
def test_a_child_forked_in_the_middle_of_a_run_is_not_stuck() -> None:
    team = Team(4)
    with closed_run(team, 4), crew_of(team)._hiring:
        assert in_child(lambda: has_own_workers(team))
        assert in_child(lambda: in_child(lambda: has_own_workers(team)) and has_own_workers(team))


@forks
def test_a_child_that_keeps_its_parents_workers_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Team, "forget_workers", lambda self: None)
    team = Team(2)
    assert fault(team, 2) is None
    assert not in_child(lambda: has_own_workers(team), seconds=1)
    assert not in_child(lambda: fault(team, 2) is None, seconds=1)  # hangs, until the alarm


def test_all_teams_forget_their_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    teams = {Team(2), Team(3)}
    for one in teams:
        assert fault(one, 2) is None
    monkeypatch.setattr(team, "_teams", teams)
    team._forget_workers()
    assert [one._crew for one in teams] == [None, None]
    assert [fault(one, 2) for one in teams] == [None, None]


# --- The end of the interpreter ---------------------------------------------------------------------------------------

LAST_RUN = """
import sys, threading, time
from chainrule.native import compile_ir
from chainrule.native.team import Team
compiled, team, memory = compile_ir(sys.argv[1]), Team(4), bytearray(256)
import ctypes
address, place = compiled.address("f"), ctypes.addressof(ctypes.c_char.from_buffer(memory))
def run():
    return team.run(address, place, 4)
def run_on():
    while True:
        run()
assert run() == 4
"""
ENDS = {
    "at once": "",
    "parked": "time.sleep(0.1)",
    "by sys.exit": "sys.exit(0)",
    "in the middle of a daemon's runs": "threading.Thread(target=run_on, daemon=True).start(); time.sleep(0.02)",
    "in a handler": "import atexit; atexit.register(run)",
}


@pytest.mark.parametrize("end", ENDS)
def test_workers_do_not_hold_the_interpreter_up(end: str) -> None:
    command = [sys.executable, "-W", "error", "-X", "faulthandler", "-c", LAST_RUN + ENDS[end], PROGRAM]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


SUB_INTERPRETER = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
inner = interpreters.create(*["legacy"] * (sys.version_info >= (3, 13)))
interpreters.run_string(inner, f"import sys, warnings; warnings.simplefilter('ignore'); sys.argv = {sys.argv!r}")
interpreters.run_string(inner, sys.argv[2])
interpreters.destroy(inner)
"""


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="of a module of Python's own that changes")
def test_a_sub_interpreter_ends_well() -> None:
    inside = LAST_RUN.replace("assert run() == 4", "print(run())")
    command = [sys.executable, "-c", SUB_INTERPRETER, PROGRAM, inside]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


# --- threadpoolctl ----------------------------------------------------------------------------------------------------


@pytest.fixture
def unregistered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(team, "_registered", False)
    monkeypatch.setattr(team, "_shared", Team(7))


@pytest.mark.usefixtures("unregistered")
def test_threadpoolctl_gets_a_controller_once(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[type] = []
    module = SimpleNamespace(LibController=object, register=registered.append)
    monkeypatch.setitem(sys.modules, "threadpoolctl", module)
    for _ in range(2):
        assert fault(shared_team(), 2) is None
    (controller,) = (kind() for kind in registered)
    assert (controller.user_api, controller.internal_api) == ("chainrule", "chainrule")
    assert controller.get_num_threads() == 7
    controller.set_num_threads(3)
    assert shared_team().limit == 3
    assert controller.get_version() == sys.modules["chainrule"].__version__


@pytest.mark.usefixtures("unregistered")
def test_a_threadpoolctl_without_registration_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", SimpleNamespace(LibController=object))
    assert fault(shared_team(), 2) is None
    assert team._registered


@pytest.mark.usefixtures("unregistered")
def test_threadpoolctl_shows_and_sets_the_limit() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def seen() -> list[int]:
        return [pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "chainrule"]

    assert fault(shared_team(), 4) is None
    assert 7 in seen()
    for limits in (2, {"chainrule": 2}):
        with threadpoolctl.threadpool_limits(limits):
            assert 2 in seen()
            memory = Memory()
            assert shared_team().run(ADDRESS, memory.address, 4) == 2
    assert fault(shared_team(), 4) is None
