"""A fuzzer of model files: it alters good files at random and looks at what `read_model` makes of them.

An altered file must be refused with `ModelFileError` or give the original content exactly, within a bound on memory.
The tests here load some hundred altered files, `tests/long` loads 20,000. As a program (`model_fuzz.py COUNT SEED
FOLDER`) it prints its report as JSON with the highest memory that the system saw.
"""

import hashlib
import json
import random
import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ModelFileError
from chainrule.train.model_file import read_model, write_model
from chainrule.train.safetensors_header import digest_field

Model = tuple[dict[str, np.ndarray], dict[str, Any]]
Random = random.Random
SLACK = 64_000_000  # bytes that reading may take beside the file's size
NUMBERS = [-1, 0, 1, 2, 3, 7, 8, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1, 10**300, 1.0, 0.5, 1e300]
VALUES: list[Any] = [
    *NUMBERS,
    True,
    False,
    None,
    "",
    "F64",
    "BF16",
    "U8",
    "chainrule.model",
    [],
    [0],
    [[[[]]]],
    {},
    {"": 0},
]


def originals() -> list[Model]:
    """Models of several kinds: tiny, of every dtype, of sizes like a table's, without a tensor or an element."""
    draw = np.random.default_rng(5)
    kinds = "? i1 i2 i4 i8 u1 u2 u4 u8 f4 f8".split()
    table = {
        "0/w": draw.normal(size=(8, 64)).astype("f4"),
        "0/b": np.zeros(64, "f4"),
        "1/w": draw.normal(size=(64, 64)).astype("f4"),
        "1/b": np.zeros(64, "f4"),
        "mean": draw.normal(size=8),
        "scale": draw.uniform(1, 2, size=8),
    }
    columns = {f"column {i}": {"kind": "category", "values": ["a", "가", 'quoted "\\"']} for i in range(5)}
    return [
        ({"w": np.array([1.5])}, {"target": "mpg"}),
        (
            {kind: draw.integers(0, 2, size=(2, 3)).astype(kind) for kind in kinds},
            {"numbers": [0, -1, 0.1, 1e300, None]},
        ),
        (table, {"target": "종", "columns": columns, "seed": 3, "nested": [[[{}]], True]}),
        ({"none": np.zeros((0, 3)), "one": np.array(True), "": np.zeros((2, 0, 2), "i2"), "é𝄞": np.array(7)}, {}),
        ({}, {"only": "metadata"}),
    ]


def parts(raw: bytes) -> tuple[bytes, bytes]:
    """Header and data of a good file."""
    end = 8 + int.from_bytes(raw[:8], "little")
    return raw[8:end], raw[end:]


def joined(header: bytes, data: bytes) -> bytes:
    """A file from header and data, with the length that fits."""
    return len(header).to_bytes(8, "little") + header + data


def signed(header: bytes, data: bytes) -> bytes:
    """A file whose header has the right digest, as somebody who alters files on purpose would make it."""
    old = json.loads(header)["__metadata__"]["header_sha256"]
    blank = joined(header.replace(digest_field(old), digest_field("0" * 64)), data)
    digest = hashlib.sha256(blank[: 8 + len(header)]).hexdigest()
    return blank.replace(digest_field("0" * 64), digest_field(digest), 1)


def dump(header: Any, padding: bytes = b"") -> bytes:
    """A header as compact JSON."""
    return json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass") + padding


def _range(draw: Random, size: int, longest: int = 64) -> tuple[int, int]:
    begin = draw.randrange(size + 1)
    return begin, min(size, begin + draw.randint(1, longest))


def flip_bit(draw: Random, raw: bytes, _: bytes) -> bytes:
    place = draw.randrange(len(raw))
    return raw[:place] + bytes([raw[place] ^ 1 << draw.randrange(8)]) + raw[place + 1 :]


def set_byte(draw: Random, raw: bytes, _: bytes) -> bytes:
    place = draw.randrange(len(raw))
    return (
        raw[:place]
        + bytes([draw.choice([0, 255, 32, 34, 48, 57, 91, 92, 123, 125, draw.randrange(256)])])
        + raw[place + 1 :]
    )


