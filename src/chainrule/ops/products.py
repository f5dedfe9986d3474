"""NumPy's products of arrays, each a contraction of its own labels."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.contract import labels_beside, multiply_over
from chainrule.ops.declare import numpy_call
from chainrule.types import normalize_axis

Axes = Sequence[int]


def check_lengths(name: str, x: Node, y: Node, pairs: Sequence[tuple[int, int]], *, broadcast: bool = False) -> None:
    """Raise where an axis of x and one of y, as given in pairs, are not equally long."""
    for i, j in pairs:
        m, n = x.shape[i], y.shape[j]
        if m != n and not (broadcast and 1 in (m, n)):
            raise ShapeError(
                name,
                expected=f"axis {i} of operand 0 as long as axis {j} of operand 1" + (", or 1" if broadcast else ""),
                got=f"{m} and {n}, shapes {x.shape} and {y.shape}",
                remedy="Transpose or reshape one of the operands.",
            )


# ------------------------------------------------------------------------------------- over the last axes, batched


def _batched(name: str, x: Node, y: Node, of_x: str, of_y: str, result: str) -> Node:
    """A product over the last axes, which are labelled; all axes before them broadcast."""
    for k, (node, row) in enumerate(((x, of_x), (y, of_y))):
        if node.ndim < len(row):
            least = 1 if name == "matmul" else len(row)
            raise ShapeError(
                name,
                expected=f"{'an axis' if least == 1 else f'at least {least} axes'} in operand {k}",
                got=f"shape {node.shape}",
                remedy="Add an axis, or multiply numbers with *.",
            )
    check_lengths(
        name, x, y, [(of_x.index(label) - len(of_x), of_y.index(label) - len(of_y)) for label in of_x if label in of_y]
    )
    x_lead, y_lead = x.ndim - len(of_x), y.ndim - len(of_y)
    both = range(1, min(x_lead, y_lead) + 1)
    check_lengths(name, x, y, [(-len(of_x) - axis, -len(of_y) - axis) for axis in both], broadcast=True)
    lead = labels_beside("ijk", max(x_lead, y_lead))
    return multiply_over(x, y, lead[len(lead) - x_lead :] + of_x, lead[len(lead) - y_lead :] + of_y, lead + result)


def matmul(x: Any, y: Any) -> Node:
    """`np.matmul`: the matrix product over the last two axes; an operand of one axis is a row, or a column."""
    x, y = as_node(x), as_node(y)
    row, column = "ij"[x.ndim == 1 :], "jk"[: 1 if y.ndim == 1 else 2]
    return _batched("matmul", x, y, row, column, (row + column).replace("j", ""))


def _core(name: str, of_x: str, of_y: str, result: str) -> Callable[[Any, Any], Node]:
    return lambda x, y: _batched(name, as_node(x), as_node(y), of_x, of_y, result)


reaches(np.matmul)(numpy_call("numpy.matmul", matmul))
reaches(np.linalg.matmul)(matmul)
if hasattr(np, "matvec"):  # NumPy 2.2
    reaches(np.matvec)(numpy_call("numpy.matvec", _core("matvec", "ij", "j", "i")))
    reaches(np.vecmat)(numpy_call("numpy.vecmat", _core("vecmat", "i", "ij", "j")))


@reaches(np.vecdot, np.linalg.vecdot)
def _vecdot(x: Any, y: Any, *, axis: int = -1) -> Node:
    x, y = as_node(x), as_node(y)
    if axis != -1:
        x, y = np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)
    return _batched("vecdot", x, y, "i", "i", "")


# ------------------------------------------------------------------------------------- over chosen axes


def _over(name: str, x: Any, y: Any, x_axes: Axes, y_axes: Axes) -> Node:
    """The sum over these axes of each operand, taken in pairs; the others stay, those of x before those of y."""
    x, y = as_node(x), as_node(y)
    check_lengths(name, x, y, list(zip(x_axes, y_axes, strict=True)))
    labels = labels_beside("", x.ndim + y.ndim)
    of_x, of_y = labels[: x.ndim], list(labels[x.ndim :])
    for i, j in zip(x_axes, y_axes, strict=True):
        of_y[j] = of_x[i]
    result = [label for label in (*of_x, *of_y) if (label in of_x) != (label in of_y)]
    return multiply_over(x, y, of_x, "".join(of_y), "".join(result))


@reaches(np.dot, method="dot")
def _dot(a: Any, b: Any) -> Node:
    a, b = as_node(a), as_node(b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return _over("dot", a, b, (-1,), (max(-2, -b.ndim),))


@reaches(np.inner)
def _inner(a: Any, b: Any) -> Node:
    a, b = as_node(a), as_node(b)
    return a * b if a.ndim == 0 or b.ndim == 0 else _over("inner", a, b, (-1,), (-1,))


@reaches(np.vdot)
def _vdot(a: Any, b: Any, /) -> Node:
    return _over("vdot", np.ravel(as_node(a)), np.ravel(as_node(b)), (0,), (0,))


@reaches(np.outer)
def _outer(a: Any, b: Any) -> Node:
    return _over("outer", np.ravel(as_node(a)), np.ravel(as_node(b)), (), ())


@reaches(np.linalg.outer)
def _outer_of_vectors(x1: Any, x2: Any, /) -> Node:
    x, y = as_node(x1), as_node(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(
            "outer",
            expected="two operands of one axis",
            got=f"shapes {x.shape} and {y.shape}",
            remedy="Write np.outer, which flattens them.",
        )
    return _over("outer", x, y, (), ())


@reaches(np.tensordot)
def _tensordot(a: Any, b: Any, axes: Any = 2) -> Node:
    a, b = as_node(a), as_node(b)
    x_axes, y_axes = _axes_of_both(axes, a, b)
    return _over("tensordot", a, b, x_axes, y_axes)


@reaches(np.linalg.tensordot)
def _tensordot_of_arrays(x1: Any, x2: Any, /, *, axes: Any = 2) -> Node:
    return _tensordot(x1, x2, axes)


def _axes_of_both(axes: Any, x: Node, y: Node) -> tuple[list[int], list[int]]:
    """What `axes` of tensordot means: the last n of x with the first n of y, or two lists."""
    try:
        n = operator.index(axes)
    except TypeError:
        first, second = ([side] if isinstance(side, (int, np.integer)) else list(side) for side in axes)
    else:
        if not 0 <= n <= min(x.ndim, y.ndim):
            expected = f"a number of axes from 0 to {min(x.ndim, y.ndim)}"
            raise AxisError(
                "tensordot", expected=expected, got=f"{n}", remedy="Give at most as many as each operand has."
            )
        first, second = list(range(x.ndim - n, x.ndim)), list(range(n))
    if len(first) != len(second):
        raise ArgumentError(
            "tensordot",
            expected="as many axes of the one operand as of the other",
            got=f"{axes!r}",
            remedy="Pair the axes.",
        )
    result = (
        [normalize_axis("tensordot", axis, x.ndim) for axis in first],
        [normalize_axis("tensordot", axis, y.ndim) for axis in second],
    )
    if any(len(set(side)) < len(side) for side in result):
        raise AxisError("tensordot", expected="each axis once", got=f"{axes!r}", remedy="Name each axis one time.")
    return result


@reaches(np.kron)
def _kron(a: Any, b: Any) -> Any:
    a, b = as_node(a), as_node(b)
    rank = max(a.ndim, b.ndim)
    a, b = (np.reshape(x, (*(1,) * (rank - x.ndim), *x.shape)) for x in (a, b))
    labels = labels_beside("", 2 * rank)
    woven = "".join(i + j for i, j in zip(labels[:rank], labels[rank:], strict=True))
    blocks = multiply_over(a, b, labels[:rank], labels[rank:], woven)
    return np.reshape(blocks, tuple(map(math.prod, zip(a.shape, b.shape, strict=True))))


@reaches(np.linalg.multi_dot)
def _multi_dot(arrays: Any) -> Node:
    """The product of a chain of matrices in the order of fewest multiplications (Cormen and others, section 14.2)."""
    nodes = [as_node(array) for array in arrays]
    ranks = [node.ndim for node in nodes]
    if len(nodes) < 2 or any(rank != 2 for rank in ranks[1:-1]) or not {ranks[0], ranks[-1]} <= {1, 2}:
        raise ShapeError(
            "multi_dot",
            expected="two or more matrices, of which the first and the last may be vectors",
            got=f"shapes {', '.join(str(node.shape) for node in nodes)}",
            remedy="Write x @ y @ z for stacks of matrices.",
        )
    lengths = [
        1 if ranks[0] == 1 else nodes[0].shape[0],
        *(node.shape[0] for node in nodes[1:]),
        1 if ranks[-1] == 1 else nodes[-1].shape[1],
    ]

    @cache
    def cheapest(i: int, j: int) -> tuple[int, int]:
        """The multiplications that the product from i up to j needs, and where to split it."""
        if j - i == 1:
            return 0, i
        return min(
            (cheapest(i, k)[0] + cheapest(k, j)[0] + lengths[i] * lengths[k] * lengths[j], k) for k in range(i + 1, j)
        )

    def product(i: int, j: int) -> Node:
        split = cheapest(i, j)[1]
        return nodes[i] if j - i == 1 else product(i, split) @ product(split, j)

    return product(0, len(nodes))


# ------------------------------------------------------------------------------------- of one matrix, and of vectors


@reaches(np.trace, method="trace")
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Node:
    return np.sum(np.diagonal(as_node(a), offset, axis1, axis2), axis=-1, dtype=dtype)


@reaches(np.linalg.trace)
def _trace_of_matrices(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Node:
    return _trace(x, offset, -2, -1, dtype)


@reaches(np.linalg.diagonal)
def _diagonal_of_matrices(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(as_node(x), offset, -2, -1)


@reaches(np.linalg.matrix_transpose)
def _transpose_of_matrices(x: Any, /) -> Any:
    return np.matrix_transpose(as_node(x))


@reaches(np.cross)
def _cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Node:
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_node(a), as_node(b)
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ShapeError(
            "cross",
            expected="vectors of length 3",
            got=f"{a.shape[-1]} and {b.shape[-1]}",
            remedy="Append a zero to vectors in the plane.",
        )
    after, before = [1, 2, 0], [2, 0, 1]
    product = a[..., after] * b[..., before] - a[..., before] * b[..., after]
    return np.moveaxis(product, -1, axisc)


@reaches(np.linalg.cross)
def _cross_of_arrays(x1: Any, x2: Any, /, *, axis: int = -1) -> Node:
    return _cross(x1, x2, axis=axis)
