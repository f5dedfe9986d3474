"""The sections that need fresh processes: compile time, memory, first result, imports, installed size."""

from __future__ import annotations

import math
import tempfile
from importlib import metadata, util
from pathlib import Path
from statistics import median

from bench.report import Result, number
from bench.subprocesses import ProcessError, ask
from bench.systems import CHAINRULE
from bench.tasks import FUSED, SCAN, STEP, TORCH


def compile_times(quick: bool) -> Result:
    """Seconds to compile a gradient through 10, 100 and 1,000 equal layers, and how they grow."""
    depths = (3, 10, 30) if quick else (10, 100, 1000)
    columns = ["layers", *(f"{system} {what}" for system in (CHAINRULE, "jax") for what in ("s", "call ms"))]
    rows, times = [], {CHAINRULE: [], "jax": []}
    for depth in depths:
        row = [f"{depth:,}"]
        for system, taken in times.items():
            try:
                found = ask(["compilation", system, str(depth)], CHAINRULE_CACHE="off")
            except ProcessError as error:
                print(f"  {error}")
                row += ["–", "–"]
                taken.append(math.nan)
                continue
            taken.append(found["first"] - found["later"])
            row += [number(taken[-1]), number(1e3 * found["later"])]
        rows.append(row)
    notes = [
        f"{system}: exponent {exponent(depths[-2:], taken[-2:]):.2f} between {depths[-2]:,} and {depths[-1]:,} layers "
        f"({exponent(depths, taken):.2f} over all); 1 is linear."
        for system, taken in times.items()
    ]
    title = "compile: value and gradient of equal layers of 32 tanh, batch 32"
    return Result("compile", title, columns, rows, notes)


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """The slope of log seconds over log size, by least squares."""
    x, y = [math.log(size) for size in sizes], [math.log(max(value, 1e-9)) for value in seconds]
    middle, height = sum(x) / len(x), sum(y) / len(y)
    slope = sum((a - middle) * (b - height) for a, b in zip(x, y, strict=True))
    return slope / sum((a - middle) ** 2 for a in x)


def memory(quick: bool) -> Result:
    """The largest resident set of each system that trains `mnist`."""
    steps = "5" if quick else "100"
    found = {
        system: ask(["memory", system, steps])["megabytes"] for system in ("data", CHAINRULE, TORCH, FUSED, STEP, SCAN)
    }
    data = found["data"]
    rows = [
        [
            "NumPy and the data alone" if name == "data" else name,
            number(value),
            "–" if name == "data" else number(value - data),
        ]
        for name, value in sorted(found.items(), key=lambda item: item[1])
    ]
    title = f"memory: {steps} steps of mnist on 60,000 rows"
    return Result("memory", title, ["system", "peak resident set, MB", "over the data's"], rows)


def first_results(quick: bool) -> Result:
    """Seconds to the first result, and of imports."""
    times = 2 if quick else 7
    found: dict[str, list[dict]] = {}
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "warm"):
                answer = ask(["first", CHAINRULE], CHAINRULE_CACHE=folder)
                found.setdefault(f"{CHAINRULE}, {state} object cache", []).append(answer)
        for name in (TORCH, STEP):
            found.setdefault(name, []).append(ask(["first", name]))
        for library in ("chainrule", "torch", "jax", "sklearn.neural_network"):
            found.setdefault(f"import {library}", []).append(ask(["imports", library]))
    rows = []
    for name, answers in found.items():
        if "whole" in answers[0]:
            whole, library = (median(answer[key] for answer in answers) for key in ("whole", "library"))
            rows.append([f"one step of small: {name}", number(whole), number(library)])
        else:
            rows.append([name, "–", number(median(answer["seconds"] for answer in answers))])
    cold, warm = (float(row[1]) for row in rows[:2])
    imported = next(float(row[2]) for row in rows if row[0] == "import chainrule")
    goals = (("cold", cold, 0.4), ("warm", warm, 0.15), ("import over NumPy's", imported, 0.1))
    notes = [
        f"Target {name}, at most {goal} s: {'reached' if value <= goal else 'NOT reached'}."
        for name, value, goal in goals
    ]
    columns = ["what", "s from the process's start", "s of it after NumPy and the data"]
    return Result("first", "first: first result and imports in fresh processes", columns, rows, notes)


def sizes(quick: bool) -> Result:
    """The installed size of each system with what it depends on."""
    groups = {
        "chainrule (core)": ("chainrule", "numpy", "llvmlite"),
        "torch": (
            "torch",
            "numpy",
            "sympy",
            "mpmath",
            "networkx",
            "jinja2",
            "markupsafe",
            "fsspec",
            "filelock",
            "typing_extensions",
        ),
        "jax": ("jax", "jaxlib", "ml_dtypes", "opt_einsum", "numpy", "scipy"),
        "scikit-learn": ("scikit-learn", "joblib", "threadpoolctl", "numpy", "scipy"),
    }
    found = {name: sum(map(installed_size, packages)) / 1e6 for name, packages in groups.items()}
    rows = [[name, number(value)] for name, value in sorted(found.items(), key=lambda item: item[1])]
    verdict = "reached" if found["chainrule (core)"] <= 300 else "NOT reached"
    return Result(
        "size", "size: installed, with dependencies", ["system", "MB"], rows, [f"Target at most 300 MB: {verdict}."]
    )


def installed_size(name: str) -> int:
    """Bytes of a distribution's files; of a package installed in place, those of its source."""
    if name == "chainrule":
        source = Path(util.find_spec(name).origin).parent
        return sum(path.stat().st_size for path in source.rglob("*.py"))
    files = (file.locate() for file in metadata.files(name) or [])
    return sum(Path(file).stat().st_size for file in files if Path(file).is_file())
