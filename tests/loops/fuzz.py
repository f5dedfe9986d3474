"""Random kernels, most of them wrong, to play the verifier against the interpreter."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.errors import GraphError
from chainrule.loops import (
    Accumulate,
    Buffer,
    Fill,
    For,
    Index,
    Kernel,
    Scalar,
    Statement,
    accumulate,
    apply,
    buffer,
    constant,
    fill,
    loop,
    store,
    when,
)  # fmt: skip
from chainrule.loops.interpreter import Memory

NAMES = ("i", "j", "k")


class Maker:
    """Kernels of a few loops around a few statements, whose indices are nearly right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        shapes = [tuple(self.random.choice((1, 2, 3, 4, 6)) for _ in range(rank)) for rank in (1, 2, 1)]
        self.input = buffer("x", shapes[0], "int64")
        self.output = buffer("out", shapes[self.random.choice((0, 1))], "int64", "output")
        self.temporary = buffer("t", shapes[2], "int64", "temporary")

    def kernel(self) -> Kernel:
        body = [statement for _ in range(self.random.randint(1, 3)) for statement in self.body((), 0)]
        return Kernel("fuzz", (self.input, self.output, self.temporary), tuple(body))

    def body(self, bound: tuple[Index, ...], depth: int) -> Iterator[Statement]:
        choice = self.random.random()
        if depth < 2 and choice < 0.3:
            yield from self.whole(bound)
        elif depth < 3 and choice < 0.55:
            yield self.loop(bound, depth)
        elif depth < 3 and bound and choice < 0.65:
            bodies = [one for _ in range(self.random.randint(1, 2)) for one in self.body(bound, depth + 1)]
            yield when(self.condition(bound), *bodies)
        else:
            for _ in range(self.random.randint(1, 2)):
                yield self.plain(bound)

    def whole(self, bound: tuple[Index, ...]) -> Iterator[Statement]:
        """A store to every element of a buffer, if nothing is wrong with it."""
        target = self.random.choice((self.output, self.temporary))
        own = tuple(Index(name) for name in ("p", "q")[: len(target.shape)])
        shift = self.random.choice((0, 0, 0, 0, 1))
        pairs = zip(own, target.shape, strict=True)
        indices = tuple(one if self.random.random() < 0.8 else length - 1 - one for one, length in pairs)
        statement: Statement = store(target, indices, self.value((*bound, *own)))
        for one, length in zip(own[::-1], target.shape[::-1], strict=True):
            statement = loop(one, length, statement, start=shift, kind=self.random.choice(("serial", "parallel")))
        yield statement

    def loop(self, bound: tuple[Index, ...], depth: int) -> Statement:
        index = Index(NAMES[len(bound)]) if len(bound) < 3 else Index(f"i{len(bound)}")
        target = self.random.choice((self.output, self.temporary, self.input))
        stop: Scalar | int = self.random.choice((*target.shape, *target.shape, self.random.randint(0, 4)))
        start: Scalar | int = self.random.choice((0, 0, 0, 1))
        if bound and self.random.random() < 0.3:
            outer, width = self.random.choice(bound), self.random.randint(1, 3)
            start = outer * width if self.random.random() < 0.5 else outer
            end = start + width if self.random.random() < 0.7 else constant(stop, "int64")
            stop = apply("minimum", end, stop) if self.random.random() < 0.5 else end
        bodies = [one for _ in range(self.random.randint(1, 2)) for one in self.body((*bound, index), depth + 1)]
        return loop(index, stop, *bodies, start=start, kind=self.random.choice(("serial", "parallel")))

    def plain(self, bound: tuple[Index, ...]) -> Statement:
        target = self.random.choice((self.output, self.output, self.temporary))
        choice = self.random.random()
        if choice < 0.15:
            return fill(target, 1)
        value = self.value(bound)
        if choice < 0.75:
            return store(target, self.place(target, bound), value)
        return accumulate(target, self.place(target, bound), self.random.choice(("sum", "maximum")), value)

    def value(self, bound: tuple[Index, ...]) -> Scalar:
        source = self.random.choice((self.input, self.input, self.temporary, self.output))
        loaded = source[self.place(source, bound)]
        return loaded + 1 if self.random.random() < 0.5 else loaded * 3

    def place(self, target: Buffer, bound: tuple[Index, ...]) -> tuple[Scalar, ...]:
        return tuple(self.index(length, bound) for length in target.shape)

    def index(self, length: int, bound: tuple[Index, ...]) -> Scalar:
        choice = self.random.random()
        if not bound or choice < 0.1:
            return constant(self.random.randrange(length), "int64")
        one, other = self.random.choice(bound), self.random.choice(bound)
        if choice < 0.6:
            return one
        if choice < 0.65:
            return length - 1 - one
        if choice < 0.7:
            return one + self.random.choice((-1, 1))
        if choice < 0.8:
            return one * self.random.choice((2, 3)) + other
        if choice < 0.85:
            return apply(self.random.choice(("fmod", "divide")), one, self.random.randint(1, 3))
        if choice < 0.9:
            return apply("maximum", apply("minimum", self.input[one % self.input.shape[0]], length - 1), 0)
        return apply("minimum", one, length - 1)

    def condition(self, bound: tuple[Index, ...]) -> Scalar:
        one = self.random.choice(bound)
        number = self.random.randint(0, 4)
        tests = (one < number, one >= number, one * 2 + self.random.choice(bound) <= number, one == number)
        test = self.random.choice(tests)
        return test & (self.random.choice(bound) < 3) if self.random.random() < 0.2 else test


