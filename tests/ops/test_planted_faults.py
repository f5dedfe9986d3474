"""Every law catches a planted fault: an operation that is wrong in just the way that the law is about."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import chainrule.ops
from chainrule.graph import OPERATIONS, Linear, Operation, Partials, Sample
from chainrule.ops.samples import F
from tests import laws

assert chainrule.ops


@pytest.fixture
def planted():
    """Make a faulty copy of a registered operation, which leaves the registry again after the test."""
    made = []

    def plant(name: str, **changes) -> Operation:
        original = OPERATIONS[name]
        faulty = dataclasses.replace(original, name=f"faulty {name} {len(made)}", **changes)
        made.append(faulty.name)
        return faulty

    yield plant
    for name in made:
        del OPERATIONS[name]


def first(operation: Operation) -> Sample:
    return next(iter(operation.samples()))


def caught(law, operation: Operation, sample: Sample) -> None:
    with pytest.raises(AssertionError):
        law(operation, sample)


def test_a_sound_operation_passes():
    for law in (laws.value_law, laws.inner_product_law, laws.dual_law, laws.batch_law, laws.latex_law, laws.edge_law):
        law(OPERATIONS["multiply"], first(OPERATIONS["multiply"]))


def test_value_law_catches_a_wrong_value(planted):
    caught(laws.value_law, planted("multiply", exact=OPERATIONS["add"].exact), first(OPERATIONS["multiply"]))


def test_value_law_catches_a_wrong_shape(planted):
    caught(
        laws.value_law,
        planted("sum", reference=lambda x, *, axes: np.sum(x, axis=axes, keepdims=True)),
        first(OPERATIONS["sum"]),
    )


def test_value_law_catches_a_wrong_dtype(planted):
    caught(
        laws.value_law,
        planted("multiply", reference=lambda x, y: np.multiply(x, y).astype(np.float32)),
        first(OPERATIONS["multiply"]),
    )


def test_inner_product_law_catches_a_wrong_adjoint(planted):
    wrong = Linear(lambda g, k, x, *, shape: 2 * np.reshape(g, x.shape))
    caught(laws.inner_product_law, planted("reshape", derivative=wrong), first(OPERATIONS["reshape"]))


def test_dual_law_catches_a_wrong_partial(planted):
    caught(
        laws.dual_law, planted("multiply", derivative=Partials(lambda x, y, out: (y, y))), first(OPERATIONS["multiply"])
    )


def test_dual_law_catches_a_missing_partial(planted):
    caught(
        laws.dual_law,
        planted("multiply", derivative=Partials(lambda x, y, out: (y, None))),
        first(OPERATIONS["multiply"]),
    )


def test_batch_law_catches_a_wrong_axis(planted):
    wrong = planted("sum", batch=lambda operands, batched, size, *, axes: OPERATIONS["sum"](operands[0], axes=axes))
    caught(laws.batch_law, wrong, Sample(F([1, 2], [3, 4]), axes=(0,)))


def test_latex_law_catches_unbalanced_braces(planted):
    caught(laws.latex_law, planted("multiply", latex="{0} {{ {1}"), first(OPERATIONS["multiply"]))


def test_rejects_law_catches_an_operation_that_accepts(planted):
    careless = planted("add", infer=lambda *types: types[0])
    caught(laws.rejects_law, careless, next(iter(OPERATIONS["add"].rejects())))


def test_rejects_law_catches_a_message_without_the_words():
    sample = next(iter(OPERATIONS["add"].rejects()))
    caught(laws.rejects_law, OPERATIONS["add"], Sample(*sample.operands, words="words that it does not say"))


def test_edge_law_catches_a_body_that_forgets_nan(planted):
    careless = planted("maximum", scalar=lambda m, x, y: m.select(x >= y, x, y))
    caught(laws.edge_law, careless, first(OPERATIONS["maximum"]))
