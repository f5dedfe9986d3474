"""The derivative table: function, value, derivative.

A row gives NumPy's function, its value as one scalar body, its partial derivatives (`out` is the result), its LaTeX and
the numbers that the laws are tested on. An arithmetic knows a transcendental function by its name, so that its row
needs no body; it ends with points where the value is rational. What is longer than a row stands beneath the table, and
what is constant between jumps in `logic.py`.

Derivatives: Abramowitz and Stegun, Handbook of Mathematical Functions, chapter 4, in forms that do not overflow where
the value does not. Kinks follow PyTorch: |x|' = 0 at 0, and a tie shares its slope.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.graph import Constant, Flat, Node, constant, reaches
from chainrule.ops.cast import cast
from chainrule.ops.declare import alike, elementwise, floating, like, transcendental
from chainrule.ops.samples import (
    above_minus_one,
    above_one,
    choices,
    cubes,
    inside,
    integers,
    pairs,
    positive,
    powers,
    quotients,
    real,
    right_triangles,
    scaled,
    smooth,
    squares,
    steps,
)  # fmt: skip
from chainrule.ops.special import expit

# fmt: off
# ---------------------------------------------------------------------------------------------------------- arithmetic
elementwise(np.add,        lambda m, x, y: x + y,            lambda x, y, out: (1, 1),        "{0} + {1}", pairs)
elementwise(np.subtract,   lambda m, x, y: x - y,            lambda x, y, out: (1, -1),       "{0} - {1}", pairs)
elementwise(np.multiply,   lambda m, x, y: x * y,            lambda x, y, out: (y, x),        r"{0} \cdot {1}", pairs)
elementwise(np.divide,     lambda m, x, y: m.divide(x, y),   lambda x, y, out: (1 / y, -out / y),
            r"\frac{{{0}}}{{{1}}}", quotients)
elementwise(np.fmod,       lambda m, x, y: m.fmod(x, y),     lambda x, y, out: (1, np.rint((out - x) / y)),
            r"\operatorname{{fmod}}({0}, {1})", quotients)
elementwise(np.remainder,  lambda m, x, y: modulo(m, x, y),  lambda x, y, out: (1, -np.floor_divide(x, y)),
            r"{0} \bmod {1}", quotients)
elementwise(np.power,      lambda m, x, y: m.power(x, y),    lambda x, y, out: power_partials(x, y, out),
            "{{{0}}}^{{{1}}}", powers)
elementwise(np.hypot,      lambda m, x, y: m.hypot(x, y),    lambda x, y, out: (toward(x, out), toward(y, out)),
            r"\sqrt{{{0}^2 + {1}^2}}", right_triangles)
elementwise(np.copysign,   lambda m, x, y: m.copysign(x, y), lambda x, y, out: (np.sign(x) * np.copysign(1, y), None),
            r"\left|{0}\right| \operatorname{{sign}} {1}", pairs)
elementwise(np.heaviside,  lambda m, x, y: step(m, x, y),    lambda x, y, out: (None, cast(x == 0, out.dtype)),
            r"H_{{{1}}}({0})", steps)
elementwise(np.ldexp,      lambda m, x, n: m.ldexp(x, n),    lambda x, n, out: (np.ldexp(one(x), n), None),
            r"{0} \cdot 2^{{{1}}}", scaled)
transcendental(np.nextafter,                                 lambda x, y, out: (1, None),
            r"\operatorname{{nextafter}}({0}, {1})", pairs, {})
elementwise(np.negative,   lambda m, x: -x,             lambda x, out: -1,                  "-{0}", real)
elementwise(np.positive,   lambda m, x: x,              lambda x, out: 1,                   "{0}", real)
elementwise(np.reciprocal, lambda m, x: m.divide(1, x), lambda x, out: -out * out,          "{{{0}}}^{{-1}}", smooth,
            compiled="f")  # of an integer 0 NumPy gives what C does
elementwise(np.square,     lambda m, x: x * x,          lambda x, out: 2 * x,               "{{{0}}}^2", real)
elementwise(np.sqrt,       lambda m, x: m.sqrt(x),      lambda x, out: 0.5 / out,           r"\sqrt{{{0}}}", squares)
elementwise(np.cbrt,       lambda m, x: m.cbrt(x),      lambda x, out: 1 / (3 * out * out), r"\sqrt[3]{{{0}}}", cubes)
elementwise(np.absolute,   lambda m, x: m.absolute(x),  lambda x, out: np.sign(x),          r"\left|{0}\right|", smooth)
elementwise(np.fabs,       lambda m, x: m.absolute(x),  lambda x, out: np.sign(x),          r"\left|{0}\right|", smooth)

# ----------------------------------------------------------------------------------------- exponentials and logarithms
transcendental(np.exp,     lambda x, out: out,                             "e^{{{0}}}",        real, {0: 1})
transcendental(np.exp2,    lambda x, out: ln(2, x) * out,                  "2^{{{0}}}",        real, {0: 1, 3: 8})
transcendental(np.expm1,   lambda x, out: np.exp(x),                       "e^{{{0}}} - 1",    real, {0: 0})
transcendental(np.log,     lambda x, out: 1 / x,                           r"\ln {0}",         positive, {1: 0})
transcendental(np.log2,    lambda x, out: 1 / (ln(2, x) * x),              r"\log_2 {0}",      positive, {1: 0, 8: 3})
transcendental(np.log10,   lambda x, out: 1 / (ln(10, x) * x),             r"\log_{{10}} {0}", positive, {1: 0, 100: 2})
transcendental(np.log1p,   lambda x, out: 1 / (1 + x),                     r"\ln(1 + {0})",    above_minus_one, {0: 0})
transcendental(np.logaddexp, lambda x, y, out: (expit(x - y), expit(y - x)),
            r"\ln(e^{{{0}}} + e^{{{1}}})", pairs, {}, lambda m, x, y: log_of_sum(m, m.log(2), m.exp, m.log1p, x, y))
transcendental(np.logaddexp2, lambda x, y, out: (expit(ln(2, x) * (x - y)), expit(ln(2, x) * (y - x))),
            r"\log_2(2^{{{0}}} + 2^{{{1}}})", pairs, {(0, 0): 1},
            lambda m, x, y: log_of_sum(m, 1, m.exp2, lambda z: m.divide(m.log1p(z), m.log(2)), x, y))

# -------------------------------------------------------------------------------------------------------- trigonometry
transcendental(np.sin,     lambda x, out: np.cos(x),                       r"\sin {0}",        real, {0: 0})
transcendental(np.cos,     lambda x, out: -np.sin(x),                      r"\cos {0}",        real, {0: 1})
transcendental(np.tan,     lambda x, out: 1 + out * out,                   r"\tan {0}",        real, {0: 0})
transcendental(np.arcsin,  lambda x, out: 1 / np.sqrt((1 - x) * (1 + x)),  r"\arcsin {0}",     inside, {0: 0})
transcendental(np.arccos,  lambda x, out: -1 / np.sqrt((1 - x) * (1 + x)), r"\arccos {0}",     inside, {})
transcendental(np.arctan,  lambda x, out: 1 / (1 + x * x),                 r"\arctan {0}",     real, {0: 0})
transcendental(np.arctan2, lambda y, x, out: angle_partials(y, x),
            r"\operatorname{{atan2}}({0}, {1})", pairs, {(0, 1): 0})
transcendental(np.deg2rad, lambda x, out: np.deg2rad(one(x)),
            r"\frac{{\pi}}{{180}} {0}", real, {0: 0}, lambda m, x: x * m.divide(m.pi, 180), also=(np.radians,))
transcendental(np.rad2deg, lambda x, out: np.rad2deg(one(x)),
            r"\frac{{180}}{{\pi}} {0}", real, {0: 0}, lambda m, x: x * m.divide(180, m.pi), also=(np.degrees,))
transcendental(np.sinc,    lambda x, out: sinc_slope(x, out),
            r"\operatorname{{sinc}} {0}", real, {0: 1}, lambda m, x: sinc(m, x), promotion=floating, also=(np.sinc,))

# --------------------------------------------------------------------------------------------------------- hyperbolic
transcendental(np.sinh,    lambda x, out: np.cosh(x),                      r"\sinh {0}",       real, {0: 0})
transcendental(np.cosh,    lambda x, out: np.sinh(x),                      r"\cosh {0}",       real, {0: 1})
transcendental(np.tanh,    lambda x, out: 1 - out * out,                   r"\tanh {0}",       real, {0: 0})
transcendental(np.arcsinh, lambda x, out: 1 / np.hypot(1, x),              r"\sinh^{{-1}} {0}", real, {0: 0})
transcendental(np.arccosh, lambda x, out: 1 / np.sqrt((x - 1) * (x + 1)),  r"\cosh^{{-1}} {0}", above_one, {})
transcendental(np.arctanh, lambda x, out: 1 / ((1 - x) * (1 + x)),         r"\tanh^{{-1}} {0}", inside, {0: 0})

# ------------------------------------------------------------------------------------------------------------- choices
elementwise(np.maximum,    lambda m, x, y: m.select((x >= y) | (x != x), x, y), lambda x, y, out: shares(x, y, out),
            r"\max({0}, {1})", pairs)
elementwise(np.minimum,    lambda m, x, y: m.select((x <= y) | (x != x), x, y), lambda x, y, out: shares(x, y, out),
            r"\min({0}, {1})", pairs)
elementwise(np.fmax,       lambda m, x, y: m.select((x >= y) | (y != y), x, y), lambda x, y, out: shares(x, y, out),
            r"\max({0}, {1})", pairs)
elementwise(np.fmin,       lambda m, x, y: m.select((x <= y) | (y != y), x, y), lambda x, y, out: shares(x, y, out),
            r"\min({0}, {1})", pairs)
select = elementwise(
            np.where,      lambda m, c, x, y: m.select(c, x, y), lambda c, x, y, out: (None, *either(c, out.dtype)),
            r"\begin{{cases}} {1} & {0} \\ {2} & \text{{otherwise}} \end{{cases}}", choices,
            name="where", promotion=lambda *kinds: choosing(*kinds))
# fmt: on


# --------------------------------------------------------------------------------------------------- the longer bodies


def modulo(m: Any, x: Any, y: Any) -> Any:
    """The remainder with the sign of the divisor."""
    r = m.fmod(x, y)
    return m.select((r != 0) & ((r < 0) != (y < 0)), r + y, m.select(r == 0, m.copysign(0, y), r))


def step(m: Any, x: Any, y: Any) -> Any:
    """Heaviside's step, y at the jump."""
    return m.select(x < 0, 0, m.select(x > 0, 1, m.select(x == 0, y, x)))


