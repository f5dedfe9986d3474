"""Many graphs through a backend: `python -m tests.fuzz.run --seed 1 --count 20000 --backend native`.

The first failure is made small and printed as text, with its values and what was wrong; `--save NAME` also writes it to
`regressions/NAME.txt`, which a test replays from then on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.backends import RIGHT
from tests.fuzz.case import Case, parse_case
from tests.fuzz.compare import Backend, check, expect
from tests.fuzz.generate import generate
from tests.fuzz.shrink import shrink

REGRESSIONS = Path(__file__).parent / "regressions"
_EXECUTABLE = "chainrule.native.executable"


def backends() -> dict[str, Backend]:
    """Those that must pass: the ones that round otherwise, and machine code where there is such."""
    found = dict(RIGHT)
    if find_spec(_EXECUTABLE) is not None:
        found["native"] = lambda graph: import_module(_EXECUTABLE).Executable(graph)
    return found


def failure(number: int, seed: int, backend: Backend) -> str:
    """What the backend does wrong with a graph, made small, as text; "" if it does nothing wrong."""
    case = generate(number, seed)
    wrong = check(case, backend)
    if not wrong:
        return ""
    small = shrink(case, lambda candidate: bool(check(candidate, backend)))
    return describe(small, backend)


def describe(case: Case, backend: Backend) -> str:
    """A failing case, what the reference gives and what the backend does wrong."""
    expected = expect(case.graph, case.values)
    lines = [f"#   output {k}: {str(one.value)!r:.400}" for k, one in enumerate(expected.outputs)]
    return "\n".join([str(case), f"# wrong: {check(case, backend, expected)}", "# the reference gives:", *lines])


def replay(path: Path, backend: Backend) -> str:
    """What the backend does wrong with a case that was kept; "" if nothing."""
    return check(parse_case(path.read_text()), backend)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz as the command line says; 1 if a failure was found."""
    known = backends()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--start", type=int, default=0, help="the number of the first graph")
    parser.add_argument("--backend", choices=known, default="native" if "native" in known else "noisy")
    parser.add_argument("--save", metavar="NAME", help="keep a failure as regressions/NAME.txt")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    for number in range(options.start, options.start + options.count):
        text = failure(number, options.seed, known[options.backend])
        if text:
            print(text)
            if options.save:
                (REGRESSIONS / f"{options.save}.txt").write_text(text)
            print(f"graph {number} of seed {options.seed} fails by the backend {options.backend}", file=sys.stderr)
            return 1
    print(f"{options.count} graphs of seed {options.seed} pass by the backend {options.backend}, "
          f"in {time.monotonic() - began:.0f} s")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
