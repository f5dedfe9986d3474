"""A module as two, which LLVM compiles at once in two threads.

What may stand `apart` are functions that are called and not inlined, the kernels. They are dealt out, the largest
first, so that both modules get about as many lines; whatever else a function calls or reads is in each that needs it.
The division follows from the module alone, so that the code is the same on every machine of a kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from chainrule.native.ir.module import Function, Module

_WORTH_DIVIDING = 1_000  # lines, which LLVM compiles in 40 ms
_NAME = re.compile(r'@"([^"]*)"')


def divided(module: Module) -> list[str]:
    """The texts of one module or of two, which are to be linked together.

    >>> divided(Module())
    ['\\n']
    """
    apart = {one.name: one for one in module.functions if one.apart}
    if not apart or sum(len(block.lines) for one in module.functions for block in one.blocks) < _WORTH_DIVIDING:
        return [str(module)]
    for one in apart.values():
        one.linkage = "hidden"
    definitions = {name: one.definition() for name, one in module.globals.items()}
    uses = {name: set(_NAME.findall(text)) for name, text in definitions.items()}
    public = [one.name for one in module.functions if one.blocks and not one.linkage]
    parts, lines = (public, list[str]()), [0, 0]
    lines[0] = sum(definitions[name].count("\n") for name in _needed(public, uses, apart))
    for name in sorted(apart, key=lambda name: -definitions[name].count("\n")):
        lighter = int(lines[1] < lines[0])
        parts[lighter].append(name)
        lines[lighter] += definitions[name].count("\n")
    return [_text(part, module, definitions, uses, apart) for part in parts]


def _needed(roots: Iterable[str], uses: Mapping[str, set[str]], apart: Mapping[str, Function]) -> set[str]:
    """The roots and all that they use, but for what stands apart."""
    found = set(roots)
    waiting = list(found)
    while waiting:
        new = {name for name in uses[waiting.pop()] if name not in found and name not in apart}
        found |= new
        waiting += new
    return found


def _text(
    part: list[str],
    module: Module,
    definitions: Mapping[str, str],
    uses: Mapping[str, set[str]],
    apart: Mapping[str, Function],
) -> str:
    inside = _needed(part, uses, apart)
    called = {name for one in inside for name in uses[one]} - inside
    lines = [definitions[name] if name in inside else module.globals[name].declaration()
             for name in module.globals if name in inside or name in called]  # fmt: skip
    return "\n".join(lines) + "\n"
