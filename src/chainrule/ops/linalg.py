"""Linear algebra: systems of equations, inverses and determinants, batched over the leading axes.

Derivatives: Giles, Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic Differentiation (2008).
A singular matrix raises `numpy.linalg.LinAlgError` when it is evaluated, as in NumPy. Factorisations are in
`linalg_decompositions.py`, what serves matrices that are not square in `least_squares.py`.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.evaluate.exact import inexact
from chainrule.graph import (
    Composed,
    Evaluated,
    Linear,
    Node,
    Operation,
    Routine,
    Sample,
    Tangents,
    as_node,
    constant,
    reaches,
)
from chainrule.ops import elimination
from chainrule.ops.declare import cast
from chainrule.ops.lapack import matrix_sizes, square_sizes
from chainrule.ops.samples import F
from chainrule.types import ArrayType, broadcast_shapes, normalize_axis

SlogdetResult: Any = type(np.linalg.slogdet(np.eye(1)))


# ---------------------------------------------------------------------------------------------- what operands must be


def floating(*operands: Any) -> list[Node]:
    """The operands as nodes in the precision that `numpy.linalg` computes in: float32 if all are, else float64."""
    nodes = [as_node(operand) for operand in operands]
    single = all(node.dtype == np.float32 for node in nodes)
    return [cast(node, np.float32 if single else np.float64) for node in nodes]


def check_matrices(name: str, kind: ArrayType, *, square: bool = False) -> None:
    """Raise where the operand is not a stack of (square) matrices of floating-point numbers."""
    if kind.dtype.kind != "f":
        raise DtypeError(
            name, expected="float64 or float32", got=kind.dtype.name, remedy="Apply astype to the operand."
        )
    if kind.ndim < 2 or (square and kind.shape[-1] != kind.shape[-2]):
        matrices = "square matrices" if square else "matrices"
        raise ShapeError(
            name, expected=f"{matrices} in the last two axes", got=f"shape {kind.shape}", remedy="Reshape the operand."
        )


def infer_square(name: str, result: Any) -> Any:
    """The type rule of an operation on square matrices; `result(kind)` is the type of what it makes of them."""

    def infer(kind: ArrayType, **_: Any) -> Any:
        check_matrices(name, kind, square=True)
        return result(kind)

    return infer


def not_square(name: str, **parameters: Any) -> list[Sample]:
    """What an operation on square matrices must refuse."""
    return [
        Sample(
            np.zeros((2, 3)),
            words=f"{name}: expected square matrices in the last two axes; got shape (2, 3)",
            **parameters,
        ),
        Sample(np.zeros(3), words="got shape (3,)", **parameters),
        Sample(np.zeros((2, 2), int), words="got int64", **parameters),
    ]


def trace_of_product(x: Node, y: Node) -> Node:
    """tr(x y) of each pair of matrices."""
    return np.einsum("...ij,...ji->...", x, y)


SQUARES = [F([2, 1], [3, 5]), F([[2, "1/2"], [1, 3]], [[-1, 4], [2, 5]]), F([2, 1, "1/2"], [-1, 3, 1], [1, "1/3", -2])]


# ---------------------------------------------------------------------------------------------- systems of equations


def _infer_solve(a: ArrayType, b: ArrayType, *, triangle: str) -> ArrayType:
    check_matrices("solve", a, square=True)
    check_matrices("solve", b)
    if a.dtype != b.dtype:
        raise DtypeError(
            "solve",
            expected="operands of one dtype",
            got=f"{a.dtype} and {b.dtype}",
            remedy="Apply astype to one of them.",
        )
    if b.shape[:-1] != a.shape[:-1]:
        raise ShapeError(
            "solve",
            expected="a row of the right side for each row of the matrix",
            got=f"shapes {a.shape} and {b.shape}",
            remedy="Give axis -2 of both the same length.",
        )
    if triangle not in _MIRROR:
        raise ArgumentError(
            "solve", expected="triangle='lower', 'upper' or 'none'", got=repr(triangle), remedy="Choose one of them."
        )
    return b


_MIRROR = {"none": "none", "lower": "upper", "upper": "lower"}
_PART: dict[str, Any] = {"none": lambda a: a, "lower": np.tril, "upper": np.triu}


def _solve_in_numpy(a: np.ndarray, b: np.ndarray, *, triangle: str) -> np.ndarray:
    if triangle == "lower":  # backwards it is an upper triangle, which is its own LU: plain back substitution
        return np.linalg.solve(np.tril(a)[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]
    return np.linalg.solve(_PART[triangle](a), b)


def _solve_exactly(a: np.ndarray, b: np.ndarray, *, triangle: str) -> Any:
    return elimination.each("(n,n),(n,k)->(n,k)", elimination.solve)(_PART[triangle](a), b)


def _batch_solve(operands: Sequence[Any], batched: Sequence[bool], size: int, *, triangle: str) -> Any:
    a, b = operands
    if batched[0]:
        return solve(a, b if batched[1] else np.broadcast_to(b, (size, *b.shape)), triangle=triangle)
    columns = np.moveaxis(b, 0, -1)  # one matrix serves all: the new axis joins the columns of the right side
    solution = solve(a, np.reshape(columns, (*columns.shape[:-2], columns.shape[-2] * size)), triangle=triangle)
    return np.moveaxis(np.reshape(solution, columns.shape), -1, 0)


def _solve_sizes(a: Any, b: Any, *, triangle: str) -> tuple[int, ...] | None:
    sizes = matrix_sizes(a, b)
    return None if sizes is None else (*sizes, list(_MIRROR).index(triangle))


def _system(a: np.ndarray, **parameters: Any) -> Sample:
    right = np.stack([a[..., 0] + 1, a[..., 1] * 2 - 1, a[..., 0] * a[..., 1]], axis=-1)
    return Sample(a, right, **parameters)


solve = Operation(
    name="solve",
    infer=_infer_solve,
    reference=_solve_in_numpy,
    exact=_solve_exactly,
    # d(a^-1 b) = a^-1 (db - da x); only the triangle that is read has a derivative.
    derivative=(
        Tangents(
            lambda t, k, x, a, b, *, triangle: -solve(a, _PART[triangle](t) @ x, triangle=triangle), operands=(0,)
        ),
        Linear(lambda g, k, a, b, *, triangle: solve(a.mT, g, triangle=_MIRROR[triangle]), operands=(1,)),
    ),
    batch=_batch_solve,
    lowering=Routine("solve", _solve_sizes, Evaluated()),
    latex=r"{{{0}}}^{{-1}}\,{1}",
    samples=lambda: [_system(a, triangle=triangle) for a in SQUARES for triangle in _MIRROR],
    rejects=lambda: [
        Sample(
            np.zeros((2, 3)),
            np.zeros((2, 1)),
            triangle="none",
            words="square matrices in the last two axes; got shape (2, 3)",
        ),
        Sample(np.zeros((2, 2)), np.zeros(2), triangle="none", words="got shape (2,)"),
        Sample(np.zeros((2, 2)), np.zeros((3, 1)), triangle="none", words="shapes (2, 2) and (3, 1)"),
        Sample(np.zeros((2, 2)), np.zeros((2, 1), np.float32), triangle="none", words="float64 and float32"),
        Sample(np.zeros((2, 2)), np.zeros((2, 1)), triangle="left", words="'left'"),
    ],
)


def triangular_solve(a: Node, b: Node, *, lower: bool) -> Node:
    """x in a x = b for a triangle a, by substitution; what is beyond the triangle is not read."""
    return solve(a, b, triangle="lower" if lower else "upper")


@reaches(np.linalg.solve)
def _solve(a: Any, b: Any) -> Node:
    a, b = floating(a, b)
    check_matrices("solve", a.type, square=True)
    if b.ndim == 1:  # a vector; anything else is a stack of matrices
        return np.squeeze(_solve(a, np.expand_dims(b, -1)), -1)
    check_matrices("solve", b.type)
    lead = broadcast_shapes("solve", a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))
    return solve(a, b, triangle="none")


@reaches(np.linalg.tensorsolve)
def _tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    a, b = as_node(a), as_node(b)
    if axes is not None:
        last = [normalize_axis("tensorsolve", axis, a.ndim) for axis in axes]
        a = np.transpose(a, (*(axis for axis in range(a.ndim) if axis not in last), *last))
    shape = a.shape[b.ndim :]
    if a.shape[: b.ndim] != b.shape or math.prod(shape) != b.size:
        raise ShapeError(
            "tensorsolve",
            expected="axes of the matrix that begin with those of the right side, the rest of the same size",
            got=f"shapes {a.shape} and {b.shape}",
            remedy="Move the summed axes to the end with axes=.",
        )
    return np.reshape(_solve(np.reshape(a, (b.size, b.size)), np.ravel(b)), shape)


# ---------------------------------------------------------------------------------------------- inverses

inverse = Operation(
    name="inv",
    infer=infer_square("inv", lambda kind: kind),
    reference=np.linalg.inv,
    exact=elimination.each("(n,n)->(n,n)", elimination.inverse),
    derivative=Tangents(lambda t, k, x, a: -(x @ t @ x)),
    batch=lambda operands, batched, size: inverse(operands[0]),
    lowering=Routine("inv", square_sizes, Evaluated()),
    latex=r"{{{0}}}^{{-1}}",
    samples=lambda: [Sample(a) for a in SQUARES],
    rejects=lambda: not_square("inv"),
)


@reaches(np.linalg.inv)
def _inv(a: Any) -> Node:
    return inverse(*floating(a))


@reaches(np.linalg.tensorinv)
def _tensorinv(a: Any, ind: int = 2) -> Any:
    a = as_node(a)
    rows, columns = a.shape[:ind], a.shape[ind:]
    if ind <= 0 or math.prod(rows) != math.prod(columns):
        raise ShapeError(
            "tensorinv",
            expected=f"as many elements in the first {ind} axes as in the others",
            got=f"shape {a.shape}",
            remedy="Choose another ind.",
        )
    return np.reshape(_inv(np.reshape(a, (math.prod(rows), math.prod(columns)))), columns + rows)


@reaches(np.linalg.matrix_power)
def _matrix_power(a: Any, n: Any) -> Any:
    a = as_node(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            "matrix_power",
            expected="square matrices in the last two axes",
            got=f"shape {a.shape}",
            remedy="Reshape the operand.",
        )
    try:
        n = operator.index(n)
    except TypeError:
        raise ArgumentError(
            "matrix_power", expected="an integer exponent", got=f"{n!r}", remedy="Give a Python integer."
        ) from None
    if n == 0:
        return np.broadcast_to(constant(np.eye(a.shape[-1]), a.dtype), a.shape)
    power, result = (_inv(a) if n < 0 else a), None
    for bit in reversed(bin(abs(n))[2:]):
        if bit == "1":
            result = power if result is None else result @ power
        power = power @ power  # the last square is not used, and so not part of the graph
    return result


# ---------------------------------------------------------------------------------------------- determinants


def _adjugate_in_numpy(a: np.ndarray) -> np.ndarray:
    """adj(u s v) = det(u v) v^T adj(s) u^T: from the singular values, so that a singular matrix has one too."""
    u, s, vt = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.where(np.eye(n, dtype=bool), np.ones((), a.dtype), np.expand_dims(s, -2)).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return np.matmul(vt.mT * (others * sign[..., None])[..., None, :], u.mT)


def _adjugate_composed(a: Node) -> Node | None:
    """The nodes that do what `_adjugate_in_numpy` does, where they are machine code themselves."""
    if square_sizes(a) is None:
        return None
    u, s, vt = np.linalg.svd(a)
    one = np.broadcast_to(constant(np.ones(()), a.dtype), a.shape)
    others = np.where(np.eye(a.shape[-1], dtype=bool), one, np.expand_dims(s, -2)).prod(-1)
    sign = determinant(u) * determinant(vt)
    return np.matmul(vt.mT * (others * np.expand_dims(sign, -1))[..., None, :], u.mT)


def _adjugate_tangent(t: Node, k: int, x: Node, a: Node) -> Node:
    """d adj(a) = (tr(adj(a) da) adj(a) - adj(a) da adj(a)) / det(a), unless a is singular."""
    change, value = (np.expand_dims(number, (-2, -1)) for number in (trace_of_product(x, t), determinant(a)))
    return (x * change - x @ t @ x) / value


adjugate = Operation(
    name="adjugate",
    infer=infer_square("adjugate", lambda kind: kind),
    reference=_adjugate_in_numpy,
    exact=elimination.each("(n,n)->(n,n)", lambda a: elimination.determinant_and_adjugate(a)[1]),
    derivative=Tangents(_adjugate_tangent),
    batch=lambda operands, batched, size: adjugate(operands[0]),
    lowering=Composed(_adjugate_composed, Evaluated()),
    latex=r"\operatorname{{adj}} {0}",
    samples=lambda: [Sample(a) for a in SQUARES],
    rejects=lambda: not_square("adjugate"),
)


determinant = Operation(
    name="det",
    infer=infer_square("det", lambda kind: ArrayType(kind.shape[:-2], kind.dtype)),
    reference=np.linalg.det,
    exact=elimination.each("(n,n)->()", lambda a: elimination.determinant_and_adjugate(a)[0]),
    # Jacobi's formula, d det(a) = tr(adj(a) da). It holds for singular matrices too; the second derivative does not.
    derivative=Tangents(lambda t, k, x, a: trace_of_product(adjugate(a), t)),
    batch=lambda operands, batched, size: determinant(operands[0]),
    lowering=Routine("det", square_sizes, Evaluated()),
    latex=r"\det {0}",
    samples=lambda: [Sample(a) for a in SQUARES],
    rejects=lambda: not_square("det"),
)


@reaches(np.linalg.det)
def _det(a: Any) -> Node:
    return determinant(*floating(a))


def _slogdet_exactly(a: np.ndarray) -> tuple[Any, Any]:
    value = elimination.determinant_and_adjugate(a)[0]
    if value != 1 and value != -1:
        raise inexact("slogdet", f"the logarithm of {abs(value)}")
    return (1, value - 1) if value > 0 else (-1, -value - 1)  # log(1 + e) is e for the slope e of a dual number


sign_and_log = Operation(
    name="slogdet",
    infer=infer_square("slogdet", lambda kind: (ArrayType(kind.shape[:-2], kind.dtype),) * 2),
    reference=lambda a: tuple(np.linalg.slogdet(a)),
    exact=elimination.each("(n,n)->(),()", _slogdet_exactly),
    derivative=Tangents(lambda t, k, result, a: (None, trace_of_product(inverse(a), t))),
    batch=lambda operands, batched, size: sign_and_log(operands[0]),
    lowering=Routine("slogdet", square_sizes, Evaluated()),
    latex=r"\operatorname{{slogdet}} {0}",
    samples=lambda: [Sample(F([2, 1], [1, 1])), Sample(F([[1, 2], [1, 1]], [[2, 3], [1, 2]])), Sample(SQUARES[0])],
    rejects=lambda: not_square("slogdet"),
)


@reaches(np.linalg.slogdet)
def _slogdet(a: Any) -> Any:
    return SlogdetResult(*sign_and_log(*floating(a)).results)
