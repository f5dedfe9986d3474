"""Errors of linear algebra: `ops/linalg.py`, `linalg_decompositions.py`, `least_squares.py`, `elimination.py`."""

from fractions import Fraction

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS

A, WIDE, V = np.eye(3), np.ones((2, 3)), np.ones(3)
solve = OPERATIONS["solve"]


def exactly(function, matrix):
    """Evaluate a function of a matrix in fractions."""
    return cr.evaluate_exactly(cr.trace(function, np.ones(np.shape(matrix))), matrix)


EXAMPLES = [
    ("the inverse of a matrix that is not square", lambda: cr.trace(np.linalg.inv, WIDE)),
    ("the determinant of a vector", lambda: cr.trace(np.linalg.det, V)),
    ("a system with another right side", lambda: cr.trace(lambda a: np.linalg.solve(a, np.ones(2)), A)),
    ("a system of different dtypes", lambda: solve(A, np.ones((3, 1), np.float32), triangle="none")),
    ("a system in a triangle that is none", lambda: solve(A, np.ones((3, 1)), triangle="left")),
    ("a decomposition of integers", lambda: OPERATIONS["cholesky"](np.eye(3, dtype=int))),
    ("tensorsolve with another right side", lambda: cr.trace(lambda a: np.linalg.tensorsolve(a, np.ones(2)), A)),
    ("tensorinv of other axes", lambda: cr.trace(lambda a: np.linalg.tensorinv(a, ind=1), WIDE)),
    ("a power of a matrix that is not square", lambda: cr.trace(lambda a: np.linalg.matrix_power(a, 2), WIDE)),
    ("a power of a matrix that is no integer", lambda: cr.trace(lambda a: np.linalg.matrix_power(a, 0.5), A)),
    ("the QR decomposition of a wide matrix", lambda: OPERATIONS["qr"](WIDE)),
    ("a QR decomposition in a mode that is not traced", lambda: cr.trace(lambda a: np.linalg.qr(a, mode="raw"), A)),
    ("a complete QR decomposition of a tall matrix", lambda: cr.trace(lambda a: np.linalg.qr(a, "complete"), WIDE.T)),
    ("eigh of a triangle that is none", lambda: cr.trace(lambda a: np.linalg.eigh(a, UPLO="X"), A)),
    ("svd with full matrices", lambda: cr.trace(np.linalg.svd, WIDE)),
    ("least squares with another right side", lambda: cr.trace(lambda a: np.linalg.lstsq(a, V), WIDE)),
    ("a tolerance that is no number", lambda: cr.trace(lambda a: np.linalg.pinv(a, rcond="small"), WIDE)),
    ("two tolerances", lambda: cr.trace(lambda a: np.linalg.matrix_rank(a, tol=0.1, rtol=0.1), A)),
    ("eigenvalues in fractions", lambda: exactly(np.linalg.eigvalsh, [[2, 1], [1, 2]])),
    ("a logarithm of a determinant in fractions", lambda: exactly(np.linalg.slogdet, [[2, 0], [0, Fraction(1, 3)]])),
]
