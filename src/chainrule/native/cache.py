"""Compiled code on disk, shared by all processes of a user without locks.

An entry is one file, whose name is its key. It is written under another name and moved into place, so a reader sees the
whole of it or nothing; it carries its key and the SHA-256 of what it holds, so whatever is wrong with it makes it a
miss. Nothing that happens to the disk is an error: a cache that cannot be written stores nothing, and says so in
`ObjectCache.fault`.

An entry is code that will run with the user's rights. On POSIX systems it is therefore read only from a folder that
belongs to the user and that nobody else may write to, and only if the file is such too. (The folders above are the
user's choice; they are not looked at.)

`CHAINRULE_CACHE` is `off` or a folder, in place of the user's cache folder; `CHAINRULE_CACHE_SIZE` is the number of
bytes that the entries may take, such as `512M`; `0` turns the cache off.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import sys
import time
import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from chainrule.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT_LIMIT = 512 << 20
_MAGIC, _VERSION = b"chainobj", 1
_HEADER = struct.Struct("<8sIQ32s32s")  # magic, version, bytes of the payload, key, SHA-256 of the payload
_ENTRY, _PARTIAL = ".object", ".partial"
_ABANDONED = 3600  # seconds after which a file that was never moved into place was left by a process that died
# The entries fill at most 7/8 of the bound after a sweep, and a sweep precedes each further eighth that is written.
_SHARE = 8
_UNITS = {"": 0, "K": 10, "M": 20, "G": 30}
# No symbolic link is followed, and a pipe in the place of an entry is not waited for. (Windows has neither flag.)
_CAREFUL = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_warned = False


def cache_key(*parts: str) -> str:
    """The key of what these texts describe: 64 hexadecimal digits.

    >>> cache_key("ab", "c") == cache_key("a", "bc")
    False
    """
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def encode_entry(key: str, payload: bytes) -> bytes:
    """The bytes of an entry: the header, then the payload."""
    return _header(key, payload) + payload


def _header(key: str, payload: bytes) -> bytes:
    return _HEADER.pack(_MAGIC, _VERSION, len(payload), bytes.fromhex(key), hashlib.sha256(payload).digest())


def decode_entry(key: str, data: bytes) -> bytes | None:
    """The payload of an entry, None where the bytes are not a whole and unaltered entry of this key.

    >>> key = cache_key("x")
    >>> decode_entry(key, encode_entry(key, b"code"))
    b'code'
    >>> decode_entry(key, encode_entry(key, b"code")[:-1]) is None
    True
    """
    payload = data[_HEADER.size :]
    return payload if data[: _HEADER.size] == _header(key, payload) else None


class ObjectCache:
    """The entries in one folder, at most `limit` bytes of them; those used least recently are dropped first.

    Processes that write at once each keep their own count, so together they may pass the bound by an eighth each until
    one of them sweeps.
    """

    def __init__(self, folder: str | os.PathLike[str], limit: int = DEFAULT_LIMIT) -> None:
        self._folder, self.limit = os.fspath(folder), limit
        self.fault: str | None = None  # why nothing more is stored, None while all is well
        self._trusted: bool | None = None
        self._written: int | None = None  # bytes since the last sweep, None before the first

    @property
    def folder(self) -> Path:
        """Where the entries are."""
        from pathlib import Path  # takes 3 ms, of which a process that finds its code here has no other use

        return Path(self._folder)

    def load(self, key: str) -> bytes | None:
        """The payload that was stored under a key, None where there is none to be trusted. What is bad is removed."""
        try:
            if not self._is_trusted():
                return None
            payload = self._read(key)
        except FileNotFoundError:
            return None
        except OSError:  # a link or a folder in its place, a file that may not be read, a failing disk
            payload = None
        if payload is None:
            self.discard(key)
        return payload

    def store(self, key: str, payload: bytes) -> bool:
        """Keep a payload; whether that was done. One that is larger than an eighth of the bound is not kept."""
        data = encode_entry(key, payload)
        if self.fault is not None or len(data) > self.limit // _SHARE:
            return False
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not self._is_trusted():
                return False
            if self._written is None or self._written + len(data) > self.limit // _SHARE:
                self.sweep()
                self._written = 0
            self._written += len(data)
            return self._write(key, data)
        except OSError as error:
            self.fault = str(error)
            return False

    def discard(self, key: str) -> None:
        """Remove an entry, if it is there and can be removed."""
        with contextlib.suppress(OSError):
            os.unlink(self._path(key))

    def sweep(self) -> None:
        """Drop entries, the least recently used first, until they fill at most 7/8 of the bound. Another process may do
        the same at the same time: an entry that is gone already counts as dropped."""
        entries, now = [], time.time()
        with os.scandir(self._folder) as files:
            for file in files:
                with contextlib.suppress(OSError):
                    status = file.stat(follow_symlinks=False)
                    if file.name.endswith(_ENTRY):
                        entries.append((status.st_mtime_ns, file.path, status.st_size))
                    elif file.name.endswith(_PARTIAL) and status.st_mtime < now - _ABANDONED:
                        os.unlink(file.path)
        excess = sum(size for _, _, size in entries) - self.limit * (_SHARE - 1) // _SHARE
        for _, path, size in sorted(entries):
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                os.unlink(path)
            excess -= size

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, key + _ENTRY)

    def _read(self, key: str) -> bytes | None:
        path = self._path(key)
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _CAREFUL)) as file:
            status = os.fstat(file.fileno())
            reason = untrusted(status)
            if reason is not None:
                warn_once(f"chainrule does not run the compiled code in {path}, which {reason}, and removes it.")
                return None
            if not stat.S_ISREG(status.st_mode) or status.st_size > self.limit:  # that is not read into memory
                return None
            payload = decode_entry(key, file.read())
        if payload is not None:
            with contextlib.suppress(OSError):  # on a read-only disk the order of use is not kept
                os.utime(path)
        return payload

    def _write(self, key: str, data: bytes) -> bool:
        import tempfile  # takes some milliseconds, of which a process that only reads has no use

        # mkstemp gives a name that no other process has, and permissions for the user alone
        descriptor, partial = tempfile.mkstemp(suffix=_PARTIAL, dir=self._folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            os.replace(partial, self._path(key))
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(partial)
            # Windows does not replace a file that another process reads; what it reads is this very entry.
            if isinstance(error, PermissionError) and os.path.exists(self._path(key)):
                return False
            raise
        return True

    def _is_trusted(self) -> bool:
        """Whether only the user writes to the folder. Raises OSError where there is none."""
        if self._trusted is None:
            reason = untrusted(os.stat(self._folder))
            if reason is not None:
                self.fault = f"a folder which {reason}: {self._folder}"
                warn_once(f"chainrule neither keeps nor takes compiled code in {self._folder}, which {reason}.")
            self._trusted = reason is None
        return self._trusted


def untrusted(status: os.stat_result) -> str | None:
    """Why a file or folder may hold what somebody else wrote, None where the user alone can write to it. (On Windows
    the folder's access list says so, by which a user's folders are private.)"""
    if not hasattr(os, "geteuid"):
        return None
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid} and not to you (user {os.geteuid()})"
    if stat.S_IMODE(status.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write to: its mode is {stat.S_IMODE(status.st_mode):o} (`chmod go-w` ends that)"
    return None


def warn_once(message: str) -> None:
    """Warn, the first time in a process; later messages are dropped."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(message, RuntimeWarning, stacklevel=2)


