"""Casting: the one operation that changes a dtype and nothing else."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.evaluate import UNDEFINED
from chainrule.graph import Element, Node, Operation, Partials, Sample, constant, reaches
from chainrule.loops import cast as to_dtype
from chainrule.ops.samples import F
from chainrule.types import ArrayType, check_dtype


def _infer_cast(kind: ArrayType, *, dtype: np.dtype) -> ArrayType:
    return ArrayType(kind.shape, check_dtype("astype", dtype))


def _cast_exactly(array: Any, *, dtype: np.dtype) -> Any:
    if dtype.kind == "f":
        return np.frompyfunc(lambda x: Fraction(x) if isinstance(x, bool) else x, 1, 1)(array)
    convert = (lambda x: x != 0) if dtype.kind == "b" else (lambda x: x if x is UNDEFINED else Fraction(int(x)))
    return np.frompyfunc(convert, 1, 1)(array)


_cast = Operation(
    name="astype",
    infer=_infer_cast,
    reference=lambda array, *, dtype: np.asarray(array).astype(dtype),
    exact=_cast_exactly,
    derivative=Partials(lambda x, out, *, dtype: (1,) if dtype.kind == "f" else (None,)),
    batch=lambda operands, batched, size, *, dtype: cast(operands[0], dtype),
    lowering=Element(lambda index, x, *, dtype: to_dtype(x[index], dtype)),
    latex=r"\mathrm{{{dtype}}}({0})",
    samples=lambda: [Sample(F(1, -2, "1/2"), dtype=np.dtype("float64"))],
    rejects=lambda: [Sample(np.zeros(2), dtype=np.dtype("complex128"), words="complex128")],
)


def cast(value: Any, dtype: Any) -> Node:
    """The value in another dtype: `x.astype(dtype)`."""
    target = check_dtype("astype", dtype)
    if not isinstance(value, Node):
        return constant(value, target)
    return value if value.dtype == target else _cast(value, dtype=target)


@reaches(np.astype, "astype", method="astype")
def _astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Node:
    return cast(x, dtype)
