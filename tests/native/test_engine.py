"""The engine: from LLVM IR to functions that run, what LLVM refuses, and objects from the cache."""

from __future__ import annotations

import ctypes
import gc
import threading
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import ArgumentError, NativeError
from chainrule.native import engine, ir
from chainrule.native.cache import ObjectCache
from chainrule.native.engine import Unit, assembly, compile_ir, optimized_ir
from chainrule.native.host import host_machine
from tests.native.engine_sources import HOOKED, MEMORY, counted, run, scale

VECTORS = """
declare <WIDTH x float> @llvm.fma.vWIDTHf32(<WIDTH x float>, <WIDTH x float>, <WIDTH x float>)
define void @fma(ptr %a, ptr %b) {
  %x = load <WIDTH x float>, ptr %a, align 4
  %y = load <WIDTH x float>, ptr %b, align 4
  %z = call <WIDTH x float> @llvm.fma.vWIDTHf32(<WIDTH x float> %x, <WIDTH x float> %y, <WIDTH x float> %x)
  store <WIDTH x float> %z, ptr %a, align 4
  ret void
}
"""

pytestmark = pytest.mark.usefixtures("no_cache")


# --- Compiling and calling --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_a_scalar_function_runs(level: int) -> None:
    assert run(compile_ir(scale(2.5), level=level), 4.0) == 10.0


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("width", [1, 4, 8, 16, 32])
def test_vectors_of_every_width_run(width: int, level: int) -> None:
    compiled = compile_ir(VECTORS.replace("WIDTH", str(width)), level=level)
    random = np.random.default_rng(0)
    memory = random.standard_normal((2, width + 1)).astype(np.float32)
    a, b = memory[:, 1:]  # aligned to four bytes and no more
    expected = (a.astype(np.float64) * b + a).astype(np.float32)
    compiled.function("fma", arguments=2)(a.ctypes.data, b.ctypes.data)
    np.testing.assert_array_max_ulp(a, expected, maxulp=1)


def test_tables_and_the_process_own_functions_are_found() -> None:
    block = np.ones(5)
    function = compile_ir(MEMORY).function("memory", ctypes.c_int32, arguments=2)
    assert function(block.ctypes.data, 32) == -7
    np.testing.assert_array_equal(block[1:], [0, 0, 0, 1])
    assert block[0] == pytest.approx(np.exp(3.5), rel=1e-15)


def test_a_module_and_a_function_that_makes_one_are_taken() -> None:
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.IntType(32), []), "answer")
    ir.IRBuilder(function.append_basic_block()).ret(ir.Constant(ir.IntType(32), 42))
    for source in (module, lambda: module, lambda: str(module)):
        assert compile_ir(source).function("answer", ctypes.c_int32, arguments=0)() == 42


def test_internal_functions_have_no_address() -> None:
    called = scale(2).replace("  ret void", "  call void @g(ptr %block)\n  ret void").replace("@scale", "@f")
    compiled = compile_ir(called + scale(3).replace("define", "define internal").replace("@scale", "@g"), level=0)
    assert compiled.names == ("f",)
    assert compiled.address("f") != 0
    with pytest.raises(ArgumentError, match="address: expected one of f; got 'g'"):
        compiled.address("g")
    assert compile_ir("").names == ()


def test_symbols_are_linked_by_name() -> None:
    called = []
    callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(called.append)
    text = "declare void @hook(ptr)\ndefine void @f(ptr %p) {\n call void @hook(ptr %p)\n ret void\n}\n"
    address = ctypes.cast(callback, ctypes.c_void_p).value
    assert address is not None
    function = compile_ir(text, symbols={"hook": address}).function("f")
    function(1234)
    assert called == [1234]


@pytest.mark.parametrize("hold_gil", [False, True])
def test_the_interpreter_runs_meanwhile_unless_asked_not_to(hold_gil: bool) -> None:
    check = ctypes.cast(ctypes.pythonapi.PyGILState_Check, ctypes.c_void_p).value
    assert check is not None
    answer = "declare i32 @check()\ndefine i32 @f() {\n %x = call i32 @check()\n ret i32 %x\n}\n"
    function = compile_ir(answer, symbols={"check": check}).function("f", ctypes.c_int32, 0, hold_gil=hold_gil)
    assert function() == int(hold_gil)


def test_a_function_keeps_its_code_alive() -> None:
    function = compile_ir(scale(3)).function("scale")
    gc.collect()
    for factor in range(20):  # which would take the memory of freed code
        compile_ir(scale(factor))
    block = ctypes.c_double(2.0)
    function(ctypes.addressof(block))
    assert block.value == 6.0


