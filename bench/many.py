"""The row `many`: 64 seeds of `small`, each with parameters and an order of its own, as one run."""

from __future__ import annotations

from bench.agreement import check_agreement
from bench.report import Result, row_result
from bench.systems import MANY, make_system
from bench.tasks import MODELS, TASKS, VMAP, Target
from bench.timing import Effort, interleave
from bench.training import CHECKED_STEPS
from bench.worker import Worker, workers


def train_many(quick: bool) -> Result:
    """Check and time both."""
    with workers([Worker(make_system, name, TASKS["small"]) for name in (MANY, VMAP)]) as (ours, peer):
        order, losses = ours.first(CHECKED_STEPS)
        both = zip(losses, peer.losses(order), strict=True)
        difference = max(check_agreement({ours.name: one, peer.name: other}) for one, other in both)
        times = interleave([ours, peer], Effort.of(quick))
    notes = [f"Losses of {CHECKED_STEPS} steps of all {MODELS} models agree to {difference:.1e}."]
    title = f"many: {MODELS} seeds of small, a step and model"
    return row_result("many", title, times, target=Target(0.25, (VMAP,)), notes=notes)
