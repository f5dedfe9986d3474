"""chainrule: write the function, get the derivative, see why, train it at the speed of the machine."""

__version__ = "0.1.0"

from chainrule import errors, nn, numpy, optim, random
from chainrule.errors import ChainruleError
from chainrule.evaluate import evaluate, evaluate_exactly
from chainrule.functions import (
    check_grads,
    checkpoint,
    cond,
    custom_vjp,
    fori_loop,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    linearize,
    scan,
    stop_gradient,
    trace,
    value_and_grad,
    vjp,
    vmap,
    while_loop,
)
from chainrule.graph import Graph, parse_graph, print_graph
from chainrule.pytree import register_pytree, tree_map
from chainrule.train import Run, Runs, fit, fit_many

__all__ = [
    "ChainruleError",
    "Graph",
    "Run",
    "Runs",
    "check_grads",
    "checkpoint",
    "cond",
    "custom_vjp",
    "errors",
    "evaluate",
    "evaluate_exactly",
    "fit",
    "fit_many",
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
    "nn",
    "numpy",
    "optim",
    "parse_graph",
    "print_graph",
    "random",
    "register_pytree",
    "scan",
    "stop_gradient",
    "trace",
    "tree_map",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
