"""Containers: what is one, in which order its leaves come, and that nothing is kept alive by taking one apart."""

from __future__ import annotations

import gc
import weakref
from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

from chainrule.errors import StructureError
from chainrule.pytree import LEAF, Structure, flatten, flatten_like, paths, register_pytree, tree_map, unflatten

Pair = namedtuple("Pair", "a b")


class Box:
    def __init__(self, content, label):
        self.content, self.label = content, label


register_pytree(Box, lambda box: ((box.content,), box.label), lambda label, children: Box(children[0], label))
TREES = [
    1.0,
    None,
    (),
    [],
    {},
    (1, [2, (3,)], {"b": 4, "a": None}),
    Pair(1, Pair(2, None)),
    {1: "x", "a": "y", (2, 3): "z", None: "w"},
    OrderedDict(b=1, a=OrderedDict()),
    "text",
    {"w": np.ones(2)}["w"].tolist(),
]


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_trees_come_back(tree):
    leaves, structure = flatten(tree)
    again = unflatten(structure, leaves)
    assert again == tree
    assert type(again) is type(tree)
    assert structure.leaves == len(leaves) == len(paths(structure, "x"))
    assert hash(structure) == hash(flatten(again)[1])


def test_the_order_of_a_dict_does_not_matter_and_that_of_an_ordered_one_does():
    assert flatten({"b": 1, "a": 2}) == flatten({"a": 2, "b": 1})
    assert flatten({"b": 1, "a": 2})[0] == [2, 1]
    one, other = OrderedDict(b=1, a=2), OrderedDict(a=2, b=1)
    assert flatten(one)[0] == [1, 2]
    assert flatten(one)[1] != flatten(other)[1]
    assert flatten(one)[1] != flatten(dict(one))[1]


def test_other_classes_are_leaves():
    for leaf in (defaultdict(int, a=1), {1, 2}, np.ones(2), object(), type("Sub", (list,), {})([1])):
        leaves, structure = flatten(leaf)
        assert leaves[0] is leaf
        assert structure is LEAF


def test_registered_classes():
    box = tree_map(lambda x: x * 2, Box([1, 2], "label"))
    assert (box.content, box.label) == ([2, 4], "label")
    assert flatten(Box(1, "a"))[1] != flatten(Box(1, "b"))[1]


def test_texts():
    structure = flatten(OrderedDict(w=[1, None], b=Pair(1, Box(2, None))))[1]
    assert str(structure) == "OrderedDict('w': list(*, None), 'b': Pair(*, Box(*)))"
    assert paths(structure, "p") == ["p['w'][0]", "p['b'].a", "p['b'].b[0]"]
    assert LEAF.described == "one value"
    assert Structure(tuple).described == "tuple()"


def test_trees_that_differ():
    assert tree_map(lambda a, b: a - b, Pair(3, 4), Pair(1, 1)) == (2, 3)
    structure = flatten((1, 2))[1]
    for other in ([1, 2], (1, 2, 3), (1, None), Pair(1, 2), 1):
        with pytest.raises(StructureError, match=r"tuple\(\*, \*\)"):
            flatten_like(structure, other, "test")
    assert flatten_like(structure, (5, 6), "test") == [5, 6]


def test_no_leaf_is_kept_alive():
    gc.collect()
    gc.disable()
    try:
        tree = {"w": [np.ones(3)], "b": None}
        watched = weakref.ref(tree["w"][0])
        leaves, structure = flatten(tree)
        again = unflatten(structure, [*leaves, "one too many"])
        del tree, leaves, again
        assert watched() is None
    finally:
        gc.enable()
