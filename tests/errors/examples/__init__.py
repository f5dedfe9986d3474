"""The examples, a file for each package of src/chainrule: pairs of a label and a call that ends in one error.

The error is met the public way where there is one: through a function of NumPy on a traced value, a transformation, the
command line. What only a rule or a pass can do wrong is met by applying the operation itself, from `OPERATIONS`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Example = tuple[str, Callable[[], Any]]


def families() -> dict[str, list[Example]]:
    """The examples of every file beside this one, by its name."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("_"))
    return {name: importlib.import_module(f"{__name__}.{name}").EXAMPLES for name in names}
