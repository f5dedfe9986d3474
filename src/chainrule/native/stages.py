"""The stages of compilation as text: what each made of a graph."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.graph import Graph
from chainrule.lower.arena import lay_out_arena
from chainrule.lower.block import lower_steps
from chainrule.lower.blocked import block_rows
from chainrule.lower.expand import expand
from chainrule.lower.join import join
from chainrule.lower.pack import pack_operands
from chainrule.lower.part import part_folds
from chainrule.lower.program import Program
from chainrule.native.calls import scratch_bytes
from chainrule.native.engine import assembly, optimized_ir
from chainrule.native.host import vector_bytes
from chainrule.native.routine import emit_program
from chainrule.native.share import share


def _fuse(graph: Graph) -> Program:
    return lower_steps(graph, scratch_bytes)


def _join(graph: Graph) -> Program:
    return join(_fuse(graph))


def _block(graph: Graph) -> Program:
    return block_rows(_join(graph))


def _part(graph: Graph) -> Program:
    return part_folds(_block(graph))


def _pack(graph: Graph) -> Program:
    return pack_operands(_part(graph))


def _arena(graph: Graph) -> Program:
    return lay_out_arena(_pack(graph))


def llvm_ir(graph: Graph) -> str:
    """The LLVM IR of a graph."""
    program, width = _arena(graph), vector_bytes()
    return str(emit_program(program, share(program, width), width))


STAGES: dict[str, Callable[[Graph], str]] = {
    "expand": lambda graph: str(expand(graph)),
    "fuse": lambda graph: str(_fuse(graph)),
    "join": lambda graph: str(_join(graph)),
    "block": lambda graph: str(_block(graph)),
    "part": lambda graph: str(_part(graph)),
    "pack": lambda graph: str(_pack(graph)),
    "arena": lambda graph: str(_arena(graph)),
    "llvm": llvm_ir,
    "optimized": lambda graph: optimized_ir(llvm_ir(graph)),
    "assembly": lambda graph: assembly(llvm_ir(graph)),
}
"""What is left by each stage, in their order."""
