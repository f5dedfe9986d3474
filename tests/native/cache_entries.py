"""Entries that the tests of the cache store, and where they look for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chainrule.native.cache import ObjectCache, cache_key

KEY, OTHER = cache_key("a"), cache_key("b")
posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners and modes are POSIX's")


def entry(store: ObjectCache, key: str = KEY) -> Path:
    """The file of an entry."""
    return store.folder / f"{key}.object"


def names(store: ObjectCache) -> list[str]:
    """The files of a cache."""
    return sorted(path.name for path in store.folder.iterdir())
