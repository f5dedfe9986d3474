"""Errors of convolution and pooling: `ops/convolve.py`, `convolution.py`, `window.py`, `pooling.py`."""

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS
from chainrule.nn import convolve, convolve_transpose, max_pool

X, W = np.ones((2, 4, 9)), np.ones((6, 4, 3))  # (batch, channels, places), (features, channels, places)
STEPS = {"stride": (1,), "padding": ((0, 0),), "dilation": (1,), "input_dilation": (1,)}


def pool(**settings):
    return cr.trace(lambda x: max_pool(x, **{"window": 3, **settings}), X)


def slide(operation=convolve, w=W, **settings):
    return cr.trace(lambda x: operation(x, w, **settings), X)


EXAMPLES = [
    ("a convolution of other channels", lambda: slide(w=W[:, :3])),
    ("a convolution of a vector", lambda: slide(w=np.ones(3))),
    ("a kernel longer than the input", lambda: slide(w=np.ones((6, 4, 10)))),
    ("groups that do not split the features", lambda: slide(groups=4)),
    ("a stride of zero", lambda: slide(stride=0)),
    ("a stride too many", lambda: slide(stride=(1, 1))),
    ("a padding that is negative", lambda: slide(padding=-1)),
    ("a padding that is a word", lambda: slide(padding="full")),
    ("padding to the same length with a stride", lambda: slide(padding="same", stride=2)),
    ("a transposed convolution of other channels", lambda: slide(convolve_transpose)),
    (
        "a transposed convolution with long output padding",
        lambda: slide(convolve_transpose, np.ones((4, 6, 3)), output_padding=1),
    ),
    ("a transposed convolution of no place", lambda: slide(convolve_transpose, np.ones((4, 6, 3)), padding=6)),
    ("np.convolve of matrices", lambda: cr.trace(lambda x: np.convolve(x, x), np.ones((2, 2)))),
    (
        "np.correlate in a mode that is none",
        lambda: cr.trace(lambda x: np.correlate(x, x, mode="circular"), np.ones(3)),
    ),
    (
        "a convolution of groups that differ",
        lambda: OPERATIONS["convolution"](np.ones((1, 2, 3, 9)), np.ones((1, 2, 3, 3)), **STEPS),
    ),
    (
        "a convolution of different dtypes",
        lambda: OPERATIONS["convolution"](np.ones((1, 2, 3, 9)), np.ones((2, 5, 3, 3), np.float32), **STEPS),
    ),
    (
        "a convolution in steps of zero",
        lambda: OPERATIONS["convolution"](np.ones((1, 2, 3, 9)), np.ones((2, 5, 3, 3)), **{**STEPS, "stride": (0,)}),
    ),
    ("pooling of a vector", lambda: cr.trace(lambda x: max_pool(x, 2), np.ones(9))),
    ("a window that is longer than the input", lambda: pool(window=10)),
    ("a window of zero", lambda: pool(window=0)),
    ("padding of more than half the window", lambda: pool(padding=2)),
    ("windows that are longer than the axis", lambda: OPERATIONS["windows"](np.ones(3), window=(4,), stride=(1,))),
    ("windows in steps of zero", lambda: OPERATIONS["windows"](np.ones(3), window=(2,), stride=(0,))),
    (
        "windows that do not cover the lengths",
        lambda: OPERATIONS["overlap_add"](np.ones((3, 2)), lengths=(3,), stride=(1,)),
    ),
]
