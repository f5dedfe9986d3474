"""Long folds in two levels: which are parted, and that bits do not depend on who does the parts."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.graph import Graph
from chainrule.loops import parse_kernel, verify
from chainrule.lower.part import ELEMENTS, LONG, MANY, MUCH, PARTS, ROWS, part_folds, parted
from chainrule.lower.program import Copy, Place, Program, Run, leaves
from chainrule.types import ArrayType
from tests.lower.interpreter import interpret_program
from tests.lower.running import (
    WIDTHS,
    check,
    compare,
    compare_threads,
    compiled,
    graph_of,
    numbers,
    reference,
    run_kernel,
    verified,
    without,
)

LENGTH = MUCH


def kernels(function, *args) -> list[Run]:
    return [step for step in leaves(verified(graph_of(function, *args)).steps) if isinstance(step, Run)]


def folds_in_parts(function, *args) -> int:
    return sum(
        any(one.name == "parts" and one.role == "output" for one in k.kernel.buffers) for k in kernels(function, *args)
    )


def test_the_two_kernels_of_a_sum():
    first, last = (step.kernel for step in kernels(lambda x: np.sum(x), numbers(LENGTH)))
    assert str(first) == (
        f"kernel sum(input x0: float32[{LENGTH}], output parts: float32[{PARTS}]):\n"
        f"  parallel for part in 0..{PARTS}:\n"
        "    parts[part] = 0\n"
        f"    for r0 in 0..{LENGTH // PARTS}: parts[part] += x0[(part * {LENGTH // PARTS}) + r0]"
    )
    assert str(last) == (
        f"kernel sum(input parts: float32[{PARTS}], output y0: float32[]):\n"
        f"  y0[] = 0\n  for part in 0..{PARTS}: y0[] += parts[part]"
    )


def test_which_folds_are_parted():
    few, many = numbers(2, LENGTH // 2), numbers(MANY, LENGTH // MANY)
    assert folds_in_parts(lambda x: np.sum(x), few) == 1
    assert folds_in_parts(lambda x: np.sum(x, 1), few) == 1
    assert folds_in_parts(lambda x: np.sum(x, 1), many) == 0  # threads share these rows as they are
    assert folds_in_parts(lambda x: np.sum(x, 1), many.reshape(MANY // 2, -1)) == 1
    assert folds_in_parts(lambda x: np.sum(x), numbers(ELEMENTS - PARTS)) == 0  # too little
    assert folds_in_parts(lambda x: np.sum(x), numbers(LENGTH + 1)) == 0  # no equal parts
    assert folds_in_parts(lambda x: np.sum(x, 1), numbers(LENGTH // LONG // 2, LONG)) == 0
    assert folds_in_parts(lambda x: np.sum(x, 1), numbers(MANY - 1, LONG // 2)) == 0  # too short
    assert folds_in_parts(lambda x: np.cumsum(x), numbers(LENGTH)) == 0
    assert folds_in_parts(lambda x: np.exp(x), numbers(LENGTH)) == 0


def test_folds_along_rows_stay_with_the_threads_that_have_them():
    def product(rows: int, left: int, right: int) -> int:
        return folds_in_parts(lambda x, y: x.T @ y, numbers(rows, left), numbers(rows, right))

    assert product(256, 64, 64) == 1
    assert product(256, 8, 64) == 1
    assert product(256, 128, 256) == 0  # four parts of the result are more than its operands
    assert product(256 + 2, 64, 64) == 0  # no equal parts
    assert product(ROWS - 4, 32, 32) == 0  # too few rows
    assert product(ROWS, 7, ELEMENTS // ROWS - 8) == 0  # too little in them
    assert folds_in_parts(lambda x: np.sum(x, 0), numbers(128, 64)) == 1
    assert folds_in_parts(lambda x: np.sum(x, 1), numbers(128, 128)) == 0  # along no rows
    first, last = kernels(lambda x: np.sum(x, 0), numbers(128, 64))
    assert "for r0 in 0..32: parts[part, i0] += x0[(part * 32) + r0, i0]" in str(first.kernel)
    assert "for part in 0..4: y0[i0] += parts[part, i0]" in str(last.kernel)


def test_a_product_with_a_weight_is_not_parted():
    """The fold goes through the rows of the weight and the columns of the batch, whose rows are shared out."""
    x, w = numbers(64, 512), numbers(512, 512)
    assert folds_in_parts(lambda x, w: x @ w, x, w) == 0
    assert folds_in_parts(lambda x, w: x.T @ w, numbers(512, 64), w) == 1  # both go through rows


def test_the_second_kernels_come_as_late_as_they_can():
    def sums(x, y):
        first, second = np.sum(x, 0), np.sum(np.exp(y), 0)
        return first, second, np.sum(y + second, 0)

    def is_second(step: Run) -> bool:
        return any(one.name == "parts" and one.role == "input" for one in step.kernel.buffers)

    found = [is_second(step) for step in kernels(sums, numbers(128, 64), numbers(128, 64, seed=1))]
    assert found.count(True) == 3
    assert found.index(True) >= 2  # both sums of rows are done in parts
    assert found[-1]
    assert found[-2:] != [True, True]  # but what is read is there
    compare(sums, numbers(128, 64), numbers(128, 64, seed=1))


def test_folds_to_one_number_come_as_late_as_they_can():
    def shapes(function):
        compare(function, numbers(20, 30))
        return [kernel.writes[0].type.shape for kernel in kernels(function, numbers(20, 30))]

    def loss(x):
        return np.mean(x**2) / 2

    assert shapes(lambda x: (loss(x), np.sum(y := np.exp(x), 1), np.sum(y * y, 0))) == [(20, 30), (20,), (30,), ()]
    assert shapes(lambda x: (half := loss(x), np.sum(y := np.exp(x), 1), y * half))[0] == ()  # it is read


def test_the_second_kernels_come_before_their_operands_are_overwritten():
    def step(carry, x):
        total = np.sum(carry, 0)
        return np.exp(-carry) + x, total

    compare(lambda c, xs: cr.scan(step, c, xs), numbers(128, 64), numbers(3, 64))


def test_a_second_kernel_comes_before_the_step_that_overwrites_its_operand():
    text = (
        "kernel f(input x: float32[128, 64], input b: float32[64], output y: float32[64]):\n"
        "  parallel for i in 0..64:\n    y[i] = 0\n    for r in 0..128: y[i] += x[r, i]\n    y[i] = y[i] * b[i]"
    )
    kernel = parse_kernel(text)
    x, b, y = (Place(one.name, ArrayType(one.shape, one.dtype)) for one in kernel.buffers)
    other = Place("c", b.type)
    for step in (Copy(other, other), Copy(b, other), Copy(other, y)):
        program = Program(Graph([], []), [], [], [Run(kernel, (x, b, y)), step], Place("fault", b.type))
        steps = part_folds(program).steps
        assert len(steps) == 3
        assert steps.index(step) == (1 if step.target is step.source else 2)


def test_an_axis_of_as_many_steps_as_parts():
    """Each part is one step of it, so that loop is gone."""
    x = numbers(PARTS, LENGTH // PARTS + 1)
    first, _ = (step.kernel for step in kernels(lambda x: np.sum(x), x))
    assert f"for r1 in 0..{x.shape[1]}: parts[part] += x0[part, r1]" in str(first)
    assert "r0" not in str(first)
    compare(lambda x: np.sum(x), x)


def test_the_axis_that_falls_into_parts_is_taken():
    x = numbers(3, LENGTH // 3 // PARTS * PARTS + PARTS)
    assert folds_in_parts(lambda x: np.sum(x), x) == 1
    compare(lambda x: np.sum(x), x)


FOLDS = {
    "sum": lambda x: np.sum(x),
    "sum of rows": lambda x: np.sum(x * x, 1),
    "sum of one": lambda x: np.sum(x, keepdims=True),
    "largest": lambda x: (np.max(x, 1), np.min(x)),
    "product": lambda x: np.prod(1 + x / 1e4, 1),
    "any": lambda x: (np.any(x > 4, 1), np.any(x > 40), np.all(x < 4), np.all(x < 40, 1)),
    "whole numbers": lambda x: (np.sum((x * 9).astype(np.int32), 1), np.max((x * 9).astype(np.int8))),
    "an epilogue": lambda x: np.sqrt(np.sum(x * x, 1)) * 2 - x[:, 0],
    "a mean": lambda x: np.mean((x - 1) ** 2),
    "a product with a vector": lambda x: x @ x[0] + 1,
    "a product of few": lambda x: x @ x.T * 2,
    "read again": lambda x: x - np.sum(x, 1, keepdims=True) / np.max(x),
    "gathered": lambda x: np.sum(x[:, np.arange(2**15)[::-1] // 3 * 2]),
}


@pytest.mark.parametrize("name", FOLDS)
def test_folds_in_parts(name):
    function, x = FOLDS[name], numbers(2, 2**15)
    assert folds_in_parts(function, x)
    made = compiled(graph := graph_of(function, x))
    check(reference(graph, [x]), made.run([x]), tolerance=2e-4)
    compare_threads(function, x.astype(np.float64))


@pytest.mark.parametrize("width", WIDTHS)
def test_folds_in_parts_of_each_width(width):
    x = numbers(2, 2**15, dtype=np.float64)
    for name in ("sum", "sum of rows", "an epilogue", "any"):
        compare(FOLDS[name], x, width=width)


def test_infinities_nan_and_nothing_among_them():
    x = numbers(2, 2**15)
    x[0, 77], x[1, -1] = np.nan, -np.inf
    for function in (FOLDS["sum of rows"], FOLDS["largest"], lambda x: np.max(x, 1), lambda x: np.min(x, 1)):
        compare(function, x)
    compare(lambda x: (np.max(x, 1), np.min(-x)), np.full((2, 2**15), -np.inf))
    compare(lambda x: np.sum(x, 1), np.zeros((3, 0)))


def test_the_gradient_of_what_is_long():
    x = numbers(2**14, 5, dtype=np.float64)
    function = cr.grad(lambda w, x: np.sum(np.tanh(x @ w) ** 2))
    assert folds_in_parts(function, numbers(5, 3, dtype=np.float64), x)
    compare_threads(function, numbers(5, 3, dtype=np.float64), x)


def test_folds_in_loops_and_branches():
    x = numbers(3, 2**16)

    def step(c, s):
        return cr.cond(c > 0, lambda c, s: np.sum(s) + c * 0, lambda c, s: np.max(s) - c * 0, c, s), np.sum(s * s)

    function = lambda x: cr.scan(step, x[0, 0], x)  # noqa: E731
    assert folds_in_parts(function, x) == 3
    graph = graph_of(function, x)
    check(reference(graph, [x]), compiled(graph).run([x]), tolerance=1e-3)
    until = lambda x: cr.while_loop(lambda c: np.sum(c) < 1e6, lambda c: c + np.max(c), x)  # noqa: E731
    assert folds_in_parts(until, np.abs(x[0])) == 2
    compare(until, np.abs(x[0]))


def test_the_interpreter_sees_the_same():
    x = numbers(2, 2**15, dtype=np.float64)
    function = lambda x: np.sum(x, 1) * 2 + x[:, 3]  # noqa: E731
    graph = graph_of(function, x)
    check(reference(graph, [x]), interpret_program(verified(graph), [x])[0])
    with without("parting"):
        assert folds_in_parts(function, x) == 0


# ------------------------------------------------------------------------------------------------------------ by hand


def parts_of(text: str) -> list[Run]:
    kernel = parse_kernel(text)
    places = tuple(Place(one.name, ArrayType(one.shape, one.dtype)) for one in kernel.buffers)
    return parted(Run(kernel, places), lambda kind: Place("parts", kind))


HEAD = "kernel f(input x: float32[2, 65536], output y: float32[2]):\n  parallel for i in 0..2:\n"
UNPARTED = {
    "another start": "    y[i] = 0\n    for r in 1..65536: y[i] += x[i, r]",
    "a loop to what data say": "    y[i] = 0\n    for r in 0..i: y[i] += x[i, r]",
    "a recurrence": "    y[i] = 0\n    for r in 0..65536: y[i] = x[i, r] + y[i]",
    "more in the loop": "    y[i] = 0\n    for r in 0..65536:\n      y[i] += x[i, r]\n      y[i] max= 0",
    "no start": "    for r in 0..65536: y[i] += x[i, r]",
    "a start after it": "    for r in 0..65536: y[i] += x[i, r]\n    y[i] = 0",
    "a store alone": "    y[i] = x[i, 0]",
}


@pytest.mark.parametrize("name", UNPARTED)
def test_what_stays_whole(name):
    assert len(parts_of(HEAD + UNPARTED[name])) == 1
    assert len(parts_of(HEAD + "    y[i] = 0\n    for r in 0..65536: y[i] += x[i, r]")) == 2


def test_what_starts_at_another_place_stays_whole():
    text = (
        "kernel f(input x: float32[2, 65536], output y: float32[2], output z: float32[2]):\n"
        "  parallel for i in 0..2:\n    z[i] = 0\n    for r in 0..65536: y[i] += x[i, r]"
    )
    assert len(parts_of(text)) == 1


def test_the_kernels_by_themselves():
    """Each reads and writes what it names, and nothing else."""
    text = (
        "kernel f(input x: float64[3, 16384, 4], input b: float64[3], output y: float64[3]):\n"
        "  parallel for i in 0..3:\n    y[i] = 0\n    for r in 0..16384:\n      for s in 0..4: y[i] += x[i, r, s]\n"
        "    y[i] = y[i] * b[i]"
    )
    first, last = parts_of(text)
    assert [one.name for one in first.kernel.buffers] == ["x", "parts"]
    assert [one.name for one in last.kernel.buffers] == ["b", "parts", "y"]
    assert first.places[-1] is last.places[1]
    assert first.places[-1].type.shape == (PARTS, 3)
    for step in (first, last):
        verify(parse_kernel(str(step.kernel).replace("output ", "temporary ")))
    x, b = numbers(3, 16384, 4, dtype=np.float64), numbers(3, dtype=np.float64, seed=1)
    (parts,) = run_kernel(first.kernel, x)
    (found,) = run_kernel(last.kernel, b, parts)
    np.testing.assert_allclose(parts, x.reshape(3, PARTS, -1).sum(2).T, 1e-10, 1e-10)
    np.testing.assert_allclose(found, x.sum((1, 2)) * b, 1e-10)
