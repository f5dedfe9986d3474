"""Where the source makes errors, read from its syntax trees.

A site is a call of a class of `chainrule.errors`, or of a builder: a function whose return annotation is such a class
(it returns the error that its caller raises) or `NoReturn` (it raises it). Both a builder's own call of the class and
each call of the builder are sites, since each call gives the message other words.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
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
    known = trees(source)
    found = {}
    for file, tree in known.items():
        makers = CLASSES | builders_in_sight(file, known)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (called(node) in makers or is_class_parameter(node, tree)):
                found[site_of(file, node)] = " ".join(ast.unparse(node).split())
    return found


def site_of(file: str, call: ast.Call) -> Site:
    assert call.end_lineno is not None
    assert call.end_col_offset is not None
    return Site(file, call.lineno, call.col_offset, call.end_lineno, call.end_col_offset)


def called(call: ast.Call) -> str:
    """The name of what is called, without the module or the object in front of it."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def is_class_parameter(call: ast.Call, tree: ast.Module) -> bool:
    """Whether the call is raised and what it calls was chosen among classes first: `kind = A if wrong else B`."""
    if not isinstance(call.func, ast.Name):
        return False
    name = call.func.id
    return any(
        isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
        and isinstance(node.value, ast.IfExp)
        and {ast.unparse(node.value.body), ast.unparse(node.value.orelse)} <= CLASSES
        for node in ast.walk(tree)
    )


def builders(tree: ast.Module) -> set[str]:
    """The names of the functions of a file that make errors for others."""
    return {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, Functions)
        and node.returns is not None
        and ast.unparse(node.returns).strip("'\"") in CLASSES | {"NoReturn"}
    }


def builders_in_sight(file: str, known: Mapping[str, ast.Module]) -> set[str]:
    """The builders that a file defines or imports by name."""
    everywhere = {name for tree in known.values() for name in builders(tree)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(known[file])
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in everywhere
    }
    return builders(known[file]) | imported


# --- What no file may do ----------------------------------------------------------------------------------------------


def bare_raises(source: Path = SOURCE) -> dict[str, str]:
    """Each raise of something that is neither an error of ours nor one that was caught: its text, by `file: raise X`."""
    known = trees(source)
    found = {}
    for file, tree in known.items():
        makers = CLASSES | builders_in_sight(file, known)
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                if called(node.exc) not in makers and not is_class_parameter(node.exc, tree):
                    found[f"{file}: raise {ast.unparse(node.exc.func)}"] = f"{file}:{node.lineno} {ast.unparse(node)}"
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name | ast.Attribute):
                found[f"{file}: raise {ast.unparse(node.exc)}"] = f"{file}:{node.lineno} {ast.unparse(node)}"
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
    """Errors that are made and neither raised nor returned by a builder, so that the sites above would miss a caller."""
    complaints = []
    for file, tree in trees(source).items():
        used = {id(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise)}
        for function in ast.walk(tree):
            if isinstance(function, Functions) and function.name in builders(tree):
                used |= {id(node.value) for node in ast.walk(function) if isinstance(node, ast.Return)}
        complaints += [
            f"{file}:{node.lineno} makes a {called(node)} that is not raised"
            for node in calls_of_classes(tree)
            if id(node) not in used
        ]
    return complaints


def calls_of_classes(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and called(node) in CLASSES:
            yield node
