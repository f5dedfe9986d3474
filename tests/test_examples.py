"""The examples run as they stand and print what they promise."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROMISES = {
    "exact": ["cost 366", "d cost / d w1 = 446", "d cost / d b1 = 68", "d cost / d w3 = 582"],
    "newton": ["root(27.0) = 3.000000000000, its derivative 0.037037037037"],
    "sine": ["<run "],
}


def test_every_example_has_a_promise():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_example(name, capsys):
    runpy.run_path(str(EXAMPLES / f"{name}.py"))
    printed = capsys.readouterr().out
    for line in PROMISES[name]:
        assert line in printed
