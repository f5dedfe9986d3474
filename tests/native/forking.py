"""Forked children that do a piece of work for a test."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Callable

import pytest

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def in_child(work: Callable[[], bool], seconds: int = 120) -> bool:
    """Whether the work is done rightly in a forked child. One that hangs is ended: the time is no measure, and long
    enough for the slowest machine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking where threads run, which is the point here
        child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        try:
            os._exit(0 if work() else 1)
        finally:
            os._exit(2)
    return os.waitpid(child, 0)[1] == 0
