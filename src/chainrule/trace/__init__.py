"""From Python functions to graphs: traced values, the trace they belong to, guards on what Python decided."""

from chainrule.trace.call import apply_function, traceable
from chainrule.trace.function import TracedFunction, is_number, trace_function
from chainrule.trace.trace import Guard, Trace, TracedInput, running
from chainrule.trace.traced import Traced, unwrap

__all__ = [
    "Guard",
    "Trace",
    "Traced",
    "TracedFunction",
    "TracedInput",
    "apply_function",
    "is_number",
    "running",
    "trace_function",
    "traceable",
    "unwrap",
]
