"""Each operation lives in one file: declared, dispatched, differentiated, evaluated, printed there; named in no other.

Calling an operation, as a layer does with `np.tanh(x)`, is free: what is looked for is code that tells operations apart
by name, or reaches for the record of one that is declared elsewhere.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.graph import FUNCTIONS, OPERATIONS, name_of
from chainrule.ops.declare import Elementwise

SOURCE = Path(chainrule.__file__).parent


def trees(root: Path) -> dict[Path, ast.Module]:
    """Every source file, parsed."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(root.rglob("*.py"))}


def declared_names(call: ast.Call) -> Iterator[str]:
    """The operation names that a call may declare: `name="..."`, or NumPy's function in the first place."""
    for keyword in call.keywords:
        if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
            yield str(keyword.value.value)
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Attribute):
        yield first.attr
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        yield first.value


def declarations(files: dict[Path, ast.Module], names: set[str]) -> dict[str, set[Path]]:
    """For each operation the files that declare it, by a call of a constructor at their top level."""
    found: dict[str, set[Path]] = {name: set() for name in names}
    for path, tree in files.items():
        makers = constructors(tree)
        for statement in tree.body:
            value = getattr(statement, "value", None)
            for call in value.elts if isinstance(value, ast.Tuple) else [value]:
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in makers:
                    for name in declared_names(call):
                        if name in found:
                            found[name].add(path)
    return found


def constructors(tree: ast.Module) -> set[str]:
    """What makes operations in a file: the record, shared constructors, and the file's own functions around them."""
    makers = {"Operation", "Enclosing", "elementwise", "transcendental"}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            called = {
                call.func.id
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
            }
            if called & makers:
                makers.add(node.name)
    return makers


def deciding_strings(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The strings by which code could tell operations apart: compared, looked up, matched, or keys of a table."""
    for node in ast.walk(tree):
        candidates: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            candidates = [node.left, *node.comparators]
        elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "OPERATIONS":
            candidates = [node.slice]
        elif isinstance(node, ast.MatchValue):
            candidates = [node.value]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            candidates = list(node.args[:1]) if ast.unparse(node.func.value) == "OPERATIONS" else []
        for candidate in candidates:
            parts = candidate.elts if isinstance(candidate, (ast.Tuple, ast.Set, ast.List)) else [candidate]
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str) and about_operations(node):
                    yield part.value, node.lineno


def about_operations(node: ast.AST) -> bool:
    """Whether the code around a string speaks of operations: `.operation.name`, `operation.name`, `OPERATIONS`."""
    text = ast.unparse(node)
    return "operation" in text or "OPERATIONS" in text


def naming(files: dict[Path, ast.Module], homes: dict[str, set[Path]]) -> list[str]:
    """Every place outside an operation's file that names it."""
    complaints = []
    for path, tree in files.items():
        for value, line in deciding_strings(tree):
            if value in homes and path not in homes[value]:
                complaints.append(f"{path.name}:{line} names {value!r}")
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and any(isinstance(o, (ast.Is, ast.Eq, ast.In)) for o in node.ops):
                sides = [ast.unparse(side) for side in (node.left, *node.comparators)]
                if any(side.endswith(".operation") for side in sides):
                    others = {side for side in sides if not side.endswith(".operation")} - {"None", "project"}
                    local = {name for name in others if defines(tree, name)}
                    records = {name for name in others - local if name.isidentifier()}
                    complaints += [f"{path.name}:{node.lineno} asks for {name}" for name in sorted(records)]
    return complaints


def defines(tree: ast.Module, name: str) -> bool:
    """Whether a file binds a name itself, rather than importing it."""
    return any(
        isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name for node in ast.walk(tree)
    )


FILES = trees(SOURCE)
HOMES = declarations(FILES, set(OPERATIONS))


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_declared_in_one_file(name):
    assert len(HOMES[name]) == 1, [str(path.relative_to(SOURCE)) for path in HOMES[name]]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_its_facts_are_functions_of_its_family(name):
    """Facts are functions of the declaring file, or helpers in `ops/`, which know nothing of the operation."""
    home = next(iter(HOMES[name]))
    operation = OPERATIONS[name]
    facts = [operation.infer, operation.reference, operation.exact, operation.batch, operation.samples]
    for fact in facts:
        code = getattr(fact, "__code__", None)
        if code is not None and Path(code.co_filename).is_relative_to(SOURCE):
            where = Path(code.co_filename)
            assert where == home or where.is_relative_to(SOURCE / "ops"), f"{name}: a fact of it is in {where}"


@pytest.mark.parametrize("name", sorted(name for name in OPERATIONS if isinstance(OPERATIONS[name], Elementwise)))
def test_dispatched_from_its_file(name):
    """NumPy's function of an elementwise operation's name is answered by what its own row registers."""
    function = getattr(np, name, None)
    if function in FUNCTIONS:
        answer = FUNCTIONS[function].__code__.co_filename
        assert Path(answer) in {next(iter(HOMES[name])), SOURCE / "ops" / "declare.py"}, name_of(function)


def test_no_operation_is_named_in_another_file():
    assert naming(FILES, HOMES) == []


@pytest.fixture
def copy(tmp_path):
    """A copy of the sources, to plant faults in."""
    root = tmp_path / "chainrule"
    shutil.copytree(SOURCE, root, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def planted(root: Path, file: str, text: str) -> list[str]:
    path = root / file
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")
    files = trees(root)
    return naming(files, declarations(files, set(OPERATIONS)))


def test_a_name_in_a_pass_is_caught(copy):
    assert planted(copy, "simplify/fold.py", '\n\ndef is_sine(node):\n    return node.operation.name == "sin"\n')


def test_a_table_lookup_is_caught(copy):
    assert planted(copy, "derive/reverse.py", '\n\ndef sine():\n    return OPERATIONS["sin"]\n')


def test_a_match_is_caught(copy):
    text = '\n\ndef f(operation):\n    return operation.name in ("sin", "cos")\n'
    assert planted(copy, "derive/forward.py", text)


def test_asking_for_a_record_is_caught(copy):
    text = "\n\ndef f(node):\n    return node.operation is gather\n"
    assert planted(copy, "simplify/fold.py", text)


def test_a_second_declaration_is_caught(copy):
    path = copy / "ops" / "shape.py"
    path.write_text(path.read_text(encoding="utf-8") + '\nagain = Operation(name="sum")\n', encoding="utf-8")
    assert len(declarations(trees(copy), set(OPERATIONS))["sum"]) == 2
