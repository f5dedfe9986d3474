"""Linear algebra. Functions of symmetric matrices are tested on a symmetric one that is made of the input."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

_random = np.random.default_rng(11)


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


def _regular(*shape: int) -> np.ndarray:
    """Well-conditioned square matrices."""
    return _array(*shape) / 2 + 3 * np.eye(shape[-1])


def _tall(*shape: int) -> np.ndarray:
    """Matrices of full rank, when rounded to integers too."""
    return _array(*shape) / 3 + 3 * np.eye(*shape)


def _positive(x):
    """A symmetric positive definite matrix made of any square one."""
    return x @ np.swapaxes(x, -1, -2) + np.diag(np.arange(1.0, 1 + x.shape[-1]))


def _sum_of_all(*parts):
    """One number that every part of a result takes part in."""
    return sum(np.sum(part * np.cos(np.arange(float(np.prod(part.shape)))).reshape(part.shape)) for part in parts)


CASES = [
    Case("numpy.linalg.solve", np.linalg.solve, (_regular(3, 3), _array(3, 2))),
    Case("numpy.linalg.solve", np.linalg.solve, (_regular(3, 3), _array(3)), "vector"),
    Case("numpy.linalg.solve", np.linalg.solve, (_regular(2, 2, 2), _array(2, 2, 1)), "stack"),
    Case("numpy.linalg.solve", np.linalg.solve, (_regular(2, 2), _array(3, 2, 2)), "broadcast"),
    Case("numpy.linalg.solve", np.linalg.solve, (_regular(2, 2, 2), _array(2)), "stack-and-vector"),
    Case("numpy.linalg.tensorsolve", np.linalg.tensorsolve, (_regular(6, 6).reshape(2, 3, 2, 3), _array(2, 3))),
    Case(
        "numpy.linalg.tensorsolve",
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        (_regular(4, 4).reshape(2, 2, 2, 2).swapaxes(0, 1), _array(2, 2)),
        "axes",
    ),
    Case("numpy.linalg.inv", np.linalg.inv, (_regular(3, 3),)),
    Case("numpy.linalg.inv", np.linalg.inv, (_regular(2, 2, 2),), "stack"),
    Case("numpy.linalg.inv", np.linalg.inv, (np.zeros((0, 0)),), "empty"),
    Case("numpy.linalg.tensorinv", lambda a: np.linalg.tensorinv(a, ind=1), (_regular(4, 4).reshape(4, 2, 2),)),
    Case("numpy.linalg.det", np.linalg.det, (_regular(3, 3),)),
    Case("numpy.linalg.det", np.linalg.det, (_regular(2, 2, 2),), "stack"),
    Case("numpy.linalg.det", np.linalg.det, (_array(1, 1),), "one"),
    Case("numpy.linalg.slogdet", lambda a: np.linalg.slogdet(a).logabsdet, (_regular(3, 3),)),
    Case(
        "numpy.linalg.slogdet",
        lambda a: np.linalg.slogdet(a)[0] * np.linalg.slogdet(a)[1],
        (-_regular(2, 3, 3),),
        "stack-and-sign",
    ),
    Case("numpy.linalg.cholesky", lambda a: np.linalg.cholesky(_positive(a)), (_array(3, 3),)),
    Case(
        "numpy.linalg.cholesky",
        lambda a: np.linalg.cholesky(_positive(a), upper=True),
        (_array(2, 2, 2),),
        "upper-stack",
    ),
    Case("numpy.linalg.qr", lambda a: np.linalg.qr(a)[0], (_array(3, 3),), "q-of-square"),
    Case("numpy.linalg.qr", lambda a: np.linalg.qr(a).R, (_array(3, 2),), "r-of-tall"),
    Case("numpy.linalg.qr", lambda a: _sum_of_all(*np.linalg.qr(a)), (_array(4, 2),), "both-of-tall"),
    Case("numpy.linalg.qr", lambda a: _sum_of_all(*np.linalg.qr(a)), (_array(2, 4),), "both-of-wide"),
    Case("numpy.linalg.qr", lambda a: np.linalg.qr(a, mode="r"), (_array(2, 3, 2),), "r-only-stack"),
    Case("numpy.linalg.qr", lambda a: _sum_of_all(*np.linalg.qr(a, mode="complete")), (_array(2, 3),), "complete-wide"),
    Case("numpy.linalg.eigh", lambda a: np.linalg.eigh(_positive(a)).eigenvalues, (_array(3, 3),), "values"),
    Case("numpy.linalg.eigh", lambda a: np.linalg.eigh(_positive(a), UPLO="U")[1], (_array(3, 3),), "vectors-upper"),
    Case("numpy.linalg.eigh", lambda a: _sum_of_all(*np.linalg.eigh(_positive(a))), (_array(2, 2, 2),), "both-stack"),
    Case(
        "numpy.linalg.eigh",
        lambda a: np.linalg.eigh(a)[0],
        (_array(3, 3) + np.diag([0.0, 4.0, 9.0]),),
        "lower-triangle",
    ),
    Case("numpy.linalg.eigvalsh", lambda a: np.linalg.eigvalsh(_positive(a)), (_array(3, 3),)),
    Case(
        "numpy.linalg.eigvalsh",
        lambda a: np.linalg.eigvalsh(a, "U"),
        (_array(3, 3) + np.diag([0.0, 4.0, 9.0]),),
        "upper-triangle",
    ),
    Case("numpy.linalg.svd", lambda a: _sum_of_all(*np.linalg.svd(a)), (_array(3, 3),), "square"),
    Case("numpy.linalg.svd", lambda a: _sum_of_all(*np.linalg.svd(a, full_matrices=False)), (_array(4, 2),), "tall"),
    Case(
        "numpy.linalg.svd",
        lambda a: _sum_of_all(*np.linalg.svd(a, full_matrices=False)),
        (_array(2, 2, 3),),
        "wide-stack",
    ),
    Case("numpy.linalg.svd", lambda a: np.linalg.svd(a, compute_uv=False), (_array(3, 2),), "values"),
    Case("numpy.linalg.svdvals", np.linalg.svdvals, (_array(2, 3),)),
    Case("numpy.linalg.lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], (_array(4, 2), _array(4)), "solution-of-tall"),
    Case("numpy.linalg.lstsq", lambda a, b: np.linalg.lstsq(a, b)[0], (_array(2, 4), _array(2, 2)), "solution-of-wide"),
    Case(
        "numpy.linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b, rcond=None)[1],
        (_tall(4, 2), 3 * _array(4, 3)),
        "residuals",
    ),
    Case(
        "numpy.linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b, rcond=-1)[1],
        (_tall(4, 2), 3 * _array(4)),
        "residuals-of-vector",
    ),
    Case(
        "numpy.linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b)[1],
        (_array(2, 2), _array(2)),
        "no-residuals",
        differentiable=False,
    ),
    Case(
        "numpy.linalg.lstsq",
        lambda a, b: np.linalg.lstsq(a, b)[2],
        (_array(4, 2), _array(4)),
        "rank",
        differentiable=False,
    ),
    Case("numpy.linalg.lstsq", lambda a, b: np.linalg.lstsq(a, b)[3], (_array(4, 2), _array(4)), "singular-values"),
    Case("numpy.linalg.pinv", np.linalg.pinv, (_array(3, 2),), "tall"),
    Case("numpy.linalg.pinv", np.linalg.pinv, (_array(2, 2, 3),), "wide-stack"),
    Case("numpy.linalg.pinv", lambda a: np.linalg.pinv(a, rtol=None), (_regular(2, 2),), "square"),
    Case("numpy.linalg.pinv", lambda a: np.linalg.pinv(a, 1e-6), (_array(2, 3),), "rcond"),
    Case("numpy.linalg.matrix_power", lambda a: np.linalg.matrix_power(a, 5), (_regular(2, 2) / 3,), "five"),
    Case(
        "numpy.linalg.matrix_power",
        lambda a: np.linalg.matrix_power(a, 0),
        (_regular(2, 2),),
        "zero",
        differentiable=False,
    ),
    Case("numpy.linalg.matrix_power", lambda a: np.linalg.matrix_power(a, -2), (_regular(2, 2, 2),), "inverse-stack"),
    Case("numpy.linalg.matrix_rank", np.linalg.matrix_rank, (_array(3, 2),), differentiable=False),
    Case(
        "numpy.linalg.matrix_rank",
        np.linalg.matrix_rank,
        (np.array([[[1.0, 2], [2, 4]], [[1, 0], [0, 1]]]),),
        "stack",
        differentiable=False,
    ),
    Case(
        "numpy.linalg.matrix_rank",
        lambda a: np.linalg.matrix_rank(a, 5.0),
        (np.diag([1.0, 4, 9]),),
        "tolerance",
        differentiable=False,
    ),
    Case(
        "numpy.linalg.matrix_rank",
        lambda a: np.linalg.matrix_rank(a, rtol=0.2),
        (np.diag([1.0, 4, 9]),),
        "relative",
        differentiable=False,
    ),
    Case("numpy.linalg.matrix_rank", np.linalg.matrix_rank, (np.array([0.0, 1]),), "vector", differentiable=False),
]
