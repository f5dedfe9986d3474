"""Every law, for every registered operation and sample; and for every law a planted fault that it must catch."""

from __future__ import annotations

import pytest

import chainrule.ops
from chainrule.graph import OPERATIONS
from chainrule.ops.declare import Elementwise
from tests import laws

assert chainrule.ops
SAMPLES = [(operation, sample) for operation in OPERATIONS.values() for sample in operation.samples()]
NAMES = [f"{operation.name}-{k}" for k, (operation, _) in enumerate(SAMPLES)]
REFUSED = [(operation, sample) for operation in OPERATIONS.values() for sample in operation.rejects()]
RATIONAL = [(o, s) for o, s in SAMPLES if isinstance(o, Elementwise) and o.points is None]


@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=NAMES)
@pytest.mark.parametrize(
    "law",
    [laws.value_law, laws.inner_product_law, laws.dual_law, laws.batch_law, laws.latex_law],
    ids=lambda law: law.__name__,
)
def test_law(law, operation, sample):
    law(operation, sample)


@pytest.mark.parametrize(
    ("operation", "sample"), REFUSED, ids=[f"{operation.name}-{k}" for k, (operation, _) in enumerate(REFUSED)]
)
def test_rejects(operation, sample):
    laws.rejects_law(operation, sample)


@pytest.mark.parametrize(
    ("operation", "sample"), RATIONAL, ids=[f"{operation.name}-{k}" for k, (operation, _) in enumerate(RATIONAL)]
)
def test_edges(operation, sample):
    laws.edge_law(operation, sample)


def test_every_operation_has_samples():
    assert not [
        operation.name
        for operation in OPERATIONS.values()
        if not list(operation.samples()) and operation.name != "project"
    ]
