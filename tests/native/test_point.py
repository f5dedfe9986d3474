"""Expressions at a point: what is emitted once, and where memory is touched."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.loops import Index, apply, buffer, interpret, parse_kernel
from chainrule.loops.affine import address
from chainrule.native import ir
from chainrule.native.code import POINTER, WORD, number
from chainrule.native.point import Point
from tests.loops.kernels import inputs_for
from tests.lower.running import WIDTHS, run_kernel

P, J = Index("i"), Index("j")
X = buffer("x", (8, 16), np.float32)
N = buffer("n", (16,), np.int64)


@pytest.fixture
def point() -> Point:
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), [POINTER, POINTER, WORD, WORD]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    x, n, i, j = function.args
    return Point(builder, {X: x, N: n}, {P: i, J: j}, J, 8)


def test_what_does_not_move_stays_one_number(point):
    assert not isinstance(point.value(X[P, 3]).type, ir.VectorType)
    assert isinstance(point.value(X[P, J]).type, ir.VectorType)
    assert not isinstance(point.value(apply("exp", X[P, 3] * 2)).type, ir.VectorType)
    assert point.value(X[P, J] * X[P, 3]).type.count == 8


def test_an_expression_is_emitted_once_for_what_it_depends_on(point):
    whole, moved = point.value(X[P, J]), point.value(X[P, J], {P: 1})
    assert point.value(X[P, J]) is whole
    assert moved is not whole
    assert point.value(X[0, J], {P: 1}) is point.value(X[0, J], {P: 2})
    assert point.value(X[0, J], {J: 8}) is not point.value(X[0, J])
    assert point.value(X[P, 3], {J: 8}) is point.value(X[P, 3])
    assert point.value(X[P, J], count=3) is not whole
    assert point.at({P: number(0)}).value(X[P, J]) is not whole


def test_an_accumulator_stands_for_what_was_folded(point):
    held = ir.Constant(ir.VectorType(ir.FloatType(), 8), [1.0] * 8)
    point.accumulators[point.key(X[P, J], {P: 1}, 8)] = held
    assert point.value(X[P, J], {P: 1}) is held
    assert point.value(X[P, J]) is not held


def test_one_buffer_more(point):
    extra = buffer("p", (8,), np.float32, "temporary")
    after = point.with_buffer(extra, point.pointers[X])
    assert after.pointers[extra] is point.pointers[X]
    assert extra not in point.pointers


ACCESSES = {
    "along": "c[j] = a[2, j]",
    "backwards": "c[j] = a[2, 36 - j]",
    "by two": "c[j] = a[j / 37, (j * 2) % 37]",
    "down": "c[j] = a[j % 3, 5]",
    "the same": "c[j] = a[1, 7]",
    "computed": "c[j] = a[minimum(maximum(n[j], 0), 2), 36 - j]",
    "computed twice": "c[j] = a[minimum(maximum(n[36 - j], 0), 2), minimum(maximum(n[j] * 3, 0), 36)]",
    "of one number": "c[j] = a[minimum(maximum(n[0], 0), 2), j]",
    "the number of the lane": "c[j] = float32(j) * a[0, j]",
}


@pytest.mark.parametrize("name", ACCESSES)
@pytest.mark.parametrize("width", WIDTHS)
def test_accesses(name, width):
    head = "input a: float32[3, 37], input n: int64[37], output c: float32[37]"
    kernel = parse_kernel(f"kernel f({head}):\n  parallel for j in 0..37: {ACCESSES[name]}")
    inputs = inputs_for(kernel.role("input"))
    np.testing.assert_array_equal(run_kernel(kernel, *inputs, width=width)[0], interpret(kernel, *inputs)[0])


@pytest.mark.parametrize("dtype", ["bool", "int8", "float64"])
@pytest.mark.parametrize("target", ["c[j, 0]", "c[36 - j, 0]", "c[j, 1]"])
def test_stores(dtype, target):
    other = target.replace(", 0", ", 2").replace(", 1", ", 2")
    rest = "".join(f"\n    c[j, {k}] = a[j]" for k in range(3) if f", {k}]" not in target + other)
    head = f"input a: {dtype}[37], output c: {dtype}[37, 3]"
    kernel = parse_kernel(
        f"kernel f({head}):\n  parallel for j in 0..37:\n    {target} = a[36 - j]\n    {other} = a[j]{rest}"
    )
    inputs = inputs_for(kernel.role("input"))
    np.testing.assert_array_equal(run_kernel(kernel, *inputs)[0], interpret(kernel, *inputs)[0])


PAIRS = {
    "read by two": "c[j] = a[j, 0] + a[j, 1]",
    "the first of two": "c[j] = a[j, 0]",
    "the second of two": "c[j] = a[j, 1] * 2",
    "across pairs": "c[j] = b[(j * 2) + 1] - b[(j * 2) + 2]",
    "of an odd length": "c[j] = d[j * 2] + d[(j * 2) + 1]",
    "backwards": "c[j] = a[36 - j, 1]",
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "int64"])
def test_one_of_each_pair_of_neighbours(name, width, dtype):
    """Memory ends where the last pair does."""
    head = f"input a: {dtype}[37, 2], input b: {dtype}[76], input d: {dtype}[75], output c: {dtype}[37]"
    kernel = parse_kernel(f"kernel f({head}):\n  parallel for j in 0..37: {PAIRS[name]}")
    inputs = inputs_for(kernel.role("input"))
    np.testing.assert_array_equal(run_kernel(kernel, *inputs, width=width)[0], interpret(kernel, *inputs)[0])


def test_where_pairs_begin(point):
    """0 or 1 where it is known which of two neighbours each lane is at, and None elsewhere."""
    even, odd = buffer("e", (8, 16), np.float32), buffer("o", (5, 15), np.float32)
    n = buffer("n", (16,), np.int64)

    def position(one, *index, stride=2, shift=None, whole=()):
        point.whole = frozenset(whole)
        return point._position(one, address(index, one.shape), shift or {}, stride)

    assert position(even, P, J * 2) == 0
    assert position(even, P, J * 2 + 1) == 1
    assert position(even, P, J * 2 - 1) == 1
    assert position(even, P, J * 2, stride=3) is None
    assert position(even, P, J * 2, stride=None) is None
    assert position(odd, P, J * 2) is None
    assert position(even, 0, J * 2 + P) is None
    assert position(even, 0, J * 2 + P, whole=(P,)) == 0
    assert position(even, 0, J * 2 + P, whole=(P,), shift={P: 1}) == 1
    assert position(even, 0, J * 2 + P * 2, shift={P: 1}) == 0
    assert position(even, n[P], J * 2) == 0
    assert position(even, 0, J * 2 + n[P]) is None


@pytest.mark.parametrize("dtype", ["bool", "int8", "float32", "float64"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 16, 21, 37])
@pytest.mark.parametrize("width", WIDTHS)
def test_neighbours_are_stored_in_turn(dtype, count, width):
    """Woven: two rows of lanes become one row of pairs, whole vectors and the rest of one."""
    text = f"""kernel f(input a: {dtype}[3, {count}, 2], output c: {dtype}[3, {count}, 2]):
  parallel for i in 0..3:
    parallel for j in 0..{count}:
      parallel for k in 0..2: c[i, j, k] = a[2 - i, j, 1 - k]"""
    kernel = parse_kernel(text)
    inputs = inputs_for(kernel.role("input"))
    np.testing.assert_array_equal(run_kernel(kernel, *inputs, width=width)[0], interpret(kernel, *inputs)[0])


@pytest.mark.parametrize("value", ["a[i, j]", "a[i, j] * float32(k)", "b[k] + a[i, j]", "b[1 - k]"])
def test_neighbours_of_what_they_share(value):
    head = "input a: float32[3, 21], input b: float32[2], output c: float32[3, 42], output d: float32[3, 42]"
    text = f"""kernel f({head}):
  parallel for i in 0..3:
    parallel for j in 0..21:
      parallel for k in 0..2:
        c[i, (j * 2) + k] = {value}
        d[2 - i, (j * 2) + k] = ({value}) - 1"""
    kernel = parse_kernel(text)
    inputs = inputs_for(kernel.role("input"))
    for width in WIDTHS:
        for found, expected in zip(run_kernel(kernel, *inputs, width=width), interpret(kernel, *inputs), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_values_at_points_that_are_no_neighbours_are_stored_each(point):
    """Of pairs of which one alone is given, and of places that are no pairs."""
    text = lambda: str(point.builder.module)  # noqa: E731
    low, high = (ir.Constant(ir.VectorType(ir.FloatType(), 8), [value] * 8) for value in (1.0, 2.0))
    point.whole = frozenset((P,))
    place = X[0, J * 2 + P].operands
    point.store_all(X, place, [({}, None, low), ({P: 1}, None, high)])
    assert text().count("<16 x float>") > 0
    before = text().count("store ")
    point.store_all(X, place, [({}, None, low), ({P: 3}, None, high)])
    assert text().count("store ") == before + 16  # lane by lane
    point.store_all(X, (P, J), [({}, 5, low)])
    assert text().count("store <5 x float>") == 1
