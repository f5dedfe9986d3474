"""Containers of arrays: any nesting of tuples, lists, dicts, ordered dicts, named tuples, registered classes, and None.

A tree is taken apart into leaves and a hashable `Structure`, and put together again from new leaves. Dicts are
ordered by their sorted keys, so two dicts that are equal have one structure.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.errors import StructureError

Flatten = Callable[[Any], tuple[Sequence[Any], Any]]
Unflatten = Callable[[Any, Sequence[Any]], Any]


@dataclass(frozen=True)
class Structure:
    """The shape of a container: its kind, what the kind must remember, and its children. A leaf has the kind None."""

    kind: type | None
    memory: Any = None
    children: tuple[Structure, ...] = ()

    @property
    def leaves(self) -> int:
        """How many leaves a tree of this structure has."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)

    @property
    def described(self) -> str:
        """What messages call it: its text, in which `*` is a leaf, or words where that would be all."""
        return "one value" if self.kind is None else str(self)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        if self.kind is type(None):
            return "None"
        inside = [str(child) for child in self.children]
        if self.kind in (dict, OrderedDict):
            inside = [f"{key!r}: {child}" for key, child in zip(self.memory, inside, strict=True)]
        return f"{self.kind.__name__}({', '.join(inside)})"


LEAF = Structure(None)
_registered: dict[type, tuple[Flatten, Unflatten]] = {}


def register_pytree(kind: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Make instances of `kind` containers.

    `flatten(instance)` gives (children, memory) where memory is hashable; `unflatten(memory, children)` gives the
    instance.

    >>> class Point:
    ...     def __init__(self, x, y): self.x, self.y = x, y
    >>> register_pytree(Point, lambda p: ((p.x, p.y), None), lambda _, children: Point(*children))
    >>> flatten(Point(1, 2))[0]
    [1, 2]
    """
    _registered[kind] = (flatten, unflatten)


def _split_dict(tree: dict[Any, Any]) -> tuple[Sequence[Any], Any]:
    try:
        keys = tuple(sorted(tree))
    except TypeError:
        keys = tuple(sorted(tree, key=lambda key: (type(key).__name__, repr(key))))
    return [tree[key] for key in keys], keys


register_pytree(tuple, lambda tree: (tree, None), lambda _, children: tuple(children))
register_pytree(list, lambda tree: (tree, None), lambda _, children: list(children))
register_pytree(dict, _split_dict, lambda keys, children: dict(zip(keys, children, strict=True)))
register_pytree(
    OrderedDict,
    lambda tree: (tuple(tree.values()), tuple(tree)),
    lambda keys, children: OrderedDict(zip(keys, children, strict=True)),
)
register_pytree(type(None), lambda tree: ((), None), lambda memory, children: None)


def rule_of(kind: type) -> tuple[Flatten, Unflatten] | None:
    """How containers of a class are taken apart and put together; None where its instances are leaves."""
    rule = _registered.get(kind)
    if rule is None and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        rule = _registered[kind] = (lambda tree: (tree, None)), (lambda _, children: kind(*children))
    return rule


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree, in order, and its structure.

    >>> leaves, structure = flatten({"w": [1, 2], "b": (3, None)})
    >>> leaves, str(structure)
    ([3, 1, 2], "dict('b': tuple(*, None), 'w': list(*, *))")
    """
    leaves: list[Any] = []
    return leaves, _take_apart(tree, leaves)


# Functions of the module, not inside others: one that calls itself from a closure is a cycle, which would keep the
# arrays of every call alive until the garbage collector runs.
def _take_apart(tree: Any, leaves: list[Any]) -> Structure:
    rule = rule_of(type(tree))
    if rule is None:
        leaves.append(tree)
        return LEAF
    children, memory = rule[0](tree)
    return Structure(type(tree), memory, tuple(_take_apart(child, leaves) for child in children))


def _put_together(structure: Structure, supply: Iterator[Any]) -> Any:
    if structure.kind is None:
        return next(supply)
    children = [_put_together(child, supply) for child in structure.children]
    return _registered[structure.kind][1](structure.memory, children)


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves: the inverse of `flatten`."""
    return _put_together(structure, iter(leaves))


def tree_map(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """Apply `function` leaf by leaf to trees of one structure.

    >>> tree_map(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"x": 10, "y": (20, 30)})
    {'x': 11, 'y': (22, 33)}
    """
    leaves, structure = flatten(tree)
    columns = [leaves, *(flatten_like(structure, other, "tree_map") for other in others)]
    return unflatten(structure, [function(*row) for row in zip(*columns, strict=True)])


def flatten_like(structure: Structure, tree: Any, operation: str) -> list[Any]:
    """The leaves of a tree that must have this structure."""
    leaves, found = flatten(tree)
    if found != structure:
        raise StructureError(
            operation,
            expected=f"a tree of the structure {structure.described}",
            got=found.described,
            remedy="Give both the same containers and keys.",
        )
    return leaves


def paths(structure: Structure, name: str) -> list[str]:
    """A readable path to each leaf, as the user would index it.

    >>> paths(flatten({"w": [1, 2], "b": 3})[1], "params")
    ["params['b']", "params['w'][0]", "params['w'][1]"]
    """
    if structure.kind is None:
        return [name]
    if structure.kind in (dict, OrderedDict):
        steps = [f"[{key!r}]" for key in structure.memory]
    elif hasattr(structure.kind, "_fields"):
        steps = [f".{field}" for field in structure.kind._fields]
    else:
        steps = [f"[{k}]" for k in range(len(structure.children))]
    return [path for step, child in zip(steps, structure.children, strict=True) for path in paths(child, name + step)]
