"""Pieces of code: the first lanes of a vector."""

from __future__ import annotations

import numpy as np
import pytest
from llvmlite import ir

from chainrule.loops import interpret, parse_kernel
from chainrule.native import code
from chainrule.native.code import POINTER, load_first
from chainrule.native.host import AVX512, Machine
from tests.loops.kernels import inputs_for
from tests.lower.running import WIDTHS, run_kernel

PLAIN = Machine("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma")
MASKED = Machine("x86_64-unknown-linux-gnu", "skylake-avx512", ",".join(f"+{one}" for one in AVX512))


def loaded(kind: ir.Type, count: int, align: int) -> str:
    """The code that loads so many of eight lanes."""
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), [POINTER]), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    for _ in range(2):  # the intrinsic is declared once
        found = load_first(builder, function.args[0], kind, count, 8, align)
        assert found.type == ir.VectorType(kind, 8)
    return str(function.module)


@pytest.mark.parametrize(
    ("kind", "count", "align", "masked"),
    [
        (ir.FloatType(), 3, 4, "v8f32"),
        (ir.DoubleType(), 7, 8, "v8f64"),
        (ir.IntType(32), 5, 4, "v8i32"),
        (ir.IntType(64), 6, 8, "v8i64"),
        (ir.FloatType(), 8, 4, None),  # whole
        (ir.FloatType(), 4, 4, None),  # a vector of its own
        (ir.FloatType(), 1, 4, None),
        (ir.IntType(8), 3, 1, None),  # of bytes there are many
        (ir.IntType(16), 3, 2, None),
    ],
)
def test_where_masks_are_used(monkeypatch, kind, count, align, masked):
    monkeypatch.setattr(code, "host_machine", lambda: MASKED)
    text = loaded(kind, count, align)
    assert ("llvm.masked.load" in text) == (masked is not None)
    if masked is not None:
        assert text.count(f'declare <8 x {kind}> @"llvm.masked.load.{masked}.p0"') == 1
        flags = ", ".join(f"i1 {'true' if lane < count else 'false'}" for lane in range(8))
        assert flags in text
    monkeypatch.setattr(code, "host_machine", lambda: PLAIN)
    assert "llvm.masked.load" not in loaded(kind, count, align)


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
