"""Run emitted code on arrays: what the tests of scalar code and vector mathematics share."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from chainrule.native import ir
from chainrule.native.scalar_code import llvm_type, memory_type
from chainrule.native.vector_math_lanes import shaped

Array = np.ndarray[Any, Any]
Emission = tuple[Callable[..., Any], Sequence[Any], Any]
"""emit(builder, *values), the dtypes of its operands, that of its result."""


def target_machine() -> llvm.TargetMachine:
    """That of the host; a new one each time, since an engine owns it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        opt=3, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )


def _loop(module: ir.Module, symbol: str, emission: Emission, lanes: int) -> None:
    """Emit symbol(count, operands..., result) over arrays whose length is a multiple of the lanes."""
    emit, operands, result = emission
    integer, dtypes = ir.IntType(64), [np.dtype(one) for one in (*operands, result)]
    pointers = [memory_type(dtype).as_pointer() for dtype in dtypes]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [integer, *pointers]), symbol)
    count, *arrays = function.args
    build = ir.IRBuilder(function.append_basic_block())
    before, body, after = build.block, build.append_basic_block(), build.append_basic_block()
    build.branch(body)
    build.position_at_end(body)
    i = build.phi(integer)
    i.add_incoming(integer(0), before)

    def wide(kind: ir.Type) -> ir.Type:
        return ir.VectorType(kind, lanes) if lanes > 1 else kind

    places = [
        build.bitcast(build.gep(array, [i]), wide(memory_type(dtype)).as_pointer())
        for array, dtype in zip(arrays, dtypes, strict=True)
    ]
    values = [build.load(place, align=1) for place in places[:-1]]
    values = [
        build.trunc(value, wide(ir.IntType(1))) if dtype.kind == "b" else value
        for value, dtype in zip(values, dtypes, strict=False)
    ]
    value = emit(build, *values)
    assert value.type == wide(llvm_type(dtypes[-1]))
    if dtypes[-1].kind == "b":
        value = build.zext(value, shaped(ir.IntType(8), value.type))
    build.store(value, places[-1], align=1)
    following = build.add(i, integer(lanes))
    i.add_incoming(following, build.block)
    build.cbranch(build.icmp_unsigned("<", following, count), body, after)
    build.position_at_end(after)
    build.ret_void()


def compiled(emissions: Mapping[Any, Emission], lanes: int, *, level: int = 3) -> dict[Any, Callable[..., Array]]:
    """Emitted functions as functions of NumPy arrays of one length, which run `lanes` elements at a time."""
    module = ir.Module()
    module.triple = llvm.get_process_triple()
    for number, emission in enumerate(emissions.values()):
        _loop(module, f"run_{number}", emission, lanes)
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    machine = target_machine()
    passes = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=level))
    passes.getModulePassManager().run(parsed, passes)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()

    def bind(number: int, operands: Sequence[Any], result: Any) -> Callable[..., Array]:
        address = engine.get_function_address(f"run_{number}")
        entry = ctypes.CFUNCTYPE(None, ctypes.c_int64, *[ctypes.c_void_p] * (len(operands) + 1))(address)

        def call(*arrays: Any) -> Array:
            given = [np.asarray(array, dtype).ravel() for array, dtype in zip(arrays, operands, strict=True)]
            size = given[0].size
            padded = [np.concatenate([array, np.ones(-size % lanes, array.dtype)]) for array in given]
            out = np.empty(padded[0].size, result)
            entry(out.size, *(array.ctypes.data for array in (*padded, out)))
            assert engine is not None  # the engine owns the code
            return out[:size]

        return call

    return {
        key: bind(number, operands, result) for number, (key, (_, operands, result)) in enumerate(emissions.items())
    }
