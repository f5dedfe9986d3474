"""The second intermediate representation: loop nests over scalars, which know nothing of machines.

What reads, checks and runs nests as text or in Python is of no use to a training run, and imported when asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.loops.arithmetic import LoopArithmetic, loop_arithmetic, run_body
from chainrule.loops.functions import FUNCTIONS, Function
from chainrule.loops.nest import (
    COMBINES,
    Accumulate,
    Fill,
    For,
    If,
    Kernel,
    Statement,
    Store,
    accumulate,
    aligned,
    as_indices,
    buffer,
    each,
    elementwise_kernel,
    extent_of,
    fill,
    is_within,
    loads_of,
    loop,
    loops,
    neutral,
    scalars_of,
    statements,
    store,
    when,
    within,
)
from chainrule.loops.scalar import (
    Apply,
    Buffer,
    Cast,
    Choice,
    Constant,
    Index,
    Load,
    Scalar,
    apply,
    cast,
    constant,
    in_order,
    load,
    same,
    substitute,
)

if TYPE_CHECKING:
    from chainrule.loops.interpreter import interpret
    from chainrule.loops.parser import parse_kernel
    from chainrule.loops.printer import print_kernel, print_scalar, print_statement
    from chainrule.loops.verifier import verify

__all__ = [
    "COMBINES",
    "FUNCTIONS",
    "Accumulate",
    "Apply",
    "Buffer",
    "Cast",
    "Choice",
    "Constant",
    "Fill",
    "For",
    "Function",
    "If",
    "Index",
    "Kernel",
    "Load",
    "LoopArithmetic",
    "Scalar",
    "Statement",
    "Store",
    "accumulate",
    "aligned",
    "apply",
    "as_indices",
    "buffer",
    "cast",
    "constant",
    "each",
    "elementwise_kernel",
    "extent_of",
    "fill",
    "in_order",
    "interpret",
    "is_within",
    "load",
    "loads_of",
    "loop",
    "loop_arithmetic",
    "loops",
    "neutral",
    "parse_kernel",
    "print_kernel",
    "print_scalar",
    "print_statement",
    "run_body",
    "same",
    "scalars_of",
    "statements",
    "store",
    "substitute",
    "verify",
    "when",
    "within",
]

_TOOLS = {
    "interpret": "interpreter",
    "parse_kernel": "parser",
    "print_kernel": "printer",
    "print_scalar": "printer",
    "print_statement": "printer",
    "verify": "verifier",
}


def __getattr__(name: str) -> Any:
    if name in _TOOLS:
        return getattr(import_module(f"chainrule.loops.{_TOOLS[name]}"), name)
    raise AttributeError(f"module 'chainrule.loops' has no attribute {name!r}")
