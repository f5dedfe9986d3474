"""The table of what is constant between jumps: rounding, comparison, logic, bits and whole numbers.

Its rows are those of `elementwise.py` without the derivative, which is zero wherever it exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.graph import Flat
from chainrule.ops.declare import elementwise, transcendental
from chainrule.ops.samples import (
    Samples,
    integer_pairs,
    integers,
    pairs,
    quotients,
    real,
    shifts,
    smooth,
    truth_pairs,
    truths,
)  # fmt: skip


def flat(function: np.ufunc, scalar: Callable[..., Any], latex: str, samples: Samples) -> None:
    """Declare a ufunc with a derivative of zero."""
    elementwise(function, scalar, Flat(), latex, samples)


# fmt: off
# ------------------------------------------------------------------------------------------------------------ rounding
flat(np.floor,         lambda m, x: m.floor(x),                 r"\left\lfloor {0} \right\rfloor",       smooth)
flat(np.ceil,          lambda m, x: m.ceil(x),                  r"\left\lceil {0} \right\rceil",         smooth)
flat(np.trunc,         lambda m, x: m.trunc(x),                 r"\operatorname{{trunc}} {0}",           smooth)
flat(np.rint,          lambda m, x: m.rint(x),                  r"\operatorname{{round}} {0}",           smooth)
flat(np.floor_divide,  lambda m, x, y: floor_quotient(m, x, y), r"\left\lfloor {0} / {1} \right\rfloor", quotients)
flat(np.sign,          lambda m, x: sign(m, x),                 r"\operatorname{{sign}} {0}",            smooth)
transcendental(np.spacing, Flat(), r"\operatorname{{ulp}} {0}", smooth, {})

# ---------------------------------------------------------------------------------------------------------- comparison
flat(np.greater,       lambda m, x, y: x > y,                   "{0} > {1}",                             pairs)
flat(np.greater_equal, lambda m, x, y: x >= y,                  r"{0} \geq {1}",                         pairs)
flat(np.less,          lambda m, x, y: x < y,                   "{0} < {1}",                             pairs)
flat(np.less_equal,    lambda m, x, y: x <= y,                  r"{0} \leq {1}",                         pairs)
flat(np.equal,         lambda m, x, y: x == y,                  "{0} = {1}",                             pairs)
flat(np.not_equal,     lambda m, x, y: x != y,                  r"{0} \neq {1}",                         pairs)

# ---------------------------------------------------------------------------------------------------------- predicates
flat(np.isnan,         lambda m, x: x != x,                     r"{0} = \mathrm{{NaN}}",                 real)
flat(np.isinf,         lambda m, x: (x == x) & (x - x != 0),    r"\left|{0}\right| = \infty",            real)
flat(np.isfinite,      lambda m, x: x - x == 0,                 r"\left|{0}\right| < \infty",            real)
flat(np.signbit,       lambda m, x: m.copysign(1, x) < 0,       r"\operatorname{{signbit}} {0}",         smooth)

# --------------------------------------------------------------------------------------------------------------- logic
flat(np.logical_and,   lambda m, x, y: (x != 0) & (y != 0),     r"{0} \wedge {1}",                       truth_pairs)
flat(np.logical_or,    lambda m, x, y: (x != 0) | (y != 0),     r"{0} \vee {1}",                         truth_pairs)
flat(np.logical_xor,   lambda m, x, y: (x != 0) != (y != 0),    r"{0} \oplus {1}",                       truth_pairs)
flat(np.logical_not,   lambda m, x: x == 0,                     r"\neg {0}",                             truths)

# ------------------------------------------------------------------------------------------------ bits, whole numbers
flat(np.bitwise_and,   lambda m, x, y: m.bitwise_and(x, y),     r"{0} \mathbin{{\&}} {1}",               integer_pairs)
flat(np.bitwise_or,    lambda m, x, y: m.bitwise_or(x, y),      r"{0} \mathbin{{|}} {1}",                integer_pairs)
flat(np.bitwise_xor,   lambda m, x, y: m.bitwise_xor(x, y),     r"{0} \mathbin{{\wedge}} {1}",           integer_pairs)
flat(np.invert,        lambda m, x: m.invert(x),                r"\sim {0}",                             truths)
flat(np.left_shift,    lambda m, x, y: m.left_shift(x, y),      r"{0} \ll {1}",                          shifts)
flat(np.right_shift,   lambda m, x, y: m.right_shift(x, y),     r"{0} \gg {1}",                          shifts)
flat(np.bitwise_count, lambda m, x: m.bitwise_count(x),         r"\operatorname{{popcount}} {0}",        integers)
flat(np.gcd,           lambda m, x, y: m.gcd(x, y),             r"\gcd({0}, {1})",                       integer_pairs)
flat(np.lcm,           lambda m, x, y: m.lcm(x, y),             r"\operatorname{{lcm}}({0}, {1})",       integer_pairs)
# fmt: on


def floor_quotient(m: Any, x: Any, y: Any) -> Any:
    """The quotient rounded down, by way of the remainder, which is exact where the quotient is not."""
    r = m.fmod(x, y)
    down = m.select((r != 0) & ((r < 0) != (y < 0)), 1, 0)
    whole = m.rint(m.divide(x - r, y) - down)
    plain = m.divide(x, y)
    return m.select(y == 0, plain, m.select(whole == 0, m.copysign(0, plain), whole))


def sign(m: Any, x: Any) -> Any:
    """-1, 0 or 1, and NaN for NaN; the zero has no sign of its own."""
    return m.select(x > 0, 1, m.select(x < 0, -1, m.select(x == 0, 0, x)))
