"""Planted faults: places of the source, each made wrong in one way.

The catalogues `lowering.txt` and `code.txt` hold them, under the file in src/chainrule that they are in:

    ==== lower/join.py

    # the name of a fault
    -|the text that stands once in the file
    +|what stands there with the fault
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCE = Path("src/chainrule")
CATALOGUES = ("lowering.txt", "code.txt")


@dataclass(frozen=True)
class Fault:
    """In `file`, under src/chainrule, `original` stands once; the fault puts `faulty` in its place."""

    name: str
    file: str
    original: str
    faulty: str

    def planted(self, root: Path = ROOT) -> str:
        """The text of the file with the fault in it."""
        text = (root / SOURCE / self.file).read_text(encoding="utf-8")
        found = text.count(self.original)
        if found != 1:
            raise LookupError(f"{self.name}: {self.original!r} stands {found} times in {self.file}, and not once")
        return text.replace(self.original, self.faulty)


def faults() -> list[Fault]:
    """Every fault of the catalogues, in their order."""
    return [fault for name in CATALOGUES for fault in read((HERE / name).read_text(encoding="utf-8"))]


def read(catalogue: str) -> Iterator[Fault]:
    """The faults in the text of a catalogue."""
    file = ""
    for part in catalogue.split("\n\n"):
        if part.startswith("==== "):
            file = part.strip().removeprefix("==== ")
            continue
        name, *lines = part.strip("\n").split("\n")
        sides = {mark: [line[2:] for line in lines if line.startswith(mark)] for mark in ("-|", "+|")}
        if not file or not name.startswith("# ") or len(sides["-|"]) + len(sides["+|"]) != len(lines):
            raise ValueError(f"no fault: {part!r}")
        yield Fault(name.removeprefix("# "), file, "\n".join(sides["-|"]), "\n".join(sides["+|"]))
