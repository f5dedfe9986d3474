"""Matrix decompositions: Cholesky, QR, symmetric eigenvalues, singular values; batched over the leading axes.

Signs are those of the factors that NumPy returned, and the derivative is that of these factors. Where eigenvalues or
singular values coincide, their vectors have no derivative: the pair's contribution, a quotient by zero, is taken as 0,
which is right for every function of the matrix that does not depend on the choice of vectors.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, UnsupportedError
from chainrule.evaluate.exact import inexact
from chainrule.graph import Evaluated, Node, Operation, Routine, Sample, Tangents, constant, reaches
from chainrule.ops import elimination
from chainrule.ops.lapack import matrix_sizes, square_sizes
from chainrule.ops.linalg import check_matrices, floating, infer_square, not_square, triangular_solve
from chainrule.ops.samples import F
from chainrule.types import ArrayType


@cache
def _named(function: Any) -> Any:
    """The type of NumPy's own result, which has no public name. Asking LAPACK takes 2 ms, at the first use."""
    return type(function(np.eye(1)))


def _irrational(name: str) -> Any:
    def exact(a: np.ndarray, **_: Any) -> Any:
        raise inexact(name, f"{name} of a matrix {a.shape}, whose roots are seldom rational")

    return exact


def symmetric(t: Any, lower: bool = True) -> Any:
    """The symmetric matrix of which one triangle is given."""
    return np.tril(t) + np.tril(t, -1).mT if lower else np.triu(t) + np.triu(t, 1).mT


def safe_reciprocal(x: Any) -> Any:
    """1/x, and 0 for 0."""
    zero = x == 0
    return np.where(zero, 0, 1 / np.where(zero, 1, x))


def _columns(x: Any) -> Any:
    """A number for each column of a matrix, as something to multiply it by."""
    return np.expand_dims(x, -2)


def _rows(x: Any) -> Any:
    return np.expand_dims(x, -1)


# ---------------------------------------------------------------------------------------------- Cholesky


def _cholesky_tangent(t: Node, k: int, l: Node, a: Node) -> Node:  # noqa: E741
    """dl = l phi(l^-1 da l^-T), where phi takes the lower triangle and half the diagonal.

    Murray, Differentiation of the Cholesky Decomposition (2016). NumPy reads one triangle only, and so does the
    tangent: a symmetric gradient is that of cholesky((a + a.mT) / 2).
    """
    half = triangular_solve(l, symmetric(t), lower=True)
    middle = triangular_solve(l, half.mT, lower=True)
    n = a.shape[-1]
    return l @ (middle * constant(np.tril(np.ones((n, n))) - np.eye(n) / 2, a.dtype))


cholesky = Operation(
    name="cholesky",
    infer=infer_square("cholesky", lambda kind: kind),
    reference=np.linalg.cholesky,
    exact=elimination.each("(n,n)->(n,n)", elimination.cholesky),
    derivative=Tangents(_cholesky_tangent),
    batch=lambda operands, batched, size: cholesky(operands[0]),
    lowering=Routine("cholesky", square_sizes, Evaluated()),
    latex=r"\operatorname{{chol}} {0}",
    samples=lambda: [
        Sample(F([4, 7], [2, 10])),
        Sample(F([[9, 0], [3, 5]], [["1/4", 0], [1, 8]])),
        Sample(F([4, 2, -2], [2, 10, "1/2"], [-2, 5, "21/4"])),
        Sample(F([2, 1], [1, 3])),
    ],
    rejects=lambda: not_square("cholesky"),
)


@reaches(np.linalg.cholesky)
def _cholesky(a: Any, /, *, upper: bool = False) -> Node:
    (a,) = floating(a)
    return cholesky(np.swapaxes(a, -1, -2)).mT if upper and a.ndim > 1 else cholesky(a)


# ---------------------------------------------------------------------------------------------- QR


