"""Equal kernels as one object: which are, and that a program of equal layers has a few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.loops import Kernel, parse_kernel
from chainrule.lower.alike import signature
from chainrule.lower.program import Run, leaves
from tests.lower.running import graph_of, numbers, verified
from tests.native.test_kernel import KERNELS


@pytest.mark.parametrize("name", KERNELS)
def test_a_kernel_has_a_signature_of_all_its_statements(name):
    kernel = parse_kernel(KERNELS[name][0])
    again = Kernel(kernel.name, kernel.buffers, tuple(replace(one) for one in kernel.body))
    assert signature(kernel) == signature(again)
    assert signature(kernel) != signature(Kernel(kernel.name, kernel.buffers, kernel.body[:-1]))


def test_equal_layers_run_the_same_kernels():
    def layers(x, w):
        for _ in range(9):
            x = np.tanh(x @ w.T)
        return np.sum(np.max(x, 1))

    program = verified(graph_of(cr.grad(layers), numbers(8, 24), numbers(24, 24)))
    kernels = [step.kernel for step in leaves(program.steps) if isinstance(step, Run)]
    assert len(set(map(signature, kernels))) == len(set(kernels)) < len(kernels) / 2
