"""What runs in a fresh process: `python -m bench.child QUESTION ...` prints the answer as JSON.

Nothing is imported before it is asked for: the time and the memory of imports are a part of some answers.
"""

import json
import os
import sys
import time


def first(system: str) -> dict:
    """Seconds from the start of the process to the loss of one step of `small`."""
    from bench.systems import make_system
    from bench.tasks import TASKS

    task = TASKS["small"]
    task.data, task.parameters()
    imported = time.time()
    made = make_system(system, task)
    loss = made.first(1)[1] if system == "chainrule" else made.losses(task.order(1))
    ended = time.time()
    began = float(os.environ["BENCH_BEGAN"])
    return {"whole": ended - began, "library": ended - imported, "loss": float(loss[0])}


def imports(library: str) -> dict:
    """Seconds that an import takes once NumPy is there."""
    import numpy  # noqa: F401

    began = time.perf_counter()
    __import__(library)
    return {"seconds": time.perf_counter() - began}


def memory(system: str, steps: str) -> dict:
    """The largest resident set, in MB, of 100 steps on the whole of `mnist`; of its data alone for "data"."""
    from bench.tasks import mnist_whole

    task = mnist_whole()
    if system == "data":
        task.data, task.parameters()
    else:
        from bench.systems import make_system

        made = make_system(system, task)
        if system == "chainrule":
            made.fit(int(steps))
        else:
            made.prepare(task.order(int(steps)))()
    return {"megabytes": peak_resident_set() / 1e6}


def peak_resident_set() -> int:
    """Bytes. Linux's own file is asked first: `getrusage` there counts what the parent held before it started us."""
    if os.path.exists("/proc/self/status"):
        with open("/proc/self/status", encoding="ascii") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    import resource  # not on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def compilation(system: str, depth: str) -> dict:
    """Seconds of the first call of a gradient through so many layers, and of a later call."""
    from bench.tasks import TANH, square

    task = square(width=32, depth=int(depth), batch=32, activation=TANH)
    params, (x, y) = task.parameters(), task.data
    if system == "chainrule":
        import chainrule as cr
        from bench.systems.chainrule_runs import make_loss

        call = cr.jit(cr.value_and_grad(make_loss(task)))
    else:
        import jax

        from bench.systems.jax_compiled import loss_of

        compiled = jax.jit(jax.value_and_grad(lambda params, x, y: loss_of(task, params, x, y)))

        def call(*arguments):
            return jax.block_until_ready(compiled(*arguments))

        jax.block_until_ready(jax.numpy.zeros(1) + 1)  # the start of its runtime is no compilation
    times = []
    for _ in range(4):
        began = time.perf_counter()
        call(params, x[:32], y[:32])
        times.append(time.perf_counter() - began)
    return {"first": times[0], "later": min(times[1:])}


if __name__ == "__main__":
    questions = {"first": first, "imports": imports, "memory": memory, "compilation": compilation}
    print(json.dumps(questions[sys.argv[1]](*sys.argv[2:])))