def set_bytes(draw: Random, raw: bytes, _: bytes) -> bytes:
    begin, end = _range(draw, len(raw))
    return raw[:begin] + draw.randbytes(end - begin) + raw[end:]


def zero_bytes(draw: Random, raw: bytes, _: bytes) -> bytes:
    begin, end = _range(draw, len(raw), 4096)
    return raw[:begin] + bytes(end - begin) + raw[end:]


def insert(draw: Random, raw: bytes, _: bytes) -> bytes:
    place = draw.randrange(len(raw) + 1)
    return raw[:place] + draw.choice([draw.randbytes(draw.randint(1, 40)), b" ", b"0", b"{}", b"[", b'"']) + raw[place:]


def delete(draw: Random, raw: bytes, _: bytes) -> bytes:
    begin, end = _range(draw, len(raw))
    return raw[:begin] + raw[end:]


def truncate(draw: Random, raw: bytes, _: bytes) -> bytes:
    return raw[: draw.randrange(len(raw))]


def extend(draw: Random, raw: bytes, other: bytes) -> bytes:
    return raw + draw.choice([b"\0", b" ", draw.randbytes(9), bytes(8), raw, other])


def splice(draw: Random, raw: bytes, other: bytes) -> bytes:
    """The beginning of one file and the end of another, cut anywhere or where header and data meet."""
    if draw.random() < 0.3:
        return joined(parts(raw)[0], parts(other)[1])
    return raw[: draw.randrange(len(raw))] + other[draw.randrange(len(other)) :]


def copy_within(draw: Random, raw: bytes, _: bytes) -> bytes:
    begin, end = _range(draw, len(raw), 200)
    place = draw.randrange(len(raw))
    return raw[:place] + raw[begin:end] + raw[place + (end - begin) * draw.randrange(2) :]


def change_length(draw: Random, raw: bytes, _: bytes) -> bytes:
    true = int.from_bytes(raw[:8], "little")
    near = [true + 1, true - 1, true + 8, true - 8, true * 2, len(raw), len(raw) - 8, len(raw) - 7]
    length = draw.choice(
        [*near, 0, 1, 2, 2**20, 2**20 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1, draw.getrandbits(64)]
    )
    return max(length, 0).to_bytes(8, "little") + raw[8:]


def swap_tensors(draw: Random, raw: bytes, _: bytes) -> bytes:
    """Two tensors change places: by their names, their ranges, their digests, or what they hold."""
    text, data = parts(raw)
    header = json.loads(text)
    names = [name for name in header if name != "__metadata__"]
    if len(names) < 2:
        return flip_bit(draw, raw, raw)
    one, two = draw.sample(names, 2)
    strings = header["__metadata__"]
    first, second = header[one], header[two]
    how = draw.randrange(4)
    if how == 0:
        header[one], header[two] = second, first
    elif how == 1:
        first["data_offsets"], second["data_offsets"] = second["data_offsets"], first["data_offsets"]
    elif how == 2:
        one, two = f"sha256.{one}", f"sha256.{two}"
        strings[one], strings[two] = strings[two], strings[one]
    else:
        (a, b), (c, d) = sorted([first["data_offsets"], second["data_offsets"]])
        data = data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
    return joined(dump(header, b" " * (-len(dump(header)) % 8)), data)


def edit_header(draw: Random, raw: bytes, _: bytes) -> bytes:
    """The header stays valid JSON, but some of it says something else."""
    text, data = parts(raw)
    header = json.loads(text)
    for _change in range(draw.choice([1, 1, 1, 2, 4])):
        header = _edited(draw, header)
    ready = dump(header, b" " * draw.choice([0, -len(dump(header)) % 8, 1]))
    return joined(ready, draw.choice([data, data, data + bytes(8), data[:-1]]))


def edit_tensor(draw: Random, raw: bytes, _: bytes) -> bytes:
    """What the header says of one tensor is changed."""
    text, data = parts(raw)
    header = json.loads(text)
    names = [name for name in header if name != "__metadata__"]
    if not names:
        return flip_bit(draw, raw, raw)
    name = draw.choice(names)
    header[name] = _edited(draw, header[name])
    return joined(dump(header), data)


