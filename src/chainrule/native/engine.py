"""From LLVM IR to functions that can be called: verify, optimise, compile to an object, link that in this process.

Objects are linked by ORC with its linker JITLink, and not by MCJIT: measured on a 2-core x86-64 machine with llvmlite
0.50 (LLVM 22), the first call of a loaded object comes after 0.2 ms instead of 1.0 ms, and a symbol that does not exist
is an error that can be caught, where MCJIT ends the process. Windows has ORC with the older linker.

LLVM is imported and initialised at the first use; what the cache has mostly does without it (`image.py`). One lock is
held around each step of LLVM's, and while the process forks, so a child never inherits an LLVM in the middle of
something: the child compiles and runs, and a fork waits for the step that another thread is at. Where the main thread
compiles, another one does it (`aside.py`), so that Ctrl-C is heard meanwhile; a large module is compiled as two at once
(`ir/division.py`), each in a context of its own.

Sources: LLVM, "ORC Design and Implementation" and "JITLink and ORC's ObjectLinkingLayer"; llvmlite, ffi/orcjit.cpp.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache as remember
from functools import partial
from itertools import accumulate, pairwise
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from chainrule.errors import ArgumentError, NativeError
from chainrule.native.aside import aside, together
from chainrule.native.cache import ObjectCache, cache_key, default_cache
from chainrule.native.host import fingerprint, host_machine
from chainrule.native.image import Image, load_image
from chainrule.native.passes import object_of, optimise

if TYPE_CHECKING:
    import llvmlite.binding as llvm

    from chainrule.native import ir

    Source: TypeAlias = str | ir.Module | Callable[[], str | ir.Module]

_LEVELS = range(4)
# A session keeps about 10 KiB for each library, also of libraries that are gone. A new one is begun after this many;
# the old one is freed with the last of its code.
_LIBRARIES = 256
_LONGEST_MESSAGE = 250

_lock = threading.RLock()  # a signal handler may fork, or compile, while its own thread compiles
_held: AbstractContextManager[Any] = nullcontext()  # llvmlite's own lock, during a fork
_session: tuple[llvm.LLJIT | None, int] = (None, 0)


@dataclass
class Counts:
    """What the engine did in this process: modules compiled by LLVM, and objects taken from the cache instead."""

    compiled: int = 0
    loaded: int = 0


counts = Counts()


class Unit(NamedTuple):
    """A compiled module: the names of the functions it gives, and its object files."""

    names: tuple[str, ...]
    objects: tuple[bytes, ...]

    def pack(self) -> bytes:
        """The unit as bytes.

        >>> Unit.unpack(Unit(("f", "g"), (b"code", b"more")).pack())
        Unit(names=('f', 'g'), objects=(b'code', b'more'))
        """
        sizes = " ".join(str(len(one)) for one in self.objects)
        return "\0".join(self.names).encode() + b"\n" + sizes.encode() + b"\n" + b"".join(self.objects)

    @staticmethod
    def unpack(data: bytes) -> Unit:
        """The unit that `pack` made bytes of."""
        names, sizes, code = data.split(b"\n", 2)
        ends = list(accumulate(map(int, sizes.split())))
        objects = tuple(code[start:end] for start, end in pairwise([0, *ends]))
        return Unit(tuple(name for name in names.decode().split("\0") if name), objects)


class Compiled:
    """Machine code in this process, and the addresses of its functions. The code is freed with this object, which every
    function taken from it keeps alive."""

    def __init__(self, unit: Unit, library: llvm.ResourceTracker | Image) -> None:
        self.unit = unit
        self._library = library

    @property
    def names(self) -> tuple[str, ...]:
        """The functions that can be called."""
        return self.unit.names

    def address(self, name: str) -> int:
        """Where a function stands in memory. It stays there as long as this object lives."""
        if name not in self.names:
            raise ArgumentError(
                "address", expected=f"one of {', '.join(self.names)}", got=repr(name), remedy="Name one of these."
            )
        return self._library[name]

    def function(self, name: str, result: Any = None, arguments: int = 1, *, hold_gil: bool = False) -> Any:
        """A function that takes addresses as integers (of the argument block) and returns a ctypes type, or nothing.

        A call costs about 0.2 µs. The interpreter's lock is released meanwhile, so that other threads of Python run;
        with `hold_gil` it is kept, which is right for code that takes less than some microseconds: taking the lock back
        may cost far more where other threads want it.
        """
        prototype = (ctypes.PYFUNCTYPE if hold_gil else ctypes.CFUNCTYPE)(result, *[ctypes.c_void_p] * arguments)
        function = prototype(self.address(name))
        function.compiled = self  # type: ignore[attr-defined]
        return function


def compile_ir(
    source: Source,
    *,
    level: int = 2,
    identity: str | None = None,
    symbols: Mapping[str, int] | None = None,
    cache: ObjectCache | EllipsisType | None = ...,
) -> Compiled:
    """Compile LLVM IR for this machine, or take what was compiled from the cache.

    `source` is the IR, or a function that makes it, which is called only if the cache does not have it; `identity` is
    then the text that the cache knows it by (the text of a graph, with all else that the IR follows from). `symbols`
    are addresses of functions that the IR calls by name, beside those that the process has; no address gets into the
    cache. `cache` is None to compile in any case, by default the cache that the environment asks for.

    `level` is LLVM's effort: 0 is none; 1 keeps values in registers, computes equal ones of a block once and moves what
    is invariant out of loops; 2 also finds what is equal in different blocks; 3 also inlines by LLVM's judgement, where
    lower levels inline only functions marked `alwaysinline`, and vectorises and unrolls loops whose metadata ask for
    it (`llvm.loop.vectorize.enable`, `llvm.loop.unroll.count`). Every level gives the same bits: nothing is
    reassociated, and a product and a sum are fused only where the IR says so (`llvm.fma`).

    Raises NativeError with the IR where LLVM refuses it.
    """
    _check_level(level)
    store = default_cache() if cache is ... else cache
    if store is None:
        return _compile(source, level, symbols or {})
    if identity is None:
        source = source() if callable(source) else source
        key = _key("ir", str(source), level)
    else:
        key = _key("identity", identity, level)
    found = _load(store, key, symbols or {})
    if found is not None:
        return found
    made = _compile(source, level, symbols or {})
    store.store(key, made.unit.pack())
    return made


def load_compiled(identity: str, *, level: int = 2, cache: ObjectCache | EllipsisType | None = ...) -> Compiled | None:
    """What `compile_ir` compiled under an identity, in any process; None where the cache does not have it."""
    store = default_cache() if cache is ... else cache
    return None if store is None else _load(store, _key("identity", identity, _check_level(level)), {})


def optimized_ir(source: Source, *, level: int = 2) -> str:
    """The IR after LLVM's passes, as text."""
    text = _text_of(source)
    with _lock, _module(text, _check_level(level)) as (module, _):
        return str(module)


