"""What lowering makes of a graph: steps over places in memory, with loops and branches as the machine has them.

A `Place` is memory for one array. Places of kind "local" are laid out by `memory.py` in one arena; the others are the
caller's arrays and the graph's constants. Two places that `memory.py` found may share are joined: `place.joined` is the
one to ask.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from chainrule.graph import Graph, Node
from chainrule.loops import Kernel
from chainrule.types import ArrayType

SMALL_BYTES = 256
"""Up to this size a local place may be a thread's own, on its stack or in its registers."""
Kind: TypeAlias = Literal["input", "output", "constant", "local"]


@dataclass(eq=False)
class Counter:
    """The number of the step that a `Repeat` is at."""

    name: str


@dataclass(eq=False)
class Place:
    """Memory for one array, contiguous in C order.

    With `base` it is a part of another place: the slice along its first axis that `counter` points to.
    """

    name: str
    type: ArrayType
    kind: Kind = "local"
    number: int = 0
    value: np.ndarray | None = None
    base: Place | None = None
    counter: Counter | None = None
    offset: int = 0
    same_as: Place | None = None

    @property
    def joined(self) -> Place:
        """The place that stands for this one after places were joined."""
        place = self
        while place.same_as is not None:
            place = place.same_as
        return place

    @property
    def root(self) -> Place:
        """The place whose memory this is, or is a part of."""
        place = self.joined
        while place.base is not None:
            place = place.base.joined
        return place

    @property
    def bytes(self) -> int:
        """How much memory it takes."""
        return math.prod(self.type.shape) * self.type.dtype.itemsize

    def __str__(self) -> str:
        inside = f" of {self.base} at {self.counter.name}" if self.base is not None and self.counter else ""
        return f"{self.name}{inside}"


@dataclass(eq=False)
class Run:
    """Run a kernel: `places` are those of its buffers, in order."""

    kernel: Kernel
    places: tuple[Place, ...]

    @property
    def reads(self) -> tuple[Place, ...]:
        """The places it reads."""
        return tuple(p for p, b in zip(self.places, self.kernel.buffers, strict=True) if b.role != "output")

    @property
    def writes(self) -> tuple[Place, ...]:
        """The places it fills."""
        return tuple(p for p, b in zip(self.places, self.kernel.buffers, strict=True) if b.role == "output")


@dataclass(eq=False)
class Copy:
    """Copy all bytes of one place to another."""

    target: Place
    source: Place

    @property
    def reads(self) -> tuple[Place, ...]:
        """The place it reads."""
        return (self.source,)

    @property
    def writes(self) -> tuple[Place, ...]:
        """The place it fills."""
        return (self.target,)


@dataclass(eq=False)
class Evaluate:
    """Call back into Python, where the node's operation is run by its reference."""

    node: Node
    operands: tuple[Place, ...]
    results: tuple[Place, ...]

    @property
    def reads(self) -> tuple[Place, ...]:
        """The places it reads."""
        return self.operands

    @property
    def writes(self) -> tuple[Place, ...]:
        """The places it fills."""
        return self.results


@dataclass(eq=False)
class Call:
    """Call a routine of the native library."""

    name: str
    operands: tuple[Place, ...]
    results: tuple[Place, ...]
    types: tuple[ArrayType, ...]
    """Of the operands and the results: a place may have been given another shape."""
    numbers: tuple[int, ...]
    scratch: Place

    @property
    def reads(self) -> tuple[Place, ...]:
        """The places it reads."""
        return self.operands

    @property
    def writes(self) -> tuple[Place, ...]:
        """The places it fills, and the one it works in."""
        return (*self.results, self.scratch)


@dataclass(eq=False)
class Branch:
    """Run one block or the other."""

    predicate: Place
    then: list[Step]
    otherwise: list[Step]


@dataclass(eq=False)
class Repeat:
    """Run a block a number of times, forwards or from the last slice to the first.

    An `independent` one hands nothing from step to step, so its steps may run in any order and at once.
    """

    counter: Counter
    length: int
    reverse: bool
    independent: bool
    body: list[Step]


@dataclass(eq=False)
class While:
    """Run a block for as long as a condition holds, which a block of its own computes, and at most `steps` times."""

    condition: list[Step]
    predicate: Place
    body: list[Step]
    steps: int | None


Leaf: TypeAlias = Run | Copy | Evaluate | Call
Step: TypeAlias = Leaf | Branch | Repeat | While


@dataclass(eq=False)
class Program:
    """A lowered graph."""

    graph: Graph
    inputs: list[Place]
    outputs: list[Place]
    steps: list[Step]
    fault: Place
    """One truth value, set where an operand was what its operation refuses."""
    constants: list[Place] = field(default_factory=list)
    arena: int = 0
    """Bytes of memory for the local places."""

    def __str__(self) -> str:
        from chainrule.lower.show import print_program

        return print_program(self)


def leaves(steps: list[Step]) -> Iterator[Leaf]:
    """Every step that is not control flow, in the order of the text."""
    for step in steps:
        match step:
            case Branch():
                yield from leaves(step.then)
                yield from leaves(step.otherwise)
            case Repeat():
                yield from leaves(step.body)
            case While():
                yield from leaves(step.condition)
                yield from leaves(step.body)
            case _:
                yield step


def rewrite(steps: list[Step], change: Callable[[Run], Sequence[Step]]) -> None:
    """Put other steps in the place of each kernel."""
    found: list[Step] = []
    for step in steps:
        match step:
            case Run():
                found += change(step)
                continue
            case Branch():
                rewrite(step.then, change)
                rewrite(step.otherwise, change)
            case Repeat():
                rewrite(step.body, change)
            case While():
                rewrite(step.condition, change)
                rewrite(step.body, change)
        found.append(step)
    steps[:] = found
