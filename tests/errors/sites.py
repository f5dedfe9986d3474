"""Where the source makes errors, read from its syntax trees.

A site is a call of a class of `chainrule.errors`, or of a builder: a function whose return annotation is such a class
(it returns the error that its caller raises) or `NoReturn` (it raises it). Both a builder's own call of the class and
each call of the builder are sites, since each call gives the message other words.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from chainrule import errors

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "chainrule"
CLASSES = frozenset(
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.ChainruleError)
)
Functions = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, order=True)
class Site:
    """One call that makes an error: the file from the root of the source, and the span of the call in it."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def trees(source: Path) -> dict[str, ast.Module]:
    """The syntax tree of each file under `source`, by its path from there. `errors.py` defines and makes none."""
    files = sorted(path for path in source.rglob("*.py") if path != source / "errors.py")
    return {path.relative_to(source).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def find_sites(source: Path = SOURCE) -> dict[Site, str]:
    """Every site under `source`, with its source text."""
    found = {}
    for file, tree, makers in files_and_makers(source):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and makes(node, makers):
                found[site_of(file, node)] = " ".join(ast.unparse(node).split())
    return found


def files_and_makers(source: Path) -> Iterator[tuple[str, ast.Module, set[str]]]:
    """Each file, with the names of what makes errors in it: classes, and builders that it has or imports."""
    known = trees(source)
    own = {file: builders(tree) for file, tree in known.items()}
    everywhere = set().union(*own.values())
    for file, tree in known.items():
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.name in everywhere
        }
        yield file, tree, {*CLASSES, *chosen_classes(tree), *own[file], *imported}


def makes(call: ast.Call, makers: Collection[str]) -> bool:
    """Whether a call makes an error: by the name of a maker, or as a method of self."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr in makers and ast.unparse(call.func.value) in ("self", "errors")
    return isinstance(call.func, ast.Name) and call.func.id in makers


def site_of(file: str, call: ast.Call) -> Site:
    assert call.end_lineno is not None
    assert call.end_col_offset is not None
    return Site(file, call.lineno, call.col_offset, call.end_lineno, call.end_col_offset)


def chosen_classes(tree: ast.Module) -> set[str]:
    """The names that stand for one of two classes: `kind = ShapeError if wrong else AxisError`."""
    return {
        ast.unparse(target)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.IfExp)
        if {ast.unparse(node.value.body), ast.unparse(node.value.orelse)} <= CLASSES
        for target in node.targets
    }


def builders(tree: ast.Module) -> set[str]:
    """The names of the functions of a file that make errors for others."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, Functions)
        and node.returns is not None
        and ast.unparse(node.returns).strip("'\"") in CLASSES | {"NoReturn"}
    }


# --- What no file may do ----------------------------------------------------------------------------------------------


def bare_raises(source: Path = SOURCE) -> dict[str, str]:
    """Each raise of what is no error of ours: where it stands and its text, by `file: raise what`."""
    found = {}
    for file, tree, makers in files_and_makers(source):
        for node in ast.walk(tree):
            if not isinstance(node, ast.Raise) or node.exc is None:
                continue
            if not isinstance(node.exc, ast.Call):
                found[f"{file}: raise {ast.unparse(node.exc)}"] = f"{file}:{node.lineno} {ast.unparse(node)}"
            elif not makes(node.exc, makers):
                found[f"{file}: raise {ast.unparse(node.exc.func)}"] = f"{file}:{node.lineno} {ast.unparse(node)}"
    return found


def asserts(source: Path = SOURCE) -> list[str]:
    """Each assert statement: what holds for the user must be said to the user, and what always holds needs no check."""
    return [
        f"{file}:{node.lineno}"
        for file, tree in trees(source).items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]


def lost_errors(source: Path = SOURCE) -> list[str]:
    """Errors that are made and neither raised nor returned by a builder: whoever raises them is no site above."""
    complaints = []
    for file, tree in trees(source).items():
        names, used = builders(tree), {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        for function in ast.walk(tree):
            if isinstance(function, Functions) and function.name in names:
                used |= {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)}
        complaints += [
            f"{file}:{node.lineno} makes a {ast.unparse(node.func)} that is not raised"
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and makes(node, CLASSES) and id(node) not in used
        ]
    return complaints
