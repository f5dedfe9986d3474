"""Elementary functions in machine code against mpmath, NumPy's edges and tables, and other widths.

`CHAINRULE_MATH_POINTS=6000 pytest tests/native/test_vector_math.py` is the longer sweep; -s shows the largest
errors.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from scipy import special

from chainrule.errors import ArgumentError, DtypeError
from chainrule.native import ir, polynomials, vector_math_table
from chainrule.native.vector_math import FUNCTIONS, arity, emit
from chainrule.native.vector_math_lanes import constant
from tests.native import fit_polynomials, machine

POINTS = int(os.environ.get("CHAINRULE_MATH_POINTS", "1000"))
WIDTHS = (1, 3, 4, 8, 16)
FLOATS = [np.float32, np.float64]
Array = np.ndarray[Any, Any]


# Compiling


def compiled(names: tuple[str, ...], dtype: Any, lanes: int) -> dict[str, Callable[..., Array]]:
    """The functions as NumPy functions."""
    return machine.compiled(
        {name: (lambda build, *x, name=name: emit(build, name, *x), [dtype] * arity(name), dtype) for name in names},
        lanes,
    )


@functools.cache
def everything(dtype: Any, lanes: int) -> dict[str, Callable[..., Array]]:
    """All functions at one width, compiled once."""
    return compiled(tuple(FUNCTIONS), dtype, lanes)


# The truth


def _log_sum(x: Any, y: Any) -> Any:
    return max(x, y) + mp.log1p(mp.exp(-abs(x - y)))


# fmt: off
TRUTH: dict[str, Callable[..., Any]] = {
    "exp": mp.exp, "exp2": lambda x: mp.power(2, x), "expm1": mp.expm1,
    "log": mp.ln, "log2": lambda x: mp.ln(x) / mp.ln(2), "log10": lambda x: mp.ln(x) / mp.ln(10), "log1p": mp.log1p,
    "tanh": mp.tanh, "sinh": mp.sinh, "cosh": mp.cosh, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan,
    "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arctan2": mp.atan2, "erf": mp.erf, "erfc": mp.erfc,
    "expit": lambda x: 1 / (1 + mp.exp(-x)), "log_expit": lambda x: -mp.log1p(mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)), "pow": mp.power, "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "arcsinh": mp.asinh, "arccosh": mp.acosh, "arctanh": mp.atanh, "hypot": mp.hypot, "logaddexp": _log_sum,
    "gammaln": mp.loggamma, "digamma": mp.digamma, "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
}
# The largest error allowed, in units in the last place: a little over the largest seen with CHAINRULE_MATH_POINTS=6000.
BOUNDS: dict[str, float] = {
    **dict.fromkeys(FUNCTIONS, 0.85),
    **dict.fromkeys(("exp", "softplus", "log_expit", "expm1", "erf", "erfc", "gammaln", "digamma", "erfcx"), 1.0),
}
# The short ways of float32 have more, as `vector_math_single` says: within 2 units over the whole range.
SHORT = ("exp", "tanh", "sin", "cos", "expit", "softplus", "log_expit", "erf", "erfc")
BOUNDS_SINGLE = BOUNDS | dict.fromkeys(SHORT, 1.7)


def bound(name: str, dtype: Any) -> float:
    """The largest error allowed."""
    return (BOUNDS_SINGLE if dtype is np.float32 else BOUNDS)[name]


# fmt: on


def samples(name: str, dtype: Any, points: int = POINTS) -> list[Array]:
    """Operands where the function is finite and real: half from every binade of the format, half from its middle."""
    random = np.random.default_rng(7)
    integer = np.uint32 if dtype is np.float32 else np.uint64

    def draw() -> Array:
        anywhere = random.integers(0, np.iinfo(integer).max, points // 2, integer, endpoint=True).view(dtype)
        signs, powers = random.choice([-1, 1], points), random.uniform(-12, 7 if dtype is np.float32 else 10, points)
        return np.concatenate([anywhere[np.isfinite(anywhere)], (signs * np.exp2(powers)).astype(dtype)])

    x, y = draw(), draw()
    size = min(x.size, y.size)
    x, y = x[:size], y[:size]
    if name in ("log", "log2", "log10", "pow"):
        x = np.concatenate([np.abs(x), 1 + x[np.abs(x) < 0.5]]).astype(dtype)
        x = x[x > 0]
        reach = 148 if dtype is np.float32 else 1070
        with np.errstate(all="ignore"):
            y = (random.uniform(-reach, reach, x.size) / np.log2(x.astype(np.float64))).astype(dtype)
        y[~np.isfinite(y)] = 3
    elif name in ("arcsin", "arccos", "arctanh", "log1p"):
        x = np.concatenate([x[np.abs(x) < 1], 1 - x[(np.abs(x) < 1) & (x > 0)], x[x > 1] if name == "log1p" else x[:0]])
    elif name == "arccosh":
        x = np.concatenate([x[x > 1], 1 + np.abs(x[np.abs(x) < 1])])
    elif name in ("gammaln", "digamma"):
        x = np.abs(x)
        x = np.concatenate([x[(x > 0) & (x < 1e30)], random.uniform(0.5, 3, size).astype(dtype)])
    elif name in ("erf", "erfcx", "erfc", "softplus", "log_expit", "expit", "logaddexp", "cosh", "sinh", "tanh"):
        x = np.concatenate([x[np.abs(x) < 2000], random.uniform(-28, 28, size).astype(dtype)])  # beyond: test_edges
        x = x[x > -26] if name == "erfcx" else x
    return [x, np.resize(y, x.size)][: arity(name)]


@functools.cache
def true_values(name: str, dtype: Any, points: int = POINTS) -> tuple[list[Array], list[Any]]:
    """Samples and what the function is there, with 200 bits."""
    operands = samples(name, dtype, points)
    with mp.workprec(200):
        columns = zip(*(operand.astype(np.float64).tolist() for operand in operands), strict=True)
        return operands, [TRUTH[name](*map(mp.mpf, column)) for column in columns]


def errors(got: Array, truth: list[Any]) -> Array:
    """Errors in units in the last place of the truth; infinity counts as the number after the largest."""
    info = np.finfo(got.dtype)
    beyond = mp.mpf(2) ** int(info.maxexp)
    found = []
    with mp.workprec(200):
        for number, true in zip(got.astype(np.float64).tolist(), truth, strict=True):
            value = mp.mpf(number) if np.isfinite(number) else beyond * mp.sign(number)
            true = min(max(true, -beyond), beyond)
            unit = mp.mpf(2) ** max(mp.frexp(true)[1] - 1 - info.nmant, int(info.minexp) - info.nmant)
            found.append(float("inf") if np.isnan(number) else float(abs(value - true) / unit))
    return np.array(found)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name: str, dtype: Any) -> None:
    operands, truth = true_values(name, dtype)
    found = errors(everything(dtype, 8)[name](*operands), truth)
    worst = int(np.argmax(found))
    print(f"\n{name} {np.dtype(dtype)}: {found[worst]:.3f} at {[x[worst] for x in operands]}, {found.size} points")
    if name == "logaddexp":  # relative to the greater operand where that cancels, as its docstring says
        found *= [
            min(1.0, abs(float(t)) / abs(float(max(*o))))
            for t, o in zip(truth, zip(*operands, strict=True), strict=True)
        ]
    assert found.max() <= bound(name, dtype)


def test_huge_angles() -> None:
    """The doubles and floats nearest to multiples of pi/2 (Muller, section 11.3.2), powers of two, and the largest."""
    hard = [6381956970095103.0 * 2.0**797, 5.319372648326541e255, 1e300, np.finfo(np.float64).max, 2.0**30, 2.0**1023]
    for dtype, x in (
        (np.float64, np.array(hard)),
        (np.float32, np.array([16367173 * 2.0**72, 2**16, 3e38], np.float32)),
    ):
        x = np.concatenate([x, -x])
        with mp.workprec(1200):
            for name in ("sin", "cos", "tan"):
                truth = [TRUTH[name](mp.mpf(float(v))) for v in x]
                assert errors(everything(dtype, 4)[name](x), truth).max() <= bound(name, dtype)


# Edges


def _reference(name: str) -> Callable[..., Any]:
    """NumPy's function, or what it would be: at the edges."""
    others: dict[str, Callable[..., Any]] = {
        "pow": np.power,
        # SciPy's is infinite at subnormal numbers
        "gammaln": lambda x: np.where(np.abs(x) < 1e-300, -np.log(np.abs(x)), special.gammaln(x)),
        "expit": lambda x: 1 / (1 + np.exp(-x)),
        "softplus": lambda x: np.logaddexp(x, 0),
        "log_expit": lambda x: -np.logaddexp(-x, 0),
        "erf": lambda x: np.where(np.isnan(x) | (x == 0), x, np.sign(x)),
        "erfc": lambda x: np.where(np.isnan(x), x, 1 - np.sign(x)),
    }
    return others.get(name) or getattr(np, name, None) or getattr(special, name)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_edges(name: str, dtype: Any) -> None:
    """Zeros, infinities, NaN and what overflows: the same class and sign as NumPy's, and the same value where exact."""
    info = np.finfo(dtype)
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    numbers = np.array([1, -1, 2, -2, 3, 0.5, -0.5, info.max, -info.max, info.smallest_subnormal, info.tiny], dtype)
    edges = edges if name in ("erf", "erfc") else np.concatenate([edges, numbers, -numbers[-2:]])
    operands = [axis.ravel() for axis in np.meshgrid(*[edges] * arity(name))]
    got = everything(dtype, 4)[name](*operands)
    with np.errstate(all="ignore"):
        expected = np.asarray(_reference(name)(*operands), dtype)
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=8 * float(info.eps), atol=4 * float(info.smallest_subnormal))
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(got[signed]), np.signbit(expected[signed]))


