"""Errors about shapes: `ops/shape.py`, `slices.py`, `join.py`, `repeat.py`, `take.py`."""

import numpy as np

import chainrule as cr
from chainrule.graph import OPERATIONS

X = np.ones((2, 3))
V = np.ones(3)

EXAMPLES = [
    ("reshape to other elements", lambda: cr.trace(lambda x: x.reshape(4), X)),
    ("reshape with a length that cannot be", lambda: cr.trace(lambda x: x.reshape(4, -1), X)),
    ("reshape with a float", lambda: cr.trace(lambda x: x.reshape(6.0), X)),
    ("reshape in an order that is none", lambda: cr.trace(lambda x: np.reshape(x, 6, order="B"), X)),
    ("transpose with an axis too few", lambda: cr.trace(lambda x: np.transpose(x, (0,)), X)),
    ("moveaxis with a place too few", lambda: cr.trace(lambda x: np.moveaxis(x, (0, 1), 0), X)),
    ("squeeze of an axis that is longer", lambda: cr.trace(lambda x: np.squeeze(x, 0), X)),
    ("broadcast_to another shape", lambda: cr.trace(lambda x: np.broadcast_to(x, (2, 4)), X)),
    ("meshgrid with an indexing that is none", lambda: cr.trace(lambda x: np.meshgrid(x, x, indexing="yx"), V)),
    ("diag of a stack", lambda: cr.trace(np.diag, np.ones((2, 3, 3)))),
    ("diagonal of a vector", lambda: cr.trace(np.diagonal, V)),
    ("trace of a vector", lambda: cr.trace(np.trace, V)),
    ("tril of a number", lambda: cr.trace(np.tril, 1.0)),
    ("fliplr of a vector", lambda: cr.trace(np.fliplr, V)),
    ("rot90 in one axis", lambda: cr.trace(lambda x: np.rot90(x, axes=(0, 0)), X)),
    ("a slice with a range too few", lambda: OPERATIONS["slice"](X, ranges=((0, 2, 1),))),
    ("a slice that leaves its axis", lambda: OPERATIONS["slice"](V, ranges=((2, 2, 1),))),
    ("writing values of another shape into a slice", lambda: OPERATIONS["write_slice"](V, V, ranges=((0, 2, 1),))),
    ("concatenate of different shapes", lambda: cr.trace(lambda x: np.concatenate([x, np.ones((2, 2))]), X)),
    ("concatenate of a vector and a matrix", lambda: cr.trace(lambda x: np.concatenate([x, X], axis=1), X[:, :, None])),
    ("concatenate of numbers", lambda: cr.trace(lambda x: np.concatenate([x, x]), 1.0)),
    (
        "concatenate with a casting that does not allow it",
        lambda: cr.trace(lambda x: np.concatenate([x, x], dtype=int), V),
    ),
    ("concatenate of operands that were not cast", lambda: OPERATIONS["concatenate"](V, V.astype(int), axis=0)),
    ("concatenate along an axis that is not there", lambda: OPERATIONS["concatenate"](V, V, axis=1)),
    ("stack of different shapes", lambda: cr.trace(lambda x: np.stack([x, x[1:]]), V)),
    ("chainrule.numpy.array of different shapes", lambda: cr.trace(lambda x: cr.numpy.array([x, [x[0]]]), V)),
    ("block of lists of different depths", lambda: cr.trace(lambda x: np.block([[x], x]), X)),
    ("split into unequal parts", lambda: cr.trace(lambda x: np.split(x, 2), V)),
    ("array_split into no parts", lambda: cr.trace(lambda x: np.array_split(x, 0), V)),
    ("vsplit of a vector", lambda: cr.trace(lambda x: np.vsplit(x, 3), V)),
    ("tile by a negative count", lambda: cr.trace(lambda x: np.tile(x, -1), V)),
    ("repeat with a count too few", lambda: cr.trace(lambda x: np.repeat(x, [1, 2]), V)),
    ("roll by more shifts than axes", lambda: cr.trace(lambda x: np.roll(x, (1, 2, 3), (0, 1)), X)),
    ("pad by a negative width", lambda: cr.trace(lambda x: np.pad(x, -1), V)),
    ("pad in a mode that is not traced", lambda: cr.trace(lambda x: np.pad(x, 1, mode="linear_ramp"), V)),
    ("pad of an empty axis with its edge", lambda: cr.trace(lambda x: np.pad(x, 1, mode="edge"), V[:0])),
    ("delete of an element that is not there", lambda: cr.trace(lambda x: np.delete(x, 3), V)),
    ("insert at a place that is not there", lambda: cr.trace(lambda x: np.insert(x, 5, 0.0), V)),
    ("take in a mode that is none", lambda: cr.trace(lambda x: np.take(x, [0], mode="nearest"), V)),
    (
        "take_along_axis with indices of other axes",
        lambda: cr.trace(lambda x: np.take_along_axis(x, np.array([0]), 1), X),
    ),
    ("a window longer than the axis", lambda: cr.trace(lambda x: np.lib.stride_tricks.sliding_window_view(x, 4), V)),
    ("a window for other axes", lambda: cr.trace(lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), V)),
    ("nonzero of a number", lambda: cr.trace(np.nonzero, 1.0)),
    ("compress by a matrix", lambda: cr.trace(lambda x: np.compress(X > 0, x), V)),
]