def _edited(draw: Random, value: Any) -> Any:
    """A JSON value with one change somewhere in it."""
    if isinstance(value, dict) and value and draw.random() < 0.9:
        key = draw.choice(list(value))
        how = draw.randrange(6)
        if how == 0:
            return {other: kept for other, kept in value.items() if other != key}
        if how == 1:
            return {(_edited(draw, other) if other == key else other): kept for other, kept in value.items()}
        if how == 2:
            return value | {draw.choice(["", "new", "__metadata__", "sha256.w", key + "2"]): draw.choice(VALUES)}
        return value | {key: _edited(draw, value[key])}
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        return draw.choice(
            [
                [*value[:place], _edited(draw, value[place]), *value[place + 1 :]],
                value[:place],
                [*value, value[place]],
                value[::-1],
            ]
        )
    if isinstance(value, str):
        place = draw.randrange(len(value) + 1)
        return value[:place] + draw.choice(["", "x", " ", "0", '"', "\\", "\0", "가", "\ud800"]) + value[place + 1 :]
    if type(value) is int and draw.random() < 0.5:
        return value + draw.choice([-8, -1, 1, 8, value])
    return draw.choice(VALUES)


def respell_header(draw: Random, raw: bytes, _: bytes) -> bytes:
    """The header says the same in other bytes: spaces, escapes, the order of keys, a key twice, other padding."""
    text, data = parts(raw)
    header = json.loads(text)
    spelled = [
        json.dumps(header).encode(),
        json.dumps(header, indent=draw.choice([1, "\t"])).encode(),
        dump(dict(reversed(header.items()))),
        dump(header | {"__metadata__": dict(reversed(header["__metadata__"].items()))}),
        text.rstrip()[:-1] + b"," + text.rstrip()[1:],
        text.replace(b'"format"', b'"format":"chainrule.model","format"'),
        text.replace(b'"format"', b'"\\u0066ormat"'),
        text.rstrip() + draw.choice([b"", b"\n", b"\t", b" " * 64, b"\0" * 8]),
        b" " + text,
        b"\xef\xbb\xbf" + text,
        text.upper(),
        text.replace(b"0", b"0.0", 1),
    ]
    return joined(draw.choice(spelled), data)


def hostile_header(draw: Random, raw: bytes, _: bytes) -> bytes:
    """A header meant to exhaust a parser, alone or within a good one."""
    text, data = parts(raw)
    deep = draw.choice([40, 1000, 100_000])
    tensor = b'{"dtype":"F64","shape":[%d,%d],"data_offsets":[0,%d]}'
    bombs = [
        b"[" * deep,
        b'{"a":' * deep,
        b'{"a":' * deep + b"0" + b"}" * deep,
        b"[" + b"[]," * deep + b"0]",
        b"{" + b",".join(b'"%x":{}' % i for i in range(deep)) + b"}",
        b"1" * deep,
        b'{"a":1e999,"b":NaN,"c":-Infinity}',
        b'"' * deep,
        b"\\" * deep,
        b'"' + b"\\u0000" * deep + b'"',
        b'{"w":' + tensor % (2**31, 2**31, 2**65) + b"}",
        b'{"w":' + tensor % (2**62, 0, 0) + b"}",
        draw.randbytes(deep),
    ]
    bomb = draw.choice(bombs)
    if draw.random() < 0.5:
        bomb = text.rstrip()[:-1] + b',"bomb":' + bomb + b"}"
    return joined(bomb, data)


ALTERATIONS: list[Callable[[Random, bytes, bytes], bytes]] = [
    flip_bit,
    set_byte,
    set_bytes,
    zero_bytes,
    insert,
    delete,
    truncate,
    extend,
    splice,
    copy_within,
    change_length,
    swap_tensors,
    edit_header,
    edit_tensor,
    respell_header,
    hostile_header,
]


