"""Linear algebra in exact arithmetic: over fractions, or whatever else has + - * / and can be compared with zero.

Nothing is rounded, so any pivot that is not zero will do. The functions take one matrix; `each` lifts them to stacks.
In products an array stands before a number, so that NumPy, not the number, multiplies.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.evaluate import exact_arithmetic


def each(signature: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function of matrices over stacks of them, as `numpy.vectorize` does it; it does not get the parameters."""
    outputs = signature.split("->")[1].count("(")
    stacked = np.vectorize(function, otypes=[object] * outputs, signature=signature)
    return lambda *arrays, **_: stacked(*arrays)


def identity(n: int) -> np.ndarray:
    """The identity matrix in fractions."""
    return np.array([[Fraction(int(i == j)) for j in range(n)] for i in range(n)], dtype=object).reshape(n, n)


def echelon(matrix: np.ndarray, columns: int) -> tuple[np.ndarray, list[int]]:
    """The reduced row echelon form by Gauss and Jordan, pivots in the first `columns` only; and the pivots' columns."""
    work, pivots = matrix.copy(), []
    for column in range(columns):
        row = len(pivots)
        found = next((k for k in range(row, len(work)) if work[k, column] != 0), None)
        if found is not None:
            work[[row, found]] = work[[found, row]]
            work[row] = work[row] / work[row, column]
            for k in (*range(row), *range(row + 1, len(work))):
                work[k] = work[k] - work[row] * work[k, column]
            pivots.append(column)
    return work, pivots


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x in a x = b."""
    n = len(a)
    work, pivots = echelon(np.concatenate([a, b], axis=1), n)
    if len(pivots) < n:
        raise np.linalg.LinAlgError("Singular matrix")
    return work[:, n:]


def inverse(a: np.ndarray) -> np.ndarray:
    """The inverse."""
    return solve(a, identity(len(a)))


def determinant_and_adjugate(a: np.ndarray) -> tuple[Any, np.ndarray]:
    """The determinant and the adjugate, by Faddeev and Le Verrier from the characteristic polynomial.

    They divide by whole numbers alone, so singular matrices are like any other.
    """
    n, power, coefficient = len(a), identity(len(a)) * 0, Fraction(1)
    for k in range(1, n + 1):
        power = np.dot(a, power) + identity(n) * coefficient
        coefficient = sum(np.diagonal(np.dot(a, power)), Fraction(0)) / -k
    return (-1) ** n * coefficient, (-1) ** (n + 1) * power


def pseudoinverse(a: np.ndarray) -> np.ndarray:
    """The Moore-Penrose inverse, from the factors of full rank a = c f that the echelon form gives (MacDuffee)."""
    work, pivots = echelon(a, a.shape[1])
    c, f = a[:, pivots], work[: len(pivots)]
    return np.dot(f.T, solve(np.dot(np.dot(c.T, a), f.T), c.T))


def cholesky(a: np.ndarray) -> np.ndarray:
    """The lower triangle l with a = l l^T, row by row; only the lower triangle of a is read."""
    n = len(a)
    result = identity(n) * 0
    for i in range(n):
        for j in range(i + 1):
            rest = a[i, j] - sum(result[i, :j] * result[j, :j], Fraction(0))
            if i == j and not rest > 0:
                raise np.linalg.LinAlgError("Matrix is not positive definite")
            result[i, j] = exact_arithmetic.sqrt(rest) if i == j else rest / result[j, j]
    return result


def qr(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The reduced factors of a tall matrix by Householder's reflections, with LAPACK's signs."""
    rows, columns = a.shape
    r, q = a.copy(), identity(rows)
    for k in range(columns):
        x = r[k:, k]
        if any(value != 0 for value in x[1:]):
            norm = exact_arithmetic.sqrt(np.dot(x, x))
            v = x.copy()
            v[0] = v[0] - norm if x[0] < 0 else v[0] + norm
            reflection = identity(rows)
            reflection[k:, k:] = reflection[k:, k:] - np.outer(v, v) * 2 / np.dot(v, v)
            r, q = np.dot(reflection, r), np.dot(q, reflection)
    return q[:, :columns], r[:columns]
