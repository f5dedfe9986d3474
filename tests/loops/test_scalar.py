"""Scalar expressions: one object for one value, dtypes, weak numbers, and the values of functions at their edges."""

from __future__ import annotations

import gc
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from chainrule.errors import DtypeError, GraphError, UnsupportedError
from chainrule.loops import FUNCTIONS, Choice, Index, Scalar, apply, buffer, cast, constant, in_order, load
from chainrule.loops.bounds import Bounds, facts_of, linear
from chainrule.loops.functions import result_dtype
from chainrule.loops.interpreter import compute, nearest
from chainrule.loops.nest import elementwise_kernel
from chainrule.loops.scalar import INDEX, lift, wrap

i, j = Index("i"), Index("j")
X = buffer("x", (4,), "float32")
N = buffer("n", (4,), "int32")


def test_equal_expressions_are_one():
    assert X[i] * 2 + 1 is X[i] * 2 + 1
    assert X[i] is not buffer("x", (4,), "float32")[i]
    assert constant(0.0, "float64") is not constant(-0.0, "float64")
    assert constant(1, "float64") is not constant(1, "float32")
    assert constant(math.nan, "float32") is constant(-math.nan, "float32")
    assert load(X, 1) is X[1]


def test_what_nobody_needs_is_forgotten():
    from chainrule.loops.scalar import _scalars

    gc.collect()
    before = len(_scalars)
    total = X[i]
    for number in range(100):
        total = total * (number + 7)
    assert len(_scalars) > before + 100
    del total
    gc.collect()
    assert len(_scalars) <= before + 2


def test_deep_expressions_are_walked_and_printed():
    total = X[i]
    for _ in range(5000):
        total = total + total
    assert len(in_order([total])) == 5002
    assert str(total).endswith("$4998 + $4998")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (1 + X[i], "1 + x[i]"),
        (1 - X[i], "1 - x[i]"),
        (2.5 * X[i], "2.5 * x[i]"),
        (1 / X[i], "1 / x[i]"),
        (X[i] / 3, "x[i] / 3"),
        (X[i] % 3, "x[i] % 3"),
        (-X[i], "-x[i]"),
        (~N[i], "~n[i]"),
        ((N[i] & 3) | 1, "(n[i] & 3) | 1"),
        (N[i] ^ N[j], "n[i] ^ n[j]"),
        ((N[i] << 1) >> 2, "(n[i] << 1) >> 2"),
        (X[i] < 0, "x[i] < 0"),
        (X[i] <= 0, "x[i] <= 0"),
        (X[i] > 0, "x[i] > 0"),
        (X[i] >= -0.0, "x[i] >= -0.0"),
        (X[i] == math.inf, "x[i] == inf"),
        (X[i] != math.nan, "x[i] != nan"),
        (X[i] * 0.1, "x[i] * 0.1"),
        (X[i] * 123456789, "x[i] * 1.2345679e+08"),
        (cast(N[i], "float32") + X[i], "float32(n[i]) + x[i]"),
        (i * 4 + 0 + j * 1, "(i * 4) + j"),
        (0 + (i - 0) * 0, "int64(0)"),
        (0 * i + 1 * j, "j"),
        (-constant(-128, "int8"), "int8(-128)"),
        (constant(100, "int8") + 100, "int8(-56)"),
        (X[i] + 0, "x[i] + 0"),
        (lift(Choice(X[i] > 0, 1, 0), X.dtype), "select(x[i] > 0, float32(1), float32(0))"),
        (apply("select", X[i] > 0, X[j], X[j]), "x[j]"),
        ((X[i] > 0) + (X[j] > 0), "(x[i] > 0) | (x[j] > 0)"),
        ((X[i] > 0) - (X[j] > 0), "(x[i] > 0) ^ (x[j] > 0)"),
        ((X[i] > 0) * True, "(x[i] > 0) & True"),
        (cast(X[i], X.dtype), "x[i]"),
        (apply("fma", X[i], 2, 1), "fma(x[i], 2, 1)"),
    ],
)
def test_operators_build_expressions(expression, text):
    assert str(expression) == text


