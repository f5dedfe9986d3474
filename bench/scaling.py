"""How the cost of a step grows with width, batch, depth and cores."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.machine import core_count, measure_peak
from bench.report import OURS, Result, number
from bench.systems import make_system
from bench.tasks import SCAN, STEP, TANH, TASKS, TORCH, Task, square
from bench.timing import Effort, interleave, ratio_to_fastest
from bench.training import compare
from bench.worker import Worker, workers


def scale(name: str, quick: bool) -> Result:
    """The section `width`, `batch` or `depth`."""
    values, tasks, peers = {
        "width": lambda: _tasks(quick, [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096], "width", (TORCH, SCAN)),
        "batch": lambda: _tasks(quick, [1, 4, 16, 64, 256, 1024, 4096], "batch", (TORCH, SCAN)),
        "depth": lambda: _tasks(
            quick, [1, 3, 10, 30, 100, 300, 1000], "depth", (TORCH, STEP), width=32, batch=32, activation=TANH
        ),
    }[name]()
    effort = Effort(2, 0.02) if quick else Effort(3, 0.2)
    peak = measure_peak()["all cores"]
    rows = []
    for value, task in zip(values, tasks, strict=True):
        print(f"  {task.name}", flush=True)
        times, _ = compare(task, peers, effort)
        speed = task.operations / median(times[OURS]) / 1e3
        rows.append(
            [
                str(value),
                *(number(median(times[system])) for system in (*peers, OURS)),
                number(ratio_to_fastest(times, OURS, peers)[0]),
                number(speed),
                f"{100 * speed / peak:.1f}%",
            ]
        )
    columns = [
        name,
        *(f"{system} µs" for system in (*peers, OURS)),
        "of the best peer's time",
        "GFLOP/s",
        "of the peak",
    ]
    titles = {
        "width": "width: 3 layers relu, batch 128, gradient descent",
        "batch": "batch: 128-128-128-128 relu, gradient descent",
        "depth": "depth: layers of 32 tanh, batch 32, gradient descent",
    }
    return Result(name, titles[name], columns, rows)


def _tasks(
    quick: bool, values: Sequence[int], name: str, peers: tuple[str, ...], **settings
) -> tuple[Sequence[int], list[Task], tuple[str, ...]]:
    values = values[:3] if quick else values
    return values, [square(**{name: value, **settings}) for value in values], peers


def scale_cores(quick: bool) -> Result:
    """The section `cores`: the same run in processes with other numbers of threads; the bits must be the same."""
    works = ["small", "table"] if quick else ["small", "table", "mnist", "lenet", "wide"]
    counts = sorted({1, 2, core_count(), *(2**n for n in range(1, 8) if 2**n < core_count())})
    columns = ["work", "threads", f"{OURS} µs", "torch µs", "same bits as with 1"]
    rows = []
    for work in works:
        digests = []
        for threads in counts:
            settings = {
                name: str(threads)
                for name in ("CHAINRULE_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            }
            with workers([Worker(make_system, name, TASKS[work], **settings) for name in (OURS, TORCH)]) as systems:
                digests.append(systems[0].call("digest", min(20, TASKS[work].per_epoch)))
                times = interleave(systems, Effort(2, 0.02) if quick else Effort(5, 0.2))
            same = "yes" if digests[-1] == digests[0] else "NO"
            rows.append([work, str(threads), *(number(median(times[name])) for name in (OURS, TORCH)), same])
    notes = [f"The machine has {core_count()} cores. torch is given the same number of threads."]
    return Result("cores", "cores: the rows of the yardstick with some numbers of threads", columns, rows, notes)