def log_of_sum(m: Any, log_of_two: Any, power: Any, log1p: Any, x: Any, y: Any) -> Any:
    """The logarithm of the sum of two powers, from the larger, so that nothing overflows; infinities may be equal."""
    return m.select(x == y, x + log_of_two, m.select(x > y, x + log1p(power(y - x)), y + log1p(power(x - y))))


def sinc(m: Any, x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    return m.select(x == 0, 1, m.divide(m.sin(m.pi * x), m.pi * x))


# ------------------------------------------------------------------------------------------------- the longer partials


def one(x: Node) -> Node:
    """The number 1 in the dtype of x."""
    return constant(1, x.dtype)


def ln(number: int, x: Node) -> Any:
    """The logarithm of a whole number in the dtype of x; a node, because a fraction for it would not be exact."""
    return np.log(constant(number, x.dtype))


def power_partials(x: Node, y: Node, out: Node) -> tuple[Any, Any]:
    """The partials of x^y: in x it is 0 at y = 0, in y it is 0 at x = 0, where the plain formulas give NaN."""
    if isinstance(y, Constant) and y.shape == ():
        n = y.value.item()
        return (n * x ** (n - 1) if n else 0), None
    positive_base = np.where((x == 0) & (y >= 0), 1, x)
    return y * x ** np.where(y == 0, 1, y - 1), out * np.log(positive_base)


def toward(x: Node, radius: Node) -> Any:
    """One component of the direction from the origin; at the origin itself 0 and without slope, as for |x|."""
    return np.where(radius == 0, 0, x) / np.where(radius == 0, 1, radius)


def angle_partials(y: Node, x: Node) -> tuple[Any, Any]:
    """The partials of the angle of (x, y), 0 at the origin; by way of the radius, as its square could overflow."""
    radius = np.hypot(y, x)
    scale = np.where(radius == 0, 1, radius)
    return toward(x, radius) / scale, -toward(y, radius) / scale


def sinc_slope(x: Node, out: Node) -> Any:
    """The slope (cos(pi x) - sinc x) / x, which cancels near 0; there the sum of its power series instead."""
    pi = np.arccos(constant(-1, x.dtype))
    small = np.abs(x) < 0.25
    square = np.where(small, pi * x, 0) ** 2
    series = 1
    for k in range(12, 0, -1):
        series = 1 - series * square / (2 * k * (2 * k + 3))
    large = np.where(small, 1, x)
    return np.where(small, -pi * pi * x / 3 * series, (np.cos(pi * large) - out) / large)


def shares(x: Node, y: Node, out: Node) -> tuple[Any, Any]:
    """The partials of a choice between x and y: 1 for what was chosen, and at a tie a half for each."""
    tie = x == y
    return np.where(tie, 0.5, cast(out == x, out.dtype)), np.where(tie, 0.5, cast(out == y, out.dtype))


def either(condition: Node, dtype: np.dtype) -> tuple[Any, Any]:
    """1 and 0 where the condition holds, 0 and 1 where it does not."""
    return cast(condition, dtype), cast(~condition, dtype)


# ------------------------------------------------------------------------------------------- beside NumPy's own ufuncs


def choosing(name: str, kinds: tuple[Any, ...], dtype: np.dtype | None = None) -> tuple[np.dtype, ...]:
    """The promotion of `where`: a condition, and two operands of one dtype."""
    return np.dtype(bool), *alike(name, kinds[1:], dtype)


@reaches(np.where)
def _where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    return np.nonzero(condition) if x is None and y is None else select(condition, x, y)


@reaches(np.float_power)
def _float_power(x: Any, y: Any, /) -> Any:
    return np.power(cast(x, np.float64), cast(y, np.float64))


def _contribute(g: Any, p: Any) -> Any:
    product = np.multiply(g, p)
    return np.where((g == 0) | (p == 0), product.dtype.type(0), product) if np.isnan(product).any() else product


# The product of a cotangent (or a tangent) and a partial derivative. A factor of exactly zero gives exactly zero, so
# that what `where` did not select cannot turn a gradient into NaN.
contribute = elementwise(
    _contribute,
    lambda m, g, p: m.select((g != 0) & (p != 0), g * p, 0),
    lambda g, p, out: (np.where((g == 0) & ~np.isfinite(p), 0, p), np.where((p == 0) & ~np.isfinite(g), 0, g)),
    r"{0} \cdot {1}",
    pairs,
    name="contribute",
    promotion=like(np.multiply),
)


def is_contribution(node: Node) -> bool:
    """Whether a node is the guarded product of a cotangent and a partial."""
    return node.operation is contribute


# The value, through which no derivative flows. The laws hold it to whole numbers, where identity and constant agree.
stop_gradient = elementwise(np.copy, lambda m, x: x, Flat(), "{0}", integers, name="stop_gradient", promotion=alike)
