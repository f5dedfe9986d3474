"""LLVM IR that several tests of the engine compile, and what they do with it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from chainrule.native.engine import Compiled, counts

SCALE = """
define void @scale(ptr %block) {
  %x = load double, ptr %block
  %y = fmul double %x, FACTOR
  store double %y, ptr %block
  ret void
}
"""
MEMORY = """
@table = internal constant [3 x double] [double 1.5, double 2.5, double 3.5]
declare double @llvm.exp.f64(double)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
define i32 @memory(ptr %block, i64 %bytes) {
  call void @llvm.memset.p0.i64(ptr %block, i8 0, i64 %bytes, i1 false)
  %which = srem i64 %bytes, 3
  %where = getelementptr [3 x double], ptr @table, i64 0, i64 %which
  %x = load double, ptr %where
  %y = call double @llvm.exp.f64(double %x)
  store double %y, ptr %block
  ret i32 -7
}
"""
HOOKED = "declare i32 @hook()\ndefine i32 @f() {\n %x = call i32 @hook()\n ret i32 %x\n}\n"


def scale(factor: float) -> str:
    """IR of a function `scale` that multiplies the number it is given the address of."""
    return SCALE.replace("FACTOR", f"{factor:e}")


def run(compiled: Compiled, value: float) -> float:
    """What `scale` makes of a number."""
    block = ctypes.c_double(value)
    compiled.function("scale")(ctypes.addressof(block))
    return block.value


def counted(work: Callable[[], object]) -> tuple[int, int]:
    """How many modules the work compiled and how many objects it loaded."""
    before = counts.compiled, counts.loaded
    work()
    return counts.compiled - before[0], counts.loaded - before[1]
