"""`scan`, `cond`, `while_loop`, `fori_loop`: loops and decisions in the graph, in place of Python's own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ShapeError, StructureError
from chainrule.functions.arguments import name_of_function
from chainrule.functions.bodies import (
    arguments,
    can_become,
    check_structure,
    enclose,
    inputs_of,
    prepared,
    settle,
    trace_body,
)
from chainrule.functions.remember import Prepared, Remembered, types_of
from chainrule.graph import Input, Node
from chainrule.graph.node import serials
from chainrule.ops import cast
from chainrule.ops.control import cond as cond_operation
from chainrule.ops.control import while_loop as while_operation
from chainrule.ops.loop import scan as scan_operation
from chainrule.pytree import LEAF, Structure
from chainrule.trace import Traced, TracedFunction, is_number
from chainrule.types import ArrayType


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """A loop over the first axis of arrays that hands a carry from step to step: one node, however many steps.

    Args:
        f: takes (carry, x) and returns (carry, y), pytrees of arrays. It is traced once, without numbers, so Python
            cannot branch on what it is given. The carry keeps its structure, shapes and dtypes.
        init: the first carry. A Python number in it takes the dtype that `f` gives back.
        xs: a pytree of arrays of one length; each step gets a slice of each. None: `f` gets None.
        length: the number of steps; needed only without `xs`.
        reverse: go from the last slice to the first. The y of a slice stays at its place.

    Returns:
        (carry, ys): the last carry, and every y stacked along a new first axis.

    Raises:
        StructureError, ShapeError, DtypeError: `f` returns no pair, or a carry of another structure, shape or dtype;
            the arrays of `xs` differ in length.
        ArgumentError: `length` is missing, or not the length of `xs`.

    Reverse mode keeps the carries, so its memory is linear in the number of steps (Griewank and Walther, Evaluating
    Derivatives, 2nd ed., section 12.1); nested scans with `checkpoint` trade memory for time.

    >>> import numpy as np
    >>> total, running = scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0]))
    >>> float(total), running
    (6.0, array([1., 3., 6.]))
    """
    return _scan("scan", f, f, init, xs, length, reverse)


def _scan(
    name: str, function: Callable[..., Any], step: Callable[..., Any], init: Any, xs: Any, length: Any, reverse: bool
) -> tuple[Any, Any]:
    """The loop of `step`, which is `function` by another signature: the loop is remembered by `function`."""
    count = None if length is None else _count_of(name, "length", length)
    mark = next(serials)

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        carry, sequences, _ = structure.children[0].children
        firsts = inputs_of(name, leaves[: carry.leaves], carry, "init")
        slices = inputs_of(name, leaves[carry.leaves : -1], sequences, "xs")
        steps = _length(name, slices, count)
        single = [ArrayType(node.shape[1:], node.dtype) for node in slices]

        def trace(carries: Sequence[Any]) -> TracedFunction:
            kinds = [node.type for node in inputs_of(name, carries, carry, "init")]
            given = (*carries, *leaves[carry.leaves : -1])
            traced = trace_body(name, step, given, arguments(carry, sequences), (*kinds, *single))
            if traced.structure.kind is not tuple or len(traced.structure.children) != 2:
                raise StructureError(
                    name,
                    expected=f"{name_of_function(function)} to return a pair (carry, y)",
                    got=traced.structure.described,
                    remedy="Return (carry, None) where there is nothing to stack.",
                )
            check_structure(name, function, carry, traced.structure.children[0], "the carry as it was given")
            return traced

        kinds, traced, outputs = settle(leaves[: carry.leaves], trace)
        constants, (body,) = enclose([(traced, outputs)], mark, hoist=True)
        starts = [cast(node, kind.dtype) for node, kind in zip(firsts, kinds, strict=True)]
        shape = {
            "constants": len(constants),
            "carries": len(starts),
            "length": steps,
            "reverse": bool(reverse),
            "save": (),
        }
        results = scan_operation(*constants, *starts, *slices, body=body, **shape).results
        return prepared((*firsts, *slices), results, traced.structure, traced)

    # the length as text: a leaf that is no number, and so part of the signature that the loop is remembered by
    return Remembered(function, prepare, (name, bool(reverse))).call(init, xs, str(count))


def _count_of(operation: str, name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        count = -1
    if count < 0:
        expected = f"a Python integer of at least 0 as {name}"
        raise ArgumentError(operation, expected=expected, got=f"{value!r}", remedy="Give the number of steps.")
    return count


def _length(name: str, slices: Sequence[Input], length: int | None) -> int:
    """The number of steps that the sequences and `length` agree on."""
    for node in slices:
        if not node.shape:
            remedy = "Stack what belongs to single steps with np.stack, or let the function close over what stays."
            raise ShapeError(name, expected=f"an axis to go along in {node.name}", got=f"{node.type}", remedy=remedy)
    sizes = {node.name: node.shape[0] for node in slices}
    if len(set(sizes.values())) > 1:
        got = ", ".join(f"{size} in {path}" for path, size in sizes.items())
        raise ShapeError(
            name, expected="the same length in every array of xs", got=got, remedy="Cut or pad them to one length."
        )
    found = next(iter(sizes.values()), length)
    if found is None:
        raise ArgumentError(
            name,
            expected="xs or length, to know the number of steps",
            got=f"xs without arrays and length={length}",
            remedy="Give length= a Python integer.",
        )
    if length is not None and found != length:
        raise ArgumentError(
            name,
            expected=f"length={found}, as in xs",
            got=f"length={length}",
            remedy="Leave length out, or cut xs to it.",
        )
    return found


def fori_loop(start: Any, stop: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """A loop over the integers from `start` up to, but not including, `stop`: the last carry.

    Args:
        start, stop: integers. Python's own make a `scan`, which has derivatives in both modes; traced ones a
            `while_loop`, which has them in forward mode.
        body: takes (i, carry) and returns the carry, of the structure, shapes and dtypes that it was given.
        init: the first carry.

    Raises:
        DtypeError: `start` or `stop` is not an integer. Else as `scan`.

    >>> fori_loop(0, 5, lambda i, total: total + i, 0)
    np.int64(10)
    """
    for name, value in (("start", start), ("stop", stop)):
        kind = types_of([value])[0] if is_number(value) else None
        if kind is None or kind.shape or kind.dtype.kind not in "iu":
            got = f"{kind}" if isinstance(value, (np.ndarray, Traced)) else repr(value)
            raise DtypeError(
                "fori_loop",
                expected=f"one integer as {name}",
                got=got,
                remedy="Convert it with int(...) or astype(int).",
            )
    if isinstance(start, Traced) or isinstance(stop, Traced):
        condition = lambda state: state[0] < stop  # noqa: E731
        return while_loop(condition, lambda state: (state[0] + 1, body(*state)), (start, init))[1]

    def step(carry: Any, i: Traced) -> tuple[Any, None]:
        return body(Traced(i.node, i.owner, weak=True), carry), None  # as Python's own integers in a for loop

    return _scan("fori_loop", body, step, init, np.arange(int(start), int(stop)), None, False)[0]


def while_loop(
    condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any, max_steps: int | None = None
) -> Any:
    """A loop that goes on while a condition on its carry holds: the last carry.

    Args:
        condition: takes the carry and returns one truth value.
        body: takes the carry and returns the next, of the same structure, shapes and dtypes. Both are traced once,
            without numbers.
        init: the first carry. A Python number in it takes the dtype that `body` gives back.
        max_steps: a bound on the number of steps, needed for reverse mode: its memory is linear in it. The loop ends
            after as many steps whatever the condition says, in every mode.

    Raises:
        StructureError, ShapeError, DtypeError: the carry changes, or the condition is not one truth value.
        DerivativeError: in reverse mode without `max_steps`.

    >>> import numpy as np
    >>> root = while_loop(lambda x: np.abs(x * x - 2) > 1e-12, lambda x: x - (x * x - 2) / (2 * x), 1.0)
    >>> round(float(root), 6)
    1.414214
    """
    bound = None if max_steps is None else _count_of("while_loop", "max_steps", max_steps)
    mark = next(serials)

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        carry = structure.children[0].children[0]
        firsts = inputs_of("while_loop", leaves, carry, "init")

        def trace(carries: Sequence[Any]) -> TracedFunction:
            traced = trace_body("while_loop", body, carries, arguments(carry))
            check_structure("while_loop", body, carry, traced.structure, "the carry as it was given")
            return traced

        kinds, traced, outputs = settle(leaves, trace)
        settled = [
            leaf if node.type == kind else np.zeros((), kind.dtype)
            for leaf, node, kind in zip(leaves, firsts, kinds, strict=True)
        ]
        question = trace_body("while_loop", condition, settled, arguments(carry))
        check_structure("while_loop", condition, LEAF, question.structure, "a condition")
        constants, (asked, turned) = enclose(
            [(question, [_truth(question.graph.outputs[0])]), (traced, outputs)], mark, hoist=True
        )
        starts = [cast(node, kind.dtype) for node, kind in zip(firsts, kinds, strict=True)]
        results = while_operation(
            *constants, *starts, condition=asked, body=turned, constants=len(constants), steps=bound
        ).results
        return prepared(firsts, results, carry, question, traced)

    return _once(prepare, init)


def cond(predicate: Any, then: Callable[..., Any], otherwise: Callable[..., Any], *operands: Any) -> Any:
    """The result of one of two functions, by a truth value of the graph; the other one is not computed.

    Args:
        predicate: one truth value, or one number (true where it is not zero).
        then, otherwise: functions of the operands. Both are traced once, without numbers, and return pytrees of one
            structure, with the same shapes and dtypes; Python numbers take the dtype of their counterparts.
        operands: any pytrees of arrays.

    Raises:
        StructureError, ShapeError, DtypeError: the branches differ in structure, shape or dtype; the predicate is not
            one truth value.

    Under `vmap` over the predicate both functions are computed, and each example takes its own.

    >>> import numpy as np
    >>> float(cond(True, np.sin, np.cos, 0.0))
    0.0
    """

    def prepare(leaves: Sequence[Any], structure: Structure) -> Prepared:
        asked, *rest = structure.children[0].children
        if asked != LEAF:
            raise StructureError(
                "cond",
                expected="one truth value as predicate",
                got=asked.described,
                remedy="Reduce it to one, for example with .all().",
            )
        inputs = inputs_of("cond", leaves[:1], asked, "predicate")
        inputs += inputs_of("cond", leaves[1:], Structure(tuple, None, tuple(rest)), "operands")
        mark = next(serials)
        branches = [trace_body("cond", branch, leaves[1:], arguments(*rest)) for branch in (then, otherwise)]
        check_structure(
            "cond", otherwise, branches[0].structure, branches[1].structure, f"what {name_of_function(then)} returns"
        )
        outputs = _matched(*branches)
        constants, bodies = enclose(list(zip(branches, outputs, strict=True)), mark)
        results = cond_operation(
            _truth(inputs[0]), *constants, *inputs[1:], then=bodies[0], otherwise=bodies[1]
        ).results
        return prepared(inputs, results, branches[0].structure, *branches)

    return _once(prepare, predicate, *operands)


def _matched(then: TracedFunction, otherwise: TracedFunction) -> tuple[list[Node], list[Node]]:
    """The outputs of two branches, Python numbers among them cast to the dtype of the other branch's."""
    one, other = list(then.graph.outputs), list(otherwise.graph.outputs)
    for k, (left, right) in enumerate(zip(one, other, strict=True)):
        if left.dtype != right.dtype:
            if then.auxiliary[k] and can_become(left, right):
                one[k] = cast(left, right.dtype)
            elif otherwise.auxiliary[k] and can_become(right, left):
                other[k] = cast(right, left.dtype)
    return one, other


def _truth(node: Node) -> Node:
    """The truth of a number, as Python's `if` takes it."""
    return node if node.dtype.kind == "b" else node != 0


def _once(prepare: Callable[[Sequence[Any], Structure], Prepared], *args: Any) -> Any:
    """Trace and run, or become part of the running trace; two functions together are nothing to remember it by."""
    return Remembered(lambda: None, prepare, None).call(*args)
