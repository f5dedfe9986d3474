"""Compute the coefficients of `chainrule.native.polynomials`: run this file, and it writes that one.

Each row is a function, the interval, and the share that the polynomial's term can have in the final result: the
degree is the least whose error, times the share, stays under 2^-6 of a unit in the last place. The fit interpolates
at Chebyshev's points (mpmath's `chebyfit`), which comes within a small factor of the minimax polynomial (Muller,
Elementary Functions, 3rd ed. (2016), chapter 3).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

DIGITS = 170  # that intermediate results carry, since the functions cancel near 0
TINY = mp.mpf(10) ** -25  # stands for a removable singularity at 0


def ratio(numerator: Callable[[Any], Any], power: int) -> Callable[[Any], Any]:
    """The function numerator(x) / x^power."""

    def function(x: Any) -> Any:
        x = x if abs(x) > TINY else TINY
        return numerator(x) / x**power

    return function


def in_square(numerator: Callable[[Any], Any], power: int) -> Callable[[Any], Any]:
    """The same as a function of z = x^2."""
    return lambda z: ratio(numerator, power)(mp.sqrt(abs(z)))


ERFC_CENTRE = {24: mp.mpf("3.5"), 53: mp.mpf("3.5")}  # of the map t = (x - c) / (x + c)
ERFC_END = {24: mp.mpf("10.25"), 53: mp.mpf("27.5")}


def scaled_erfc(digits: int) -> tuple[Callable[[Any], Any], tuple[Any, Any]]:
    """(1 + 2x) exp(x^2) erfc(x) - 1 over t in [-1, t(end)] (Shepherd and Laframboise, Math. Comp. 36 (1981))."""
    centre, end = ERFC_CENTRE[digits], ERFC_END[digits]

    def function(t: Any) -> Any:
        x = centre * (1 + t) / (1 - t)
        return (1 + 2 * x) * mp.exp(x * x) * mp.erfc(x) - 1

    return function, (mp.mpf(-1), (end - centre) / (end + centre))


def log_gamma_rest(zero: int, t: Any) -> Any:
    """ln Gamma(zero + t), less the first two terms of its series."""
    slope, curvature = (-mp.euler, mp.pi**2 / 12) if zero == 1 else (1 - mp.euler, mp.pi**2 / 12 - mp.mpf(0.5))
    return mp.loggamma(zero + t) - t * (slope + t * curvature)


@functools.cache
def digamma_zero() -> Any:
    """The only positive one, 1.46..."""
    return mp.findroot(mp.digamma, mp.mpf("1.4616321449683623"))


def digamma_slope(t: Any) -> Any:
    """digamma(3/2 + t) over the distance to its zero."""
    return mp.digamma(t + mp.mpf(1.5)) / (t + mp.mpf(1.5) - digamma_zero())


# fmt: off
ROWS: dict[str, tuple[Callable[[Any], Any], tuple[str, str], float]] = {
    # name: function, interval, share in the result
    "exp":  (ratio(lambda r: mp.expm1(r) - r, 2),                           ("-0.347", "0.347"), 0.18),
    "log":  (in_square(lambda s: 2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3, 5), ("0", "0.02944"),    0.01),
    "log_1":  (ratio(lambda f: mp.log1p(f) - f + f * f / 2, 3),               ("-0.293", "0.5"), 0.1),
    "tanh": (in_square(lambda x: mp.tanh(x) - x, 3),                        ("0", "0.391"),      0.13),
    "erfc_log": (lambda a: mp.ln(mp.erfc(a)),                               ("0.99", "4"),       1.0),
    "sin":  (in_square(lambda r: mp.sin(r) - r, 3),                         ("0", "0.6175"),     0.11),
    "cos":  (in_square(lambda r: mp.cos(r) - 1 + r * r / 2, 4),             ("0", "0.6175"),     0.03),
    "atan": (in_square(lambda t: mp.atan(t) - t, 3),                        ("0", "0.17158"),    0.06),
    "asin": (in_square(lambda s: mp.asin(s) - s, 3),                        ("0", "0.25"),       0.05),
    "erf":  (in_square(lambda x: mp.erf(x) - x, 1),                         ("0", "1"),          0.19),
    # the rest of ln Gamma at 1 and 2, and digamma around 3/2, over the distance to its zero
    "gammaln_1": (ratio(lambda t: log_gamma_rest(1, t), 3),                   ("-0.5", "0.5"), 0.3),
    "gammaln_2": (ratio(lambda t: log_gamma_rest(2, t), 3),                   ("-0.5", "0.5"), 0.3),
    "digamma": (ratio(lambda t: digamma_slope(t) - digamma_slope(0), 1),       ("-0.5", "0.5"), 0.3),
    "cbrt": (mp.cbrt,                                                       ("1", "2"),          2.0**-9),
}
# fmt: on
DOUBLE_ONLY = ("gammaln_1", "gammaln_2", "digamma")  # what float32 takes from float64
SINGLE_ONLY = ("log_1", "tanh", "erfc_log")  # the short ways of float32
LOOSE = {"cbrt": 14}  # a first guess of so many bits, whatever the format


def fit(name: str, digits: int, least: int = 2) -> tuple[list[float], float]:
    """Coefficients, the constant first and at least so many, and the relative error before they are rounded."""
    with mp.workdps(DIGITS):
        return _fit(name, digits, least)


def _fit(name: str, digits: int, least: int) -> tuple[list[float], float]:
    if name == "erfc":
        function, interval = scaled_erfc(digits)
        share = 0.2
    else:
        function, ends, share = ROWS[name]
        interval = tuple(map(mp.mpf, ends))
    wanted = mp.mpf(2) ** -(LOOSE.get(name, digits) + 6) / (1 if name in LOOSE else share)
    largest = max(abs(function(interval[0])), abs(function(interval[1])))
    for count in range(least, 60):
        coefficients, error = mp.chebyfit(function, list(interval), count, error=True)
        if error / largest < wanted:
            number = np.float32 if digits == 24 else float
            return [float(number(c)) for c in reversed(coefficients)], float(error / largest)
    raise ArithmeticError(f"{name}: no polynomial of degree under 60 is accurate enough; split the interval")


CONSTANTS = {
    "LN2": lambda: mp.ln(2),
    "INVERSE_LN2": lambda: 1 / mp.ln(2),
    "INVERSE_LN10": lambda: 1 / mp.ln(10),
    "LOG10_2": lambda: mp.log10(2),
    "PI": lambda: +mp.pi,
    "TWO_OVER_PI": lambda: 2 / mp.pi,
    "LN_PI": lambda: mp.ln(mp.pi),
    "INVERSE_SQRT_PI": lambda: 1 / mp.sqrt(mp.pi),
    "HALF_LOG_TAU": lambda: mp.ln(2 * mp.pi) / 2,
    "EULER": lambda: +mp.euler,
    "DIGAMMA_ZERO": digamma_zero,
    "DIGAMMA_SLOPE": lambda: digamma_slope(0),
}


def write(path: Path) -> None:
    """Write the module of coefficients."""
    with mp.workdps(420):
        words = int(mp.floor(2 / mp.pi * mp.mpf(2) ** (64 * 20)))
    lines = [
        '"""Coefficients of polynomials and constants with 60 digits, computed by `tests/native/fit_polynomials.py`.',
        "",
        "Rows: the function that is approximated is in that script; the constant comes first. Not edited by hand.",
        '"""',
        "",
        "from fractions import Fraction",
        "",
    ]
    with mp.workdps(DIGITS):
        lines += [f'{name} = Fraction("{mp.nstr(value(), 60)}")' for name, value in CONSTANTS.items()]
    lines += ["", "TWO_OVER_PI_BITS = int(  # the first 1280 bits after the point of 2/pi"]
    lines += [f'    "{f"{words:0320x}"[i : i + 80]}"' for i in range(0, 320, 80)] + ["    , 16)"]
    lines += [f"ERFC_CENTRE = {{'f32': {float(ERFC_CENTRE[24])!r}, 'f64': {float(ERFC_CENTRE[53])!r}}}", ""]
    lines += ["POLYNOMIALS: dict[str, dict[str, tuple[float, ...]]] = {"]
    for name in [*ROWS, "erfc"]:
        lines.append(f'    "{name}": {{')
        for digits, format in ((24, "f32"), (53, "f64")):
            if name in (DOUBLE_ONLY if digits == 24 else SINGLE_ONLY):
                continue
            coefficients, error = fit(name, digits)
            print(f"{name} {format}: degree {len(coefficients) - 1}, relative error {error:.1e}", file=sys.stderr)
            lines.append(f'        "{format}": (')
            shown = [float(np.float32(c)) for c in coefficients] if digits == 24 else coefficients
            lines += [f"            {c!r}," for c in shown] + ["        ),"]
        lines.append("    },")
    path.write_text("\n".join([*lines, "}", ""]))


if __name__ == "__main__":
    write(Path(__file__).parents[2] / "src/chainrule/native/polynomials.py")