def test_code_is_freed_with_its_last_function_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite.binding as llvm

    freed = []
    dispose = llvm.ResourceTracker._dispose
    monkeypatch.setattr(llvm.ResourceTracker, "_dispose", lambda self: (freed.append(self.name), dispose(self)))
    first = compile_ir(scale(3)).function("scale")
    name, second = first.compiled._library.name, first.compiled.function("scale", hold_gil=True)
    block = ctypes.c_double(2.0)
    del first
    gc.collect()
    assert name not in freed
    second(ctypes.addressof(block))
    assert block.value == 6.0
    del second
    gc.collect()
    assert freed.count(name) == 1


def test_a_function_may_be_dropped_while_another_thread_runs_it() -> None:
    """The call that is under way keeps the code alive."""
    inside, go_on = threading.Event(), threading.Event()
    results = []

    def wait() -> int:
        inside.set()
        return int(go_on.wait(timeout=300))

    hook = ctypes.CFUNCTYPE(ctypes.c_int32)(wait)
    address = ctypes.cast(hook, ctypes.c_void_p).value
    assert address is not None
    text = "declare i32 @hook()\ndefine i32 @f() {\n %x = call i32 @hook()\n %y = add i32 %x, 41\n ret i32 %y\n}\n"
    held = [compile_ir(text, symbols={"hook": address}).function("f", ctypes.c_int32, arguments=0)]
    thread = threading.Thread(target=lambda: results.append(held.pop()()))
    thread.start()
    inside.wait()
    gc.collect()
    for factor in range(20):  # which would take the memory of freed code
        compile_ir(scale(factor))
    go_on.set()
    thread.join()
    assert results == [42]


def test_many_modules_of_one_name_live_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_LIBRARIES", 7)  # several sessions
    kept = [compile_ir(scale(factor), level=0) for factor in range(20)]
    del kept[3::4]
    gc.collect()
    assert [run(compiled, 1.0) for compiled in kept] == [factor for factor in range(20) if factor % 4 != 3]
    assert engine._session[1] <= 7


def test_text_of_the_passes_and_of_the_assembler() -> None:
    text = "define i32 @f() {\n %x = add i32 40, 2\n ret i32 %x\n}\n"
    assert "ret i32 42" in optimized_ir(text)
    assert "42" in assembly(lambda: text)
    assert "f:" in assembly(text)
    assert "target datalayout" in optimized_ir(text)  # without which LLVM guesses sizes and alignments


# --- What LLVM refuses ------------------------------------------------------------------------------------------------

