"""The machine: its name, its load, and the most it can compute."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir

CHAINS = 12  # independent sums: at least latency × units (4 × 2), and few enough for AVX2's 16 registers


def core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe_machine() -> str:
    """Processor, cores, vectors, system, Python."""
    name = platform.processor() or platform.machine()
    if (information := Path("/proc/cpuinfo")).exists():
        fields = dict(re.findall(r"^([^\t:]+)\s*: (.*)$", information.read_text(), re.M))
        name = f"{fields.get('model name', name)} (family {fields.get('cpu family')}, model {fields.get('model')})"
    return (
        f"{name}, {core_count()} cores, vectors of {32 * lanes()} bits; {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, NumPy {np.__version__}"
    )


def load() -> float | None:
    """The average number of processes that wanted to run in the last minute; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def lanes() -> int:
    """float32 numbers in the machine's widest vector."""
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx") else 4


def measure_peak(seconds: float = 0.05) -> dict[str, float]:
    """GFLOP/s in float32: of fused multiply-adds in registers on one core and on all, and of NumPy's product."""
    run = multiply_add_loop()
    turns = 100_000
    operations = 2.0 * CHAINS * lanes()

    def on(threads: int) -> float:
        nonlocal turns
        with ThreadPoolExecutor(threads) as pool:
            while True:
                began = perf_counter()
                list(pool.map(run, [turns] * threads))
                took = perf_counter() - began
                if took >= seconds:
                    return threads * turns * operations / took / 1e9
                turns *= 2

    one, every = max(on(1) for _ in range(8)), max(on(core_count()) for _ in range(8))
    size = 2048
    a = np.ones((size, size), np.float32)
    product = 0.0
    for _ in range(5):
        began = perf_counter()
        a @ a
        product = max(product, 2 * size**3 / (perf_counter() - began) / 1e9)
    return {"one core": one, "all cores": every, "numpy product": product}


def multiply_add_loop():
    """A compiled function of n that does n × CHAINS fused multiply-adds of whole vectors; it releases the GIL."""
    vector, count = ir.VectorType(ir.FloatType(), lanes()), ir.IntType(64)
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.FloatType(), [count, ir.FloatType()]), "multiply_add")
    fma = ir.Function(module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{lanes()}f32")
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    build = ir.IRBuilder(entry)
    factor = ir.Constant(vector, ir.Undefined)
    for lane in range(lanes()):
        factor = build.insert_element(factor, function.args[1], ir.Constant(ir.IntType(32), lane))
    build.branch(body)
    build.position_at_end(body)
    turn = build.phi(count)
    sums = [build.phi(vector) for _ in range(CHAINS)]
    later = [build.call(fma, [total, factor, factor]) for total in sums]
    following = build.add(turn, ir.Constant(count, 1))
    for phi, start, value in [(turn, ir.Constant(count, 0), following)] + [
        (total, ir.Constant(vector, [ir.Constant(ir.FloatType(), number)] * lanes()), value)
        for number, (total, value) in enumerate(zip(sums, later, strict=True))
    ]:
        phi.add_incoming(start, entry)
        phi.add_incoming(value, body)
    build.cbranch(build.icmp_unsigned("<", following, function.args[0]), body, done)
    build.position_at_end(done)
    whole = later[0]
    for value in later[1:]:
        whole = build.fadd(whole, value)
    build.ret(build.extract_element(whole, ir.Constant(ir.IntType(32), 0)))
    return compile_function(module, "multiply_add")


def compile_function(module: ir.Module, name: str):
    """The function as a Python callable of an integer."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(str(module)), machine)
    engine.finalize_object()
    native = ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)(engine.get_function_address(name))
    return lambda turns, keep=engine: native(turns, 0.5)