def _infer_qr(kind: ArrayType) -> tuple[ArrayType, ArrayType]:
    check_matrices("qr", kind)
    rows, columns = kind.shape[-2:]
    if rows < columns:
        raise ArgumentError(
            "qr",
            expected="at least as many rows as columns",
            got=f"shape {kind.shape}",
            remedy="Write np.linalg.qr, which splits wide ones.",
        )
    return kind, ArrayType((*kind.shape[:-2], columns, columns), kind.dtype)


def _qr_tangent(t: Node, k: int, result: tuple[Node, Node], a: Node) -> tuple[Node, Node]:
    """With x = da r^-1 and m = q^T x: what m has below its diagonal makes the antisymmetric q^T dq, the rest dr r^-1.

    Walter and Lehmann, Algorithmic Differentiation of Linear Algebra Functions with Application in Optimum Experimental
    Design (2010). The columns must be linearly independent.
    """
    q, r = result
    x = triangular_solve(r.mT, t.mT, lower=True).mT
    m = q.mT @ x
    below = np.tril(m, -1)
    upper = m - below + below.mT
    return x - q @ upper, upper @ r


orthogonal = Operation(
    name="qr",
    infer=_infer_qr,
    reference=lambda a: tuple(np.linalg.qr(a)),
    exact=elimination.each("(m,n)->(m,n),(n,n)", elimination.qr),
    derivative=Tangents(_qr_tangent),
    batch=lambda operands, batched, size: orthogonal(operands[0]),
    lowering=Routine("qr", matrix_sizes, Evaluated()),
    latex=r"\operatorname{{qr}} {0}",
    samples=lambda: [
        Sample(F([3, 1], [4, 7])),
        Sample(F([[-4, 2], [3, 5]], [[5, 2], [12, 1]])),
        Sample(F([2, 3], [1, 4], [2, -2])),
        Sample(F([1, 2], [3, 4])),
    ],
    rejects=lambda: [
        Sample(np.zeros((2, 3)), words="at least as many rows as columns; got shape (2, 3)"),
        Sample(np.zeros(3), words="got shape (3,)"),
    ],
)


@reaches(np.linalg.qr)
def _qr(a: Any, mode: str = "reduced") -> Any:
    (a,) = floating(a)
    check_matrices("qr", a.type)
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "r") and not (mode == "complete" and rows <= columns):
        raise UnsupportedError(
            "qr",
            expected="mode='reduced' or 'r', or 'complete' where there are no more rows than columns",
            got=f"mode={mode!r} for shape {a.shape}",
            remedy="Take mode='reduced': the columns that complete q are arbitrary, without derivative.",
        )
    q, r = orthogonal(a[..., :rows]).results
    if columns > rows:  # the square block decides q; the columns beyond it follow
        r = np.concatenate([r, q.mT @ a[..., rows:]], axis=-1)
    return r if mode == "r" else _named(np.linalg.qr)(q, r)


# ---------------------------------------------------------------------------------------------- symmetric eigenvalues


def _eigh_tangent(t: Node, k: int, result: tuple[Node, Node], a: Node, *, lower: bool) -> tuple[Any, Any]:
    """With p = v^T da v: dw is the diagonal of p, and dv = v (f * p) with f_ij = 1 / (w_j - w_i) off the diagonal.

    Giles (2008), section 3.1. NumPy reads one triangle only, and so does the tangent.
    """
    w, v = result
    p = v.mT @ symmetric(t, lower) @ v
    return np.diagonal(p, axis1=-2, axis2=-1), v @ (safe_reciprocal(_columns(w) - _rows(w)) * p)


def _eigen_sizes(a: Node, *, lower: bool) -> tuple[int, ...] | None:
    sizes = square_sizes(a)
    return None if sizes is None else (*sizes, int(lower))


eigen = Operation(
    name="eigh",
    infer=infer_square("eigh", lambda kind: (ArrayType(kind.shape[:-1], kind.dtype), kind)),
    reference=lambda a, *, lower: tuple(np.linalg.eigh(a, "L" if lower else "U")),
    exact=_irrational("eigh"),
    derivative=Tangents(_eigh_tangent),
    batch=lambda operands, batched, size, *, lower: eigen(operands[0], lower=lower),
    lowering=Routine("eigh", _eigen_sizes, Evaluated()),
    latex=r"\operatorname{{eigh}} {0}",
    samples=lambda: [
        Sample(F([4, 7], [2, 10]), lower=True),
        Sample(F([[4, 7], [2, 1]], [[3, 1], [5, -2]]), lower=False),
    ],
    rejects=lambda: not_square("eigh", lower=True),
)


