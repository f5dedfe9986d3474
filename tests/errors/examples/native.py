"""Errors of `native/`: what the emission of vector code and the engine refuse, and settings of the environment."""

import os
from unittest import mock

import numpy as np

from chainrule.native import compile_ir, default_cache, ir, thread_count, vector_bytes
from chainrule.native.vector_math import emit
from chainrule.native.workspace import allocate_result

FUNCTION = "define void @f(ptr %block) {\n  ret void\n}\n"
CALL = "declare void @nobodys()\ndefine void @f() {\n  call void @nobodys()\n  ret void\n}\n"


def emit_with(name, *kinds):
    """Emit a function in a fresh module, on operands of these types."""
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), kinds), "f")
    emit(ir.IRBuilder(function.append_basic_block()), name, *function.args)


def with_setting(variable, value, call):
    """Call a function of ours where the environment has this variable."""
    with mock.patch.dict(os.environ, {variable: value}):
        call()


EXAMPLES = [
    ("a function that is not emitted", lambda: emit_with("gamma", ir.DoubleType())),
    ("too few operands", lambda: emit_with("arctan2", ir.DoubleType())),
    ("operands of two types", lambda: emit_with("pow", ir.FloatType(), ir.DoubleType())),
    ("text that is no IR", lambda: compile_ir("rubbish", cache=None)),
    ("IR that calls what nobody has", lambda: compile_ir(CALL, cache=None)),
    ("an effort beyond LLVM's", lambda: compile_ir(FUNCTION, level=4, cache=None)),
    ("the address of a function that is not there", lambda: compile_ir(FUNCTION, cache=None).address("g")),
    ("a number of threads that is none", lambda: with_setting("CHAINRULE_NUM_THREADS", "0", thread_count)),
    ("a vector of three bytes", lambda: with_setting("CHAINRULE_VECTOR_BYTES", "3", vector_bytes)),
    ("a result that no memory holds", lambda: allocate_result((10**20,), np.dtype(np.float64))),
    ("a bound of the cache in words", lambda: with_setting("CHAINRULE_CACHE_SIZE", "much", default_cache)),
]
