"""The laws that every operation obeys. Over fractions they hold exactly; where values are irrational, to rounding.

Each law takes an operation and a sample and raises AssertionError where the operation breaks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np

from chainrule.derive import batch, forward, reverse
from chainrule.errors import ChainruleError, InexactError
from chainrule.evaluate import evaluate, evaluate_exactly, to_fractions
from chainrule.graph import Flat, Graph, Input, Node, Operation, Sample, apply
from chainrule.ops.declare import Elementwise
from chainrule.types import ArrayType, is_floating
from tests.arithmetic import FloatArithmetic
from tests.numbers import duals, slopes_of

ROUNDING = {"rtol": 1e-11, "atol": 1e-13}


class Setting:
    """A sample as a node: inputs for its operands, their values as fractions and as floats, and the results."""

    def __init__(self, operation: Operation, sample: Sample) -> None:
        self.operation, self.parameters = operation, sample.parameters
        arrays = [np.asarray(operand) for operand in sample.operands]
        self.floats = [array.astype(float) if array.dtype == object else array for array in arrays]
        self.inputs = [Input(ArrayType.of(array), f"x{k}") for k, array in enumerate(self.floats)]
        self.fractions = [to_fractions(array) for array in arrays]
        self.node = apply(operation, tuple(self.inputs), sample.parameters)
        self.results = outputs_of(self.node)
        self.moving = [k for k, node in enumerate(self.inputs) if is_floating(node.dtype)]

    def values(
        self, roots: Sequence[Node], extra: Sequence[tuple[Input, np.ndarray]] = ()
    ) -> tuple[bool, list[np.ndarray]]:
        """(exact?, values) of some nodes, in fractions if all of them are rational, else in floats."""
        inputs = [*self.inputs, *(node for node, _ in extra)]
        graph = Graph(inputs, roots)
        try:
            return True, list(evaluate_exactly(graph, *self.fractions, *(value for _, value in extra)))
        except InexactError:
            floats = [np.asarray(value).astype(node.dtype) for node, value in extra]
            return False, list(evaluate(graph, *self.floats, *floats))


def outputs_of(node: Node) -> tuple[Node, ...]:
    """The results of a node, one or several."""
    return node.results if isinstance(node.type, tuple) else (node,)


def probe(shape: tuple[int, ...], start: int) -> np.ndarray:
    """Distinct rational numbers of a shape, none of them zero."""
    count = int(np.prod(shape))
    return np.array([Fraction(start + 3 * k, 1 + (k + start) % 4) for k in range(count)], dtype=object).reshape(shape)


def agree(exact: bool, left: Any, right: Any) -> bool:
    """Equal: exactly where the numbers are fractions, else to rounding."""
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape:
        return False
    return (
        bool(np.all(left == right))
        if exact
        else np.allclose(left.astype(float), right.astype(float), **ROUNDING, equal_nan=True)
    )


def value_law(operation: Operation, sample: Sample) -> None:
    """NumPy's value, of the declared shape and dtype, is the exact value to rounding."""
    here = Setting(operation, sample)
    floats = evaluate(Graph(here.inputs, here.results), *here.floats)
    for node, value in zip(here.results, floats, strict=True):
        assert value.shape == node.shape, f"{operation.name}: declared shape {node.shape}, NumPy gives {value.shape}"
        assert value.dtype == node.dtype, f"{operation.name}: declared dtype {node.dtype}, NumPy gives {value.dtype}"
    exact, values = here.values(here.results)
    for fraction, value in zip(values, floats, strict=True):
        assert fraction.shape == value.shape, (
            f"{operation.name}: exact shape {fraction.shape}, NumPy gives {value.shape}"
        )
        if exact:
            assert np.allclose(value.astype(float), fraction.astype(float), rtol=1e-14, atol=1e-300), (
                f"{operation.name}: {fraction} is not {value}"
            )


def inner_product_law(operation: Operation, sample: Sample) -> None:
    """<g, L t> = <g L, t>: forward and reverse mode are adjoint, whatever t and g are."""
    here = Setting(operation, sample)
    tangents = [(Input(here.inputs[k].type, f"t{k}"), probe(here.inputs[k].shape, k + 1)) for k in here.moving]
    cotangents = [(Input(node.type, "g"), probe(node.shape, 5)) for node in here.results if is_floating(node.dtype)]
    floating = [node for node in here.results if is_floating(node.dtype)]
    moving = [here.inputs[k] for k in here.moving]
    pushed = forward(floating, moving, [node for node, _ in tangents])
    pulled = reverse(floating, [node for node, _ in cotangents], moving)
    roots = [node for node in (*pushed, *pulled) if node is not None]
    exact, values = here.values(roots, [*tangents, *cotangents])
    supply = iter(values)
    left = [inner(next(supply), g) for node, (_, g) in zip(pushed, cotangents, strict=True) if node is not None]
    for node, given in zip(pulled, moving, strict=True):
        assert node is None or node.type == given.type, (
            f"{operation.name}: cotangent {node.type} of an operand {given.type}"
        )
    right = [inner(next(supply), t) for node, (_, t) in zip(pulled, tangents, strict=True) if node is not None]
    zero = Fraction(0) if exact else 0.0
    assert agree(exact, sum(left, zero), sum(right, zero)), (
        f"{operation.name}: <g, L t> = {sum(left)} but <g L, t> = {sum(right)}"
    )


