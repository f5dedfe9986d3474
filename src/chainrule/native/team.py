"""A team of threads that run one native function all at once.

`shared_team().run(address, arguments, threads)` calls `void function(ptr arguments, i64 thread, i64 threads)` in the
calling thread as number 0 and in parked workers as the others, and returns when all have returned. Workers are hired at
the first need and belong to nobody: a run claims those that are free, so several threads of Python may run at once,
and each gets what is left, at worst itself alone. What a function computes must not depend on how many run it.

A run is one native call without the interpreter's lock: claiming, waking, working and waiting for the others happen in
compiled code, so no exception or signal of Python's comes between a worker and the memory that it works on. A worker
waits for its next run in a loop for some 50 µs, then it parks on one of the interpreter's locks, and costs nothing. On
a 2-core Xeon a run takes 0.7 µs for one thread, 1.0 for two, and 10 to 50 where the second must be woken.

- **Fork**: the child has no workers and hires its own; what the parent's were doing does not concern it. A fork by the
  function itself, in a callback, is not served: the child's copy of the run would wait for threads it does not have.
- **Exit**: workers are daemons that never come back to Python, so there is nothing to wait for and nothing to stop.
  Their code and their memory are never freed.
- **Threads that cannot be had**, for a limit of the system's: the run goes on with fewer. A sub-interpreter, which must
  not end before its threads, hires none.
- **threadpoolctl** finds libraries by file name. We have no library, but LLVM's can be loaded whenever we run, so a
  controller named `chainrule` is registered for that file at the first run that finds threadpoolctl imported. From then
  on `threadpool_info()` shows the limit and `threadpool_limits(2)` or `threadpool_limits({"chainrule": 2})` sets it,
  for the process. Import threadpoolctl before the first run: limits that were entered earlier do not reach us.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

from chainrule.errors import NativeError
from chainrule.native.engine import compile_ir
from chainrule.native.host import thread_count

# More workers than this are not hired. Their mailboxes take 128 bytes each, of which only those hired are touched.
CAPACITY = 255
MAILBOX_BYTES, LOCK_OFFSET = 128, 48  # as team_code has them in words
_LONGEST_LOOP = 50e-6  # seconds that a worker waits in a loop


class Team:
    """Threads that wait for work. A process needs one team, which `shared_team` returns.

    `limit` bounds the threads of a run, the caller's included: by default `thread_count()`, asked at the first run.
    Set it at any time; to None for the default.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._crew: _Crew | None = None
        _teams.add(self)

    @property
    def limit(self) -> int:
        """How many threads a run may have."""
        if self._limit is None:
            self._limit = thread_count()
        return self._limit

    @limit.setter
    def limit(self, threads: int | None) -> None:
        self._limit = threads

    def run(self, address: int, arguments: int, threads: int) -> int:
        """Call the function at `address` with the address `arguments` in up to `threads` threads; how many they were.

        They are fewer where the limit is lower, or where workers are busy with another run; at least the caller's.
        """
        threads = min(threads, self.limit)
        crew = self._crew
        if crew is None:
            crew = self._crew = _Crew()
        if crew.size < threads - 1:
            crew.hire(threads - 1)
        if not _registered and "threadpoolctl" in sys.modules:
            _register()
        return crew.lead(crew.mailboxes, crew.size, address, arguments, threads)

    def forget_workers(self) -> None:
        """Begin anew without workers: in the child of a fork, which has none of its parent's threads."""
        self._crew = None


_teams: weakref.WeakSet[Team] = weakref.WeakSet()
_shared = Team()


def shared_team() -> Team:
    """The team of this process.

    >>> shared_team().limit >= 1
    True
    """
    return _shared


def prepare() -> None:
    """Begin to make the code of teams, in a thread of its own, while another program is still in the making."""
    global _preparing

    def work() -> None:
        with suppress(NativeError):  # which the first run raises
            _code()

    if _preparing is None:
        _preparing = threading.Thread(target=work, name="chainrule-compiler")
        with suppress(RuntimeError):  # no thread can be had: then the first run makes the code
            _preparing.start()


_preparing: threading.Thread | None = None


