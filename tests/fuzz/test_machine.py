"""Machine code as a backend: a run that the evaluator finishes without need is no pass."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest

from chainrule.graph import OPERATIONS, Graph, Input, apply
from chainrule.types import ArrayType
from tests.fuzz.machine import MACHINES, Fallback, Machine
from tests.lower.running import PASSES

X = np.array([0.5, -1.0, 2.0])


def tanh() -> Graph:
    x = Input(ArrayType.of(X), "x")
    return Graph([x], [apply(OPERATIONS["tanh"], (x,), {})])


@pytest.mark.parametrize("name", MACHINES)
def test_each_setting_runs(name: str) -> None:
    (found,) = MACHINES[name](tanh()).run([X])
    np.testing.assert_allclose(found, np.tanh(X), 1e-15)


def test_every_pass_is_turned_off_by_some_setting() -> None:
    assert {f"native without {name}" for name in PASSES} <= set(MACHINES)


def test_a_run_that_is_refused_for_no_reason_is_told() -> None:
    made = Machine(tanh())
    with mock.patch.object(made.executable, "_start", return_value=True), pytest.raises(Fallback):
        made.run([X])
