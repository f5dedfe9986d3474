"""The operations, one family to a file. Importing this package registers them all."""

from chainrule.ops import assign, contract, cumulative, elementwise, index, join, linalg, linalg_decompositions, lookup, norm, order, products, reduce, repeat, rows, shape, slices, softmax, statistics
from chainrule.ops.declare import cast
from chainrule.ops.elementwise import contribute
from chainrule.ops.shape import unbroadcast

__all__ = ["assign", "cast", "contract", "contribute", "cumulative", "elementwise", "index", "join", "linalg", "linalg_decompositions", "lookup", "norm", "order", "products", "reduce", "repeat", "rows", "shape", "slices", "softmax", "statistics", "unbroadcast"]
