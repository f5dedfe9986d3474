"""Loop nests from the text that `printer.py` writes: for golden files, for tests, and for kernels written by hand."""

from __future__ import annotations

import math
import re
from typing import Any, NoReturn

from chainrule.errors import GraphError
from chainrule.loops.functions import FUNCTIONS
from chainrule.loops.nest import Kernel, Statement, accumulate, buffer, fill, loop, store, when
from chainrule.loops.printer import SIGNS
from chainrule.loops.scalar import Buffer, Index, Scalar, apply, cast, constant, load
from chainrule.types import DTYPES, ArrayType

_TOKEN = re.compile(r"\s*(\.\.|(?:\d+(?:\.(?!\.)\d*)?|\.\d+)(?:e[+-]?\d+)?|\$?\w+|<<|>>|[<>=!]=|[-+*/%<>&|^~()\[\],=])")
_NUMBERS = {"nan": math.nan, "inf": math.inf, "True": True, "False": False}
_INFIX = {row.symbol: name for name, row in FUNCTIONS.items() if row.symbol and len(row.operands) == 2}
_PREFIX = {row.symbol: name for name, row in FUNCTIONS.items() if row.symbol and len(row.operands) == 1}
_DTYPES = {dtype.name: dtype for dtype in DTYPES}
_COMBINE = {sign: combine for combine, sign in SIGNS.items()}
_STORE = re.compile(rf"(\w+)(\[.*?\]) ({'|'.join(map(re.escape, ('=', *_COMBINE)))}) (.*)")


def parse_kernel(text: str) -> Kernel:
    """The kernel that a text describes.

    >>> text = "kernel f(input x: int64[3], output y: int64[3]):\\n  for i in 0..3: y[i] = x[2 - i] * 2"
    >>> str(parse_kernel(text)) == text
    True
    """
    first, *lines = [line for line in text.splitlines() if line.strip()]
    found = re.fullmatch(r"kernel (\w+)\((.*)\):", first)
    if found is None:
        raise _error("kernel NAME(BUFFERS):", first)
    buffers = [_buffer(part) for part in re.findall(r"[^,\[]+\[[^\]]*\]", found[2])]
    parser = _Parser({one.name: one for one in buffers}, [(_depth(line), line.strip()) for line in lines])
    return Kernel(found[1], tuple(buffers), parser.body(1))


def _buffer(text: str) -> Buffer:
    found = re.fullmatch(r",?\s*(\w+) (\w+): (.*)", text)
    if found is None:
        raise _error("a buffer such as `input x: float32[4]`", text)
    kind = ArrayType.parse(found[3])
    return buffer(found[2], kind.shape, kind.dtype, found[1])


def _depth(line: str) -> int:
    return (len(line) - len(line.lstrip())) // 2


def _error(expected: str, got: str) -> GraphError:
    return GraphError("parse", expected=expected, got=repr(got), remedy="Write what print_kernel writes.")


