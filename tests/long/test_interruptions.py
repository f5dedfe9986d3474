"""Ctrl-C at 100 random instants of a long run: how long it takes to stop, and that what is returned is a whole step.

`CHAINRULE_INTERRUPTIONS` sets another number, `CHAINRULE_INTERRUPTIONS_SEED` other instants.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

PROGRAM = Path(__file__).parents[1] / "train" / "interruptions.py"
COUNT = int(os.environ.get("CHAINRULE_INTERRUPTIONS", "100"))
SEED = int(os.environ.get("CHAINRULE_INTERRUPTIONS_SEED", "100"))
SOURCE = os.pathsep.join(str(Path(folder).parent) for folder in chainrule.__path__)


def test_interruptions(capsys: pytest.CaptureFixture[str]) -> None:
    program = [sys.executable, str(PROGRAM), "random", str(COUNT), str(SEED)]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    latencies = sorted(strike["latency"] for strike in report)
    with capsys.disabled():
        print(
            f"\n{len(report)} interruptions: median {1e3 * latencies[len(report) // 2]:.1f} ms, "
            f"longest {1e3 * latencies[-1]:.1f} ms"
        )
    assert len(report) == COUNT
    for strike in report:
        assert strike["status"] == ["interrupted"], strike
        assert strike["whole"], strike
        assert strike["restored"], strike
