"""Errors of `graph/`: nodes, NumPy's protocols, the text of a graph, the verifier."""

from types import MappingProxyType

import numpy as np
from scipy import special

import chainrule as cr
from chainrule.graph import OPERATIONS, Constant, Graph, Input, Operation, as_node, concrete, verify
from chainrule.graph.node import Node
from chainrule.types import ArrayType

FLOATS = ArrayType((2,), np.dtype(np.float64))


def second_operation_of_a_name():
    facts = {name: getattr(OPERATIONS["sin"], name) for name in Operation.__dataclass_fields__}
    Operation(**facts)


def unregistered():
    facts = {name: getattr(OPERATIONS["sin"], name) for name in Operation.__dataclass_fields__}
    operation = Operation(**{**facts, "name": "new"})
    del OPERATIONS["new"]
    x = Input(FLOATS)
    verify(Graph([x], [operation(x)]))


def input_twice():
    x = Input(FLOATS, "x")
    verify(Graph([x, x], [x]))


def input_of_another_graph():
    x, y = Input(FLOATS, "x"), Input(FLOATS, "y")
    verify(Graph([x], [x + y]))


def writable_constant():
    verify(Graph([], [Constant(np.ones(2))]))


def wrong_type():
    x = Input(FLOATS)
    verify(Graph([x], [Node(OPERATIONS["sin"], (x,), MappingProxyType({}), ArrayType((3,), x.dtype))]))


def results_as_one():
    x = Input(ArrayType((2, 2), np.dtype(np.float64)))
    verify(Graph([x], [np.linalg.slogdet(x)[0].operands[0]]))


def parse(lines):
    """Parse a graph with these lines between its first and its last."""
    return cr.parse_graph(f"graph(x: float64[2]) {{\n{lines}\n}}")


EXAMPLES = [
    ("the truth of a node", lambda: bool(Input(FLOATS) > 0)),
    ("a result that is not there", lambda: OPERATIONS["project"](Input(FLOATS), index=1)),
    ("a second operation of one name", second_operation_of_a_name),
    ("a function of NumPy that is not traced", lambda: cr.jit(np.fft.fft)(np.ones(4))),
    ("a function with a near name", lambda: cr.grad(lambda x: np.nanquantile(x, 0.5))(np.ones(3))),
    ("a ufunc of SciPy that is not traced", lambda: cr.grad(special.jv)(1.0, 2.0)),
    ("a method of a ufunc", lambda: cr.jit(lambda x: np.add.at(x, 0, 1.0))(np.ones(3))),
    ("an argument that is not traced", lambda: cr.jit(lambda x: np.quantile(x, 0.5, weights=x))(np.ones(3))),
    ("an argument that NumPy does not have", lambda: cr.jit(lambda x: x.sum(order="C"))(np.ones(3))),
    ("an argument too few", lambda: cr.jit(lambda x: x.swapaxes(0))(np.ones((2, 2)))),
    ("asarray of a traced value", lambda: cr.grad(lambda x: np.sum(np.asarray(x)))(np.ones(3))),
    ("np.array of traced values", lambda: cr.grad(lambda x: np.sum(np.array([x, x])))(1.0)),
    ("a number that a rule asks for", lambda: concrete(Input(FLOATS), "np.where")),
    ("a boolean mask in vmap", lambda: cr.vmap(lambda x: np.sum(x[x > 0]))(np.ones((3, 2)))),
    ("if in vmap", lambda: cr.vmap(lambda x: x if x > 0 else -x)(np.ones(3))),
    ("float() in scan", lambda: cr.scan(lambda c, x: (c + float(x), None), 0.0, np.ones(3))),
    ("no graph", lambda: cr.parse_graph("grph(x: float64[2]) { return x }")),
    ("a sign that is none", lambda: parse("%1: float64[2] = sin(x) ? return %1")),
    ("a text that ends", lambda: cr.parse_graph("graph(x: float64[2]) { return x")),
    ("a text that goes on", lambda: cr.parse_graph("graph(x: float64[2]) { return x } return")),
    ("a type that is none", lambda: cr.parse_graph("graph(x: float31[2]) { return x }")),
    ("an operation that is none", lambda: parse("%1: float64[2] = sinn(x)\nreturn %1")),
    (
        "operands of wrong shapes",
        lambda: parse("%1: float64[3] = constant([1.0, 2.0, 3.0])\n%2: float64[2] = add(x, %1)"),
    ),
    ("parameters that the operation lacks", lambda: parse("%1: float64[2] = sin(x) {axis=1}\nreturn %1")),
    ("a parameter that is left out", lambda: parse("%1: float64[1, 2] = reshape(x)\nreturn %1")),
    ("another type than the operation's", lambda: parse("%1: float64[3] = sin(x)\nreturn %1")),
    ("a value that is not defined", lambda: parse("%1: float64[2] = sin(y)\nreturn %1")),
    ("a constant cut short", lambda: parse("%1: float64[100] = constant(<100 elements>)\nreturn %1")),
    ("a constant with too few elements", lambda: parse("%1: float64[3] = constant([1.0, 2.0])\nreturn %1")),
    ("a constant that is no array", lambda: parse('%1: float64[1] = constant("not base64!")\nreturn %1')),
    ("a parameter that is no value", lambda: parse("%1: float64[2] = cast(x) {dtype=floot}\nreturn %1")),
    ("a parameter that is a broken string", lambda: parse(r"%1: float64[2] = sin(x) {name='\x'}" "\nreturn %1")),
    ("an input twice", input_twice),
    ("an input of another graph", input_of_another_graph),
    ("a constant that can be written to", writable_constant),
    ("an operation that is not registered", unregistered),
    ("a node of another type than its operation's", wrong_type),
    ("several results as one output", results_as_one),
    ("a complex constant in a rule", lambda: as_node(1j)),
]
