"""Linear algebra: singular and degenerate matrices, the triangles that are read, signs, and what is refused."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.derive import forward, reverse
from chainrule.errors import ArgumentError, DtypeError, InexactError, ShapeError, UnsupportedError
from chainrule.evaluate import evaluate, evaluate_exactly
from chainrule.graph import Graph, Input, constant
from chainrule.ops.linalg import triangular_solve
from chainrule.types import ArrayType

A = np.array([[4.0, 1, 2], [1, 3, 0], [2, 0, 5]])


def node(*shape, dtype=np.float64):
    return Input(ArrayType(shape, np.dtype(dtype)))


def run(function, *arrays):
    """The value of a function of nodes."""
    inputs = [Input(ArrayType.of(array)) for array in arrays]
    return evaluate(Graph(inputs, [function(*inputs)]), *arrays)[0]


def exactly(function, *arrays):
    inputs = [Input(ArrayType.of(np.asarray(array, float))) for array in arrays]
    return evaluate_exactly(Graph(inputs, [function(*inputs)]), *arrays)[0]


def gradient(function, array):
    """The gradient of a function of one node with a scalar result."""
    x = Input(ArrayType.of(array))
    (slope,) = reverse([function(x)], [constant(1.0)], [x])
    return evaluate(Graph([x], [slope]), array)[0]


def tangent(function, array, direction):
    x, t = Input(ArrayType.of(array)), Input(ArrayType.of(direction))
    (pushed,) = forward([function(x)], [x], [t])
    return evaluate(Graph([x, t], [pushed]), array, direction)[0]


# ------------------------------------------------------------------------------------------------ systems of equations


@pytest.mark.parametrize("function", [np.linalg.inv, lambda a: np.linalg.solve(a, np.ones(2))])
def test_a_singular_matrix_raises_as_in_numpy(function):
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        run(function, np.ones((2, 2)))
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        exactly(function, np.ones((2, 2), int))


@pytest.mark.parametrize("lower", [True, False])
def test_a_triangular_solve_reads_one_triangle(lower):
    part = np.tril if lower else np.triu
    right = np.array([[1.0, 2], [3, 4], [5, 6]])
    found = run(lambda a, b: triangular_solve(a, b, lower=lower), A, right)
    np.testing.assert_allclose(found, np.linalg.solve(part(A), right), rtol=1e-14)
    slope = gradient(lambda a: np.sum(triangular_solve(a, right, lower=lower)), A)
    np.testing.assert_array_equal(slope, part(slope))


def test_a_lower_triangle_is_solved_by_plain_substitution():
    hard = np.array([[1e-10, 0.0], [1.0, 1.0]])  # elimination with pivoting would exchange the rows
    found = run(lambda a, b: triangular_solve(a, b, lower=True), hard, np.array([[1e-10], [2.0]]))
    assert found.tolist() == [[1.0], [1.0]]


def test_one_matrix_for_many_right_sides_is_factorised_once():
    from chainrule.derive import batch

    a, b, many = node(3, 3), node(3, 2), node(7, 3, 2)
    (result,) = batch([np.linalg.solve(a, b)], [a, b], [a, many], [False, True], 7)
    shapes = [
        part.shape
        for part in Graph([a, many], [result]).nodes
        if part.operation is not None and part.operation.name == "solve"
    ]
    assert shapes == [(3, 14)]


def test_exact_solutions():
    solution = exactly(np.linalg.solve, [[1, 2], [3, 4]], [5, 6])
    assert solution.tolist() == [-4, Fraction(9, 2)]
    assert exactly(np.linalg.inv, [[0, 2], [4, 0]]).tolist() == [[0, Fraction(1, 4)], [Fraction(1, 2), 0]]
    rank_one = exactly(np.linalg.pinv, [[1, 2], [2, 4]])
    assert rank_one.tolist() == [[Fraction(1, 25), Fraction(2, 25)], [Fraction(2, 25), Fraction(4, 25)]]


def test_dtypes_as_in_numpy():
    single, double, whole = A.astype(np.float32), A, A.astype(int)
    for matrix, right in ((single, single), (single, double), (whole, single), (whole, whole)):
        assert run(np.linalg.solve, matrix, right).dtype == np.linalg.solve(matrix, right).dtype
    assert run(np.linalg.inv, single).dtype == np.float32
    assert run(np.linalg.det, whole).dtype == np.float64
    assert run(lambda a: np.linalg.lstsq(a, a)[2], A).dtype == np.intc
    assert run(lambda a: np.linalg.matrix_power(a, 3), whole).dtype == whole.dtype


# ------------------------------------------------------------------------------------------------ determinants


def test_the_gradient_of_det_exists_for_singular_matrices():
    rank_two = np.array([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
    np.testing.assert_allclose(gradient(np.linalg.det, rank_two), [[-3, 6, -3], [6, -12, 6], [-3, 6, -3]], atol=1e-12)
    np.testing.assert_allclose(gradient(np.linalg.det, np.zeros((3, 3))), np.zeros((3, 3)), atol=0)
    np.testing.assert_allclose(gradient(np.linalg.det, np.zeros((1, 1))), [[1]])


def test_exact_determinants_of_singular_matrices():
    assert exactly(np.linalg.det, [[1, 2], [2, 4]]) == 0
    assert exactly(np.linalg.det, np.zeros((0, 0))) == 1
    x = node(2, 2)
    (slope,) = reverse([np.linalg.det(x)], [constant(1.0)], [x])
    (exact,) = evaluate_exactly(Graph([x], [slope]), [[1, 2], [2, 4]])
    assert exact.tolist() == [[4, -2], [-2, 1]]


def test_slogdet():
    result = run(lambda a: np.linalg.slogdet(a)[1], np.zeros((2, 2)))
    assert result == -np.inf
    assert run(lambda a: np.linalg.slogdet(a).sign, -np.eye(3)) == -1
    np.testing.assert_array_equal(gradient(lambda a: np.linalg.slogdet(a).logabsdet, 2 * np.eye(2)), np.eye(2) / 2)
    assert exactly(lambda a: np.linalg.slogdet(a)[0], [[0, 1], [1, 0]]) == -1
    with pytest.raises(InexactError, match="the logarithm of 3"):
        exactly(lambda a: np.linalg.slogdet(a)[1], [[-3]])


# ------------------------------------------------------------------------------------------------ decompositions


def test_results_have_numpys_names():
    x = node(3, 3)
    assert type(np.linalg.slogdet(x)).__name__ == "SlogdetResult"
    assert np.linalg.qr(x)._fields == ("Q", "R")
    assert np.linalg.eigh(x)._fields == ("eigenvalues", "eigenvectors")
    assert np.linalg.svd(x)._fields == ("U", "S", "Vh")


@pytest.mark.parametrize(
    ("function", "triangle"),
    [
        (np.linalg.cholesky, np.tril),
        (lambda a: np.linalg.cholesky(a, upper=True), np.triu),
        (np.linalg.eigvalsh, np.tril),
        (lambda a: np.linalg.eigvalsh(a, "U"), np.triu),
    ],
    ids=["cholesky", "cholesky-upper", "eigvalsh", "eigvalsh-upper"],
)
def test_the_triangle_that_numpy_does_not_read_has_no_slope(function, triangle):
    untidy = A + 100 * (1 - triangle(np.ones((3, 3))))
    np.testing.assert_allclose(run(function, untidy), function(untidy), rtol=1e-14)
    slope = gradient(lambda a: np.sum(function(a) ** 3), untidy)
    np.testing.assert_array_equal(slope, triangle(slope))
    step = 1e-6 * triangle(np.arange(1.0, 10).reshape(3, 3))
    found = (np.sum(function(untidy + step) ** 3) - np.sum(function(untidy - step) ** 3)) / 2
    np.testing.assert_allclose(np.sum(slope * step), found, rtol=1e-6)


def test_an_indefinite_matrix_raises_as_in_numpy():
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        run(np.linalg.cholesky, np.diag([1.0, -1]))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        exactly(np.linalg.cholesky, np.diag([1, -1]))
    with pytest.raises(InexactError, match="square root of 2"):
        exactly(np.linalg.cholesky, [[2]])


def test_coinciding_eigenvalues_have_finite_slopes():
    twice = np.diag([1.0, 2, 2])
    np.testing.assert_allclose(gradient(lambda a: np.sum(np.linalg.eigvalsh(a) ** 2), twice), 2 * twice, atol=1e-14)
    same = tangent(lambda a: np.linalg.eigh((a + a.mT) / 2).eigenvectors, np.eye(3), A)
    assert np.isfinite(same).all()


def test_a_function_of_the_matrix_does_not_depend_on_the_choice_of_vectors():
    def square(a):
        w, v = np.linalg.eigh((a + a.mT) / 2)
        return (v * w**2) @ v.mT

    a = np.diag([1.0, 2, 5])
    np.testing.assert_allclose(tangent(square, a, A), a @ A + A @ a, atol=1e-13)


def test_coinciding_singular_values_have_finite_slopes():
    np.testing.assert_allclose(gradient(lambda a: np.sum(np.linalg.svdvals(a)), 3 * np.eye(2)), np.eye(2), atol=1e-14)
    deficient = np.zeros((3, 2))
    for part in range(3):
        slope = tangent(lambda a, part=part: np.linalg.svd(a, full_matrices=False)[part], deficient, np.ones((3, 2)))
        assert np.isfinite(slope).all()


def test_signs_are_those_that_numpy_returns():
    q, r = np.linalg.qr(-A)
    np.testing.assert_array_equal(run(lambda a: np.linalg.qr(a)[0], -A), q)
    np.testing.assert_array_equal(run(lambda a: np.linalg.qr(a).R, -A), r)
    exact = exactly(lambda a: np.linalg.qr(a)[1], [[3, 1], [4, 7]])
    assert exact.tolist() == [[-5, Fraction(-31, 5)], [0, Fraction(17, 5)]]
    np.testing.assert_allclose(exact.astype(float), np.linalg.qr(np.array([[3.0, 1], [4, 7]])).R)


@pytest.mark.parametrize("function", [lambda a: np.linalg.eigvalsh(a), lambda a: np.linalg.svdvals(a)])
def test_iterated_values_are_not_exact(function):
    with pytest.raises(InexactError, match="roots"):
        exactly(function, [[2, 1], [1, 2]])


def test_rank_deficient_least_squares_as_in_numpy():
    a, b = np.ones((4, 2)), np.arange(4.0)
    x, _, rank, values = np.linalg.lstsq(a, b)
    np.testing.assert_allclose(run(lambda a, b: np.linalg.lstsq(a, b)[0], a, b), x, rtol=1e-13)
    np.testing.assert_allclose(run(lambda a, b: np.linalg.lstsq(a, b)[3], a, b), values, atol=1e-13)
    assert run(lambda a, b: np.linalg.lstsq(a, b)[2], a, b) == rank == 1


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (4, 3), (3, 4)])
def test_the_derivative_of_pinv_among_matrices_of_deficient_rank(rows, columns):
    left = np.sin(np.arange(2.0 * rows) ** 2).reshape(rows, 2)
    right = np.cos(np.arange(2.0 * columns) ** 2).reshape(2, columns)
    rank_two = lambda s: np.linalg.pinv((left + s * left[::-1]) @ (right - s * right[:, ::-1]), rtol=1e-9)  # noqa: E731
    step = 1e-5
    _, slope = cr.jvp(rank_two, (0.0,), (1.0,))
    np.testing.assert_allclose(slope, (rank_two(step) - rank_two(-step)) / (2 * step), rtol=1e-6)


def test_rank():
    assert run(np.linalg.matrix_rank, np.float64(3)) == 1
    assert run(np.linalg.matrix_rank, np.zeros(3)) == 0
    assert run(np.linalg.matrix_rank, np.zeros((2, 0))) == 0
    assert run(np.linalg.matrix_rank, np.arange(6).reshape(2, 3)) == 2


SAY = [
    (
        lambda: np.linalg.solve(node(2, 3), node(2)),
        ShapeError,
        "solve: expected square matrices in the last two axes; got shape (2, 3)",
    ),
    (
        lambda: np.linalg.solve(node(2, 2), node()),
        ShapeError,
        "solve: expected matrices in the last two axes; got shape ()",
    ),
    (
        lambda: np.linalg.solve(node(2, 2), node(3, 1)),
        ShapeError,
        "a row of the right side for each row of the matrix; got shapes (2, 2) and (3, 1)",
    ),
    (lambda: np.linalg.solve(node(2, 2, 2), node(3, 2, 1)), ShapeError, "solve: expected shapes that broadcast"),
    (lambda: np.linalg.inv(node(3)), ShapeError, "inv: expected square matrices"),
    (lambda: np.linalg.tensorsolve(node(2, 3, 5), node(2, 3)), ShapeError, "tensorsolve: expected axes of the matrix"),
    (
        lambda: np.linalg.tensorinv(node(4, 3), 1),
        ShapeError,
        "tensorinv: expected as many elements in the first 1 axes as in the others",
    ),
    (lambda: np.linalg.tensorinv(node(2, 2), 0), ShapeError, "first 0 axes"),
    (lambda: np.linalg.matrix_power(node(2, 3), 2), ShapeError, "matrix_power: expected square matrices"),
    (lambda: np.linalg.matrix_power(node(2, 2), 0.5), ArgumentError, "an integer exponent; got 0.5"),
    (lambda: np.linalg.pinv(node(2, 2), [1e-3]), ArgumentError, "pinv: expected one number as tolerance; got [0.001]"),
    (
        lambda: np.linalg.lstsq(node(2, 2), node(2), "no"),
        ArgumentError,
        "lstsq: expected one number as tolerance; got 'no'",
    ),
    (lambda: np.linalg.pinv(node(2)), ShapeError, "pinv: expected matrices"),
    (
        lambda: np.linalg.lstsq(node(2, 2), node(3)),
        ShapeError,
        "lstsq: expected a matrix, and a vector or a matrix of as many rows",
    ),
    (lambda: np.linalg.lstsq(node(2, 2, 2), node(2, 2)), ShapeError, "got shapes (2, 2, 2) and (2, 2)"),
    (lambda: np.linalg.matrix_rank(node(2, 2), tol=1.0, rtol=1.0), ArgumentError, "one of tol and rtol"),
    (lambda: np.linalg.cholesky(node(2), upper=True), ShapeError, "cholesky: expected square matrices"),
    (lambda: np.linalg.qr(node(2)), ShapeError, "qr: expected matrices"),
    (lambda: np.linalg.qr(node(3, 2), mode="complete"), UnsupportedError, "got mode='complete' for shape (3, 2)"),
    (lambda: np.linalg.qr(node(2, 2), mode="raw"), UnsupportedError, "mode='reduced' or 'r'"),
    (lambda: np.linalg.eigh(node(2, 2), UPLO="X"), ArgumentError, "UPLO='L' or 'U'; got 'X'"),
    (lambda: np.linalg.svd(node(3, 2)), UnsupportedError, "full_matrices=False where the matrix is not square"),
    (lambda: np.linalg.svd(node(2, 2), hermitian=True), UnsupportedError, "hermitian"),
    (lambda: np.linalg.eig(node(2, 2)), UnsupportedError, "numpy.linalg.eig"),
    (lambda: np.linalg.inv(np.zeros((2, 2), complex) * node(2, 2)), DtypeError, "complex"),
]


@pytest.mark.parametrize(("call", "error", "words"), SAY, ids=range(len(SAY)))
def test_errors(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
