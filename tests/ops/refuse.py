"""What must be refused, in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chainrule.functions.batching import jit


def refused(call: Callable[..., Any], *arrays: Any, error: type[Exception], words: str) -> None:
    """Assert that tracing or running `call` raises this error, with these words, a remedy and the user's line."""
    with pytest.raises(error) as caught:
        jit(call)(*arrays)
    assert words in caught.value.sentence  # type: ignore[attr-defined]  # without the line, which may quote the words
    assert caught.value.remedy.endswith(".")  # type: ignore[attr-defined]