def test_reflected_operators():
    mask = X[i] > 0
    assert str(1 + Choice(mask, 1, 0).condition) == "True | (x[i] > 0)"
    assert str(Choice(mask, 1, 0) - X[i]) == "select(x[i] > 0, float32(1), float32(0)) - x[i]"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: bool(X[i] > 0), GraphError, r"the truth of x\[i\] > 0"),
        (lambda: X[i] + N[i], DtypeError, "got float32, int32"),
        (lambda: X[i] & 1, DtypeError, "where x is of: bool, signed integers, unsigned integers; got float32"),
        (lambda: -(X[i] > 0), DtypeError, "negative: expected"),
        (lambda: apply("sine", X[i]), UnsupportedError, "got 'sine'"),
        (lambda: apply("sin", 1.0), DtypeError, "Give one operand a dtype"),
        (lambda: apply("sin", X[i], X[i]), DtypeError, r"got sin\(x\[i\], x\[i\]\)"),
        (lambda: apply("ldexp", X[i], constant(1, "int8")), DtypeError, "got float32, int8"),
        (lambda: apply("select", N[i], X[i], X[i]), DtypeError, "got int32, float32, float32"),
        (lambda: N[i] + 0.5, DtypeError, "a number of int32; got 0.5"),
        (lambda: N[i] + 2**40, DtypeError, "a number of int32; got 1099511627776"),
        (lambda: constant(math.nan, "int64"), DtypeError, "got nan"),
        (lambda: constant(math.inf, "int64"), DtypeError, "got inf"),
        (lambda: constant(1, "float16"), DtypeError, "float16"),
        (lambda: result_dtype("add", []), DtypeError, "got no operands"),
        (lambda: cast(X[i], "complex64"), DtypeError, "complex64"),
    ],
)
def test_faults_are_refused_where_they_are_made(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
def test_whole_numbers_of_both_kinds_are_compared_exactly(name):
    signed, unsigned = buffer("s", (), "int64")[()], buffer("u", (), "uint64")[()]
    operator = {"less": "__lt__", "less_equal": "__le__", "greater": "__gt__", "greater_equal": "__ge__"}
    method = operator.get(name, "__eq__" if name == "equal" else "__ne__")
    numbers = [0, 1, 5, 2**63 - 1]
    from chainrule.loops import Kernel, interpret
    from chainrule.loops.nest import buffer as make_buffer
    from chainrule.loops.nest import store

    for first, second in ((signed, unsigned), (unsigned, signed)):
        out = make_buffer("out", (), "bool", "output")
        kernel = Kernel("f", (first.buffer, second.buffer, out), (store(out, (), getattr(first, method)(second)),))
        for x, y in itertools.product([*numbers, -1, -(2**63)], [*numbers, 2**63, 2**64 - 1]):
            pair = (np.int64(x), np.uint64(y)) if first is signed else (np.uint64(y), np.int64(x))
            assert interpret(kernel, *pair)[0] == getattr(np, name)(*pair)


# ------------------------------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("name", "dtype", "operands", "expected"),
    [
        ("divide", "int8", (-7, 2), -3),
        ("divide", "int8", (7, -2), -3),
        ("divide", "int8", (-128, -1), -128),
        ("divide", "int8", (5, 0), 0),
        ("divide", "uint8", (255, 2), 127),
        ("fmod", "int8", (-7, 2), -1),
        ("fmod", "int8", (5, 0), 0),
        ("fmod", "int8", (-128, -1), 0),
        ("power", "int8", (2, -1), 0),
        ("power", "int8", (3, 5), -13),
        ("power", "float64", (-math.inf, 0.5), math.inf),
        ("left_shift", "int8", (1, 9), 0),
        ("right_shift", "int8", (-5, 9), -1),
        ("absolute", "int8", (-128,), -128),
        ("negative", "uint8", (1,), 255),
        ("mantissa", "float64", (12.0,), 0.75),
        ("exponent", "float64", (12.0,), 4),
        ("exponent", "float64", (math.inf,), 0),
        ("fma", "float64", (0.1, 10.0, -1.0), 2.0**-54),
        ("fma", "float64", (1e308, 10.0, -math.inf), -math.inf),
        ("fma", "float64", (1e308, 10.0, -1e308), math.inf),
        ("fma", "float64", (1e-300, -1e-300, 0.0), -0.0),
        ("fma", "float64", (0.0, -1.0, -0.0), -0.0),
        ("fma", "float64", (math.inf, 2.0, 1.0), math.inf),
        # 1 + 2^-24 is half way between two float32; a little more, which float64 cannot hold beside it, decides
        ("fma", "float32", (2.0**-24, 1.0, 1.0), 1.0),
        ("fma", "float32", (1 + 2.0**-23, 2.0**-24, 1.0), 1 + 2.0**-23),
        ("fma", "float32", (2.0**-126, 2.0**-126, 2.0**-24 + 1), 1.0),
    ],
)
def test_the_edges_of_functions(name, dtype, operands, expected):
    with np.errstate(all="ignore"):
        value = compute(name, *(np.dtype(dtype).type(operand) for operand in operands))
    assert value == expected
    assert math.copysign(1, value) == math.copysign(1, expected)


def test_rounding_once_is_not_rounding_twice():
    exact = 1 + Fraction(1, 2**24) + Fraction(1, 2**80)
    assert np.float32(float(exact)) == 1
    assert nearest(exact, np.dtype(np.float32)) == np.float32(1 + 2.0**-23)
    assert nearest(-exact, np.dtype(np.float32)) == np.float32(-1 - 2.0**-23)


