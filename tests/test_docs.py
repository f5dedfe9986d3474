"""The documentation is true: generated pages are current, and the README's code does what the README says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from tests.cases import all_cases

ROOT = Path(__file__).resolve().parent.parent
generate = runpy.run_path(str(ROOT / "docs" / "generate.py"))


@pytest.mark.parametrize("path", list(generate["pages"]()), ids=lambda path: path.name)
def test_generated_pages_are_current(path):
    assert path.read_text(encoding="utf-8") == generate["pages"]()[path], "run: make docs"


def test_at_least_150_functions_of_numpy_and_scipy_are_reached_by_name():
    page = (ROOT / "docs" / "numpy.md").read_text(encoding="utf-8")
    reached = re.findall(r"^\| `((?:numpy|scipy)\.[^`]+)` \|", page, re.M)
    assert len(set(reached)) >= 150
    assert set(reached) <= {case.name for case in all_cases()}


def blocks(language: str) -> list[str]:
    """The code blocks of the README in a language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [block.replace("\n  ", "\n") for block in re.findall(rf"```{language}\n(.*?)```", text, re.S)]


def test_the_first_example_prints_what_it_says(capsys):
    exec(blocks("python")[0], {})
    assert capsys.readouterr().out == blocks("text")[0]


def test_the_exact_example():
    import chainrule as cr

    names = {"cr": cr, "np": __import__("numpy")}
    *code, last = blocks("python")[1].strip().splitlines()
    exec("\n".join(code), names)
    call, _, shown = last.partition("#")
    assert repr(eval(call.strip(), names)) == shown.strip()


def test_the_error_example():
    import numpy as np

    import chainrule as cr

    with pytest.raises(cr.ChainruleError) as caught:
        cr.grad(lambda w: np.sum(np.ones((8, 3)) @ w))(np.ones((4, 1)))
    assert caught.value.sentence == blocks("text")[1].splitlines()[0]


def test_every_public_name_has_a_docstring_with_an_example():
    import inspect

    import chainrule as cr

    lacking = [
        f"{module.__name__}.{name}"
        for module in (cr, cr.nn, cr.optim, cr.random, cr.train)
        for name in getattr(module, "__all__", [])
        if callable(getattr(module, name)) and ">>>" not in (inspect.getdoc(getattr(module, name)) or "")
    ]
    assert lacking == []
