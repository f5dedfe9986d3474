"""Types and constants as text, against LLVM's own reading of it."""

import ctypes
import math
import struct

import pytest

from chainrule.native import ir
from chainrule.native.engine import compile_ir

SINGLE, DOUBLE, WORD = ir.FloatType(), ir.DoubleType(), ir.IntType(64)


def test_equal_types_are_one():
    assert ir.IntType(8) is ir.IntType(8) is not ir.IntType(16)
    assert ir.FunctionType(WORD, [DOUBLE]) is ir.FunctionType(WORD, (DOUBLE,))
    assert ir.ArrayType(WORD, 2) is not ir.VectorType(WORD, 2)
    assert WORD.as_pointer() is ir.PointerType(WORD) is not ir.PointerType()


@pytest.mark.parametrize("value", [0.0, -0.0, 1.5, -1e-45, 3.4e38, math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(("kind", "code", "result"), [(SINGLE, "f", ctypes.c_float), (DOUBLE, "d", ctypes.c_double)])
def test_a_float_has_the_same_bits_in_the_code(value, kind, code, result):
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(kind, []), "f")
    ir.IRBuilder(function.append_basic_block()).ret(kind(value))
    found = compile_ir(module, cache=None).function("f", result, 0)()
    assert struct.pack(code, found) == struct.pack(code, value)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (ir.IntType(1), True, "1"),
        (ir.VectorType(WORD, 2), [1, 2], "<i64 1, i64 2>"),
        (ir.VectorType(WORD, 2), [WORD(1), WORD(2)], "<i64 1, i64 2>"),
        (ir.VectorType(SINGLE, 2), [0.0, -0.0], "<float 0x0000000000000000, float 0x8000000000000000>"),
        (ir.VectorType(WORD, 2), None, "zeroinitializer"),
        (ir.ArrayType(ir.IntType(8), 3), b'a"\0', 'c"a\\22\\00"'),
        (ir.LiteralStructType([WORD, SINGLE]), ir.Undefined, "undef"),
        (ir.PointerType(), None, "null"),
        (SINGLE, None, "0.0"),
        (WORD, None, "0"),
    ],
)
def test_constants(kind, value, text):
    assert ir.Constant(kind, value).text == text
