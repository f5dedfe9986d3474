"""The operations, one family to a file. Importing this package registers them all."""

from chainrule.ops import activation, assign, bodies, call, compound, contract, control, convolution, convolve, creation, cumulative, einsum, elementwise, index, join, least_squares, linalg, linalg_decompositions, logic, lookup, loop, norm, order, pooling, products, random, reduce, repeat, rows, shape, slices, softmax, special, statistics, take, window
from chainrule.ops.declare import cast
from chainrule.ops.elementwise import contribute
from chainrule.ops.shape import unbroadcast

__all__ = ["activation", "assign", "bodies", "call", "cast", "compound", "contract", "contribute", "control", "convolution", "convolve", "creation", "cumulative", "einsum", "elementwise", "index", "join", "least_squares", "linalg", "linalg_decompositions", "logic", "lookup", "loop", "norm", "order", "pooling", "products", "random", "reduce", "repeat", "rows", "shape", "slices", "softmax", "special", "statistics", "take", "unbroadcast", "window"]
