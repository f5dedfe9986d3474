"""What the commands print: a summary that fits on a screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from chainrule.train.tabular import TableFit


def fitted(console: Console, table: Path, target: str, result: TableFit, out: Path | None) -> None:
    """The summary of a fit: rows, what was done to the columns, scores beside the baselines."""
    learned, held = result.rows
    model = result.model
    console.print(
        f"[bold]{table.name}[/bold]: {model.target.task} of [bold]{target}[/bold], "
        f"{learned} rows to learn from and {held} held out."
    )
    for note in result.notes:
        console.print(f"  {note}", highlight=False)
    run = result.run
    console.print(f"Trained {run.epochs} epochs ({run.steps} steps) in {run.seconds:.1f} s: {run.status}.")
    scores = Table(title="scores on held-out rows", title_justify="left")
    scores.add_column("model")
    for name in result.scores.scores:
        scores.add_column(name, justify="right")
    for row in (*result.baselines, result.scores):
        cells = [f"{row.scores[name]:.4f}" if name in row.scores else "–" for name in result.scores.scores]
        scores.add_row(row.name, *cells, style="bold" if row is result.scores else "")
    console.print(scores)
    console.print(f"Saved to {out}." if out else "Not saved: give --out to keep the model.", highlight=False)


def predicted(console: Console, rows: int, out: Path) -> None:
    """The summary of a prediction."""
    console.print(f"Predicted {rows} {'row' if rows == 1 else 'rows'}: {out}", highlight=False)
