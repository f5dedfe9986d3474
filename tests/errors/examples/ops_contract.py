"""Errors of products: `ops/contract.py`, `einsum.py`, `products.py`."""

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS

X, Y = np.ones((2, 3)), np.ones((2, 4))
contract = OPERATIONS["contract"]


EXAMPLES = [
    ("a product of matrices that do not fit", lambda: cr.grad(lambda x: np.sum(x @ Y))(X)),
    ("a product with a number", lambda: cr.trace(lambda x: x @ np.float64(2), X)),
    (
        "a product of stacks that do not broadcast",
        lambda: cr.trace(lambda x: x @ np.ones((4, 5, 1)), np.ones((3, 2, 5))),
    ),
    ("a dot product of different lengths", lambda: cr.trace(lambda x: np.dot(x, Y), X)),
    ("an inner product of different lengths", lambda: cr.trace(lambda x: np.inner(x, Y), X)),
    ("vdot of different lengths", lambda: cr.trace(lambda x: np.vdot(x, Y), X)),
    ("vecdot of different lengths", lambda: cr.trace(lambda x: np.vecdot(x, Y), X)),
    ("outer of matrices", lambda: cr.trace(lambda x: np.linalg.outer(x, Y), X)),
    ("tensordot over too many axes", lambda: cr.trace(lambda x: np.tensordot(x, Y, 3), X)),
    ("tensordot over axes that do not pair", lambda: cr.trace(lambda x: np.tensordot(x, Y, ((0, 1), (0,))), X)),
    ("tensordot over an axis twice", lambda: cr.trace(lambda x: np.tensordot(x, X, ((0, 0), (0, 0))), X)),
    ("tensordot over axes of different lengths", lambda: cr.trace(lambda x: np.tensordot(x, Y, 1), X)),
    ("multi_dot of one matrix", lambda: cr.trace(lambda x: np.linalg.multi_dot([x]), X)),
    ("multi_dot of matrices that do not fit", lambda: cr.trace(lambda x: np.linalg.multi_dot([x, Y]), X)),
    ("a cross product in the plane", lambda: cr.trace(lambda x: np.cross(x, x), Y[:, :2])),
    ("einsum by lists of axes", lambda: cr.trace(lambda x: np.einsum(x, [0, 1], [0]), X)),
    ("einsum with a term too few", lambda: cr.trace(lambda x: np.einsum("ij->i", x, x), X)),
    ("einsum with a label too few", lambda: cr.trace(lambda x: np.einsum("i->i", x), X)),
    ("einsum with a sign that is none", lambda: cr.trace(lambda x: np.einsum("i+j->i", x), X)),
    ("einsum without the ellipsis in the result", lambda: cr.trace(lambda x: np.einsum("...j->j", x), X)),
    ("einsum with a label that is new in the result", lambda: cr.trace(lambda x: np.einsum("ij->k", x), X)),
    ("einsum over axes of different lengths", lambda: cr.trace(lambda x: np.einsum("ij,ij->i", x, Y), X)),
    ("einsum of a diagonal that is none", lambda: cr.trace(lambda x: np.einsum("ii->i", x), X)),
    (
        "a product of more axes than there are letters",
        lambda: cr.trace(lambda x: np.multiply.outer(x, x) @ x, np.ones([1] * 30)),
    ),
    ("a contraction with labels that are none", lambda: contract(X, Y, indices="ij;ik->jk")),
    ("a contraction of different dtypes", lambda: contract(X, Y.astype(np.float32), indices="ij,ik->jk")),
    ("a contraction with a label too few", lambda: contract(X, Y, indices="i,ik->k")),
    ("a contraction of different lengths", lambda: contract(X, Y, indices="ij,kj->ik")),
]
