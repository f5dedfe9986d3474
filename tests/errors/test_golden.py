"""Every error message: each place that makes one is met by an example, each is well made, and each is as it was.

The checks are functions that give complaints. The real source and messages must give none; a fault planted in a source
or in a message made for the purpose must give the one that names it.
"""

from __future__ import annotations

import difflib
import importlib.util
import pickle
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from chainrule.errors import ArgumentError, ChainruleError, ShapeError
from chainrule.source import Location
from tests.errors.examples import families
from tests.errors.meeting import EXAMPLES, GOLDEN, Meeting, golden_text, meet, meet_all, watched
from tests.errors.sites import Site, asserts, bare_raises, find_sites, lost_errors

UNREACHABLE: dict[str, str] = {
    "GraphError('print', expected='a statement', got=repr(statement), remedy='Teach the printer about it.')": (
        "scalars_of, which the printer asks first, refuses the same statements; this one is for the type checker"
    ),
}
"""Sites that no example can meet: the source text of the call, and why."""

ALLOWED_RAISES = {
    "cli/__init__.py: raise SystemExit": "the command's way out, with a sentence of its own on the standard error",
    "cli/app.py: raise typer.Exit": "the command's way out after --version",
    "cli/app.py: raise _ended": "the command's way out; what it says is that of our error",
    "functions/executable.py: raise self._error": "what the compiler's thread caught, where it is asked for the result",
    "native/aside.py: raise error": "what another thread caught, where its result is asked for",
    "native/executable.py: raise self.errors.pop": "what a callback raised, carried past the native code between",
    "graph/protocols.py: raise NotImplementedError": "an abstract property or method; its classes define it",
    "graph/protocols.py: raise AttributeError": "Python asks so whether there is an attribute (hasattr, getattr)",
    "graph/protocols.py: raise TypeError": "len() of an array without axes, as NumPy and Python's protocol have it",
    "loops/__init__.py: raise AttributeError": "likewise, of a module whose other names are imported when asked for",
    "loops/arithmetic.py: raise AttributeError": "likewise, for names such as __wrapped__, no words of bodies",
    "trace/function.py: raise error.__cause__": "an error of ours, which NumPy hid behind one of its own",
    "trace/traced.py: raise TypeError": "iteration over an array without axes, likewise",
    "record.py: raise FrozenInstanceError": "what the standard library raises where a frozen dataclass is changed",
    "ops/elimination.py: raise np.linalg.LinAlgError": "what NumPy raises for the same matrix in floating point",
    "train/model_file.py: raise OSError": "caught in the same file and said in the ModelFileError of the call",
}

# What shows that a message quotes what it got: a number, a quotation, a shape, a setting, a dotted name, a type.
TYPES = "bool|object|float|str|list|tuple|dict|ndarray|MaskedArray|a column of \\w+"
WORDS = "None|nan|inf|one value|a folder|a pipe|the end of the text"
QUOTES = re.compile(rf"\d|['\"\[({{<=]|\w\.\w|\b({TYPES}|{WORDS})\b")
SENTENCE = re.compile(r"[A-Z].*([.?]|`|'|\))", re.DOTALL)
NOISE = re.compile(r"0x[0-9a-f]{6,}|<class|<function|<bound|np\.\w+\(|dtype\(|ArrayType\(|\bgot got\b")


@cache
def meetings() -> dict[str, list[Meeting]]:
    """What every example ends in; run once for all tests."""
    return {family: meet_all(examples) for family, examples in families().items()}


# --- The checks -------------------------------------------------------------------------------------------------------


def unmet(sites: dict[Site, str], met: Iterable[Meeting]) -> list[str]:
    """The sites that no example has met."""
    reached = {site for meeting in met for site in meeting.sites}
    return [f"{site} {text}" for site, text in sites.items() if site not in reached and text not in UNREACHABLE]


def faults(meeting: Meeting, family: str) -> list[str]:
    """What is wrong with a message, as its reader sees it."""
    checks = (*(_of_error(meeting.error, family) if meeting.error else ()), *_of_command(meeting))
    if meeting.printed is None and meeting.error is not None:
        checks += tuple(_of_place(meeting.error, family))
    return [f"{meeting.label}: {complaint}: {meeting.text}" for holds, complaint in checks if not holds]