def default_cache() -> ObjectCache | None:
    """The cache that the environment asks for, None where it is off. Equal environments share one."""
    asked = os.environ.get("CHAINRULE_CACHE", "").strip()
    limit = _limit(os.environ.get("CHAINRULE_CACHE_SIZE", "").strip())
    folder = asked or user_folder(sys.platform, os.environ)
    return None if asked.lower() == "off" or limit == 0 or folder is None else _cache(os.path.abspath(folder), limit)


@lru_cache(maxsize=8)
def _cache(folder: str, limit: int) -> ObjectCache:
    return ObjectCache(folder, limit)


def _limit(text: str) -> int:
    """A number of bytes, with a unit of 1024 of the unit before: `65536`, `64K`, `512M`, `2G`."""
    if not text:
        return DEFAULT_LIMIT
    number, unit = (text[:-1], text[-1].upper()) if text[-1].isalpha() else (text, "")
    if not number.isdecimal() or unit not in _UNITS:
        raise ArgumentError(
            "CHAINRULE_CACHE_SIZE",
            expected="a number of bytes such as 512M or 2G",
            got=repr(text),
            remedy="Correct the environment variable, or unset it.",
        )
    return int(number) << _UNITS[unit]


def user_folder(platform: str, environment: Mapping[str, str]) -> str | None:
    """Where a platform keeps a user's caches, None where the user has no folder.

    Sources: the XDG Base Directory Specification (a relative path counts as unset); Apple, File System Programming
    Guide; Microsoft, Known Folders (FOLDERID_LocalAppData).
    """
    home = environment.get("USERPROFILE" if platform == "win32" else "HOME", "")
    local = environment.get("LOCALAPPDATA", "") if platform == "win32" else environment.get("XDG_CACHE_HOME", "")
    if platform == "darwin":
        base = os.path.join(home, "Library", "Caches") if home else None
    elif local and (platform == "win32" or os.path.isabs(local)):
        base = local
    elif home:
        base = os.path.join(home, *(("AppData", "Local") if platform == "win32" else (".cache",)))
    else:
        base = None
    return None if base is None else os.path.join(base, "chainrule", "objects")