@reaches(np.linalg.eigh)
def _eigh(a: Any, UPLO: str = "L") -> Any:
    if UPLO.upper() not in ("L", "U"):
        raise ArgumentError(
            "eigh", expected="UPLO='L' or 'U'", got=repr(UPLO), remedy="Name the triangle that is to be read."
        )
    return _named(np.linalg.eigh)(*eigen(*floating(a), lower=UPLO.upper() == "L").results)


@reaches(np.linalg.eigvalsh)
def _eigvalsh(a: Any, UPLO: str = "L") -> Node:
    return _eigh(a, UPLO).eigenvalues


# ---------------------------------------------------------------------------------------------- singular values


def _infer_svd(kind: ArrayType) -> tuple[ArrayType, ArrayType, ArrayType]:
    check_matrices("svd", kind)
    *lead, rows, columns = kind.shape
    k = min(rows, columns)
    return (
        ArrayType((*lead, rows, k), kind.dtype),
        ArrayType((*lead, k), kind.dtype),
        ArrayType((*lead, k, columns), kind.dtype),
    )


def _svd_tangent(t: Node, k: int, result: tuple[Node, Node, Node], a: Node) -> tuple[Any, Any, Any]:
    """With p = u^T da v: ds is the diagonal of p, u^T du = f * (p s + s p^T), v^T dv = f * (s p + p^T s), where
    f_ij = 1 / (s_j^2 - s_i^2) off the diagonal; what is orthogonal to u and v comes from da itself.

    Giles (2008), section 3.2; Townsend, Differentiating the Singular Value Decomposition (2016).
    """
    u, s, vt = result
    v, rows, columns = vt.mT, _rows(s), _columns(s)
    p = u.mT @ t @ v
    f = safe_reciprocal((columns - rows) * (columns + rows))
    du = u @ (f * (p * columns + rows * p.mT))
    dv = v @ (f * (rows * p + p.mT * columns))
    if a.shape[-2] > s.shape[-1]:
        du = du + (t @ v - u @ p) * safe_reciprocal(columns)
    if a.shape[-1] > s.shape[-1]:
        dv = dv + (t.mT @ u - v @ p.mT) * safe_reciprocal(columns)
    return du, np.diagonal(p, axis1=-2, axis2=-1), dv.mT


singular = Operation(
    name="svd",
    infer=_infer_svd,
    reference=lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    exact=_irrational("svd"),
    derivative=Tangents(_svd_tangent),
    batch=lambda operands, batched, size: singular(operands[0]),
    lowering=Routine("svd", matrix_sizes, Evaluated()),
    latex=r"\operatorname{{svd}} {0}",
    samples=lambda: [
        Sample(F([4, 1], [2, 5])),
        Sample(F([1, 2, "1/2"], [3, 1, 5])),
        Sample(F([[4, 1], [2, 1], [0, 3]], [[3, 1], [5, 2], [1, -1]])),
    ],
    rejects=lambda: [Sample(np.zeros(3), words="svd: expected matrices in the last two axes; got shape (3,)")],
)


@reaches(np.linalg.svd)
def _svd(a: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    (a,) = floating(a)
    check_matrices("svd", a.type)
    if compute_uv and full_matrices and a.shape[-1] != a.shape[-2]:
        raise UnsupportedError(
            "svd",
            expected="full_matrices=False where the matrix is not square",
            got=f"full_matrices=True for shape {a.shape}",
            remedy="Set full_matrices=False: the vectors that complete u or v are arbitrary, without derivative.",
        )
    result = _named(np.linalg.svd)(*singular(a).results)
    return result if compute_uv else result.S


@reaches(np.linalg.svdvals)
def _svdvals(x: Any, /) -> Node:
    return _svd(x, compute_uv=False)