WRONG = {
    "not IR": ("rubbish", "expected top-level entity"),
    "a type that differs": ("define i32 @f() {\n ret float 1.0\n}\n", "value doesn't match function result type"),
    "a use before its definition": (
        "define i32 @f() {\n %x = add i32 %y, 1\n %y = add i32 1, 1\n ret i32 %x\n}\n",
        "does not dominate",
    ),
    "a function of nobody's": (
        'declare void @nobodys()\ndeclare void @"also.nobodys"(ptr)\ndeclare ptr @malloc(i64)\n'
        'define void @f() {\n call void @nobodys()\n call void @"also.nobodys"(ptr null)\n ret void\n}\n',
        "got no 'nobodys, also.nobodys'. ",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_llvm_refuses_is_an_error_with_the_ir(
    name: str, tmp_path: Path, store: ObjectCache, capfd: pytest.CaptureFixture[str]
) -> None:
    text, words = WRONG[name]
    with pytest.raises(NativeError, match=words) as caught:
        compile_ir(text, cache=store)
    assert caught.value.reproducer == text
    assert "\n" not in caught.value.sentence
    written = Path(caught.value.write_reproducer(tmp_path))
    assert written.parent == tmp_path
    assert written.suffix == ".ll"
    assert written.read_text(encoding="utf-8") == text
    assert not list(store.folder.glob("*"))
    assert run(compile_ir(scale(2)), 1.0) == 2.0  # and the engine goes on
    assert capfd.readouterr().err == ""  # LLVM told nobody but us


def test_only_what_is_missing_is_named() -> None:
    text = "declare void @a()\ndeclare void @b()\ndefine void @f() {\n call void @a()\n call void @b()\n ret void\n}\n"
    with pytest.raises(NativeError, match=r"no 'b'\. "):
        compile_ir(text, symbols={"a": compile_ir(scale(1)).address("scale")})


def test_a_fault_in_the_maker_of_ir_is_its_own() -> None:
    def make() -> str:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match=r"^mine$"):
        compile_ir(make)


def test_a_long_message_is_cut() -> None:
    with pytest.raises(NativeError) as caught:
        compile_ir("x" * 10_000)
    assert len(caught.value.sentence) < 500


@pytest.mark.parametrize("level", [-1, 4, 1.5, "2"])
def test_a_wrong_level_is_refused(level: int) -> None:
    for work in (compile_ir, optimized_ir, assembly):
        with pytest.raises(ArgumentError, match=f"expected a level from 0 to 3; got {level!r}"):
            work(scale(1), level=level)


# --- The cache --------------------------------------------------------------------------------------------------------


def test_a_cached_object_gives_the_same_and_nothing_is_compiled(store: ObjectCache) -> None:
    first = compile_ir(MEMORY, cache=store)
    assert counted(lambda: compile_ir(MEMORY, cache=store)) == (0, 1)
    second = compile_ir(MEMORY, cache=store)
    assert second.unit == first.unit
    blocks = np.ones((2, 4))
    for compiled, block in zip((first, second), blocks, strict=True):
        compiled.function("memory", ctypes.c_int32, arguments=2)(block.ctypes.data, 16)
    assert blocks[0].tobytes() == blocks[1].tobytes()


def test_the_ir_is_made_only_where_the_cache_misses(store: ObjectCache) -> None:
    made = []

    def make() -> str:
        made.append(1)
        return scale(5)

    for _ in range(3):
        assert run(compile_ir(make, identity="graph of scale by 5", cache=store), 2.0) == 10.0
    assert made == [1]
    compile_ir(make, identity="another graph", cache=store)
    compile_ir(make, identity="graph of scale by 5", cache=None)
    assert len(made) == 3


def test_what_the_code_follows_from_is_in_the_key(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_ir(scale(2), cache=store)
    assert counted(lambda: compile_ir(scale(3), cache=store)) == (1, 0)
    assert counted(lambda: compile_ir(scale(2), level=3, cache=store)) == (1, 0)
    assert counted(lambda: compile_ir(scale(2), identity=scale(2), cache=store)) == (1, 0)
    monkeypatch.setattr(engine, "fingerprint", lambda: "another machine")
    assert counted(lambda: compile_ir(scale(2), cache=store)) == (1, 0)


@pytest.mark.parametrize("damage", ["one bit", "cut", "not an object"])
def test_a_damaged_entry_is_compiled_anew(damage: str, store: ObjectCache) -> None:
    compile_ir(scale(2), cache=store)
    (entry,) = store.folder.iterdir()
    data = bytearray(entry.read_bytes())
    if damage == "one bit":
        data[-100] ^= 4
        entry.write_bytes(data)
    elif damage == "cut":
        entry.write_bytes(data[:-1])
    else:  # with a right header, as a fault of chainrule's might store it
        store.store(entry.stem, Unit(("scale",), (b"no object file",)).pack())
    assert counted(lambda: run(compile_ir(scale(2), cache=store), 1.0)) == (1, 0)
    assert counted(lambda: compile_ir(scale(2), cache=store)) == (0, 1)


def test_an_object_that_lacks_a_function_here_is_compiled_anew_and_refused(store: ObjectCache) -> None:
    text = "declare void @hook()\ndefine void @f() {\n call void @hook()\n ret void\n}\n"
    compile_ir(text, symbols={"hook": compile_ir(scale(1)).address("scale")}, cache=store)
    with pytest.raises(NativeError, match="no 'hook'"):
        compile_ir(text, cache=store)
    assert not list(store.folder.iterdir())


def test_a_cached_object_calls_what_its_reader_names(store: ObjectCache) -> None:
    def answer(number: int) -> int:
        hook = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: number)
        hooks.append(hook)
        address = ctypes.cast(hook, ctypes.c_void_p).value
        assert address is not None
        compiled = compile_ir(HOOKED, symbols={"hook": address}, cache=store)
        return compiled.function("f", ctypes.c_int32, arguments=0)()

    hooks: list[object] = []
    assert counted(lambda: answer(1)) == (1, 0)
    assert counted(lambda: hooks.append(answer(2))) == (0, 1)
    assert hooks[-1] == 2
    assert answer(3) == 3


def test_the_environment_chooses_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host_machine()  # which the first cache that is asked keeps
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "chosen"))
    compile_ir(scale(2))
    assert counted(lambda: compile_ir(scale(2))) == (0, 1)
    assert len(list((tmp_path / "chosen").iterdir())) == 1


def test_units_are_packed_without_loss() -> None:
    for unit in (Unit((), ()), Unit(("f",), (b"\n\0\n", b"")), Unit(("f", "g.h", "é"), (bytes(range(256)),))):
        assert Unit.unpack(unit.pack()) == unit
