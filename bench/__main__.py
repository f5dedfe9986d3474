"""`python -m bench [sections] [--quick] [--write PAGE]`: measure, print, keep, and write the page of what is kept."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from bench.sections import SECTIONS


def main() -> int:
    """Run the sections that were asked for, each in a process of its own; 1 where one failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all where none is named"
    )
    parser.add_argument("--quick", action="store_true", help="see that all works; the figures are rough")
    parser.add_argument(
        "--write", type=Path, metavar="PAGE", help="write the page of all kept results, such as docs/performance.md"
    )
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    environment = {"JAX_PLATFORMS": "cpu", **os.environ}
    failed = []
    for name in options.sections or SECTIONS:
        command = [sys.executable, "-m", "bench.sections", name, *(["--quick"] if options.quick else [])]
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(name)
    if options.write:
        from bench.page import page
        from bench.report import Result, place

        kept = [Result.read(place(name)) for name in SECTIONS if place(name).exists()]
        options.write.write_text(page(kept), encoding="utf-8")
        print(f"wrote {options.write}")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
