"""What LLVM's passes do to the IR at each level, and what they leave as it is: the arithmetic."""

from __future__ import annotations

import ctypes
import re

import numpy as np
import pytest

from chainrule.native.engine import assembly, compile_ir, optimized_ir
from chainrule.native.host import host_machine

LOOP = """
define double @sum(ptr noalias %p, i64 %n, ptr noalias %q) {
start:
  %kept = alloca double
  store double 0.0, ptr %kept
  br label %loop
loop:
  %i = phi i64 [0, %start], [%j, %loop]
  %s = load double, ptr %kept
  %at = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %at
  %scale = load double, ptr %q
  %y = fmul double %x, %scale
  %t = fadd double %s, %y
  store double %t, ptr %kept
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %end
end:
  %result = load double, ptr %kept
  ret double %result
}
"""
DOUBLED = """
define void @f(ptr %p, i64 %n) {
start:
  br label %loop
loop:
  %i = phi i64 [0, %start], [%j, %loop]
  %at = getelementptr double, ptr %p, i64 %i
  %x = load double, ptr %at
  %y = fadd double %x, %x
  store double %y, ptr %at
  %j = add i64 %i, 1
  %more = icmp slt i64 %j, %n
  br i1 %more, label %loop, label %end, !llvm.loop !0
end:
  ret void
}
!0 = distinct !{!0, !1}
!1 = !{WISH}
"""
# Two blocks with one product; a call that touches no memory, twice; and a branch that is none.
EQUAL = """
define double @f(double %x, double %y, i1 %c) {
  %a = fmul double %x, %y
  br i1 true, label %first, label %never
first:
  br i1 %c, label %second, label %last
second:
  %b = fmul double %x, %y
  %u = call double @g(double %a)
  %v = call double @g(double %b)
  %w = fadd double %u, %v
  br label %last
last:
  %r = phi double [%a, %first], [%w, %second]
  ret double %r
never:
  ret double 0.0
}
define internal double @g(double %x) noinline {
  %y = fdiv double 1.0, %x
  ret double %y
}
"""


@pytest.mark.parametrize("level", [1, 2, 3])
def test_values_are_in_registers_and_what_is_invariant_before_the_loop(level: int) -> None:
    text = optimized_ir(LOOP, level=level)
    assert "alloca" not in text
    before, inside = text.split("\nloop:")
    assert before.count("load double") == 1
    assert inside.count("load double") == 1


@pytest.mark.parametrize("level", [1, 2, 3])
def test_equal_values_are_computed_once(level: int) -> None:
    text = optimized_ir(EQUAL, level=level)
    assert text.count("fmul") == 1
    assert len(re.findall(r"call \w*\s*double @g", text)) == 1
    assert "never" not in text
    assert optimized_ir(EQUAL, level=0).count("fmul") == 2


@pytest.mark.parametrize("level", range(4))
def test_functions_are_inlined_where_they_ask_and_at_level_3_where_it_pays(level: int) -> None:
    def defined(attribute: str) -> int:
        return optimized_ir(EQUAL.replace("noinline", attribute), level=level).count("define")

    assert defined("noinline") == 2
    assert defined("alwaysinline") == 1
    assert defined("") == (1 if level == 3 else 2)


def sums(wish: str, level: int) -> tuple[int, int]:
    """How many sums of numbers and of vectors a loop has become, with this wish among its metadata."""
    text = optimized_ir(DOUBLED.replace("WISH", wish), level=level)
    return text.count("fadd double"), len(re.findall(r"fadd <\d+ x double>", text))


@pytest.mark.parametrize("level", range(4))
def test_loops_are_neither_unrolled_nor_vectorised(level: int) -> None:
    assert sums('!"llvm.loop.mustprogress"', level) == (1, 0)


def test_loops_are_unrolled_and_vectorised_where_they_ask() -> None:
    assert sums('!"llvm.loop.unroll.count", i32 4', 3)[0] >= 4
    assert sums('!"llvm.loop.vectorize.enable", i1 true', 3)[1] >= 1


@pytest.mark.parametrize("level", range(4))
def test_levels_differ_in_effort_and_not_in_bits(level: int) -> None:
    on_stack = len(re.findall(r"\(%rsp\)|\[sp", assembly(LOOP, level=level)))
    assert on_stack > 4 if level == 0 else on_stack < 4  # without effort, values of a loop are kept in memory
    x, scale_by = np.random.default_rng(0).standard_normal(37), np.array([1 / 3])
    function = compile_ir(LOOP, level=level).function("sum", ctypes.c_double, 3)
    in_order = 0.0
    for number in x.tolist():
        in_order += number * (1 / 3)
    assert function(x.ctypes.data, 37, scale_by.ctypes.data) == in_order


MULTIPLY_ADD = """
define KIND @f(KIND %x, KIND %y, KIND %z) {
  %p = fmul FLAG KIND %x, %y
  %s = fadd FLAG KIND %p, %z
  ret KIND %s
}
"""


@pytest.mark.parametrize("kind", ["float", "double", "<4 x float>", "<16 x float>", "<8 x double>"])
@pytest.mark.parametrize("level", range(4))
def test_a_product_and_a_sum_are_not_fused(kind: str, level: int) -> None:
    def fused(flag: str) -> bool:
        return bool(re.search(r"vfn?m(add|sub)|fn?m(add|la)\b", assembly(source.replace("FLAG", flag), level=level)))

    source = MULTIPLY_ADD.replace("KIND", kind)
    assert not fused("")
    if level and host_machine().has("fma"):  # or the pattern would find nothing where there is something
        assert fused("contract")


@pytest.mark.parametrize("level", range(4))
def test_a_sum_of_products_is_rounded_twice(level: int) -> None:
    x = 1 + 2.0**-30
    function = ctypes.CFUNCTYPE(*[ctypes.c_double] * 4)
    plain = compile_ir(MULTIPLY_ADD.replace("KIND", "double").replace("FLAG", ""), level=level)
    assert function(plain.address("f"))(x, x, -1.0) == x * x - 1 == 2.0**-29
    fma = "declare double @llvm.fma.f64(double, double, double)\n" + MULTIPLY_ADD.replace("KIND", "double").replace(
        "%p = fmul FLAG double %x, %y\n  %s = fadd FLAG double %p, %z",
        "%s = call double @llvm.fma.f64(double %x, double %y, double %z)",
    )
    assert function(compile_ir(fma, level=level).address("f"))(x, x, -1.0) == 2.0**-29 + 2.0**-60
