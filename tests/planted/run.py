"""Plant the faults one at a time in a copy of the tree, and see which the tests of the compiler catch.

    python -m tests.planted.run                    all of them, two at a time
    python -m tests.planted.run --only 17          one, by its number
    python -m tests.planted.run --only barrier     those whose names hold a word
    python -m tests.planted.run --thorough         with all tests of the compiler, which takes long for what is missed

A fault is caught if a test fails, if the process dies, or if it does not end. The tests at the path of the faulty file
run first.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.planted.fault import ROOT, SOURCE, Fault, faults

PROGRAMS = "tests/lower/test_programs.py::test_"
LOWERING = [
    f"{PROGRAMS}lowered_steps_mean_the_graph",
    *(f"tests/lower/test_{name}.py" for name in "block join build group place arena expand".split()),
    "tests/native/test_executable.py",
    *(f"{PROGRAMS}{name}" for name in ("machine_code_of_each_width", "every_operation_is_what_its_reference_is")),
]
TILES = "tests/native/test_tiles.py::test_"
CODE = [
    *(f"tests/native/test_{name}.py" for name in "kernel nest point executable calls mapping".split()),
    f"{PROGRAMS}machine_code_of_each_width",
    *(
        f"{TILES}{name}"
        for name in "products_of_tiles products_with_panels folds_of_every_length transposition".split()
    ),
    *(f"{TILES}{name}" for name in "shares_of_every_kind_of_nest shares_of_a_long_axis".split()),
    *(f"{TILES}{name}" for name in "columns_that_threads_share_out panels_that_are_turned".split()),
    *(f"{TILES}{name}" for name in "extremes_of_what_no_number_is_beyond whole_numbers_of_every_width".split()),
    "tests/native/test_share.py",
    f"{PROGRAMS}the_bits_do_not_depend_on_the_number_of_threads",
]
EVERYTHING = ["tests/lower", "tests/native/test_tiles.py", *CODE[:6], "tests/native/test_share.py", "tests/loops"]
PASSED = 0
LONGEST = 900  # seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the faults that are asked for; 1 if one of them was missed."""
    parser = argparse.ArgumentParser(description="Plant faults in the compiler, and see which the tests catch.")
    parser.add_argument("--only", help="a number, or a word of the names")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--thorough", action="store_true", help="run all tests of the compiler, not a choice of them")
    asked = parser.parse_args(arguments)
    chosen = [(number, fault) for number, fault in enumerate(faults()) if _is_asked(asked.only, number, fault)]
    trees: queue.Queue[Path] = queue.Queue()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.workers):
            trees.put(_copy(Path(folder) / str(number)))

        def judge(numbered: tuple[int, Fault]) -> bool:
            tree = trees.get()
            try:
                return _judge(*numbered, tree, asked.thorough)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(asked.workers) as pool:
            verdicts = list(pool.map(judge, chosen))
    missed = [fault.name for (_, fault), caught in zip(chosen, verdicts, strict=True) if not caught]
    print(f"{sum(verdicts)} of {len(verdicts)} faults were caught." + "".join(f"\n  missed: {one}" for one in missed))
    return 1 if missed else 0


def _is_asked(only: str | None, number: int, fault: Fault) -> bool:
    return only is None or (int(only) == number if only.isdecimal() else only in fault.name)


def _copy(tree: Path) -> Path:
    """A copy of what the tests need."""
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("src", "tests"):
        shutil.copytree(ROOT / name, tree / name, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", tree)
    return tree


def _judge(number: int, fault: Fault, tree: Path, thorough: bool) -> bool:
    """Whether the tests catch a fault in a tree, which is well again afterwards."""
    file = tree / SOURCE / fault.file
    well = file.read_text(encoding="utf-8")
    start = time.monotonic()
    try:
        file.write_text(fault.planted(tree), encoding="utf-8")
    except LookupError as error:
        print(f"{number:4} cannot be planted: {error}", flush=True)
        return False
    try:
        status, words = run_tests(tree, fault.file, thorough)
    finally:
        file.write_text(well, encoding="utf-8")
    caught = status != PASSED
    verdict = "caught" if caught else "MISSED"
    print(f"{number:4} {verdict} in {time.monotonic() - start:4.0f} s: {fault.name}: {words}", flush=True)
    return caught


def run_tests(tree: Path, first: str, thorough: bool) -> tuple[int, str]:
    """The status of the tests in a tree, up to the first failure, and what failed."""
    own = tree / "tests" / Path(first).parent / f"test_{Path(first).name}"
    files = [str(own.relative_to(tree))] if own.exists() and first.startswith(("lower", "native", "loops")) else []
    rest = EVERYTHING if thorough else CODE if first.startswith("native") else LOWERING
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *files, *rest]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(tree / "src"), str(tree))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CHAINRULE_COMPILE": "on",
        "CHAINRULE_CACHE": "off",
    }
    try:
        done = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
        )
    except subprocess.TimeoutExpired:
        return -1, "did not end"
    if done.returncode in (4, 5):  # of pytest: wrong arguments, no tests
        raise RuntimeError(done.stdout + done.stderr)
    failed = re.search(r"^(FAILED|ERROR) (.*?)( - .*)?$", done.stdout, re.MULTILINE)
    return done.returncode, failed[2] if failed else f"status {done.returncode}"


if __name__ == "__main__":
    sys.exit(main())
