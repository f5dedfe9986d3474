"""Results: kept as JSON under build/bench/, shown as Markdown on the terminal and on docs/performance.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from bench.tasks import Target
from bench.timing import Times, ratio_to_fastest, spread

FOLDER = Path("build/bench")
OURS = "chainrule"
PEERS = ("torch", "torch fused", "jax step", "jax scan", "jax ahead", "jax vmap", "sklearn", "NumPy by hand")


@dataclass
class Result:
    """What a section found: a table, notes under it, and for a row of the yardstick its line in the first table."""

    name: str
    title: str
    columns: list[str]
    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    summary: dict | None = None
    date: str = ""
    machine: str = ""
    load: float | None = None
    quick: bool = False

    def save(self, folder: Path = FOLDER) -> Path:
        """Keep this result; the file of the same section is replaced."""
        folder.mkdir(parents=True, exist_ok=True)
        path = place(self.name, folder)
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        return path

    @classmethod
    def read(cls, path: Path) -> Result:
        """The result that a file keeps."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))

    def markdown(self) -> str:
        """Title, table and notes."""
        hasty = " (quick: figures are rough)" if self.quick else ""
        load = "" if self.load is None else f"; load before it {self.load:.2f}"
        taken = f"*Taken {self.date}{load}{hasty}.*"
        notes = "\n".join(f"- {note}" for note in self.notes)
        return "\n\n".join(part for part in (f"### {self.title}", table(self.columns, self.rows), notes, taken) if part)


def place(name: str, folder: Path = FOLDER) -> Path:
    """Where the result of a section is kept."""
    return folder / f"{name}.json"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned for reading as text, numbers to the right."""
    cells = [list(columns), *map(list, rows)]
    widths = [max(3, *(len(row[n]) for row in cells)) for n in range(len(columns))]
    right = [n > 0 and all(row[n][:1].isdigit() or row[n][:1] in "–-" for row in rows) for n in range(len(columns))]

    def line(row: Sequence[str]) -> str:
        aligned = (
            cell.rjust(width) if end else cell.ljust(width) for cell, width, end in zip(row, widths, right, strict=True)
        )
        return f"| {' | '.join(aligned)} |"

    rule = "|".join(f" {'-' * (width - 1)}{':' if end else '-'} " for width, end in zip(widths, right, strict=True))
    return "\n".join([line(cells[0]), f"|{rule}|", *map(line, cells[1:])])


def number(value: float, digits: int = 3) -> str:
    """Significant digits without an exponent: 0.123, 12.3, 12,300."""
    if value == 0 or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    text = f"{value:.{digits}g}"
    return text if "e" not in text else f"{value:.7f}".rstrip("0")


def row_result(
    name: str,
    title: str,
    times: Times,
    *,
    target: Target | None,
    operations: int = 0,
    peak: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Result:
    """The result of one row of the yardstick: medians, ratios, GFLOP/s, and whether the target is reached."""
    middle = {system: median(values) for system, values in times.items()}
    peers = [system for system in times if system != OURS]
    best = min(peers, key=middle.__getitem__)
    columns = ["system", "µs", "spread", "of the best peer's time"]
    rows = []
    for system, values in sorted(times.items(), key=lambda item: middle[item[0]]):
        row = [system, number(middle[system]), f"{100 * spread(values):.0f}%"]
        row.append(number(ratio_to_fastest(times, system, [best])[0]))
        if peak:
            speed = operations / middle[system] / 1e3
            row += [number(speed), f"{100 * speed / peak['all cores']:.1f}%"]
        rows.append(row)
    notes = list(notes)
    if peak:
        columns += ["GFLOP/s", "of the peak"]
        notes.append(
            f"{operations:,} operations a step. Measured peak: {number(peak['all cores'])} GFLOP/s on all cores, "
            f"{number(peak['one core'])} on one; NumPy's product of 2048×2048 {number(peak['numpy product'])}."
        )
    summary = {"work": name, "what": title.partition(": ")[2] or title, "times": middle}
    if target and OURS in times:
        reached, peer = ratio_to_fastest(times, OURS, target.peers)
        summary |= {"target": str(target), "ratio": reached, "reached": reached <= target.fraction}
        verdict = "reached" if summary["reached"] else "NOT reached"
        notes.insert(0, f"Target {target}: {number(reached)} × {peer}, {verdict}.")
    return Result(name, title, columns, rows, notes, summary)


def yardstick(results: Sequence[Result]) -> str:
    """The first table of the page: a line for each row of the yardstick."""
    lines = [result.summary for result in results if result.summary]
    peers = [peer for peer in PEERS if any(peer in line["times"] for line in lines)]
    columns = ["work", "layers, batch, update", *peers, OURS, "target", "measured", "reached"]
    rows = []
    for line in lines:
        times = [number(line["times"][name]) if name in line["times"] else "–" for name in (*peers, OURS)]
        reached = "yes" if line.get("reached") else "no" if "reached" in line else "–"
        measured = f"{number(line['ratio'])} ×" if "ratio" in line else "–"
        rows.append([line["work"], line["what"], *times, line.get("target", "–"), measured, reached])
    return table(columns, rows)
