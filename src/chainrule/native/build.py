"""From a graph to machine code with all that a run of it needs: from the cache, or lowered, emitted and compiled.

A graph that was compiled before, in another process, need not even be lowered: its text is what the cache knows the
code by, and the code says by itself, in a function `facts`, how much memory it wants and which constants it has.
Lowering and emission take 0.1 s for a training step, and reading the cache 2 ms.

What calls back into this process (operations that are not lowered, LAPACK) is lowered each time, and the cache then
knows the code by its IR.
"""

from __future__ import annotations

import ctypes
import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.graph import Constant, Graph, print_graph
from chainrule.graph.lowering import Flow
from chainrule.native.engine import Compiled, compile_ir, load_compiled
from chainrule.native.host import thread_count, vector_bytes

if TYPE_CHECKING:
    from chainrule.lower.program import Evaluate, Program
    from chainrule.native.share import Shares

HOLD_GIL_BELOW = 10_000.0  # nanoseconds
_MOST_CARRIED = 1 << 16  # bytes of constants that the code carries with it
_LEVEL = 2
_SIZE = ctypes.sizeof(ctypes.c_int64)


class Built(NamedTuple):
    """Machine code, and what a run of it needs."""

    code: Compiled
    threaded: bool
    short: bool
    """Whether a run is done in one thread, in so little time that the interpreter may wait for it."""
    arena: int
    scratch: int
    """The bytes of memory for the local places, and those that each thread works in."""
    constants: list[np.ndarray]
    evaluations: list[Evaluate]
    """The steps that call back."""
    identity: str | None = None
    """The text that the cache knows the code by."""


def build(graph: Graph) -> Built:
    """The machine code of a graph.

    Raises:
        NativeError: LLVM refuses the IR.
    """
    identity = _identity(graph)
    found = load_compiled(identity, level=_LEVEL) if identity is not None else None
    built = _compile(graph, identity) if found is None else _restored(found)
    return built._replace(identity=identity)


def _identity(graph: Graph) -> str | None:
    """The text that the cache knows a graph's code by; None where its constants are too large to be carried."""
    carried = sum(node.value.nbytes for part in _graphs(graph) for node in part.nodes if isinstance(node, Constant))
    if carried > _MOST_CARRIED:
        return None
    return f"graph {vector_bytes()} {_threads()} {print_graph(graph, whole=True)}"


def _threads() -> int:
    """The threads that code is made for: at least two, since their limit may be raised later."""
    return max(2, thread_count())


def _graphs(graph: Graph) -> list[Graph]:
    """A graph and the bodies in it."""
    found, seen = [graph], {graph}
    for one in found:
        inside = [value for node in one.nodes for value in node.parameters.values() if isinstance(value, Graph)]
        new = [body for body in dict.fromkeys(inside) if body not in seen]
        seen.update(new)
        found.extend(new)
    return found


def is_steady(graph: Graph) -> bool:
    """Whether each run of a graph has the same work to do, whatever its values are."""
    kinds = (node.operation.lowering for part in _graphs(graph) for node in part.nodes if node.operation is not None)
    return not any(isinstance(kind, Flow) and kind.kind in ("branch", "while") for kind in kinds)


def _compile(graph: Graph, identity: str | None) -> Built:
    # what makes code is not needed where there is some
    from chainrule.lower import lower
    from chainrule.lower.program import Call, leaves
    from chainrule.native.calls import scratch_bytes
    from chainrule.native.lapack import symbols_of
    from chainrule.native.routine import emit_program, evaluated
    from chainrule.native.share import share
    from chainrule.native.team import prepare

    with _uncollected():
        program, width = lower(graph, scratch_bytes), vector_bytes()
        shares, evaluations = share(program, width, _threads()), evaluated(program)
        if shares.threaded:
            prepare()
        module = emit_program(program, shares, width)
    constants = [ready(place.value, place.type.dtype) for place in program.constants]
    symbols = symbols_of({step.name for step in leaves(program.steps) if isinstance(step, Call)})
    facts = _facts(program, shares, bool(evaluations))
    if evaluations or symbols or sum(array.nbytes for array in constants) > _MOST_CARRIED:
        identity = None
    else:
        _carry(module, facts, constants)
    code = compile_ir(module, level=_LEVEL, identity=identity, symbols=symbols)
    return Built(code, **facts, constants=constants, evaluations=evaluations)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Inside, Python's collector of cycles rests: so many objects are made, and nearly all of them stay, that it would
    take a fifth of the time and find nothing."""
    collects = gc.isenabled()
    try:
        gc.disable()
        yield
    finally:
        if collects:
            gc.enable()


def _facts(program: Program, shares: Shares, calls_back: bool) -> dict[str, Any]:
    short = shares.nanoseconds < HOLD_GIL_BELOW and not calls_back and not shares.threaded
    return {"threaded": shares.threaded, "short": short, "arena": program.arena, "scratch": shares.scratch}


def _carry(module: Any, facts: dict[str, Any], constants: list[np.ndarray]) -> None:
    """Add the function `facts`, which gives the address of the length of a text, the text, and the constants."""
    from chainrule.native import ir
    from chainrule.native.code import POINTER

    text = json.dumps({"facts": facts, "constants": [(array.dtype.name, array.shape) for array in constants]}).encode()
    data = len(text).to_bytes(_SIZE, "little") + text + b"".join(array.tobytes() for array in constants)
    kind = ir.ArrayType(ir.IntType(8), len(data))
    carried = ir.GlobalVariable(module, kind, "carried")
    carried.initializer, carried.global_constant = ir.Constant(kind, bytearray(data)), True
    carried.linkage = "private"
    function = ir.Function(module, ir.FunctionType(POINTER, []), "facts")
    ir.IRBuilder(function.append_basic_block("entry")).ret(carried)


def _restored(code: Compiled) -> Built:
    """What the code says of itself."""
    address = code.function("facts", ctypes.c_void_p, 0)()
    size = ctypes.c_int64.from_address(address).value
    told = json.loads(ctypes.string_at(address + _SIZE, size))
    address += _SIZE + size
    constants = []
    for name, shape in told["constants"]:
        array = np.empty(shape, name)
        ctypes.memmove(array.ctypes.data, address, array.nbytes)
        constants.append(array)
        address += array.nbytes
    return Built(code, **told["facts"], constants=constants, evaluations=[])


def ready(value: Any, dtype: np.dtype) -> np.ndarray:
    """The value as an array that machine code can read: in order, aligned, in the machine's byte order."""
    array = np.asarray(value, dtype)
    is_ready = array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative
    return array if is_ready else np.array(array, dtype, order="C")
