"""Pieces of code: the first lanes of a vector."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.loops import interpret, parse_kernel
from chainrule.native import code, ir
from chainrule.native.code import POINTER, load_lanes
from chainrule.native.host import Machine
from tests.loops.kernels import inputs_for
from tests.lower.running import WIDTHS, run_kernel

PLAIN = Machine("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma")
MASKED = Machine("x86_64-unknown-linux-gnu", "skylake-avx512", "+avx512bw,+avx512dq,+avx512f,+avx512vl")


def loaded(kind: ir.Type, count: int, lanes: int, align: int) -> str:
    """The code that loads so many lanes."""
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), [POINTER]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    for _ in range(2):  # the intrinsic is declared once
        found = load_lanes(builder, function.args[0], kind, count, lanes, align)
        assert str(found.type) == str(ir.VectorType(kind, lanes))
    return str(function.module)


@pytest.mark.parametrize(
    ("kind", "count", "lanes", "masked"),
    [
        (ir.FloatType(), 3, 16, "v16f32"),
        (ir.FloatType(), 8, 16, "v16f32"),
        (ir.DoubleType(), 7, 8, "v8f64"),
        (ir.IntType(32), 5, 16, "v16i32"),
        (ir.IntType(8), 3, 64, "v64i8"),
        (ir.FloatType(), 16, 16, None),  # whole
        (ir.FloatType(), 3, 8, None),  # a part of a register
    ],
)
def test_where_masks_are_used(monkeypatch, kind, count, lanes, masked):
    align = 64 // int(masked[1:3].rstrip("if")) if masked else 4
    monkeypatch.setattr(code, "host_machine", lambda: MASKED)
    text = loaded(kind, count, lanes, align)
    assert ("llvm.masked.load" in text) == (masked is not None)
    if masked is not None:
        assert text.count(f'declare <{lanes} x {kind}> @"llvm.masked.load.{masked}.p0"') == 1
    monkeypatch.setattr(code, "host_machine", lambda: PLAIN)
    assert "llvm.masked.load" not in loaded(kind, count, lanes, align)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "int16", "int8", "bool"])
@pytest.mark.parametrize("machine", [PLAIN, MASKED], ids=["without masks", "with masks"])
def test_the_last_lanes_on_machines_with_and_without_masks(monkeypatch, dtype, machine):
    """LLVM makes a masked load of other instructions where there is none."""
    monkeypatch.setattr(code, "host_machine", lambda: machine)
    for count in (3, 5, 7, 13, 15, 21, 31):
        kernel = parse_kernel(
            f"kernel f(input a: {dtype}[{count}], output c: {dtype}[{count}], output d: {dtype}[{count}]):\n"
            f"  parallel for i in 0..{count}:\n    c[i] = a[i]\n    d[i] = a[{count - 1} - i]"
        )
        inputs = inputs_for(kernel.role("input"))
        for width in WIDTHS:
            for found, expected in zip(
                run_kernel(kernel, *inputs, width=width), interpret(kernel, *inputs), strict=True
            ):
                np.testing.assert_array_equal(found, expected)
