"""LLVM IR, written as text.

The names and the manner are those of `llvmlite.ir`, of which this has the part that the emitters need. What differs is
that an instruction becomes text when it is made: to write a training step of 5,700 instructions takes a third of the
time, and nothing of llvmlite is imported. Pointers are all `ptr`; what one points to is known only to choose the type
of a load. Types are checked by LLVM when it reads the text.

>>> module = Module()
>>> whole = IntType(32)
>>> function = Function(module, FunctionType(whole, [whole]), "twice")
>>> builder = IRBuilder(function.append_basic_block("entry"))
>>> builder.ret(builder.add(function.args[0], function.args[0]))
>>> print(module)
define i32 @"twice"(i32 %a0) {
entry.0:
  %v1 = add i32 %a0, %a0
  ret i32 %v1
}
<BLANKLINE>

Source: LLVM, Language Reference Manual.
"""

from chainrule.native.ir.builder import IRBuilder
from chainrule.native.ir.division import divided
from chainrule.native.ir.module import Block, Function, GlobalVariable, Module
from chainrule.native.ir.types import (
    ArrayType,
    DoubleType,
    FloatType,
    FunctionType,
    IntType,
    LiteralStructType,
    PointerType,
    Type,
    VectorType,
    VoidType,
)
from chainrule.native.ir.values import Constant, Undefined, Value

__all__ = [
    "ArrayType",
    "Block",
    "Constant",
    "DoubleType",
    "FloatType",
    "Function",
    "FunctionType",
    "GlobalVariable",
    "IRBuilder",
    "IntType",
    "LiteralStructType",
    "Module",
    "PointerType",
    "Type",
    "Undefined",
    "Value",
    "VectorType",
    "VoidType",
    "divided",
]
