"""Expressions at a point: what is emitted once, and where memory is touched."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.loops import Index, apply, buffer, interpret, parse_kernel
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
