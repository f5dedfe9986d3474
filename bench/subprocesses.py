"""Questions that only a fresh process can answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence

LIMIT = 600
BEGAN = "BENCH_BEGAN"


class ProcessError(Exception):
    """A fresh process failed, or took too long."""


def ask(arguments: Sequence[str], **environment: str) -> dict:
    """What `python -m bench.child` with these arguments says, a dictionary on the last line of its output.

    Raises:
        ProcessError: it failed or took more than ten minutes.
    """
    variables = {**os.environ, **environment, BEGAN: repr(time.time())}
    command = [sys.executable, "-m", "bench.child", *arguments]
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise ProcessError(f"{' '.join(arguments)}: not done after {LIMIT} s") from None
    if done.returncode:
        raise ProcessError(f"{' '.join(arguments)}: {done.stderr.strip()[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
