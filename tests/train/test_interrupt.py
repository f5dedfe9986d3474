"""Ctrl-C: the first ends a run at a whole step, wherever it strikes; the second is Python's own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.train import driver, slices
from chainrule.train.interrupt import _CALLBACKS, Interrupt

PROGRAM = Path(__file__).with_name("interruptions.py")
DATA = (np.arange(6.0),)


def loss(theta, x):
    return np.mean((theta - x) ** 2)


on_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to consoles, not to processes")


@pytest.fixture(autouse=True)
def pythons_own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press():
    signal.raise_signal(signal.SIGINT)


def struck(mode, *numbers):
    """The report of `interruptions.py`."""
    command = [sys.executable, str(PROGRAM), mode, *map(str, numbers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@on_posix
def test_20_random_instants():
    report = struck("random", 20, 1)
    assert len(report) == 20
    for strike in report:
        assert strike["status"] == ["interrupted"], strike
        assert strike["whole"], strike
        assert strike["restored"], strike
    assert any(max(strike["steps"]) > 0 for strike in report)


def test_lines_of_the_driver():
    report = struck("lines", 41)
    assert len(report) > 20
    assert all(strike["whole"] for strike in report)
    assert [strike["line"] for strike in report if strike["outside"]] in ([], [1])  # the run had not begun
    assert any(strike["status"] == ["interrupted"] for strike in report)
    assert report[-1]["status"] == ["finished"]  # in the last lines all was done


def test_the_check_finds_a_run_that_is_not_whole(monkeypatch):
    from tests.train import interruptions

    runs = interruptions.plain(4)
    assert interruptions.is_whole("plain", runs)
    runs[0].losses[1] = np.nextafter(runs[0].losses[1], 9)
    assert not interruptions.is_whole("plain", runs)


def test_noted_or_raised_and_the_second_time_raised_at_once():
    with Interrupt() as interrupt:
        press()
        assert interrupt.presses == 1
        with pytest.raises(KeyboardInterrupt):
            press()
    with Interrupt() as interrupt:
        interrupt.raising = True
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupt.presses == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_leaves_the_run():
    def impatient(progress):
        try:
            press()
        except KeyboardInterrupt:
            press()

    with pytest.raises(KeyboardInterrupt):
        cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=10**6, progress=impatient)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_while_the_loss_is_traced_gives_a_run_without_steps():
    def pressed(theta, x):
        press()
        return loss(theta, x)

    run = cr.fit(pressed, 0.0, DATA, optimizer=cr.optim.adam(), steps=5)
    assert (run.status, run.steps, run.params) == ("interrupted", 0, 0.0)
    assert np.isnan(run.score)


def test_in_a_callback_of_weakref_which_loses_exceptions_it_is_noted():
    with Interrupt() as interrupt:
        interrupt.raising = True
        inside: Any = SimpleNamespace(f_code=SimpleNamespace(co_filename=weakref.__file__, co_name="remove"))
        interrupt._handle(signal.SIGINT, inside)
        assert interrupt.presses == 1
        with pytest.raises(KeyboardInterrupt):
            interrupt._handle(signal.SIGINT, inside)


def test_elsewhere_in_weakref_it_ends_the_run_at_once():
    """A strike that is only noted there would wait for a compilation."""
    with Interrupt() as interrupt:
        interrupt.raising = True
        inside: Any = SimpleNamespace(f_code=SimpleNamespace(co_filename=weakref.__file__, co_name="get"))
        with pytest.raises(KeyboardInterrupt):
            interrupt._handle(signal.SIGINT, inside)


def test_the_functions_that_lose_exceptions_are_there():
    values, members, keys = weakref.WeakValueDictionary(), weakref.WeakSet(), weakref.WeakKeyDictionary()
    found = {(one._remove.__code__.co_filename, one._remove.__code__.co_name) for one in (values, members, keys)}
    assert found == _CALLBACKS


def test_a_signal_that_is_lost_in_a_slice_ends_the_run_without_another_report(monkeypatch):
    real = slices.Slices.run

    def pressed(self, state, until):
        with contextlib.suppress(KeyboardInterrupt):
            press()
        return real(self, state, until)

    monkeypatch.setattr(slices.Slices, "run", pressed)
    monkeypatch.setattr(driver, "SECONDS_A_SLICE", 0.0)
    reports = []
    run = cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=100, progress=reports.append)
    assert (run.status, run.steps, reports) == ("interrupted", 1, [])


def test_a_signal_that_something_swallows_is_answered_after_the_slice():
    def swallows(progress):
        with contextlib.suppress(KeyboardInterrupt):
            press()

    run = cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=10**6, progress=swallows)
    assert run.status == "interrupted"
    assert 0 < run.steps < 10**6


def test_a_handler_of_the_programs_own_stays():
    heard = []
    signal.signal(signal.SIGINT, lambda *_: heard.append(None))
    run = cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=50, progress=lambda report: press())
    assert (run.status, len(heard) > 0) == ("finished", True)


def test_outside_the_main_thread_there_is_nothing_to_do():
    runs = []
    thread = threading.Thread(target=lambda: runs.append(cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=50)))
    thread.start()
    thread.join()
    assert runs[0].status == "finished"


def test_a_run_within_the_report_of_a_run():
    inner = []

    def nested(progress):
        if not inner:
            inner.append(
                cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=10**6, progress=lambda report: press())
            )

    outer = cr.fit(loss, 0.0, DATA, optimizer=cr.optim.adam(), steps=10**6, progress=nested)
    assert [inner[0].status, outer.status] == ["interrupted", "interrupted"]
