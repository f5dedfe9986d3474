"""Where the user's own code stands: the file and line that an error, a node or a warning is about."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache

import numpy

_STANDARD = os.path.dirname(os.path.abspath(contextmanager.__code__.co_filename)) + os.sep
_INSIDE = tuple(os.path.dirname(os.path.abspath(str(file))) + os.sep for file in (__file__, numpy.__file__))
_INSTALLED = tuple(os.sep + folder + os.sep for folder in ("site-packages", "dist-packages"))
_TYPED = ("<stdin", "<python-input", "<ipython", "<doctest", "<pyshell", "<string")
_located: ContextVar[Location | None] = ContextVar("located", default=None)


@dataclass(frozen=True, slots=True)
class Location:
    """One line of the user's source.

    >>> str(Location("model.py", 12))
    'model.py:12'
    """

    file: str
    line: int

    @property
    def text(self) -> str:
        """The source text of the line, empty where the source cannot be read."""
        return linecache.getline(self.file, self.line).strip()

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@lru_cache(maxsize=4096)
def _is_ours(file: str) -> bool:
    """Whether a file belongs to the machinery (chainrule, NumPy, the standard library) and not to its user."""
    if file.startswith("<"):
        return not file.startswith(_TYPED)
    path = os.path.abspath(file)
    if any(folder in path for folder in _INSTALLED):  # which may be folders of the standard library's
        return path.startswith(_INSIDE)
    return path.startswith((*_INSIDE, _STANDARD))


def user_location() -> Location | None:
    """The innermost line on the stack that is the user's, or the line that `located` set."""
    given = _located.get()
    if given is not None:
        return given
    frame, library = sys._getframe(1), None
    while frame is not None:
        file = frame.f_code.co_filename
        if not _is_ours(file) and frame.f_globals.get("__name__", "").split(".")[0] != "chainrule":
            if not _is_installed(file):
                return Location(file, frame.f_lineno)
            library = library or Location(file, frame.f_lineno)
        frame = frame.f_back
    return library  # only where nobody but a library is on the stack


@lru_cache(maxsize=4096)
def _is_installed(file: str) -> bool:
    """Whether a file belongs to an installed package, which the user called but did not write."""
    return any(folder in os.path.abspath(file) for folder in _INSTALLED)


@contextmanager
def located(location: Location | None) -> Iterator[None]:
    """Let everything made inside speak of `location`: a pass sets it to the line of the node that it works on."""
    token = _located.set(location)
    try:
        yield
    finally:
        _located.reset(token)
