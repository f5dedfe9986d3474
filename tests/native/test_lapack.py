"""Linear algebra in machine code, against `numpy.linalg`."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.evaluate import Program
from chainrule.graph import OPERATIONS, Graph, Input, apply
from chainrule.native import engine, lapack
from chainrule.native.executable import Executable
from chainrule.native.lapack_code import Fortran
from chainrule.ops.lapack import addresses
from chainrule.types import ArrayType

pytest.importorskip("scipy")
DTYPES = ("float32", "float64")
SIZES = ((1, (2,)), (2, ()), (5, (2, 3)), (33, (2,)))

pytestmark = pytest.mark.usefixtures("no_cache")


def graph_of(name: str, operands: tuple[np.ndarray, ...], parameters: dict[str, Any]) -> Graph:
    """The graph of one operation."""
    inputs = [Input(ArrayType.of(operand)) for operand in operands]
    node = apply(OPERATIONS[name], tuple(inputs), parameters)
    return Graph(inputs, list(node.results) if isinstance(node.type, tuple) else [node])


def compiled(name: str, *operands: np.ndarray, **parameters: Any) -> list[np.ndarray]:
    """The results of an operation by machine code, all of it."""
    executable = Executable(graph_of(name, operands, parameters))
    assert not executable.evaluations
    return executable.run(list(operands))


def by_numpy(name: str, *operands: np.ndarray, **parameters: Any) -> list[np.ndarray]:
    """The results of an operation by its reference."""
    results = Program(graph_of(name, operands, parameters)).run(list(operands))
    return [np.asarray(result) for result in results]


def check(name: str, *operands: np.ndarray, **parameters: Any) -> None:
    """Machine code and NumPy agree but for rounding."""
    with np.errstate(all="ignore"):
        expected = by_numpy(name, *operands, **parameters)
    found = compiled(name, *operands, **parameters)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        scale = np.max(np.abs(other), initial=0, where=np.isfinite(other))
        close = 200 * np.finfo(one.dtype).eps
        np.testing.assert_allclose(one, other, rtol=close, atol=close * scale)


def matrices(dtype: str, *shape: int, seed: int = 0) -> np.ndarray:
    """Matrices far from singular and from symmetric."""
    a = np.random.default_rng([seed, *shape]).standard_normal(shape) + 2 * np.sqrt(max(shape)) * np.eye(
        shape[-2], shape[-1]
    )
    return a.astype(dtype)


CHECKS: dict[str, Callable[[str, int, tuple[int, ...]], None]] = {
    "inv": lambda dtype, n, lead: check("inv", matrices(dtype, *lead, n, n)),
    "det": lambda dtype, n, lead: check("det", -matrices(dtype, *lead, n, n)[..., ::-1, :]),
    "slogdet": lambda dtype, n, lead: check("slogdet", -matrices(dtype, *lead, n, n)[..., ::-1, :]),
    "adjugate": lambda dtype, n, lead: check("adjugate", matrices(dtype, *lead, n, n) / np.float32(2 * np.sqrt(n))),
    "cholesky": lambda dtype, n, lead: check("cholesky", _definite(dtype, n, lead)),
    "qr": lambda dtype, n, lead: check("qr", matrices(dtype, *lead, n, n)),
    "qr tall": lambda dtype, n, lead: check("qr", matrices(dtype, *lead, n + 3, n)),
    "eigh lower": lambda dtype, n, lead: check("eigh", matrices(dtype, *lead, n, n), lower=True),
    "eigh upper": lambda dtype, n, lead: check("eigh", matrices(dtype, *lead, n, n), lower=False),
    "svd": lambda dtype, n, lead: check("svd", matrices(dtype, *lead, n, n)),
    "svd tall": lambda dtype, n, lead: check("svd", matrices(dtype, *lead, n + 3, n)),
    "svd wide": lambda dtype, n, lead: check("svd", matrices(dtype, *lead, n, n + 9)),
    "pinv tall": lambda dtype, n, lead: check("pinv", matrices(dtype, *lead, n + 3, n), rtol=1e-5),
    "pinv wide": lambda dtype, n, lead: check("pinv", matrices(dtype, *lead, n, n + 3), rtol=1e-5),
    **{
        f"solve {part} {columns}": lambda dtype, n, lead, part=part, columns=columns: check(
            "solve", matrices(dtype, *lead, n, n), matrices(dtype, *lead, n, columns, seed=1), triangle=part
        )
        for part, columns in itertools.product(("none", "lower", "upper"), (1, 4))
    },
}


def _definite(dtype: str, n: int, lead: tuple[int, ...]) -> np.ndarray:
    """Positive definite in the lower triangle; what is above is never read."""
    a = matrices(dtype, *lead, n, n)
    return np.where(np.tri(n, dtype=bool), a @ a.mT, np.asarray(np.nan, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CHECKS)
def test_results_are_numpys(name: str, dtype: str) -> None:
    for n, lead in SIZES:
        CHECKS[name](dtype, n, lead)


def test_what_overflows_in_float32_overflows_in_the_result_alone() -> None:
    a = 100 * matrices("float32", 33, 33)
    (value,) = compiled("det", a)
    assert np.isinf(value)
    check("slogdet", a)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3, 3), (2, 0, 0)])
def test_what_is_empty_is_left_to_numpy(shape: tuple[int, ...]) -> None:
    a = np.zeros(shape)
    for name in ("inv", "det", "slogdet", "cholesky", "qr", "svd", "adjugate"):
        executable = Executable(graph_of(name, (a,), {}))
        assert executable.evaluations
        for one, other in zip(executable.run([a]), by_numpy(name, a), strict=True):
            np.testing.assert_array_equal(one, other)


# ---------------------------------------------------------------------------------------------- what is refused


def refusals() -> Iterator[tuple[str, tuple[np.ndarray, ...], dict[str, Any], str]]:
    """Operations and operands that NumPy refuses, and its words."""
    singular = np.array([[1.0, 2.0], [2.0, 4.0]])
    right, one_bad = np.ones((2, 1)), np.stack([np.eye(2), singular, np.eye(2)])
    yield "inv", (singular,), {}, "Singular matrix"
    yield "inv", (one_bad,), {}, "Singular matrix"
    yield "solve", (singular, right), {"triangle": "none"}, "Singular matrix"
    for part in ("lower", "upper"):
        yield "solve", (np.diag([1.0, 0.0]) + singular * (1 - np.eye(2)), right), {"triangle": part}, "Singular matrix"
    yield "cholesky", (-np.eye(3),), {}, "not positive definite"
    yield "cholesky", (one_bad - 3 * np.eye(2),), {}, "not positive definite"
    yield "svd", (np.full((3, 2), np.nan),), {}, "did not converge"


@pytest.mark.parametrize(("name", "operands", "parameters", "words"), list(refusals()))
@pytest.mark.parametrize("dtype", DTYPES)
def test_what_numpy_refuses_is_refused(
    name: str, operands: tuple[np.ndarray, ...], parameters: dict[str, Any], words: str, dtype: str
) -> None:
    with pytest.raises(np.linalg.LinAlgError, match=words):
        compiled(name, *(operand.astype(dtype) for operand in operands), **parameters)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_singular_matrix_has_a_determinant(dtype: str) -> None:
    a = np.array([[1, 2], [2, 4]], dtype)
    assert compiled("det", a)[0] == 0
    sign, log = compiled("slogdet", a)
    assert (sign, log) == (0, -np.inf)
    check("adjugate", a)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "cholesky", "qr"])
def test_numbers_that_are_not_finite_go_where_numpy_puts_them(name: str, value: float) -> None:
    check(name, np.array([[2.0, 1.0], [1.0, value]]))
    check("solve", np.array([[2.0, 1.0], [1.0, value]]), np.ones((2, 1)), triangle="none")


@pytest.mark.parametrize("part", ["lower", "upper"])
def test_substitution_spreads_no_nan_but_to_what_depends_on_it(part: str) -> None:
    a, b = matrices("float64", 3, 3), np.ones((3, 2))
    b[1, 0] = np.nan
    (x,) = compiled("solve", a, b, triangle=part)
    np.testing.assert_array_equal(np.isnan(x[:, 0]), [part == "upper", True, part == "lower"])
    assert np.all(np.isfinite(x[:, 1]))
    assert np.all(np.isnan(by_numpy("solve", a, b, triangle=part)[0]) | np.isfinite(x))


# ---------------------------------------------------------------------------------------------- inside programs


@pytest.fixture
def _compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_COMPILE", "on")


A = matrices("float64", 4, 4)
SLOPES: dict[str, Callable[[Any], Any]] = {
    "solve": lambda a: np.sum(np.linalg.solve(a, A[:, :2]) ** 2),
    "inv": lambda a: np.sum(np.linalg.inv(a) * A),
    "det": lambda a: np.linalg.det(a),
    "slogdet": lambda a: np.linalg.slogdet(a)[1],
    "cholesky": lambda a: np.sum(np.linalg.cholesky(a @ a.T) * A),
    "qr": lambda a: sum(np.sum(part * A) for part in np.linalg.qr(a)),
    "eigh": lambda a: sum(np.sum(part * A) for part in np.linalg.eigh(a + a.T)),
    "svd": lambda a: sum(np.sum(part * A) for part in np.linalg.svd(a)),
    "pinv": lambda a: np.sum(np.linalg.pinv(a[:, :3]) * A[:3]),
}


@pytest.mark.parametrize("name", SLOPES)
def test_derivatives_are_the_evaluators(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a = matrices("float64", 4, 4, seed=2)
    expected = cr.grad(SLOPES[name])(a)
    monkeypatch.setenv("CHAINRULE_COMPILE", "on")
    np.testing.assert_allclose(cr.grad(SLOPES[name])(a), expected, rtol=1e-10, atol=1e-10)
    slopes = cr.vmap(cr.grad(SLOPES[name]))(np.stack([a, a.T]))
    np.testing.assert_allclose(slopes[0], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.usefixtures("_compiled")
def test_a_loop_solves_in_each_step() -> None:
    stack = matrices("float64", 20, 3, 3)

    def last(stack: Any, x: Any) -> Any:
        return cr.scan(lambda x, a: (np.linalg.solve(a, x), None), x, stack)[0]

    x = expected = np.ones(3)
    for a in stack:
        expected = np.linalg.solve(a, expected)
    np.testing.assert_allclose(cr.jit(last)(stack, x), expected, rtol=1e-12)
    stack[7] = 1
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        cr.jit(last)(stack, x)


@pytest.mark.usefixtures("_compiled")
def test_one_program_works_on_matrices_of_several_sizes() -> None:
    minors = cr.jit(lambda a: np.linalg.det(a) + np.linalg.det(a[:3, :3]) + np.linalg.det(a[:2, :2]))
    np.testing.assert_allclose(minors(A), sum(np.linalg.det(A[:n, :n]) for n in (4, 3, 2)), rtol=1e-12)


@pytest.mark.usefixtures("_compiled")
def test_a_branch_that_is_not_taken_refuses_nothing() -> None:
    @cr.jit
    def careful(a: Any) -> Any:
        return cr.cond(np.sum(np.abs(a)) > 0, np.linalg.inv, lambda a: a, a)

    np.testing.assert_array_equal(careful(np.zeros((2, 2))), np.zeros((2, 2)))
    np.testing.assert_allclose(careful(2 * np.eye(2)), np.eye(2) / 2)


@pytest.mark.usefixtures("_compiled")
def test_a_refusal_is_not_lost_among_threads() -> None:
    @cr.jit
    def long(x: Any, a: Any) -> Any:
        return np.sum(np.sin(x) @ np.cos(x)) + np.sum(np.linalg.inv(a))

    x = np.ones((300, 300))
    assert np.isfinite(long(x, np.eye(3)))
    for _ in range(10):
        with pytest.raises(np.linalg.LinAlgError):
            long(x, np.zeros((3, 3)))


def test_without_scipy_numpy_does_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chainrule.ops.lapack.addresses", dict)
    a, b = matrices("float64", 3, 3), np.ones((3, 2))
    cases = [(name, (a,), {}) for name in ("inv", "det", "slogdet", "qr", "svd", "adjugate")]
    cases += [
        ("cholesky", (a @ a.T,), {}),
        ("solve", (a, b), {"triangle": "none"}),
        ("eigh", (a,), {"lower": True}),
        ("pinv", (a,), {"rtol": 1e-9}),
    ]
    for name, operands, parameters in cases:
        executable = Executable(graph_of(name, operands, parameters))
        assert executable.evaluations
        for one, other in zip(executable.run(list(operands)), by_numpy(name, *operands, **parameters), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_object_from_the_cache_finds_the_functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path))
    check("inv", matrices("float64", 3, 3))
    before = engine.counts.loaded
    check("inv", matrices("float64", 3, 3))
    assert engine.counts.loaded == before + 1


# ---------------------------------------------------------------------------------------------- memory


def asked_for(name: str, *arguments: Any) -> tuple[int, int]:
    """The numbers and whole numbers that LAPACK asks for: a query with lengths of -1, which reads no array."""
    work, wholes, query = ctypes.c_double(), ctypes.c_int(), ctypes.c_int(-1)
    passed: list[Any] = []
    for argument in arguments:
        match argument:
            case "work":
                passed += [work, query]
            case "wholes":
                passed += [wholes, query] if name == "syevd" else [wholes]
            case str():
                passed.append(ctypes.c_char(argument.encode()))
            case _:
                passed.append(ctypes.c_int(argument) if argument is not None else ctypes.c_double())
    info = ctypes.c_int()
    kinds = [ctypes.c_void_p] * (len(passed) + 1)
    ctypes.CFUNCTYPE(None, *kinds)(addresses()[name])(*(ctypes.addressof(one) for one in [*passed, info]))
    assert info.value == 0
    return int(work.value), wholes.value


@pytest.mark.parametrize("n", [1, 2, 3, 10, 33, 100, 500, 3000])
def test_memory_is_what_lapack_asks_for(n: int) -> None:
    work, wholes = asked_for("syevd", "V", "L", n, None, n, None, "work", "wholes")
    assert work <= lapack._eigen_work(n)
    assert wholes <= lapack._eigen_wholes(n)
    for m in (n, n + 1, 2 * n, 20 * n):
        assert asked_for("geqrf", m, n, None, m, None, "work")[0] <= n * lapack.BLOCK
        assert asked_for("orgqr", m, n, n, None, m, None, "work")[0] <= n * lapack.BLOCK
        for rows, columns in ((m, n), (n, m)):
            arguments = ("S", rows, columns, None, rows, None, None, rows, None, n, "work", "wholes")
            assert asked_for("gesdd", *arguments)[0] <= lapack._singular_work(rows, columns)


# ---------------------------------------------------------------------------------------------- planted faults


def _plain_copy(self: Fortran, source: Any, kind: Any, target: Any, wanted: Any, rows: int, columns: int) -> None:
    size = lapack.number(rows * columns)
    self.each(lapack.number(0), size, lambda k: self.store(self.load(source, k, kind), target, k, wanted))


def _one_triangle(original: Any) -> Any:
    def call(self: Fortran, name: str, *arguments: Any) -> None:
        original(self, name, *("L" if argument == "U" else argument for argument in arguments))

    return call


def _all_is_well(self: Fortran, name: str, *arguments: Any) -> Any:
    self.call(name, *arguments, self.info)
    return lapack.ir.Constant(lapack.INTEGER, 0)


def _no_swap(original: Any) -> Any:
    def at(self: Fortran, pointer: Any, index: Any, kind: Any = lapack.REAL) -> Any:
        return original(self, pointer, index if kind is not lapack.INTEGER else lapack.number(0), kind)

    return at


@pytest.mark.parametrize("name", ["qr", "eigh lower", "eigh upper", "svd", "svd tall", "solve none 4"])
def test_a_transposition_left_out_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fortran, "_turn", _plain_copy)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        CHECKS[name]("float64", 5, ())


@pytest.mark.parametrize("name", ["cholesky", "eigh upper", "solve lower 4"])
def test_the_wrong_triangle_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fortran, "call", _one_triangle(Fortran.call))
    with pytest.raises((AssertionError, np.linalg.LinAlgError)):
        CHECKS[name]("float64", 5, ())


@pytest.mark.parametrize("name", ["det", "slogdet"])
def test_a_swap_of_rows_that_is_not_counted_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fortran, "at", _no_swap(Fortran.at))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        CHECKS[name]("float64", 3, ())


def test_a_refusal_that_is_not_passed_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fortran, "checked", _all_is_well)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_what_numpy_refuses_is_refused("inv", (np.ones((2, 2)),), {}, "Singular matrix", "float64")


def test_too_little_memory_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapack, "_singular_work", lambda m, n: 3 * min(m, n) ** 2)
    with pytest.raises(AssertionError):
        test_memory_is_what_lapack_asks_for(33)
