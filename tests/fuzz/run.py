"""Many graphs through a backend: `python -m tests.fuzz.run --seed 1 --count 20000`.

By default that is the compiler as a whole: every graph as machine code; every second one also with a pass turned off,
in threads or with narrower vectors; of every fourth the gradients in reverse against forward. `--backend` names a
single one, for every graph.

A failure is made small and printed as text, with its values and what was wrong; `--save NAME` also writes the first one
to `regressions/NAME.txt`, which a test replays from then on. The first failure is the last, but with `--go-on`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from tests.fuzz.backends import RIGHT
from tests.fuzz.case import Case, parse_case
from tests.fuzz.compare import Backend, check, expect
from tests.fuzz.duality import disagreement
from tests.fuzz.generate import generate
from tests.fuzz.machine import MACHINES, OTHERWISE
from tests.fuzz.shrink import shrink

REGRESSIONS = Path(__file__).parent / "regressions"
DUALITY, COMPILER = "reverse against forward", "compiler"
Trial: TypeAlias = Callable[[Case], str]
"""What is wrong with a case, or "" if nothing is."""


def backends() -> dict[str, Backend]:
    """Those that must pass: the ones that round otherwise, and machine code in all its settings."""
    return {**RIGHT, **MACHINES}


def trials(name: str, number: int) -> dict[str, Trial]:
    """What the graph of a number goes through, by name."""
    known = backends()
    if name != COMPILER:
        return {name: lambda case: check(case, known[name])}
    choose = random.Random(number)
    found: dict[str, Trial] = {"native": lambda case: check(case, known["native"])}
    if choose.random() < 1 / 2:
        other = choose.choice(OTHERWISE)
        found[other] = lambda case: check(case, known[other])
    if choose.random() < 1 / 4:
        found[DUALITY] = lambda case: disagreement(case, known["native"])
    return found


def failure(number: int, seed: int, trial: Trial) -> str:
    """What is wrong with a graph, made small, as text; "" if nothing is."""
    case = generate(number, seed)
    return describe(shrink(case, lambda candidate: bool(trial(candidate))), trial) if trial(case) else ""


def describe(case: Case, trial: Trial) -> str:
    """A failing case, what is wrong with it and what the reference gives."""
    expected = expect(case.graph, case.values)
    lines = [f"#   output {k}: {str(one.value)!r:.400}" for k, one in enumerate(expected.outputs)]
    return "\n".join([str(case), f"# wrong: {trial(case)}", "# the reference gives:", *lines])


def replay(path: Path, backend: Backend) -> str:
    """What is wrong with a case that was kept, and with its derivatives; "" if nothing."""
    case = parse_case(path.read_text())
    return check(case, backend) or disagreement(case, backend)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz as the command line says; 1 if a failure was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--start", type=int, default=0, help="the number of the first graph")
    parser.add_argument("--backend", choices=(COMPILER, *backends()), default=COMPILER)
    parser.add_argument("--save", metavar="NAME", help="keep the first failure as regressions/NAME.txt")
    parser.add_argument("--go-on", action="store_true", help="look for more failures behind the first")
    options = parser.parse_args(arguments)
    began, failed = time.monotonic(), list[int]()
    for number in range(options.start, options.start + options.count):
        found = {name: failure(number, options.seed, one) for name, one in trials(options.backend, number).items()}
        for name, text in found.items():
            if text:
                print(text)
                if options.save and not failed:
                    (REGRESSIONS / f"{options.save}.txt").write_text(text)
                print(f"graph {number} of seed {options.seed} fails by {name}", file=sys.stderr, flush=True)
                failed.append(number)
        if failed and not options.go_on:
            return 1
        if number % 500 == 499:
            print(f"up to graph {number} in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    passed = options.count - len(set(failed))
    print(f"{passed} of {options.count} graphs of seed {options.seed} pass by the backend {options.backend}, "
          f"in {time.monotonic() - began:.0f} s")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
