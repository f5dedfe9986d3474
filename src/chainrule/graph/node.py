"""Nodes: the values of a computation graph, each made once.

A node applies an operation to operands. Equal nodes are one node (hash-consing), so a shared term is computed once
because it exists once. Inputs are equal to nothing but themselves, which keeps the graphs of two traces apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from chainrule.errors import GraphError
from chainrule.graph.derivative import Linear
from chainrule.graph.lowering import Evaluated
from chainrule.graph.operation import Operation
from chainrule.graph.protocols import ArrayProtocols, call_function
from chainrule.source import Location, user_location
from chainrule.types import ArrayType, check_plain

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SMALL = 64  # elements: constants up to this size are shared by value, larger ones by object
_nodes: WeakValueDictionary[Any, Node] = WeakValueDictionary()
serials = itertools.count()


class Node(ArrayProtocols):
    """One value: an operation applied to operands, with a type, and the user's line that it came from.

    NumPy's functions and operators take nodes and give nodes, so rules are written as ordinary NumPy. `x == y` is a
    node too: whether two nodes are the same one is asked with `is`, and sets and dicts go by identity.
    """

    __slots__ = ("__weakref__", "location", "operands", "operation", "parameters", "serial", "type")

    __hash__ = object.__hash__  # type: ignore[assignment]  # by identity: equal nodes are one node

    operation: Any
    """The `Operation`; None for an input or a constant."""
    operands: tuple[Node, ...]
    parameters: Mapping[str, Any]
    type: Any
    location: Location | None
    serial: int
    """Grows from node to node: what was there before something else was traced."""

    def __init__(
        self, operation: Operation | None, operands: tuple[Node, ...], parameters: Mapping[str, Any], type: Any
    ) -> None:
        self.operation, self.operands, self.parameters, self.type = operation, operands, parameters, type
        self.location, self.serial = user_location(), next(serials)

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each axis."""
        return self.type.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the elements."""
        return self.type.dtype

    @property
    def results(self) -> tuple[Node, ...]:
        """The results of an operation with several: one node for each."""
        return tuple(apply(project, (self,), {"index": k}) for k in range(len(self.type)))

    def call_numpy(self, function: Any, arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """What a NumPy function makes of nodes: new nodes."""
        return call_function(function, arguments, options)

    def __bool__(self) -> bool:
        raise GraphError(
            "graph",
            expected="a decision on numbers",
            got=f"the truth of {self!r}, which has none",
            remedy="Compare nodes with `is`, or write np.where.",
        )

    def __repr__(self) -> str:
        return f"<{self.operation.name if self.operation else type(self).__name__.lower()}: {print_type(self.type)}>"


def print_type(kind: Any) -> str:
    """The text of a type, or of the types of several results."""
    return f"({', '.join(map(str, kind))})" if isinstance(kind, tuple) else str(kind)


class Input(Node):
    """A value given from outside: an argument of a graph."""

    __slots__ = ("name",)
    name: str

    def __init__(self, type: ArrayType, name: str = "x") -> None:
        super().__init__(None, (), _NOTHING, type)
        self.name = name


class Constant(Node):
    """A number or an array that is part of the graph; its `value` is read-only."""

    __slots__ = ("value",)
    value: np.ndarray

    def __init__(self, value: np.ndarray) -> None:
        super().__init__(None, (), _NOTHING, ArrayType.of(value, "constant"))
        self.value = value


def constant(value: Any, dtype: Any = None) -> Constant:
    """The node of a fixed value; the array is copied, so a later change to it does not reach the graph.

    >>> constant(2.0) is constant(2.0), constant(2.0) is constant(2)
    (True, False)
    """
    array = np.array(check_plain("constant", value), dtype=dtype, order="C")
    kind = ArrayType.of(array, "constant")
    array = np.asarray(array, kind.dtype)
    array.flags.writeable = False
    if array.size > _SMALL:
        return Constant(array)
    key = (kind, array.tobytes())
    found = _nodes.get(key)
    if found is None:
        found = _nodes[key] = Constant(array)
    return found  # type: ignore[return-value]


def as_node(value: Any) -> Node:
    """A node as it is; anything else as a constant."""
    return value if isinstance(value, Node) else constant(value)


def apply(operation: Operation, operands: tuple[Node, ...], parameters: Mapping[str, Any] = _NOTHING) -> Node:
    """The one node that applies `operation` to `operands`: made now, or found where it was made before."""
    key = (operation, operands, tuple(sorted(parameters.items()))) if parameters else (operation, operands)
    found = _nodes.get(key)
    if found is None:
        kind = operation.infer(*(operand.type for operand in operands), **parameters)
        found = _nodes[key] = Node(operation, operands, MappingProxyType(dict(parameters)), kind)
    return found


def in_order(roots: Iterable[Node], known: Container[Node] = ()) -> list[Node]:
    """Every node that the roots need, operands first; the search stops at `known` nodes, which are left out.

    An explicit stack, so a chain of any depth is walked; the order depends on the graph alone.
    """
    seen: set[Node] = set()
    order: list[Node] = []
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            order.append(node)
        elif node not in seen and node not in known:
            seen.add(node)
            stack.append((node, True))
            stack.extend((operand, False) for operand in reversed(node.operands))
    return order


def _infer_project(kind: Any, *, index: int) -> ArrayType:
    if not isinstance(kind, tuple) or not 0 <= index < len(kind):
        raise GraphError(
            "project",
            expected=f"an operand with more than {index} results",
            got=print_type(kind),
            remedy="Choose a result that exists.",
        )
    return kind[index]


project = Operation(
    name="project",
    infer=_infer_project,
    reference=lambda results, *, index: results[index],
    exact=lambda results, *, index: results[index],
    derivative=Linear(lambda cotangent, k, operand, *, index: cotangent),
    batch=lambda operands, batched, size, *, index: (
        operands[0] if isinstance(operands[0], tuple) else operands[0].results
    )[index],
    lowering=Evaluated(),
    latex=r"{{{0}}}_{{{index}}}",
    samples=lambda: (),
    rejects=lambda: (),
)
