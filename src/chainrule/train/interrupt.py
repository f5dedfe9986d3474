"""Ctrl-C during a run: it ends the run at a whole step, and is not met at any other place."""

from __future__ import annotations

import _weakrefset
import signal
import threading
import weakref
from types import FrameType
from typing import Any

_CALLBACKS = {(weakref.__file__, "remove"), (_weakrefset.__file__, "_remove")}
"""The functions that Python calls when an object goes: what they raise it prints, and goes on."""


class Interrupt:
    """For as long as it is entered, the first Ctrl-C raises KeyboardInterrupt while `raising` is set, and is counted in
    `presses` alone otherwise; the second one raises it at once.

    Python hands signals to its main thread alone, so elsewhere there is nothing to do. A handler that the program set
    itself (one that is not Python's own) stays.

    >>> with Interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    >>> interrupt.presses
    1
    """

    def __init__(self) -> None:
        self.presses, self.raising, self._installed = 0, False, False

    def __enter__(self) -> Interrupt:
        in_main = threading.current_thread() is threading.main_thread()
        if in_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._installed = True
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.presses += 1
        lost = frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) in _CALLBACKS
        if self.presses > 1 or (self.raising and not lost):
            signal.default_int_handler(number, frame)
