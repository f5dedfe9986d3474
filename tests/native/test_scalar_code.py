"""Every function of loop scalars, on every dtype that it takes, against the interpreter; casts against NumPy."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

from chainrule.errors import DtypeError, UnsupportedError
from chainrule.loops.functions import FUNCTIONS, result_dtype
from chainrule.loops.interpreter import compute
from chainrule.loops.scalar import wrap
from chainrule.native import ir, scalar_code
from chainrule.native.scalar_code import emit_cast, emit_function, llvm_type, memory_type
from chainrule.native.vector_math import FUNCTIONS as ELEMENTARY
from chainrule.types.dtype import DTYPES
from tests.native.machine import Emission, compiled

NAMES = sorted(dtype.name for dtype in DTYPES)
WIDTHS = (1, 4, 8, 16)
Array = np.ndarray[Any, Any]
EXACT = [name for name in FUNCTIONS if name not in ELEMENTARY and name not in ("power", "polygamma")]
CASES = [(name, dtype) for name, row in FUNCTIONS.items() for dtype in NAMES if np.dtype(dtype).kind in row.kinds]
# Errors against NumPy's and SciPy's, of which some have several units themselves.
ROUGH = {"gammaln": 20, "digamma": 40, "polygamma": 40, "erfcx": 400, "erfc": 400}


def dtypes_of(name: str, dtype: str, whole: str = "int64") -> list[np.dtype]:
    """The dtypes of a function's operands."""
    return [np.dtype({"x": dtype, "n": whole}.get(want, want)) for want in FUNCTIONS[name].operands]


def emission(name: str, dtypes: list[np.dtype]) -> Emission:
    return lambda build, *values: emit_function(build, name, values, dtypes), dtypes, result_dtype(name, dtypes)


@functools.cache
def everything(dtype: str, lanes: int) -> dict[str, Callable[..., Array]]:
    """All functions of one dtype, compiled once for a number of lanes; of elementary ones there is one test alone."""
    wanted = [name for name, one in CASES if one == dtype and (lanes == 8 or name in EXACT)]
    emissions = {name: emission(name, dtypes_of(name, dtype)) for name in wanted}
    if "ldexp" in emissions:
        emissions["ldexp int32"] = emission("ldexp", dtypes_of("ldexp", dtype, "int32"))
    return compiled(emissions, lanes, level=1)


