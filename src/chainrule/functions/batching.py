"""`vmap` and `jit`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.derive import batch
from chainrule.errors import ArgumentError, AxisError, ShapeError
from chainrule.functions.arguments import leaf_names, name_of_function, rebuild, trace_arguments
from chainrule.functions.remember import Prepared, Remembered, Transformed, types_of
from chainrule.graph import Input, Node, depends_on
from chainrule.pytree import Structure
from chainrule.trace import is_number
from chainrule.types import ArrayType


def jit(function: Callable[..., Any], wait: bool = True) -> Transformed:
    """The same function, traced once for each structure, shape and dtype of its arguments, and run as machine code.

    Arguments that are not numbers or arrays (strings, None, functions) are part of the signature. Python's decisions on
    traced values become guards: a call that would decide otherwise is traced anew and kept beside the first. After ten
    traces a `RetraceWarning` says which argument or which decision keeps changing.

    Args:
        function: any function of pytrees of arrays.
        wait: whether a call that needs compilation waits for it. If not, the NumPy evaluator runs the graph until the
            compiler, in a thread beside, is done. Then the last bits of a result (the order of a sum, the rounding of
            `exp`) depend on which of the two came first, so on timing.

    Returns:
        A function of the same arguments. Its attribute `show(*args, after=...)` is the text of what a stage of the
        compilation makes of it: "trace", "guards", "share_loops", "fold" (graphs), "expand" (a graph in operations that
        have loops), "fuse", "join", "block", "part", "pack", "arena" (steps, loops and memory), "llvm", "optimized" and
        "assembly".

    Raises:
        AllocationError: there is no memory for the results, before anything is computed.

    >>> import numpy as np
    >>> double = jit(lambda x: x * 2)
    >>> double(np.array([1.0, 2.0]))
    array([2., 4.])
    >>> double.show(np.ones(2), after="trace")
    graph(x: float64[2]) {
      %1: float64[] = constant(2.0)
      %2: float64[2] = multiply(x, %1)
      return %2
    }
    """

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        traced = trace_arguments(function, leaves, structure)
        return Prepared(
            traced.graph.inputs,
            traced.graph.outputs,
            lambda results: rebuild(traced.structure, results),
            traced.guards,
            traced.outer,
        )

    return Remembered(function, prepare, "jit", wait=wait).as_function()


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Transformed:
    """A function of single examples as a function of many at once: one pass over arrays with one more axis.

    Args:
        function: a function of pytrees of arrays. In it there are no concrete values for Python to branch on.
        in_axes: the axis of each argument that counts the examples: an integer for all, or a tuple with an entry for
            each positional argument, each an integer, None (the same for every example) or a tree of them.
        out_axes: where the axis goes in the results, likewise.

    Raises:
        ShapeError: the arguments disagree about the number of examples.
        ArgumentError: no argument is batched, or `in_axes` does not fit the arguments.

    >>> import numpy as np
    >>> vmap(np.dot)(np.arange(6.0).reshape(3, 2), np.ones((3, 2)))
    array([1., 5., 9.])
    """

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        names = leaf_names(function, structure)
        axes = _axes_of(function, in_axes, structure)
        numbers = [(leaf, axis, name) for leaf, axis, name in zip(leaves, axes, names, strict=True) if is_number(leaf)]
        types = types_of(leaves)
        places = [
            None if axis is None else _in_range(f"an axis of {name}", axis, kind)
            for (_, axis, name), kind in zip(numbers, types, strict=True)
        ]
        size = _size(function, in_axes, types, places, [name for _, _, name in numbers])
        single = [_without(kind, place) for kind, place in zip(types, places, strict=True)]
        traced = trace_arguments(function, leaves, structure, concrete=False, types=single)
        given: Any = traced.graph.inputs
        flags = [place is not None for place in places]
        inputs = [
            Input(kind, node.name) if flag else node for kind, node, flag in zip(types, given, flags, strict=True)
        ]
        fronted: list[Any] = [
            node if place is None else np.moveaxis(node, place, 0)  # type: ignore[arg-type]
            for node, place in zip(inputs, places, strict=True)
        ]
        moving = depends_on(traced.graph.outputs, [node for node, flag in zip(given, flags, strict=True) if flag])
        results = batch(traced.graph.outputs, traced.graph.inputs, fronted, flags, size)
        ends = _broadcast_axes("out_axes", out_axes, traced.structure)
        outputs = [
            _place(one, many, end, one in moving)
            for one, many, end in zip(traced.graph.outputs, results, ends, strict=True)
        ]
        return Prepared(
            tuple(inputs), tuple(outputs), lambda values: rebuild(traced.structure, values), (), traced.outer
        )

    return Remembered(function, prepare, ("vmap", repr(in_axes), repr(out_axes))).as_function()


def _without(kind: ArrayType, place: int | None) -> ArrayType:
    return kind if place is None else ArrayType(kind.shape[:place] + kind.shape[place + 1 :], kind.dtype)


def _place(one: Node, many: Any, end: int | None, differs: bool) -> Node:
    """A batched result with its axis moved to `end`; None asks for what is the same for every example."""
    if end is not None:
        return np.moveaxis(many, 0, _in_range("an axis for the result", end, many.type))
    if differs:
        raise ArgumentError(
            "vmap",
            expected="an axis in out_axes for a result that differs from example to example",
            got=f"None for one of type {one.type}",
            remedy="Give an integer, or reduce the result over the examples after vmap.",
        )
    return one


def _in_range(what: str, axis: int, kind: ArrayType) -> int:
    if -kind.ndim <= axis < kind.ndim:
        return axis % kind.ndim
    raise AxisError(
        "vmap",
        expected=f"{what} of type {kind}",
        got=f"axis {axis}",
        remedy="Count axes from 0, and give None for what is the same for every example.",
    )


def _size(
    function: Callable[..., Any],
    in_axes: Any,
    types: Sequence[ArrayType],
    places: Sequence[int | None],
    names: Sequence[str],
) -> int:
    sizes = {
        name: kind.shape[place] for name, kind, place in zip(names, types, places, strict=True) if place is not None
    }
    if not sizes:
        raise ArgumentError(
            "vmap",
            expected=f"an argument of {name_of_function(function)} with an axis of examples",
            got=f"in_axes={in_axes!r}",
            remedy="Give in_axes an integer for one of them.",
        )
    if len(set(sizes.values())) > 1:
        raise ShapeError(
            "vmap",
            expected="the same number of examples in every batched argument",
            got=", ".join(f"{size} in {name}" for name, size in sizes.items()),
            remedy="Give in_axes None for arguments that are the same for every example.",
        )
    return next(iter(sizes.values()))


def _axes_of(function: Callable[..., Any], in_axes: Any, structure: Structure) -> list[int | None]:
    """The axis of each leaf; keyword arguments are batched along their first axis."""
    arguments, options = structure.children
    if isinstance(in_axes, (tuple, list)):
        if len(in_axes) != len(arguments.children):
            raise ArgumentError(
                "vmap",
                expected=f"an entry of in_axes for each argument of {name_of_function(function)}: "
                f"{len(arguments.children)} of them",
                got=f"{len(in_axes)}: {in_axes!r}",
                remedy="Write None for an argument that is the same for every example.",
            )
        axes = [
            axis
            for entry, child in zip(in_axes, arguments.children, strict=True)
            for axis in _broadcast_axes("in_axes", entry, child)
        ]
    else:
        axes = _broadcast_axes("in_axes", in_axes, arguments)
    return axes + [0] * options.leaves


def _broadcast_axes(name: str, entry: Any, structure: Structure) -> list[int | None]:
    """One axis for each leaf of a tree, from a single one or a tree of them."""
    if entry is None or isinstance(entry, (int, np.integer)):
        return [None if entry is None else int(entry)] * structure.leaves
    fits = isinstance(entry, (tuple, list, dict)) and len(structure.children) == len(entry)
    if not fits or (isinstance(entry, dict) and entry.keys() != set(structure.memory or ())):
        raise ArgumentError(
            "vmap",
            expected=f"{name} with an integer or None for {structure.described}",
            got=f"{entry!r}",
            remedy="Give one integer or None for all, or a tree of them like that of the arrays.",
        )
    entries = [entry[key] for key in structure.memory] if isinstance(entry, dict) else list(entry)
    return [
        axis
        for part, child in zip(entries, structure.children, strict=True)
        for axis in _broadcast_axes(name, part, child)
    ]
