"""The walks over graphs, for operations that have graphs inside.

The walks apply the rules of operations, and the rules of `scan` need the walks on its body. So that imports run one
way, the rules find the walks here; `derive/` fills them in when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Calculus:
    """`reverse(outputs, cotangents, inputs)`, `forward(outputs, inputs, tangents)` and
    `batch(outputs, inputs, replacements, batched, size)`, as documented in `chainrule.derive`."""

    reverse: Callable[..., Any]
    forward: Callable[..., Any]
    batch: Callable[..., Any]


calculus = Calculus()
