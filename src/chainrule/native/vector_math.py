"""Elementary functions on vectors of float32 and float64, emitted as LLVM IR: no libm, no fast-math.

`emit(builder, "exp", x)` emits a call of a function that is made once in a module for each name and type, internal,
so that LLVM can inline it, and free of branches (but for one that skips the reduction of huge angles where no lane
has one). It uses the intrinsics fma, sqrt, fabs, copysign, floor and rint, which are instructions on every machine that
has FMA (x86-64 from AVX2, arm64); without FMA, LLVM calls C's `fma` for each lane, which is right and slow.

Errors are at most 1 unit in the last place in float64, and 1.7 in float32, over the whole range (`make math-range`) but
near two kinds of zeros: logaddexp's in float64, and gammaln's and digamma's at negative numbers, where the terms
cancel. A result depends on its lane's operands alone and has the same bits at every width, with and without FMA.
(Processors with AVX-512 have a tanh of float32 of their own, by a table, at every width.)
Rounding is to nearest, subnormals are kept, zeros are signed, and at infinities, NaN and poles the value is NumPy's (or
SciPy's). The floating-point flags are not kept: a lane computes both sides of what it selects.

Sources: J.-M. Muller, Elementary Functions: Algorithms and Implementation, 3rd ed. (2016); W. Cody and W. Waite,
Software Manual for the Elementary Functions (1980); M. Payne and R. Hanek, ACM SIGNUM Newsletter 18 (1983). The
coefficients are our own: `tests/native/fit_polynomials.py` computes them.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from chainrule.errors import ArgumentError, DtypeError
from chainrule.native import ir
from chainrule.native import vector_math_exponential as exponential
from chainrule.native import vector_math_gamma as gamma
from chainrule.native import vector_math_logarithm as logarithm
from chainrule.native import vector_math_special as special
from chainrule.native import vector_math_trigonometric as trigonometric
from chainrule.native.outlined import call_outlined
from chainrule.native.vector_math_lanes import Lanes, element, suffix

FUNCTIONS: Mapping[str, Callable[..., Lanes]] = MappingProxyType(
    {
        function.__name__: function
        for function in (
            exponential.exp,
            exponential.exp2,
            exponential.expm1,
            logarithm.log,
            logarithm.log2,
            logarithm.log10,
            logarithm.log1p,
            exponential.tanh,
            exponential.sinh,
            exponential.cosh,
            trigonometric.sin,
            trigonometric.cos,
            trigonometric.tan,
            trigonometric.arcsin,
            trigonometric.arccos,
            trigonometric.arctan,
            trigonometric.arctan2,
            special.erf,
            special.erfc,
            exponential.expit,
            logarithm.log_expit,
            logarithm.softplus,
            logarithm.pow,
            special.cbrt,
            logarithm.arcsinh,
            logarithm.arccosh,
            logarithm.arctanh,
            special.hypot,
            logarithm.logaddexp,
            gamma.gammaln,
            gamma.digamma,
            gamma.erfcx,
        )
    }
)


def arity(name: str) -> int:
    """How many operands a function takes.

    >>> arity("exp"), arity("arctan2")
    (1, 2)
    """
    return len(inspect.signature(_body(name)).parameters)


def emit(builder: ir.IRBuilder, name: str, *operands: Any) -> Any:
    """Emit a call of an elementary function on scalars or vectors of one float type, and return its value.

    >>> module = ir.Module()
    >>> kind = ir.VectorType(ir.FloatType(), 8)
    >>> function = ir.Function(module, ir.FunctionType(kind, [kind]), "f")
    >>> builder = ir.IRBuilder(function.append_basic_block())
    >>> print(emit(builder, "exp", function.args[0]).type)
    <8 x float>

    Raises `ArgumentError` for an unknown name or a wrong number of operands, and `DtypeError` for operands that are not
    floats of one type.
    """
    if len(operands) != arity(name):
        raise ArgumentError(
            name, expected=f"{arity(name)} operands", got=str(len(operands)), remedy="Pass each of them."
        )
    kinds = [operand.type for operand in operands]
    if any(kind != kinds[0] for kind in kinds) or not isinstance(element(kinds[0]), (ir.FloatType, ir.DoubleType)):
        raise DtypeError(
            name,
            expected="float or double, or vectors of them, of one type",
            got=", ".join(map(str, kinds)),
            remedy="Convert the operands first.",
        )

    if name == "pow" and isinstance(operands[0], ir.Constant):
        return _power_of_constant(builder, *operands)

    def body(inner: ir.IRBuilder, *arguments: Any) -> Any:
        return _body(name)(*(Lanes(inner, argument) for argument in arguments)).value

    return call_outlined(builder, f"chainrule.{name}.{suffix(kinds[0])}", kinds[0], operands, body)


def _power_of_constant(builder: ir.IRBuilder, base: ir.Constant, y: Any) -> Any:
    """A function for each base, in which LLVM computes the logarithm: half of the time is left, and the same bits."""

    def body(inner: ir.IRBuilder, exponent: Any) -> Any:
        return _body("pow")(Lanes(inner, base), Lanes(inner, exponent)).value

    digits = hashlib.sha256(base.text.encode()).hexdigest()[:16]
    return call_outlined(builder, f"chainrule.pow.{suffix(y.type)}.{digits}", y.type, [y], body)


def _body(name: str) -> Callable[..., Lanes]:
    if name not in FUNCTIONS:
        raise ArgumentError(
            "emit", expected=f"one of {', '.join(FUNCTIONS)}", got=repr(name), remedy="Compose it of these."
        )
    return FUNCTIONS[name]
