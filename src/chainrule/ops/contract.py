"""Contraction: the sum of products over shared labels, which every product of arrays is.

In "ij,jk->ik" the labels name the axes of two operands and of the result; a label that the result lacks is summed over.
A contraction is linear in each operand, and its adjoints are contractions with the labels moved (Laue, Mitterreiter and
Giesen, Computing Higher Order Derivatives of Matrix and Tensor Expressions, 2018). What else `np.einsum` writes, such as
a label twice in one operand, is undone here before; `products.py` has NumPy's other products.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from string import ascii_uppercase
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError, UnsupportedError
from chainrule.graph import Linear, Node, Operation, Sample, as_node, reaches
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
        "contract", expected="labels such as 'ij,jk->ik', each once in an operand and in at least two of the three",
        got=repr(indices), remedy="Write np.einsum, which takes the other forms apart.",
    )  # fmt: skip


def _infer(x: ArrayType, y: ArrayType, *, indices: str) -> ArrayType:
    of_x, of_y, result = _rows(indices)
    if x.dtype != y.dtype:
        raise DtypeError("contract", expected="operands of one dtype", got=f"{x.dtype} and {y.dtype}", remedy="Apply astype to one of them.")
    sizes: dict[str, int] = {}
    for k, (kind, row) in enumerate(((x, of_x), (y, of_y))):
        if len(row) != kind.ndim:
            raise ShapeError(
                "contract", expected=f"{len(row)} axes ({row!r}) in operand {k}", got=f"shape {kind.shape}", remedy="Give each axis one label."
            )
        for label, n in zip(row, kind.shape, strict=True):
            if sizes.setdefault(label, n) != n:
                got = f"{sizes[label]} in operand 0 and {n} in operand 1 for {label!r}, shapes {x.shape} and {y.shape}"
                raise ShapeError("contract", expected="equal lengths for equal labels", got=got, remedy="Transpose or reshape one of the operands.")
    return ArrayType(tuple(sizes[label] for label in result), x.dtype)


@lru_cache(maxsize=4096)
def _plan(indices: str) -> Callable[[np.ndarray, np.ndarray], Any]:
    """The contraction as NumPy computes it fastest: one product that broadcasts, or one (batched) matrix product by BLAS."""
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
        return [row.index(label) for label in result if label in row], tuple(slice(None) if label in row else None for label in result)

    (x_order, x_axes), (y_order, y_axes) = lay(of_x), lay(of_y)
    return lambda x, y: np.multiply(x.transpose(x_order)[x_axes], y.transpose(y_order)[y_axes])


def _exact(x: np.ndarray, y: np.ndarray, *, indices: str) -> Any:
    result = np.einsum(indices, x, y)
    truths = any(isinstance(value, bool) for value in (*x.flat, *y.flat))
    return result != 0 if truths else result


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
    latex=r"{0}\,{1}",
    samples=lambda: [
        Sample(F([1, 2, 3], [4, "1/5", 6]), F([1, "1/2"], [-1, 3], [0, 7]), indices="ij,jk->ik"),
        Sample(F([1, 2, 3], [4, "1/5", 6]), F([1, "1/2", 2], [-1, 3, "2/3"]), indices="ij,kj->ki"),
        Sample(F([[1, 2], [3, "1/4"]], [[-1, 5], [6, 7]]), F([[2, 1], ["1/3", 1]], [[4, -2], [3, 5]]), indices="bij,bjk->ibk"),
        Sample(F([1, 2], [3, "1/4"]), F([[2, 1], ["1/3", 1]], [[4, -2], [3, 5]]), indices="ij,ijk->k"),
        Sample(F(1, 2, 3), F(4, "1/2", 6), indices="i,i->"),
        Sample(F(1, 2, 3), F(4, "1/2"), indices="i,j->ji"),
        Sample(F([1, 2], [3, 5]), F(4, "1/2"), indices="ij,i->ji"),
        Sample(np.array([[True, False]]), np.array([[True], [True]]), indices="ij,jk->ik"),
    ],
    rejects=lambda: [
        Sample(np.zeros((2, 3)), np.zeros((2, 4)), indices="ij,jk->ik", words="3 in operand 0 and 2 in operand 1 for 'j'"),
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
        raise UnsupportedError("contract", expected=f"at most {len(LETTERS)} axes", got=f"{count} more than {used!r}", remedy="Merge axes with reshape.")
    return "".join(free[:count])


def multiply_over(x: Node, y: Node, of_x: str, of_y: str, result: str) -> Node:
    """The contraction of operands with any distinct labels: lone ones are summed out, and axes of length 1 broadcast."""
    dtype = promote("contract", x.dtype, y.dtype)
    x_sizes, y_sizes = dict(zip(of_x, x.shape, strict=True)), dict(zip(of_y, y.shape, strict=True))
    x, of_x = _without_ones(cast(x, dtype), of_x, y_sizes)
    y, of_y = _without_ones(cast(y, dtype), of_y, x_sizes)
    x, of_x = _without_lone(x, of_x, of_y + result)
    y, of_y = _without_lone(y, of_y, of_x + result)
    return contract(x, y, indices=f"{of_x},{of_y}->{result}")


def _without_ones(x: Node, row: str, sizes: dict[str, int]) -> tuple[Node, str]:
    """The operand without the axes of length 1 that broadcast against longer ones of the other operand."""
    kept = [axis for axis, label in enumerate(row) if x.shape[axis] != 1 or sizes.get(label, 1) == 1]
    return np.reshape(x, tuple(x.shape[axis] for axis in kept)), "".join(row[axis] for axis in kept)


def _without_lone(x: Node, row: str, elsewhere: str) -> tuple[Node, str]:
    """The operand summed over the labels that are nowhere else; the dtype stays, as einsum has it."""
    axes = tuple(axis for axis, label in enumerate(row) if label not in elsewhere)
    if not axes:
        return x, row
    return cast(np.sum(x, axis=axes), x.dtype), "".join(label for label in row if label in elsewhere)


# --------------------------------------------------------------------------------------------------------------- einsum


@reaches(np.einsum)
def einsum(subscripts: Any, *operands: Any, optimize: Any = False, dtype: Any = None) -> Node:
    """`np.einsum`: any number of operands, contracted in pairs in the order that `np.einsum_path` finds."""
    if not isinstance(subscripts, str):
        raise UnsupportedError(
            "einsum", expected="subscripts as a text such as 'ij,jk->ik'", got=type(subscripts).__name__, remedy="Write the sublists as letters."
        )
    nodes = [as_node(operand) for operand in operands]
    rows, result = _parse(subscripts, [node.shape for node in nodes])
    dtype = promote("einsum", *(node.dtype for node in nodes)) if dtype is None else dtype
    terms = [_without_repeats(cast(node, dtype), row) for node, row in zip(nodes, rows, strict=True)]
    for step in _steps(terms, result, optimize):
        chosen = [terms.pop(k) for k in sorted(step, reverse=True)][::-1]
        while len(chosen) > 1:
            (x, of_x), (y, of_y), *rest = chosen
            needed = {*result, *(label for _, row in (*rest, *terms) for label in row)}
            last = not rest and not terms
            kept = result if last else "".join(label for label in dict.fromkeys(of_x + of_y) if label in needed)
            chosen = [(multiply_over(x, y, of_x, of_y, kept), kept), *rest]
        terms.append(chosen[0])
    x, row = _without_lone(*terms[0], result)
    return np.transpose(x, tuple(row.index(label) for label in result))


def _steps(terms: Sequence[tuple[Node, str]], result: str, optimize: Any) -> list[tuple[int, ...]]:
    """Which operands to contract together, one after the other, the product going to the end of the list."""
    if len(terms) <= 2:
        return [tuple(range(len(terms)))]
    shapes = [np.broadcast_to(0.0, node.shape) for node, _ in terms]
    path, _ = np.einsum_path(",".join(row for _, row in terms) + "->" + result, *shapes, optimize=optimize or "greedy")
    return path[1:]


def _without_repeats(x: Node, row: str) -> tuple[Node, str]:
    """The operand with the diagonal taken wherever a label stands twice."""
    for label, count in Counter(row).items():
        for _ in range(count - 1):
            first = row.index(label)
            second = row.index(label, first + 1)
            x = np.diagonal(x, axis1=first, axis2=second)
            row = row[:first] + row[first + 1 : second] + row[second + 1 :] + label
    return x, row


def _parse(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with letters in place of every ellipsis."""

    def bad(expected: str, got: str) -> ArgumentError:
        return ArgumentError("einsum", expected=expected, got=f"{got} in {subscripts!r}", remedy="Write it like 'ij,jk->ik' or '...i,i->...'.")

    text = "".join(subscripts.split())
    terms, arrow, result = text.partition("->")
    rows = terms.split(",")
    for term in (*rows, result):
        if not re.fullmatch(r"[a-zA-Z]*(\.\.\.)?[a-zA-Z]*", term):
            raise bad("letters, and '...' at most once in a term", repr(term))
    if len(rows) != len(shapes):
        raise bad(f"a term for each of {len(shapes)} operands", f"{len(rows)} terms")
    extra = [len(shape) - len(row.replace("...", "")) for row, shape in zip(rows, shapes, strict=True)]
    for k, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        if extra[k] < 0 or (extra[k] and "..." not in row):
            raise bad(f"as many labels as operand {k} has axes", f"{row!r} for shape {shape}")
    hidden = labels_beside(text, max(extra))
    rows = [row.replace("...", hidden[len(hidden) - n :]) for row, n in zip(rows, extra, strict=True)]
    _check_lengths(rows, shapes, subscripts)
    counts = Counter("".join(rows))
    if not arrow:
        return rows, hidden + "".join(sorted(label for label, count in counts.items() if count == 1 and label not in hidden))
    if hidden and "..." not in result:
        raise bad("'...' in the result, as the operands have it", repr(result))
    result = result.replace("...", hidden)
    for label in result:
        if result.count(label) > 1 or label not in counts:
            raise bad("each label once in the result, and in an operand too", repr(label))
    return rows, result


def _check_lengths(rows: Sequence[str], shapes: Sequence[tuple[int, ...]], subscripts: str) -> None:
    """Raise where axes with one label differ: within an operand always, between operands unless one of them is 1."""
    seen: dict[str, tuple[int, int]] = {}
    for k, (row, shape) in enumerate(zip(rows, shapes, strict=True)):
        own: dict[str, int] = {}
        for label, n in zip(row, shape, strict=True):
            other, m = seen.get(label, (k, n))
            if own.setdefault(label, n) != n or (m != n and 1 not in (m, n)):
                m, other = (own[label], k) if own[label] != n else (m, other)
                raise ShapeError(
                    "einsum", expected=f"equal lengths for equal labels of {subscripts!r}",
                    got=f"{m} in operand {other} and {n} in operand {k} for {label!r}, shapes {' and '.join(map(str, shapes))}",
                    remedy="Transpose or reshape one of the operands, or choose other labels.",
                )  # fmt: skip
            if m == 1:
                seen[label] = k, n
            else:
                seen.setdefault(label, (k, n))
