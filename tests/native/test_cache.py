"""The cache on disk: what is stored is loaded, what is damaged or foreign is not, and where it is."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

from chainrule.errors import ArgumentError
from chainrule.native import cache as module
from chainrule.native.cache import (
    DEFAULT_LIMIT,
    ObjectCache,
    cache_key,
    decode_entry,
    default_cache,
    user_folder,
)
from tests.native.cache_entries import KEY, OTHER, entry, names, posix

pytestmark = pytest.mark.usefixtures("forgotten")


def test_keys_keep_their_parts_apart() -> None:
    assert len({cache_key("ab", "c"), cache_key("a", "bc"), cache_key("abc"), cache_key("abc", "")}) == 4


def test_what_is_stored_is_loaded(store: ObjectCache) -> None:
    assert store.load(KEY) is None
    assert store.store(KEY, b"code")
    assert store.store(OTHER, b"")
    assert store.load(KEY) == b"code"
    assert ObjectCache(store.folder).load(OTHER) == b""
    assert store.store(KEY, b"newer")
    assert store.load(KEY) == b"newer"
    assert names(store) == sorted([entry(store).name, entry(store, OTHER).name])
    store.discard(KEY)
    store.discard(KEY)
    assert store.load(KEY) is None


@posix
def test_folder_and_entries_are_the_users_alone(store: ObjectCache) -> None:
    before = os.umask(0)
    try:
        store.store(KEY, b"code")
    finally:
        os.umask(before)
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert entry(store).stat().st_mode & 0o777 == 0o600


# --- Damage -----------------------------------------------------------------------------------------------------------


def test_a_fault_at_any_byte_is_a_miss(store: ObjectCache) -> None:
    store.store(KEY, bytes(range(200)))
    whole = entry(store).read_bytes()
    for position in range(len(whole)):
        for change in (0x01, 0x80, 0xFF):
            data = bytearray(whole)
            data[position] ^= change
            assert decode_entry(KEY, bytes(data)) is None, position
    for position in range(0, len(whole), 7):  # through the files as well
        data = bytearray(whole)
        data[position] ^= 0x10
        entry(store).write_bytes(data)
        assert store.load(KEY) is None
        assert not entry(store).exists()


def test_a_truncated_or_extended_entry_is_a_miss(store: ObjectCache) -> None:
    store.store(KEY, b"machine code")
    whole = entry(store).read_bytes()
    for data in [whole[:length] for length in range(len(whole))] + [whole + b"\0", whole * 2, b"", b"\0" * 4096]:
        entry(store).write_bytes(data)
        assert store.load(KEY) is None
        assert not entry(store).exists()


def test_an_entry_under_another_name_is_a_miss(store: ObjectCache) -> None:
    store.store(OTHER, b"code")
    os.rename(entry(store, OTHER), entry(store))
    assert store.load(KEY) is None
    assert names(store) == []


@pytest.mark.parametrize(
    ("field", "value"), [("_MAGIC", b"otherobj"), ("_VERSION", 2)], ids=["another program's", "another version's"]
)
def test_a_foreign_entry_is_a_miss(
    field: str, value: object, store: ObjectCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, field, value)
    store.store(KEY, b"code")
    assert store.load(KEY) == b"code"
    monkeypatch.undo()
    assert store.load(KEY) is None
    assert names(store) == []


def test_an_entry_larger_than_the_whole_cache_is_not_read(tmp_path: Path) -> None:
    ObjectCache(tmp_path).store(KEY, bytes(4096))
    assert ObjectCache(tmp_path, limit=4096).load(KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_an_entry_is_a_miss(store: ObjectCache) -> None:
    store.store(OTHER, b"code")
    entry(store).mkdir()
    assert store.load(KEY) is None
    assert store.load(OTHER) == b"code"


@posix
def test_links_and_pipes_in_place_of_an_entry_are_misses_and_removed(store: ObjectCache) -> None:
    store.store(KEY, b"code")
    os.rename(entry(store), store.folder / "elsewhere")
    os.symlink(store.folder / "elsewhere", entry(store))
    assert store.load(KEY) is None
    os.mkfifo(entry(store), 0o600)
    writer = os.open(entry(store), os.O_RDWR)  # so that a reader would find no end
    assert store.load(KEY) is None
    os.close(writer)
    assert names(store) == ["elsewhere"]


# --- Trust ------------------------------------------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_may_write_to_is_refused_once_aloud(mode: int, store: ObjectCache) -> None:
    store.store(KEY, b"code")
    store.folder.chmod(mode)
    fresh = ObjectCache(store.folder)
    with pytest.warns(RuntimeWarning, match=rf"others may write to: its mode is {mode:o} \(`chmod go-w` ends that\)"):
        assert fresh.load(KEY) is None
    assert not fresh.store(OTHER, b"code")
    assert fresh.fault is not None
    assert "others may write to" in fresh.fault
    assert ObjectCache(store.folder).load(KEY) is None  # and no second warning
    assert not ObjectCache(store.folder).store(OTHER, b"code")
    assert names(store) == [entry(store).name]


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602])
def test_an_entry_that_others_may_write_to_is_refused_and_removed(mode: int, store: ObjectCache) -> None:
    store.store(KEY, b"code")
    entry(store).chmod(mode)
    with pytest.warns(RuntimeWarning, match="does not run the compiled code in .*others may write to"):
        assert store.load(KEY) is None
    assert names(store) == []


@posix
def test_what_belongs_to_another_user_is_refused(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    store.store(KEY, b"code")
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    with pytest.warns(RuntimeWarning, match=r"belongs to user \d+ and not to you \(user 4242\)"):
        assert ObjectCache(store.folder).load(KEY) is None
    assert store.load(KEY) is None  # whose folder was trusted: the entry is not
    assert names(store) == []


def test_systems_without_owners_ask_for_none(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "geteuid", raising=False)
    store.store(KEY, b"code")
    store.folder.chmod(0o777)
    assert ObjectCache(store.folder).load(KEY) == b"code"


# --- The environment --------------------------------------------------------------------------------------------------


def test_the_environment_names_folder_and_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    monkeypatch.delenv("CHAINRULE_CACHE_SIZE", raising=False)
    cache = default_cache()
    assert cache is not None
    assert (cache.folder, cache.limit) == (tmp_path, DEFAULT_LIMIT)
    assert default_cache() is cache
    for text, limit in (("1000", 1000), ("3k", 3 << 10), ("2M", 2 << 20), ("1G", 1 << 30)):
        monkeypatch.setenv("CHAINRULE_CACHE_SIZE", text)
        cache = default_cache()
        assert cache is not None
        assert cache.limit == limit


@pytest.mark.parametrize(("variable", "value"), [("CHAINRULE_CACHE", "OFF"), ("CHAINRULE_CACHE_SIZE", "0")])
def test_the_cache_can_be_off(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert default_cache() is None


@pytest.mark.parametrize("text", ["-1", "much", "1T", "M", "1.5G"])
def test_a_wrong_bound_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE_SIZE", text)
    with pytest.raises(ArgumentError, match=f"CHAINRULE_CACHE_SIZE: expected a number of bytes .*'{text}'"):
        default_cache()


def test_the_user_without_a_folder_has_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHAINRULE_CACHE", "CHAINRULE_CACHE_SIZE", "XDG_CACHE_HOME", "HOME", "LOCALAPPDATA", "USERPROFILE"):
        monkeypatch.delenv(name, raising=False)
    assert default_cache() is None


@pytest.mark.parametrize(
    ("platform", "environment", "parts"),
    [
        ("linux", {"HOME": "/h"}, ("/h", ".cache")),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, ("/x",)),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "x"}, ("/h", ".cache")),
        ("freebsd14", {"HOME": "/h", "LOCALAPPDATA": "/l"}, ("/h", ".cache")),
        ("darwin", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, ("/h", "Library", "Caches")),
        ("win32", {"LOCALAPPDATA": "/l", "USERPROFILE": "/u"}, ("/l",)),
        ("win32", {"USERPROFILE": "/u", "HOME": "/h"}, ("/u", "AppData", "Local")),
        ("darwin", {}, None),
        ("win32", {"HOME": "/h"}, None),
    ],
)
@posix
def test_the_folder_of_each_platform(platform: str, environment: dict[str, str], parts: tuple[str, ...] | None) -> None:
    expected = None if parts is None else os.path.join(*parts, "chainrule", "objects")
    assert user_folder(platform, environment) == expected


def test_only_the_first_warning_is_given() -> None:
    with pytest.warns(RuntimeWarning, match="first"):
        module.warn_once("first")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module.warn_once("second")