class _Crew:
    """The workers of one process: their mailboxes, in one block of memory that is never freed."""

    def __init__(self) -> None:
        if _preparing is not None and _preparing.is_alive():
            _preparing.join()
        code = _code()
        self.lead, self._serve, self._open, self._loops = code.lead, code.serve, code.open, code.loops
        memory = ctypes.create_string_buffer((CAPACITY + 1) * MAILBOX_BYTES)
        self.mailboxes = -(-ctypes.addressof(memory) // MAILBOX_BYTES) * MAILBOX_BYTES
        self.size = 0
        self._full = not _is_main_interpreter()
        self._hiring = threading.Lock()
        _keep_for_ever(memory)

    def hire(self, wanted: int) -> None:
        """Hire until there are as many workers, as far as they can be had. While another thread hires, that is left to
        it; a lock that is waited for would also be one that a signal handler cannot pass."""
        if not self._hiring.acquire(blocking=False):
            return
        try:
            while self.size < min(wanted, CAPACITY) and not self._full:
                self._hire_one()
        finally:
            self._hiring.release()

    def _hire_one(self) -> None:
        # A mailbox has one worker ever, and is open to runs when its thread is there: an interrupt in between, or a
        # thread that cannot be had, leaves a mailbox that runs pass by.
        mailbox = self.mailboxes + self.size * MAILBOX_BYTES
        self.size += 1
        ctypes.c_void_p.from_address(mailbox + LOCK_OFFSET).value = _locked_lock()
        worker = threading.Thread(
            target=self._serve, args=(mailbox, self._loops), name=f"chainrule-{self.size}", daemon=True
        )
        try:
            worker.start()
        except RuntimeError:
            self._full = True
        else:
            self._open(mailbox)


class _Code(NamedTuple):
    """The functions of `team_code`, and how many rests a worker takes before it parks."""

    lead: Callable[..., int]
    serve: Callable[[int, int], None]
    open: Callable[[int], None]
    loops: int


@cache
def _code() -> _Code:
    from chainrule.native.team_code import team_module

    names = ("PyThread_acquire_lock", "PyThread_release_lock")
    symbols = {name: ctypes.cast(ctypes.pythonapi[name], ctypes.c_void_p).value or 0 for name in names}
    # The cache's keys change with our sources and with the machine, and nothing else is in this code.
    compiled = compile_ir(team_module, identity="team", symbols=symbols)
    _keep_for_ever(compiled)
    rest = compiled.function("rest", None, 1)
    shortest = min(_seconds(rest, 1000) for _ in range(3))
    return _Code(
        compiled.function("lead", ctypes.c_int64, 5),
        compiled.function("serve", None, 2),
        compiled.function("open", None, 1),
        max(1, round(1000 * _LONGEST_LOOP / shortest)),
    )


def _seconds(function: Callable[[int], None], count: int) -> float:
    start = time.perf_counter()
    function(count)
    return time.perf_counter() - start


def _locked_lock() -> int:
    """A lock of the interpreter's, taken: native code parks on it. It is never freed."""
    # By index ctypes makes new functions, of which nobody else sees the types.
    allocate, acquire = ctypes.pythonapi["PyThread_allocate_lock"], ctypes.pythonapi["PyThread_acquire_lock"]
    allocate.restype, acquire.argtypes = ctypes.c_void_p, (ctypes.c_void_p, ctypes.c_int)
    lock = allocate()
    acquire(lock, 1)
    return lock


def _is_main_interpreter() -> bool:
    get, main = ctypes.pythonapi["PyInterpreterState_Get"], ctypes.pythonapi["PyInterpreterState_Main"]
    get.restype = main.restype = ctypes.c_void_p
    return get() == main()


def _keep_for_ever(what: object) -> None:
    """Never free an object: a worker may use it until the process ends, also while the interpreter clears up."""
    ctypes.pythonapi["Py_IncRef"](ctypes.py_object(what))


# --- threadpoolctl ----------------------------------------------------------------------------------------------------

_registered = False


def _register() -> None:
    """Let threadpoolctl see and set the limit of the shared team. Releases before 3.2 take no controllers."""
    global _registered
    _registered = True
    threadpoolctl: Any = sys.modules["threadpoolctl"]
    if not hasattr(threadpoolctl, "register"):
        return
    import_module("llvmlite.binding")  # the library that we are found by; code from the cache does not need it

    class ChainruleController(threadpoolctl.LibController):
        """The threads of chainrule, found by the library of LLVM that it compiles with."""

        user_api = internal_api = "chainrule"
        filename_prefixes = ("libllvmlite", "llvmlite")

        def get_num_threads(self) -> int:
            return _shared.limit

        def set_num_threads(self, num_threads: int) -> None:
            _shared.limit = num_threads

        def get_version(self) -> str:
            return sys.modules["chainrule"].__version__

    threadpoolctl.register(ChainruleController)


def _forget_workers() -> None:
    global _preparing
    _preparing = None
    for team in _teams:
        team.forget_workers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
