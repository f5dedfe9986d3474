"""The tree obeys ARCHITECTURE.md: the floor table is read, every import of every file is read, and they must agree.

Each check is a function from the root of a project to a list of complaints. The real tree must give none; a small
tree made for the purpose, with one fault planted in it, must give the one that names the fault.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "chainrule"
LONGEST_FILE = 400
Check = Callable[[Path], list[str]]


# --- Reading the source -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One name that a file imports. `target` is a dotted name: a module, or a module and a name in it.

    A deferred import does not run when the file is imported: it stands in a function, or is for type checkers only.
    """

    target: str
    line: int
    deferred: bool


@dataclass(frozen=True)
class Module:
    """One file under src/chainrule: its dotted name, its path from there, and its tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def unit(self) -> str:
        """What the floor table calls it: `graph/` for a file of that folder, `errors.py` for a file by itself."""
        return self.path.parts[0] + ("/" if len(self.path.parts) > 1 else "")

    @property
    def is_front_door(self) -> bool:
        return self.unit == "__init__.py"


def modules(root: Path) -> list[Module]:
    """Every module of the package, by name."""
    source = root / "src" / PACKAGE
    found = (read_module(source, path) for path in source.rglob("*.py"))
    return sorted(found, key=lambda module: module.name)


def read_module(source: Path, path: Path) -> Module:
    inside = path.relative_to(source)
    parts = [PACKAGE, *inside.with_suffix("").parts]
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, inside, parsed(path, path.stat().st_mtime_ns))


@cache
def parsed(path: Path, _changed: int) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(module: Module) -> Iterator[Import]:
    """What a module imports, anywhere in it: also in functions, for type checkers only, and by import_module("...")."""
    for node, deferred in walk(module.tree):
        for target in targets(node, module):
            yield Import(target, getattr(node, "lineno", 0), deferred)


def walk(tree: ast.AST, deferred: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it waits for something else than the import of the file."""
    for node in ast.iter_child_nodes(tree):
        yield node, deferred
        yield from walk(node, deferred or defers(node))


