"""Loop nests as text that a person reads and `parser.py` reads back.

kernel softplus(input x: float32[8], output out: float32[8]):
  parallel for i in 0..8: out[i] = log1p(exp(x[i]))

What an expression uses twice is named once, by a `let` before the statement. A constant stands bare where its neighbour
gives it a dtype, and else within one, as `int64(1)`. No operator goes before another: each has its parentheses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from chainrule.errors import GraphError
from chainrule.loops.functions import FUNCTIONS
from chainrule.loops.nest import Accumulate, Fill, For, If, Kernel, Statement, Store, scalars_of
from chainrule.loops.scalar import BOOL, INDEX, Apply, Cast, Constant, Index, Load, Scalar, in_order

SIGNS = {"sum": "+=", "product": "*=", "maximum": "max=", "minimum": "min=", "any": "|=", "all": "&="}
_LONG = 200  # characters: a longer term gets a name even if it is used once


def print_kernel(kernel: Kernel) -> str:
    """The text of a kernel."""
    head = f"kernel {kernel.name}({', '.join(map(str, kernel.buffers))}):"
    return "\n".join([head, *_indented(kernel.body)])


def print_statement(statement: Statement) -> str:
    """The text of a statement and of what is in it."""
    return "\n".join(_lines(statement))


def print_scalar(scalar: Scalar) -> str:
    """The text of an expression, with the names of what it uses twice in front."""
    lets, (text,) = _texts((scalar,), (None,))
    return "; ".join([*lets, text])


def _indented(body: Iterable[Statement]) -> Iterator[str]:
    return (f"  {line}" for statement in body for line in _lines(statement))


def _lines(statement: Statement) -> list[str]:
    lets, texts = _texts(scalars_of(statement), _dtypes(statement))
    match statement:
        case For():
            parallel = "parallel " if statement.kind == "parallel" else ""
            return [*lets, *_block(f"{parallel}for {statement.index.name} in {texts[0]}..{texts[1]}:", statement.body)]
        case If():
            return [*lets, *_block(f"if {texts[0]}:", statement.body)]
        case Fill():
            return [*lets, f"fill {statement.buffer.name} = {texts[0]}"]
        case Store() | Accumulate():
            sign = "=" if isinstance(statement, Store) else SIGNS[statement.combine]
            return [*lets, f"{statement.buffer.name}[{', '.join(texts[:-1])}] {sign} {texts[-1]}"]
    raise GraphError("print", expected="a statement", got=repr(statement), remedy="Teach the printer about it.")


def _block(head: str, body: tuple[Statement, ...]) -> list[str]:
    """The body beneath its head, or beside it where it is a single plain line."""
    lines = list(_indented(body))
    if len(lines) == 1 and not isinstance(body[0], (For, If)):
        return [f"{head} {lines[0].strip()}"]
    return [head, *lines]


def _dtypes(statement: Statement) -> tuple[np.dtype, ...]:
    """The dtypes that a statement asks of its expressions, in which their constants stand bare."""
    match statement:
        case For():
            return INDEX, INDEX
        case If():
            return (BOOL,)
        case Store() | Accumulate():
            return (*[INDEX] * len(statement.indices), statement.buffer.dtype)
        case _:
            return (statement.buffer.dtype,)  # type: ignore[attr-defined]


def _texts(roots: tuple[Scalar, ...], dtypes: tuple[np.dtype | None, ...]) -> tuple[list[str], list[str]]:
    """The `let` lines that the expressions need, and the texts of the expressions."""
    order = in_order(roots)
    uses = Counter(operand for scalar in order for operand in scalar.operands) + Counter(roots)
    ends, texts = set(roots), dict[Scalar, str]()
    lets: list[str] = []
    for scalar in order:
        text = _text(scalar, texts)
        named = isinstance(scalar, (Apply, Cast)) and (uses[scalar] > 1 or len(text) > _LONG) and scalar not in ends
        if named:
            name = f"${len(lets)}"
            lets.append(f"let {name} = {_bare(text)}")
            text = name
        texts[scalar] = text
    return lets, [_bare(_operand(one, dtype, texts)) for one, dtype in zip(roots, dtypes, strict=True)]


def _text(scalar: Scalar, texts: dict[Scalar, str]) -> str:
    match scalar:
        case Constant():
            return f"{scalar.dtype.name}({print_number(scalar)})"
        case Index():
            return scalar.name
        case Load():
            indices = ", ".join(_bare(_operand(one, INDEX, texts)) for one in scalar.operands)
            return f"{scalar.buffer.name}[{indices}]"
        case Cast():
            return f"{scalar.dtype.name}({_bare(texts[scalar.operands[0]])})"
        case Apply():
            return _call(scalar, texts)
    raise GraphError(
        "print", expected="a scalar", got=repr(type(scalar).__name__), remedy="Teach the printer about it."
    )


def _call(scalar: Apply, texts: dict[Scalar, str]) -> str:
    function = FUNCTIONS[scalar.function]
    pairs = list(zip(scalar.operands, function.operands, strict=True))
    is_known = any(wanted == "x" and not isinstance(one, Constant) for one, wanted in pairs)
    written = []
    for one, wanted in pairs:
        bare = is_known if wanted == "x" else wanted != "n" or one.dtype == INDEX
        written.append(_operand(one, one.dtype if bare else None, texts))
    if function.symbol is None:
        return f"{scalar.function}({', '.join(map(_bare, written))})"
    return f"({function.symbol}{written[0]})" if len(written) == 1 else f"({f' {function.symbol} '.join(written)})"


def _operand(scalar: Scalar, dtype: np.dtype | None, texts: dict[Scalar, str]) -> str:
    """The text of an expression where this dtype is expected."""
    if isinstance(scalar, Constant) and dtype is not None and scalar.dtype == dtype:
        return print_number(scalar)
    return texts[scalar]


def _bare(text: str) -> str:
    """The text without the parentheses around it, where nothing stands beside it."""
    return text[1:-1] if text.startswith("(") else text


def print_number(scalar: Constant) -> str:
    """The shortest text that gives the number back in its dtype: whole floats are written as integers.

    >>> from chainrule.loops.scalar import constant
    >>> print(*(print_number(constant(value, "float32")) for value in (2.0, -0.0, 0.1, float("inf"), 1e30)))
    2 -0.0 0.1 inf 1e+30
    """
    value = scalar.value
    if scalar.dtype.kind != "f":
        return str(value)
    is_short = abs(value) < 1e6 and value == int(value) and str(value) != "-0.0"
    if is_short:
        return str(int(value))
    return str(scalar.dtype.type(value))
