"""Model files: arrays and metadata in one safetensors file, replaced as a whole or not at all, and read as data only.

`safetensors_header` says what stands in the file and why any altered byte is noticed. Neither side needs the
safetensors package, so a model loads wherever NumPy does. The package could not take the checks over: it allows a
header of 100 MB and knows no checksums, so our checks must come first, and after them nothing is left to do but to read
bytes into arrays. The tests hold both sides against the package.
"""

from __future__ import annotations

import contextlib
import errno
import os
import reprlib
import secrets
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, DtypeError, ModelFileError, ShapeError
from chainrule.train.safetensors_header import (
    DAMAGED,
    DTYPES,
    FOREIGN,
    LENGTH_BYTES,
    LONGEST_HEADER,
    MOST_AXES,
    Entry,
    canonical_json,
    check_digest,
    lay_out,
    parse_header,
    refuse,
    render_header,
)

# A pipe without a writer must not hang us, and a terminal must not become ours. Windows has neither flag.
_CAREFULLY = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
# What a folder that cannot be opened or flushed answers: the platform does not offer it, and nothing is wrong.
_NO_FOLDER_FLUSH = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP, errno.EBADF}


def write_model(path: str | os.PathLike[str], tensors: Mapping[str, np.ndarray], metadata: dict[str, Any]) -> None:
    """Write arrays and metadata as a model file; a file of that name is replaced in one step, or left as it is.

    Equal content gives equal bytes; the order of keys is not content. Arrays of every layout and byte order are taken
    and stored in C order, little-endian. The bytes are on the disk when the call returns.

    Parameters: `tensors` maps names to arrays of bool, (u)int8 to (u)int64, float32 or float64. `metadata` is a JSON
    object that comes back equal: str keys, lists instead of tuples, finite numbers; less than 1 MiB and 65,536 values.

    Raises `DtypeError`, `ShapeError` or `ArgumentError` for content that cannot be stored, and `ModelFileError` where
    the system cannot write.

    Source: the safetensors format, https://huggingface.co/docs/safetensors/index#format; any reader of it opens it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(os.path.join(folder, "line.safetensors"), {"slope": np.array([2.0])}, {"column": "mpg"})
    ...     read_model(os.path.join(folder, "line.safetensors"))
    ({'slope': array([2.])}, {'column': 'mpg'})
    """
    operation, place = _named("write_model", path)
    if not isinstance(tensors, Mapping):
        remedy = "Give names and arrays, as `{'w': np.zeros(3)}`."
        raise ArgumentError(operation, expected="a dictionary of arrays", got=type(tensors).__name__, remedy=remedy)
    arrays = {name: _stored(operation, name, array) for name, array in tensors.items()}
    entries = lay_out(arrays)
    digests = {entry.name: entry.digest(_bytes_of(arrays[entry.name])) for entry in entries}
    header = _header(operation, entries, digests, metadata)
    with _system_errors(operation, "a place to write a model file", "Check the folder, its permissions and its disk."):
        _replace(operation, place, [memoryview(header), *(_bytes_of(arrays[entry.name]) for entry in entries)])


