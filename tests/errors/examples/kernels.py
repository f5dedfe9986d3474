"""Errors of the emission of kernels."""

from chainrule.loops import Statement
from chainrule.native import ir
from chainrule.native.kernel import Body


def unknown_statement():
    function = ir.Function(ir.Module(), ir.FunctionType(ir.VoidType(), []), "f")
    Body(ir.IRBuilder(function.append_basic_block()), {}, 32).emit([Statement()], {})


EXAMPLES = [("a statement that no emitter knows", unknown_statement)]