class Watch(Memory):
    """The interpreter, which writes down who touches what, and finds by trial what the verifier finds by proof."""

    def __init__(self, kernel: Kernel, given: dict[Buffer, np.ndarray]) -> None:
        super().__init__(kernel, given)
        self.log: list[tuple[Buffer, tuple[int, ...], str]] = []

    def run(self, body: Iterable[Statement]) -> None:
        for statement in body:
            if isinstance(statement, For):
                self.loop(statement)
                continue
            super().run([statement])
            if isinstance(statement, Accumulate):
                self.log[-1] = (*self.log[-1][:2], "accumulate")
            elif isinstance(statement, Fill):
                places = np.ndindex(statement.buffer.shape)
                self.log += [(statement.buffer, place, "store") for place in places]

    def loop(self, statement: For) -> None:
        start, stop = self.evaluate(statement)
        before, logs = self.log, []
        for number in range(int(start), int(stop)):
            self.log = []
            self.indices[statement.index] = np.int64(number)
            self.run(statement.body)
            logs.append(self.log)
        self.log = before + [entry for log in logs for entry in log]
        if statement.kind == "parallel" and any(meet(one, other) for one, other in combinations(logs, 2)):
            raise GraphError("watch", expected="iterations apart", got="a meeting", remedy="")

    def place(self, buffer: Buffer, indices: list[Any], *, reads: bool) -> tuple[int, ...]:
        place = super().place(buffer, indices, reads=reads)
        self.log.append((buffer, place, "read" if reads else "store"))
        return place

    def is_well(self, kernel: Kernel) -> bool:
        """Whether the kernel runs, without a meeting, and stores once to every element of its outputs."""
        try:
            self.run(kernel.body)
        except GraphError:
            return False
        for output in kernel.role("output"):
            stored = [place for buffer, place, kind in self.log if buffer is output and kind == "store"]
            if sorted(stored) != sorted(np.ndindex(output.shape)):
                return False
        return True


def meet(log: list[tuple[Buffer, tuple[int, ...], str]], other: list[tuple[Buffer, tuple[int, ...], str]]) -> bool:
    """Whether two iterations touch one element, and not both only read it."""
    touched = {(id(buffer), place) for buffer, place, _ in log}
    written = {(id(buffer), place) for buffer, place, kind in log if kind != "read"}
    return any((id(buffer), place) in (written if kind == "read" else touched) for buffer, place, kind in other)
