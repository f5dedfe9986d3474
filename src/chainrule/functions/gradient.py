"""`grad` and `value_and_grad`: reverse mode of a function with one number as its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.derive import reverse
from chainrule.errors import DerivativeError
from chainrule.functions.arguments import Argnums, name_of_function, select, trace_arguments
from chainrule.functions.remember import Prepared, Remembered, Transformed
from chainrule.graph import Node, constant
from chainrule.ops.bodies import or_zero
from chainrule.pytree import LEAF, Structure, unflatten
from chainrule.trace import TracedFunction
from chainrule.types import is_floating


def value_and_grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Transformed:
    """The value of a function and its gradient, from one evaluation.

    Args:
        function: returns one floating-point number (shape `()`), of any pytrees of arrays. With `has_aux` it returns
            (number, anything).
        argnums: the number of the argument to differentiate by, or a tuple of them.
        has_aux: hand on the second part of the result, which is not differentiated: a tree of anything.

    Returns:
        A function of the same arguments that returns (value, gradient), or ((value, auxiliary), gradient). The gradient
        has the structure, shapes and dtypes of the argument; it is a tuple where `argnums` is.

    Raises:
        DerivativeError: the result is not one floating-point number, or an argument is not floating-point.

    Reverse mode costs a small multiple of the function, whatever the number of parameters (Griewank and Walther,
    Evaluating Derivatives, 2nd ed., section 4.5).

    >>> import numpy as np
    >>> value, slope = value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> float(value), slope
    (5.0, array([2., 4.]))
    """

    return _remembered(function, argnums, has_aux, None)


def _remembered(
    function: Callable[..., Any], argnums: Argnums, has_aux: bool, finish: Callable[[Any], Any] | None
) -> Transformed:
    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        return prepare_value_and_grad(function, leaves, structure, argnums, has_aux)

    return Remembered(function, prepare, ("value_and_grad", argnums, has_aux), finish=finish).as_function()


def prepare_value_and_grad(
    function: Callable[..., Any],
    leaves: Sequence[Any],
    structure: Structure,
    argnums: Argnums = 0,
    has_aux: bool = False,
    operation: str = "grad",
) -> Prepared:
    """The graph of value and gradient at (args, kwargs) of this structure."""
    traced = trace_arguments(function, leaves, structure, has_aux=has_aux)
    output = scalar_output(operation, function, traced)
    chosen = select(operation, function, traced, leaves, structure, argnums)
    slopes = gradients(output, chosen.pick(traced.graph.inputs))

    def assemble(results: list[Any]) -> Any:
        end = 1 + len(slopes)
        value = (results[0], traced.complete(results[end:])) if has_aux else results[0]
        return value, unflatten(chosen.structure, results[1:end])

    outputs = (output, *slopes, *traced.extra)
    return Prepared(traced.graph.inputs, outputs, assemble, traced.guards, traced.outer)


def grad(function: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Transformed:
    """The gradient of a function with one number as its result; see `value_and_grad` for the arguments.

    With `has_aux` the returned function gives (gradient, auxiliary).

    >>> import numpy as np
    >>> float(grad(np.sin)(0.0))
    1.0
    >>> float(grad(grad(lambda x: x**3))(2.0))
    12.0
    """
    return _remembered(function, argnums, has_aux, _gradient_and_auxiliary if has_aux else _gradient)


def _gradient(both: Any) -> Any:
    return both[1]


def _gradient_and_auxiliary(both: Any) -> Any:
    return both[1], both[0][1]


def scalar_output(operation: str, function: Callable[..., Any], traced: TracedFunction) -> Node:
    """The one output of a function that is to be differentiated, which must be one floating-point number."""
    output = traced.graph.outputs[0] if traced.structure == LEAF else None
    if output is not None and output.shape == () and is_floating(output.dtype):
        return output
    got = f"a result of type {output.type}" if output is not None else f"a result of the structure {traced.structure}"
    others = ", take jacobian, or return extra results with has_aux=True." if operation == "grad" else "."
    whole = output is not None and not is_floating(output.dtype)
    raise DerivativeError(
        operation,
        expected=f"{name_of_function(function)} to return one floating-point number",
        got=got,
        remedy="Compute it from floats: 3.0 in place of 3, x.astype(float)."
        if whole
        else f"Reduce it with np.sum or np.mean{others}",
    )


def gradients(output: Node, inputs: Sequence[Node]) -> list[Node]:
    """The gradient of a scalar node by some inputs; zeros where it does not depend on one."""
    found = reverse([output], [constant(1, output.dtype)], inputs)
    return list(map(or_zero, found, inputs))
