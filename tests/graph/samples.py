"""A graph for each sample of each registered operation, with values for its inputs."""

from __future__ import annotations

from tests.laws import Setting

import chainrule.ops
from chainrule.graph import OPERATIONS, Graph

assert chainrule.ops
SAMPLES = [(operation, sample) for operation in OPERATIONS.values() for sample in operation.samples()]
NAMES = [f"{operation.name}-{k}" for k, (operation, _) in enumerate(SAMPLES)]


def graph_of(operation, sample):
    """(graph, floats): the sample applied to inputs."""
    here = Setting(operation, sample)
    return Graph(here.inputs, here.results), here.floats
