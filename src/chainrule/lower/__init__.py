"""From a graph to steps over memory: what is computed together, in which order, and where it is kept."""

from chainrule.graph import Graph
from chainrule.lower.alike import unite_kernels
from chainrule.lower.arena import lay_out_arena
from chainrule.lower.block import Scratch, lower_steps
from chainrule.lower.blocked import block_rows
from chainrule.lower.join import join
from chainrule.lower.pack import pack_operands
from chainrule.lower.part import part_folds
from chainrule.lower.program import Program

__all__ = ["Program", "lower"]


def lower(graph: Graph, scratch: Scratch = lambda *_: 0) -> Program:
    """The steps that compute a graph, with every array in its place; `scratch` says what memory a routine works in."""
    program = unite_kernels(join(lower_steps(graph, scratch)))
    return lay_out_arena(pack_operands(unite_kernels(part_folds(block_rows(program)))))
