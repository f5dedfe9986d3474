"""Places of extremes along an axis: `numpy.argmax` and `numpy.argmin`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.evaluate import to_fractions
from chainrule.graph import Flat, Node, Operation, Routine, Sample, Statements, as_node, reaches
from chainrule.loops import Statement, apply, each, fill, store, within
from chainrule.ops.reduce import check_not_empty, drop, merged, reduced, restore
from chainrule.ops.samples import F
from chainrule.types import ArrayType, normalize_axis


def last_rows(x: Any, *, axis: int) -> tuple[int, int] | None:
    """(rows, their length) of an operation along the last axis, None along another."""
    if axis % max(1, len(x.shape)) != len(x.shape) - 1:
        return None
    return math.prod(x.shape[:-1]), x.shape[-1]


def _place_statements(name: str) -> Callable[..., Iterator[Statement]]:
    """The place of the best element so far, from the first to the last; one that is NaN is better than any number."""

    def statements(result: Any, x: Any, *, axis: int) -> Iterator[Statement]:
        axis %= len(x.shape)
        yield fill(result, 0)

        def better(index: tuple[Any, ...]) -> Statement:
            kept = (*index[:axis], *index[axis + 1 :])
            place = index[axis] + 1
            best = within(result[kept], x.shape[axis])
            one, other = (x[(*kept[:axis], at, *kept[axis:])] for at in (place, best))
            beats = (one > other) if name == "argmax" else (one < other)
            if x.dtype.kind == "f":
                beats = beats | ((one != one) & (other == other))
            return store(result, kept, apply("select", beats, place, best))

        yield from each((*x.shape[:axis], x.shape[axis] - 1, *x.shape[axis + 1 :]), better, serial=(axis,))

    return statements


def _place(name: str, function: Callable[..., Any]) -> Operation:
    def infer(kind: ArrayType, *, axis: int) -> ArrayType:
        axes = (normalize_axis(name, axis, kind.ndim),)
        check_not_empty(name, kind, axes)
        return ArrayType(drop(kind.shape, axes), np.dtype(np.int64))

    operation = Operation(
        name=name,
        infer=infer,
        reference=lambda x, *, axis: function(x, axis=axis),
        exact=lambda x, *, axis: to_fractions(function(x, axis=axis)),
        derivative=Flat(),
        batch=lambda operands, batched, size, *, axis: operation(operands[0], axis=axis + 1),
        lowering=Routine(name, last_rows, Statements(_place_statements(name))),
        latex=rf"\operatorname{{{{{name}}}}} {{0}}",
        samples=lambda: [Sample(F([1, 7, -3], [4, "1/5", 6]), axis=axis) for axis in (0, 1)],
        rejects=lambda: [
            Sample(np.zeros((2, 3)), axis=2, words="an axis from -2 to 1"),
            Sample(np.zeros((2, 0)), axis=1, words="an element along axis 1"),
        ],
    )

    def place(x: Any, axis: int | None = None, *, keepdims: bool = False) -> Node:
        x = as_node(x)
        axis = axis if axis is None or x.ndim == 0 else normalize_axis(name, axis, x.ndim)
        x, axes = reduced(name, x, axis)
        rows, merged_axis = merged(x, axes)
        return restore(operation(rows, axis=merged_axis), x, axes, keepdims)

    reaches(function, method=name)(place)
    return operation


argmax, argmin = _place("argmax", np.argmax), _place("argmin", np.argmin)
