"""The rows of the yardstick that train one model."""

from __future__ import annotations

from collections.abc import Sequence

from bench.agreement import check_agreement
from bench.machine import measure_peak
from bench.report import Result, row_result
from bench.systems import CHAINRULE, make_system
from bench.tasks import TASKS, Task
from bench.timing import Effort, Times, interleave
from bench.worker import Worker, workers

CHECKED_STEPS = 20


def train(name: str, quick: bool) -> Result:
    """Check and time all systems on a row."""
    task = TASKS[name]
    peak = measure_peak()
    times, difference = compare(task, task.peers, Effort.of(quick))
    note = f"Losses of {min(CHECKED_STEPS, task.per_epoch)} steps agree to {difference:.1e}."
    return row_result(
        name,
        f"{name}: {task.description}",
        times,
        target=task.target,
        operations=task.operations,
        peak=peak,
        notes=[note],
    )


def compare(task: Task, peers: Sequence[str], effort: Effort) -> tuple[Times, float]:
    """Times of chainrule and these peers, and the largest difference of their losses.

    Raises:
        DisagreementError: the systems do not compute the same.
        WorkerError: a system failed.
    """
    with workers([Worker(make_system, name, task) for name in (CHAINRULE, *peers)]) as systems:
        ours, *others = systems
        order, losses = ours.first(min(CHECKED_STEPS, task.per_epoch))
        difference = check_agreement({CHAINRULE: losses, **{peer.name: peer.losses(order) for peer in others}})
        return interleave(systems, effort), difference
