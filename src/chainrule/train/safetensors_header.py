"""The header of a model file: a safetensors header that is laid out one way only and checked as hostile input.

A safetensors file is a length (8 bytes, little-endian), a JSON object that names each tensor's dtype, shape and range,
and the tensors' bytes (https://huggingface.co/docs/safetensors/index#format). Ours has these strings in `__metadata__`:

| key | holds |
| --- | --- |
| `format`, `version` | `chainrule.model` and `1` |
| `metadata` | the caller's metadata as JSON |
| `sha256.NAME` | the digest of one tensor's name, dtype, shape and bytes |
| `header_sha256` | the digest of the length and the whole header, taken with these 64 digits as zeros |

So every byte of the file stands under a digest: the length, the header and its padding under the last, the data, which
the header requires to be nothing but tensors, under theirs. A digest finds accidents; it is no signature, and whoever
alters a file on purpose can compute it anew. Therefore every check of the structure is made whether or not it agrees.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

from chainrule.errors import ModelFileError

MARKER = "chainrule.model"
VERSION = "1"
LENGTH_BYTES = 8
# A value of JSON takes at most about 400 bytes of Python's memory (a dictionary with one key) and the text, in all the
# forms that it goes through, 12 times its length: with these two bounds parsing stays below 40 MB, whatever the header.
LONGEST_HEADER = 2**20
MOST_VALUES = 2**16
MOST_TENSORS = 4096
MOST_AXES = 32  # every NumPy has these
DEEPEST = 32  # far from Python's recursion limit, wherever on the stack we are called
LONGEST_NUMBER = 400  # digits; Python needs quadratic time for long ones

DAMAGED = "The file is damaged or was altered; copy it again from its source, or train the model anew."
FOREIGN = "Choose a file that chainrule wrote, such as the one that `chainrule fit --out` names."

# The order is the one in which the safetensors library lays tensors out: wide items first, so that each is aligned.
DTYPES = {
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
_RANKS = {code: rank for rank, code in enumerate(DTYPES)}
_NO_DIGEST = "0" * 64
_QUOTE = ord('"')
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor of the header: where its bytes stand in the data section and what they mean."""

    name: str
    code: str
    shape: tuple[int, ...]
    begin: int
    end: int

    def digest(self, data: memoryview) -> str:
        """The SHA-256 of name, dtype, shape and bytes."""
        known = hashlib.sha256(json.dumps([self.name, self.code, self.shape]).encode())
        known.update(data)
        return known.hexdigest()


@dataclass(frozen=True, slots=True)
class Header:
    """What a checked header says: the tensors in the order of their bytes, a digest for each, the caller's metadata."""

    entries: tuple[Entry, ...]
    digests: Mapping[str, str]
    metadata: dict[str, Any]

    @property
    def data_bytes(self) -> int:
        """The size of the data section."""
        return self.entries[-1].end if self.entries else 0


def refuse(operation: str, expected: str, got: str, remedy: str = DAMAGED) -> NoReturn:
    """Raise `ModelFileError`."""
    raise ModelFileError(operation, expected=expected, got=got, remedy=remedy)


def check_digest(operation: str, what: str, *, stored: str, computed: str) -> None:
    """Refuse a file whose content has another digest than the one it states."""
    if stored != computed:
        refuse(operation, f"the SHA-256 {stored!r:.66} over {what}, as the file states", computed)


def lay_out(arrays: Mapping[str, np.ndarray]) -> tuple[Entry, ...]:
    """Give each array, whose dtype is among `DTYPES`, its range, in the order of the safetensors library."""
    codes = {name: code for name, array in arrays.items() for code, dtype in DTYPES.items() if array.dtype == dtype}
    entries, offset = [], 0
    for name in sorted(arrays, key=lambda name: (_RANKS[codes[name]], name)):
        array = arrays[name]
        entries.append(Entry(name, codes[name], array.shape, offset, offset + array.nbytes))
        offset += array.nbytes
    return tuple(entries)


