"""Work in other threads: what it gives, what it raises, and that Ctrl-C does not wait for it."""

import os
import signal
import sys
import threading
import time

import pytest

from chainrule.native import aside as module
from chainrule.native.aside import aside, together
from chainrule.source import user_location


def test_the_result_and_what_is_raised():
    lock = threading.RLock()
    assert aside(lock, threading.current_thread) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        aside(lock, lambda: 1 // 0)
    assert lock.acquire(blocking=False)


def test_another_thread_than_the_main_one_works_itself():
    found = []
    thread = threading.Thread(target=lambda: found.append(aside(threading.RLock(), threading.current_thread)))
    thread.start()
    thread.join()
    assert found == [thread]


def test_a_signal_ends_the_wait_and_not_the_work():
    release, over, lock = threading.Event(), [], threading.RLock()

    def work():
        signal.raise_signal(signal.SIGINT)  # which the main thread hears
        release.wait()
        over.append(True)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            aside(lock, work)
    finally:
        signal.signal(signal.SIGINT, before)
    assert not over
    assert not lock.acquire(blocking=False)  # a fork waits for what is still at work
    release.set()
    with lock:
        assert over


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX systems fork")
@pytest.mark.skipif(sys.platform == "darwin", reason="Python gives a fork beside threads up there")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_in_the_child_of_a_fork_that_a_signal_made_the_work_is_done():
    lock, children = threading.RLock(), []

    def fork(number, frame):
        with lock:
            children.append(os.fork())

    def work():
        if os.getpid() == parent and not children:
            signal.raise_signal(signal.SIGUSR1)
        return os.getpid()

    parent, before = os.getpid(), signal.signal(signal.SIGUSR1, fork)
    try:
        found = aside(lock, work)
        if os.getpid() != parent:
            os._exit(0 if found in (parent, os.getpid()) else 1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert found == parent
    while not children:
        time.sleep(0.01)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0


def test_errors_name_the_line_that_waits():
    line = user_location().line + 1
    found = aside(threading.RLock(), lambda: together([lambda: user_location().line] * 2))
    assert found == [line] * 2


def test_all_are_at_work_at_once():
    meeting = threading.Barrier(3, timeout=60)
    assert sorted(together([meeting.wait] * 3)) == [0, 1, 2]


def test_what_one_of_them_raises_is_raised_when_all_are_done():
    done = []
    with pytest.raises(KeyError):
        together([lambda: done.append(1), lambda: {}[0], lambda: done.append(2)])
    assert sorted(done) == [1, 2]


def test_without_more_threads_the_work_is_done_in_this_one(monkeypatch):
    monkeypatch.setattr(module, "_start", lambda run: None)
    assert aside(threading.RLock(), threading.current_thread) is threading.main_thread()
    assert together([threading.current_thread] * 2) == [threading.main_thread()] * 2


def test_a_thread_that_cannot_be_had_is_none(monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert module._start(lambda: None) is None