@dataclass
class Report:
    """What became of the altered files. `wrong`, `crashes` and `greedy` must stay empty."""

    refused: int = 0
    original: int = 0  # loaded, and equal to what was written
    unaltered: int = 0  # has the original's very bytes, since an alteration may put a byte where the same byte stood
    wrong: list[str] = field(default_factory=list)  # loaded, and something else
    crashes: list[str] = field(default_factory=list)  # ended with another error, or a message that is not one sentence
    greedy: list[str] = field(default_factory=list)  # took more memory than the file's size and the slack
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    largest_file: int = 0
    most_memory: int = 0  # beyond the file's size

    @property
    def clean(self) -> bool:
        """Whether nothing happened that must not."""
        return not (self.wrong or self.crashes or self.greedy)

    def __str__(self) -> str:
        bad = f"{len(self.wrong)} wrong, {len(self.crashes)} crashes, {len(self.greedy)} greedy"
        counts = f"{self.refused} refused, {self.original} the original ({self.unaltered} by chance unaltered), {bad}"
        memory = (
            f"at most {self.most_memory / 1e6:.1f} MB beyond the file's size (largest file {self.largest_file} bytes)"
        )
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.kinds.items()))
        reasons = "\n".join(f"  {count:6} {reason}" for reason, count in self.reasons.most_common(20))
        return f"{counts}; {memory}\n{kinds}\n{reasons}"


def equal(one: Model, two: Model) -> bool:
    """Whether two models hold the same names, dtypes, shapes, bytes and metadata."""

    def plain(model: Model) -> Any:
        arrays = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in model[0].items()}
        return arrays, json.dumps(model[1], sort_keys=True)

    return plain(one) == plain(two)


def look(report: Report, what: str, path: Path, original: Model | None) -> None:
    """Read one file and enter into the report what happened. Without an original, anything may load."""
    size = path.stat().st_size
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        found = read_model(path)
    except ModelFileError as error:
        report.refused += 1
        report.reasons[re.sub(r"'[^']*'|[0-9]+", "..", error.expected)[:60]] += 1
        if "\n" in error.sentence or repr(str(path)) not in error.sentence or len(error.sentence) > 1000:
            report.crashes.append(f"{what}: not one clear sentence: {error.sentence!r}")
    except Exception as error:
        report.crashes.append(f"{what}: {type(error).__name__}: {error}")
    else:
        if original is None or equal(found, original):
            report.original += 1
        else:
            report.wrong.append(what)
    memory = tracemalloc.get_traced_memory()[1] - before - size
    report.most_memory, report.largest_file = max(report.most_memory, memory), max(report.largest_file, size)
    if memory > SLACK:
        report.greedy.append(f"{what}: {memory} bytes beyond its {size}")


def fuzz(count: int, seed: int, folder: Path, *, forge: bool = False) -> Report:
    """Alter `count` files and read each; with `forge`, headers are altered and given the digest that fits.

    A forged file may load, since it may be as good as any; it must not crash or take memory.
    """
    draw, report = Random(seed), Report()
    models, files = originals(), []
    for number, model in enumerate(models):
        write_model(folder / f"original-{number}.safetensors", *model)
        files.append((folder / f"original-{number}.safetensors").read_bytes())
    altered = folder / "altered.safetensors"
    tracemalloc.start()
    try:
        for number in range(count):
            which = draw.randrange(len(files))
            alter = draw.choice([edit_header, edit_tensor, swap_tensors] if forge else ALTERATIONS)
            raw = alter(draw, files[which], draw.choice(files))
            if forge:
                raw = _forged(raw)
            altered.write_bytes(raw)
            report.unaltered += raw == files[which]
            report.kinds[alter.__name__] += 1
            look(
                report,
                f"{number} ({alter.__name__} of {which}, seed {seed})",
                altered,
                None if forge else models[which],
            )
    finally:
        tracemalloc.stop()
    return report


def _forged(raw: bytes) -> bytes:
    """The file with the digest of its header set right, where the header still has one."""
    header, data = parts(raw)
    try:
        return signed(header, data)
    except (KeyError, TypeError, AttributeError, ValueError):
        return raw


def highest_memory() -> int | None:
    """The most bytes that this process has had in memory, or None where the system does not say.

    Linux's `getrusage` would also count what the parent had when it started us, so the process's own status is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Fuzz and print the report as JSON, with the rise of the process's highest memory from a first small round."""
    count, seed, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    folder.mkdir(parents=True, exist_ok=True)
    fuzz(50, seed + 1, folder)
    before = highest_memory()
    report = fuzz(count, seed, folder)
    after = highest_memory()
    rise = None if before is None or after is None else after - before
    print(json.dumps(vars(report) | {"rise": rise, "text": str(report)}))


if __name__ == "__main__":
    main()
