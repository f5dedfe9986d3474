"""What a kernel does with its memory, proved from its text by the arithmetic of `bounds.py` and `regions.py`.

- Every index is inside its buffer.
- An element is written before it is read or accumulated into.
- An element of an output is stored to once, and every element is; what accumulates into it comes after that.
- Different iterations of a parallel loop do not meet in memory, unless both only read.

Proofs err on the safe side: what cannot be proved is refused. An index that is itself read from memory must be held
inside by `minimum` and `maximum`, and what is stored there may be any element of that axis, and is surely none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from typing import Literal

from chainrule.errors import GraphError
from chainrule.loops.bounds import Bounds, facts_of, linear
from chainrule.loops.nest import Accumulate, Fill, For, If, Kernel, Statement, Store, loads_of, statements
from chainrule.loops.regions import (
    Box,
    apart,
    apart_in_iterations,
    certainly,
    clipped,
    covers,
    depends_on_memory,
    joined,
    point,
    possibly,
    whole,
)  # fmt: skip
from chainrule.loops.scalar import Buffer, Scalar
from chainrule.types import size_of


def check_memory(kernel: Kernel) -> None:
    """Prove that the kernel uses its memory well, or raise a `GraphError` that names the statement at fault."""
    body = _Body(kernel, Bounds({}))
    body.walk(kernel.body)
    for buffer in kernel.role("output"):
        if size_of(buffer.shape) and not body.has_written(buffer, whole(buffer.shape)):
            raise at_fault(kernel, "every element of an output to be written", f"no proof of it for {buffer}")


def at_fault(kernel: Kernel, expected: str, got: str, statement: Statement | None = None) -> GraphError:
    """The error for a kernel that is not well formed."""
    place = "" if statement is None else f" in `{head_of(statement)}`"
    return GraphError(
        f"verify {kernel.name}", expected=expected, got=got + place, remedy="Correct the pass that made the kernel."
    )


def head_of(statement: Statement) -> str:
    """The last line of a plain statement, the first of a loop or a condition: what tells it from others."""
    lines = str(statement).split("\n")
    return lines[0] if isinstance(statement, (For, If)) else lines[-1]


@dataclass(frozen=True, slots=True)
class _Access:
    """What a statement may touch of a buffer."""

    buffer: Buffer
    box: Box
    kind: Literal["read", "store", "accumulate"]
    statement: Statement


class _Body:
    """The statements of one body: what they have surely written so far, and all that they may have touched.

    In a `sketch` nothing is checked: it serves to learn what a body writes.
    """

    def __init__(self, kernel: Kernel, bounds: Bounds, outer: _Body | None = None, *, sketch: bool = False) -> None:
        self.kernel, self.bounds, self.outer, self.sketch = kernel, bounds, outer, sketch
        self.before: dict[Buffer, list[Box]] = {}
        """Surely written by earlier iterations of the loop whose body this is."""
        self.written: dict[Buffer, list[Box]] = {}
        self.accesses: list[_Access] = []

    def walk(self, body: Iterable[Statement]) -> None:
        """Go through the statements one after another."""
        for statement in body:
            for one in loads_of(statement):
                if one.buffer.role == "input":
                    self.check_inside(one.buffer, one.operands, statement)
                else:
                    self.use(one.buffer, one.operands, "read", statement)
            match statement:
                case For():
                    self.repeat(statement)
                case If():
                    self.choose(statement)
                case Fill():
                    self.store(statement.buffer, whole(statement.buffer.shape), statement)
                    self.write(statement.buffer, whole(statement.buffer.shape))
                case Store():
                    self.check_inside(statement.buffer, statement.indices, statement)
                    self.store(statement.buffer, _possible(statement.buffer, statement.indices), statement)
                    if not depends_on_memory(statement.indices):
                        self.write(statement.buffer, point(statement.indices))
                case Accumulate():
                    self.use(statement.buffer, statement.indices, "accumulate", statement)

    # ------------------------------------------------------------------------------------------------------- accesses

    def check_inside(self, buffer: Buffer, indices: Sequence[Scalar], statement: Statement) -> None:
        """Refuse an index that is not proved to be inside the buffer."""
        if self.sketch:
            return
        for axis, (index, length) in enumerate(zip(indices, buffer.shape, strict=True)):
            form = linear(index)
            if not (self.bounds.holds(form * -1) and self.bounds.holds(form - (length - 1))):
                low, high = self.bounds.of(form)
                got = f"{index} (from {low} to {high}) for axis {axis} of {buffer}"
                raise at_fault(self.kernel, f"indices from 0 to {length - 1}", got, statement)

    def use(
        self, buffer: Buffer, indices: Sequence[Scalar], kind: Literal["read", "accumulate"], statement: Statement
    ) -> None:
        """Enter that an element is read or accumulated into, which must have been written."""
        if self.sketch:
            return
        self.check_inside(buffer, indices, statement)
        if not self.has_written(buffer, point(indices)):
            place = f"{buffer.name}[{', '.join(map(str, indices))}]"
            raise at_fault(self.kernel, "elements that were written before", f"no proof of it for {place}", statement)
        self.accesses.append(_Access(buffer, _possible(buffer, indices), kind, statement))

    def store(self, buffer: Buffer, box: Box, statement: Statement) -> None:
        """Enter that the elements of a box may be stored to: those of an output once."""
        if self.sketch:
            return
        body: _Body | None = self if buffer.role == "output" else None
        while body is not None:
            for other in body.accesses:
                if other.buffer is buffer and other.kind == "store" and not apart(other.box, box, self.bounds):
                    got = f"`{head_of(other.statement)}`, and again"
                    raise at_fault(self.kernel, "an output's elements to be stored to once", got, statement)
            body = body.outer
        self.accesses.append(_Access(buffer, box, "store", statement))

    def write(self, buffer: Buffer, box: Box) -> None:
        """Enter that the elements of a box are surely written."""
        self.written[buffer] = joined(self.written.get(buffer, ()), box, self.bounds)

    def known(self, buffer: Buffer) -> list[Box]:
        """All that is surely written by now."""
        outer = self.outer.known(buffer) if self.outer else []
        return [*outer, *self.before.get(buffer, ()), *self.written.get(buffer, ())]

    def has_written(self, buffer: Buffer, box: Box) -> bool:
        """Whether a box of single elements or of constant ends is proved to be written."""
        return any(covers(one, box, self.bounds) for one in self.known(buffer))

    # ---------------------------------------------------------------------------------------------- bodies in the body

    def repeat(self, loop: For) -> None:
        """Go through a loop, and enter what it did."""
        bounds = self.bounds.inside(loop.index, loop.start, loop.stop)
        first, last = bounds.ranges[loop.index]
        if first > last:
            return  # it never runs
        body = _Body(self.kernel, bounds, self, sketch=self.sketch)
        if loop.kind == "serial" and not self.sketch:
            body.before = self.earlier(loop, bounds)
        body.walk(loop.body)
        if first < last:
            self.check_iterations(loop, body.accesses)
        for buffer, boxes in body.written.items():
            for box in boxes:
                after = certainly(box, loop, self.bounds)
                if after is not None:
                    self.write(buffer, after)
        self.accesses += [replace(one, box=possibly(one.box, loop, bounds)) for one in body.accesses]

    def earlier(self, loop: For, bounds: Bounds) -> dict[Buffer, list[Box]]:
        """What the iterations before the present one have written, joined with what stood before the loop."""
        used = {one.buffer for statement in statements(loop.body) for one in loads_of(statement)}
        if not any(isinstance(one, Store) and one.buffer in used for one in statements(loop.body)):
            return {}
        sketch = _Body(self.kernel, bounds, self, sketch=True)
        sketch.walk(loop.body)
        found = {}
        for buffer, boxes in sketch.written.items():
            swept = (certainly(box, replace(loop, stop=loop.index), bounds) for box in boxes)
            found[buffer] = [one for box in swept if box is not None for one in joined(self.known(buffer), box, bounds)]
        return found

    def check_iterations(self, loop: For, accesses: Sequence[_Access]) -> None:
        """Refuse what iterations may do to one another."""
        stored = [one for one in accesses if one.kind == "store" and one.buffer.role == "output"]
        pairs = combinations_with_replacement(accesses if loop.kind == "parallel" else stored, 2)
        for one, another in pairs:
            if one.buffer is not another.buffer or one.kind == another.kind == "read":
                continue
            if apart_in_iterations(one.box, another.box, loop.index, self.bounds):
                continue
            twice = one.kind == another.kind == "store" and one.buffer.role == "output"
            expected = "an output's elements to be stored to once" if twice else "parallel iterations that do not meet"
            got = f"`{head_of(one.statement)}` and `{head_of(another.statement)}` for different {loop.index.name}"
            raise at_fault(self.kernel, expected, got, loop)

    def choose(self, statement: If) -> None:
        """Go through what is done on a condition, and enter what it did."""
        facts, exact = facts_of(statement.condition, self.bounds)
        body = _Body(self.kernel, self.bounds.where(facts), self, sketch=self.sketch)
        body.walk(statement.body)
        for buffer, boxes in body.written.items():
            for box in boxes:
                after = clipped(box, facts) if exact else None
                if after is not None:
                    self.write(buffer, after)
        self.accesses += body.accesses


def _possible(buffer: Buffer, indices: Sequence[Scalar]) -> Box:
    """The box around an element: on an axis whose index is read from memory, any place."""
    spans = zip(point(indices), whole(buffer.shape), indices, strict=True)
    return tuple(every if depends_on_memory([index]) else here for here, every, index in spans)