def numbers(dtype: Any, count: int = 60, seed: int = 0) -> Array:
    """Edges of a dtype, then numbers of all sizes."""
    dtype, random = np.dtype(dtype), np.random.default_rng(seed)
    if dtype.kind == "b":
        return np.array([False, True] * (count // 2))
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        edges = [0, 1, 2, 3, 7, info.max, info.max - 1, info.min, info.min + 1, 8 * dtype.itemsize - 1]
        edges += [8 * dtype.itemsize, -1, -2, -5] if dtype.kind == "i" else [8 * dtype.itemsize]
        drawn = random.integers(info.min, info.max, count, dtype, endpoint=True)
        return np.concatenate([np.array(edges, dtype), drawn >> random.integers(0, 8 * dtype.itemsize, count, dtype)])
    info = np.finfo(dtype)
    edges = [0, 0.5, 1, 1.5, 2, 2.5, 3, np.inf, np.nan, info.max, info.tiny, info.smallest_subnormal, 2**24, 2.0**53]
    edges += [1 - info.epsneg, 1 + info.eps, info.tiny * 0.75, info.smallest_subnormal * 3, 0.49999999999999994, 1e5]
    bits = random.integers(0, 2 ** (8 * dtype.itemsize) - 1, count // 2, f"u{dtype.itemsize}", endpoint=True)
    drawn = [bits.view(dtype), random.standard_normal(count // 2) * 10.0 ** random.integers(-3, 4, count // 2)]
    return np.concatenate([edges, np.negative(edges), *drawn]).astype(dtype)


def operands_of(name: str, dtypes: list[np.dtype]) -> list[Array]:
    """Each with each of its other operands, or for three operands many of them."""
    columns = [numbers(dtype, seed=i) for i, dtype in enumerate(dtypes)]
    if name in ("digamma", "polygamma"):  # SciPy's are wrong in all digits beside a pole, and half way between two
        x = columns[-1][~(columns[-1] < -1e4)]
        with np.errstate(invalid="ignore"):
            places = np.abs(x - np.floor(x) - 0.5)
        columns[-1] = x[(x > -0.5) | (x == np.floor(x)) | ((places < 0.499) & (places > 0.1))]
        columns[-1] = columns[-1][np.abs(columns[-1] + 0.5) > 1e-9]
    if name == "polygamma":
        columns[0] = np.array([-3, 0, 1, 2, 3, 8, 30, 170, 400])
    if name == "ldexp":
        small = [-3000, -1080, -1075, -1074, -1073, -1060, -151, -150, -149, -140, -2, 0, 1, 5, 100, 260, 2098, 10**6]
        columns[1] = np.concatenate([np.array(small, dtypes[1]), columns[1]])
    if len(columns) == 3:
        random = np.random.default_rng(5)
        return [random.choice(column, 4000) for column in columns]
    return [axis.ravel() for axis in np.meshgrid(*columns)]


@functools.cache
def expected(name: str, dtype: str, whole: str = "int64") -> tuple[list[Array], Array]:
    """Operands, and what the interpreter makes of them."""
    dtypes = dtypes_of(name, dtype, whole)
    operands = operands_of(name, dtypes)
    result = result_dtype(name, dtypes)
    with np.errstate(all="ignore"):
        rows = zip(*operands, strict=True)
        values = [result.type(compute(name, *row)) for row in rows]
    return operands, np.array(values, result)


def check_equal(got: Array, wanted: Array, operands: list[Array]) -> None:
    """The same bits; for a NaN any NaN."""
    assert got.dtype == wanted.dtype
    same = (got == wanted) & (np.signbit(got) == np.signbit(wanted)) if got.dtype.kind == "f" else got == wanted
    if got.dtype.kind == "f":
        same |= np.isnan(got) & np.isnan(wanted)
    wrong = np.flatnonzero(~same)[:5]
    assert wrong.size == 0, [([x[i] for x in operands], got[i], wanted[i]) for i in wrong]


@pytest.mark.parametrize(("name", "dtype"), [case for case in CASES if case[0] in EXACT])
def test_exact_functions_are_the_interpreters_at_every_width(name: str, dtype: str) -> None:
    operands, wanted = expected(name, dtype)
    for lanes in WIDTHS:
        check_equal(everything(dtype, lanes)[name](*operands), wanted, operands)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ldexp_by_int32(dtype: str) -> None:
    operands, wanted = expected("ldexp", dtype, "int32")
    check_equal(everything(dtype, 4)["ldexp int32"](*operands), wanted, operands)


@pytest.mark.parametrize(("name", "dtype"), [case for case in CASES if case[0] not in EXACT])
def test_other_functions_are_the_interpreters_but_for_a_few_units(name: str, dtype: str) -> None:
    operands, wanted = expected(name, dtype)
    got = everything(dtype, 8)[name](*operands)
    if np.dtype(dtype).kind != "f":
        check_equal(got, wanted, operands)
        return
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    info = np.finfo(dtype)
    margin = ROUGH.get(name, 4) * info.eps
    # Where ln Gamma and its derivatives are near a zero, SciPy's absolute error is the unit of the terms.
    terms = np.maximum(np.abs(operands[-1]), 1.0) if name in ("gammaln", "digamma") else 0.0
    with np.errstate(all="ignore"):
        near = np.abs(got - wanted) <= margin * np.maximum(np.abs(wanted), terms) + 4 * info.smallest_subnormal
    close = (got == wanted) | near | np.isnan(wanted)
    close |= np.isinf(wanted) & (np.abs(got) > info.max * (1 - 1e-3))  # by the last bit only
    wrong = np.flatnonzero(~close)[:5]
    assert wrong.size == 0, [([x[i] for x in operands], got[i], wanted[i]) for i in wrong]
    zero = wanted == 0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(wanted[zero]))


# Casts


def cast_operands(source: np.dtype) -> Array:
    values = numbers(source, 400)
    if source.kind == "f":
        powers = np.exp2(np.arange(5.0, 66)).astype(source)
        around = [powers, np.nextafter(powers, source.type(0)), np.nextafter(powers, source.type(np.inf)), powers * 1.5]
        beside = [powers - 1, powers + 1, powers - 0.5, powers + 0.5]
        around = np.concatenate([*around, *beside])
        values = np.concatenate([values, around, -around])
    return values


def cast_emission(source: np.dtype, target: np.dtype) -> Emission:
    return lambda build, value: emit_cast(build, value, source, target), [source], target


@pytest.mark.parametrize("source", NAMES)
def test_casts_are_those_of_scalars_on_x86(source: str) -> None:
    values = cast_operands(np.dtype(source))
    emissions = {target: cast_emission(np.dtype(source), np.dtype(target)) for target in NAMES}
    for lanes in WIDTHS:
        functions = compiled(emissions, lanes, level=1)
        for target in NAMES:
            check_equal(functions[target](values), reference_cast(values, np.dtype(target)), [values])


def reference_cast(values: Array, target: np.dtype) -> Array:
    """NumPy's own where the value is in range, else, written with integers, what it is on x86-64."""
    if values.dtype.kind != "f" or target.kind not in "iu":
        with np.errstate(all="ignore"):
            return values.astype(target)
    return np.array([_cut(value, target) for value in values.tolist()]).astype(target)


def _cut(value: float, target: np.dtype) -> Any:
    width = 32 if target.itemsize < 4 or target == np.int32 else 64
    shift = 2**63 if target == np.uint64 and value >= 2.0**63 else 0
    inside = np.isfinite(value) and -(2 ** (width - 1)) <= int(value) - shift < 2 ** (width - 1)
    whole = int(value) - shift if inside else -(2 ** (width - 1))
    return target.type(wrap(whole + shift, target))


@pytest.mark.parametrize("target", [name for name in NAMES if "int" in name])
@pytest.mark.parametrize("source", ["float32", "float64"])
def test_the_reference_of_casts_is_numpy_in_range(source: str, target: str) -> None:
    values, info = cast_operands(np.dtype(source)), np.iinfo(target)
    values = values[[np.isfinite(value) and info.min <= int(value) <= info.max for value in values]]
    np.testing.assert_array_equal(reference_cast(values, np.dtype(target)), values.astype(target))


# Planted faults: what a careless emission would do, and what must be seen.

FAULTS: list[tuple[str, str, Callable[..., Any]]] = [
    ("divide", "int32", lambda on, x, y: on.select(on.is_zero(y), y, on.number(7))),
    ("left_shift", "uint8", lambda on, x, y: on.builder.shl(x, on.builder.and_(y, on.number(7)))),
    ("bitwise_count", "int8", lambda on, x: on.intrinsic("ctpop", x)),
    ("minimum", "float32", lambda x, y: (x < y).where(x, y)),
    ("maximum", "float64", lambda x, y: x.is_nan().where(x, (x < y).where(y, x))),
    ("nextafter", "float32", lambda x, y: (x.bits() + 1).floats()),
    ("ldexp", "float32", lambda x, n: x),
    ("fma", "float64", lambda x, y, z: x * y + z),
]


@pytest.mark.parametrize(("name", "dtype", "wrong"), FAULTS)
def test_a_wrong_emission_is_caught(
    name: str, dtype: str, wrong: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = "FLOATS" if np.dtype(dtype).kind == "f" else "INTEGERS"
    monkeypatch.setattr(scalar_code, table, {**getattr(scalar_code, table), name: wrong})
    operands, wanted = expected(name, dtype)
    got = compiled({name: emission(name, dtypes_of(name, dtype))}, 8, level=1)[name](*operands)
    with pytest.raises(AssertionError):
        check_equal(got, wanted, operands)


# Types and refusals


def test_types_of_registers_and_memory() -> None:
    for name in NAMES:
        in_memory = memory_type(name)
        assert (in_memory == llvm_type(name)) == (name != "bool")
    assert [str(llvm_type(one)) for one in ("float64", "int64", "uint8", "bool")] == ["double", "i64", "i8", "i1"]


def test_what_is_refused() -> None:
    single, double, whole = (np.dtype(one) for one in ("float32", "float64", "int32"))
    kinds = [ir.FloatType(), ir.DoubleType(), ir.VectorType(ir.FloatType(), 4)]
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), kinds), "f")
    build = ir.IRBuilder(function.append_basic_block())
    x, y, vector = function.args
    with pytest.raises(UnsupportedError, match="got 'gamma'"):
        emit_function(build, "gamma", [x], [single])
    with pytest.raises(DtypeError, match="got float32, float64"):
        emit_function(build, "add", [x, y], [single, double])
    with pytest.raises(DtypeError, match="expected values of float, float; got float, <4 x float>"):
        emit_function(build, "add", [x, vector], [single, single])
    with pytest.raises(DtypeError, match="got no operands"):
        emit_function(build, "add", [], [single, single])
    with pytest.raises(DtypeError, match="cast: expected values of i32; got float"):
        emit_cast(build, x, whole, double)


def test_nothing_is_fast() -> None:
    """No flag of fast-math, and nothing that LLVM leaves undefined, in the whole text."""
    module = ir.Module()
    for dtype, lanes in itertools.product(("float32", "int32"), (1, 4)):
        for name in EXACT:
            if np.dtype(dtype).kind in FUNCTIONS[name].kinds:
                dtypes = dtypes_of(name, dtype)
                kinds = [ir.VectorType(llvm_type(one), lanes) if lanes > 1 else llvm_type(one) for one in dtypes]
                function = ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), f"{name}_{dtype}_{lanes}")
                build = ir.IRBuilder(function.append_basic_block())
                emit_function(build, name, function.args, dtypes)
    words = set(str(module).replace(",", " ").split())
    assert not words & {"fast", "nnan", "ninf", "nsz", "arcp", "contract", "reassoc", "nsw", "nuw", "exact"}


