"""Running the examples: which error each ends in, what it says, and which sites of the source made it."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from chainrule.errors import ChainruleError
from tests.errors.sites import SOURCE, Site

GOLDEN = Path(__file__).with_name("golden.txt")
EXAMPLES = Path(__file__).with_name("examples")
Example = tuple[str, Callable[[], Any]]


@dataclass(frozen=True)
class Meeting:
    """What an example ended in. `printed` and `code` are those of the command line, None where it was not called."""

    label: str
    error: ChainruleError | None
    sites: frozenset[Site]
    printed: str | None = None
    code: int | None = None

    @property
    def text(self) -> str:
        """What the user sees, the same on every machine: files without folders, and examples without line numbers."""
        if self.printed is not None:
            return f"exit {self.code}: {self.printed.rstrip()}"
        return f"{type(self.error).__name__}: {steady(str(self.error))}"


def steady(text: str) -> str:
    """A message without the folder and the line of the example, and without words that other packages chose."""
    text = re.sub(rf"{re.escape(str(EXAMPLES))}/(\w+\.py):\d+", r"\1", text)
    return re.sub(r"(a fault|ValueError) \(.*?\.?\)(?= in '|\. )", r"\1 (...)", text)


@contextlib.contextmanager
def watched(source: Path = SOURCE) -> Iterator[dict[int, frozenset[Site]]]:
    """While inside, every error that is made is entered, by its id, with the sites on the stack."""
    made: dict[int, frozenset[Site]] = {}
    kept = []  # no error is freed inside, so an id means one error

    def enter(kind: type[ChainruleError], *args: Any, **options: Any) -> ChainruleError:
        # MemoryError's own __new__ refuses a class that has another base first
        new = Exception.__new__ if issubclass(kind, MemoryError) else super(ChainruleError, kind).__new__
        error = new(kind, *args)
        kept.append(error)
        made[id(error)] = frozenset(sites_on_stack(sys._getframe(1), source))
        return error

    # not __init__, in which the error looks for the user's line and would find ours
    ChainruleError.__new__ = enter  # type: ignore[method-assign]
    try:
        yield made
    finally:
        del ChainruleError.__new__


def sites_on_stack(frame: FrameType | None, source: Path) -> Iterator[Site]:
    """The call that each frame under `source` is at."""
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if file.is_relative_to(source):
            spans = list(frame.f_code.co_positions())
            line, end_line, column, end_column = spans[frame.f_lasti // 2]
            if line is not None and end_line is not None and column is not None and end_column is not None:
                yield Site(file.relative_to(source).as_posix(), line, column, end_line, end_column)
        frame = frame.f_back


def meet(example: Example, made: dict[int, frozenset[Site]]) -> Meeting:
    """Run an example in an empty folder. One that ends in anything else than an error of ours fails here."""
    label, call = example
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                call()
        except ChainruleError as error:
            return Meeting(label, error, made[id(error)])
        except SystemExit as exit:
            error = next((one for one in contexts(exit) if isinstance(one, ChainruleError)), None)
            if exit.code in (None, 0):
                raise AssertionError(f"{label}: the command did what was asked") from None
            return Meeting(label, error, made[id(error)] if error else frozenset(), said.getvalue(), int(exit.code))
    raise AssertionError(f"{label}: no error was raised")


def contexts(error: BaseException) -> Iterator[BaseException]:
    """An exception and those that were being handled when it was raised, the last one first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__context__


def meet_all(examples: Iterable[Example]) -> list[Meeting]:
    """What every example ends in."""
    with watched() as made:
        return [meet(example, made) for example in examples]


HEADER = """\
Every error message of chainrule, as the examples of tests/errors/examples meet it. Do not edit: a message is changed
where it is made, and `python -m tests.errors.regenerate` writes this file. A user sees the number of the line as well.
"""


def golden_text(meetings: dict[str, list[Meeting]]) -> str:
    """The golden file: the meetings of each family of examples."""
    parts = [HEADER]
    for family, met in meetings.items():
        parts.append(f"\n{'=' * 20} {family}\n")
        parts += [f"\n# {meeting.label}\n{meeting.text}\n" for meeting in met]
    return "".join(parts)
