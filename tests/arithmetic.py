"""The arithmetics of floats and of many digits for scalar bodies: what they are run in beside fractions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import scipy.special
from mpmath import mp


class FloatArithmetic:
    """NumPy's and SciPy's float64 functions, whose names scalar bodies use."""

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        return then if condition else otherwise

    def __getattr__(self, name: str) -> Any:
        return getattr(np if hasattr(np, name) else scipy.special, name)


class MultiplePrecision:
    """mpmath's functions under the names that scalar bodies use; the caller sets the number of digits."""

    pi = mp.pi
    _NAMES: ClassVar[dict[str, str]] = {
        "absolute": "fabs", "rint": "nint", "power": "power", "arcsin": "asin", "arccos": "acos", "arctan": "atan",
        "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
    }  # fmt: skip

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        return then if condition else otherwise

    def divide(self, x: Any, y: Any) -> Any:
        return mp.mpf(x) / y if y else mp.nan if not x else mp.inf * mp.sign(x)

    def log(self, x: Any) -> Any:
        return mp.log(x) if x >= 0 else mp.nan

    def copysign(self, x: Any, y: Any) -> Any:
        return -mp.fabs(x) if y < 0 else mp.fabs(x)

    def trunc(self, x: Any) -> Any:
        return mp.sign(x) * mp.floor(mp.fabs(x))

    def fmod(self, x: Any, y: Any) -> Any:
        with mp.workprec(4500):  # every digit of the quotient of two floats
            return x - y * self.trunc(self.divide(x, y))

    def cbrt(self, x: Any) -> Any:
        return mp.sign(x) * mp.cbrt(mp.fabs(x))

    def invert(self, x: Any) -> Any:
        return not x if isinstance(x, bool) else ~x

    def bitwise_and(self, x: Any, y: Any) -> Any:
        return x & y

    def bitwise_or(self, x: Any, y: Any) -> Any:
        return x | y

    def bitwise_xor(self, x: Any, y: Any) -> Any:
        return x ^ y

    def left_shift(self, x: Any, y: Any) -> Any:
        return x << y

    def right_shift(self, x: Any, y: Any) -> Any:
        return x >> y

    def bitwise_count(self, x: Any) -> Any:
        return x.bit_count()

    def gcd(self, x: Any, y: Any) -> Any:
        return math.gcd(x, y)

    def lcm(self, x: Any, y: Any) -> Any:
        return math.lcm(x, y)

    def exp2(self, x: Any) -> Any:
        return mp.power(2, x)

    def log2(self, x: Any) -> Any:
        return mp.log(x, 2)

    def erfcx(self, x: Any) -> Any:
        return mp.exp(x * x) * mp.erfc(x)

    def gammaln(self, x: Any) -> Any:
        return mp.loggamma(x).real

    def polygamma(self, order: int, x: Any) -> Any:
        return mp.psi(order, x)

    def __getattr__(self, name: str) -> Any:
        return getattr(mp, self._NAMES.get(name, name))