def defers(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"} and not node.orelse
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def targets(node: ast.AST, module: Module) -> list[str]:
    """The dotted names that one node imports, none for a node that imports nothing."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        origin = absolute(node.module or "", node.level, module)
        return [f"{origin}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and called_name(node) in {"import_module", "__import__"}:
        first = node.args[0] if node.args else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            name = first.value.lstrip(".")
            return [absolute(name, len(first.value) - len(name), module)]
    return []


def called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def absolute(name: str, dots: int, module: Module) -> str:
    """The full name of an import that may be relative to the package that `module` stands in."""
    if dots == 0:
        return name
    is_package = module.path.name == "__init__.py"
    base = module.name.split(".")
    base = base[: len(base) - dots + is_package]
    return ".".join([*base, name] if name else base)


def resolve(target: str, known: dict[str, Module]) -> Module | None:
    """The module of this package that `target` reaches: itself or, for a name in a module, that module."""
    while target:
        if target in known:
            return known[target]
        target = target.rpartition(".")[0]
    return None


def edges(root: Path) -> Iterator[tuple[Module, Import, Module]]:
    """Each import of one module of the package by another."""
    known = {module.name: module for module in modules(root)}
    for module in known.values():
        for imported in imports(module):
            target = resolve(imported.target, known)
            if target is not None and target is not module:
                yield module, imported, target


# --- Reading the floor table ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Floors:
    """The table: the floor of each unit, the pairs of siblings that may be imported, and what is wrong with it."""

    floor: dict[str, int]
    allowed: frozenset[tuple[str, str]]
    faults: tuple[str, ...]


def read_floors(root: Path) -> Floors:
    """Read the rows `| number | units in backticks | ... |` and the sentences of the form `` `a` may import `b` ``."""
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    floor: dict[str, int] = {}
    faults = []
    for number, cell in re.findall(r"^\|\s*(\d+)\s*\|([^|]*)\|", text, flags=re.MULTILINE):
        for unit in re.findall(r"`([^`]+)`", cell):
            if unit in floor:
                faults.append(f"ARCHITECTURE.md: {unit} stands in the table twice")
            floor[unit] = int(number)
    if not floor:
        faults.append("ARCHITECTURE.md: no floor table was found")
    allowed = frozenset(read_allowances(text))
    for importer, imported in sorted(allowed):
        if floor.get(importer, -1) != floor.get(imported, -2):
            faults.append(f"ARCHITECTURE.md: {importer} and {imported} are no siblings, so no sentence can allow that")
    return Floors(floor, allowed, tuple(faults))


def read_allowances(text: str) -> Iterator[tuple[str, str]]:
    several = r"`[^`]+`(?:(?:,| and|, and)\s+`[^`]+`)*"
    for importer, imported in re.findall(rf"`([^`]+)`\s+may\s+import\s+({several})", text):
        for unit in re.findall(r"`([^`]+)`", imported):
            yield importer, unit


# --- The checks -------------------------------------------------------------------------------------------------------


def broken_table(root: Path) -> list[str]:
    """The table can be read, names every module, and allows nothing that it cannot allow."""
    floors = read_floors(root)
    units = sorted({module.unit for module in modules(root) if not module.is_front_door})
    missing = [f"{unit} is not in the floor table of ARCHITECTURE.md" for unit in units if unit not in floors.floor]
    return [*floors.faults, *missing]


def upward_imports(root: Path) -> list[str]:
    """Imports go down, or stay in one folder. The front door may import anything, and nothing imports it."""
    floors = read_floors(root)
    return [
        f"{module.path}:{imported.line} imports {imported.target}: {module.unit} may not import {target.unit}"
        for module, imported, target in edges(root)
        if not may_import(module, target, floors)
    ]


def may_import(module: Module, target: Module, floors: Floors) -> bool:
    if module.is_front_door or module.unit == target.unit:
        return True
    if module.unit not in floors.floor or target.unit not in floors.floor:
        return False
    here, there = floors.floor[module.unit], floors.floor[target.unit]
    return there < here or (there == here and (module.unit, target.unit) in floors.allowed)


def import_cycles(root: Path) -> list[str]:
    """No module needs itself to be imported. An import that does not run at that time does not count."""
    graph: dict[str, set[str]] = {}
    for module, imported, target in edges(root):
        if not imported.deferred:
            graph.setdefault(module.name, set()).add(target.name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["import cycle: " + " is imported by ".join(error.args[1])]
    return []


def stray_llvmlite(root: Path) -> list[str]:
    """Only native/ imports llvmlite."""
    return [
        f"{module.path}:{imported.line} imports llvmlite"
        for module in modules(root)
        for imported in imports(module)
        if imported.target.split(".")[0] == "llvmlite" and module.unit != "native/"
    ]


def long_files(root: Path) -> list[str]:
    """No source file is longer than 400 lines."""
    source = root / "src" / PACKAGE
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sorted(source.rglob("*.py"))}
    return [f"{path.relative_to(source)} has {n} lines" for path, n in lengths.items() if n > LONGEST_FILE]


def missing_docstrings(root: Path) -> list[str]:
    """Every module has a docstring, and so has every public class and function of a module."""
    complaints = []
    for module in modules(root):
        if ast.get_docstring(module.tree) is None:
            complaints.append(f"{module.path} has no docstring")
        for definition in definitions(module.tree):
            if needs_docstring(definition) and not ast.get_docstring(definition):
                complaints.append(f"{module.path}:{definition.lineno} {definition.name} has no docstring")
    return complaints


def definitions(tree: ast.AST) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """The classes and functions of a module, also those under an `if` or a `try`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
        else:
            yield from definitions(node)


def needs_docstring(definition: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    # An overload is one signature of the function below it, which has the docstring.
    is_overload = any(ast.unparse(decorator).split(".")[-1] == "overload" for decorator in definition.decorator_list)
    return not definition.name.startswith("_") and not is_overload


# Run in a process of its own, so that the package under any root can be imported beside the real one. A plain value
# such as a version cannot carry a docstring, and an object that only shows its class's has none of its own.
LIST_UNDOCUMENTED = """
import chainrule
for name in chainrule.__all__:
    value = getattr(chainrule, name)
    own = value.__doc__ if isinstance(value, type) or value.__doc__ != type(value).__doc__ else None
    if not own and not isinstance(value, (str, int, float)):
        print(name)
"""


def undocumented_exports(root: Path) -> list[str]:
    """Everything in `chainrule.__all__` exists and has a docstring."""
    environment = {**os.environ, "PYTHONPATH": str(root / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", LIST_UNDOCUMENTED]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        return [f"chainrule cannot be imported with all its names: {outcome.stderr}"]
    return [f"chainrule.{name} has no docstring" for name in outcome.stdout.split()]


CHECKS: list[Check] = [
    broken_table,
    upward_imports,
    import_cycles,
    stray_llvmlite,
    long_files,
    missing_docstrings,
    undocumented_exports,
]


# --- The real tree ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", CHECKS)
def test_the_tree_passes(check: Check) -> None:
    assert check(ROOT) == []


def test_the_tree_is_really_read() -> None:
    imported = {(module.unit, target.unit) for module, _, target in edges(ROOT)}
    assert ("errors.py", "source.py") in imported
    assert read_floors(ROOT).floor["graph/"] == 1


# --- Planted faults ---------------------------------------------------------------------------------------------------

TABLE = """
| floor | folder in `src/chainrule/` | holds |
| --- | --- | --- |
| 0 | `source.py`, `errors.py`, `types/` | the ground |
| 1 | `graph/` | nodes, seen by `ops/` |
| 3 | `ops/`, `native/` | operations |
| 4 | `trace/`, `derive/` | transformations |
| 6 | `numpy.py`/`numpy/` | the namespace |

`errors.py` may import `source.py`. The folder
`types/` may import `source.py`, `errors.py`. In `trace/` a function
waits for derivatives: `trace/` may
import `derive/`.
"""
SOUND = {
    "__init__.py": '"""Door."""\nfrom chainrule.ops import add\n__all__ = ["add", "__version__"]\n__version__ = "0"\n',
    "source.py": '"""Places."""\nimport os\n',
    "errors.py": '"""Errors."""\nfrom chainrule.source import os\n',
    "types/__init__.py": '"""Types."""\nfrom .. import errors\nfrom ..source import os\n',
    "graph/__init__.py": '"""Graph."""\nfrom chainrule.graph.node import Node\n',
    "graph/node.py": '"""Nodes."""\nfrom . import printer\n\nclass Node:\n    """A node."""\n',
    "graph/printer.py": '"""Printer."""\n\ndef _show():\n    from chainrule.graph.node import Node\n',
    "ops/__init__.py": '"""Operations."""\nimport chainrule.graph\n\ndef add():\n    """Add."""\n',
    "native/__init__.py": '"""Machine code."""\nimport llvmlite.binding\n',
    "trace/__init__.py": '"""Trace."""\nfrom chainrule import derive, ops\n',
    "derive/__init__.py": '"""Derive."""\n',
    "numpy/__init__.py": '"""NumPy."""\nimport numpy\n' + "\n" * 398,
}


def plant(root: Path, changes: dict[str, str], table: str = TABLE) -> Path:
    """A small tree that obeys every rule, with the changes made to it."""
    (root / "ARCHITECTURE.md").write_text(table, encoding="utf-8")
    for name, text in {**SOUND, **changes}.items():
        path = root / "src" / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_tree_passes(check: Check, tmp_path: Path) -> None:
    assert check(plant(tmp_path, {})) == []


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        ("graph/node.py", "from chainrule.ops import add"),
        ("graph/node.py", "import chainrule.ops"),
        ("graph/node.py", "import chainrule.ops as below"),
        ("graph/node.py", "from chainrule import ops"),
        ("graph/node.py", "from .. import ops"),
        ("graph/node.py", "from ..ops import add"),
        ("graph/node.py", "from ..ops import *"),
        ("graph/__init__.py", "from ..ops import add"),
        ("graph/node.py", "def later():\n    from chainrule.ops import add"),
        ("graph/node.py", "def later():\n    if True:\n        import chainrule.ops"),
        ("graph/node.py", "class Late:\n    def later(self):\n        import chainrule.ops"),
        ("graph/node.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import chainrule.ops"),
        ("graph/node.py", "try:\n    import os\nexcept ImportError:\n    import chainrule.ops"),
        ("graph/node.py", "from importlib import import_module\nimport_module('chainrule.ops')"),
        ("graph/node.py", "import importlib\nimportlib.import_module('..ops', __package__)"),
        ("graph/node.py", "__import__('chainrule.ops')"),
        ("derive/__init__.py", "from chainrule import trace"),
        ("source.py", "from chainrule.errors import os"),
        ("ops/__init__.py", "import chainrule"),
        ("ops/__init__.py", "from chainrule import add"),
        ("ops/__init__.py", "from .. import __version__"),
    ],
)
def test_an_import_that_goes_up_is_caught(path: str, statement: str, tmp_path: Path) -> None:
    (complaint,) = upward_imports(plant(tmp_path, {path: statement}))
    line = next(n for n, text in enumerate(statement.splitlines(), 1) if re.search("chainrule|ops|__version__", text))
    assert complaint.startswith(f"{path}:{line} imports chainrule")
    assert " may not import " in complaint


def test_a_sentence_allows_one_direction_only(tmp_path: Path) -> None:
    without = TABLE.replace("may\nimport `derive/`", "is above `derive/`")
    (complaint,) = upward_imports(plant(tmp_path, {}, without))
    assert complaint == "trace/__init__.py:2 imports chainrule.derive: trace/ may not import derive/"


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("`types/` |", "|", "types/ is not in the floor table of ARCHITECTURE.md"),
        ("`source.py`, `errors.py`, `types/` |", "`source.py` |", "errors.py is not in the floor table"),
        ("`numpy.py`/`numpy/`", "`numpy.py`", "numpy/ is not in the floor table"),
        ("`trace/`, `derive/`", "`trace/`, `derive/`, `ops/`", "ops/ stands in the table twice"),
        ("`trace/` may", "`graph/` may", "graph/ and derive/ are no siblings"),
        ("`errors.py` may", "`mistakes.py` may", "mistakes.py and source.py are no siblings"),
        ("| ", "- ", "no floor table was found"),
    ],
)
def test_a_broken_table_is_caught(before: str, after: str, complaint: str, tmp_path: Path) -> None:
    assert before in TABLE
    complaints = broken_table(plant(tmp_path, {}, TABLE.replace(before, after)))
    assert any(complaint in found for found in complaints)


