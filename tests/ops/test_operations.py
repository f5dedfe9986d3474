"""Every differentiable operation against finite differences: to second order, in both modes, alone and under vmap."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import CheckError
from chainrule.graph import OPERATIONS, Flat, Linear, Operation, Partials, Sample
from chainrule.trace import apply_function

SMOOTH_IN = {"heaviside": (1,)}
"""The operands that an operation is smooth in at its samples, if not all: heaviside's first one is at its jump."""


def floats_of(sample: Sample) -> list[np.ndarray]:
    """The operands of a sample as NumPy arrays."""
    arrays = [np.asarray(operand) for operand in sample.operands]
    return [array.astype(float) if array.dtype.kind == "O" else array for array in arrays]


def as_function(operation: Operation, sample: Sample):
    """The operation as a function of its floating operands, and these."""
    arrays = floats_of(sample)
    smooth = SMOOTH_IN.get(operation.name, range(len(arrays)))
    moving = [k for k, array in enumerate(arrays) if array.dtype.kind == "f" and k in smooth]

    def function(*given):
        every = list(arrays)
        for k, value in zip(moving, given, strict=True):
            every[k] = value
        node = apply_function(lambda *nodes: results_of(operation(*nodes, **sample.parameters)), *every)
        return [part for part in node if part.dtype.kind == "f"]

    return function, [arrays[k] for k in moving]


def results_of(node):
    """The results of a node as a list."""
    return list(node.results) if isinstance(node.type, tuple) else [node]


def is_differentiable(operation: Operation) -> bool:
    return not isinstance(operation.derivative, Flat)


SMOOTH = [
    (operation, sample)
    for operation in OPERATIONS.values()
    if is_differentiable(operation)
    for sample in operation.samples()
    if any(np.asarray(operand).dtype.kind in "Of" for operand in sample.operands)
]
NAMES = [f"{operation.name}-{k}" for k, (operation, _) in enumerate(SMOOTH)]


def test_every_differentiable_operation_is_among_them():
    names = {operation.name for operation, _ in SMOOTH}
    assert {operation.name for operation in OPERATIONS.values() if is_differentiable(operation)} - names == {"project"}


@pytest.mark.parametrize(("operation", "sample"), SMOOTH, ids=NAMES)
def test_derivatives(operation, sample):
    cr.check_grads(*as_function(operation, sample), order=2)


@pytest.mark.parametrize(("operation", "sample"), SMOOTH, ids=NAMES)
def test_derivatives_under_vmap(operation, sample):
    function, arrays = as_function(operation, sample)
    stacks = [np.stack([array, array]) for array in arrays]
    cr.check_grads(cr.vmap(function), stacks, order=2)


@pytest.mark.parametrize("name", ["multiply", "contract"])
def test_a_wrong_derivative_is_caught(name, monkeypatch):
    operation = OPERATIONS[name]
    wrong = Partials(lambda x, y, out: (y, 1.001 * x)) if name == "multiply" else Linear(lambda g, k, *o, **p: 2 * o[k])
    monkeypatch.setitem(vars(operation), "derivative", wrong)
    with pytest.raises(CheckError):
        cr.check_grads(*as_function(operation, next(iter(operation.samples()))), order=1)
