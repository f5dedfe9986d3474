"""Products of arrays and linear algebra.

Functions of symmetric matrices are given one that is made of the input. Where a decomposition leaves a sign open, what
is compared does not depend on it.
"""

from __future__ import annotations

import numpy as np
import torch

from tests.oracle.pairs import alike, pair

_random = np.random.default_rng(5)
la, ta = np.linalg, torch.linalg


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


def _regular(*shape: int) -> np.ndarray:
    """Well-conditioned square matrices."""
    return _array(*shape) / 2 + 3 * np.eye(shape[-1])


def positive(x):
    """A symmetric positive definite matrix made of any square one, here and in PyTorch."""
    return x @ x.mT + 1.0 * np.diag(np.arange(1.0, 1 + x.shape[-1]))


def torch_positive(x):
    return x @ x.mT + torch.diag(torch.arange(1, 1 + x.shape[-1], dtype=x.dtype))


def symmetric(x):
    return (x + x.mT) / 2


def weighted(u, s, v):
    """A function of singular or eigenvectors that the signs of the vectors do not change."""
    return (u * s[..., None, :] ** 2) @ v


PRODUCTS = [
    alike("numpy.matmul", lambda x, y: x @ y, _array(2, 3), _array(3, 4)),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(3), _array(3, 2), note="row"),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(2, 3), _array(3), note="column"),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(3), _array(3), note="vectors"),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(2, 1, 2, 3), _array(3, 3, 2), note="broadcast"),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(2, 2, 3), _array(3), note="stack and column"),
    pair("numpy.matmul", np.matmul, torch.matmul, _array(2, 0), _array(0, 3), note="empty sum"),
    alike("numpy.matmul", lambda x: x @ x.T, _array(2, 3), note="with itself"),
    pair("numpy.linalg.matmul", la.matmul, ta.matmul, _array(2, 3), _array(3, 2)),
    pair("numpy.dot", np.dot, torch.matmul, _array(2, 3), _array(3, 2)),
    pair("numpy.dot", np.dot, torch.dot, _array(3), _array(3), note="vectors"),
    pair(
        "numpy.dot",
        np.dot,
        lambda x, y: torch.tensordot(x, y, ([1], [1])),
        _array(2, 3),
        _array(2, 3, 2),
        note="many axes",
    ),
    pair("numpy.vdot", np.vdot, lambda x, y: torch.vdot(x.reshape(-1), y.reshape(-1)), _array(2, 3), _array(3, 2)),
    pair("numpy.inner", np.inner, torch.inner, _array(2, 3), _array(4, 3)),
    pair("numpy.outer", np.outer, lambda x, y: torch.outer(x.reshape(-1), y), _array(2, 2), _array(3)),
    pair("numpy.linalg.outer", la.outer, torch.outer, _array(2), _array(3)),
    pair("numpy.tensordot", np.tensordot, torch.tensordot, _array(2, 3, 2), _array(3, 2, 2)),
    pair(
        "numpy.tensordot",
        lambda x, y: np.tensordot(x, y, axes=([0, -1], [1, 0])),
        lambda x, y: torch.tensordot(x, y, ([0, -1], [1, 0])),
        _array(2, 3, 4),
        _array(4, 2, 2),
        note="lists",
    ),
    pair(
        "numpy.linalg.tensordot",
        lambda x, y: la.tensordot(x, y, axes=1),
        lambda x, y: torch.tensordot(x, y, 1),
        _array(2, 3),
        _array(3, 2),
    ),
    pair("numpy.vecdot", np.vecdot, ta.vecdot, _array(2, 3), _array(3)),
    pair(
        "numpy.linalg.vecdot",
        lambda x, y: la.vecdot(x, y, axis=0),
        lambda x, y: ta.vecdot(x, y, dim=0),
        _array(3, 2),
        _array(3, 2),
    ),
    pair("numpy.kron", np.kron, torch.kron, _array(2, 3), _array(3, 2)),
    pair("numpy.trace", np.trace, torch.trace, _array(3, 4)),
    pair("numpy.linalg.trace", la.trace, lambda x: torch.diagonal(x, dim1=-2, dim2=-1).sum(-1), _array(2, 3, 3)),
    pair(
        "numpy.linalg.diagonal", lambda x: la.diagonal(x, offset=1), lambda x: ta.diagonal(x, offset=1), _array(2, 3, 3)
    ),
    pair("numpy.linalg.matrix_transpose", la.matrix_transpose, lambda x: x.mT, _array(2, 3, 2)),
    pair("numpy.cross", np.cross, lambda x, y: ta.cross(*torch.broadcast_tensors(x, y)), _array(2, 3), _array(3)),
    pair("numpy.linalg.cross", la.cross, ta.cross, _array(3), _array(3)),
    pair(
        "numpy.linalg.multi_dot",
        lambda *xs: la.multi_dot(xs),
        lambda *xs: ta.multi_dot(xs),
        _array(2, 5),
        _array(5, 1),
        _array(1, 4),
        _array(4, 2),
    ),
    *(
        pair(
            "numpy.einsum",
            lambda *xs, rule=rule: np.einsum(rule, *xs),
            lambda *xs, rule=rule: torch.einsum(rule, *xs),
            *(_array(*shape) for shape in shapes),
            note=rule,
        )
        for rule, *shapes in [
            ("ij,jk->ik", (2, 3), (3, 2)),
            ("ij,jk", (2, 3), (3, 2)),
            ("ii", (3, 3)),
            ("iij->ji", (3, 3, 2)),
            ("ijk->k", (2, 3, 2)),
            ("ijk,il->j", (2, 3, 2), (2, 4)),
            ("...ij,...jk->...ik", (2, 1, 2, 3), (3, 3, 2)),
            ("bi,bij->bj", (2, 3), (2, 3, 2)),
            ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
            ("ij,j,jk,kk->i", (2, 3), (3,), (3, 2), (2, 2)),
        ]
    ),
]
if hasattr(np, "matvec"):  # NumPy 2.2
    PRODUCTS += [
        pair(
            "numpy.matvec", np.matvec, lambda x, y: torch.matmul(x, y[..., None])[..., 0], _array(2, 2, 3), _array(2, 3)
        ),
        pair(
            "numpy.vecmat",
            np.vecmat,
            lambda x, y: torch.matmul(x[..., None, :], y)[..., 0, :],
            _array(2, 3),
            _array(2, 3, 2),
        ),
    ]

