"""The cache on disks that fail or are full, at its bound, and among processes and threads: a load gives what was stored
or nothing."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from chainrule.native import cache as module
from chainrule.native.cache import (
    ObjectCache,
    cache_key,
    encode_entry,
)
from tests.native.cache_entries import KEY, OTHER, entry, names, posix

not_root = pytest.mark.skipif(getattr(os, "geteuid", lambda: 1)() == 0, reason="root may write anywhere")

pytestmark = pytest.mark.usefixtures("forgotten")


# --- A disk that does not do its part ---------------------------------------------------------------------------------


class FullFile:
    """A file whose disk is full after its first bytes."""

    def __init__(self, descriptor: int) -> None:
        self.file = open(descriptor, "wb")  # noqa: SIM115

    def __enter__(self) -> FullFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> None:
        self.file.write(data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_ends_storing_and_not_loading(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.store(KEY, b"code")
    monkeypatch.setattr(module, "open", lambda descriptor, mode: FullFile(descriptor), raising=False)
    assert not store.store(OTHER, b"code")
    monkeypatch.undo()
    assert store.fault is not None
    assert "No space left on device" in store.fault
    assert names(store) == [entry(store).name]
    assert store.load(KEY) == b"code"
    assert not store.store(OTHER, b"code")


@pytest.mark.parametrize("where", ["", "below", "far/below"])
def test_a_folder_that_cannot_be_is_silently_off(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch(mode=0o600)
    store = ObjectCache(tmp_path / "file" / where)
    assert store.load(KEY) is None
    assert not store.store(KEY, b"code")
    assert store.fault is not None
    assert store.load(KEY) is None
    assert not store.store(KEY, b"code")


@posix
@not_root
def test_an_unwritable_folder_is_silently_off(store: ObjectCache) -> None:
    store.store(KEY, b"code")
    store.folder.chmod(0o500)
    fresh = ObjectCache(store.folder)
    assert fresh.load(KEY) == b"code"
    assert not fresh.store(OTHER, b"code")
    assert fresh.fault is not None
    store.folder.chmod(0o700)


@pytest.mark.parametrize("step", ["stat", "replace", "scandir", "utime", "unlink"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.EROFS])
def test_no_error_of_the_system_comes_through(
    step: str, number: int, store: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    store.store(KEY, b"code")
    fresh = ObjectCache(store.folder)
    monkeypatch.setattr(os, step, fail)
    assert fresh.load(KEY) in (b"code", None)
    fresh.store(OTHER, b"code")
    fresh.discard(KEY)
    monkeypatch.undo()
    assert ObjectCache(store.folder).load(OTHER) in (b"code", None)
    assert not any(name.endswith(".partial") for name in names(store))


def test_windows_keeps_the_entry_that_is_being_read(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "in use")

    store.store(KEY, b"code")
    monkeypatch.setattr(os, "replace", refuse)
    assert not store.store(KEY, b"code")
    assert store.fault is None
    assert not store.store(OTHER, b"code")
    assert store.fault is not None
    assert names(store) == [entry(store).name]


def test_other_failures_to_replace_an_entry_end_storing(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "disk error")

    store.store(KEY, b"code")
    monkeypatch.setattr(os, "replace", fail)
    assert not store.store(KEY, b"newer")
    assert store.fault is not None
    assert store.load(KEY) == b"code"


def test_the_folder_may_vanish_and_comes_back(store: ObjectCache) -> None:
    store.store(KEY, b"code")
    entry(store).unlink()
    store.folder.rmdir()
    assert store.load(KEY) is None
    assert store.store(KEY, b"code")
    assert store.load(KEY) == b"code"


# --- The bound --------------------------------------------------------------------------------------------------------

SIZE = len(encode_entry(KEY, bytes(100)))


def fill(store: ObjectCache, count: int) -> list[str]:
    keys = [cache_key(str(i)) for i in range(count)]
    for age, key in enumerate(keys):
        assert store.store(key, bytes(100))
        os.utime(entry(store, key), (1e9 + age, 1e9 + age))
    return keys


def test_the_least_recently_used_are_dropped_first(tmp_path: Path) -> None:
    store = ObjectCache(tmp_path / "cache", limit=SIZE * 16)
    keys = fill(store, 14)
    assert store.load(keys[0]) is not None  # which makes it the latest
    store.limit = SIZE * 8  # leaves seven
    store.sweep()
    kept = {key for key in keys if entry(store, key).exists()}
    assert kept == {keys[0], *keys[-6:]}


@pytest.mark.parametrize("writers", [1, 3])
def test_the_bound_holds_while_storing(writers: int, tmp_path: Path) -> None:
    limit = SIZE * 16
    stores = [ObjectCache(tmp_path, limit=limit) for _ in range(writers)]
    for i in range(100):
        assert stores[i % writers].store(cache_key(str(i)), bytes(100))
        total = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert total <= limit + (writers - 1) * limit // 8
    assert entry(stores[0], cache_key("99")).exists()


def test_what_fills_too_much_of_the_bound_is_not_stored(tmp_path: Path) -> None:
    store = ObjectCache(tmp_path / "cache", limit=SIZE * 8)
    assert store.store(KEY, bytes(100))
    assert not store.store(OTHER, bytes(101))
    assert store.fault is None


def test_a_sweep_takes_what_dead_writers_left_and_nothing_else(store: ObjectCache) -> None:
    store.store(KEY, b"code")
    for name, age in (("old.partial", 7200), ("new.partial", 60), ("old.txt", 7200)):
        (store.folder / name).touch()
        os.utime(store.folder / name, (time.time() - age,) * 2)
    store.sweep()
    assert names(store) == sorted(["new.partial", "old.txt", entry(store).name])


# --- At once ----------------------------------------------------------------------------------------------------------

WRITER = """
import random, sys
from pathlib import Path
from chainrule.native.cache import ObjectCache, cache_key
store, me = ObjectCache(Path(sys.argv[1]), limit=64 * 1024), int(sys.argv[2])
draw, hits = random.Random(me), 0
for _ in range(300):
    name = str(draw.randrange(12))
    key, payload = cache_key(name), name.encode() * 300
    found = store.load(key)
    assert found is None or found == payload, (name, found[:20])
    hits += found is not None
    if draw.random() < 0.5:
        store.store(key, payload)
    elif draw.random() < 0.05:
        store.discard(key)
assert store.fault is None, store.fault
print(hits)
"""


def test_eight_processes_write_and_read_the_same_entries(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", WRITER, str(tmp_path / "cache")]
    writers = [
        subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for i in range(8)
    ]
    for writer in writers:
        told, failure = writer.communicate(timeout=600)
        assert writer.returncode == 0, failure
        assert int(told) > 50
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_eight_threads_share_one_cache(store: ObjectCache) -> None:
    faults = []

    def work(me: int) -> None:
        for i in range(60):
            key, payload = cache_key(str(i % 5)), bytes([i % 5]) * 2000
            if (i + me) % 3 == 0:
                store.store(key, payload)
            if store.load(key) not in (None, payload):
                faults.append(i)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert store.fault is None
    assert len(names(store)) == 5
