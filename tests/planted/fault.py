"""A planted fault: one place of the source, made wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path("src/chainrule")


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