def test_every_function_has_a_value():
    for function in FUNCTIONS.values():
        dtype = np.dtype({"b": "bool", "i": "int32", "u": "uint32", "f": "float64"}[function.kinds[-1]])
        kinds = {"x": dtype, "n": np.dtype("int32")}
        operands = [kinds.get(one, np.dtype(one) if one not in kinds else dtype).type(1) for one in function.operands]
        with np.errstate(all="ignore"):
            value = compute(function.name, *operands)
        dtypes = [operand.dtype for operand in operands]
        assert np.asarray(value).astype(result_dtype(function.name, dtypes)) == value or np.isnan(value)


def test_integers_wrap_around():
    assert [wrap(number, np.dtype("int8")) for number in (127, 128, 255, 256, -129)] == [127, -128, -1, 0, 127]
    assert wrap(-1, np.dtype("uint64")) == 2**64 - 1


def test_a_missing_scipy_is_named(monkeypatch):
    import sys

    from chainrule.errors import DependencyError
    from chainrule.loops import interpreter

    interpreter._of_library.cache_clear()
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(DependencyError, match="erfcx: expected the package scipy"):
        compute("erfcx", np.float64(1))


def test_kinds_of_scalars_that_nobody_knows_are_refused():
    from chainrule.loops import Kernel, Store, interpret

    class Strange(Scalar):
        __slots__ = ()

    strange = object.__new__(Strange)
    strange.dtype, strange.operands = np.dtype("float64"), ()
    out = buffer("out", (), "float64", "output")
    kernel = Kernel("f", (out,), (Store(out, (), strange),))
    with pytest.raises(GraphError, match="a scalar; got 'Strange'"):
        interpret(kernel)
    with pytest.raises(GraphError, match="a scalar; got 'Strange'"):
        str(kernel)


def test_a_body_of_another_dtype_is_refused():
    with pytest.raises(DtypeError, match="a body that gives float32"):
        elementwise_kernel("f", lambda m, x: x > 0, [np.dtype("float32")] * 2, (3,))


# -------------------------------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    ("expression", "bounds"),
    [
        (i * 4 + j, (0, 19)),
        (i - i, (0, 0)),
        (3 - i, (-1, 3)),
        (i * j, (-(2**63), 2**63 - 1)),
        (apply("minimum", i, 2), (0, 2)),
        (apply("maximum", i, 2), (2, 4)),
        (i / 2, (0, 2)),
        ((i - 4) / 2, (-2, 0)),
        (i % 8, (0, 4)),
        (i % 3, (0, 2)),
        ((i - 4) % 3, (-2, 0)),
        ((i - 2) % 3, (-2, 2)),
        (i / j, (-(2**63), 2**63 - 1)),
        (apply("select", i > 2, i, j + 9), (0, 12)),
        (cast(N[i], "int64"), (-(2**31), 2**31 - 1)),
        (cast(i, "uint8"), (0, 4)),
        (cast(i - 1, "uint8"), (0, 255)),
        (cast(i > 2, "int64") + 1, (1, 2)),
        (cast(X[i], "int64"), (-(2**63), 2**63 - 1)),
        (cast(cast(i, "int8") + 1, "int64"), (-128, 127)),
        (cast(cast(i, "int8") * 100, "int64"), (-128, 127)),
        (Index("far") + 1, (-(2**63), 2**63 - 1)),
        (apply("absolute", i), (-(2**63), 2**63 - 1)),
        (i > 2, (0, 1)),
    ],
)
def test_ranges(expression, bounds):
    known = Bounds({i: (0, 4), j: (0, 3)})
    assert known.range(expression) == bounds


@pytest.mark.parametrize(
    ("condition", "facts", "exact"),
    [
        (i < j, [i - j + 1], True),
        (i > j, [j - i + 1], True),
        (i <= 3, [i - 3], True),
        ((i >= 3) & (j == 2), [3 - i, j - 2, 2 - j], True),
        ((i >= 3) & (X[i] > 2), [3 - i], False),
        (i != j, [], False),
        ((i > 2) | (j > 2), [], False),
        (X[i] > 2, [], False),
        (buffer("b", (), "bool")[()], [], False),
        (Index("far") + 2**62 < j, [], False),
    ],
)
def test_facts(condition, facts, exact):
    known = Bounds({i: (0, 4), j: (0, 3)})
    assert facts_of(condition, known) == ([linear(fact) for fact in facts], exact)


def test_linear_forms():
    assert linear(constant(3, INDEX)).offset == 3
    assert linear((i + j) * 2 - -j) == linear(2 * i + 3 * j)
    assert linear(2 * (i + 1)) == linear(i * 2 + 2)
    assert linear(i * j).factor(i) is None
    assert linear(i * j).factor(Index("k")) == 0
