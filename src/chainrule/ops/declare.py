"""How elementwise operations are declared: the constructors behind the derivative tables.

One scalar body serves every meaning. Run on fractions it is the exact value, on dual numbers the witness for the
declared partials, on multiple-precision numbers the oracle, on loop scalars the compiled code. It takes an arithmetic
`m` first and may say no more than this, so that an arithmetic is complete when it knows these words:

- the operators `+ - *`, the comparisons, and `& | !=` between the truth values that comparisons give;
- `m.select(condition, then, otherwise)` and `m.divide(x, y)`, which Python's own `if` and `/` are too narrow for;
- by NumPy's names and with NumPy's meaning: `absolute copysign floor ceil trunc rint fmod power sqrt cbrt hypot ldexp
  nextafter spacing`, `exp exp2 expm1 log log2 log10 log1p`, `sin cos tan arcsin arccos arctan arctan2`, `sinh cosh tanh
  arcsinh arccosh arctanh`, `frexp`, and on integers `invert bitwise_and bitwise_or bitwise_xor left_shift right_shift
  bitwise_count gcd lcm`;
- by SciPy's names: `erf erfc erfcx gammaln digamma polygamma(order, x)`;
- `m.pi`. Other irrational numbers are made of these, as `m.sqrt(2)`; a literal is taken as the fraction that it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, UnsupportedError
from chainrule.evaluate import UNDEFINED, exact_arithmetic
from chainrule.evaluate.exact import inexact
from chainrule.graph import Element, Flat, Node, Operation, Partials, Sample, apply, as_node, constant, name_of, reaches
from chainrule.loops import aligned, run_body
from chainrule.ops.cast import cast
from chainrule.record import record
from chainrule.types import ArrayType, broadcast_shapes, check_dtype, promote

_WEAK = {int: int, float: float, bool: np.dtype(bool)}
_ZEROS = {int: 0, float: 0.0}
Promotion = Callable[..., tuple[np.dtype, ...]]


@record(eq=False, kw_only=True)
class Elementwise(Operation):
    """An operation on each element alone, its operands broadcast."""

    scalar: Callable[..., Any]
    """(arithmetic, *numbers, **parameters) -> number: the body that every meaning but NumPy's own runs."""
    points: dict[Any, Any] | None
    """The rational values of a transcendental body at rational arguments; None where the body is rational itself."""
    promotion: Promotion
    """(name, dtypes or weak Python types of the operands, dtype asked for or None) -> dtypes of operands and result."""

    def __call__(self, *operands: Any, dtype: Any = None, **parameters: Any) -> Node:
        """The node for these operands, cast to the dtypes that NumPy would compute in."""
        kinds = tuple(_WEAK.get(type(operand)) or _dtype_of(self.name, operand) for operand in operands)
        targets = self.promotion(self.name, kinds, None if dtype is None else check_dtype(self.name, dtype))
        if targets[-1].kind == "b" and int in kinds and any(map(_overflows, operands, targets)):
            return self(*map(_strong, operands))  # NumPy compares uint8 with 300, though it would not add them
        cast_operands = (_cast_operand(self.name, *pair) for pair in zip(operands, targets, strict=False))
        return apply(self, tuple(cast_operands), parameters)


def _dtype_of(name: str, operand: Any) -> np.dtype:
    return operand.dtype if isinstance(operand, Node) else check_dtype(name, np.asarray(operand).dtype)


def _strong(operand: Any) -> Any:
    return np.asarray(operand) if type(operand) is int else operand


def _overflows(operand: Any, dtype: np.dtype) -> bool:
    if type(operand) is not int or dtype.kind not in "iu":
        return False
    limits = np.iinfo(dtype)
    return not limits.min <= operand <= limits.max


def _cast_operand(name: str, operand: Any, dtype: np.dtype) -> Node:
    if isinstance(operand, Node):
        return cast(operand, dtype)
    if _overflows(operand, dtype):
        raise DtypeError(
            name,
            expected=f"an integer that {dtype.name} can hold",
            got=f"{operand}",
            remedy="Convert the array to a wider dtype with astype first.",
        )
    return constant(operand, dtype)


# ----------------------------------------------------------------------------------------------------------- promotion


def like(ufunc: np.ufunc) -> Promotion:
    """The promotion of this ufunc of NumPy, asked of NumPy itself."""

    @lru_cache(maxsize=1024)
    def promotion(name: str, kinds: tuple[Any, ...], dtype: np.dtype | None = None) -> tuple[np.dtype, ...]:
        signature = {} if dtype is None else {"signature": (*[None] * ufunc.nin, *[dtype] * ufunc.nout)}
        try:
            resolved = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout), **signature)
        except TypeError:
            given = " and ".join(getattr(kind, "name", getattr(kind, "__name__", "")) for kind in kinds)
            raise DtypeError(
                name,
                expected=f"dtypes that numpy.{ufunc.__name__} computes in",
                got=given if dtype is None else f"{given} with dtype={dtype.name}",
                remedy="Convert the operand with astype first."
                if dtype is None
                else "Leave dtype out, and convert the operand or the result with astype.",
            ) from None
        return tuple(check_dtype(name, one) for one in resolved)

    return promotion


