"""Runs that are struck by real Ctrl-C, at random instants and at every line of the driver: `main` prints a report.

A program of its own, since a signal goes to the process. `python interruptions.py random 20 7` strikes 20 runs with
seed 7; `python interruptions.py lines 3` strikes at every third line that the driver executes in a short run.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np

import chainrule as cr
from chainrule.pytree import flatten
from chainrule.train import driver, interrupt, slices

X = np.linspace(-1, 1, 100)
DATA = X, np.sin(3 * X)
ENDLESS = 10**8
STEPS = ({"step": 1e-3}, {"step": 1e-2})


def line(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


def wide(theta, x, y):
    """A step that takes the evaluator longer than a slice."""
    h = theta * np.ones((1500, 1500))
    for _ in range(12):
        h = np.tanh(h) + 1e-3
    return np.mean(h) + np.mean(x) * np.mean(y)


def plain(steps, progress=None):
    settings = {"batch_size": 9, "validation": 0.2, "steps": steps, "progress": progress}
    return [cr.fit(line, np.zeros(2), DATA, optimizer=cr.optim.adam(1e-3), **settings)]


def deciding(steps, progress=None):
    loss = lambda theta, x, y: line(theta, x, y) if x[0] > 0 else np.mean(np.abs(theta[0] * x - y))  # noqa: E731
    settings = {"batch_size": 7, "steps": steps, "progress": progress}
    return [cr.fit(loss, np.zeros(2), DATA, optimizer=cr.optim.momentum(1e-3), **settings)]


def slow(steps, progress=None):
    return [cr.fit(wide, np.ones(()), DATA, optimizer=cr.optim.gradient_descent(0.1), steps=steps, progress=progress)]


def many(steps, progress=None):
    settings = {"batch_size": 9, "steps": steps, "progress": progress, "hyperparameters": STEPS}
    return list(cr.fit_many(line, np.zeros(2), DATA, optimizer=cr.optim.adam, **settings))


def idle(steps, progress=None):
    """A run whose caller takes a long time over each report."""
    return plain(steps, lambda report: time.sleep(30) if steps == ENDLESS else None)


KINDS = {"plain": plain, "deciding": deciding, "many": many, "idle": idle, "slow": slow}


def bits(run):
    return [np.asarray(leaf).tobytes() for leaf in flatten((run.params, run.state, run.losses, run.history))[0]]


def is_whole(kind, runs):
    """Whether each run is what an uninterrupted one is at this step."""
    return all(not run.steps or bits(run) == bits(KINDS[kind](run.steps)[k]) for k, run in enumerate(runs))


# Another process, as a terminal is: a thread of this one would wait for the interpreter, and then strike whenever that
# is let go, such as just before `time.sleep` begins, which Python does not notice until the sleep is over.
STRIKER = """
import os, signal, sys, time
for line in sys.stdin:
    time.sleep(float(line))
    sent = time.monotonic()
    os.kill(os.getppid(), signal.SIGINT)
    print(sent, flush=True)
"""


def strike_at_random(count, seed):
    random, report = np.random.default_rng(seed), []
    pipe = subprocess.PIPE
    striker = subprocess.Popen([sys.executable, "-S", "-c", STRIKER], stdin=pipe, stdout=pipe, text=True)
    for k in range(count):
        kind = list(KINDS)[k % len(KINDS)]
        striker.stdin.write(f"{random.uniform(0.01, 0.5 if kind != 'slow' else 1.5)}\n")
        striker.stdin.flush()
        runs = KINDS[kind](ENDLESS)
        ended = time.monotonic()
        sent = float(striker.stdout.readline())
        report.append(
            {
                "kind": kind,
                "latency": ended - sent,
                "steps": [run.steps for run in runs],
                "status": sorted({run.status for run in runs}),
                "whole": is_whole(kind, runs),
                "restored": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
            }
        )
    striker.stdin.close()
    striker.wait()
    return report


def strike_at_lines(stride, steps=12):
    """Strike a short run at line 1, 1 + stride... of those that the files of the driver execute, until it ends."""
    driver.SECONDS_A_SLICE, slices.MOST_STEPS = 1e-9, 3
    files, report, number = {driver.__file__, slices.__file__, interrupt.__file__}, [], 1
    while True:
        seen = [0]

        def trace(frame, event, argument, seen=seen, at=number):
            if frame.f_code.co_filename not in files or frame.f_code.co_name in ("__init__", "_handle", "__exit__"):
                return None
            if event == "line":
                seen[0] += 1
                if seen[0] == at:
                    signal.raise_signal(signal.SIGINT)
            return trace

        sys.settrace(trace)
        try:
            runs, outside = plain(steps), False
        except KeyboardInterrupt:  # before the run began, or after it was over
            runs, outside = [], True
        finally:
            sys.settrace(None)
        if seen[0] < number:
            return report
        status = sorted({run.status for run in runs})
        whole = is_whole("plain", runs)
        report.append({"line": number, "outside": outside, "status": status, "whole": whole})
        number += stride


def main():
    mode, *numbers = sys.argv[1:]
    strike = {"random": strike_at_random, "lines": strike_at_lines}[mode]
    print(json.dumps(strike(*map(int, numbers))))


if __name__ == "__main__":
    main()
