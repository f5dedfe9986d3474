"""Interleaved timing: A B C, B C A, ... so that what else the machine does meets all systems alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.systems import System
from bench.worker import Worker

MOST_STEPS = 8_000_000


@dataclass(frozen=True)
class Effort:
    """How long to measure: rounds, and at least so many seconds a system in each."""

    rounds: int
    seconds: float

    @classmethod
    def of(cls, quick: bool) -> Effort:
        """The usual effort, or just enough to see that all works."""
        return cls(2, 0.02) if quick else cls(7, 0.3)


Times = dict[str, list[float]]


def interleave(systems: Sequence[System | Worker], effort: Effort) -> Times:
    """Microseconds a step (and model) of each system, one number for each round."""
    steps = {system.name: calibrate(system, effort.seconds) for system in systems}
    times: Times = {system.name: [] for system in systems}
    for number in range(effort.rounds):
        first = number % len(systems)
        for system in [*systems[first:], *systems[:first]]:
            times[system.name].append(per_step(system, steps[system.name]))
    return times


def per_step(system: System | Worker, steps: int) -> float:
    """Microseconds a step and model. A difference of two runs that the machine's noise made negative is taken anew."""
    for _ in range(5):
        done, seconds = system.measure(steps)
        if seconds > 0:
            return 1e6 * seconds / (done * system.models)
    raise ArithmeticError(f"{system.name}: {steps} steps take no measurable time")


def calibrate(system: System | Worker, seconds: float) -> int:
    """How many steps take at least so many seconds; this also warms the system up."""
    steps, limit = 1, MOST_STEPS // system.models
    while True:
        done, took = system.measure(steps)
        if took >= 0.7 * seconds:  # once more: code for runs of this length may have been compiled
            done, took = system.measure(steps)
        if took >= 0.7 * seconds or steps >= limit:  # `done` may be less: whole epochs
            return done
        growth = min(20.0, max(2.0, 1.1 * seconds / took)) if took > 0 else 20.0
        steps = min(limit, int(done * growth) + 1)


def spread(values: Sequence[float]) -> float:
    """The range of the values over their median."""
    return (max(values) - min(values)) / median(values)


def ratio(times: Mapping[str, Sequence[float]], system: str, peer: str) -> float:
    """The median over the rounds of one system's time over the other's in the same round."""
    return median(a / b for a, b in zip(times[system], times[peer], strict=True))


def ratio_to_fastest(times: Mapping[str, Sequence[float]], system: str, peers: Sequence[str]) -> tuple[float, str]:
    """The largest of the ratios to these peers, and whose it is."""
    return max((ratio(times, system, peer), peer) for peer in peers if peer in times)
