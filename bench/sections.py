"""The sections by name, and one of them run: `python -m bench.sections NAME [--quick]`."""

from __future__ import annotations

import sys
from datetime import datetime
from importlib import import_module

from bench.tasks import TASKS

QUIET = 0.3  # a load average above this means that something else wants the cores

SECTIONS = {
    **{name: ("training", "train", (name,)) for name in TASKS},
    "many": ("many", "train_many", ()),
    "call": ("call", "call_gradient", ()),
    **{name: ("scaling", "scale", (name,)) for name in ("width", "batch", "depth")},
    "cores": ("scaling", "scale_cores", ()),
    "compile": ("processes", "compile_times", ()),
    "memory": ("processes", "memory", ()),
    "first": ("processes", "first_results", ()),
    "size": ("processes", "sizes", ()),
}


def main() -> None:
    """Run a section, print it and keep its result."""
    from bench.agreement import DisagreementError
    from bench.machine import describe_machine, load
    from bench.report import place
    from bench.worker import WorkerError

    name, quick = sys.argv[1], "--quick" in sys.argv[2:]
    before = load()
    if before is not None and before > QUIET:
        print(f"Warning: the load average is {before:.2f}; figures taken now are doubtful.", file=sys.stderr)
    module, function, arguments = SECTIONS[name]
    place(name).unlink(missing_ok=True)  # a figure taken before a fault is no figure
    try:
        result = getattr(import_module(f"bench.{module}"), function)(*arguments, quick)
    except (DisagreementError, WorkerError) as error:
        sys.exit(f"{name} is not timed: {error}")
    result.date, result.machine = datetime.now().astimezone().isoformat(" ", "minutes"), describe_machine()
    result.load, result.quick = before, quick
    result.save()
    print(f"\n{result.markdown()}\n", flush=True)


if __name__ == "__main__":
    main()
