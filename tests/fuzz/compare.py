"""What a backend must give, and what is wrong with what it gave."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.graph import Graph
from tests.fuzz.analysis import analyse
from tests.fuzz.bounded import Bounded, exactly
from tests.fuzz.case import Case


class Runner(Protocol):
    """A compiled graph."""

    def run(self, values: Sequence[Any]) -> list[Any]:
        """The outputs for these values of the inputs."""
        ...


Backend = Callable[[Graph], Runner]
"""What turns a graph into something that runs it, as `chainrule.evaluate.Program` does."""


@dataclass(frozen=True)
class Expected:
    """The outputs with their bounds, or the kind of error that the reference raises."""

    outputs: list[Bounded]
    error: type[BaseException] | None = None

    @property
    def share(self) -> float:
        """The share of elements that can be compared."""
        errors = [one.error.ravel() for one in self.outputs]
        joined = np.concatenate(errors) if errors else np.zeros(0)
        return float(np.mean(np.isfinite(joined))) if joined.size else 1.0


def expect(graph: Graph, values: Sequence[np.ndarray]) -> Expected:
    """What any backend must give for a graph and these values."""
    try:
        return Expected(analyse(graph, [exactly(value) for value in values]))
    except Exception as error:  # whatever the reference raises, a backend must raise too
        return Expected([], type(error))


def compare(expected: Expected, found: Sequence[Any]) -> str:
    """What is wrong with the outputs of a backend, or "" if nothing is."""
    if len(found) != len(expected.outputs):
        return f"{len(found)} outputs instead of {len(expected.outputs)}"
    for number, (one, other) in enumerate(zip(expected.outputs, map(np.asarray, found), strict=True)):
        wrong = _difference(one, other)
        if wrong:
            return f"output {number}: {wrong}"
    return ""


def _difference(one: Bounded, found: np.ndarray) -> str:
    value, error = one.value, one.error
    if (value.shape, value.dtype) != (found.shape, found.dtype):
        return f"{found.dtype}{list(found.shape)} instead of {value.dtype}{list(value.shape)}"
    with np.errstate(all="ignore"):
        same = value == found
        if value.dtype.kind == "f":
            signed = (np.signbit(value) == np.signbit(found)) | (error > 0)
            close = np.abs(found.astype(float) - value.astype(float)) <= error
            same = (same & signed) | (np.isnan(value) & np.isnan(found)) | close & (error > 0)
    wrong = ~(same | np.isinf(error))
    if not wrong.any():
        return ""
    place = tuple(int(k) for k in np.argwhere(wrong)[0])
    allowed = f", more than {error[place]:.3g} away from" if error[place] else " instead of"
    return f"{found[place]!r} at {place}{allowed} {value[place]!r} ({int(wrong.sum())} of {value.size} elements)"


def check(case: Case, backend: Backend, expected: Expected | None = None) -> str:
    """Run a case by a backend: what is wrong with it, or "" if nothing is.

    It is run again after a run on other values: that must change neither what came first, nor what comes, nor the
    values themselves.
    """
    expected = expect(case.graph, case.values) if expected is None else expected
    values, kept = case.values, [np.array(value) for value in case.values]
    with np.errstate(all="ignore"):
        try:
            runner = backend(case.graph)
            first = runner.run(values)
            copies = [np.array(one) for one in first]
            _disturb(runner, values)
            kept_first = all(map(_same_bits, first, copies))
            second = runner.run(values)
        except Exception as error:
            if expected.error is type(error):
                return ""
            raised = f"{type(error).__name__}: {error}"
            return f"raised {raised} instead of {expected.error.__name__ if expected.error else 'giving outputs'}"
    if expected.error is not None:
        return f"gave outputs instead of raising {expected.error.__name__}"
    if not all(map(_same_bits, values, kept)):
        return "changed the value of an input"
    wrong = compare(expected, copies)
    if wrong:
        return wrong
    if len(second) != len(copies) or not all(map(_same_bits, second, copies)):
        return "gave other outputs when it was run again"
    return (
        "" if kept_first and all(map(_same_bits, first, copies)) else "changed its first outputs when it was run again"
    )


def _disturb(runner: Runner, values: Sequence[np.ndarray]) -> None:
    """A run on other values, which may well be refused."""
    with contextlib.suppress(Exception):
        runner.run([-value if value.dtype.kind == "f" else value for value in values])


def _same_bits(one: Any, other: Any) -> bool:
    """Equal to the bit, but for what a NaN carries."""
    x, y = np.asarray(one), np.asarray(other)
    if x.dtype.kind == "f":
        same = (x == y) & (np.signbit(x) == np.signbit(y)) | (np.isnan(x) & np.isnan(y))
    else:
        same = x == y
    return bool(np.all(same))
