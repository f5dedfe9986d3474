"""Functions that a module holds once, made at their first use, and loops inside them.

What takes loops, or is long, is emitted as a function of the module and called where it is used: internal, so that
LLVM can inline it or drop it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.native import ir

Body = Callable[..., Any]


def call_outlined(builder: ir.IRBuilder, symbol: str, result: ir.Type, operands: Sequence[Any], body: Body) -> Any:
    """Call the module's function of this name, which `body(builder, *arguments)` makes if the module lacks it.

    The symbol must tell the types of operands and result, and all else that `body` depends on.

    >>> module = ir.Module()
    >>> kind = ir.IntType(32)
    >>> function = ir.Function(module, ir.FunctionType(kind, [kind]), "f")
    >>> builder = ir.IRBuilder(function.append_basic_block())
    >>> for _ in range(2):
    ...     value = call_outlined(builder, "twice.i32", kind, function.args, lambda inner, x: inner.add(x, x))
    >>> [function.name for function in module.functions]
    ['f', 'twice.i32']
    """
    module = builder.module
    function = module.globals.get(symbol)
    if function is None:
        kind = ir.FunctionType(result, [operand.type for operand in operands])
        function = ir.Function(module, kind, symbol)
        function.linkage, function.calling_convention = "internal", "fastcc"
        function.attributes.add("nounwind")
        inner = ir.IRBuilder(function.append_basic_block())
        inner.ret(body(inner, *function.args))
    return builder.call(function, operands)


def repeat_while(
    builder: ir.IRBuilder, state: Sequence[Any], condition: Callable[..., Any], body: Callable[..., Sequence[Any]]
) -> list[Any]:
    """Emit a loop: while `condition(*state)`, one bit, `state = body(*state)`. Returns the state after it."""
    before, head = builder.block, builder.append_basic_block()
    inside, after = builder.append_basic_block(), builder.append_basic_block()
    builder.branch(head)
    builder.position_at_end(head)
    carried = [builder.phi(value.type) for value in state]
    builder.cbranch(condition(*carried), inside, after)
    builder.position_at_end(inside)
    changed = body(*carried)
    for phi, first, following in zip(carried, state, changed, strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(following, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return carried


def any_lane(builder: ir.IRBuilder, mask: Any) -> Any:
    """One bit: does this mask hold in some lane?"""
    if not isinstance(mask.type, ir.VectorType):
        return mask
    whole = ir.IntType(mask.type.count)
    return builder.icmp_unsigned("!=", builder.bitcast(mask, whole), ir.Constant(whole, 0))
