"""Activations, on arrays and on traced values alike."""

from __future__ import annotations

from typing import Any

from chainrule.ops import activation
from chainrule.ops import softmax as exponentials
from chainrule.trace import apply_function


def relu(x: Any) -> Any:
    """max(x, 0), with slope 0 at 0; any shape.

    >>> import numpy as np
    >>> relu(np.array([-1.0, 2.0]))
    array([0., 2.])
    """
    return apply_function(activation.relu, x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function at x; with `approximate`, its tanh form.

    Hendrycks and Gimpel, "Gaussian error linear units", 2016.

    >>> float(gelu(0.0))
    0.0
    """
    return apply_function(activation.gelu, x, approximate=approximate)


def silu(x: Any) -> Any:
    """x / (1 + e^-x), also called swish (Elfwing, Uchibe and Doya, 2017).

    >>> float(silu(0.0))
    0.0
    """
    return apply_function(activation.silu, x)


def softplus(x: Any) -> Any:
    """ln(1 + e^x), without overflow (Dugas et al., 2000).

    >>> round(float(softplus(0.0)), 6)
    0.693147
    """
    return apply_function(activation.softplus, x)


def softmax(x: Any, axis: int = -1) -> Any:
    """e^x over its sum along an axis (Bridle, 1990).

    >>> import numpy as np
    >>> softmax(np.zeros(4))
    array([0.25, 0.25, 0.25, 0.25])
    """
    return apply_function(exponentials.softmax, x, axis=axis)


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of `softmax`, without overflow.

    >>> import numpy as np
    >>> np.exp(log_softmax(np.zeros(2)))
    array([0.5, 0.5])
    """
    return apply_function(exponentials.log_softmax, x, axis=axis)


def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """ln of the sum of e^x along axes (all for None), without overflow.

    >>> import numpy as np
    >>> round(float(logsumexp(np.array([1000.0, 1000.0]))), 6)
    1000.693147
    """
    return apply_function(exponentials.logsumexp, x, axis=axis, keepdims=keepdims)
