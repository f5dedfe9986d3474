"""How elementwise operations are declared: the constructors behind the table in `elementwise.py`.

One scalar body serves every meaning. Run on fractions it is the exact value, on dual numbers the witness for the
declared partials, on multiple-precision numbers the oracle, on loop scalars the compiled code. It takes an arithmetic
`m` first, for what plain operators cannot say: `m.select(condition, then, otherwise)`, `m.sin(x)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import numpy as np

from chainrule.errors import DtypeError, UnsupportedError
from chainrule.evaluate import exact_arithmetic
from chainrule.graph import Flat, Node, Operation, Partials, Sample, apply, constant, name_of, reaches
from chainrule.ops.samples import F
from chainrule.types import ArrayType, broadcast_shapes, check_dtype

_WEAK = {int: int, float: float, bool: np.dtype(bool)}
Promotion = Callable[[str, tuple[Any, ...]], tuple[np.dtype, ...]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(Operation):
    """An operation on each element alone, its operands broadcast."""

    scalar: Callable[..., Any]
    """(arithmetic, *numbers, **parameters) -> number: the body that every meaning but NumPy's own runs."""
    promotion: Promotion
    """(name, dtypes or weak Python types of the operands) -> the dtypes of the operands and of the result."""
    points: dict[Any, Any] | None
    """The rational values of a transcendental function; None where the body itself is rational (or a root)."""

    def __call__(self, *operands: Any, **parameters: Any) -> Node:
        """The node for these operands, cast to the dtypes that NumPy would compute in."""
        kinds = tuple(_WEAK.get(type(operand)) or _dtype_of(self.name, operand) for operand in operands)
        targets = self.promotion(self.name, kinds)
        return apply(self, tuple(map(_cast_operand, operands, targets)), parameters)


def _dtype_of(name: str, operand: Any) -> np.dtype:
    return operand.dtype if isinstance(operand, Node) else check_dtype(name, np.asarray(operand).dtype)


def _cast_operand(operand: Any, dtype: np.dtype) -> Node:
    if not isinstance(operand, Node):
        return constant(operand, dtype)
    return operand if operand.dtype == dtype else cast(operand, dtype)


def like(ufunc: np.ufunc) -> Promotion:
    """The promotion of this ufunc of NumPy, asked of NumPy itself."""

    @lru_cache(maxsize=1024)
    def promotion(name: str, kinds: tuple[Any, ...]) -> tuple[np.dtype, ...]:
        try:
            resolved = ufunc.resolve_dtypes((*kinds, *[None] * ufunc.nout))  # type: ignore[arg-type]
        except TypeError:
            raise DtypeError(
                name,
                expected=f"dtypes that numpy.{ufunc.__name__} computes in",
                got=" and ".join(getattr(kind, "name", getattr(kind, "__name__", str(kind))) for kind in kinds),
                remedy="Convert the operand with astype first.",
            ) from None
        return tuple(check_dtype(name, dtype) for dtype in resolved)

    return promotion


def infer_elementwise(name: str, promotion: Promotion) -> Callable[..., ArrayType]:
    """The type rule: shapes broadcast; the dtypes must be what the operation computes in."""

    def infer(*types: ArrayType, **_: Any) -> ArrayType:
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

        return operation()(*(aligned(operand) if has else operand for operand, has in zip(operands, batched, strict=True)), **parameters)

    return batch


