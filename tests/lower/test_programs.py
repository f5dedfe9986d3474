"""The compiler as a whole: every program of the corpus by machine code of each width, with each pass turned off, in any
number of threads, and step by step on the memory that the compiler laid out."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.graph import OPERATIONS, Graph
from chainrule.lower.join import accesses, every
from tests.lower.interpreter import interpret_program
from tests.lower.programs import PROGRAMS
from tests.lower.running import (
    THREADS,
    WIDTHS,
    check,
    compiled,
    graph_of,
    graph_of_sample,
    reference,
    same_bits,
    threads,
    values_of,
    verified,
    without,
)

EACH = pytest.mark.parametrize("name", PROGRAMS)
OFF = [("join", "packing"), ("group", "epilogue"), ("inlining",), ("arena", "merging", "transposing"), ("vectors",)]


def setting(name: str) -> tuple:
    """The graph of a program, the values of its inputs, and what it gives."""
    function, args = PROGRAMS[name]
    graph, values = graph_of(function, *args), values_of(*args)
    return graph, values, reference(graph, values)


@EACH
def test_lowered_steps_mean_the_graph(name):
    """Kernels are well formed; their meaning, on memory that is shared as the passes said, is that of the graph."""
    graph, values, expected = setting(name)
    found, fault = interpret_program(verified(graph), values)
    check(expected, found)
    assert not fault


@EACH
def test_lowered_steps_without_passes_mean_the_graph(name):
    graph, values, expected = setting(name)
    for off in (("join",), ("arena",), ("epilogue", "inlining", "packing")):
        with without(*off):
            check(expected, interpret_program(verified(graph), values)[0], str(off))


@EACH
def test_machine_code_of_each_width(name):
    graph, values, expected = setting(name)
    for width in WIDTHS:
        check(expected, compiled(graph, width=width).run(values), f"{width} bytes")


@EACH
def test_machine_code_with_passes_turned_off(name):
    graph, values, expected = setting(name)
    for off in OFF:
        check(expected, compiled(graph, off=off).run(values), str(off))


@EACH
def test_the_bits_do_not_depend_on_the_number_of_threads(name):
    graph, values, expected = setting(name)
    alone = compiled(graph).run(values)
    check(expected, alone)
    made = compiled(graph, split=True)
    assert made.threaded
    for count in THREADS:
        with threads(count):
            same_bits(alone, made.run(values), f"{count} threads")


# --------------------------------------------------------------------------------------------------------- operations


def samples():
    for operation in OPERATIONS.values():
        for number, sample in enumerate(operation.samples()):
            yield pytest.param(operation, sample, id=f"{operation.name}-{number}")


SAMPLES = list(samples())
# In float32 the interpreter's and the machine's roundings part: a condition number of the sample multiplies them.
ROUGH = {"pinv": 1e-3, "svd": 1e-3, "lstsq": 1e-3, "eigh": 1e-3, "qr": 1e-4, "inv": 1e-4, "solve": 1e-4, "det": 1e-4}


@pytest.mark.parametrize(("operation", "sample"), SAMPLES)
def test_every_operation_is_what_its_reference_is(operation, sample):
    graph, values = graph_of_sample(operation, sample)
    check(reference(graph, values), compiled(graph).run(values))


@pytest.mark.parametrize(("operation", "sample"), SAMPLES)
def test_every_operation_in_single_precision_between_threads(operation, sample):
    if any(isinstance(parameter, Graph) for parameter in sample.parameters.values()):
        pytest.skip("its body is of float64")
    graph, values = graph_of_sample(operation, sample, np.float32)
    made = compiled(graph, width=16, split=True)
    with np.errstate(all="ignore"):
        expected = reference(graph, values)
    for count in (1, 3):
        with threads(count):
            check(expected, made.run(values), tolerance=ROUGH.get(operation.name, 3e-5))


def test_a_lost_step_is_seen():
    """A planted fault: the interpreter of programs sees that the first step of a program is not done."""
    graph, values, expected = setting("reversal")
    program = verified(graph)
    check(expected, interpret_program(program, values)[0])
    program.steps = program.steps[1:]
    with pytest.raises(AssertionError):
        check(expected, interpret_program(program, values)[0])


def test_places_laid_over_one_another_are_seen():
    """A planted fault: all local places begin where the arena does."""
    graph, values, expected = setting("training of many")
    program = verified(graph)
    for step in every(program.steps):
        for group in accesses(step):
            for place in group:
                place.root.offset = 0
    with pytest.raises((AssertionError, ValueError)):
        check(expected, interpret_program(program, values)[0])
