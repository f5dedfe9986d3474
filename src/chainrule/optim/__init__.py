"""Descent rules: pure functions over pytrees of parameters, written in ordinary NumPy so that a run can be traced
whole."""

from chainrule.optim.adaptive import adam
from chainrule.optim.descent import gradient_descent, momentum
from chainrule.optim.optimizer import Optimizer

__all__ = ["Optimizer", "adam", "gradient_descent", "momentum"]
