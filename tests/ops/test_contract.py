"""Contractions: what is refused and how it is said, how they are evaluated, and what the cases do not show."""

from __future__ import annotations

import re

import numpy as np
import pytest

from chainrule.derive import reverse
from chainrule.errors import ArgumentError, AxisError, DtypeError, ShapeError, UnsupportedError
from chainrule.evaluate import evaluate
from chainrule.graph import Graph, Input, in_order
from chainrule.ops.contract import LETTERS, contract, labels_beside
from chainrule.types import ArrayType


def node(*shape, dtype=np.float64):
    return Input(ArrayType(shape, np.dtype(dtype)))


def run(function, *arrays):
    """The value of a function of nodes."""
    inputs = [Input(ArrayType.of(array)) for array in arrays]
    return evaluate(Graph(inputs, [function(*inputs)]), *arrays)[0]


def counted(*shape, dtype=np.float64):
    return np.arange(1, 1 + np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


INDICES = """
    ij,jk->ik ij,jk->ki ji,jk->ik ij,kj->ik bij,bjk->bik bij,bjk->ibk bij,bkj->kbi bij,jk->bik ij,bjk->bik
    bij,bik->jk bi,bi->b bi,bi-> i,i-> ij,ji-> i,j->ij i,j->ji bi,bj->bji bi,b->ib ab,ab->ba ,-> ,i->i
    abi,bia-> cabi,bjia->cj ijb,bj->bi abij,jabk->kbai
""".split()


@pytest.mark.parametrize("indices", INDICES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int8, np.bool_])
def test_evaluation_is_einsum(indices, dtype):
    sizes = {"a": 2, "b": 3, "c": 2, "i": 4, "j": 5, "k": 2}
    rows = indices.split("->")[0].split(",")
    x, y = (np.asarray(counted(*(sizes[label] for label in row)) % 3 - 1).astype(dtype) for row in rows)
    found = run(lambda x, y: contract(x, y, indices=indices), x, y)
    expected = np.einsum(indices, x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_evaluation_with_axes_of_length_zero():
    assert run(np.matmul, np.ones((2, 0)), np.ones((0, 3))).tolist() == np.zeros((2, 3)).tolist()
    assert run(lambda x, y: np.einsum("i,i", x, y), np.ones(1), np.ones(0)) == 0


def test_the_adjoints_of_a_matrix_product_are_matrix_products():
    x, y, g = node(2, 3), node(3, 4), node(2, 4)
    of_x, of_y = reverse([x @ y], [g], [x, y])
    assert [of_x.operation, of_y.operation] == [contract, contract]
    assert of_x is contract(g, y, indices="ik,jk->ij")
    assert of_y is contract(x, g, indices="ij,ik->jk")


def test_integers_and_booleans_as_in_numpy():
    x, y = counted(2, 3, dtype=np.int16), counted(3, 2, dtype=np.uint8)
    assert run(np.matmul, x, y).dtype == np.matmul(x, y).dtype == np.int16
    assert run(np.inner, x, counted(3, dtype=np.float32)).dtype == np.float32
    truth = np.array([[True, False], [True, True]])
    np.testing.assert_array_equal(run(np.matmul, truth, truth), truth @ truth)
    np.testing.assert_array_equal(run(lambda x: np.einsum("ij->i", x), truth), [True, True])
    wide = np.ones((2, 300), np.int8)
    np.testing.assert_array_equal(run(lambda x: np.einsum("ij->i", x), wide), np.einsum("ij->i", wide))  # wraps around
    assert run(lambda x: np.trace(x), truth) == 2
    assert run(lambda x: np.trace(x, dtype=np.float32), truth).dtype == np.float32
    assert run(lambda x, y: np.matmul(x, y, dtype=np.float32), x, y).dtype == np.float32
    assert run(lambda x: np.einsum("ij->j", x, dtype=np.float32), x).dtype == np.float32


def test_numbers_are_strong_where_numpy_makes_arrays_of_them():
    x = np.ones(3, np.float32)
    assert run(lambda x: np.dot(x, 2.0), x).dtype == np.dot(x, 2.0).dtype == np.float64
    assert run(lambda x: np.kron(x, 2.0), x).dtype == np.kron(x, 2.0).dtype == np.float64


def test_einsum_contracts_in_the_cheap_order():
    column, row, vector = node(100, 1), node(1, 100), node(100)
    result = np.einsum("ij,jk,k->i", column, row, vector)
    assert max(part.size for part in in_order([result])) == 100


def test_multi_dot_contracts_in_the_cheap_order():
    result = np.linalg.multi_dot([node(100, 1), node(1, 100), node(100, 1)])
    assert max(part.size for part in in_order([result])) == 100


def test_labels():
    assert labels_beside("ij", 2) == "kl"
    assert len(labels_beside("", 52)) == len(set(LETTERS)) == 52
    with pytest.raises(UnsupportedError, match="at most 52 axes"):
        labels_beside("ij", 51)


SAY = [
    (
        lambda: node(2, 3) @ node(4, 3),
        ShapeError,
        "matmul: expected axis -1 of operand 0 as long as axis -2 of operand 1; got 3 and 4, shapes (2, 3) and (4, 3)",
    ),
    (lambda: node(3) @ node(4), ShapeError, "axis -1 of operand 0 as long as axis -1 of operand 1; got 3 and 4"),
    (
        lambda: node(2, 2, 3) @ node(3, 3, 2),
        ShapeError,
        "axis -3 of operand 0 as long as axis -3 of operand 1, or 1; got 2 and 3",
    ),
    (lambda: node(2, 3) @ node(), ShapeError, "matmul: expected at least 1 axes in operand 1; got shape ()"),
    (lambda: np.matmul(node(2, 2), node(2, 2), casting="unsafe"), UnsupportedError, "casting"),
    (
        lambda: np.dot(node(2, 3), node(2, 3)),
        ShapeError,
        "dot: expected axis -1 of operand 0 as long as axis -2 of operand 1; got 3 and 2",
    ),
    (lambda: np.inner(node(2), node(3)), ShapeError, "inner: expected axis -1"),
    (lambda: np.vdot(node(2), node(3)), ShapeError, "vdot: expected axis 0"),
    (lambda: np.vecdot(node(2), node(3)), ShapeError, "vecdot: expected axis -1"),
    (
        lambda: np.linalg.outer(node(2, 2), node(3)),
        ShapeError,
        "outer: expected two operands of one axis; got shapes (2, 2) and (3,)",
    ),
    (
        lambda: np.tensordot(node(2, 3), node(2, 3)[:, :1], 2),
        ShapeError,
        "tensordot: expected axis 1 of operand 0 as long as axis 1",
    ),
    (lambda: np.tensordot(node(2), node(2), 2), AxisError, "a number of axes from 0 to 1; got 2"),
    (lambda: np.tensordot(node(2), node(2), -1), AxisError, "got -1"),
    (
        lambda: np.tensordot(node(2, 2), node(2, 2), ([0, 1], [0])),
        ArgumentError,
        "as many axes of the one operand as of the other; got ([0, 1], [0])",
    ),
    (lambda: np.tensordot(node(2, 2), node(2, 2), ([0, 0], [0, 1])), AxisError, "each axis once"),
    (lambda: np.tensordot(node(2, 2), node(2, 2), ([5], [0])), AxisError, "an axis from -2 to 1; got 5"),
    (lambda: np.cross(node(2), node(2)), ShapeError, "cross: expected vectors of length 3; got 2 and 2"),
    (lambda: np.linalg.multi_dot([node(2, 2)]), ShapeError, "multi_dot: expected two or more matrices"),
    (lambda: np.linalg.multi_dot([node(2, 2), node(2), node(2, 2)]), ShapeError, "shapes (2, 2), (2,), (2, 2)"),
    (
        lambda: np.einsum(node(2, 2), [0, 1]),
        UnsupportedError,
        "einsum: expected subscripts as a text such as 'ij,jk->ik'; got float64[2, 2]",
    ),
    (lambda: np.einsum("i", node(2), node(2)), ArgumentError, "a term for each of 2 operands; got 1 terms in 'i'"),
    (lambda: np.einsum("i$", node(2)), ArgumentError, "letters, and '...' at most once in a term; got 'i$'"),
    (lambda: np.einsum("i..j", node(2, 2)), ArgumentError, "got 'i..j'"),
    (lambda: np.einsum("i,i->i->i", node(2), node(2)), ArgumentError, "got 'i->i'"),
    (lambda: np.einsum("ij", node(2)), ArgumentError, "as many labels as operand 0 has axes; got 'ij' for shape (2,)"),
    (lambda: np.einsum("i", node(2, 2)), ArgumentError, "got 'i' for shape (2, 2)"),
    (lambda: np.einsum("...i->i", node(2, 2)), ArgumentError, "'...' in the result, as the operands have it; got 'i'"),
    (
        lambda: np.einsum("ij->k", node(2, 2)),
        ArgumentError,
        "each label once in the result, and in an operand too; got 'k'",
    ),
    (lambda: np.einsum("ij->ii", node(2, 2)), ArgumentError, "got 'i' in 'ij->ii'"),
    (
        lambda: np.einsum("ij,jk", node(2, 3), node(2, 3)),
        ShapeError,
        "equal lengths for equal labels of 'ij,jk'; got 3 in operand 0 and 2 in operand 1 for 'j'",
    ),
    (lambda: np.einsum("ii", node(1, 3)), ShapeError, "got 1 in operand 0 and 3 in operand 0 for 'i'"),
    (
        lambda: np.einsum("i,i,i", node(1), node(2), node(3)),
        ShapeError,
        "got 2 in operand 1 and 3 in operand 2 for 'i'",
    ),
    (lambda: np.einsum("...,...", node(2), node(3)), ShapeError, "got 2 in operand 0 and 3 in operand 1"),
    (lambda: contract(node(2), node(2, dtype=np.float32), indices="i,i->"), DtypeError, "float64 and float32"),
]


@pytest.mark.parametrize(("call", "error", "words"), SAY, ids=range(len(SAY)))
def test_errors(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
