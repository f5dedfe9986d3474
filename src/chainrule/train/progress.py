"""How a run shows that it is alive: a bar on a terminal, a function of the caller's, or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.errors import DependencyError
from chainrule.record import record


@record
class Progress:
    """Where a run stands: steps done of those asked for, whole epochs done, the last loss and validation loss.

    >>> Progress(step=5, total=10, epoch=1, loss=0.5, validation_loss=None).step
    5
    """

    step: int
    total: int
    epoch: int
    loss: float
    validation_loss: float | None


Report = Callable[[Progress], Any]


@contextmanager
def reporting(progress: bool | Report | None) -> Iterator[Report]:
    """What to call after each slice of a run. None draws a bar if the standard error is a terminal and rich is
    there."""
    if callable(progress):
        yield progress
        return
    if progress is False or (progress is None and not sys.stderr.isatty()):
        yield lambda report: None
        return
    try:
        import rich.progress as bars
        from rich.console import Console
    except ImportError:
        if progress is None:
            yield lambda report: None
            return
        raise DependencyError(
            "fit",
            expected="the package rich, to draw progress",
            got="no module 'rich'",
            remedy="Run: pip install 'chainrule[progress]', or give progress=False.",
        ) from None
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("training", total=None)

        def draw(report: Progress) -> None:
            validation = "" if report.validation_loss is None else f", validation {report.validation_loss:.4g}"
            bar.update(
                task, total=report.total, completed=report.step, description=f"loss {report.loss:.4g}{validation}"
            )

        yield draw
