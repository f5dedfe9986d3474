"""500 random graphs through every backend that must pass, and through every faulty one, which must not.

Of the settings of machine code, and of reverse mode against forward mode, each graph sees those that are its own.
"""

from __future__ import annotations

import pytest

from tests.fuzz.backends import RIGHT
from tests.fuzz.case import Case
from tests.fuzz.compare import Expected, check, expect
from tests.fuzz.faults import FAULTS
from tests.fuzz.generate import generate
from tests.fuzz.machine import MACHINES
from tests.fuzz.run import COMPILER, DUALITY, REGRESSIONS, backends, failure, main, replay, trials

COUNT = 500
KEPT = sorted(REGRESSIONS.glob("*.txt"))
_cases: list[tuple[Case, Expected]] = []


def cases() -> list[tuple[Case, Expected]]:
    """The graphs and what they must give: made once."""
    if not _cases:
        for number in range(COUNT):
            case = generate(number)
            _cases.append((case, expect(case.graph, case.values)))
    return _cases


@pytest.mark.parametrize("name", [*RIGHT, "native"])
def test_graphs(name: str) -> None:
    backend = backends()[name]
    for number, (case, expected) in enumerate(cases()):
        if check(case, backend, expected):
            pytest.fail(failure(number, 0, lambda case: check(case, backend)))


@pytest.mark.parametrize("part", range(4))
def test_graphs_compiled_otherwise_and_their_derivatives(part: int) -> None:
    for number in range(part, COUNT, 4):
        for name, trial in trials(COMPILER, number).items():
            if name != "native" and trial(cases()[number][0]):
                pytest.fail(f"{name}: {failure(number, 0, trial)}")


def test_every_setting_has_its_turn() -> None:
    assert {name for number in range(COUNT) for name in trials(COMPILER, number)} == {*MACHINES, DUALITY}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_caught(name: str) -> None:
    """By its numbers: that it raised an error would say little."""
    found = (check(case, FAULTS[name], expected) for case, expected in cases())
    assert any(wrong and not wrong.startswith("raised") for wrong in found)


@pytest.mark.parametrize("name", backends())
def test_regressions(name: str) -> None:
    found = {path.stem: replay(path, backends()[name]) for path in KEPT}
    assert not any(found.values()), found


def test_a_failure_is_printed_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path
) -> None:
    monkeypatch.setattr("tests.fuzz.run.backends", lambda: {"faulty": FAULTS["off_by_one"]})
    monkeypatch.setattr("tests.fuzz.run.REGRESSIONS", tmp_path)
    assert main(["--backend", "faulty", "--count", "200", "--save", "kept"]) == 1
    text = capsys.readouterr().out
    assert "gather(" in text
    assert "# wrong: output 0: " in text
    assert (
        sum(" = " in line and "constant(" not in line for line in text.partition("# the values")[0].splitlines()) <= 2
    )
    assert replay(tmp_path / "kept.txt", FAULTS["off_by_one"])
    assert replay(tmp_path / "kept.txt", backends()["reference"]) == ""


def test_the_command_says_that_all_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backend", "reference", "--count", "3"]) == 0
    assert "3 graphs of seed 1 pass by the backend reference" in capsys.readouterr().out