def canonical_json(metadata: Mapping[str, Any]) -> str:
    """The one text that stands for a metadata dictionary, whatever the order of its keys."""
    return json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def render_header(entries: Sequence[Entry], digests: Mapping[str, str], metadata: str) -> bytes:
    """The length and the header as bytes, equal for equal content.

    Not by `safetensors.numpy.save`: it writes the strings of `__metadata__` in random order (safetensors issue 584), so
    that equal models would differ, and it holds the file three times in memory. But for that order the bytes are its.
    """
    strings = {"format": MARKER, "version": VERSION, "metadata": metadata, "header_sha256": _NO_DIGEST}
    strings |= {f"sha256.{name}": digest for name, digest in digests.items()}
    header: dict[str, Any] = {"__metadata__": dict(sorted(strings.items()))}
    for entry in entries:
        header[entry.name] = {"dtype": entry.code, "shape": entry.shape, "data_offsets": (entry.begin, entry.end)}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % LENGTH_BYTES)
    raw = len(text).to_bytes(LENGTH_BYTES, "little") + text
    return raw.replace(digest_field(_NO_DIGEST), digest_field(hashlib.sha256(raw).hexdigest()))


def digest_field(digest: str) -> bytes:
    """The header's own digest as it stands in the header, once: inside a string its quotes would be escaped."""
    return f'"header_sha256":"{digest}"'.encode()


def parse_header(operation: str, raw: bytes) -> Header:
    """Check length and header, as `render_header` made them, and return what they say; all that is wrong is refused."""
    header = strict_json(operation, raw[LENGTH_BYTES:], "the header")
    strings = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(strings, dict) or strings.get("format") != MARKER:
        got = f"the format {reprlib.repr(strings.get('format') if isinstance(strings, dict) else None)}"
        refuse(operation, f"a safetensors file with the format marker {MARKER!r}", got, FOREIGN)
    if strings.get("version") != VERSION:
        got = reprlib.repr(strings.get("version"))
        refuse(operation, f"version {VERSION!r} of the model format", got, "Install the chainrule that wrote the file.")
    _check_own_digest(operation, raw, strings)
    if len(header) > MOST_TENSORS:
        refuse(operation, f"at most {MOST_TENSORS} tensors", str(len(header)))
    needed = {"format", "version", "metadata", "header_sha256"} | {f"sha256.{name}" for name in header}
    if strings.keys() != needed:
        other = reprlib.repr(sorted(strings.keys() ^ needed))
        refuse(operation, "one checksum for each tensor", f"strings that lack or have besides {other}")
    entries = [_entry(operation, name, said) for name, said in header.items()]
    end = 0
    for entry in entries:
        if entry.begin != end:
            fault = "an overlap" if entry.begin < end else "a gap"
            place = f"{fault}: tensor {reprlib.repr(entry.name)} begins at {entry.begin}"
            refuse(operation, f"tensors that follow one another, the next at byte {end} of the data", place)
        end = entry.end
    metadata = strict_json(operation, strings["metadata"].encode(), "the metadata")
    if not isinstance(metadata, dict):
        refuse(operation, "a JSON object as metadata", reprlib.repr(metadata))
    return Header(tuple(entries), {name: strings[f"sha256.{name}"] for name in header}, metadata)


def _check_own_digest(operation: str, raw: bytes, strings: dict[str, Any]) -> None:
    """Refuse strings that are none, and a header whose digest is another than it states."""
    other = next((key for key, value in strings.items() if not isinstance(value, str)), None)
    if other is not None:
        refuse(operation, f"a string as __metadata__[{reprlib.repr(other)}]", reprlib.repr(strings[other]))
    stored = strings.get("header_sha256", "")
    blank = raw.replace(digest_field(stored), digest_field(_NO_DIGEST))
    computed = hashlib.sha256(blank).hexdigest()
    check_digest(operation, "the header", stored=stored, computed=computed)


