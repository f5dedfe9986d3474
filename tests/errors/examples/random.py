"""Errors of `random.py`: keys, shapes, bounds."""

import numpy as np

from chainrule import random
from chainrule.graph import OPERATIONS

KEY = random.key(0)

EXAMPLES = [
    ("a negative seed", lambda: random.key(-1)),
    ("a seed that is a float", lambda: random.key(1.5)),
    ("an integer in place of a key", lambda: random.normal(7, 3)),
    ("two keys in place of one", lambda: random.uniform(random.split(KEY, 2), 3)),
    ("folding in a float", lambda: random.fold_in(KEY, 0.5)),
    ("a shape that is none", lambda: random.uniform(KEY, -3)),
    ("a shape of floats", lambda: random.uniform(KEY, (2.0, 3.0))),
    ("a shape that the parameters do not broadcast to", lambda: random.normal(KEY, 3, mean=np.zeros((2, 3)))),
    ("normal numbers that are integers", lambda: random.normal(KEY, 3, dtype=np.int64)),
    ("integers that are floats", lambda: random.integers(KEY, 0, 10, dtype=np.float64)),
    ("integers between bounds that are floats", lambda: random.integers(KEY, np.array([0.5]), 10)),
    ("integers from nothing", lambda: random.integers(KEY, 10, 10)),
    ("integers beyond their dtype", lambda: random.integers(KEY, 0, 300, dtype=np.int8)),
    ("a choice of no category", lambda: random.categorical(KEY, np.zeros((2, 0)))),
    ("a permutation along an axis that is not there", lambda: random.permutation(KEY, np.ones(3), axis=1)),
    ("Philox with a key of floats", lambda: OPERATIONS["philox"](np.zeros(2), np.zeros(4, np.uint64), length=4)),
    ("Philox with a long key", lambda: OPERATIONS["philox"](np.zeros(3, np.uint64), np.zeros(4, np.uint64), length=4)),
    ("Philox of a negative length", lambda: OPERATIONS["philox"](KEY, np.zeros(4, np.uint64), length=-1)),
]