@pytest.mark.parametrize("path", ["stray.py", "stray/__init__.py", "stray/deep/file.py"])
def test_a_module_outside_the_table_is_caught(path: str, tmp_path: Path) -> None:
    (complaint,) = broken_table(plant(tmp_path, {path: ""}))
    assert complaint.startswith("stray")


@pytest.mark.parametrize(
    "changes",
    [
        {"graph/printer.py": "from chainrule.graph.node import Node"},
        {"graph/printer.py": "from chainrule.graph import Node"},
        {"graph/printer.py": "class Printer:\n    from .node import Node"},
        {"graph/printer.py": "from . import parser", "graph/parser.py": "if True:\n    from . import node"},
        {"graph/printer.py": "if TYPE_CHECKING:\n    pass\nelse:\n    from . import node"},
    ],
)
def test_a_cycle_is_caught(changes: dict[str, str], tmp_path: Path) -> None:
    (complaint,) = import_cycles(plant(tmp_path, changes))
    assert "chainrule.graph.printer is imported by" in complaint


@pytest.mark.parametrize("condition", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_an_import_for_type_checkers_makes_no_cycle(condition: str, tmp_path: Path) -> None:
    text = f"import typing\nif {condition}:\n    from chainrule.graph.node import Node"
    assert import_cycles(plant(tmp_path, {"graph/printer.py": text})) == []


@pytest.mark.parametrize(
    "statement",
    ["import llvmlite", "import llvmlite.ir as ir", "from llvmlite import ir", "def later():\n    import llvmlite"],
)
def test_a_stray_llvmlite_is_caught(statement: str, tmp_path: Path) -> None:
    (complaint,) = stray_llvmlite(plant(tmp_path, {"ops/__init__.py": statement}))
    assert complaint.startswith("ops/__init__.py:")
    assert complaint.endswith("imports llvmlite")


def test_a_long_file_is_caught(tmp_path: Path) -> None:
    assert long_files(plant(tmp_path, {"ops/long.py": "pass\n" * 401})) == ["ops/long.py has 401 lines"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('"""File."""\n\ndef add(): pass', "ops/__init__.py:3 add has no docstring"),
        ('"""File."""\n\nasync def add(): pass', "ops/__init__.py:3 add has no docstring"),
        ('"""File."""\n\nclass Add:\n    pass', "ops/__init__.py:3 Add has no docstring"),
        ('"""File."""\n\ndef add():\n    """"""', "ops/__init__.py:3 add has no docstring"),
        ('"""File."""\nif True:\n    def add(): pass', "ops/__init__.py:3 add has no docstring"),
        ("add = 1", "ops/__init__.py has no docstring"),
    ],
)
def test_a_missing_docstring_is_caught(text: str, complaint: str, tmp_path: Path) -> None:
    assert missing_docstrings(plant(tmp_path, {"ops/__init__.py": text})) == [complaint]


def test_private_names_and_overloads_need_no_docstring(tmp_path: Path) -> None:
    overload = "import typing\n\n@typing.overload\ndef add(): ..."
    text = f'"""File."""\n{overload}\ndef add():\n    """Add."""\ndef _sum(): pass'
    assert missing_docstrings(plant(tmp_path, {"ops/__init__.py": text})) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("__all__ = ['add']\ndef add(): pass", "chainrule.add has no docstring"),
        ("__all__ = ['Add']\nclass Add: pass", "chainrule.Add has no docstring"),
        ("__all__ = ['add']\nfrom functools import partial\nadd = partial(print)", "chainrule.add has no docstring"),
        ("from chainrule import quiet\n__all__ = ['quiet']", "chainrule.quiet has no docstring"),
        ("__all__ = ['gone']", "chainrule cannot be imported with all its names"),
        ("", "chainrule cannot be imported with all its names"),
    ],
)
def test_an_undocumented_export_is_caught(text: str, complaint: str, tmp_path: Path) -> None:
    (found,) = undocumented_exports(plant(tmp_path, {"__init__.py": text, "quiet.py": ""}))
    assert found.startswith(complaint)
