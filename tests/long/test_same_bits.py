"""The same bits with 1, 2, 4 and 8 threads, in other processes, and under other hash seeds."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def digest(threads, seed):
    surroundings = {"CHAINRULE_NUM_THREADS": str(threads), "PYTHONHASHSEED": str(seed), "CHAINRULE_CACHE": "off"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.long.same_bits"],
        cwd=ROOT,
        env={**os.environ, **surroundings, "CHAINRULE_COMPILE": "on"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_bits_do_not_depend_on_threads_processes_or_hash_seeds():
    found = {digest(threads, seed) for threads, seed in [(1, 0), (1, 1), (2, 2), (4, 3), (8, 4)]}
    assert len(found) == 1
