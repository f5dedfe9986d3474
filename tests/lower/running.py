"""How the tests of the compiler run a graph: by the reference, by machine code of any width and number of threads, with
single passes turned off, and by an interpreter of lowered programs that is told no secrets by the passes."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

import chainrule.lower
from chainrule.evaluate import Program as Evaluator
from chainrule.graph import Graph, Input, Sample, apply
from chainrule.loops import Buffer, Kernel, parse_kernel, verify
from chainrule.lower import lower
from chainrule.lower.program import Program, Run, leaves
from chainrule.native import ir, workspace
from chainrule.native.code import POINTER, WORD, number
from chainrule.native.engine import compile_ir
from chainrule.native.executable import Executable
from chainrule.native.kernel import Emitter
from chainrule.native.mapping import Mapping
from chainrule.native.team import shared_team
from chainrule.pytree import flatten
from chainrule.simplify import simplify
from chainrule.trace import trace_function
from chainrule.types import ArrayType
from tests.lower.order import read_too_soon

WIDTHS = (16, 32, 64)
THREADS = (1, 2, 4, 8)
UNPROVED = ("check", "cumsum", "cumprod", "cummax", "cummin", "recurrence")
ROUNDING = {np.dtype(np.float32): (2e-5, 2e-5), np.dtype(np.float64): (1e-11, 1e-12)}


class _NumpyOfRubbish:
    """NumPy whose empty arrays are full of rubbish. New memory often is that of the last run, with its results still
    there: a result that is never written, or an array that is read before it is, would be right by chance."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def empty(*request: Any) -> np.ndarray:
        array = np.empty(*request)
        array.reshape(-1).view(np.uint8)[...] = 0x5B
        return array


workspace.np = _NumpyOfRubbish()


# ------------------------------------------------------------------------------------------------------------- graphs


def graph_of(function: Callable[..., Any], *args: Any) -> Graph:
    """The simplified graph of a function of arrays."""
    leaves, structure = flatten((args, {}))
    return simplify(trace_function(function, leaves, structure).graph)


def values_of(*args: Any) -> list[np.ndarray]:
    """The arrays in arguments, in the order of the graph's inputs."""
    return [np.asarray(leaf) for leaf in flatten((args, {}))[0]]


def graph_of_sample(operation: Any, sample: Sample, dtype: Any = None) -> tuple[Graph, list[np.ndarray]]:
    """One node that applies the operation to inputs, and their values; floats in `dtype` if it is given."""
    arrays = [np.asarray(operand) for operand in sample.operands]
    arrays = [array.astype(float) if array.dtype == object else array for array in arrays]
    if dtype is not None:
        arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in arrays]
    inputs = [Input(ArrayType.of(array), f"x{k}") for k, array in enumerate(arrays)]
    node = apply(operation, tuple(inputs), sample.parameters)
    return Graph(inputs, node.results if isinstance(node.type, tuple) else [node]), arrays


# ------------------------------------------------------------------------------------------------------------- passes


def _each_alone(block: Any) -> list[Any]:
    return [(root,) for root in block.roots()]


