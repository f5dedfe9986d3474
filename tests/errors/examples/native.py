"""Errors of `native/`: what the emission of vector code refuses."""

from llvmlite import ir

from chainrule.native.vector_math import emit


def emit_with(name, *kinds):
    """Emit a function in a fresh module, on operands of these types."""
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), kinds), "f")
    emit(ir.IRBuilder(function.append_basic_block()), name, *function.args)


EXAMPLES = [
    ("a function that is not emitted", lambda: emit_with("gamma", ir.DoubleType())),
    ("too few operands", lambda: emit_with("arctan2", ir.DoubleType())),
    ("operands of two types", lambda: emit_with("pow", ir.FloatType(), ir.DoubleType())),
]
