"""A module as two: what stands where, and that the two are one library."""

import ctypes

from chainrule.native import ir
from chainrule.native.engine import compile_ir
from chainrule.native.ir import divided, division

WORD = ir.IntType(64)
KERNELS = 5


def module_of(lines):
    """A public function that adds up what its kernels give; all kernels call one helper, which reads a table."""
    module = ir.Module()
    kind = ir.FunctionType(WORD, [WORD])
    table = ir.GlobalVariable(module, ir.ArrayType(WORD, 1), "table")
    table.linkage, table.global_constant, table.initializer = "internal", True, table.kind([7])
    helper = ir.Function(module, kind, "helper")
    helper.linkage, helper.calling_convention = "internal", "fastcc"
    build = ir.IRBuilder(helper.append_basic_block())
    build.ret(build.add(helper.args[0], build.load(build.gep(table, [WORD(0), WORD(0)]))))
    kernels = []
    for k in range(KERNELS):
        kernel = ir.Function(module, kind, f"kernel.{k}")
        kernel.linkage, kernel.apart = "internal", True
        build = ir.IRBuilder(kernel.append_basic_block())
        value = build.call(helper, kernel.args)
        for _ in range(lines * (k + 1)):
            value = build.xor(value, WORD(k))
        build.ret(value)
        kernels.append(kernel)
    run = ir.Function(module, kind, "run")
    build = ir.IRBuilder(run.append_basic_block())
    total = WORD(0)
    for kernel in kernels:
        total = build.add(total, build.call(kernel, run.args))
    build.ret(total)
    return module


def defined(text):
    return {line.split('"')[1] for line in text.splitlines() if line.startswith("define")}


def test_a_small_module_is_not_divided():
    module = module_of(2)
    text = str(module)
    assert divided(module) == [text]


def test_each_kernel_stands_in_one_part_and_the_helper_in_both():
    first, second = divided(module_of(100))
    kernels = {f"kernel.{k}" for k in range(KERNELS)}
    assert "run" in defined(first)
    assert "run" not in defined(second)
    assert defined(first) & defined(second) == {"helper"}
    assert kernels <= defined(first) | defined(second)
    assert 'declare i64 @"kernel.' in first
    assert "declare" not in second
    assert all('@"table" = internal constant' in text for text in (first, second))
    assert abs(first.count("\n") - second.count("\n")) <= 200


def test_the_division_follows_from_the_module():
    assert divided(module_of(100)) == divided(module_of(100))


def test_two_parts_are_one_library(monkeypatch):
    results = []
    for worth in (10, 10**9):
        monkeypatch.setattr(division, "_WORTH_DIVIDING", worth)
        compiled = compile_ir(module_of(100), cache=None)
        assert compiled.names == ("run",)
        assert len(compiled.unit.objects) == (2 if worth == 10 else 1)
        results.append(compiled.function("run", ctypes.c_int64, 1)(35))
    assert results[0] == results[1] == KERNELS * 42
