"""Matrices that need not be square or of full rank: the pseudoinverse, least squares, the rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.graph import Composed, Evaluated, Node, Operation, Sample, Tangents, as_node, constant, reaches
from chainrule.ops import elimination
from chainrule.ops.declare import cast
from chainrule.ops.lapack import matrix_sizes
from chainrule.ops.linalg import SQUARES, check_matrices, floating
from chainrule.ops.samples import F
from chainrule.types import ArrayType


def _infer_pinv(kind: ArrayType, *, rtol: float) -> ArrayType:
    check_matrices("pinv", kind)
    return ArrayType((*kind.shape[:-2], kind.shape[-1], kind.shape[-2]), kind.dtype)


def _pinv_tangent(t: Node, k: int, p: Node, a: Node, *, rtol: float) -> Node:
    """Golub and Pereyra, The Differentiation of Pseudo-Inverses (1973); it holds while the rank stays the same."""
    if a.shape[-1] > a.shape[-2]:  # by the transpose, so that no product is square in the longer side
        return _pinv_tangent(t.mT, k, p.mT, a.mT, rtol=rtol).mT
    return -(p @ t @ p) + p @ p.mT @ (t.mT - t.mT @ a @ p) + (t.mT - p @ a @ t.mT) @ p.mT @ p


def _pinv_composed(a: Node, *, rtol: float) -> Node | None:
    """The nodes that do what NumPy's function does, where they are machine code themselves."""
    if matrix_sizes(a) is None:
        return None
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    large = s > rtol * np.max(s, axis=-1, keepdims=True)
    inverses = np.where(large, 1 / np.where(large, s, 1), 0)
    return np.matmul(vt.mT, np.expand_dims(inverses, -1) * u.mT)


pseudoinverse = Operation(
    name="pinv",
    infer=_infer_pinv,
    reference=lambda a, *, rtol: np.linalg.pinv(a, rtol),
    exact=elimination.each("(m,n)->(n,m)", elimination.pseudoinverse),
    derivative=Tangents(_pinv_tangent),
    batch=lambda operands, batched, size, *, rtol: pseudoinverse(operands[0], rtol=rtol),
    lowering=Composed(_pinv_composed, Evaluated()),
    latex=r"{{{0}}}^{{+}}",
    samples=lambda: [
        Sample(a, rtol=1e-15) for a in (F([1, 2, "1/2"], [3, 1, 5]), F([1, 2], [-1, 3], [1, "1/3"]), SQUARES[1])
    ],
    rejects=lambda: [
        Sample(np.zeros(3), rtol=1e-15, words="pinv: expected matrices in the last two axes; got shape (3,)")
    ],
)


@reaches(np.linalg.pinv)
def _pinv(a: Any, rcond: Any = None, *, rtol: Any = 1e-15) -> Node:
    (a,) = floating(a)
    check_matrices("pinv", a.type)
    return pseudoinverse(a, rtol=_tolerance("pinv", rtol if rcond is None else rcond, a))


def _tolerance(name: str, value: Any, a: Node) -> float:
    """Which fraction of the largest singular value counts as zero; None stands for what rounding makes of zero."""
    if value is None:
        return max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    if not isinstance(value, (int, float, np.number)):
        got = f"{value!r}"
        raise ArgumentError(name, expected="one number as tolerance", got=got, remedy="Give a Python number.")
    return float(value)


@reaches(np.linalg.lstsq)
def _lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, ...]:
    """The least-squares solution of least norm, the squared residuals, the rank and the singular values.

    The residuals come wherever there are more rows than columns; NumPy leaves them out if the rank is deficient too.
    """
    a, b = floating(a, b)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            "lstsq",
            expected="a matrix, and a vector or a matrix of as many rows",
            got=f"shapes {a.shape} and {b.shape}",
            remedy="Use vmap for stacks.",
        )
    rows, columns = a.shape
    rtol = _tolerance("lstsq", rcond, a)
    rtol = rtol if rtol >= 0 else float(np.finfo(a.dtype).eps)
    x = pseudoinverse(a, rtol=rtol) @ b
    residuals = constant(np.empty(0), a.dtype)
    if rows > columns:
        residuals = np.sum((b - a @ x) ** 2, axis=0, keepdims=b.ndim == 1)
    values = np.linalg.svdvals(a)
    return x, residuals, cast(np.sum(values > rtol * values[:1]), np.intc), values


@reaches(np.linalg.matrix_rank)
def _matrix_rank(A: Any, tol: Any = None, *, rtol: Any = None) -> Node:
    a = as_node(A)
    if tol is not None and rtol is not None:
        raise ArgumentError(
            "matrix_rank", expected="one of tol and rtol", got=f"tol={tol!r} and rtol={rtol!r}", remedy="Leave one out."
        )
    if a.ndim < 2:
        return cast(np.any(a != 0), np.int64)
    values = np.linalg.svdvals(a)
    if tol is None:
        relative = max(a.shape[-2:]) * np.finfo(values.dtype).eps if rtol is None else np.expand_dims(rtol, -1)
        tol = np.max(values, axis=-1, keepdims=True, initial=0) * relative
    else:
        tol = np.expand_dims(tol, -1)
    return np.count_nonzero(values > tol, axis=-1)
