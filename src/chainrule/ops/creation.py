"""New arrays of the shape and dtype of another: constants, which no derivative flows through."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node, as_node, reaches
from chainrule.ops.cast import cast


@reaches(np.full_like)
def _full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    a = as_node(a)
    lengths = a.shape if shape is None else np.empty(shape, bool).shape
    return np.broadcast_to(cast(fill_value, a.dtype if dtype is None else dtype), lengths)


@reaches(np.zeros_like, np.empty_like)
def _zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    return _full_like(a, 0, dtype, shape=shape)


@reaches(np.ones_like)
def _ones_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    return _full_like(a, 1, dtype, shape=shape)


@reaches(np.copy)
def _copy(a: Any) -> Any:
    return as_node(a)


@reaches(np.result_type)
def _result_type(*arrays_and_dtypes: Any) -> np.dtype:
    return np.result_type(*(one.dtype if isinstance(one, Node) else one for one in arrays_and_dtypes))