def assembly(source: Source, *, level: int = 2) -> str:
    """The instructions that the IR becomes on this machine, as text in the assembler's language."""
    text = _text_of(source)
    with _lock, _module(text, _check_level(level)) as (module, target):
        return target.emit_assembly(module)


def _key(kind: str, text: str, level: int) -> str:
    with _lock:  # which asks LLVM the first time
        return cache_key(kind, text, str(level), fingerprint())


def _load(store: ObjectCache, key: str, symbols: Mapping[str, int]) -> Compiled | None:
    """What the cache has, None where it has nothing that can be linked."""
    payload = store.load(key)
    if payload is None:
        return None
    unit = Unit.unpack(payload)
    try:
        with _lock:
            library = load_image(unit.objects, unit.names, symbols) or _link(unit, symbols, "")
            counts.loaded += 1
    except NativeError:  # it calls what this process does not have: compiled anew, that is an error with the IR
        store.discard(key)
        return None
    return Compiled(unit, library)


def _compile(source: Source, level: int, symbols: Mapping[str, int]) -> Compiled:
    from chainrule.native.ir import divided  # which is not needed where the cache has the code

    made = source() if callable(source) else source
    texts = [made] if isinstance(made, str) else divided(made)

    def work() -> Compiled:
        parts = together([partial(_emitted, text, level, number) for number, text in enumerate(texts)])
        unit = Unit(sum((names for names, _ in parts), ()), tuple(code for _, code in parts))
        library = _link(unit, symbols, "\n".join(texts))
        counts.compiled += 1
        return Compiled(unit, library)

    return aside(_lock, work)


def _emitted(text: str, level: int, number: int) -> tuple[tuple[str, ...], bytes]:
    """The public functions of a module, and its object file; modules of different numbers may be at work at once."""
    with _module(text, level, number) as (module, target):
        return tuple(_public_functions(module)), object_of(module, target)


def _text_of(source: Source) -> str:
    return str(source() if callable(source) else source)


def _check_level(level: int) -> int:
    if level not in _LEVELS:
        raise ArgumentError("compile", expected="a level from 0 to 3", got=repr(level), remedy="Give one of these.")
    return level


