"""Object files put into memory without LLVM.

Loading LLVM takes 25 ms, a sixth of the time to a first result, and where the cache has the code little is left to do:
lay out the sections of the object files, and fill in the distances between them. That is done here for ELF files of
x86-64 in which nothing else is asked for. Whatever else there may be (other formats and processors, memory to write to,
addresses of data outside) is left to LLVM's linker.

A call of a function outside goes by a jump behind the sections, since that function may be further away than a call
reaches.

Sources: System V Application Binary Interface, AMD64 Architecture Processor Supplement, section 4.4 (relocation);
"ELF-64 Object File Format", version 1.5.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from collections.abc import Mapping, Sequence

import numpy as np


def _record(fields: str) -> np.dtype:
    return np.dtype([(name, f"<{kind}") for name, _, kind in (field.partition(":") for field in fields.split())])


_SECTION = _record("name:u4 kind:u4 flags:u8 address:u8 offset:u8 size:u8 link:u4 info:u4 align:u8 entry:u8")
_SYMBOL = _record("name:u4 info:u1 other:u1 section:u2 value:u8 bytes:u8")
_RELOCATION = _record("offset:u8 kind:u4 symbol:u4 addend:i8")
_HEAD = b"\x7fELF\x02\x01\x01"  # 64 bits, little endian
_RELOCATABLE_X86_64 = (1).to_bytes(2, "little") + (62).to_bytes(2, "little")
_PROGRAM, _SYMBOLS, _RELOCATIONS, _GROUP, _UNWINDING = 1, 2, 4, 17, 0x70000001  # kinds of sections
_WRITTEN, _ALLOCATED, _OF_THREADS = 0x1, 0x2, 0x400  # flags of sections
_DISTANCE, _CALL = 2, 4  # R_X86_64_PC32, R_X86_64_PLT32: symbol + addend - place
_LOCAL = 0  # the binding of a symbol that no other file sees
_UNDEFINED, _RESERVED = 0, 0xFF00  # sections of symbols: none, and from here on none that is a place in the file
_JUMP = b"\xff\x25\0\0\0\0"  # jmp *0(%rip): to the address that follows
_JUMP_BYTES = 16


class Image:
    """Code in memory, and the addresses of functions in it. The memory is given back with this object, but not at the
    end of the process, which whatever is still running then need not notice."""

    def __init__(self, data: np.ndarray, places: Mapping[str, int]) -> None:
        libc = ctypes.CDLL(None)
        map_memory, protect, unmap = libc["mmap"], libc["mprotect"], libc["munmap"]
        map_memory.restype = ctypes.c_void_p
        map_memory.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        size = max(1, data.nbytes)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        address = map_memory(None, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
        self.is_ready = address not in (None, ctypes.c_void_p(-1).value)
        """Whether the system lets the memory be executed."""
        if self.is_ready:
            weakref.finalize(self, unmap, address, size).atexit = False
            ctypes.memmove(address, data.ctypes.data, data.nbytes)
            self.is_ready = protect(address, size, mmap.PROT_READ | mmap.PROT_EXEC) == 0
            self._addresses = {name: address + place for name, place in places.items()}

    def __getitem__(self, name: str) -> int:
        """Where a function stands."""
        return self._addresses[name]


def load_image(objects: Sequence[bytes], names: Sequence[str], symbols: Mapping[str, int]) -> Image | None:
    """The functions of these names in object files, ready to be called; None where that takes LLVM's linker.

    `symbols` are addresses of functions that the code calls by name, beside those that the process has.
    """
    if os.name != "posix" or not all(_is_known(code) for code in objects):
        return None
    files = [_File(code) for code in objects]
    if not all(file.is_simple for file in files):
        return None
    end = 0
    for file in files:
        end = file.lay_out(end)
    defined = {name: file.targets[number] for file in files for number, name in file.defined.items()}
    outside = dict.fromkeys(name for file in files for name in file.undefined.values() if name not in defined)
    jumps = {name: _aligned(end, _JUMP_BYTES) + k * _JUMP_BYTES for k, name in enumerate(outside)}
    addresses = {name: symbols.get(name) or _of_process(name) for name in jumps}
    if not all(addresses.values()) or not defined.keys() >= set(names):
        return None
    data = np.zeros(end + (len(jumps) + 1) * _JUMP_BYTES, np.uint8)
    for name, place in jumps.items():
        jump = _JUMP + (addresses[name] or 0).to_bytes(8, "little")
        data[place : place + len(jump)] = np.frombuffer(jump, np.uint8)
    if not all(file.write(data, defined, jumps) for file in files):
        return None
    image = Image(data, {name: int(defined[name]) for name in names})
    return image if image.is_ready else None


def _is_known(code: bytes) -> bool:
    return code.startswith(_HEAD) and code[16:20] == _RELOCATABLE_X86_64


def _aligned(place: int, align: int) -> int:
    return -(-place // align) * align


def _of_process(name: str) -> int | None:
    """The address of a function that the process has."""
    try:
        return ctypes.cast(ctypes.CDLL(None)[name], ctypes.c_void_p).value
    except AttributeError:
        return None


class _File:
    """An object file."""

    def __init__(self, code: bytes) -> None:
        self.code = code
        start, count = int.from_bytes(code[40:48], "little"), int.from_bytes(code[60:62], "little")
        self.sections = np.frombuffer(code, _SECTION, count, start)
        self.kinds, flags = self.sections["kind"], self.sections["flags"]
        self.loaded = np.flatnonzero((flags & _ALLOCATED != 0) & (self.kinds != _UNWINDING))  # nothing is ever thrown
        self.is_simple = (
            bool(np.all(self.kinds[self.loaded] == _PROGRAM))
            and not np.any(flags[self.loaded] & (_WRITTEN | _OF_THREADS))
            and np.count_nonzero(self.kinds == _SYMBOLS) == 1
            and _GROUP not in self.kinds
        )
        """Whether its sections are such as are known here."""
        self.places = np.zeros(count, np.int64)
        """Where its sections stand in the image."""
        if self.is_simple:
            self._read_symbols(int(np.flatnonzero(self.kinds == _SYMBOLS)[0]))

    def _table(self, number: int, kind: np.dtype) -> np.ndarray:
        section = self.sections[number]
        return np.frombuffer(self.code, kind, int(section["size"]) // kind.itemsize, int(section["offset"]))

    def _read_symbols(self, number: int) -> None:
        self.symbols = self._table(number, _SYMBOL)
        texts, where = int(self.sections[self.sections[number]["link"]]["offset"]), self.symbols["section"]
        self.targets = self.symbols["value"].astype(np.int64)
        """Where the symbols stand, in their sections until these are laid out."""
        self.nowhere = (where == _UNDEFINED) | (where >= _RESERVED)
        self.defined: dict[int, str] = {}
        """The names of the symbols that other files see, by their numbers."""
        self.undefined: dict[int, str] = {}
        """The names of the symbols that are to be found elsewhere."""
        for k in np.flatnonzero(self.symbols["info"] >> 4 != _LOCAL):
            start = texts + int(self.symbols["name"][k])
            name = self.code[start : self.code.index(b"\0", start)].decode()
            (self.undefined if self.nowhere[k] else self.defined)[int(k)] = name

    def lay_out(self, end: int) -> int:
        """Give its sections places behind `end`: where they end."""
        for number in self.loaded:
            section = self.sections[number]
            self.places[number] = _aligned(end, max(1, int(section["align"])))
            end = int(self.places[number]) + int(section["size"])
        self.targets += self.places[np.where(self.nowhere, 0, self.symbols["section"])]
        return end

    def write(self, data: np.ndarray, defined: Mapping[str, int], jumps: Mapping[str, int]) -> bool:
        """Write its sections into the image, with the distances in them; whether nothing else is asked for."""
        for number in self.loaded:
            content = self._table(int(number), np.dtype(np.uint8))
            data[self.places[number] : self.places[number] + len(content)] = content
        reached = ~self.nowhere
        """The symbols that a distance may be to; what is behind a jump can only be called."""
        for number, name in self.undefined.items():
            self.targets[number] = defined[name] if name in defined else jumps[name]
            reached[number] = name in defined
        called = reached.copy()
        called[list(self.undefined)] = True
        tables = np.flatnonzero((self.kinds == _RELOCATIONS) & np.isin(self.sections["info"], self.loaded))
        return all(self._relocate(data, int(number), reached, called) for number in tables)

    def _relocate(self, data: np.ndarray, number: int, reached: np.ndarray, called: np.ndarray) -> bool:
        """Fill in the distances of one table."""
        table = self._table(number, _RELOCATION)
        kinds, symbols = table["kind"], table["symbol"]
        places = self.places[self.sections[number]["info"]] + table["offset"].astype(np.int64)
        distances = self.targets[symbols] + table["addend"] - places
        known = ((kinds == _CALL) & called[symbols]) | ((kinds == _DISTANCE) & reached[symbols])
        if not known.all() or (distances != distances.astype(np.int32)).any():
            return False
        data[places[:, None] + np.arange(4)] = distances.astype("<i4").view(np.uint8).reshape(-1, 4)
        return True