def _table(name: str) -> list[tuple[str, int, int, int]]:
    path = Path(np.__file__).parent / "_core" / "tests" / "data" / f"umath-validation-set-{name}.csv"
    rows = [line.split(",") for line in path.read_text().splitlines() if line.startswith("np.float")]
    return [(kind.removeprefix("np."), int(x, 16), int(y, 16), int(ulps)) for kind, x, y, ulps in rows]


TABLES = (
    "arccos arccosh arcsin arcsinh arctan arctanh cbrt cos cosh exp exp2 expm1 log log10 log1p log2 sin sinh tan tanh"
)


@pytest.mark.parametrize("name", TABLES.split())
def test_validation_tables(name: str) -> None:
    """NumPy's tables, within 1 unit of what they hold (NumPy allows up to 4)."""
    for dtype, integer in ((np.float32, np.uint32), (np.float64, np.uint64)):
        rows = [row for row in _table(name) if row[0] == np.dtype(dtype).name]
        x, expected = (np.array([row[i] for row in rows], integer).view(dtype) for i in (1, 2))
        got = everything(dtype, 16)[name](x)
        nan = np.isnan(expected)
        np.testing.assert_array_equal(np.isnan(got), nan)
        signed = np.int32 if integer is np.uint32 else np.int64
        steps = np.abs(got[~nan].view(signed).astype(object) - expected[~nan].view(signed).astype(object))
        assert np.all(steps <= 1), (x[~nan][steps > 1], got[~nan][steps > 1], expected[~nan][steps > 1])


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_width_gives_the_same_bits(dtype: Any) -> None:
    random, integer = np.random.default_rng(3), np.uint32 if dtype is np.float32 else np.uint64
    bits = random.integers(0, np.iinfo(integer).max, (2, 2000), integer, endpoint=True).view(dtype)
    middle = (random.standard_normal((2, 2000)) * 10.0 ** random.integers(-3, 4, (2, 2000))).astype(dtype)
    operands = np.concatenate([bits, middle], axis=1)
    for name in FUNCTIONS:
        results = [everything(dtype, lanes)[name](*operands[: arity(name)]) for lanes in WIDTHS]
        for result in results[1:]:
            np.testing.assert_array_equal(np.isnan(result), np.isnan(results[0]))  # whose payload is nobody's promise
            number = ~np.isnan(result)
            np.testing.assert_array_equal(result[number].view(integer), results[0][number].view(integer))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("lanes", [1, 8])