def read_model(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a model file: the arrays by name, and the metadata.

    The file is data and nothing in it is executed. Every byte is checked against a SHA-256, so what loads is what was
    written; that does not say who wrote it. The arrays are the caller's own: writable, aligned, in native byte order.
    The call needs memory for the file's size and at most 64 MB more, whatever the file claims.

    Raises `ModelFileError`, and no other error, for a file that is missing, not a regular file, truncated, altered,
    hostile or not chainrule's; `ArgumentError` for a path that is none.

    Source: the safetensors format, https://huggingface.co/docs/safetensors/index#format

    >>> try:
    ...     read_model("no/such/file")
    ... except ModelFileError as error:
    ...     print(error.operation, "|", error.got)
    read_model('no/such/file') | FileNotFoundError (No such file or directory)
    """
    operation, place = _named("read_model", path)
    with _system_errors(operation, "a model file to read", "Check the path, its permissions and the free memory."):
        _check_regular(operation, os.stat(place).st_mode)  # before opening, which can already make a device act
        with open(place, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | _CAREFULLY)) as file:
            state = os.fstat(file.fileno())
            _check_regular(operation, state.st_mode)
            return _read(operation, file, state.st_size)


def _read(operation: str, file: FileIO, size: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read an open file of `size` bytes. No number in the file decides an allocation before it has been checked."""
    start = bytearray(min(LENGTH_BYTES, size))
    _fill(operation, file, memoryview(start))
    length = int.from_bytes(start, "little")
    if size < LENGTH_BYTES:
        refuse(operation, f"a file of at least {LENGTH_BYTES} bytes", f"{size}")
    if length > LONGEST_HEADER:
        expected = f"a model file, which begins with the length of its header, at most {LONGEST_HEADER}"
        refuse(operation, expected, f"{bytes(start)!r}, which is {length}", FOREIGN)
    if length > size - LENGTH_BYTES:
        refuse(operation, f"a file with {length} bytes of header, as it states", f"{size - LENGTH_BYTES} bytes")
    raw = bytearray(start.ljust(LENGTH_BYTES + length))
    _fill(operation, file, memoryview(raw)[LENGTH_BYTES:])
    header = parse_header(operation, bytes(raw))
    total = LENGTH_BYTES + length + header.data_bytes
    if size != total:
        refuse(operation, f"a file of {total} bytes, as its header states", f"{size} bytes")
    arrays = {entry.name: _read_tensor(operation, file, entry, header.digests[entry.name]) for entry in header.entries}
    return dict(sorted(arrays.items())), header.metadata


def _read_tensor(operation: str, file: FileIO, entry: Entry, digest: str) -> np.ndarray:
    """Read the next tensor straight into its array, so that the data are never held twice."""
    array = np.empty(entry.shape, DTYPES[entry.code].newbyteorder("="))
    data = _bytes_of(array)
    _fill(operation, file, data)
    check_digest(operation, f"tensor {reprlib.repr(entry.name)}", stored=digest, computed=entry.digest(data))
    if entry.code == "BOOL" and (most := array.view(np.uint8).max(initial=0)) > 1:
        refuse(operation, f"tensor {reprlib.repr(entry.name)} of BOOL with the bytes 0 and 1", f"the byte {most}")
    if sys.byteorder == "big":
        array.byteswap(inplace=True)
    return array


def _fill(operation: str, file: FileIO, data: memoryview) -> None:
    """Read until `data` is full: one call of the system may give less than is asked for."""
    filled = 0
    while filled < len(data):
        count = file.readinto(data[filled:])
        if not count:
            refuse(operation, f"a file with {len(data) - filled} bytes more", f"its end after {filled}: it shrinks")
        filled += count


def _bytes_of(array: np.ndarray) -> memoryview:
    """The memory of a C-ordered array as bytes, also where it has no axis or no element."""
    return array.reshape(-1).view(np.uint8).data


def _stored(operation: str, name: str, array: np.ndarray) -> np.ndarray:
    """The array as the file holds it: C order, little-endian, bools of 0 and 1; a copy only where it is not so."""
    remedy = "Give names and arrays, as `{'w': np.zeros(3)}`."
    if not isinstance(name, str) or name == "__metadata__" or not _is_unicode(name):
        expected = "tensors named by Unicode strings other than '__metadata__'"
        raise ArgumentError(operation, expected=expected, got=reprlib.repr(name), remedy=remedy)
    if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
        kind = type(array).__name__
        raise DtypeError(operation, expected=f"tensor {name!r} as a plain NumPy array", got=kind, remedy=remedy)
    little = array.dtype.newbyteorder("<")
    if little not in DTYPES.values():
        names = ", ".join(dtype.name for dtype in DTYPES.values())
        expected = f"tensor {name!r} with a dtype among {names}"
        raise DtypeError(operation, expected=expected, got=str(array.dtype), remedy="Convert it with `.astype(...)`.")
    if array.ndim > MOST_AXES:
        expected = f"tensor {name!r} with at most {MOST_AXES} axes"
        raise ShapeError(operation, expected=expected, got=str(array.ndim), remedy="Store it with fewer axes.")
    plain = np.asarray(array, dtype=little, order="C")
    if plain.dtype == np.bool_ and plain.view(np.uint8).max(initial=0) > 1:
        return np.asarray(plain.view(np.uint8) != 0)
    return plain


def _is_unicode(text: str) -> bool:
    """Whether a string has a form in UTF-8, which lone surrogates have not."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _header(operation: str, entries: Sequence[Entry], digests: Mapping[str, str], metadata: dict[str, Any]) -> bytes:
    """The header as bytes that `read_model` will accept and that give the metadata back: it is read here once."""
    expected = "metadata that comes back equal from JSON"
    remedy = "Use str keys, lists, None, bools, finite numbers of Python and text; store large tables as tensors."
    try:
        header = render_header(entries, digests, canonical_json(metadata))
        returned = parse_header(operation, header).metadata
    except ModelFileError as error:
        raise ArgumentError(operation, expected=error.expected, got=error.got, remedy=remedy) from error
    except (TypeError, ValueError, RecursionError) as error:
        got = f"{type(error).__name__} ({error})"
        raise ArgumentError(operation, expected=expected, got=got, remedy=remedy) from error
    if returned != metadata:
        raise ArgumentError(operation, expected=expected, got=reprlib.repr(metadata), remedy=remedy)
    return header


def _named(function: str, path: str | os.PathLike[str]) -> tuple[str, str]:
    """The call as errors name it, with its file, and the path as text."""
    try:
        place = os.fsdecode(path)
    except TypeError as error:
        remedy = "Give the file's name as a str or a pathlib.Path."
        raise ArgumentError(function, expected="a path", got=repr(path), remedy=remedy) from error
    return f"{function}({place!r})", place


@contextlib.contextmanager
def _system_errors(operation: str, expected: str, remedy: str) -> Iterator[None]:
    """Turn what the system, Python or NumPy raises inside into the one error that callers must know."""
    try:
        yield
    except ModelFileError:
        raise
    except OSError as error:
        refuse(operation, expected, f"{type(error).__name__} ({error.strerror or error})", remedy)
    except (ValueError, OverflowError, MemoryError, RecursionError) as error:
        refuse(operation, expected, f"{type(error).__name__} ({error})", f"{remedy} {DAMAGED}")


def _check_regular(operation: str, mode: int) -> None:
    """Refuse what is no file of bytes: opening a pipe would wait, a device has no end, a folder has no bytes."""
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        refuse(operation, "a regular file", kinds.get(stat.S_IFMT(mode), "a device"), FOREIGN)


def _replace(operation: str, place: str, parts: list[memoryview]) -> None:
    """Write a new file beside the old one, force it to the disk, and put it in the old one's place in one step."""
    target = Path(os.path.realpath(place))  # a link goes on pointing to the model
    permissions = 0o666
    with contextlib.suppress(FileNotFoundError):
        mode = target.stat().st_mode
        _check_regular(operation, mode)
        permissions = stat.S_IMODE(mode) & 0o777  # a private model stays private
    new = target.with_name(f".chainrule-{secrets.token_hex(8)}.tmp")  # the target's own name may be as long as can be
    try:
        with open(new, "xb", opener=lambda name, flags: os.open(name, flags, permissions)) as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, target)  # after closing, or Windows refuses
    except BaseException as error:
        try:
            new.unlink(missing_ok=True)
        except OSError as left:
            error.add_note(f"The temporary file {str(new)!r} could not be removed: {left}")
        raise
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Force the new name to the disk, which POSIX counts to the folder; Windows has no such call."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_FLUSH:
            warning = f"the new file stands, but a power failure may undo it: {error.strerror}"
            raise OSError(error.errno, warning) from error