class _Parser:
    """The lines of a kernel, read from the front."""

    def __init__(self, buffers: dict[str, Buffer], lines: list[tuple[int, str]]) -> None:
        self.buffers, self.lines = buffers, lines
        self.lets: dict[str, Scalar] = {}

    def body(self, depth: int) -> tuple[Statement, ...]:
        """The statements that stand at this depth."""
        found = []
        while self.lines and self.lines[0][0] >= depth:
            at, line = self.lines.pop(0)
            if at > depth:
                raise _error(f"a statement indented by {2 * depth}", line)
            name = re.match(r"let (\$\w+) = ", line)
            if name:
                self.lets[name[1]] = self.scalar(line[name.end() :])
            else:
                found.append(self.statement(line, depth))
        return tuple(found)

    def statement(self, line: str, depth: int) -> Statement:
        found = re.match(r"(parallel )?for (\w+) in (.+?)\.\.(.+?):", line)
        if found:
            start, stop = self.value(found[3]), self.value(found[4])
            body = self.block(line[found.end() :], depth)
            return loop(Index(found[2]), stop, *body, start=start, kind="parallel" if found[1] else "serial")
        found = re.match(r"if (.+?):", line)
        if found:
            return when(self.scalar(found[1]), *self.block(line[found.end() :], depth))
        found = re.fullmatch(r"fill (\w+) = (.*)", line)
        if found:
            return fill(self.buffer(found[1]), self.value(found[2]))
        found = _STORE.fullmatch(line)
        if found is None:
            raise _error("a statement", line)
        target, sign = self.buffer(found[1]), found[3]
        indices = tuple(_Expression(self, found[2]).list("[", "]"))
        value = self.value(found[4])
        return store(target, indices, value) if sign == "=" else accumulate(target, indices, _COMBINE[sign], value)

    def block(self, rest: str, depth: int) -> tuple[Statement, ...]:
        """The body after a colon: beside it, or beneath it."""
        return (self.statement(rest.strip(), depth),) if rest.strip() else self.body(depth + 1)

    def buffer(self, name: str) -> Buffer:
        if name not in self.buffers:
            raise _error(f"a buffer of the kernel ({', '.join(self.buffers)})", name)
        return self.buffers[name]

    def value(self, text: str) -> Any:
        """An expression, or a Python number that takes its dtype from where it stands."""
        expression = _Expression(self, text)
        found = expression.infix()
        expression.end()
        return found

    def scalar(self, text: str) -> Scalar:
        found = self.value(text)
        if not isinstance(found, Scalar):
            raise _error("an expression with a dtype", text)
        return found


class _Expression:
    """The tokens of an expression, read from the front."""

    def __init__(self, parser: _Parser, text: str) -> None:
        self.parser, self.text, self.tokens = parser, text, list[str]()
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None:
                raise _error("an expression", text[at:])
            self.tokens.append(found[1])
            at = found.end()

    def fail(self, expected: str) -> NoReturn:
        """Raise the error that something else was expected here."""
        raise _error(expected, " ".join(self.tokens[:4]) or f"the end of {self.text}")

    def take(self, *wanted: str) -> str:
        if not self.tokens or (wanted and self.tokens[0] not in wanted):
            self.fail(" or ".join(wanted) or "an expression")
        return self.tokens.pop(0)

    def end(self) -> None:
        if self.tokens:
            self.fail("the end of the expression; parentheses around what is inside another")

    def infix(self) -> Any:
        """One term, or two with a symbol between them."""
        first = self.term()
        if not self.tokens or self.tokens[0] not in _INFIX:
            return first
        return apply(_INFIX[self.take()], first, self.term())

    def term(self) -> Any:
        token = self.take()
        if token == "(":
            found = self.infix()
            self.take(")")
            return found
        if token in _PREFIX:
            return self.prefixed(token)
        if re.match(r"[\d.]", token):
            return float(token) if re.search(r"[.e]", token) else int(token)
        if token in _NUMBERS:
            return _NUMBERS[token]
        if self.tokens and self.tokens[0] == "[":
            return load(self.parser.buffer(token), *self.list("[", "]"))
        if self.tokens and self.tokens[0] == "(":
            return self.called(token)
        return self.parser.lets[token] if token in self.parser.lets else Index(token)

    def prefixed(self, symbol: str) -> Any:
        found = self.term()
        if isinstance(found, Scalar):
            return apply(_PREFIX[symbol], found)
        return -found

    def called(self, name: str) -> Any:
        operands = self.list("(", ")")
        if name not in _DTYPES:
            return apply(name, *operands)
        if len(operands) != 1:
            self.fail(f"one operand for {name}")
        (one,) = operands
        return cast(one, _DTYPES[name]) if isinstance(one, Scalar) else constant(one, _DTYPES[name])

    def list(self, opening: str, closing: str) -> list[Any]:
        """What stands between brackets, with commas between."""
        self.take(opening)
        found = []
        while self.tokens and self.tokens[0] != closing:
            found.append(self.infix())
            if self.tokens and self.tokens[0] != closing:
                self.take(",")
        self.take(closing)
        return found