def alike(name: str, kinds: tuple[Any, ...], dtype: np.dtype | None = None) -> tuple[np.dtype, ...]:
    """The promotion of an operation whose operands and result have one dtype."""
    one = dtype or promote(name, *(_ZEROS.get(kind, kind) for kind in kinds))
    return (one,) * (len(kinds) + 1)


def floating(name: str, kinds: tuple[Any, ...], dtype: np.dtype | None = None) -> tuple[np.dtype, ...]:
    """The promotion of SciPy's special functions: float32 where all operands are, else float64."""
    single, double = np.dtype(np.float32), np.dtype(np.float64)
    one = dtype or (single if set(kinds) == {single} else double)
    if one not in (single, double):
        raise DtypeError(
            name, expected="float32 or float64", got=f"dtype={one.name}", remedy="Convert the result with astype."
        )
    return (one,) * (len(kinds) + 1)


# ---------------------------------------------------------------------------------------------- the rules they all have


def infer_elementwise(name: str, promotion: Promotion, scalar: Callable[..., Any]) -> Callable[..., ArrayType]:
    """The type rule: shapes broadcast; the dtypes must be what the operation computes in, the parameters its body's."""
    settings = [key for key, one in inspect.signature(scalar).parameters.items() if one.kind is one.KEYWORD_ONLY]

    def infer(*types: ArrayType, **parameters: Any) -> ArrayType:
        if parameters.keys() != set(settings):
            raise ArgumentError(
                name,
                expected=f"the parameters {', '.join(settings)}" if settings else "no parameters",
                got=f"{parameters}",
                remedy="Give each of its parameters, and no others.",
            )
        *needed, result = promotion(name, tuple(kind.dtype for kind in types))
        if any(kind.dtype != dtype for kind, dtype in zip(types, needed, strict=True)):
            raise DtypeError(
                name,
                expected=f"operands already cast to {', '.join(dtype.name for dtype in needed)}",
                got=", ".join(kind.dtype.name for kind in types),
                remedy="Apply astype to the operands that differ.",
            )
        return ArrayType(broadcast_shapes(name, *(kind.shape for kind in types)), result)

    return infer


def batch_elementwise(operation: Callable[..., Node]) -> Callable[..., Node]:
    """The batching rule: the new axis stays in front of operands that broadcast against one another."""

    def batch(operands: Sequence[Node], batched: Sequence[bool], size: int, **parameters: Any) -> Node:
        rank = max(operand.ndim - has for operand, has in zip(operands, batched, strict=True))

        def aligned(operand: Node) -> Node:
            gap = rank + 1 - operand.ndim
            return np.reshape(operand, (size, *(1,) * gap, *operand.shape[1:])) if gap else operand

        moved = (aligned(operand) if has else operand for operand, has in zip(operands, batched, strict=True))
        return operation()(*moved, **parameters)

    return batch


def _exactly(name: str, body: Callable[..., Any], promotion: Promotion) -> Callable[..., Any]:
    """The body over fractions. Python's True + True is 2; NumPy's is True, as the promotion says."""

    def exact(*arrays: Any, **parameters: Any) -> Any:
        def number(*numbers: Any) -> Any:
            value = body(exact_arithmetic, *numbers, **parameters)
            if type(value) is not int:
                return value
            kinds = (np.dtype(bool),) * len(numbers)
            truth = all(type(number) is bool for number in numbers) and promotion(name, kinds)[-1].kind == "b"
            return bool(value) if truth else Fraction(value)

        return np.frompyfunc(number, len(arrays), 1)(*arrays)

    return exact


def _arguments(points: dict[Any, Any]) -> list[tuple[Fraction, ...]]:
    return [tuple(map(Fraction, key if isinstance(key, tuple) else (key,))) for key in points]


def _at_points(name: str, points: dict[Any, Any]) -> Callable[..., Any]:
    known = dict(zip(_arguments(points), map(Fraction, points.values()), strict=True))

    def body(m: Any, *numbers: Any, **_: Any) -> Any:
        if any(number is UNDEFINED for number in numbers):
            return UNDEFINED
        if numbers not in known:
            raise inexact(name, f"{name}({', '.join(map(str, numbers))})")
        return known[numbers]

    return body