def _apart(program: Program) -> Program:
    """An arena in which no two places share memory."""
    from chainrule.lower.arena import ALIGNMENT
    from chainrule.lower.join import accesses, every

    places = [place.root for step in every(program.steps) for group in accesses(step) for place in group]
    for place in dict.fromkeys(places):
        if place.kind == "local":
            place.offset = program.arena
            program.arena += -(-max(1, place.bytes) // ALIGNMENT) * ALIGNMENT
    return program


def _unmerged(nest: Any) -> Any:
    if nest.outer:
        nest.leading, nest.leading_extent = nest.outer[0].index, nest.outer[0].extent
    return nest


def _all_stored(lay_out: Any) -> Any:
    return lambda order, outputs, forced=(): lay_out(order, outputs, set(order))


def _patches(name: str) -> list[Any]:
    from chainrule.lower import block

    one_by_one = Mapping(None, 1)
    return {
        "packing": lambda: [mock.patch.object(chainrule.lower, "pack_operands", lambda program: program)],
        "blocking": lambda: [mock.patch.object(chainrule.lower, "block_rows", lambda program: program)],
        "parting": lambda: [mock.patch.object(chainrule.lower, "part_folds", lambda program: program)],
        "strips": lambda: [mock.patch("chainrule.native.routine.strips", return_value={})],
        "join": lambda: [mock.patch.object(chainrule.lower, "join", lambda program: program)],
        "group": lambda: [mock.patch.object(block, "group", _each_alone)],
        "epilogue": lambda: [mock.patch("chainrule.lower.place._can_accumulate", return_value=False)],
        "inlining": lambda: [mock.patch.object(block, "lay_out", _all_stored(block.lay_out))],
        "arena": lambda: [mock.patch.object(chainrule.lower, "lay_out_arena", _apart)],
        "merging": lambda: [mock.patch("chainrule.native.nest.merged", _unmerged)],
        "transposing": lambda: [mock.patch("chainrule.native.mapping.crossed_axis", return_value=None)],
        "vectors": lambda: [
            mock.patch(f"chainrule.native.{file}.choose", return_value=one_by_one) for file in ("mapping", "tiles")
        ],
    }[name]()


PASSES = (
    "packing", "blocking", "parting", "strips", "join", "group", "epilogue", "inlining", "arena", "merging",
    "transposing", "vectors",
)  # fmt: skip


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Passes of the compiler turned off."""
    with ExitStack() as stack:
        for name in names:
            for patch in _patches(name):
                stack.enter_context(patch)
        yield


@contextmanager
def everything_split() -> Iterator[None]:
    """Whatever can be shared out between threads is, however small."""
    with (
        mock.patch("chainrule.native.share.WORTH_SPLITTING", 0.0),
        mock.patch("chainrule.native.share.WORTH_THREADS", 0.0),
        mock.patch("chainrule.native.share.LEAST_GAIN", 0.0),
    ):
        yield


@contextmanager
def threads(count: int) -> Iterator[None]:
    """A number of threads for each run."""
    team = shared_team()
    before = team.limit
    team.limit = count
    try:
        yield
    finally:
        team.limit = before


# ------------------------------------------------------------------------------------------------------------ running


def in_order(graph: Graph, scratch: Any = lambda *_: 0) -> Program:
    """The lowered program, whose steps find what they read."""
    program = lower(graph, scratch)
    assert not read_too_soon(program)
    return program


def verified(graph: Graph, scratch: Any = lambda *_: 0) -> Program:
    """The lowered program in order, every kernel of which is well formed.

    A result may also be what a kernel works in: it is checked as a temporary. That all of it is written, the
    interpreter of programs sees. What reads its own earlier results across two axes is beyond the verifier's proofs.
    """
    program = in_order(graph, scratch)
    for step in leaves(program.steps):
        if isinstance(step, Run) and step.kernel.name not in UNPROVED:
            verify(parse_kernel(str(step.kernel).replace("output ", "temporary ")))
    return program


def compiled(
    graph: Graph, *, width: int | None = None, off: Sequence[str] = (), split: bool = False, proved: bool = True
) -> Executable:
    """The graph as machine code, with vectors of some width, passes turned off, and all that can be split split; its
    kernels are verified if they are to be `proved`."""
    with ExitStack() as stack:
        stack.enter_context(without(*off))
        stack.enter_context(mock.patch.object(chainrule.lower, "lower", verified if proved else in_order))
        stack.enter_context(mock.patch("chainrule.native.build._identity", return_value=None))  # of the cache, if any
        if width is not None:
            stack.enter_context(mock.patch("chainrule.native.build.vector_bytes", return_value=width))
        if split:
            stack.enter_context(everything_split())
        made = Executable(graph)
    made.contention = made.trials = Unworried()  # type: ignore[assignment]
    return made


class Unworried:
    """What has as many threads as it is told to, however busy the machine is."""

    alone = False

    def judge(self, *_: Any) -> None:
        """Learn nothing from a run."""

    note = judge


def reference(graph: Graph, values: Sequence[Any]) -> list[np.ndarray]:
    """What the graph means."""
    return [np.asarray(value) for value in Evaluator(graph).run(list(values))]


def check(
    expected: Sequence[np.ndarray], found: Sequence[np.ndarray], note: str = "", tolerance: float | None = None
) -> None:
    """Equal in shape and dtype; whole numbers to the bit, floats to rounding."""
    assert len(expected) == len(found), note
    for k, (one, other) in enumerate(zip(expected, found, strict=True)):
        assert (other.shape, other.dtype) == (one.shape, one.dtype), f"{note}: output {k}"
        if one.dtype.kind == "f":
            relative, absolute = ROUNDING[one.dtype] if tolerance is None else (tolerance, tolerance)
            np.testing.assert_allclose(other, one, relative, absolute, err_msg=f"{note}: output {k}")
        else:
            np.testing.assert_array_equal(other, one, err_msg=f"{note}: output {k}")


def same_bits(one: Sequence[np.ndarray], other: Sequence[np.ndarray], note: str = "") -> None:
    """Equal to the bit."""
    for k, (x, y) in enumerate(zip(one, other, strict=True)):
        assert x.tobytes() == y.tobytes(), f"{note}: output {k}: {x} and {y}"


def compare(function: Callable[..., Any], *args: Any, **options: Any) -> Executable:
    """Run a function compiled and by the reference; what it was compiled to."""
    graph = graph_of(function, *args)
    values = values_of(*args)
    made = compiled(graph, **options)
    check(reference(graph, values), made.run(values), str(options))
    return made


def compare_threads(function: Callable[..., Any], *args: Any, counts: Sequence[int] = THREADS, **options: Any) -> None:
    """The same of code that is split between threads, which must give the same bits for any number of them, and those
    of code for one."""
    graph = graph_of(function, *args)
    values = values_of(*args)
    alone = compiled(graph, **options).run(values)
    check(reference(graph, values), alone, str(options))
    made = compiled(graph, split=True, **options)
    assert made.threaded
    for count in counts:
        with threads(count):
            for _ in range(2):
                same_bits(alone, made.run(values), f"{count} threads, {options}")


def numbers(*shape: int, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
    """Numbers of a shape: normal ones, integers from -9 to 9 (or 0 to 9), or truth values."""
    random = np.random.default_rng((seed, *shape))
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return random.standard_normal(shape).astype(kind)
    if kind.kind == "b":
        return random.random(shape) < 0.5
    return random.integers(0 if kind.kind == "u" else -9, 10, shape).astype(kind)


def run_kernel(kernel: Kernel, *inputs: Any, width: int = 32, threads: int = 0) -> list[np.ndarray]:
    """The outputs of one kernel as machine code; with `threads`, its work divided by so many, one after another."""
    module = ir.Module(name="kernel")
    emitter = Emitter(module, width)
    function = emitter.function(kernel, range(len(kernel.buffers)), threads > 0)
    assert emitter.function(kernel, range(len(kernel.buffers)), threads > 0) is function
    entry = ir.Function(module, ir.FunctionType(ir.VoidType(), [POINTER, WORD, WORD]), "entry")
    builder = ir.IRBuilder(entry.append_basic_block())
    table, *share = entry.args
    count = len(kernel.buffers) + 1
    pointers = [builder.load(builder.gep(table, [number(k)], source_etype=POINTER), typ=POINTER) for k in range(count)]
    builder.call(function, [*pointers, *(share if threads else [])])
    builder.ret_void()
    given = iter(inputs)
    arrays = [
        np.ascontiguousarray(next(given), one.dtype) if one.role == "input" else _rubbish(one) for one in kernel.buffers
    ]
    arrays.append(np.zeros(1 << 16, np.uint8))
    addresses = (ctypes.c_void_p * count)(*(array.ctypes.data for array in arrays))
    run = compile_ir(str(module), cache=None).function("entry", None, 3)
    for thread in range(max(1, threads)):
        run(ctypes.addressof(addresses), thread, max(1, threads))
    return [array for array, one in zip(arrays, kernel.buffers, strict=False) if one.role == "output"]


def _rubbish(one: Buffer) -> np.ndarray:
    size = math.prod(one.shape) * one.dtype.itemsize
    return np.full(size, 0x5B, np.uint8).view(one.dtype).reshape(one.shape)
