"""The operations, one family to a file. Importing this package registers them all."""

from chainrule.ops import elementwise, reduce, shape
from chainrule.ops.declare import cast
from chainrule.ops.elementwise import contribute
from chainrule.ops.shape import unbroadcast

__all__ = ["cast", "contribute", "elementwise", "reduce", "shape", "unbroadcast"]
