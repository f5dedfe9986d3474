"""How a run shows that it is alive."""

from __future__ import annotations

import sys

import pytest

from chainrule.errors import DependencyError
from chainrule.train.progress import Progress, reporting

STATE = Progress(step=3, total=9, epoch=1, loss=0.5, validation_loss=None)


def report(progress):
    with reporting(progress) as tell:
        tell(STATE)
        tell(Progress(9, 9, 3, 0.25, 0.75))


def test_a_function_of_the_callers():
    told = []
    report(told.append)
    assert told[0] is STATE
    assert len(told) == 2


@pytest.mark.parametrize("progress", [None, False])
def test_nothing_where_there_is_no_terminal(progress, capsys):
    report(progress)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [None, True])
def test_a_bar_on_a_terminal(progress, capsys, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    report(progress)
    printed = capsys.readouterr()
    assert "loss 0.25, validation 0.75" in printed.err
    assert printed.out == ""


def test_without_rich(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    report(None)
    assert capsys.readouterr().err == ""
    with pytest.raises(DependencyError, match="rich"):
        report(True)