SOLUTIONS = [
    pair("numpy.linalg.solve", la.solve, ta.solve, _regular(3, 3), _array(3, 2)),
    pair("numpy.linalg.solve", la.solve, ta.solve, _regular(3, 3), _array(3), note="vector"),
    pair("numpy.linalg.solve", la.solve, ta.solve, _regular(2, 2), _array(3, 2, 2), note="broadcast"),
    pair("numpy.linalg.tensorsolve", la.tensorsolve, ta.tensorsolve, _regular(6, 6).reshape(2, 3, 2, 3), _array(2, 3)),
    pair("numpy.linalg.inv", la.inv, ta.inv, _regular(2, 3, 3)),
    pair(
        "numpy.linalg.tensorinv",
        lambda a: la.tensorinv(a, ind=1),
        lambda a: ta.tensorinv(a, ind=1),
        _regular(4, 4).reshape(4, 2, 2),
    ),
    pair("numpy.linalg.det", la.det, ta.det, _regular(2, 3, 3)),
    pair(
        "numpy.linalg.det",
        la.det,
        ta.det,
        np.diag([2.0, 3.0, 0.0]) + np.eye(3, k=1),
        note="singular",
        forward="PyTorch gives 0, but tr(adj(a) da) is not",
        second="PyTorch is right: that of a singular matrix is NaN here, as linalg.py says",
    ),
    pair("numpy.linalg.slogdet", lambda a: la.slogdet(a)[1], lambda a: ta.slogdet(a)[1], -_regular(2, 3, 3)),
    pair(
        "numpy.linalg.lstsq", lambda a, b: la.lstsq(a, b)[0], lambda a, b: ta.lstsq(a, b)[0], _array(4, 2), _array(4, 3)
    ),
    pair(
        "numpy.linalg.lstsq",
        lambda a, b: la.lstsq(a, b)[0],
        lambda a, b: ta.pinv(a) @ b,
        _array(2, 4),
        _array(2, 2),
        note="wide",
    ),
    pair("numpy.linalg.pinv", la.pinv, ta.pinv, _array(3, 2)),
    pair("numpy.linalg.pinv", la.pinv, ta.pinv, _array(2, 2, 3), note="wide"),
    pair(
        "numpy.linalg.pinv",
        lambda u, v: la.pinv(np.outer(u, v), rtol=1e-9),
        lambda u, v: ta.pinv(torch.outer(u, v), rtol=1e-9),
        _array(4),
        _array(3),
        note="rank 1",
    ),
    pair(
        "numpy.linalg.matrix_power",
        lambda a: la.matrix_power(a, 5),
        lambda a: ta.matrix_power(a, 5),
        _regular(2, 2) / 3,
    ),
    pair(
        "numpy.linalg.matrix_power",
        lambda a: la.matrix_power(a, -2),
        lambda a: ta.matrix_power(a, -2),
        _regular(2, 2, 2),
        note="inverse",
    ),
]
DECOMPOSITIONS = [
    pair(
        "numpy.linalg.cholesky",
        lambda a: la.cholesky(positive(a)),
        lambda a: ta.cholesky(torch_positive(a)),
        _array(3, 3),
    ),
    pair(
        "numpy.linalg.cholesky",
        lambda a: la.cholesky(positive(a), upper=True),
        lambda a: ta.cholesky(torch_positive(a), upper=True),
        _array(2, 2, 2),
        note="upper",
    ),
    pair("numpy.linalg.qr", lambda a: tuple(la.qr(a)), lambda a: tuple(ta.qr(a)), _array(3, 3)),
    pair("numpy.linalg.qr", lambda a: tuple(la.qr(a)), lambda a: tuple(ta.qr(a)), _array(2, 4, 2), note="tall"),
    pair("numpy.linalg.qr", lambda a: tuple(la.qr(a)), lambda a: tuple(ta.qr(a)), _array(2, 4), note="wide"),
    pair(
        "numpy.linalg.eigh",
        lambda a: la.eigh(symmetric(a))[0],
        lambda a: ta.eigh(symmetric(a))[0],
        _array(3, 3),
        note="values",
    ),
    pair(
        "numpy.linalg.eigh",
        lambda a: weighted(la.eigh(symmetric(a))[1], la.eigh(symmetric(a))[0], la.eigh(symmetric(a))[1].mT),
        lambda a: weighted(ta.eigh(symmetric(a))[1], ta.eigh(symmetric(a))[0], ta.eigh(symmetric(a))[1].mT),
        _array(2, 3, 3),
        note="square of the matrix",
    ),
    pair(
        "numpy.linalg.eigh",
        lambda a: la.eigh(symmetric(a))[1] ** 2,
        lambda a: ta.eigh(symmetric(a))[1] ** 2,
        _array(3, 3),
        note="vectors",
    ),
    pair(
        "numpy.linalg.eigvalsh",
        lambda a: la.eigvalsh(symmetric(a), "U"),
        lambda a: ta.eigvalsh(symmetric(a), UPLO="U"),
        _array(3, 3),
    ),
    pair("numpy.linalg.svd", lambda a: la.svd(a, compute_uv=False), ta.svdvals, _array(3, 2), note="values"),
    pair(
        "numpy.linalg.svd",
        lambda a: weighted(*la.svd(a, full_matrices=False)),
        lambda a: weighted(*ta.svd(a, full_matrices=False)),
        _array(2, 4, 2),
        note="tall",
    ),
    pair("numpy.linalg.svd", lambda a: la.svd(a)[0] ** 2, lambda a: ta.svd(a)[0] ** 2, _array(3, 3), note="vectors"),
    pair("numpy.linalg.svdvals", la.svdvals, ta.svdvals, _array(2, 3)),
]
PAIRS = [*PRODUCTS, *SOLUTIONS, *DECOMPOSITIONS]
