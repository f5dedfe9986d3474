"""The derivative table of the special functions, which users call by SciPy's names: `scipy.special.erf(x)`.

SciPy is not needed to import this: it is looked for when a value is first asked for, and without it NumPy and `math`
stand in where they can. Derivatives: NIST Digital Library of Mathematical Functions, chapters 5 and 7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from chainrule.errors import DependencyError
from chainrule.graph import Node, constant
from chainrule.ops.declare import Elementwise, floating, transcendental
from chainrule.ops.samples import Samples, orders, positive, probability, products, real


def special(
    name: str,
    partials: Callable[..., Any],
    latex: str,
    samples: Samples,
    points: dict[Any, Any],
    scalar: Callable[..., Any] | None = None,
    *,
    without: Callable[..., Any] | None = None,
    alias: str | None = None,
    reached: bool = True,
) -> Elementwise:
    """Declare the ufunc of that name in scipy.special; `without` computes it where SciPy is not installed.
    `reached` is False for a function that is no ufunc, and so cannot be called on traced values."""
    also = tuple(f"scipy.special.{known}" for known in (name, alias) if known and reached)
    facts: dict[str, Any] = {"name": name, "promotion": floating, "also": also}
    return transcendental(_of_scipy(name, without), partials, latex, samples, points, scalar, **facts)


def _of_scipy(name: str, without: Callable[..., Any] | None) -> Callable[..., Any]:
    def reference(*arrays: Any, **parameters: Any) -> Any:
        function = getattr(_scipy_special(), name, without)
        if function is None:
            raise DependencyError(
                name,
                expected="the package scipy to compute it",
                got="no module 'scipy'",
                remedy="Run: pip install 'chainrule[scipy]'",
            )
        return function(*parameters.values(), *arrays).astype(arrays[0].dtype)

    return reference


@cache
def _scipy_special() -> Any:
    try:
        from scipy import special
    except ImportError:
        return None
    return special


def _each(function: Callable[[float], float]) -> Callable[..., Any]:
    """A function of `math` over arrays."""
    return np.vectorize(function, otypes=[np.float64])


def _expit(x: Any) -> Any:
    tail = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, tail) / (1 + tail)


def _logit(x: Any) -> Any:
    centred = 2 * x - 1
    return np.where((x > 0.25) & (x < 0.75), np.log1p(centred) - np.log1p(-centred), np.log(x / (1 - x)))


def _log_expit(x: Any) -> Any:
    return np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x)))


def _xlogy(x: Any, y: Any) -> Any:
    return np.where((x == 0) & ~np.isnan(y), 0, x * np.log(y))


def _ndtr(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2


def _gammaln(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or beyond the largest float
        return math.inf


# fmt: off
# ------------------------------------------------------------------------------------------------ the logistic function
expit = special("expit",         lambda x, out: out * (1 - out),         r"\sigma({0})", real, {0: "1/2"},
                lambda m, x: m.divide(m.select(x >= 0, 1, m.exp(x)), 1 + m.exp(-m.absolute(x))), without=_expit)
logit = special("logit",         lambda x, out: 1 / (x * (1 - x)),
                r"\operatorname{{logit}} {0}", probability, {"1/2": 0}, lambda m, x: log_odds(m, x), without=_logit)
log_expit = special("log_expit", lambda x, out: expit(-x),               r"\ln \sigma({0})", real, {},
                lambda m, x: m.select(x < 0, x, 0) - m.log1p(m.exp(-m.absolute(x))), without=_log_expit)
xlogy = special("xlogy",         lambda x, y, out: xlogy_partials(x, y), r"{0} \ln {1}", products, {(3, 1): 0},
                lambda m, x, y: m.select((x == 0) & (y == y), 0, x * m.log(y)), without=_xlogy)

# --------------------------------------------------------------------------------------------- the normal distribution
erf = special("erf",             lambda x, out: bell(x),                 r"\operatorname{{erf}} {0}", real, {0: 0},
                without=_each(math.erf))
erfc = special("erfc",           lambda x, out: -bell(x),                r"\operatorname{{erfc}} {0}", real, {0: 1},
                without=_each(math.erfc))
erfcx = special("erfcx",         lambda x, out: 2 * x * out - peak(x),   r"\operatorname{{erfcx}} {0}", real, {0: 1})
ndtr = special("ndtr",           lambda x, out: density(x),              r"\Phi({0})", real, {0: "1/2"},
                lambda m, x: m.divide(m.erfc(m.divide(-x, m.sqrt(2))), 2), without=_each(_ndtr))
log_ndtr = special("log_ndtr",   lambda x, out: hazard(x),               r"\ln \Phi({0})", real, {},
                lambda m, x: log_normal(m, x))

# --------------------------------------------------------------------------------------------------- the gamma function
gammaln = special("gammaln",     lambda x, out: digamma(x),              r"\ln |\Gamma({0})|", positive, {1: 0, 2: 0},
                without=_each(_gammaln))
digamma = special("digamma",     lambda x, out: polygamma(x, order=1),   r"\psi({0})", positive, {}, alias="psi")
polygamma = special("polygamma", lambda x, out, *, order: polygamma(x, order=order + 1),
                r"\psi^{{({order})}}({0})", orders, {}, lambda m, x, *, order: m.polygamma(order, x), reached=False)
# fmt: on


# --------------------------------------------------------------------------------------------------- the longer bodies


def log_odds(m: Any, x: Any) -> Any:
    """ln(x / (1 - x)); around 1/2, where the quotient is near 1, by the distance from there."""
    centred = 2 * x - 1
    near = m.log1p(centred) - m.log1p(-centred)
    return m.select((x > 0.25) & (x < 0.75), near, m.log(m.divide(x, 1 - x)))


def log_normal(m: Any, x: Any) -> Any:
    """The logarithm of the normal distribution, by erfcx on the left, where the distribution itself underflows."""
    z = m.divide(x, m.sqrt(2))
    left = m.log(m.divide(m.erfcx(-z), 2)) - z * z
    return m.select(x < -1, left, m.log1p(m.divide(-m.erfc(z), 2)))


# ------------------------------------------------------------------------------------------------- the longer partials


def pi(x: Node) -> Any:
    """The number pi in the dtype of x; a node, because a fraction for it would not be exact."""
    return np.arccos(constant(-1, x.dtype))


def peak(x: Node) -> Any:
    """2 / sqrt(pi), the slope of erf at 0."""
    return 2 / np.sqrt(pi(x))


def bell(x: Node) -> Any:
    """The slope of erf."""
    return peak(x) * np.exp(-x * x)


def density(x: Node) -> Any:
    """The density of the standard normal distribution."""
    return np.exp(-x * x / 2) / np.sqrt(2 * pi(x))


def hazard(x: Node) -> Any:
    """The density over the distribution; by erfcx, because on the left both underflow and their quotient does not."""
    return np.sqrt(2 / pi(x)) / erfcx(-x / np.sqrt(constant(2, x.dtype)))


def xlogy_partials(x: Node, y: Node) -> tuple[Any, Any]:
    """The partials of x ln y; where x and y are both 0 they are 0."""
    return np.log(np.where((x == 0) & (y <= 0), 1, y)), x / np.where((x == 0) & (y == 0), 1, y)
