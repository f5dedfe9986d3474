"""Caches for the tests of machine code: none, one of a test's own, or the process's as if nothing had been cached."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chainrule.native import cache
from chainrule.native.cache import ObjectCache


@pytest.fixture
def no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is compiled is compiled anew."""
    monkeypatch.setenv("CHAINRULE_CACHE", "off")


@pytest.fixture
def store(tmp_path: Path) -> ObjectCache:
    """A cache in a folder that is yet to be made."""
    return ObjectCache(tmp_path / "cache")


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process knows of no cache and has warned of none."""
    monkeypatch.setattr(cache, "_warned", False)
    cache._cache.cache_clear()
    yield
    cache._cache.cache_clear()