def _rejects(samples: Callable[[], Iterable[Sample]]) -> Callable[[], Iterable[Sample]]:
    def rejects() -> Iterable[Sample]:
        sample = next(iter(samples()))
        if len(sample.operands) > 1:
            kinds = [np.asarray(operand).dtype for operand in sample.operands]
            kinds = [np.dtype(float) if kind.kind == "O" else kind for kind in kinds]
            shapes = [(2, 3), (2,), (2,)]
            operands = (np.zeros(shape, kind) for shape, kind in zip(shapes, kinds, strict=False))
            yield Sample(*operands, words="axis -1 is 3 and 2")

    return rejects


# ----------------------------------------------------------------------------------------------------- the constructors


def elementwise(
    function: Any,
    scalar: Callable[..., Any],
    derivative: Any,
    latex: str,
    samples: Callable[[], Iterable[Sample]],
    *,
    name: str | None = None,
    promotion: Promotion | None = None,
    points: dict[Any, Any] | None = None,
    also: tuple[Any, ...] = (),
    compiled: str = "biuf",
) -> Elementwise:
    """Declare an elementwise operation: function, value, derivative, LaTeX, and what the laws are tested on.

    A ufunc gives the operation its name and its promotion, and reaches it; so do the functions in `also`. `derivative`
    gives the partials, `lambda x, y, out: (d/dx, d/dy)`, or is `Flat()`. The body is run on fractions as it is; where
    it is transcendental, `points` holds its rational values at rational arguments instead. `compiled` are the kinds of
    dtypes for which the body is NumPy's own meaning; others are left to the function itself.
    """
    name = name or function.__name__
    promotion = promotion or like(function)

    def element(index: tuple[Any, ...], *operands: Any, **parameters: Any) -> Any:
        dtype = promotion(name, tuple(operand.dtype for operand in operands))[-1]
        return run_body(scalar, tuple(one[aligned(index, one.shape)] for one in operands), dtype, **parameters)

    operation = Elementwise(
        name=name,
        scalar=scalar,
        points=points,
        promotion=promotion,
        infer=infer_elementwise(name, promotion, scalar),
        reference=function,
        exact=_exactly(name, scalar if points is None else _at_points(name, points), promotion),
        derivative=derivative if isinstance(derivative, Flat) else Partials(derivative),
        batch=batch_elementwise(lambda: operation),
        lowering=Element(element, kinds=compiled),
        latex=latex,
        samples=samples,
        rejects=_rejects(samples),
    )
    targets = (*((function,) if isinstance(function, np.ufunc) else ()), *also)
    for target in targets:
        reaches(target)(numpy_call(name_of(target), operation))
        if getattr(target, "nin", 1) == 2:
            reaches((target, "outer"))(outer(numpy_call(name_of((target, "outer")), operation)))
    return operation


def transcendental(
    function: Any,
    derivative: Any,
    latex: str,
    samples: Callable[[], Iterable[Sample]],
    points: dict[Any, Any],
    scalar: Callable[..., Any] | None = None,
    **facts: Any,
) -> Elementwise:
    """Declare an elementwise operation that every arithmetic knows by its name, or whose body is made of such.

    `points` holds its rational values at rational arguments; the other facts are those of `elementwise`.
    """
    name = facts.get("name") or function.__name__
    body = scalar or (lambda m, *numbers: getattr(m, name)(*numbers))

    def everywhere() -> Iterable[Sample]:
        yield from samples()
        if points:
            yield Sample(*(np.array(column, object) for column in zip(*_arguments(points), strict=True)))

    return elementwise(function, body, derivative, latex, everywhere, points=points, **facts)


def numpy_call(name: str, operation: Callable[..., Node]) -> Callable[..., Node]:
    """A ufunc's calling convention around an operation: `dtype` is taken, `where` and the rest are refused."""

    def call(*operands: Any, dtype: Any = None, where: Any = True, **options: Any) -> Node:
        if where is not True:
            options["where"] = where
        if options:
            raise UnsupportedError(
                name,
                expected="a call without " + ", ".join(options),
                got=", ".join(f"{key}={_brief(value)}" for key, value in options.items()),
                remedy="Leave it out; np.where(condition, new, old) chooses between two results.",
            )
        if dtype is None:
            return operation(*operands)
        if isinstance(operation, Elementwise):
            return operation(*operands, dtype=dtype)
        return operation(*(cast(operand, dtype) for operand in operands))

    return call


def outer(call: Callable[..., Node]) -> Callable[..., Node]:
    """The method `outer` of a ufunc: every element of the first operand with every element of the second."""

    def pairs(x: Any, y: Any, /, **options: Any) -> Node:
        x, y = as_node(x), as_node(y)
        return call(np.reshape(x, (*x.shape, *(1,) * y.ndim)), y, **options)

    return pairs


def _brief(value: Any) -> str:
    if isinstance(value, (bool, int, float, str, type(None))):
        return repr(value)
    return f"{value.type}" if isinstance(value, Node) else type(value).__name__