def _entry(operation: str, name: str, said: Any) -> Entry:
    """The header's claim about one tensor, checked by itself: a known dtype, whole sizes, a range that fits them."""
    what = f"tensor {reprlib.repr(name)}"
    if not isinstance(said, dict) or said.keys() != {"dtype", "shape", "data_offsets"}:
        refuse(operation, f"{what} with dtype, shape and data_offsets", reprlib.repr(said))
    code, shape, offsets = said["dtype"], said["shape"], said["data_offsets"]
    if not isinstance(code, str) or code not in DTYPES:
        refuse(operation, f"{what} with a dtype among {', '.join(DTYPES)}", reprlib.repr(code))
    if not _are_sizes(shape) or len(shape) > MOST_AXES:
        refuse(
            operation,
            f"{what} with a shape of at most {MOST_AXES} whole numbers from 0 to 2**63 - 1",
            reprlib.repr(shape),
        )
    if not _are_sizes(offsets) or len(offsets) != 2:
        refuse(
            operation, f"{what} with two data_offsets that are whole numbers from 0 to 2**63 - 1", reprlib.repr(offsets)
        )
    size = math.prod(shape) * DTYPES[code].itemsize
    if offsets[1] - offsets[0] != size:
        place = f"data_offsets {reprlib.repr(offsets)}"
        refuse(operation, f"{what} with {reprlib.repr(size)} bytes by its shape and dtype", place)
    return Entry(name, code, tuple(shape), offsets[0], offsets[1])


def _are_sizes(value: Any) -> bool:
    """Whether a JSON value is an array of whole numbers of 63 bits; true and 1.0 are none, though they equal 1."""
    return isinstance(value, list) and all(type(size) is int and 0 <= size < 2**63 for size in value)


def strict_json(operation: str, raw: bytes, what: str) -> Any:
    """Parse JSON text that nobody vouches for, of at most `LONGEST_HEADER` bytes.

    RFC 8259 leaves open what a parser makes of repeated keys, lone surrogates and numbers beyond float64, and Python's
    accepts NaN and recurses as deep as it is told to. Here each of these is refused.

    >>> strict_json("load", b'{"a":[1,2.5]}', "the header")
    {'a': [1, 2.5]}
    """
    if len(raw) > LONGEST_HEADER:
        refuse(operation, f"{what} with at most {LONGEST_HEADER} bytes", str(len(raw)))
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")  # now every quote opens or closes a string
    depth, values = _extent(bare)
    if depth > DEEPEST or values > MOST_VALUES:
        expected = f"{what} as JSON of at most {MOST_VALUES} values, nested at most {DEEPEST} deep"
        refuse(operation, expected, f"{values} values, {depth} deep")
    if surrogate := _SURROGATE.search(bare):
        refuse(operation, f"{what} as JSON in UTF-8", f"an escaped surrogate ({surrogate[0].decode()}..)")

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            names = sorted(name for name, _ in found)
            twice = next(name for name, following in pairwise(names) if name == following)
            refuse(operation, f"{what} with each key once", f"the key {reprlib.repr(twice)} twice")
        return made

    def whole(digits: str) -> int:
        return int(digits) if len(digits) <= LONGEST_NUMBER else number(digits)

    def number(digits: str) -> Any:
        if len(digits) <= LONGEST_NUMBER and math.isfinite(float(digits)):
            return float(digits)
        refuse(operation, f"{what} with finite numbers of at most {LONGEST_NUMBER} digits", reprlib.repr(digits))

    decoder = json.JSONDecoder(object_pairs_hook=pairs, parse_constant=number, parse_float=number, parse_int=whole)
    try:
        return decoder.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        got = f"byte 0x{raw[error.start]:02x} at {error.start}"
    except json.JSONDecodeError as error:
        got = f"{error.msg} at character {error.pos}"
    refuse(operation, f"{what} as JSON in UTF-8", got)


def _extent(bare: bytes) -> tuple[int, int]:
    """How deep JSON text without escapes is nested and at most how many values it has, found without parsing it."""
    deepest = depth = values = 0
    inside = False
    for byte in bare.translate(None, _NO_STRUCTURE):
        if byte == _QUOTE:
            inside = not inside
        elif not inside:
            values += byte in b"[{,"  # a value follows each of these
            depth += (byte in b"[{") - (byte in b"]}")
            deepest = max(deepest, depth)
    return deepest, values