def _of_error(error: ChainruleError, family: str) -> Iterable[tuple[object, str]]:
    yield error.operation.strip(), "names no operation"
    yield error.expected.strip(), "does not say what was expected"
    yield not error.expected.endswith("."), "what was expected is no sentence of its own"
    yield QUOTES.search(error.got), "does not quote what it got"
    yield not error.got.endswith("."), "what it got is no sentence of its own"
    yield SENTENCE.fullmatch(error.remedy), "the remedy is no sentence"
    yield "\n" not in error.sentence, "takes more than a line"
    yield len(error.sentence) < 500, "is too long to be read"
    yield not NOISE.search(f"{error.expected}; got {error.got}"), "shows what only Python wants to see"
    yield str(pickle.loads(pickle.dumps(error))) == str(error), "changes when it is pickled"


def _of_place(error: ChainruleError, family: str) -> Iterable[tuple[object, str]]:
    if error.operation == "parse" and error.location is None:
        return  # the place is a line of the text that was parsed
    place = error.location
    yield place is not None and place.file == str(EXAMPLES / f"{family}.py"), "names another line than the user's"
    yield place is not None and place.text and str(error).endswith(place.text), "does not show the user's line"


def _of_command(meeting: Meeting) -> Iterable[tuple[object, str]]:
    if meeting.printed is not None:
        yield re.fullmatch(r"chainrule: [^\n]+\n", meeting.printed), "is not printed on one line"
        yield meeting.code in (1, 2, 3), "ends with another exit code"


def differences(golden: str, found: str) -> list[str]:
    """The lines that differ."""
    return list(difflib.unified_diff(golden.splitlines(), found.splitlines(), "golden.txt", "found", n=1, lineterm=""))


# --- The real source --------------------------------------------------------------------------------------------------


def test_every_site_is_met() -> None:
    assert unmet(find_sites(), (meeting for met in meetings().values() for meeting in met)) == []


def test_no_reason_outlives_its_site() -> None:
    assert set(UNREACHABLE) <= set(find_sites().values())
    assert set(ALLOWED_RAISES) <= set(bare_raises())


@pytest.mark.parametrize("family", families())
def test_messages_are_well_made(family: str) -> None:
    assert [fault for meeting in meetings()[family] for fault in faults(meeting, family)] == []


@pytest.mark.parametrize("family", families())
def test_labels_differ(family: str) -> None:
    labels = [label for label, _ in families()[family]]
    assert len(set(labels)) == len(labels)


def test_messages_are_those_of_the_golden_file() -> None:
    changed = differences(GOLDEN.read_text(encoding="utf-8"), golden_text(meetings()))
    assert changed == [], "if this is meant: python -m tests.errors.regenerate"


def test_nothing_else_is_raised() -> None:
    assert {text for place, text in bare_raises().items() if place not in ALLOWED_RAISES} == set()


def test_nothing_is_asserted() -> None:
    assert asserts() == []


def test_every_error_is_raised_where_it_is_made() -> None:
    assert lost_errors() == []


# --- Planted faults ---------------------------------------------------------------------------------------------------

PLANTED = """
from typing import NoReturn
from chainrule.errors import ArgumentError, AxisError, ShapeError

def unfit(got) -> ArgumentError:
    return ArgumentError("planted", expected="more", got=got, remedy="Give more.")

def refuse(got: str) -> NoReturn:
    raise ArgumentError("planted", expected="less", got=got, remedy="Give less.")

def choose(wrong):
    kind = ShapeError if wrong else AxisError
    raise kind("planted", expected="another", got="0", remedy="Give another.")

def first(): raise unfit("1")
def second(): raise unfit("2")
def third(): refuse("3")
def fourth(): refuse("4")
"""


def planted(folder: Path, text: str = PLANTED) -> object:
    """A source of one file with this text, imported."""
    path = folder / "planted.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("planted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_site_without_an_example_is_caught(tmp_path: Path) -> None:
    module = planted(tmp_path)
    with watched(tmp_path) as made:
        met = [meet((name, getattr(module, name)), made) for name in ("first", "third")]
        met.append(meet(("choose", lambda: module.choose(True)), made))  # type: ignore[attr-defined]
        with pytest.raises(ShapeError):
            module.choose(True)  # type: ignore[attr-defined]
    assert len(find_sites(tmp_path)) == 7
    assert unmet(find_sites(tmp_path), met) == ["planted.py:16 unfit('2')", "planted.py:18 refuse('4')"]