def inner(x: np.ndarray, y: np.ndarray) -> Any:
    """The inner product of two arrays, in fractions or floats as x is."""
    return sum(
        (a * (b if isinstance(a, Fraction) else float(b)) for a, b in zip(x.ravel(), y.ravel(), strict=True)),
        Fraction(0) if x.dtype == object else 0.0,
    )


def dual_law(operation: Operation, sample: Sample) -> None:
    """Dual numbers through the exact meaning have the slopes that forward mode computes; exactly, or not at all."""
    here = Setting(operation, sample)
    slopes = {k: probe(here.inputs[k].shape, k + 1) for k in here.moving}
    tangents = [(Input(here.inputs[k].type, f"t{k}"), slopes[k]) for k in here.moving]
    pushed = forward(here.results, [here.inputs[k] for k in here.moving], [node for node, _ in tangents])
    exact, values = here.values([node for node in pushed if node is not None], tangents)
    if not exact:
        return
    graph = Graph(here.inputs, here.results)
    operands = [duals(value, slopes[k]) if k in slopes else value for k, value in enumerate(here.fractions)]
    try:
        witnesses = evaluate_exactly(graph, *operands)
    except InexactError:  # rational here, but known to be so only at single points
        return
    supply = iter(values)
    for node, tangent, witness in zip(here.results, pushed, witnesses, strict=True):
        if is_floating(node.dtype):
            expected = slopes_of(witness)
            found = next(supply) if tangent is not None else np.full(node.shape, Fraction(0), object)
            assert agree(True, found, expected), (
                f"{operation.name}: forward mode gives {found}, dual numbers {expected}"
            )


def batch_law(operation: Operation, sample: Sample) -> None:
    """The batching rule gives what stacking the single results gives, whichever operands are batched."""
    here = Setting(operation, sample)
    count = len(here.inputs)
    choices = (
        [flags for flags in product([True, False], repeat=count) if any(flags)] if count <= 3 else [(True,) * count]
    )
    for flags in choices:
        stacks = [
            np.stack([x, 2 * x] if is_floating(x.dtype) and operation.name not in KEEP else [x, x]) if f else x
            for x, f in zip(here.floats, flags, strict=True)
        ]
        inputs = [Input(ArrayType.of(stack), f"b{k}") for k, stack in enumerate(stacks)]
        batched = evaluate(Graph(inputs, batch(here.results, here.inputs, inputs, flags, 2)), *stacks)
        for row in range(2):
            single = evaluate(
                Graph(here.inputs, here.results),
                *(stack[row] if f else stack for stack, f in zip(stacks, flags, strict=True)),
            )
            for many, one in zip(batched, single, strict=True):
                expected, found = ((2, *one.shape), one.dtype), (many.shape, many.dtype)
                assert found == expected, f"{operation.name}: batch {flags} gave {found}, not {expected}"
                assert np.allclose(many[row].astype(float), one.astype(float), **ROUNDING, equal_nan=True), (
                    f"{operation.name}: batch {flags}: {many[row]} is not {one}"
                )


KEEP: set[str] = set()
"""Operations whose samples must not be doubled because their domain is bounded."""


def latex_law(operation: Operation, sample: Sample) -> None:
    """The LaTeX template takes the operands and the parameters, and its braces are balanced."""
    text = operation.latex.format(*(f"x_{k}" for k in range(len(sample.operands))), **sample.parameters)
    assert text.count("{") == text.count("}"), f"{operation.name}: {text}"


def rejects_law(operation: Operation, sample: Sample) -> None:
    """What must be refused is refused, with the words promised, naming the operation."""
    types = [ArrayType(np.shape(operand), np.asarray(operand).dtype) for operand in sample.operands]
    try:
        operation.infer(*types, **sample.parameters)
    except ChainruleError as error:
        refusal = error
    else:
        raise AssertionError(f"{operation.name} accepted {sample}")
    assert sample.words in refusal.sentence, f"{operation.name}: {sample.words!r} is not in {refusal}"
    assert all((refusal.operation, refusal.remedy)), f"{operation.name}: no remedy in {refusal}"


EDGES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.0, 5e-324)


def edge_law(operation: Elementwise, sample: Sample) -> None:
    """The scalar body of a rational operation, run on floats, is NumPy's function at NaN, infinities, zeros and
    subnormals."""
    count = len(sample.operands)
    kinds = [np.asarray(operand).dtype for operand in sample.operands]
    axes = [EDGES if kind.kind == "O" else (True, False) if kind.kind == "b" else (-7, -1, 0, 1, 3) for kind in kinds]
    columns = [
        np.array(column, dtype=float if kind.kind == "O" else kind)
        for column, kind in zip(zip(*product(*axes), strict=True), kinds, strict=True)
    ]
    with np.errstate(all="ignore"):
        expected = operation.reference(*columns, **sample.parameters)
        found = [
            operation.scalar(FloatArithmetic(), *(column[k] for column in columns), **sample.parameters)
            for k in range(len(columns[0]))
        ]
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        same = (np.isnan(one) and np.isnan(other)) or one == other
        assert same, (
            f"{operation.name}{tuple(column[k] for column in columns[:count])}: the body gives {one}, NumPy {other}"
        )


def is_flat(operation: Operation) -> bool:
    """Whether the derivative is zero everywhere."""
    return isinstance(operation.derivative, Flat)
