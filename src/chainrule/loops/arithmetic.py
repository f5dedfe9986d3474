"""The arithmetic that scalar bodies run in to give loop scalars: the bridge from an operation to its compiled code.

The words that a body may say are listed in `chainrule/ops/declare.py`. Here each gives an expression of the dtype of
its operands. Python numbers are weak, and what a body makes of them alone, as `m.sqrt(2)`, is a Python number again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import DtypeError
from chainrule.loops.functions import function_of
from chainrule.loops.scalar import Choice, Scalar, apply, lift


class LoopArithmetic:
    """The arithmetic of loop scalars.

    >>> from chainrule.loops.scalar import Buffer
    >>> x = Buffer("x", (4,), np.dtype("float32"), "input")[0]
    >>> m = LoopArithmetic()
    >>> print(m.select(x >= 0, x, m.expm1(x)))
    select(x[0] >= 0, x[0], expm1(x[0]))
    """

    pi = math.pi

    def select(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """`then` where the condition holds, else `otherwise`; of two Python numbers, a number that is weak too."""
        if isinstance(condition, bool):
            return then if condition else otherwise
        if isinstance(then, Scalar) or isinstance(otherwise, Scalar):
            return apply("select", condition, then, otherwise)
        return Choice(condition, then, otherwise)

    def absolute(self, x: Any) -> Any:
        """x without its sign, which a truth value and an unsigned integer do not have."""
        return x if _kind(x) in "bu" else self._call("absolute", x)

    def copysign(self, x: Any, y: Any) -> Any:
        """x with the sign of y; an integer has no negative zero."""
        if _kind(x, y) == "f":
            return self._call("copysign", x, y)
        magnitude = self.absolute(x) if isinstance(x, Scalar) else lift(abs(x), y.dtype)
        return self.select(y < 0, -magnitude, magnitude)

    def floor(self, x: Any) -> Any:
        """The largest integer that is not above x."""
        return self._rounded("floor", x)

    def ceil(self, x: Any) -> Any:
        """The smallest integer that is not below x."""
        return self._rounded("ceil", x)

    def trunc(self, x: Any) -> Any:
        """The integer part of x."""
        return self._rounded("trunc", x)

    def rint(self, x: Any) -> Any:
        """The nearest integer, and of two as near the even one."""
        return self._rounded("rint", x)

    def frexp(self, x: Any) -> tuple[Any, Any]:
        """The mantissa and the exponent (an int32) of x."""
        return self._call("mantissa", x), self._call("exponent", x)

    def _rounded(self, name: str, x: Any) -> Any:
        return self._call(name, x) if _kind(x) == "f" else x

    def _call(self, name: str, *operands: Any) -> Any:
        if any(isinstance(operand, (Scalar, Choice)) for operand in operands):
            return apply(name, *operands)
        value = getattr(np, name, None)
        if value is None:
            return apply(name, *operands)  # which says that an operand needs a dtype
        return value(*operands).item()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        function_of(name)
        return lambda *operands: self._call(name, *operands)


loop_arithmetic = LoopArithmetic()


def _kind(*operands: Any) -> str:
    """NumPy's letter for the dtype of the first scalar among the operands; Python numbers alone are as floats."""
    return next((operand.dtype.kind for operand in operands if isinstance(operand, Scalar)), "f")


def run_body(body: Callable[..., Any], operands: tuple[Scalar, ...], dtype: np.dtype, **parameters: Any) -> Scalar:
    """The expression that a scalar body makes of these operands, whose dtype must be the operation's result dtype.

    >>> from chainrule.loops.scalar import Buffer
    >>> x = Buffer("x", (), np.dtype("int64"), "input")[()]
    >>> print(run_body(lambda m, x: m.select(x > 0, 1, 0), (x,), np.dtype("int64")))
    select(x[] > 0, int64(1), int64(0))
    """
    result = lift(body(loop_arithmetic, *operands, **parameters), dtype)
    if result.dtype != dtype:
        raise DtypeError(
            "loops", expected=f"a body that gives {dtype.name}", got=f"{result!r}", remedy="Correct the scalar body."
        )
    return result
