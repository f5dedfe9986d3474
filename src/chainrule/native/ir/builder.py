"""The builder: what writes instructions, one after another, at the end of a block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from chainrule.native.ir.module import Block, Function, Module
from chainrule.native.ir.types import FunctionType, IntType, PointerType, Type, VectorType
from chainrule.native.ir.values import Constant, Value

_BIT = IntType(1)
_EQUALITY = {"==": "eq", "!=": "ne"}
_ORDER = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}


class Phi(Value):
    """A value that depends on the block from which its own was entered."""

    __slots__ = ("incoming",)

    def __init__(self, kind: Type, text: str) -> None:
        super().__init__(kind, text)
        self.incoming: list[str] = []

    def add_incoming(self, value: Value, block: Block) -> None:
        """The value where that block comes before."""
        self.incoming.append(f"[{value.text}, {block.text}]")

    def line(self) -> str:
        """The instruction."""
        return f"  {self.text} = phi {self.type.text} {', '.join(self.incoming)}"


class Alloca(Value):
    """Memory on the stack, as long as the function runs."""

    __slots__ = ("align", "kind")

    def __init__(self, kind: Type, text: str) -> None:
        super().__init__(PointerType(kind), text)
        self.kind, self.align = kind, 0

    def line(self) -> str:
        """The instruction."""
        return f"  {self.text} = alloca {self.kind.text}" + (f", align {self.align}" if self.align else "")


class Switch:
    """A jump by a number."""

    def __init__(self, value: Value, otherwise: Block) -> None:
        self.value, self.otherwise = value, otherwise
        self.cases: list[str] = []

    def add_case(self, number: int, block: Block) -> None:
        """Where to go for a number."""
        self.cases.append(f"{self.value.type.text} {number}, label {block.text}")

    def line(self) -> str:
        """The instruction."""
        return f"  switch {self.value}, label {self.otherwise.text} [{' '.join(self.cases)}]"


def _binary(instruction: str) -> Callable[..., Value]:
    def emit(self: IRBuilder, left: Value, right: Value, flags: Sequence[str] = ()) -> Value:
        kind = left.type
        words = f"{instruction} {' '.join(flags)}" if flags else instruction
        return self._named(kind, f"{words} {kind.text} {left.text}, {right.text}")

    emit.__doc__ = f"LLVM's `{instruction}`."
    return emit


def _cast(instruction: str) -> Callable[..., Any]:
    def emit(self: IRBuilder, value: Any, kind: Type) -> Any:
        if value.type is kind:
            return value
        return self._named(kind, f"{instruction} {value.type.text} {value.text} to {kind.text}")

    emit.__doc__ = f"LLVM's `{instruction}`."
    return emit


class IRBuilder:
    """Writes at the end of a block."""

    def __init__(self, block: Block) -> None:
        self.position_at_end(block)

    def position_at_end(self, block: Block) -> None:
        """Go on in another block."""
        self.block, self.function, self._lines = block, block.function, block.lines

    @property
    def module(self) -> Module:
        """The module of the function."""
        return self.function.module

    def append_basic_block(self, name: str = "") -> Block:
        """One more block of the function."""
        return self.function.append_basic_block(name)

    @contextmanager
    def goto_entry_block(self) -> Iterator[None]:
        """Inside, instructions go to the end of the function's first block."""
        block, entry = self.block, self.function.blocks[0]
        end = [entry.lines.pop()] if entry.is_terminated else []
        self.position_at_end(entry)
        yield
        entry.lines += end
        self.position_at_end(block)

    def _name(self) -> str:
        self.function.count += 1
        return f"%v{self.function.count}"

    def _named(self, kind: Type, text: str) -> Value:
        function = self.function
        function.count += 1
        name = f"%v{function.count}"
        self._lines.append(f"  {name} = {text}")
        return Value(kind, name)

    # ------------------------------------------------------------------------------------------------ numbers

    fadd, fsub, fmul, fdiv = (_binary(name) for name in ("fadd", "fsub", "fmul", "fdiv"))
    udiv, sdiv, urem, srem = (_binary(name) for name in ("udiv", "sdiv", "urem", "srem"))
    shl, lshr, ashr = (_binary(name) for name in ("shl", "lshr", "ashr"))
    sub, and_, or_, xor = (_binary(name) for name in ("sub", "and", "or", "xor"))
    _add, _mul = _binary("add"), _binary("mul")
    trunc, zext, sext = (_cast(name) for name in ("trunc", "zext", "sext"))
    fptrunc, fpext, fptosi = (_cast(name) for name in ("fptrunc", "fpext", "fptosi"))
    sitofp, uitofp = _cast("sitofp"), _cast("uitofp")
    inttoptr, ptrtoint = _cast("inttoptr"), _cast("ptrtoint")
    _bitcast = _cast("bitcast")

    def add(self, left: Value, right: Value, flags: Sequence[str] = ()) -> Value:
        """A sum of integers; that with 0 is the other one."""
        if isinstance(right, Constant) and right.text == "0":
            return left
        if isinstance(left, Constant) and left.text == "0":
            return right
        return self._add(left, right, flags)

    def mul(self, left: Value, right: Value) -> Value:
        """A product of integers; that with 1 is the other one."""
        if isinstance(right, Constant) and right.text == "1":
            return left
        if isinstance(left, Constant) and left.text == "1":
            return right
        return self._mul(left, right)

    def bitcast(self, value: Value, kind: Type) -> Value:
        """The same bits as another type."""
        if isinstance(kind, PointerType):
            return Value(kind, value.text)
        return self._bitcast(value, kind)

    def neg(self, value: Value) -> Value:
        """The negative of an integer."""
        return self.sub(Constant(value.type, None), value)

    def not_(self, value: Value) -> Value:
        """All bits the other way."""
        kind = value.type
        return self.xor(value, Constant(kind, [-1] * kind.count if isinstance(kind, VectorType) else -1))

    def fneg(self, value: Value) -> Value:
        """The negative of a float."""
        return self._named(value.type, f"fneg {value}")

    def icmp_signed(self, relation: str, left: Value, right: Value) -> Value:
        """A comparison of integers with signs."""
        return self._compare("icmp " + (_EQUALITY.get(relation) or "s" + _ORDER[relation]), left, right)

    def icmp_unsigned(self, relation: str, left: Value, right: Value) -> Value:
        """A comparison of integers without signs."""
        return self._compare("icmp " + (_EQUALITY.get(relation) or "u" + _ORDER[relation]), left, right)

    def fcmp_ordered(self, relation: str, left: Value, right: Value) -> Value:
        """A comparison of floats that is false for NaN."""
        return self._compare("fcmp o" + (_EQUALITY.get(relation) or _ORDER[relation]), left, right)

    def fcmp_unordered(self, relation: str, left: Value, right: Value) -> Value:
        """A comparison of floats that is true for NaN."""
        return self._compare("fcmp u" + (_EQUALITY.get(relation) or _ORDER[relation]), left, right)

    def _compare(self, words: str, left: Value, right: Value) -> Value:
        kind = VectorType(_BIT, left.type.count) if isinstance(left.type, VectorType) else _BIT
        return self._named(kind, f"{words} {left}, {right.text}")

    def select(self, mask: Value, yes: Value, no: Value, *, predictable: bool = True) -> Value:
        """One of two values. Where it is not `predictable` which, LLVM makes no branch of it."""
        return self._named(yes.type, f"select {mask}, {yes}, {no}" + ("" if predictable else ", !unpredictable !{}"))

    def ctlz(self, value: Value, poison_at_zero: Value) -> Value:
        """How many leading bits are 0."""
        return self._zeros("ctlz", value, poison_at_zero)

    def cttz(self, value: Value, poison_at_zero: Value) -> Value:
        """How many trailing bits are 0."""
        return self._zeros("cttz", value, poison_at_zero)

    def _zeros(self, name: str, value: Value, poison_at_zero: Value) -> Value:
        signature = FunctionType(value.type, [value.type, _BIT])
        return self.call(
            self.module.declare_intrinsic(f"llvm.{name}.{value.type.text}", (), signature), [value, poison_at_zero]
        )

    # ------------------------------------------------------------------------------- parts of vectors and structs

    def extract_element(self, vector: Value, index: Value) -> Value:
        """One lane."""
        return self._named(vector.type.element, f"extractelement {vector}, {index}")

    def insert_element(self, vector: Value, value: Value, index: Value) -> Value:
        """The vector with another value in one lane."""
        return self._named(vector.type, f"insertelement {vector}, {value}, {index}")

    def shuffle_vector(self, first: Value, second: Value, mask: Value) -> Value:
        """Lanes of two vectors, by their numbers."""
        kind = VectorType(first.type.element, mask.type.count)
        return self._named(kind, f"shufflevector {first}, {second}, {mask}")

    def extract_value(self, struct: Value, index: int) -> Value:
        """One field."""
        kind = struct.type.elements[index]
        return self._named(kind, f"extractvalue {struct}, {index}")

    def insert_value(self, struct: Value, value: Value, index: int) -> Value:
        """The struct with another value in one field."""
        return self._named(struct.type, f"insertvalue {struct}, {value}, {index}")

    # ------------------------------------------------------------------------------------------------- memory

    def alloca(self, kind: Type) -> Any:
        """Memory on the stack; its `align` may be set."""
        memory = Alloca(kind, self._name())
        self._lines.append(memory)
        return memory

    def gep(
        self, pointer: Value, indices: Sequence[Value], *, source_etype: Type | None = None, inbounds: bool = False
    ) -> Value:
        """An address further on: by elements of `source_etype`, which is what the pointer points to if not given."""
        kind: Any = source_etype or pointer.type.pointee
        words = "getelementptr inbounds" if inbounds else "getelementptr"
        element = kind
        for _ in indices[1:]:
            element = element.element
        text = f"{words} {kind.text}, ptr {pointer.text}, {', '.join(map(str, indices))}"
        return self._named(PointerType(None if source_etype else element), text)

    def load(self, pointer: Value, align: int | None = None, typ: Type | None = None) -> Value:
        """What stands at an address."""
        kind: Any = typ or pointer.type.pointee
        return self._named(kind, f"load {kind.text}, ptr {pointer.text}" + (f", align {align}" if align else ""))

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        """Put a value at an address."""
        self._lines.append(f"  store {value}, ptr {pointer.text}" + (f", align {align}" if align else ""))

    def load_atomic(self, pointer: Value, ordering: str, align: int) -> Value:
        """What stands at an address that other threads write to."""
        kind: Any = pointer.type.pointee
        return self._named(kind, f"load atomic {kind.text}, ptr {pointer.text} {ordering}, align {align}")

    def store_atomic(self, value: Value, pointer: Value, ordering: str, align: int) -> None:
        """Put a value where other threads read it."""
        self._lines.append(f"  store atomic {value}, ptr {pointer.text} {ordering}, align {align}")

    def atomic_rmw(self, operation: str, pointer: Value, value: Value, ordering: str) -> Value:
        """Change what stands at an address; the value is what stood there."""
        return self._named(value.type, f"atomicrmw {operation} ptr {pointer.text}, {value} {ordering}")

    def cmpxchg(self, pointer: Value, expected: Value, value: Value, ordering: str, failing: str) -> Value:
        """Change what stands at an address if it is what is expected: (what stood there, whether it was)."""
        kind = _pair(expected.type)
        return self._named(kind, f"cmpxchg ptr {pointer.text}, {expected}, {value} {ordering} {failing}")

    def fence(self, ordering: str) -> None:
        """An order of all accesses before and after."""
        self._lines.append(f"  fence {ordering}")

    # --------------------------------------------------------------------------------------------------- flow

    def call(self, function: Value, arguments: Sequence[Value]) -> Value:
        """A call; of an address by its type's `pointee`."""
        kind: Any = function.type.pointee
        words = "call fastcc" if isinstance(function, Function) and function.calling_convention == "fastcc" else "call"
        given, result = ", ".join([f"{one.type.text} {one.text}" for one in arguments]), kind.return_type
        text = f"{words} {result.text} {function.text}({given})"
        if result.text == "void":
            self._lines.append(f"  {text}")
            return Value(result, "")
        return self._named(result, text)

    def phi(self, kind: Type) -> Phi:
        """A value by the block before; `add_incoming` says which."""
        phi = Phi(kind, self._name())
        self._lines.append(phi)
        return phi

    def _end(self, line: Any) -> Any:
        self._lines.append(line)
        self.block.is_terminated = True
        return line

    def branch(self, block: Block) -> None:
        """Go to a block."""
        self._end(f"  br label {block.text}")

    def cbranch(self, condition: Value, yes: Block, no: Block, *, rare: bool = False) -> None:
        """Go to one of two blocks; `rare` says that the first is seldom it."""
        weights = ', !prof !{!"branch_weights", i32 1, i32 99}' if rare else ""
        self._end(f"  br i1 {condition.text}, label {yes.text}, label {no.text}{weights}")

    def switch(self, value: Value, otherwise: Block) -> Switch:
        """Go to a block by a number; `add_case` says where."""
        return self._end(Switch(value, otherwise))

    def ret(self, value: Value) -> None:
        """Return a value."""
        self._end(f"  ret {value}")

    def ret_void(self) -> None:
        """Return."""
        self._end("  ret void")

    @contextmanager
    def if_then(self, condition: Value, *, likely: bool = True) -> Iterator[None]:
        """Inside: what is done if the condition holds."""
        then, over = self.append_basic_block("if"), self.append_basic_block("endif")
        self.cbranch(condition, then, over, rare=not likely)
        with self._inside(then, over):
            yield
        self.position_at_end(over)

    @contextmanager
    def if_else(self, condition: Value) -> Iterator[tuple[AbstractContextManager[None], AbstractContextManager[None]]]:
        """Two managers: inside the first what is done if the condition holds, inside the second what else."""
        then, otherwise = self.append_basic_block("if"), self.append_basic_block("else")
        over = self.append_basic_block("endif")
        self.cbranch(condition, then, otherwise)
        yield self._inside(then, over), self._inside(otherwise, over)
        self.position_at_end(over)

    @contextmanager
    def _inside(self, block: Block, over: Block) -> Iterator[None]:
        self.position_at_end(block)
        yield
        if not self.block.is_terminated:
            self.branch(over)


def _pair(kind: Type) -> Type:
    from chainrule.native.ir.types import LiteralStructType

    return LiteralStructType([kind, _BIT])
