"""Object files in memory without LLVM: they run as LLVM links them, and what is not known is left to LLVM."""

from __future__ import annotations

import ctypes
import gc
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from chainrule.native import engine
from chainrule.native.cache import ObjectCache
from chainrule.native.engine import compile_ir
from chainrule.native.image import Image, load_image
from tests.native.engine_sources import HOOKED, MEMORY, counted, run, scale

pytestmark = [
    pytest.mark.usefixtures("no_cache"),
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="objects are other files, which LLVM links"
    ),
]
CALLS = """
declare double @other(double)
define double @f(double %x) {
  %y = call double @other(double %x)
  ret double %y
}
"""
OTHER = "define double @other(double %x) {\n %y = fmul double %x, 3.5\n ret double %y\n}"
DOUBLE = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)


def objects_of(*texts: str) -> list[bytes]:
    """The object files of some modules, which may call each other."""
    return [engine._emitted(text, 2, 0)[1] for text in texts]


def loaded(objects: list[bytes], *names: str, **symbols: int) -> Image:
    image = load_image(objects, names, symbols)
    assert image is not None
    return image


def test_constants_tables_and_functions_of_the_process() -> None:
    compiled = compile_ir(MEMORY)
    image = loaded(list(compiled.unit.objects), "memory")
    results = []
    for address in (image["memory"], compiled.address("memory")):
        block = np.ones(5)
        assert ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64)(address)(block.ctypes.data, 32) == -7
        results.append(block.tobytes())
    assert results[0] == results[1]


def test_files_call_each_other_in_any_order() -> None:
    for texts in ((CALLS, OTHER), (OTHER, CALLS)):
        image = loaded(objects_of(*texts), "f", "other")
        assert DOUBLE(image["f"])(2.0) == DOUBLE(image["other"])(2.0) == 7.0


def test_a_function_that_is_named_is_called_wherever_it_stands() -> None:
    hook = ctypes.CFUNCTYPE(ctypes.c_int32)(lambda: 42)
    address = ctypes.cast(hook, ctypes.c_void_p).value
    assert address is not None
    image = loaded(objects_of(HOOKED), "f", hook=address)
    assert ctypes.CFUNCTYPE(ctypes.c_int32)(image["f"])() == 42


LEFT = {
    "a function of nobody's": ("f", HOOKED),
    "a name that no file has": ("g", OTHER),
    "memory to write to": ("f", "@x = global i32 1\ndefine i32 @f() {\n %x = load i32, ptr @x\n ret i32 %x\n}"),
    "data of the process": ("f", "@environ = external global ptr\ndefine ptr @f() {\n ret ptr @environ\n}"),
    "an address in data": (
        "f",
        "@x = constant ptr @f\ndefine ptr @f() {\n %x = load volatile ptr, ptr @x\n ret ptr %x\n}",
    ),
}


@pytest.mark.parametrize("what", LEFT)
def test_what_is_left_to_llvm(what: str) -> None:
    name, text = LEFT[what]
    assert load_image(objects_of(text), [name], {}) is None


@pytest.mark.parametrize("code", [b"", b"no object file"])
def test_what_is_no_object_file_is_left_to_llvm(code: bytes) -> None:
    assert load_image([code], ["f"], {}) is None


def test_a_file_of_another_processor_is_left_to_llvm() -> None:
    (code,) = objects_of(OTHER)
    assert load_image([code[:18] + b"\xb7\0" + code[20:]], ["other"], {}) is None  # EM_AARCH64


def test_code_from_the_cache_needs_no_linker(store: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_ir(scale(2), cache=store)
    monkeypatch.setattr(engine, "_link", None)
    results = []
    assert counted(lambda: results.append(run(compile_ir(scale(2), cache=store), 3.0))) == (0, 1)
    assert results == [6.0]


def test_the_memory_of_dropped_code_is_given_back() -> None:
    objects = objects_of(OTHER)

    def maps() -> int:
        return len(Path("/proc/self/maps").read_text(encoding="ascii").splitlines())

    kept = [loaded(objects, "other") for _ in range(3)]
    before = maps()
    for _ in range(200):
        loaded(objects, "other")
    gc.collect()
    assert maps() < before + 100
    assert [DOUBLE(image["other"])(2.0) for image in kept] == [7.0] * 3


WARM = """
import sys
import numpy as np
import chainrule as cr
data = np.linspace(-1, 1, 64)
loss = lambda w, x: np.mean((np.tanh(w * x) - x) ** 2)
run = cr.fit(loss, np.ones(3)[:1], (data,), optimizer=cr.optim.adam(0.1), batch_size=8, steps=3, progress=False)
unwanted = "llvmlite.binding", "chainrule.lower", "chainrule.loops.verifier", "chainrule.loops.parser", "pathlib"
print(run.losses.tobytes().hex(), *(name for name in unwanted if name in sys.modules))
"""


def test_a_training_run_from_the_cache_imports_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CHAINRULE_COMPILE", "on")
    told = [
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
        for script in ("import pathlib\n" + WARM, WARM)
    ]
    assert "llvmlite.binding" in told[0]
    assert told[1] == told[0][:1]