def test_an_error_that_is_swallowed_meets_nothing(tmp_path: Path) -> None:
    module = planted(tmp_path)

    def swallow() -> None:
        with pytest.raises(ArgumentError):
            module.first()  # type: ignore[attr-defined]
        module.second()  # type: ignore[attr-defined]

    with watched(tmp_path) as made:
        met = [meet(("second", swallow), made)]
    assert "planted.py:15 unfit('1')" in unmet(find_sites(tmp_path), met)


def quiet() -> None:
    """Raise nothing."""


def foreign() -> None:
    """Raise what is not ours."""
    raise KeyError("axis")


@pytest.mark.parametrize(("call", "kind"), [(quiet, AssertionError), (foreign, KeyError)])
def test_an_example_without_an_error_of_ours_is_caught(call: Callable[[], None], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        meet_all([("example", call)])


GOOD = {"expected": "an axis from 0 to 2", "got": "3", "remedy": "Count from 0."}
HERE = Location(str(EXAMPLES / "graph.py"), 1)


def met_error(**parts: object) -> Meeting:
    given = {"operation": "sum", "location": HERE, **GOOD, **parts}
    return Meeting("planted", ArgumentError(str(given.pop("operation")), **given), frozenset())  # type: ignore[arg-type]


def test_a_good_message_has_no_faults() -> None:
    assert faults(met_error(), "graph") == []


@pytest.mark.parametrize(
    ("part", "value", "complaint"),
    [
        ("operation", "", "names no operation"),
        ("expected", " ", "does not say what was expected"),
        ("expected", "an axis.", "no sentence of its own"),
        ("got", "", "does not quote"),
        ("got", "something else", "does not quote"),
        ("got", "3.", "no sentence of its own"),
        ("got", "<function f at 0x7f3a2b1c>", "only Python wants to see"),
        ("got", "np.float64(3.0)", "only Python wants to see"),
        ("got", "got 3", "only Python wants to see"),
        ("got", "3" * 500, "too long"),
        ("remedy", "", "the remedy is no sentence"),
        ("remedy", "count from 0.", "the remedy is no sentence"),
        ("remedy", "Count from 0", "the remedy is no sentence"),
        ("remedy", "Count.\nFrom 0.", "more than a line"),
        ("location", None, "another line than the user's"),
        ("location", Location(__file__, 1), "another line than the user's"),
        ("location", Location(HERE.file, 10**6), "does not show the user's line"),
    ],
)
def test_a_fault_of_a_message_is_caught(part: str, value: object, complaint: str) -> None:
    assert any(complaint in fault for fault in faults(met_error(**{part: value}), "graph"))


@pytest.mark.parametrize(
    ("printed", "code", "complaint"),
    [
        ("chainrule: expected more.\nTraceback\n", 2, "not printed on one line"),
        ("", 2, "not printed on one line"),
        ("chainrule: expected more.\n", 0, "another exit code"),
    ],
)
def test_a_fault_of_the_command_is_caught(printed: str, code: int, complaint: str) -> None:
    (fault,) = faults(Meeting("planted", None, frozenset(), printed, code), "cli")
    assert complaint in fault


def test_an_altered_golden_line_is_caught() -> None:
    golden = golden_text({"graph": [met_error()]})
    altered = differences(golden.replace("Count from 0.", "Count from 1."), golden)
    assert [line for line in altered if line[0] in "+-"][2:] == [
        "-ArgumentError: sum: expected an axis from 0 to 2; got 3. Count from 1.",
        "+ArgumentError: sum: expected an axis from 0 to 2; got 3. Count from 0.",
    ]


@pytest.mark.parametrize(
    "text",
    ["raise ValueError('no')", "raise ValueError", "raise np.AxisError(0)", "raise refusal('no')", "raise KeyError"],
)
def test_a_bare_raise_is_caught(text: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(f"def f():\n    {text}\n")
    assert list(bare_raises(tmp_path).values()) == [f"planted.py:2 {text}"]


def test_what_was_caught_may_be_raised_again(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("try:\n    f()\nexcept KeyError:\n    raise\n")
    assert bare_raises(tmp_path) == {}


def test_an_assert_is_caught(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("x = 1\nassert x\n")
    assert asserts(tmp_path) == ["planted.py:2"]


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return ShapeError('f')",
        "error = ShapeError('f')\nraise error",
        "def f(): -> int\n    return [ShapeError('f')]".replace("(): -> int", "() -> int:"),
    ],
)
def test_an_error_that_is_kept_is_caught(text: str, tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text(text)
    (complaint,) = lost_errors(tmp_path)
    assert complaint.endswith("makes a ShapeError that is not raised")