def test_powers_of_constants_have_the_bits_of_powers(dtype: Any, lanes: int) -> None:
    bases = [0.9, 0.999, 2.0, 10.0, 1.0, -3.0, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40]

    def power(build: ir.IRBuilder, y: Any, base: float) -> Any:
        return emit(build, "pow", constant(y.type, base), y)

    asked = {place: (functools.partial(power, base=base), [dtype], dtype) for place, base in enumerate(bases)}
    functions = machine.compiled(asked, lanes)
    random = np.random.default_rng(5)
    y = np.concatenate([np.arange(-400, 400), random.normal(0, 100, 800), [np.inf, -np.inf, np.nan, 0.5, -0.5, -0.0]])
    for place, base in enumerate(bases):
        function = functions[place]
        expected = everything(dtype, lanes)["pow"](np.full_like(y, base), y)
        np.testing.assert_array_equal(function(y), expected, strict=True)
        np.testing.assert_array_equal(np.signbit(function(y)), np.signbit(expected))


# Planted faults

USER = {"exp": "exp", "log": "pow", "sin": "sin", "cos": "cos", "atan": "arctan", "asin": "arcsin", "erf": "erf",
        "cbrt": "cbrt", "erfc": "erfc", "log_1": "log", "tanh": "tanh", "erfc_log": "erf", "gammaln_1": "gammaln",
        "gammaln_2": "gammaln", "digamma": "digamma"}  # fmt: skip
