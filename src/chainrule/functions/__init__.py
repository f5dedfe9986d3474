"""The transformations as callables: trace, transform, run, remember."""

from chainrule.functions.batching import jit, vmap
from chainrule.functions.check import check_grads
from chainrule.functions.control import cond, fori_loop, scan, while_loop
from chainrule.functions.custom import checkpoint, custom_vjp, stop_gradient
from chainrule.functions.gradient import grad, value_and_grad
from chainrule.functions.graphs import trace
from chainrule.functions.jacobians import hessian, hvp, jacfwd, jacobian, jacrev
from chainrule.functions.products import jvp, linearize, vjp

__all__ = [
    "check_grads",
    "checkpoint",
    "cond",
    "custom_vjp",
    "fori_loop",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "scan",
    "stop_gradient",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
