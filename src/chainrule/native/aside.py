"""Work that Ctrl-C need not wait for: what LLVM does is done in a thread of its own.

Python hears signals between instructions of its main thread, and inside LLVM that thread executes none for as long as
it takes. So another thread goes there, and the main thread waits in a way that a signal ends. What was begun is then
done for nobody, and the process, before it ends, waits for it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, TypeVar

from chainrule.source import located, user_location

T = TypeVar("T")
_GLANCE = 0.05  # seconds; on Windows a signal is heard when a wait is over


def aside(lock: AbstractContextManager[Any], work: Callable[[], T]) -> T:
    """What `work` gives, done under a lock; Ctrl-C in the main thread raises at once. The lock must be held by whoever
    forks, so that the child of a fork finds the work done or not begun.

    >>> aside(threading.RLock(), lambda: 42)
    42
    """
    if threading.current_thread() is not threading.main_thread():
        with lock:
            return work()
    answers: list[tuple[T | None, BaseException | None]] = []
    over = threading.Event()

    def run() -> None:
        with lock:
            answers.append(_answer(work))
            over.set()

    process = os.getpid()
    if _start(run) is None:
        run()
    while not over.wait(_GLANCE):
        if os.getpid() != process:  # a signal's handler forked, and this is the child, which has no other thread
            run()
    return _result(answers[0])


def together(works: Sequence[Callable[[], T]]) -> list[T]:
    """What each of some works gives; all are done at once, each in a thread.

    >>> together([lambda: 1, lambda: 2])
    [1, 2]
    """
    first, *others = works
    answers: list[Any] = [None] * len(others)

    def run(k: int) -> None:
        answers[k] = _answer(others[k])

    threads = [_start(partial(run, k)) for k in range(len(others))]
    mine = _answer(first)
    for k, thread in enumerate(threads):
        if thread is None:
            run(k)
        else:
            thread.join()
    return [_result(answer) for answer in (mine, *answers)]


def _start(run: Callable[[], None]) -> threading.Thread | None:
    """A thread that is at work, if one can be had; errors made in it name the user's line that this one is at."""
    location = user_location()

    def there() -> None:
        with located(location):
            run()

    thread = threading.Thread(target=there, name="chainrule-compiler")
    try:
        thread.start()
    except RuntimeError:  # there are too many, or the interpreter is ending
        return None
    return thread


def _answer(work: Callable[[], T]) -> tuple[T | None, BaseException | None]:
    try:
        return work(), None
    except BaseException as error:
        return None, error


def _result(answer: tuple[Any, BaseException | None]) -> Any:
    result, error = answer
    if error is not None:
        raise error
    return result
