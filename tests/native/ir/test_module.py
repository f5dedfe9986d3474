"""Functions and variables as text."""

from chainrule.native import ir

WORD = ir.IntType(64)


def test_what_is_said_of_a_function_stands_at_its_head():
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(WORD, [ir.PointerType(), WORD]), "f g")
    function.linkage, function.calling_convention = "internal", "fastcc"
    function.attributes.update({"nounwind", "noinline"})
    function.args[0].add_attribute("noalias")
    assert str(module) == 'declare fastcc i64 @"f g"(ptr, i64) nounwind\n'
    ir.IRBuilder(function.append_basic_block("start")).ret(function.args[1])
    assert str(module).splitlines() == [
        'define internal fastcc i64 @"f g"(ptr noalias %a0, i64 %a1) noinline nounwind {',
        "start.0:",
        "  ret i64 %a1",
        "}",
    ]


def test_variables():
    module = ir.Module()
    table = ir.GlobalVariable(module, ir.ArrayType(WORD, 2), "table")
    assert table.definition() == '@"table" = external global [2 x i64]'
    table.linkage, table.global_constant, table.initializer = "internal", True, table.kind([1, 2])
    assert table.definition() == '@"table" = internal constant [2 x i64] [i64 1, i64 2]'
    assert module.get_global("table") is table
    assert module.functions == []


def test_an_intrinsic_is_declared_once():
    module, kind = ir.Module(), ir.FunctionType(WORD, [WORD])
    assert module.declare_intrinsic("llvm.ctpop.i64", (), kind) is module.declare_intrinsic("llvm.ctpop.i64", (), kind)
