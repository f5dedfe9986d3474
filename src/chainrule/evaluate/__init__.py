"""Interpreters: what a graph means in NumPy's floats, and in exact fractions."""

from chainrule.evaluate.exact import UNDEFINED, evaluate_exactly, exact_arithmetic, to_fractions
from chainrule.evaluate.program import Program, evaluate, place_error

__all__ = ["UNDEFINED", "Program", "evaluate", "evaluate_exactly", "exact_arithmetic", "place_error", "to_fractions"]
