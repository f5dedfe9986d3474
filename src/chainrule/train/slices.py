"""The graph of a slice of a run: some steps of one model, or of many models, in one call.

A slice is a `scan` over the step of a model. Its length is fixed in the graph, and how many of its steps are real is an
input, so the driver chooses how long a call takes without another trace. Slices of many models are a `scan` over the
models, which hands nothing from one to the next: its steps may run in any order, and on different threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import AllocationError
from chainrule.functions import cond, scan
from chainrule.functions.executable import compiles, executable
from chainrule.graph import verify
from chainrule.pytree import flatten, unflatten
from chainrule.simplify import simplify
from chainrule.trace import trace_function
from chainrule.train.data import Arrays
from chainrule.train.step import GOING, Own, Stepper

MOST_STEPS, MOST_STEPS_COMPILED, MOST_STEPS_OF_MANY = 256, 65_536, 16_384
"""The length of a slice. A step that does nothing costs the evaluator 5 microseconds, so at most 3% of a slice, and
machine code some nanoseconds, for each model."""
STRETCH = 256
"""Steps of which none is looked at where the first has nothing to do: threads would meet in each, which takes long."""


class Slices:
    """Runs slices of one model, or of models whose states and own values are stacked along a first axis."""

    def __init__(self, stepper: Stepper, own: Own, data: Arrays, validation: Arrays | None, many: bool = False) -> None:
        self.stepper, self.many = stepper, many
        self.inputs = own, data, validation
        most = (MOST_STEPS_OF_MANY if many else MOST_STEPS_COMPILED) if compiles() else MOST_STEPS
        self.length = min(most, stepper.schedule.total)
        self._program: Any = None

    def forget(self) -> None:
        """Trace anew before the next slice: the loss has a variant more."""
        self._program = None

    def run(self, state: Any, until: Any) -> tuple[Any, np.ndarray, np.ndarray]:
        """(state, losses, validation losses) when each model has done `until` steps in all, or stopped before.

        No more than `length` steps are done. The losses of a model begin with that of the first step of the slice;
        where nothing is validated there are no validation losses.
        """
        leaves, structure = flatten(((state, until, *self.inputs), {}))
        leaves = [np.asarray(leaf) for leaf in leaves]
        if self._program is None:
            traced = trace_function(self._many if self.many else self._one, leaves, structure, concrete=False)
            self._program = executable(simplify(verify(traced.graph))), traced.structure
        program, result = self._program
        steps = np.clip(until - state["step"], 0, self.length)[state["status"] == GOING].sum()
        with np.errstate(all="ignore"):
            return unflatten(result, [np.asarray(value) for value in program.run(leaves, float(steps))])

    def _one(self, state: Any, until: Any, own: Own, data: Arrays, validation: Arrays | None) -> Any:
        def step(carry: Any, _: None) -> Any:
            after, (loss, score) = self.stepper.step(carry, own, until, data, validation)
            return after, (loss, score) if "best" in state else (loss,)

        def stretch(carry: Any, _: None) -> Any:
            nothing = tuple(np.full(STRETCH, np.nan) for _ in range(1 + ("best" in state)))
            going = self.stepper.goes_on(carry, until)
            return cond(going, lambda: scan(step, carry, None, length=STRETCH), lambda: (carry, nothing))

        if self.length <= STRETCH:
            after, (losses, *scores) = scan(step, state, None, length=self.length)
        else:
            after, found = scan(stretch, state, None, length=-(-self.length // STRETCH))
            losses, *scores = (each.reshape(-1) for each in found)
        return after, losses, scores[0] if scores else np.zeros(0)

    def _many(self, states: Any, untils: Any, owns: Own, data: Arrays, validation: Arrays | None) -> Any:
        def model(_: Any, given: Any) -> Any:
            state, until, own = given
            return (), self._one(state, until, own, data, validation)

        return scan(model, (), (states, untils, owns))[1]


def allocate(what: str, shape: tuple[int, ...]) -> np.ndarray:
    """Room for numbers of float64, to be filled as the run goes on.

    Raises:
        AllocationError: the machine does not give as much.
    """
    try:
        return np.empty(shape)
    except (MemoryError, ValueError, OverflowError):  # the last two: of more bytes than can be addressed
        raise AllocationError(
            "fit",
            expected=f"memory for {what}",
            got=f"none for {math.prod(shape):,} numbers, which are {8 * math.prod(shape):,} bytes",
            remedy="Train in several runs of fewer steps, each from the params of the one before.",
        ) from None
