"""Modules, their functions and variables, and the blocks of a function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chainrule.native.ir.types import FunctionType, PointerType, Type
from chainrule.native.ir.values import Constant, Value


class Module:
    """Functions and variables. Its text is what LLVM reads."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.globals: dict[str, Any] = {}

    @property
    def functions(self) -> list[Function]:
        """The functions, those too that are only declared."""
        return [one for one in self.globals.values() if isinstance(one, Function)]

    def declare_intrinsic(self, name: str, _: Any, kind: FunctionType) -> Function:
        """The function of this name, declared at its first use."""
        return self.globals.get(name) or Function(self, kind, name)

    def get_global(self, name: str) -> Any:
        """A function or variable by its name."""
        return self.globals[name]

    def __str__(self) -> str:
        return "\n".join(one.definition() for one in self.globals.values()) + "\n"


class GlobalVariable(Value):
    """Memory that a module has."""

    def __init__(self, module: Module, kind: Type, name: str) -> None:
        super().__init__(PointerType(kind), f'@"{name}"')
        self.kind, self.name = kind, name
        self.linkage, self.global_constant = "", False
        self.initializer: Constant | None = None
        module.globals[name] = self

    def definition(self) -> str:
        """The text of the variable."""
        what = "constant" if self.global_constant else "global"
        words = [self.linkage or ("" if self.initializer else "external"), what, self.kind.text]
        first = "" if self.initializer is None else f" {self.initializer.text}"
        return f"{self.text} = {' '.join(word for word in words if word)}{first}"


class Argument(Value):
    """An argument of a function."""

    def __init__(self, kind: Type, text: str) -> None:
        super().__init__(kind, text)
        self.attributes: list[str] = []

    def add_attribute(self, name: str) -> None:
        """Say something about what is passed, such as `noalias`."""
        self.attributes.append(name)

    def declaration(self) -> str:
        """What the head of the function says of it."""
        return " ".join((self.type.text, *self.attributes, self.text))


class Function(Value):
    """A function; without blocks it is only declared."""

    def __init__(self, module: Module, kind: FunctionType, name: str) -> None:
        super().__init__(PointerType(kind), f'@"{name}"')
        self.module, self.function_type, self.name = module, kind, name
        self.args = tuple(Argument(one, f"%a{k}") for k, one in enumerate(kind.args))
        self.blocks: list[Block] = []
        self.attributes: set[str] = set()
        self.linkage = self.calling_convention = ""
        self.apart = False
        """Whether it may stand in another module than what calls it: see `division.py`."""
        self.count = 0  # of values
        module.globals[name] = self

    def append_basic_block(self, name: str = "") -> Block:
        """One more block, empty, at the end."""
        block = Block(self, f"{name or 'block'}.{len(self.blocks)}")
        self.blocks.append(block)
        return block

    def definition(self) -> str:
        """The text of the function."""
        if not self.blocks:
            return self.declaration()
        words = ["define", self.linkage, self.calling_convention, self._called(one.declaration() for one in self.args)]
        lines = [" ".join([word for word in words if word] + sorted(self.attributes)) + " {"]
        for block in self.blocks:
            lines.append(block.name + ":")
            lines += [line if isinstance(line, str) else line.line() for line in block.lines]
        return "\n".join([*lines, "}"])

    def declaration(self) -> str:
        """The text that says that the function is elsewhere."""
        words = ["declare", self.calling_convention, self._called(one.type.text for one in self.args)]
        return " ".join([word for word in words if word] + sorted(self.attributes - {"noinline"}))

    def _called(self, arguments: Iterable[str]) -> str:
        return f"{self.function_type.return_type.text} {self.text}({', '.join(arguments)})"


class Block:
    """Instructions one after another, of which the last one goes elsewhere."""

    __slots__ = ("function", "is_terminated", "lines", "name", "text")

    def __init__(self, function: Function, name: str) -> None:
        self.function, self.name, self.text = function, name, f"%{name}"
        self.lines: list[Any] = []  # of text, or of what is text in the end
        self.is_terminated = False