def test_polygamma_against_mpmath() -> None:
    """Between the poles too, half way between two of them, and where it is hardly more than one term."""
    random = np.random.default_rng(2)
    x = np.concatenate([random.uniform(-5, 0, 40), random.uniform(0, 40, 60), [-1.5, -2.5, -0.5, 1e-9, -1e-9, 1e9]])
    function = everything("float64", 8)["polygamma"]
    for order in (1, 2, 3, 8, 30):
        got = function(np.full(x.size, order), x)
        with mp.workprec(300):
            wanted = np.array([float(mp.polygamma(order, mp.mpf(value))) for value in x.tolist()])
            # At a negative number the terms of both sides cancel: the error is theirs.
            terms = [float(mp.factorial(order) * mp.zeta(order + 1, abs(v - round(v)) or 1)) for v in x.tolist()]
        scale = np.where(x < 0, terms, np.abs(wanted))
        with np.errstate(invalid="ignore"):
            close = (got == wanted) | (np.abs(got - wanted) <= 8e-15 * scale)
        assert close.all(), x[~close]


@pytest.mark.parametrize(
    ("name", "dtype"), [("power", "int8"), ("power", "uint64"), ("power", "float32"), ("polygamma", "float64")]
)
def test_the_others_have_the_same_bits_at_every_width(name: str, dtype: str) -> None:
    operands, _ = expected(name, dtype)
    emissions = {name: emission(name, dtypes_of(name, dtype))}
    wanted = everything(dtype, 8)[name](*operands)
    for lanes in (1, 4, 16):
        check_equal(compiled(emissions, lanes, level=1)[name](*operands), wanted, operands)
