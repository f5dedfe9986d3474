"""Activation functions, made of the functions in the tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.graph import Node, as_node, reaches
from chainrule.ops.special import expit, ndtr


@reaches("chainrule.relu")
def relu(x: Any) -> Node:
    """x where it is positive, else 0. The slope at 0 is 0; NaN stays NaN.

    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).
    """
    x = as_node(x)
    return np.where(x <= 0, 0, x)


@reaches("chainrule.softplus")
def softplus(x: Any) -> Node:
    """ln(1 + e^x), which does not overflow.

    Dugas et al., "Incorporating second-order functional knowledge for better option pricing" (2000).
    """
    return np.logaddexp(as_node(x), 0)


@reaches("chainrule.silu")
def silu(x: Any) -> Node:
    """x times the logistic function of x, also known as swish.

    Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units" (2017).
    """
    x = as_node(x)
    return x * expit(x)


@reaches("chainrule.gelu")
def gelu(x: Any, approximate: bool = False) -> Node:
    """x times the normal distribution function of x; with `approximate`, the formula by tanh that is close to it.

    Hendrycks and Gimpel, "Gaussian error linear units" (2016). Their tanh is written by the logistic function,
    (1 + tanh z) / 2 = expit(2 z), which keeps its digits on the left.
    """
    x = as_node(x)
    if not isinstance(approximate, bool):
        expected = "approximate to be True or False"
        raise ArgumentError("gelu", expected=expected, got=repr(approximate), remedy="approximate=True takes tanh.")
    return x * expit(math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)) if approximate else x * ndtr(x)
