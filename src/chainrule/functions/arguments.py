"""The arguments of a transformed function: which leaves belong to which argument, and what they are called."""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.errors import ArgumentError, DerivativeError, SeveredGradientWarning, StructureError
from chainrule.graph import Flat, Node, in_order
from chainrule.pytree import LEAF, Structure, paths, unflatten
from chainrule.record import record
from chainrule.trace import TracedFunction, is_number, trace_function
from chainrule.types import is_floating

Argnums = int | tuple[int, ...]


def name_of_function(function: Callable[..., Any]) -> str:
    """How errors call a function."""
    return getattr(function, "__name__", type(function).__name__)


def leaf_names(function: Callable[..., Any], structure: Structure) -> list[str]:
    """A name for each leaf of (args, kwargs), from the parameters of the function: `theta[0]`, `x`."""
    arguments, options = structure.children
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    rest = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), "x")
    names: list[str] = []
    for k, child in enumerate(arguments.children):
        names += paths(child, positional[k] if k < len(positional) else f"{rest}[{k - len(positional)}]")
    for key, child in zip(options.memory or (), options.children, strict=True):
        names += paths(child, str(key))
    return names


@record
class Selection:
    """The inputs that a derivative is taken by: their numbers among the graph's inputs, and their tree."""

    numbers: tuple[int, ...]
    structure: Structure

    def pick(self, inputs: Sequence[Any]) -> list[Any]:
        """The selected ones of some inputs."""
        return [inputs[k] for k in self.numbers]


def trace_arguments(
    function: Callable[..., Any], leaves: Sequence[Any], structure: Structure, **options: Any
) -> TracedFunction:
    """Trace a function at (args, kwargs) of this structure, its inputs named after its parameters."""
    return trace_function(function, leaves, structure, names=leaf_names(function, structure), **options)


def select(
    operation: str,
    function: Callable[..., Any],
    traced: TracedFunction,
    leaves: Sequence[Any],
    structure: Structure,
    argnums: Argnums,
) -> Selection:
    """The inputs that `argnums` means. All of their leaves must be floating."""
    arguments = structure.children[0].children
    argnums = tuple(argnums) if isinstance(argnums, list) else argnums
    asked = argnums if isinstance(argnums, tuple) else (argnums,)
    for number in asked:
        if not isinstance(number, int) or not -len(arguments) <= number < len(arguments):
            raise ArgumentError(
                operation,
                expected=f"argnums from 0 to {len(arguments) - 1}, which {name_of_function(function)} got by position"
                if arguments
                else f"an argument of {name_of_function(function)} passed by position",
                got=f"argnums={argnums!r}",
                remedy="Count positional arguments from 0, and pass what you differentiate by position.",
            )
    starts = [0, *itertools.accumulate(child.leaves for child in arguments)]
    chosen = [number % len(arguments) for number in asked]
    place, names = _places(leaves), leaf_names(function, structure)
    numbers = [
        _floating(operation, traced, place[leaf], names[leaf], leaves[leaf])
        for k in chosen
        for leaf in range(starts[k], starts[k + 1])
    ]
    warn_severed(traced, [traced.graph.inputs[number] for number in numbers])
    trees = tuple(arguments[k] for k in chosen)
    return Selection(tuple(numbers), trees[0] if not isinstance(argnums, tuple) else Structure(tuple, None, trees))


def warn_severed(traced: TracedFunction, inputs: Sequence[Node]) -> None:
    """Warn where Python took a floating-point number (`float(x)`, `math.sin(x)`) that depends on the inputs."""
    moving = set(inputs)
    roots = [guard.node for guard in traced.guards if is_floating(guard.node.dtype)]
    for node in in_order(roots):
        if node.operation is not None and not isinstance(node.operation.derivative, Flat):
            moving |= {node} if any(operand in moving for operand in node.operands) else set()
    for guard in traced.guards:
        if guard.node in moving and is_floating(guard.node.dtype):
            warnings.warn(
                f"a number was taken out of a traced value (by float, item or a function of math) at {guard.location}: "
                "the derivative takes it as constant. Use NumPy's function of the value itself, or say that it is so "
                "meant: float(chainrule.stop_gradient(x)).",
                SeveredGradientWarning,
                stacklevel=2,
            )


def _places(leaves: Sequence[Any]) -> list[int | None]:
    """The number of each leaf among the inputs; None where it is not a number."""
    count = -1
    places: list[int | None] = []
    for leaf in leaves:
        count += is_number(leaf)
        places.append(count if is_number(leaf) else None)
    return places


def _floating(operation: str, traced: TracedFunction, place: int | None, name: str, leaf: Any) -> int:
    if place is not None and is_floating(traced.graph.inputs[place].dtype):
        return place
    got = f"{leaf!r}" if place is None else f"{traced.graph.inputs[place].type}"
    raise DerivativeError(
        operation,
        expected=f"floating-point numbers as {name}, to differentiate by",
        got=got,
        remedy="Pass arrays, or a container of them (chainrule.register_pytree makes a class one)."
        if place is None
        else "Pass floats (x.astype(float), 3.0 in place of 3), or differentiate by other arguments.",
    )


def as_arguments(operation: str, name: str, given: Any) -> tuple[Any, ...]:
    """Positional arguments as a tuple; an array alone would be taken for one argument a row."""
    if isinstance(given, (tuple, list)):
        return tuple(given)
    raise StructureError(
        operation,
        expected=f"{name} as a tuple, one entry for each positional argument",
        got=f"one {type(given).__name__}",
        remedy="Write (x,) for a single argument x.",
    )


def rebuild(structure: Structure, leaves: Sequence[Any]) -> Any:
    """The tree of a result; a single leaf is the result itself."""
    return leaves[0] if structure == LEAF else unflatten(structure, leaves)
