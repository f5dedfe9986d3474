"""Products of arrays: matrix products, einsum and what is written in it."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

_random = np.random.default_rng(7)


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


CASES = [
    Case("numpy.matmul", lambda x, y: x @ y, (_array(2, 3), _array(3, 4)), "operator"),
    Case("numpy.matmul", np.matmul, (_array(3), _array(3, 2)), "row"),
    Case("numpy.matmul", np.matmul, (_array(2, 3), _array(3)), "column"),
    Case("numpy.matmul", np.matmul, (_array(3), _array(3)), "vectors"),
    Case("numpy.matmul", np.matmul, (_array(2, 2, 3), _array(2, 3, 2)), "stack"),
    Case("numpy.matmul", np.matmul, (_array(2, 1, 2, 3), _array(3, 3, 2)), "broadcast"),
    Case("numpy.matmul", np.matmul, (_array(2, 2, 3), _array(3)), "stack-and-column"),
    Case("numpy.matmul", np.matmul, (_array(3), _array(2, 3, 2)), "row-and-stack"),
    Case("numpy.matmul", np.matmul, (_array(2, 0), _array(0, 3)), "empty-sum"),
    Case("numpy.matmul", np.matmul, (_array(0, 2), _array(2, 3)), "no-rows"),
    Case("numpy.matmul", lambda x: x @ x.T, (_array(2, 3),), "with-itself"),
    Case("numpy.linalg.matmul", np.linalg.matmul, (_array(2, 3), _array(3, 2))),
    Case("numpy.dot", np.dot, (_array(2, 3), _array(3, 2)), "matrices"),
    Case("numpy.dot", lambda x, y: x.dot(y), (_array(3), _array(3)), "vectors"),
    Case("numpy.dot", np.dot, (_array(2, 3), _array()), "number"),
    Case("numpy.dot", np.dot, (_array(2, 3), _array(2, 3, 2)), "many-axes"),
    Case("numpy.dot", np.dot, (_array(2, 2, 3), _array(3)), "vector-last"),
    Case("numpy.vdot", np.vdot, (_array(2, 3), _array(3, 2)), "flattened"),
    Case("numpy.vdot", np.vdot, (_array(), _array()), "numbers"),
    Case("numpy.inner", np.inner, (_array(2, 3), _array(4, 3))),
    Case("numpy.inner", np.inner, (_array(), _array(2)), "number"),
    Case("numpy.outer", np.outer, (_array(2, 2), _array(3))),
    Case("numpy.linalg.outer", np.linalg.outer, (_array(2), _array(3))),
    Case("numpy.tensordot", np.tensordot, (_array(2, 3, 2), _array(3, 2, 2))),
    Case("numpy.tensordot", lambda x, y: np.tensordot(x, y, axes=0), (_array(2), _array(3)), "no-axes"),
    Case(
        "numpy.tensordot",
        lambda x, y: np.tensordot(x, y, axes=([0, -1], [1, 0])),
        (_array(2, 3, 4), _array(4, 2, 2)),
        "lists",
    ),
    Case(
        "numpy.tensordot", lambda x, y: np.tensordot(x, y, axes=(1, 0)), (_array(2, 3), _array(3, 2)), "one-axis-each"
    ),
    Case("numpy.linalg.tensordot", lambda x, y: np.linalg.tensordot(x, y, axes=1), (_array(2, 3), _array(3, 2))),
    Case("numpy.vecdot", np.vecdot, (_array(2, 3), _array(3))),
    Case("numpy.vecdot", lambda x, y: np.vecdot(x, y, axis=0), (_array(3, 2), _array(3, 2)), "axis"),
    Case("numpy.linalg.vecdot", lambda x, y: np.linalg.vecdot(x, y, axis=0), (_array(3, 2), _array(3, 1))),
    Case("numpy.kron", np.kron, (_array(2, 3), _array(3, 2))),
    Case("numpy.kron", np.kron, (_array(2), _array(2, 1, 2)), "ranks"),
    Case("numpy.kron", np.kron, (_array(), _array(2)), "number"),
    Case("numpy.trace", np.trace, (_array(3, 3),)),
    Case("numpy.trace", lambda x: np.trace(x, 1, axis1=-1, axis2=0), (_array(3, 2, 4),), "offset-and-axes"),
    Case("numpy.linalg.trace", lambda x: np.linalg.trace(x, offset=-1), (_array(2, 3, 3),)),
    Case("numpy.linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=1), (_array(2, 3, 3),)),
    Case("numpy.linalg.matrix_transpose", np.linalg.matrix_transpose, (_array(2, 3, 2),)),
    Case("numpy.cross", np.cross, (_array(2, 3), _array(3))),
    Case("numpy.cross", lambda x, y: np.cross(x, y, axis=0), (_array(3, 2), _array(3, 2)), "axis"),
    Case("numpy.cross", lambda x, y: np.cross(x, y, axisa=0, axisc=0), (_array(3, 2), _array(2, 3)), "axes"),
    Case("numpy.linalg.cross", np.linalg.cross, (_array(3), _array(3))),
    Case(
        "numpy.linalg.multi_dot",
        lambda *xs: np.linalg.multi_dot(xs),
        (_array(2, 5), _array(5, 1), _array(1, 4), _array(4, 2)),
    ),
    Case(
        "numpy.linalg.multi_dot", lambda *xs: np.linalg.multi_dot(xs), (_array(3), _array(3, 2), _array(2)), "vectors"
    ),
    Case("numpy.linalg.multi_dot", lambda *xs: np.linalg.multi_dot(xs), (_array(2, 3), _array(3, 2)), "pair"),
    Case("numpy.einsum", lambda x, y: np.einsum("ij,jk->ik", x, y), (_array(2, 3), _array(3, 2)), "product"),
    Case("numpy.einsum", lambda x, y: np.einsum("ij,jk", x, y), (_array(2, 3), _array(3, 2)), "implicit"),
    Case("numpy.einsum", lambda x: np.einsum("ba", x), (_array(2, 3),), "implicit-transpose"),
    Case("numpy.einsum", lambda x: np.einsum("ii", x), (_array(3, 3),), "trace"),
    Case("numpy.einsum", lambda x: np.einsum("iij->ji", x), (_array(3, 3, 2),), "diagonal"),
    Case("numpy.einsum", lambda x: np.einsum("iii->i", x), (_array(2, 2, 2),), "diagonal-of-three"),
    Case("numpy.einsum", lambda x: np.einsum("ijk->k", x), (_array(2, 3, 2),), "sum"),
    Case("numpy.einsum", lambda x, y: np.einsum("ijk,il->j", x, y), (_array(2, 3, 2), _array(2, 4)), "lone-labels"),
    Case(
        "numpy.einsum",
        lambda x, y: np.einsum("...ij,...jk->...ik", x, y),
        (_array(2, 1, 2, 3), _array(3, 3, 2)),
        "ellipsis",
    ),
    Case("numpy.einsum", lambda x, y: np.einsum("i...,...i", x, y), (_array(3, 2), _array(2, 3)), "ellipsis-implicit"),
    Case("numpy.einsum", lambda x, y: np.einsum("ij,ij->ij", x, y), (_array(2, 1), _array(2, 3)), "ones-broadcast"),
    Case("numpy.einsum", lambda x, y: np.einsum("i,i->", x, y), (_array(1), _array(3)), "ones-summed"),
    Case("numpy.einsum", lambda x, y: np.einsum(",i", x, y), (_array(), _array(3)), "number"),
    Case("numpy.einsum", lambda x, y: np.einsum("ij,kj->ki", x, y), (_array(2, 3), _array(4, 3)), "swapped"),
    Case("numpy.einsum", lambda x, y: np.einsum("bi,bij->bj", x, y), (_array(2, 3), _array(2, 3, 2)), "batched"),
    Case(
        "numpy.einsum", lambda *xs: np.einsum("ij,jk,kl->il", *xs), (_array(2, 3), _array(3, 4), _array(4, 2)), "three"
    ),
    Case(
        "numpy.einsum",
        lambda *xs: np.einsum("ij,j,jk,kk->i", *xs, optimize="optimal"),
        (_array(2, 3), _array(3), _array(3, 2), _array(2, 2)),
        "four-optimal",
    ),
    Case("numpy.einsum", lambda *xs: np.einsum("i,j,k->kij", *xs), (_array(2), _array(3), _array(2)), "outer-of-three"),
]

if hasattr(np, "matvec"):  # NumPy 2.2
    CASES += [
        Case("numpy.matvec", np.matvec, (_array(2, 2, 3), _array(3))),
        Case("numpy.vecmat", np.vecmat, (_array(2, 3), _array(3, 2))),
    ]
