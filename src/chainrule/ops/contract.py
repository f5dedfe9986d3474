"""Contraction: the sum of products over shared labels, which every product of arrays is.

In "ij,jk->ik" the labels name the axes of two operands and of the result; a label that the result lacks is summed over.
A contraction is linear in each operand, and its adjoints are contractions with the labels moved (Laue, Mitterreiter and
Giesen, Computing Higher Order Derivatives of Matrix and Tensor Expressions, 2018). `products.py` and `einsum.py` write
NumPy's functions in it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from chainrule.graph import Fold, Linear, Node, Operation, Sample
from chainrule.ops.declare import cast
from chainrule.ops.samples import F
from chainrule.types import ArrayType, promote

LETTERS = "ijklmnopqrstuvwxyzabcdefgh" + ascii_uppercase
"""The labels in the order in which they are given out."""


@lru_cache(maxsize=4096)
def _rows(indices: str) -> tuple[str, str, str]:
    """The labels of the operands and of the result, or an error where this is no contraction of two operands."""
    found = re.fullmatch(r"([a-zA-Z]*),([a-zA-Z]*)->([a-zA-Z]*)", indices)
    if found is not None:
        x, y, result = found.groups()
        unique = all(len(set(row)) == len(row) for row in (x, y, result))
        if unique and set(result) <= {*x, *y} and set(x) <= {*y, *result} and set(y) <= {*x, *result}:
            return x, y, result
    raise ArgumentError(
        "contract",
        expected="labels such as 'ij,jk->ik', each once in an operand and in at least two of the three",
        got=repr(indices),
        remedy="Write np.einsum, which takes the other forms apart.",
    )


def _infer(x: ArrayType, y: ArrayType, *, indices: str) -> ArrayType:
    of_x, of_y, result = _rows(indices)
    if x.dtype != y.dtype:
        raise DtypeError(
            "contract",
            expected="operands of one dtype",
            got=f"{x.dtype} and {y.dtype}",
            remedy="Apply astype to one of them.",
        )
    sizes: dict[str, int] = {}
    for k, (kind, row) in enumerate(((x, of_x), (y, of_y))):
        if len(row) != kind.ndim:
            raise ShapeError(
                "contract",
                expected=f"{len(row)} axes ({row!r}) in operand {k}",
                got=f"shape {kind.shape}",
                remedy="Give each axis one label.",
            )
        for label, n in zip(row, kind.shape, strict=True):
            if sizes.setdefault(label, n) != n:
                got = f"{sizes[label]} in operand 0 and {n} in operand 1 for {label!r}, shapes {x.shape} and {y.shape}"
                raise ShapeError(
                    "contract",
                    expected="equal lengths for equal labels",
                    got=got,
                    remedy="Transpose or reshape one of the operands.",
                )
    return ArrayType(tuple(sizes[label] for label in result), x.dtype)


@lru_cache(maxsize=4096)
def _plan(indices: str) -> Callable[[np.ndarray, np.ndarray], Any]:
    """The contraction as NumPy computes it fastest: a product that broadcasts, or a (batched) matrix product (BLAS)."""
    of_x, of_y, result = _rows(indices)
    shared = [label for label in result if label in of_x and label in of_y]
    summed = [label for label in of_x if label not in result]
    if not summed:
        return _spread(of_x, of_y, result)
    own = [label for label in result if label not in shared]
    if own and own[0] in of_y:  # the other way round, the product comes out in the order of the result
        swapped = _plan(f"{of_y},{of_x}->{result}")
        return lambda x, y: swapped(y, x)
    left = [label for label in of_x if label not in of_y]
    right = [label for label in of_y if label not in of_x]
    x_order = [of_x.index(label) for label in (*shared, *left, *summed)]
    y_order = [of_y.index(label) for label in (*shared, *summed, *right)]
    order = [[*shared, *left, *right].index(label) for label in result]
    lead, rows = len(shared), len(left)
    # Where each group is one axis at most, nothing needs to be merged.
    if len(summed) == 1 and (len(left) == len(right) == 1 or (not shared and max(len(left), len(right)) <= 1)):
        return lambda x, y: np.matmul(x.transpose(x_order), y.transpose(y_order)).transpose(order)

    def run(x: np.ndarray, y: np.ndarray) -> Any:
        x, y = x.transpose(x_order), y.transpose(y_order)
        batch, outer = x.shape[:lead], x.shape[lead : lead + rows]
        inner, other = x.shape[lead + rows :], y.shape[lead + len(summed) :]
        n = math.prod(inner)
        product = np.matmul(x.reshape(*batch, math.prod(outer), n), y.reshape(*batch, n, math.prod(other)))
        return product.reshape(batch + outer + other).transpose(order)

    return run


def _spread(of_x: str, of_y: str, result: str) -> Callable[[np.ndarray, np.ndarray], Any]:
    """A contraction that sums over nothing: each operand is laid along the axes of the result."""

    def lay(row: str) -> tuple[list[int], tuple[slice | None, ...]]:
        return [row.index(label) for label in result if label in row], tuple(
            slice(None) if label in row else None for label in result
        )

    (x_order, x_axes), (y_order, y_axes) = lay(of_x), lay(of_y)
    return lambda x, y: np.multiply(x.transpose(x_order)[x_axes], y.transpose(y_order)[y_axes])


def _exact(x: np.ndarray, y: np.ndarray, *, indices: str) -> Any:
    result = np.einsum(indices, x, y)
    truths = any(isinstance(value, bool) for value in (*x.flat, *y.flat))
    return result != 0 if truths else result


def _combine(x: Any, y: Any, *, indices: str) -> str:
    return "any" if x.dtype.kind == "b" else "sum"


def _inner(indices: str) -> list[str]:
    """The labels that are summed over."""
    of_x, of_y, result = _rows(indices)
    return [label for label in of_x if label not in result and label in of_y]


def _inner_lengths(x: Any, y: Any, *, indices: str) -> tuple[int, ...]:
    of_x = _rows(indices)[0]
    return tuple(x.shape[of_x.index(label)] for label in _inner(indices))


def _product(index: Any, inner: Any, x: Any, y: Any, *, indices: str) -> Any:
    of_x, of_y, result = _rows(indices)
    place = dict(zip((*result, *_inner(indices)), (*index, *inner), strict=True))
    return x[tuple(place[label] for label in of_x)] * y[tuple(place[label] for label in of_y)]


def _adjoint(g: Node, k: int, x: Node, y: Node, *, indices: str) -> Node:
    of_x, of_y, result = _rows(indices)
    if k == 0:
        return contract(g, y, indices=f"{result},{of_y}->{of_x}")
    return contract(x, g, indices=f"{of_x},{result}->{of_y}")


def _batch(operands: Sequence[Node], batched: Sequence[bool], size: int, *, indices: str) -> Node:
    of_x, of_y, result = _rows(indices)
    new = labels_beside(indices, 1)
    x_new, y_new = (new if has else "" for has in batched)
    return contract(*operands, indices=f"{x_new}{of_x},{y_new}{of_y}->{new}{result}")


contract = Operation(
    name="contract",
    infer=_infer,
    reference=lambda x, y, *, indices: _plan(indices)(np.asarray(x), np.asarray(y)),
    exact=_exact,
    derivative=Linear(_adjoint),
    batch=_batch,
    lowering=Fold(_combine, _inner_lengths, _product),
    latex=r"{0}\,{1}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), F([1, "1/2"], [-1, 3], [0, 7]), indices="ij,jk->ik"),
        Sample(F([1, 2, 3], [4, "1/5", 6]), F([1, "1/2", 2], [-1, 3, "2/3"]), indices="ij,kj->ki"),
        Sample(
            F([[1, 2], [3, "1/4"]], [[-1, 5], [6, 7]]),
            F([[2, 1], ["1/3", 1]], [[4, -2], [3, 5]]),
            indices="bij,bjk->ibk",
        ),
        Sample(F([1, 2], [3, "1/4"]), F([[2, 1], ["1/3", 1]], [[4, -2], [3, 5]]), indices="ij,ijk->k"),
        Sample(F(1, 2, 3), F(4, "1/2", 6), indices="i,i->"),
        Sample(F(1, 2, 3), F(4, "1/2"), indices="i,j->ji"),
        Sample(F([1, 2], [3, 5]), F(4, "1/2"), indices="ij,i->ji"),
        Sample(np.array([[True, False]]), np.array([[True], [True]]), indices="ij,jk->ik"),
    ],
    rejects=lambda: [
        Sample(
            np.zeros((2, 3)), np.zeros((2, 4)), indices="ij,jk->ik", words="3 in operand 0 and 2 in operand 1 for 'j'"
        ),
        Sample(np.zeros(2), np.zeros((2, 4)), indices="ij,jk->ik", words="2 axes ('ij') in operand 0; got shape (2,)"),
        Sample(np.zeros(2), np.zeros(2, np.float32), indices="i,i->", words="float64 and float32"),
        Sample(np.zeros((2, 2)), np.zeros(2), indices="ii,i->i", words="'ii,i->i'"),
        Sample(np.zeros(2), np.zeros(2), indices="i,j->i", words="'i,j->i'"),
        Sample(np.zeros(2), np.zeros(2), indices="i,i", words="'i,i'"),
    ],
)


def labels_beside(used: str, count: int) -> str:
    """Labels that are not in use yet.

    >>> labels_beside("ij,jk->ik", 2)
    'lm'
    """
    free = [label for label in LETTERS if label not in used]
    if count > len(free):
        raise UnsupportedError(
            "contract",
            expected=f"at most {len(LETTERS)} axes",
            got=f"{count} more than {used!r}",
            remedy="Merge axes with reshape.",
        )
    return "".join(free[:count])


def multiply_over(x: Node, y: Node, of_x: str, of_y: str, result: str) -> Node:
    """The contraction of operands with any distinct labels: lone ones are summed out, axes of length 1 broadcast."""
    dtype = promote("contract", x.dtype, y.dtype)
    x_sizes, y_sizes = dict(zip(of_x, x.shape, strict=True)), dict(zip(of_y, y.shape, strict=True))
    x, of_x = _without_ones(cast(x, dtype), of_x, y_sizes)
    y, of_y = _without_ones(cast(y, dtype), of_y, x_sizes)
    x, of_x = sum_lone(x, of_x, of_y + result)
    y, of_y = sum_lone(y, of_y, of_x + result)
    return contract(x, y, indices=f"{of_x},{of_y}->{result}")


def _without_ones(x: Node, row: str, sizes: dict[str, int]) -> tuple[Any, str]:
    """The operand without the axes of length 1 that broadcast against longer ones of the other operand."""
    kept = [axis for axis, label in enumerate(row) if x.shape[axis] != 1 or sizes.get(label, 1) == 1]
    return np.reshape(x, tuple(x.shape[axis] for axis in kept)), "".join(row[axis] for axis in kept)


def sum_lone(x: Node, row: str, elsewhere: str) -> tuple[Node, str]:
    """The operand summed over the labels that are nowhere else; the dtype stays, as einsum has it."""
    axes = tuple(axis for axis, label in enumerate(row) if label not in elsewhere)
    if not axes:
        return x, row
    return cast(np.sum(x, axis=axes), x.dtype), "".join(label for label in row if label in elsewhere)