def elementwise(
    function: Any,
    scalar: Callable[..., Any],
    derivative: Any,
    latex: str,
    samples: Callable[[], Iterable[Sample]],
    points: dict[Any, Any] | None = None,
    *,
    name: str | None = None,
    promotion: Promotion | None = None,
    also: tuple[Any, ...] = (),
    method: str | None = None,
) -> Elementwise:
    """Declare an elementwise operation: NumPy's function, value, derivative, LaTeX, and what the laws are tested on.

    A ufunc gives the operation its name and its promotion, and reaches it; so do the functions in `also`. `derivative`
    gives the partials, `lambda x, y, out: (d/dx, d/dy)`, or is `Flat()`. `points` holds the rational values of a
    transcendental function at rational arguments; None says that the body itself is rational.
    """
    ufunc = isinstance(function, np.ufunc)
    name = name or function.__name__
    promotion = promotion or like(function)
    operation = Elementwise(
        name=name,
        scalar=scalar,
        promotion=promotion,
        points=points,
        infer=infer_elementwise(name, promotion),
        reference=function,
        exact=_exactly(scalar if points is None else _at_points(name, points)),
        derivative=derivative if isinstance(derivative, Flat) else Partials(derivative),
        batch=batch_elementwise(lambda: operation),
        latex=latex,
        samples=samples,
        rejects=_rejects(samples),
    )
    targets = (*((function,) if ufunc else ()), *also)
    if targets:
        reaches(*targets, method=method)(numpy_call(name_of(targets[0]), operation))
    return operation


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
        if dtype is not None:
            operands = tuple(cast(operand, np.dtype(dtype)) for operand in operands)
        return operation(*operands)

    return call


def _brief(value: Any) -> str:
    return repr(value) if isinstance(value, (bool, int, float, str, type(None))) else type(value).__name__


def _exactly(body: Callable[..., Any]) -> Callable[..., Any]:
    def exact(*arrays: Any, **parameters: Any) -> Any:
        run = np.frompyfunc(lambda *numbers: body(exact_arithmetic, *numbers, **parameters), len(arrays), 1)
        return run(*arrays)

    return exact


def _at_points(name: str, points: dict[Any, Any]) -> Callable[..., Any]:
    known = {(key if isinstance(key, tuple) else (key,)): Fraction(value) for key, value in points.items()}

    def body(m: Any, *numbers: Any, **_: Any) -> Any:
        return known[numbers] if numbers in known else getattr(m, name)(*numbers)

    return body


def _rejects(samples: Callable[[], Iterable[Sample]]) -> Callable[[], Iterable[Sample]]:
    def rejects() -> Iterable[Sample]:
        sample = next(iter(samples()))
        if len(sample.operands) > 1:
            kinds = [np.asarray(operand).dtype for operand in sample.operands]
            kinds = [np.dtype(float) if kind == object else kind for kind in kinds]
            shapes = [(2, 3), (2,), (2,)]
            yield Sample(*(np.zeros(shape, kind) for shape, kind in zip(shapes, kinds, strict=False)), words="axis -1 is 3 and 2")

    return rejects


def _infer_cast(kind: ArrayType, *, dtype: np.dtype) -> ArrayType:
    return ArrayType(kind.shape, check_dtype("astype", dtype))


def _cast_exactly(array: Any, *, dtype: np.dtype) -> Any:
    if dtype.kind == "f":
        return np.frompyfunc(lambda x: Fraction(x) if isinstance(x, bool) else x, 1, 1)(array)
    convert = (lambda x: x != 0) if dtype.kind == "b" else (lambda x: Fraction(int(x)))
    return np.frompyfunc(convert, 1, 1)(array)


_cast = Operation(
    name="astype",
    infer=_infer_cast,
    reference=lambda array, *, dtype: np.asarray(array).astype(dtype),
    exact=_cast_exactly,
    derivative=Partials(lambda x, out, *, dtype: (1,) if dtype.kind == "f" else (None,)),
    batch=lambda operands, batched, size, *, dtype: cast(operands[0], dtype),
    latex=r"\mathrm{{{dtype}}}({0})",
    samples=lambda: [Sample(F(1, -2, "1/2"), dtype=np.dtype("float64"))],
    rejects=lambda: [Sample(np.zeros(2), dtype=np.dtype("complex128"), words="complex128")],
)


def cast(value: Any, dtype: Any) -> Node:
    """The value in another dtype: `x.astype(dtype)`."""
    target = check_dtype("astype", dtype)
    if not isinstance(value, Node):
        return constant(value, target)
    return value if value.dtype == target else _cast(value, dtype=target)


@reaches(np.astype, "astype", method="astype")
def _astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Node:
    return cast(x, dtype)


def total(terms: Sequence[Any]) -> Any:
    """The sum of some nodes, from the left."""
    return reduce(np.add, terms)
