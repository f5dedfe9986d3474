"""The computation graph: nodes, the record of an operation, NumPy's protocols, and the graph as text."""

from chainrule.graph.calculus import calculus
from chainrule.graph.derivative import Derivative, Flat, Linear, Partials, Structural, Tangents
from chainrule.graph.graph import Graph, depends_on, rebuild, substitute
from chainrule.graph.lowering import (
    Composed,
    Condition,
    Element,
    Evaluated,
    Flow,
    Fold,
    Lowering,
    Routine,
    SameElements,
    Statements,
)
from chainrule.graph.node import Constant, Input, Node, apply, as_node, constant, in_order, project
from chainrule.graph.operation import OPERATIONS, Operation, Sample
from chainrule.graph.parser import parse_graph
from chainrule.graph.printer import print_graph
from chainrule.graph.protocols import (
    FUNCTIONS,
    METHODS,
    ArrayProtocols,
    call_function,
    concrete,
    concrete_value,
    name_of,
    no_number,
    reaches,
)
from chainrule.graph.verifier import verify

__all__ = [
    "FUNCTIONS",
    "METHODS",
    "OPERATIONS",
    "ArrayProtocols",
    "Composed",
    "Condition",
    "Constant",
    "Derivative",
    "Element",
    "Evaluated",
    "Flat",
    "Flow",
    "Fold",
    "Graph",
    "Input",
    "Linear",
    "Lowering",
    "Node",
    "Operation",
    "Partials",
    "Routine",
    "SameElements",
    "Sample",
    "Statements",
    "Structural",
    "Tangents",
    "apply",
    "as_node",
    "calculus",
    "call_function",
    "concrete",
    "concrete_value",
    "constant",
    "depends_on",
    "in_order",
    "name_of",
    "no_number",
    "parse_graph",
    "print_graph",
    "project",
    "reaches",
    "rebuild",
    "substitute",
    "verify",
]
