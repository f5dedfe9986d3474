"""`jacobian`, `jacfwd`, `jacrev`, `hessian` and `hvp`: whole derivative matrices, a column or a row at a time,
batched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.derive import batch, reverse
from chainrule.functions.arguments import Argnums, Selection, as_arguments, rebuild, select, trace_arguments
from chainrule.functions.gradient import grad
from chainrule.functions.products import push, tangents_of
from chainrule.functions.remember import Prepared, Remembered, Transformed
from chainrule.graph import Input, Node, constant
from chainrule.ops import cast
from chainrule.ops.bodies import or_zero, zeros
from chainrule.pytree import Structure, unflatten
from chainrule.trace import TracedFunction
from chainrule.types import ArrayType, is_floating


def jacobian(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """The matrix of all partial derivatives, by the cheaper mode: forward where there are fewer inputs than outputs.

    Args:
        function: any function of pytrees of arrays; its results are floating-point.
        argnums: the number of the argument to differentiate by, or a tuple of them.

    Returns:
        A function of the same arguments. For a result of shape `r` and an argument of shape `a` it gives an array of
        shape `r + a`; trees of results hold trees of arguments.

    Raises:
        DerivativeError: an argument is not floating-point.

    Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 7.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return _matrix(function, argnums, "jacobian", lambda inputs, outputs: _count(inputs) < _count(outputs))


def jacfwd(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """The Jacobian by forward mode, one pass for all columns; see `jacobian`.

    >>> float(jacfwd(lambda x: x * x)(3.0))
    6.0
    """
    return _matrix(function, argnums, "jacfwd", lambda inputs, outputs: True)


def jacrev(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """The Jacobian by reverse mode, one pass for all rows; see `jacobian`.

    >>> float(jacrev(lambda x: x * x)(3.0))
    6.0
    """
    return _matrix(function, argnums, "jacrev", lambda inputs, outputs: False)


def hessian(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """The matrix of second derivatives of a function with one number as its result: forward mode over reverse mode.

    For an argument of shape `a` it has the shape `a + a`. Arguments and errors are those of `grad`.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    return jacfwd(grad(function, argnums), argnums)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of a function with one number as its result, times a vector, without the Hessian.

    Args:
        function: returns one floating-point number.
        primals: its positional arguments.
        tangents: a direction for each, of the same structure and shapes.

    Returns:
        A tuple with a tree for each argument (one tree if there is one argument).

    Forward over reverse (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    numbers = tuple(range(len(as_arguments("hvp", "primals", primals))))
    product = push(grad(function, numbers), function, "hvp", primals, tangents)[1]
    return product[0] if len(numbers) == 1 else product


def _count(nodes: Sequence[Node]) -> int:
    return sum(node.size for node in nodes)


def _matrix(
    function: Callable[..., Any], argnums: Argnums, name: str, forward_first: Callable[..., bool]
) -> Transformed:
    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        traced = trace_arguments(function, leaves, structure)
        chosen = select(name, function, traced, leaves, structure, argnums)
        inputs = chosen.pick(traced.graph.inputs)
        make = _columns if forward_first(inputs, traced.graph.outputs) else _rows
        blocks = make(traced.graph.outputs, inputs)
        return Prepared(
            traced.graph.inputs,
            tuple(blocks),
            lambda results: _arrange(traced, chosen, results),
            traced.guards,
            traced.outer,
        )

    return Remembered(function, prepare, (name, argnums)).as_function()


def _arrange(traced: TracedFunction, chosen: Selection, results: Sequence[Any]) -> Any:
    """Blocks in rows, as a tree of results that holds trees of arguments."""
    width = len(chosen.numbers)
    rows = [unflatten(chosen.structure, results[k : k + width]) for k in range(0, len(results), width)]
    return rebuild(traced.structure, rows)


def _basis(nodes: Sequence[Node]) -> list[Node]:
    """For each node the unit vectors of all of them together: an array of shape (total size, *shape)."""
    count, start, blocks = _count(nodes), 0, []
    for node in nodes:
        unit = np.zeros((count, node.size), node.dtype)
        unit[start : start + node.size] = np.eye(node.size, dtype=node.dtype)
        start += node.size
        blocks.append(constant(unit.reshape(count, *node.shape)))
    return blocks


def _columns(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The blocks by forward mode, row by row: a tangent for each element of the inputs, all at once."""
    seeds = [Input(node.type, "tangent") for node in inputs]
    pushed = tangents_of(outputs, inputs, seeds)
    many = batch(pushed, seeds, _basis(inputs), [True] * len(seeds), _count(inputs))
    blocks = []
    for output, columns in zip(outputs, many, strict=True):
        start = 0
        for given in inputs:
            part = np.moveaxis(columns[start : start + given.size], 0, -1)
            part = part if is_floating(output.dtype) else cast(part, given.dtype)  # zeros
            blocks.append(np.reshape(part, output.shape + given.shape))
            start += given.size
    return blocks


def _rows(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """The blocks by reverse mode, row by row: a cotangent for each element of the outputs, all at once."""
    floating = [node for node in outputs if is_floating(node.dtype)]
    seeds = [Input(node.type, "cotangent") for node in floating]
    found = reverse(floating, seeds, inputs)
    pulled = list(map(or_zero, found, inputs))
    many = batch(pulled, seeds, _basis(floating), [True] * len(seeds), _count(floating))
    start, blocks = 0, []
    for output in outputs:
        size = output.size if is_floating(output.dtype) else 0
        for given, rows in zip(inputs, many, strict=True):
            shape = output.shape + given.shape
            blocks.append(
                np.reshape(rows[start : start + size], shape) if size else zeros(ArrayType(shape, given.dtype))
            )
        start += size
    return blocks
