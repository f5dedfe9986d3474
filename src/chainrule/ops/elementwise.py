"""The derivative table: function, value, derivative.

A row gives NumPy's function, its value as one scalar body, its partial derivatives (`out` is the result), its LaTeX and
the numbers that the laws are tested on; a transcendental row adds the points where its value is rational.
Derivatives: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 4. Kinks follow PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.graph import Flat, Node, reaches
from chainrule.ops.declare import cast, elementwise, like
from chainrule.ops.samples import (
    above_minus_one, above_one, choices, inside, integer_pairs, integers, pairs, positive, powers, quotients, real,
    right_triangles, smooth, truth_pairs, truths,
)  # fmt: skip
from chainrule.types import promote

flat = Flat()
LN2, LN10, DEGREE = math.log(2), math.log(10), math.pi / 180


def share(x: Node, y: Node) -> Node:
    """The slope of max(x, y) in x: 1 above, 0 below, and at a tie a half."""
    return np.where(x > y, 1.0, np.where(x == y, 0.5, 0.0)).astype(np.result_type(x.dtype, y.dtype))


def choosing(name: str, kinds: tuple[Any, ...]) -> tuple[np.dtype, ...]:
    """The promotion of `where`: a condition, and two operands of one dtype."""
    zero = [kind(0) if isinstance(kind, type) else kind for kind in kinds[1:]]
    both = promote(name, *zero)
    return np.dtype(bool), both, both, both


# fmt: off
# ------------------------------------------------------------------------------------------------------- arithmetic
elementwise(np.add,          lambda m, x, y: x + y,             lambda x, y, out: (1, 1),           "{0} + {1}", pairs)
elementwise(np.subtract,     lambda m, x, y: x - y,             lambda x, y, out: (1, -1),          "{0} - {1}", pairs)
elementwise(np.multiply,     lambda m, x, y: x * y,             lambda x, y, out: (y, x),           r"{0} \cdot {1}", pairs)
elementwise(np.divide,       lambda m, x, y: m.divide(x, y),    lambda x, y, out: (1 / y, -out / y), r"\frac{{{0}}}{{{1}}}", quotients)
elementwise(np.negative,     lambda m, x: -x,                   lambda x, out: -1,                  "-{0}", real)
elementwise(np.positive,     lambda m, x: x,                    lambda x, out: 1,                   "{0}", real)
elementwise(np.reciprocal,   lambda m, x: m.divide(1, x),       lambda x, out: -out * out,          r"\frac{{1}}{{{0}}}", smooth)
elementwise(np.square,       lambda m, x: x * x,                lambda x, out: 2 * x,               "{0}^2", real)
elementwise(np.sqrt,         lambda m, x: m.sqrt(x),            lambda x, out: 0.5 / out,           r"\sqrt{{{0}}}", positive, {0: 0, 1: 1, 4: 2})
elementwise(np.absolute,     lambda m, x: m.select(x < 0, -x, x), lambda x, out: np.sign(x),        r"\left|{0}\right|", smooth)
elementwise(np.sign,         lambda m, x: m.select(x > 0, 1, m.select(x < 0, -1, x)), flat,         r"\operatorname{{sign}} {0}", smooth)
elementwise(np.power,        lambda m, x, y: m.power(x, y),     lambda x, y, out: power_partials(x, y, out), "{0}^{{{1}}}", powers, also=(np.float_power,))

# ------------------------------------------------------------------------------------- exponentials and logarithms
elementwise(np.exp,          lambda m, x: m.exp(x),             lambda x, out: out,                 "e^{{{0}}}", real, {0: 1})
elementwise(np.log,          lambda m, x: m.log(x),             lambda x, out: 1 / x,               r"\ln {0}", positive, {1: 0})

# ---------------------------------------------------------------------------------------------------- trigonometry
elementwise(np.sin,          lambda m, x: m.sin(x),             lambda x, out: np.cos(x),           r"\sin {0}", real, {0: 0})
elementwise(np.cos,          lambda m, x: m.cos(x),             lambda x, out: -np.sin(x),          r"\cos {0}", real, {0: 1})
elementwise(np.tanh,         lambda m, x: m.tanh(x),            lambda x, out: 1 - out * out,       r"\tanh {0}", real, {0: 0})

# --------------------------------------------------------- kinks: at a tie the slope is shared, and relu'(0) = 0
elementwise(np.maximum,      lambda m, x, y: m.select(x >= y, x, m.select(x == x, y, x)), lambda x, y, out: (share(x, y), share(y, x)), r"\max({0}, {1})", pairs)
elementwise(np.minimum,      lambda m, x, y: m.select(x <= y, x, m.select(x == x, y, x)), lambda x, y, out: (share(y, x), share(x, y)), r"\min({0}, {1})", pairs)

# --------------------------------------------------------------------------------------------- comparison and logic
elementwise(np.greater,      lambda m, x, y: x > y,             flat,                               "{0} > {1}", pairs)
elementwise(np.greater_equal, lambda m, x, y: x >= y,           flat,                               r"{0} \geq {1}", pairs)
elementwise(np.less,         lambda m, x, y: x < y,             flat,                               "{0} < {1}", pairs)
elementwise(np.less_equal,   lambda m, x, y: x <= y,            flat,                               r"{0} \leq {1}", pairs)
elementwise(np.equal,        lambda m, x, y: x == y,            flat,                               "{0} = {1}", pairs)
elementwise(np.not_equal,    lambda m, x, y: x != y,            flat,                               r"{0} \neq {1}", pairs)
elementwise(np.bitwise_and,  lambda m, x, y: x & y,             flat,                               r"{0} \mathbin{{\&}} {1}", integer_pairs)
elementwise(np.invert,       lambda m, x: m.invert(x),          flat,                               r"\sim {0}", truths)
elementwise(np.isfinite,     lambda m, x: x - x == 0,           flat,                               r"{0} \text{{ is finite}}", real)
elementwise(np.logical_and,  lambda m, x, y: m.select(x, y != 0, x != 0), flat,                     r"{0} \wedge {1}", truth_pairs)
elementwise(np.logical_not,  lambda m, x: x == 0,               flat,                               r"\neg {0}", truths)
select = elementwise(np.where, lambda m, condition, x, y: m.select(condition, x, y), lambda condition, x, y, out: (None, cast(condition, out.dtype), 1 - cast(condition, out.dtype)), r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}", choices, promotion=choosing, name="where")
# fmt: on

# The product of a cotangent (or a tangent) and a partial derivative. A factor of exactly zero gives exactly zero, so that
# what `where` did not select cannot turn a gradient into NaN.
contribute = elementwise(
    lambda g, p: np.where(g == 0, g, np.where(p == 0, p, g * p)),
    lambda m, g, p: m.select(g == 0, g, m.select(p == 0, p, g * p)),
    lambda g, p, out: (np.where((g == 0) & ~np.isfinite(p), 0, p), np.where((p == 0) & ~np.isfinite(g), 0, g)),
    r"{0} \cdot {1}",
    pairs,
    name="contribute",
    promotion=like(np.multiply),
)


def power_partials(x: Node, y: Node, out: Node) -> tuple[Node, Node]:
    """The partials of x^y, with 0 in y at x = 0 and 0 in x at y = 0, where the plain formulas give NaN."""
    log = np.log(np.where((x == 0) & (y >= 0), 1, x))
    return y * x ** np.where(y == 0, 1, y - 1), out * log


@reaches(np.where)
def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    return np.nonzero(condition) if x is None and y is None else select(condition, x, y)
