"""The calculus: reverse mode, forward mode and batching, each one walk over a graph."""

from chainrule.derive.batch import batch
from chainrule.derive.forward import forward
from chainrule.derive.reverse import reverse
from chainrule.graph import calculus

calculus.reverse, calculus.forward, calculus.batch = reverse, forward, batch

__all__ = ["batch", "forward", "reverse"]
