"""The logarithm of a sum of exponentials, and softmax: shifted by the maximum, so that nothing overflows.

SciPy converts the operands of these functions with `np.asarray`, where no traced value can follow, so they are reached
by name: "scipy.special.logsumexp" and so on. (With SCIPY_ARRAY_API=1 its two softmaxes do take traced values.)
Blanchard, Higham and Higham, Accurately computing the log-sum-exp and softmax functions (2021).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Node, as_node, reaches
from chainrule.ops.declare import cast
from chainrule.ops.elementwise import contribute, stop_gradient
from chainrule.ops.reduce import Axis, reduced, restore
from chainrule.ops.statistics import averaging
from chainrule.types import broadcast_shapes


def finite_peak(x: Node, axes: tuple[int, ...]) -> Node:
    """The maximum, with its axes kept; 0 where that is not finite, or where there is nothing. It cancels: no slope."""
    peak = stop_gradient(np.max(x, axis=axes, keepdims=True, initial=None if x.size else -np.inf))
    return np.where(np.isfinite(peak), peak, 0)


@reaches("scipy.special.logsumexp")
def logsumexp(x: Any, axis: Axis = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """`scipy.special.logsumexp`: log(sum(b * exp(x))); with `return_sign` that of the absolute value, and the sign."""
    x = averaging(as_node(x))
    if b is None:
        x, axes = reduced("logsumexp", x, axis)
        shift = finite_peak(x, axes)
        total = np.sum(np.exp(x - shift), axis=axes)
    else:
        b = averaging(as_node(b))
        x, axes = reduced("logsumexp", np.broadcast_to(x, broadcast_shapes("logsumexp", x.shape, b.shape)), axis)
        shift = finite_peak(np.where(b == 0, -np.inf, x), axes)
        total = np.sum(contribute(b, np.exp(x - shift)), axis=axes)  # a weight of 0 counts as 0, whatever it weighs
    sign = np.sign(total)
    result = np.log(np.abs(total) if return_sign else total) + np.reshape(shift, total.shape)
    result, sign = (restore(part, x, axes, keepdims) for part in (result, sign))
    return (result, sign) if return_sign else result


@reaches((np.logaddexp, "reduce"))
def _logaddexp_reduce(x: Any, axis: Axis = 0, dtype: Any = None, *, keepdims: bool = False) -> Node:
    return logsumexp(x if dtype is None else cast(x, dtype), axis, keepdims=keepdims)


@reaches("scipy.special.softmax")
def softmax(x: Any, axis: Axis = None) -> Node:
    """`scipy.special.softmax`: exp(x) over its sum."""
    x, axes = reduced("softmax", averaging(as_node(x)), axis)
    powers = np.exp(x - stop_gradient(np.max(x, axis=axes, keepdims=True)))
    return powers / np.sum(powers, axis=axes, keepdims=True)


@reaches("scipy.special.log_softmax")
def log_softmax(x: Any, axis: Axis = None) -> Node:
    """`scipy.special.log_softmax`: the logarithm of softmax, exact where softmax itself rounds to 0."""
    x, axes = reduced("log_softmax", averaging(as_node(x)), axis)
    shifted = x - finite_peak(x, axes)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axes, keepdims=True))
