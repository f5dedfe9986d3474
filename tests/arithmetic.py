"""The arithmetic of floats for scalar bodies: what the laws run them in beside fractions."""

from __future__ import annotations

from typing import Any

import numpy as np


class FloatArithmetic:
    """NumPy's float64 functions under the names that scalar bodies use."""

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        return then if condition else otherwise

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)
