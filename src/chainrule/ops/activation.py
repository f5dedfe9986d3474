"""Activation functions, made of the functions in the tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.graph import as_node
from chainrule.ops.special import expit, ndtr


def relu(x: Any) -> Any:
    """x where it is positive, else 0. The slope at 0 is 0; NaN stays NaN.

    Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines" (2010).
    """
    x = as_node(x)
    return np.where(x <= 0, 0, x)


def softplus(x: Any) -> Any:
    """ln(1 + e^x), which does not overflow.

    Dugas et al., "Incorporating second-order functional knowledge for better option pricing" (2000).
    """
    return np.logaddexp(as_node(x), 0)


def silu(x: Any) -> Any:
    """x times the logistic function of x, also known as swish.

    Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units" (2017).
    """
    x = as_node(x)
    return x * expit(x)


def gelu(x: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x; with `approximate`, the formula by tanh that is close to it.

    Hendrycks and Gimpel, "Gaussian error linear units" (2016). Their tanh is written by the logistic function,
    (1 + tanh z) / 2 = expit(2 z), which keeps its digits on the left.
    """
    x = as_node(x)
    if not isinstance(approximate, bool):
        expected = "approximate to be True or False"
        raise ArgumentError("gelu", expected=expected, got=repr(approximate), remedy="Give True for the tanh form.")
    return x * expit(math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)) if approximate else x * ndtr(x)
