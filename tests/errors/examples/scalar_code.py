"""Errors of `native/scalar_code.py`: operands whose types are not what their dtypes say."""

import numpy as np

from chainrule.native import ir
from chainrule.native.scalar_code import emit_function


def add_vector_to_scalar():
    """Emit the sum of a scalar and a vector."""
    kinds = [ir.FloatType(), ir.VectorType(ir.FloatType(), 4)]
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), kinds), "f")
    builder = ir.IRBuilder(function.append_basic_block())
    emit_function(builder, "add", function.args, [np.dtype(np.float32)] * 2)


EXAMPLES = [("a scalar and a vector", add_vector_to_scalar)]