# --- LLVM, always under the lock --------------------------------------------------------------------------------------


@contextmanager
def _module(text: str, level: int, number: int = 0) -> Iterator[tuple[llvm.ModuleRef, llvm.TargetMachine]]:
    """The module that the text becomes, verified and optimised, and the machine to compile it for."""
    import llvmlite.binding as llvm

    target = _target_machine(level, number)
    # A context of its own: what a module leaves behind in its context is freed with it.
    with (
        _refusals("valid LLVM IR", text),
        llvm.create_context() as context,
        llvm.parse_assembly(text, context) as module,
    ):
        module.triple, module.data_layout = target.triple, str(target.target_data)
        module.verify()
        optimise(module, target, level)
        yield module, target


def _public_functions(module: llvm.ModuleRef) -> Iterator[str]:
    for function in module.functions:
        seen = function.linkage.name == "external" and function.visibility.name == "default"
        if seen and not function.is_declaration:
            yield function.name


def _link(unit: Unit, symbols: Mapping[str, int], text: str) -> llvm.ResourceTracker:
    """Load an object file, resolve the symbols it needs, and find its functions."""
    import llvmlite.binding as llvm

    builder = llvm.JITLibraryBuilder().add_current_process()
    for code in unit.objects:
        builder.add_object_img(code)
    for name, address in symbols.items():
        builder.import_symbol(name, address)
    # Every name is asked for now: llvmlite frees a library together with the answer to a later `lookup`.
    for name in unit.names:
        builder.export_symbol(name)
    session, number = _next_library()
    with _refusals("calls of functions that this process has", text, symbols):
        return builder.link(session, f"chainrule{number}")


@contextmanager
def _refusals(expected: str, text: str, symbols: Mapping[str, int] | None = None) -> Iterator[None]:
    """Turn what llvmlite raises inside into an error of ours. `symbols` are given where the linker is at work: it does
    not say what it missed, so that is found out here."""
    try:
        yield
    except RuntimeError as error:
        missing = [] if symbols is None else _missing_functions(text, symbols)
        words = ", ".join(missing) or " ".join(str(error).split())
        raise NativeError(
            "compile",
            expected=expected,
            got=("no " if missing else "") + repr(words[:_LONGEST_MESSAGE]),
            remedy="This is a fault of chainrule's: report it with the file that error.write_reproducer() writes.",
            reproducer=text,
        ) from None


def _missing_functions(text: str, symbols: Mapping[str, int]) -> list[str]:
    """The functions that the IR declares and nobody has."""
    import llvmlite.binding as llvm

    declared = dict.fromkeys(re.findall(r'^declare [^@]*@"?([\w.$]+)"?\(', text, flags=re.MULTILINE))
    known = (name.startswith("llvm.") or name in symbols or llvm.address_of_symbol(name) for name in declared)
    return [name for name, is_known in zip(declared, known, strict=True) if not is_known]


@remember
def _target_machine(level: int, number: int = 0) -> llvm.TargetMachine:
    """What LLVM needs to know to write code for this machine; each number has its own, for a thread of its own.

    Constants and callees are addressed relative to the code (position-independent, the small code model), since the
    linker lays an object out in one piece. The older linker of Windows does not, so there addresses are absolute, and
    objects are ELF files, which is what llvmlite makes of its default there.
    """
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = host_machine()
    reloc, codemodel = ("default", "jitdefault") if os.name == "nt" else ("pic", "small")
    return llvm.Target.from_triple(machine.triple).create_target_machine(
        machine.cpu, machine.features, opt=level, reloc=reloc, codemodel=codemodel, jit=True
    )


def _next_library() -> tuple[llvm.LLJIT, int]:
    """The session to link the next library in, and the library's number in it."""
    global _session
    import llvmlite.binding as llvm

    session, number = _session
    if session is None or number >= _LIBRARIES:
        session = llvm.create_lljit_compiler(_target_machine(2), use_jit_link=os.name != "nt", suppress_errors=True)
        number = 0
    _session = session, number + 1
    return session, number


# --- Forks ------------------------------------------------------------------------------------------------------------


def _hold() -> None:
    """Before a fork: wait until no thread is inside LLVM, and let none in. That includes other users of llvmlite (such
    as numba) and threads that free code: for these llvmlite has a lock of its own, which every call of LLVM takes."""
    global _held
    _lock.acquire()
    library = getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None)
    _held = nullcontext() if library is None else getattr(library, "_lock", nullcontext())
    _held.__enter__()


def _release() -> None:
    """After a fork, in both processes."""
    _held.__exit__(None, None, None)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_release)
