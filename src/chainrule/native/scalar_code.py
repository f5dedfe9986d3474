"""The functions of `loops.FUNCTIONS`, and casts, as LLVM IR on scalars or on vectors of any number of lanes.

The meaning is the one in `loops/functions.py`, which `loops/interpreter.py` computes with NumPy; a lane's result has
the same bits at every number of lanes, and no operand is undefined. A truth value is `i1` in a register and a byte in
memory. Arithmetic is IEEE 754's, to nearest, without fast-math; elementary functions are those of `vector_math`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.errors import DtypeError
from chainrule.loops.functions import result_dtype
from chainrule.native import ir, vector_math
from chainrule.native.scalar_code_floats import FLOATS, RELATIONS
from chainrule.native.scalar_code_integers import INTEGERS, Integers
from chainrule.native.vector_math_gamma import polygamma
from chainrule.native.vector_math_lanes import Lanes, constant, element, shaped
from chainrule.types import check_dtype

_RENAMED = {"power": "pow"}  # in `vector_math`


def llvm_type(dtype: Any) -> ir.Type:
    """The type of one number in a register; a truth value is one bit.

    >>> print(llvm_type("float32"), llvm_type("uint16"), llvm_type(bool))
    float i16 i1
    """
    dtype = check_dtype("llvm_type", dtype)
    if dtype.kind == "f":
        return ir.FloatType() if dtype.itemsize == 4 else ir.DoubleType()
    return ir.IntType(1 if dtype.kind == "b" else 8 * dtype.itemsize)


def memory_type(dtype: Any) -> ir.Type:
    """The type of one number in memory; a truth value is a byte, 0 or 1.

    >>> print(memory_type("float32"), memory_type(bool))
    float i8
    """
    return ir.IntType(8) if check_dtype("memory_type", dtype).kind == "b" else llvm_type(dtype)


def emit_function(builder: ir.IRBuilder, name: str, operands: Sequence[Any], dtypes: Sequence[np.dtype]) -> Any:
    """Emit a function of `loops.FUNCTIONS` on values of these dtypes, and return its value.

    The operands are all scalars, or all vectors of one number of lanes, of `llvm_type(dtype)`.

    >>> single = np.dtype("float32")
    >>> kind = ir.VectorType(llvm_type(single), 8)
    >>> function = ir.Function(ir.Module(), ir.FunctionType(kind, [kind, kind]), "f")
    >>> builder = ir.IRBuilder(function.append_basic_block())
    >>> print(emit_function(builder, "less", function.args, [single, single]).type)
    <8 x i1>

    Raises `UnsupportedError` for an unknown name, and `DtypeError` for dtypes that the function does not take or for
    operands of other types than their dtypes say.
    """
    result_dtype(name, dtypes)  # refuses what the function does not take
    _check_types(name, operands, dtypes)
    common = dtypes[1] if name in ("select", "polygamma") else dtypes[0]
    if name == "select":
        return builder.select(*operands)
    if name in RELATIONS:
        return _compare(builder, RELATIONS[name], operands, common)
    if common.kind == "b":
        name = {"minimum": "bitwise_and", "maximum": "bitwise_or"}.get(name, name)
    if common.kind != "f":
        return INTEGERS[name](Integers(builder, operands[0].type, common.kind == "i"), *operands)
    lanes = [Lanes(builder, operand) for operand in operands]
    if name == "polygamma":
        return polygamma(*lanes).value
    if name in FLOATS:
        return FLOATS[name](*lanes).value
    return vector_math.emit(builder, _RENAMED.get(name, name), *operands)


def _check_types(name: str, operands: Sequence[Any], dtypes: Sequence[np.dtype]) -> None:
    like = operands[0].type if operands else llvm_type(dtypes[0])
    wanted = [shaped(llvm_type(dtype), like) for dtype in dtypes]
    if [operand.type for operand in operands] != wanted:
        raise DtypeError(
            name,
            expected=f"values of {', '.join(map(str, wanted))}",
            got=", ".join(str(operand.type) for operand in operands) or "no operands",
            remedy="Cast them, and give all of them one number of lanes.",
        )


def _compare(builder: ir.IRBuilder, relation: str, operands: Sequence[Any], dtype: np.dtype) -> Any:
    """A mask; wherever an operand is NaN, only `!=` holds."""
    if dtype.kind == "f":
        x, y = (Lanes(builder, operand) for operand in operands)
        return x.compare(relation, y).value
    return Integers(builder, operands[0].type, dtype.kind == "i").compare(relation, *operands)


# -------------------------------------------------------------------------------------------------------------- casts


def emit_cast(builder: ir.IRBuilder, value: Any, source: np.dtype, target: np.dtype) -> Any:
    """Emit the cast of a scalar or a vector to another dtype, with the meaning of NumPy's `astype`.

    Floats are rounded to nearest, integers wrap, whatever is not 0 (NaN too) is true. A float that its integer dtype
    cannot hold becomes what NumPy gives for a scalar on x86-64, on every machine: it is cut to int32 (to int64, for
    targets of more than 16 bits but int32), the least one where that cannot hold it either, and then wraps.

    >>> half, whole = np.dtype("float64"), np.dtype("int32")
    >>> function = ir.Function(ir.Module(), ir.FunctionType(ir.IntType(32), [ir.DoubleType()]), "f")
    >>> builder = ir.IRBuilder(function.append_basic_block())
    >>> print(emit_cast(builder, function.args[0], half, whole).type)
    i32
    """
    _check_types("cast", [value], [source])
    kind = shaped(llvm_type(target), value.type)
    if source == target:
        return value
    if target.kind == "b":
        return _compare(builder, "!=", [value, constant(value.type, 0.0 if source.kind == "f" else 0)], source)
    if source.kind == "b":
        one, nothing = (1.0, 0.0) if target.kind == "f" else (1, 0)
        return builder.select(value, constant(kind, one), constant(kind, nothing))
    if source.kind == "f" and target.kind == "f":
        return (builder.fpext if target.itemsize > source.itemsize else builder.fptrunc)(value, kind)
    if source.kind == "f":
        return _float_to_integer(builder, value, target, kind)
    if target.kind == "f":
        return (builder.sitofp if source.kind == "i" else builder.uitofp)(value, kind)
    return _resize(builder, value, kind, signed=source.kind == "i")


def _resize(builder: ir.IRBuilder, value: Any, kind: ir.Type, *, signed: bool) -> Any:
    before, after = (element(one).width for one in (value.type, kind))  # type: ignore[attr-defined]
    if before == after:
        return value
    if before > after:
        return builder.trunc(value, kind)
    return (builder.sext if signed else builder.zext)(value, kind)


def _float_to_integer(builder: ir.IRBuilder, value: Any, target: np.dtype, kind: ir.Type) -> Any:
    if target == np.dtype(np.uint64):
        return _float_to_uint64(builder, Lanes(builder, value), kind)
    width = 32 if target.itemsize < 4 or target == np.dtype(np.int32) else 64
    return _resize(builder, _to_signed(Lanes(builder, value), width), kind, signed=True)


def _to_signed(x: Lanes, width: int) -> Any:
    """Cut to a signed integer; the least one where that is not one of this width, and for NaN."""
    kind, limit = shaped(ir.IntType(width), x.kind), 2.0 ** (width - 1)
    exact_below = width >= x.format.fraction + 1  # then the float below -limit is beyond by more than 1
    inside = (x.compare(">=", -limit) if exact_below else x > -limit - 1.0) & (x < limit)
    converted = x.builder.fptosi(inside.where(x, 0.0).value, kind)
    return x.builder.select(inside.value, converted, constant(kind, -(2 ** (width - 1))))


def _float_to_uint64(builder: ir.IRBuilder, x: Lanes, kind: ir.Type) -> Any:
    big = x >= 2.0**63
    number = _to_signed(big.where(x - 2.0**63, x), 64)
    return builder.select(big.value, builder.xor(number, constant(kind, -(2**63))), number)
