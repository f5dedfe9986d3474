"""Text to graph: the inverse of `printer.py`, by recursive descent over its small grammar.

graph   = "graph" "(" [input {"," input}] ")" "{" {node} "return" [name {"," name}] "}"
input   = name ":" type
node    = name ":" types "=" name "(" ... ")" ["{" name "=" literal {"," name "=" literal} "}"]
literal = number | string | "True" | "False" | "None" | dtype | tuple | list | graph
"""

from __future__ import annotations

import ast
import base64
import re
import reprlib
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import ChainruleError, GraphError
from chainrule.graph.graph import Graph
from chainrule.graph.node import Input, Node, apply, constant, print_type
from chainrule.graph.operation import OPERATIONS
from chainrule.types import ArrayType

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"[^"\n]*"|'(?:[^'\\\n]|\\.)*')
      | (?P<number>-?(?:inf|nan)\b|-?\d+(?:\.\d*)?(?:e[+-]?\d+)?)
      | (?P<name>%?\w+)
      | (?P<sign>[(){}\[\],:=<>])""",
    re.VERBOSE,
)
_WORDS = {"True": True, "False": False, "None": None}


def parse_graph(text: str) -> Graph:
    """The graph that this text describes.

    Raises:
        GraphError: the text is not in the grammar, names an unknown operation, or declares a type that the operation
            does not have.

    >>> print(parse_graph("graph(x: float64[2]) { %1: float64[2] = add(x, x) return %1 }"))
    graph(x: float64[2]) {
      %1: float64[2] = add(x, x)
      return %1
    }
    """
    parser = _Parser(text)
    graph = parser.graph()
    if parser.token:
        parser.fail("the end of the text")
    return graph


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.tokens, place = text, [], 0
        while place < len(text):
            found = _TOKEN.match(text, place)
            if found is None:
                raise self._error("a name, a number, a string or a sign", repr(text[place : place + 10]), place)
            if found.lastgroup != "space":
                self.tokens.append((found.lastgroup, found[0], place))
            place = found.end()
        self.tokens.reverse()

    @property
    def token(self) -> str:
        return self.tokens[-1][1] if self.tokens else ""

    def _error(self, expected: str, got: str, place: int) -> GraphError:
        line = self.text.count("\n", 0, place) + 1
        return GraphError(
            "parse",
            expected=f"{expected} in line {line}",
            got=got,
            remedy="Give a text that print_graph(graph, whole=True) wrote.",
            location=None,
        )

    def fail(self, expected: str) -> NoReturn:
        place = self.tokens[-1][2] if self.tokens else len(self.text)
        raise self._error(expected, repr(self.token) if self.tokens else "the end of the text", place)

    def take(self, expected: str | None = None, kind: str | None = None) -> str:
        if (
            not self.tokens
            or (expected is not None and self.token != expected)
            or (kind is not None and self.tokens[-1][0] != kind)
        ):
            self.fail(repr(expected) if expected else f"a {kind}")
        return self.tokens.pop()[1]

    def graph(self) -> Graph:
        self.take("graph")
        self.take("(")
        known: dict[str, Node] = {}
        inputs = []
        while self.token != ")":
            name = self.take(kind="name")
            self.take(":")
            node = Input(self.type(), name)
            inputs.append(node)
            known[name] = node
            if self.token != ")":
                self.take(",")
        self.take(")")
        self.take("{")
        while self.token != "return":
            self.node(known)
        self.take("return")
        outputs = []
        while self.token != "}":
            outputs.append(self.operand(known))
            if self.token != "}":
                self.take(",")
        self.take("}")
        return Graph(inputs, outputs)

    def node(self, known: dict[str, Node]) -> None:
        name = self.take(kind="name")
        self.take(":")
        declared = self.types()
        self.take("=")
        place = self.tokens[-1][2] if self.tokens else len(self.text)
        operation = self.take(kind="name")
        self.take("(")
        if operation == "constant":
            known[name] = self.constant(declared)
            return
        operands = []
        while self.token != ")":
            operands.append(self.operand(known))
            if self.token != ")":
                self.take(",")
        self.take(")")
        parameters = self.parameters() if self.token == "{" else {}
        if operation not in OPERATIONS:
            raise self._error("a registered operation", repr(operation), place)
        try:
            node = apply(OPERATIONS[operation], tuple(operands), parameters)
        except ChainruleError as error:
            raise self._error(f"{error.expected} for {operation}", error.got, place) from None
        except Exception:  # whatever a rule does with operands or parameters that it was not made for
            given = f"{len(operands)} operands and {reprlib.repr(parameters)}"
            raise self._error(f"operands and parameters that {operation} takes", given, place) from None
        if node.type != declared:
            raise self._error(f"the type {print_type(node.type)} of {operation}", print_type(declared), place)
        known[name] = node

    def operand(self, known: dict[str, Node]) -> Node:
        place = self.tokens[-1][2] if self.tokens else len(self.text)
        name = self.take(kind="name")
        if name not in known:
            raise self._error("a value defined above", repr(name), place)
        return known[name]

    def type(self) -> ArrayType:
        text = self.take(kind="name") + self.take("[")
        while self.token != "]":
            text += self.take(kind="number") if self.token != "," else self.take(",") + " "
        return ArrayType.parse(text + self.take("]"))

    def types(self) -> Any:
        if self.token != "(":
            return self.type()
        self.take("(")
        kinds = []
        while self.token != ")":
            kinds.append(self.type())
            if self.token != ")":
                self.take(",")
        self.take(")")
        return tuple(kinds)

    def constant(self, kind: ArrayType) -> Node:
        place = self.tokens[-1][2] if self.tokens else len(self.text)
        if self.token == "<":
            self.fail("a constant written out")
        value = self.literal()
        self.take(")")
        try:
            if isinstance(value, str):
                raw = np.frombuffer(base64.b64decode(value, validate=True), kind.dtype.newbyteorder("<"))
                return constant(raw.reshape(kind.shape), kind.dtype)
            return constant(np.array(value, kind.dtype).reshape(kind.shape))
        except (ValueError, TypeError):
            raise self._error(f"the elements of a {kind}", reprlib.repr(value), place) from None

    def parameters(self) -> dict[str, Any]:
        self.take("{")
        found: dict[str, Any] = {}
        while self.token != "}":
            key = self.take(kind="name")
            self.take("=")
            found[key] = self.literal()
            if self.token != "}":
                self.take(",")
        self.take("}")
        return found

    def literal(self) -> Any:
        if self.token == "graph":
            return self.graph()
        if self.token in ("(", "["):
            return self.sequence()
        kind, text, _ = self.tokens[-1] if self.tokens else ("", "", 0)
        if kind == "string":
            try:
                value = ast.literal_eval(text)
            except (SyntaxError, ValueError):
                self.fail("a string of Python")
            self.take()
            return value
        if kind == "number":
            self.take()
            return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
        if text in _WORDS:
            return _WORDS[self.take()]
        try:
            dtype = np.dtype(text) if kind == "name" else None
        except TypeError:
            dtype = None
        if dtype is None:
            self.fail("a value")
        self.take()
        return dtype

    def sequence(self) -> Any:
        close = ")" if self.take() == "(" else "]"
        parts = []
        while self.token != close:
            parts.append(self.literal())
            if self.token != close:
                self.take(",")
        self.take(close)
        return tuple(parts) if close == ")" else parts
