"""How the library's routines are written: variables, conditions and loops over `native.ir`.

A routine is a Python function that writes the body of an `ir.Function` through a `Code`. Variables are memory on the
stack, which LLVM turns into registers, so that a routine reads like the loop it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from chainrule.native import ir
from chainrule.native.library.values import INDEX, NOTHING, Value


class Variable:
    """A value that changes."""

    def __init__(self, code: Code, initial: Value) -> None:
        self._initial = initial
        with code.builder.goto_entry_block():
            self._place = code.builder.alloca(initial.type)
        self.set(initial)

    def set(self, value: Value | float) -> None:
        """Give it another value of its type."""
        value = self._initial.like(value)
        value.builder.store(value.value, self._place)

    def get(self) -> Value:
        """What it is now."""
        loaded = self._initial.builder.load(self._place, typ=self._initial.type)
        return self._initial.with_value(loaded)


class Code:
    """The body of a routine, as it is written."""

    def __init__(self, function: ir.Function) -> None:
        self.builder = ir.IRBuilder(function.append_basic_block())
        self.arguments = [Value(self.builder, argument) for argument in function.args]

    def number(self, value: int, kind: ir.Type = INDEX) -> Value:
        """A constant."""
        return Value(self.builder, ir.Constant(kind, value))

    def variable(self, initial: Value | int) -> Variable:
        """A variable; of Python's numbers one that holds an index."""
        return Variable(self, initial if isinstance(initial, Value) else self.number(initial))

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Code that runs if a bit is set."""
        with self.builder.if_then(condition.value):
            yield

    @contextmanager
    def repeat(self) -> Iterator[Callable[[Value], None]]:
        """Code that runs again and again; what is given leaves it if a bit is set."""
        body, after = self.builder.append_basic_block(), self.builder.append_basic_block()
        self.builder.branch(body)
        self.builder.position_at_end(body)

        def leave(condition: Value) -> None:
            following = self.builder.append_basic_block()
            self.builder.cbranch(condition.value, after, following)
            self.builder.position_at_end(following)

        yield leave
        self.builder.branch(body)
        self.builder.position_at_end(after)

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: Value | int = 1) -> Iterator[Value]:
        """Code that runs for start, start + step... below stop."""
        place = self.variable(start)
        with self.repeat() as leave:
            now = place.get()
            leave(now >= stop)
            yield now
            place.set(now + step)

    def call(self, function: ir.Function, *arguments: Value) -> Value:
        """Call another routine."""
        return Value(self.builder, self.builder.call(function, [argument.value for argument in arguments]))

    def give(self, value: Value | int) -> None:
        """Return an index (or another value)."""
        self.builder.ret((value if isinstance(value, Value) else self.number(value)).value)


def routine(
    module: ir.Module, name: str, arguments: Sequence[ir.Type], write: Callable[..., None], result: ir.Type = NOTHING
) -> ir.Function:
    """The routine of this name in the module, written at its first use: `write(code, *arguments)`.

    >>> module = ir.Module()
    >>> double = routine(module, "double", [INDEX], lambda code, x: code.give(x + x), INDEX)
    >>> double is routine(module, "double", [INDEX], lambda code, x: None, INDEX)
    True
    """
    symbol = f"chainrule.{name}"
    if symbol in module.globals:
        return module.globals[symbol]
    function = ir.Function(module, ir.FunctionType(result, list(arguments)), symbol)
    function.linkage, function.calling_convention = "internal", "fastcc"
    function.attributes.add("nounwind")
    code = Code(function)
    write(code, *code.arguments)
    if result is NOTHING:
        code.builder.ret_void()
    return function
