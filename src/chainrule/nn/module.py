"""Modules: dataclasses that are pytrees, so that a model is its own tree of parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar, dataclass_transform

from chainrule.pytree import register_pytree

Kind = TypeVar("Kind", bound=type)


@dataclass_transform(frozen_default=True)
def module(kind: Kind) -> Kind:
    """Make a class a frozen dataclass whose fields are parameters, or modules, or trees of them.

    A field made with `dataclasses.field(metadata={"static": True})` is a setting: part of the structure, not trained.

    >>> import numpy as np
    >>> @module
    ... class Scale:
    ...     factor: np.ndarray
    ...     def __call__(self, x): return self.factor * x
    >>> from chainrule.pytree import tree_map
    >>> tree_map(lambda p: p * 2, Scale(np.array(3.0)))(1.0)
    np.float64(6.0)
    """
    made = dataclasses.dataclass(frozen=True, eq=False)(kind)
    fields = dataclasses.fields(made)
    parameters = [field.name for field in fields if not field.metadata.get("static")]
    settings = [field.name for field in fields if field.metadata.get("static")]

    def flatten(tree: Any) -> tuple[Sequence[Any], Any]:
        return [getattr(tree, name) for name in parameters], tuple(getattr(tree, name) for name in settings)

    def unflatten(memory: Any, children: Sequence[Any]) -> Any:
        return made(**dict(zip(parameters, children, strict=True)), **dict(zip(settings, memory, strict=True)))

    register_pytree(made, flatten, unflatten)
    return made
