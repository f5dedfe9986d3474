"""Linear algebra inside machine code: calls of LAPACK, matrix by matrix.

The drivers are those that `numpy.linalg` calls, on the same columns of the same matrices, so signs and pivots are
NumPy's; and as there, the work is done in float64, whatever the type of the numbers. LAPACK wants columns one after the
other: a matrix is turned on its way in and out, but where the transpose serves as well (Cholesky's factor, a triangle).
A matrix that a driver refuses (singular, not positive definite, no convergence) sets `refused`, and its results are
NaN; the run is then given to the reference, which raises.

The functions are called by symbols that `symbols_of` resolves in this process (`ops/lapack.py` finds them), so compiled
code holds no address. Workspaces are of the documented minimum and what blocked algorithms add to it, as a function of
the sizes alone: an object from the cache fits the memory that any process gives it.

Source: Anderson et al., LAPACK Users' Guide, 3rd ed. (1999), and the comments of the drivers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.native import ir, vector_math
from chainrule.native.code import WORD, counted, number
from chainrule.native.lapack_code import BYTE, INTEGER, PREFIX, REAL, Fortran, set_bytes
from chainrule.native.outlined import call_outlined
from chainrule.ops.lapack import addresses
from chainrule.types import ArrayType, size_of

UPPER = 2  # what stands for it among the numbers of a routine
BLOCK = 64  # columns: LAPACK's blocks have no more
_ALIGNMENT = 64


# ---------------------------------------------------------------------------------------------- systems of equations


def _solve(code: Fortran, a: Any, b: Any, x: Any, n: int, columns: int, triangle: int) -> Any:
    if triangle:
        return _substitute(code, a, b, x, n, columns, "L" if triangle == UPPER else "U")
    matrix, right = code.take_columns(a, "matrix", n, n), code.take_columns(b, "right", n, columns)
    info = code.checked("gesv", n, columns, matrix, n, code.pieces["pivots"], right, n)
    code.give_rows(right, x, n, columns)
    return info


def _substitute(code: Fortran, a: Any, b: Any, x: Any, n: int, columns: int, triangle: str) -> Any:
    """a x = b in place: as columns the memory says x^T a^T = b^T, and `triangle` is that of a^T."""
    build = code.builder
    matrix, right = code.doubles(a, "matrix"), code.doubles(x, "right")
    code.take(a, matrix, number(n * n))
    code.take(b, right, number(n * columns))

    def zero(step: Any, found: Sequence[Any]) -> list[Any]:
        value = code.load(matrix, build.mul(step, number(n + 1)))
        return [build.or_(found[0], build.fcmp_ordered("==", value, ir.Constant(REAL, 0.0)))]

    (singular,) = counted(build, number(0), number(n), 1, [ir.Constant(ir.IntType(1), 0)], zero)
    code.call("trsm", "R", triangle, "N", "N", columns, n, 1.0, matrix, n, right, columns)
    code.give(right, x, number(n * columns))
    return build.zext(singular, INTEGER)


def _inverse(code: Fortran, a: Any, x: Any, n: int) -> Any:
    build, size = code.builder, number(n)
    matrix, right = code.take_columns(a, "matrix", n, n), code.pieces["right"]
    code.clear(right, number(n * n))
    one = ir.Constant(REAL, 1.0)
    code.each(number(0), size, lambda step: code.store(one, right, build.mul(step, number(n + 1))))
    info = code.checked("gesv", n, n, matrix, n, code.pieces["pivots"], right, n)
    code.give_rows(right, x, n, n)
    return info


# ---------------------------------------------------------------------------------------------- determinants


def _sign_and_log(code: Fortran, a: Any, n: int) -> tuple[Any, Any, Any]:
    """The sign and the logarithm of the absolute value of a determinant, as NumPy takes them from the factors."""
    build, pivots = code.builder, code.pieces["pivots"]
    matrix = code.take_columns(a, "matrix", n, n)
    info = code.checked("getrf", n, n, matrix, n, pivots)
    zero, one = ir.Constant(REAL, 0.0), ir.Constant(REAL, 1.0)

    def factor(step: Any, carried: Sequence[Any]) -> list[Any]:
        sign, total = carried
        value = code.load(matrix, build.mul(step, number(n + 1)))
        negative = build.fcmp_ordered("<", value, zero)
        pivot = build.load(code.at(pivots, step, INTEGER), typ=INTEGER)
        swapped = build.icmp_signed("!=", build.sext(pivot, WORD), build.add(step, number(1)))
        sign = build.select(build.xor(negative, swapped), build.fneg(sign), sign)
        magnitude = build.select(negative, build.fneg(value), value)
        return [sign, build.fadd(total, vector_math.emit(build, "log", magnitude))]

    sign, total = counted(build, number(0), number(n), 1, [one, zero], factor)
    singular = build.icmp_signed(">", info, ir.Constant(INTEGER, 0))
    sign = build.select(singular, zero, sign)
    total = build.select(singular, ir.Constant(REAL, float("-inf")), total)
    return sign, total, build.select(singular, ir.Constant(INTEGER, 0), info)


def _slogdet(code: Fortran, a: Any, sign: Any, log: Any, n: int) -> Any:
    *values, info = _sign_and_log(code, a, n)
    for value, place in zip(values, (sign, log), strict=True):
        code.store(value, place, number(0), code.given)
    return info


def _determinant(code: Fortran, a: Any, result: Any, n: int) -> Any:
    sign, total, info = _sign_and_log(code, a, n)
    value = code.builder.fmul(sign, vector_math.emit(code.builder, "exp", total))
    code.store(value, result, number(0), code.given)
    return info


# ---------------------------------------------------------------------------------------------- decompositions


def _cholesky(code: Fortran, a: Any, x: Any, n: int) -> Any:
    """The lower triangle is copied, with zeros beyond; to LAPACK it is the upper triangle of the same matrix."""
    build, factor = code.builder, code.doubles(x, "matrix")

    def row(step: Any) -> None:
        start, length = build.mul(step, number(n)), build.add(step, number(1))
        code.take(code.at(a, start, code.given), code.at(factor, start), length)
        code.clear(code.at(factor, build.add(start, length)), build.sub(number(n), length))

    code.each(number(0), number(n), row)
    info = code.checked("potrf", "U", n, factor, n)
    code.give(factor, x, number(n * n))
    return info


def _qr(code: Fortran, a: Any, q: Any, r: Any, m: int, n: int) -> Any:
    build, size = code.builder, number(n)
    matrix, scales, work = code.take_columns(a, "matrix", m, n), code.pieces["scales"], code.pieces["work"]
    info = code.checked("geqrf", m, n, matrix, m, scales, work, n * BLOCK)

    def element(row: Any, column: Any) -> None:
        value = code.load(matrix, build.add(build.mul(column, number(m)), row))
        value = build.select(build.icmp_signed("<=", row, column), value, ir.Constant(REAL, 0.0))
        code.store(value, r, build.add(build.mul(row, size), column), code.given)

    code.each(number(0), size, lambda row: code.each(number(0), size, lambda column: element(row, column)))
    second = code.checked("orgqr", m, n, n, matrix, m, scales, work, n * BLOCK)
    code.give_rows(matrix, q, m, n)
    return build.or_(info, second)


def _eigen(code: Fortran, a: Any, values: Any, vectors: Any, n: int, lower: int) -> Any:
    matrix, found = code.take_columns(a, "matrix", n, n), code.doubles(values, "values")
    work, wholes = code.pieces["work"], code.pieces["wholes"]
    triangle, sizes = "L" if lower else "U", (_eigen_work(n), _eigen_wholes(n))
    info = code.checked("syevd", "V", triangle, n, matrix, n, found, work, sizes[0], wholes, sizes[1])
    code.give(found, values, number(n))
    code.give_rows(matrix, vectors, n, n)
    return info


def _eigen_work(n: int) -> int:
    return 1 + 6 * n + 2 * n * n + BLOCK * n


def _eigen_wholes(n: int) -> int:
    return 3 + 5 * n


def _singular(code: Fortran, a: Any, u: Any, s: Any, vt: Any, m: int, n: int) -> Any:
    k, pieces = min(m, n), code.pieces
    matrix, found = code.take_columns(a, "matrix", m, n), code.doubles(s, "values")
    left, right, work, wholes = (pieces[name] for name in ("left", "right", "work", "wholes"))
    info = code.checked("gesdd", "S", m, n, matrix, m, found, left, m, right, k, work, _singular_work(m, n), wholes)
    code.give(found, s, number(k))
    code.give_rows(left, u, m, k)
    code.give_rows(right, vt, k, n)
    return info


def _singular_work(m: int, n: int) -> int:
    k = min(m, n)
    return 4 * k * k + 7 * k + BLOCK * (m + n)


# ---------------------------------------------------------------------------------------------- the routines


def _nothing(*_: int) -> dict[str, int]:
    return {}


@dataclass(frozen=True)
class MatrixRoutine:
    """A routine: what is done with one matrix: `write(code, *operands, *results, *sizes)` gives 0 if all went well.

    `pieces(*sizes)` are the arrays to work in, and how many numbers each holds; `single(*sizes)` are those that are
    needed beside where the operands are of float32.
    """

    name: str
    write: Callable[..., Any]
    pieces: Callable[..., dict[str, int]] = _nothing
    single: Callable[..., dict[str, int]] = _nothing

    def layout(self, dtype: np.dtype, sizes: Sequence[int]) -> tuple[dict[str, int], int]:
        """Where each piece of memory begins, and the bytes of all."""
        offsets, total = {}, 0
        pieces = self.pieces(*sizes) | (self.single(*sizes) if dtype == np.float32 else {})
        for piece, elements in pieces.items():
            offsets[piece] = total
            total += -(-elements * 8 // _ALIGNMENT) * _ALIGNMENT
        return offsets, total

    def emit(
        self,
        builder: ir.IRBuilder,
        types: Sequence[ArrayType],
        operands: Sequence[Any],
        results: Sequence[Any],
        numbers: Sequence[int],
        scratch: Any,
        refused: Any,
    ) -> None:
        """Do it with each of `numbers[0]` matrices; the other numbers are the sizes.

        Where a matrix is refused, the byte at `refused` becomes 1.
        """
        count, *sizes = numbers
        dtype = types[0].dtype
        steps = [size_of(kind.shape) // count * dtype.itemsize for kind in types]
        symbol = ".".join([f"chainrule.{self.name}.{dtype.name}", *map(str, sizes)])

        def body(inner: ir.IRBuilder, memory: Any, *places: Any) -> Any:
            offsets, _ = self.layout(dtype, sizes)
            pieces = {piece: inner.gep(memory, [number(at)], source_etype=BYTE) for piece, at in offsets.items()}
            return self.write(Fortran(inner, dtype, pieces), *places, *sizes)

        def matrix(index: Any, _: Any) -> list[Any]:
            places = [
                builder.gep(pointer, [builder.mul(index, number(step))], source_etype=BYTE)
                for pointer, step in zip((*operands, *results), steps, strict=True)
            ]
            info = call_outlined(builder, symbol, INTEGER, [scratch, *places], body)
            with builder.if_then(builder.icmp_signed("!=", info, ir.Constant(INTEGER, 0)), likely=False):
                builder.store(ir.Constant(BYTE, 1), refused)
                for place, step in list(zip(places, steps, strict=True))[len(operands) :]:
                    set_bytes(builder, place, 0xFF, number(step))  # which is NaN
            return []

        counted(builder, number(0), number(count), 1, [], matrix)


def _squares(*pieces: str) -> Callable[..., dict[str, int]]:
    """Pieces for routines on square matrices."""
    return lambda n, *_: {piece: n if piece in ("pivots", "values") else n * n for piece in pieces}


_ROUTINES = (
    MatrixRoutine(
        "solve",
        _solve,
        lambda n, columns, part: {} if part else {"matrix": n * n, "right": n * columns, "pivots": n},
        lambda n, columns, _: {"matrix": n * n, "right": n * columns},
    ),
    MatrixRoutine("inv", _inverse, _squares("matrix", "right", "pivots")),
    MatrixRoutine("det", _determinant, _squares("matrix", "pivots")),
    MatrixRoutine("slogdet", _slogdet, _squares("matrix", "pivots")),
    MatrixRoutine("cholesky", _cholesky, single=_squares("matrix")),
    MatrixRoutine("qr", _qr, lambda m, n: {"matrix": m * n, "scales": n, "work": n * BLOCK}),
    MatrixRoutine(
        "eigh",
        _eigen,
        lambda n, _: {"matrix": n * n, "work": _eigen_work(n), "wholes": _eigen_wholes(n)},
        _squares("values"),
    ),
    MatrixRoutine(
        "svd",
        _singular,
        lambda m, n: {
            "matrix": m * n,
            "left": m * min(m, n),
            "right": n * min(m, n),
            "work": _singular_work(m, n),
            "wholes": 8 * min(m, n),
        },
        lambda m, n: {"values": min(m, n)},
    ),
)
ROUTINES: Mapping[str, MatrixRoutine] = MappingProxyType({routine.name: routine for routine in _ROUTINES})


def scratch_bytes(name: str, dtype: np.dtype, numbers: Sequence[int]) -> int:
    """The memory that a routine works in.

    >>> scratch_bytes("cholesky", np.dtype(float), (1, 3)), scratch_bytes("det", np.dtype(float), (1, 3))
    (0, 192)
    """
    return ROUTINES[name].layout(dtype, numbers[1:])[1]


def symbols_of(names: Iterable[str]) -> dict[str, int]:
    """The addresses behind the symbols that code with calls of these routines may refer to.

    >>> symbols_of(["argsort"])
    {}
    """
    if not any(name in ROUTINES for name in names):
        return {}
    return {f"{PREFIX}{name}": address for name, address in addresses().items()}