TABLED = [
    (table, dtype, format)
    for table, formats in polynomials.POLYNOMIALS.items()
    for dtype, format in ((np.float32, "f32"), (np.float64, "f64"))
    if format in formats
]


@pytest.mark.parametrize(("table", "dtype", "format"), TABLED)
def test_a_wrong_coefficient_is_caught(table: str, dtype: Any, format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = USER[table]
    monkeypatch.setattr(vector_math_table, "has_tables", lambda x: False)  # what has another table uses this one not
    right = polynomials.POLYNOMIALS[table]
    operands, truth = true_values(name, dtype)
    if len(right[format]) > 8:  # enough to see each of many, which take long
        operands, truth = [operand[::4] for operand in operands], truth[::4]
    for i, coefficient in enumerate(right[format]):
        wrong = (*right[format][:i], coefficient * 4, *right[format][i + 1 :])
        monkeypatch.setitem(polynomials.POLYNOMIALS, table, {**right, format: wrong})
        found = errors(compiled((name,), dtype, 8)[name](*operands), truth)
        assert found.max() > bound(name, dtype), f"coefficient {i} of {table}"


@pytest.mark.parametrize(("table", "dtype", "format"), TABLED)
def test_the_table_is_what_the_script_computes(table: str, dtype: Any, format: str) -> None:
    known = polynomials.POLYNOMIALS[table][format]
    computed, _ = fit_polynomials.fit(table, 24 if dtype is np.float32 else 53, len(known) - 1)
    np.testing.assert_array_equal(known, computed)


# Emission


def test_one_function_for_each_name_and_type() -> None:
    module = ir.Module()
    narrow, wide = ir.VectorType(ir.FloatType(), 4), ir.VectorType(ir.DoubleType(), 2)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [narrow, wide]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    for _ in range(2):
        emit(builder, "sin", function.args[0])
        emit(builder, "sin", function.args[1])
    names = [f.name for f in module.functions if f.name.startswith("chainrule.")]
    assert sorted(names) == ["chainrule.payne_hanek", "chainrule.sin.v2f64", "chainrule.sin.v4f32"]
    assert "fast" not in str(module).replace("fastcc", "")
    assert not any(word in str(module) for word in ("contract", "reassoc", "nnan", "ninf"))


def test_bad_requests() -> None:
    module = ir.Module()
    kinds = [ir.FloatType(), ir.DoubleType(), ir.IntType(32)]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    single, double, integer = function.args
    with pytest.raises(ArgumentError, match=r"one of exp, .*got 'gamma'"):
        emit(builder, "gamma", single)
    with pytest.raises(ArgumentError, match="arctan2: expected 2 operands; got 1"):
        emit(builder, "arctan2", single)
    with pytest.raises(DtypeError, match="got float, double"):
        emit(builder, "pow", single, double)
    with pytest.raises(DtypeError, match="got i32"):
        emit(builder, "exp", integer)
