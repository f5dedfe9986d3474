"""Model files: what is written is read; what is anything else is refused; a failing writer leaves the old file."""

import errno
import json
import os
import random
import socket
import stat
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from chainrule.errors import ArgumentError, ChainruleError, DtypeError, ModelFileError, ShapeError
from chainrule.train import model_file, safetensors_header
from chainrule.train.model_file import read_model, write_model
from chainrule.train.safetensors_header import DTYPES, LONGEST_HEADER, MOST_TENSORS, MOST_VALUES, strict_json

sys.path.append(str(Path(__file__).parent))
import model_fuzz
from model_fuzz import dump, equal, joined, parts, signed

TINY = ({"w": np.array([1.5, -2.0], "f4"), "b": np.array([True])}, {"target": "mpg"})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


@pytest.fixture
def tiny(path: Path) -> bytes:
    """The bytes of a small model file, which also stands at `path`."""
    write_model(path, *TINY)
    return path.read_bytes()


def refusal(path: Path, raw: bytes | None = None) -> ModelFileError:
    """The error with which the file, or these bytes as a file, is refused: one line that names the file."""
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(ModelFileError) as caught:
        read_model(path)
    error = caught.value
    assert repr(str(path)) in error.operation
    assert error.expected
    assert error.got
    assert error.remedy
    assert "\n" not in error.sentence
    return error


def forged(tiny: bytes, data: bytes | None = None, **tensors: Any) -> bytes:
    """The tiny file with other claims about its tensors, and with the header's digest made to fit."""
    text, old = parts(tiny)
    header = json.loads(text)
    for name, said in tensors.items():
        header[name] = header[name] | said
    return signed(dump(header), old if data is None else data)


# What is written is read


@pytest.mark.parametrize("number", range(len(model_fuzz.originals())))
def test_models_of_every_kind_come_back(path: Path, number: int) -> None:
    original = model_fuzz.originals()[number]
    write_model(path, *original)
    assert equal(read_model(path), original)


@given(
    array=hnp.arrays(
        st.sampled_from([dtype.newbyteorder(order) for dtype in DTYPES.values() for order in "<>"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    name=st.text(st.characters(exclude_categories=["Cs"])).filter(lambda name: name != "__metadata__"),
    metadata=st.dictionaries(st.text(), JSON, max_size=4),
)
def test_every_array_and_metadata_come_back(tmp_path_factory, array, name, metadata) -> None:
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    write_model(path, {name: array}, metadata)
    tensors, returned = read_model(path)
    assert returned == metadata
    assert tensors.keys() == {name}
    assert tensors[name].dtype == array.dtype.newbyteorder("=")
    assert tensors[name].dtype.isnative
    np.testing.assert_array_equal(tensors[name], array)
    assert tensors[name].shape == array.shape


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(4, 6)[:, ::2],
        np.arange(24.0).reshape(4, 6).T,
        np.arange(5)[::-1],
        np.broadcast_to(np.float32(2), (3, 4)),
        np.zeros((3, 1), order="F"),
        np.frombuffer(b"x" + np.arange(3.0).tobytes(), dtype="u1")[1:].view("f8"),
        np.array([[1, 2], [3, 4]], ">i4").T,
        np.array(7, ">u2"),
        np.ones([1] * 32, "i1"),
    ],
    ids=["columns", "transposed", "reversed", "broadcast", "fortran", "unaligned", "big-endian", "scalar", "32 axes"],
)
def test_layouts_and_byte_orders_are_not_content(path: Path, array: np.ndarray) -> None:
    write_model(path, {"x": array}, {})
    (found,) = read_model(path)[0].values()
    np.testing.assert_array_equal(found, array)
    assert found.shape == array.shape
    assert found.dtype == array.dtype.newbyteorder("=")


def test_arrays_are_the_callers_own(tiny: bytes, path: Path) -> None:
    for array in read_model(path)[0].values():
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.flags.c_contiguous
        array[...] = 0
    assert equal(read_model(path), TINY)
    assert path.read_bytes() == tiny


def test_bools_with_other_bytes_are_stored_as_true(path: Path) -> None:
    write_model(path, {"many": np.array([0, 1, 2, 255], "u1").view("?"), "one": np.array(2, "u1").view("?")}, {})
    tensors = read_model(path)[0]
    assert tensors["many"].view("u1").tolist() == [0, 1, 1, 1]
    assert tensors["one"].view("u1") == 1


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    tensors = {f"{letter}{number}": np.full(3, number, "f4") for letter in "cab" for number in range(20)}
    metadata: dict[str, Any] = {f"key {number}": {"y": [1.5, None], "x": "가"} for number in range(20)}
    backwards = {key: dict(reversed(value.items())) for key, value in reversed(metadata.items())}
    write_model(tmp_path / "one", tensors, metadata)
    write_model(tmp_path / "two", dict(reversed(tensors.items())), backwards)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_path_may_be_text_or_bytes_and_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_model("model", *TINY)
    assert equal(read_model(os.fsencode("model")), TINY)  # type: ignore[arg-type]


def test_on_a_big_endian_machine_bytes_are_swapped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(path, {"x": np.array([1, 256], "u2")}, {})
    monkeypatch.setattr(sys, "byteorder", "big")
    assert read_model(path)[0]["x"].tolist() == [256, 1]


# The safetensors library


@pytest.mark.parametrize("number", range(len(model_fuzz.originals())))
def test_the_library_opens_our_files(path: Path, number: int) -> None:
    tensors, metadata = model_fuzz.originals()[number]
    write_model(path, tensors, metadata)
    if not tensors:  # the library refuses a file with no data; without a tensor there is nothing to interchange
        return
    found = safetensors.numpy.load_file(path)
    assert equal((found, metadata), (tensors, metadata))
    with safetensors.safe_open(path, framework="np") as file:
        strings = file.metadata()
    assert strings["format"] == "chainrule.model"
    assert json.loads(strings["metadata"]) == metadata


@pytest.mark.parametrize("number", range(len(model_fuzz.originals())))
def test_our_bytes_are_the_librarys_but_for_the_order_of_strings(path: Path, number: int) -> None:
    tensors, metadata = model_fuzz.originals()[number]
    write_model(path, tensors, metadata)
    ours, data = parts(path.read_bytes())
    theirs, their_data = parts(safetensors.numpy.save(tensors, metadata=json.loads(ours)["__metadata__"]))
    assert data == their_data
    assert len(ours) == len(theirs)
    assert sorted(ours) == sorted(theirs)
    assert list(json.loads(ours)) == list(json.loads(theirs))
    assert json.loads(ours) == json.loads(theirs)


def test_a_file_of_another_program_is_not_ours(path: Path) -> None:
    for metadata in (None, {"format": "pt"}, {"version": "1"}):
        error = refusal(path, safetensors.numpy.save({"w": np.zeros(3)}, metadata=metadata))
        assert "'chainrule.model'" in error.expected
        assert "chainrule fit" in error.remedy


@pytest.mark.parametrize(
    "raw",
    [b"PK\x03\x04" + bytes(100), b"\x80\x04\x95" + bytes(100), b"\x93NUMPY\x01\x00v\x00", b"a,b\n1,2\n3,4\n5,6\n"],
    ids=["zip", "pickle", "npy", "csv"],
)
def test_other_formats_are_not_ours(path: Path, raw: bytes) -> None:
    refusal(path, raw)


def test_a_newer_version_says_so(tiny: bytes, path: Path) -> None:
    error = refusal(path, tiny.replace(b'"version":"1"', b'"version":"2"'))
    assert error.got == "'2'"
    assert "Install" in error.remedy


# Accidents


def test_truncated_at_every_length(tiny: bytes, path: Path) -> None:
    for length in range(len(tiny)):
        refusal(path, tiny[:length])
        refusal(path, tiny[:length] + bytes(len(tiny) - length)) if any(tiny[length:]) else None


def test_every_byte_is_under_a_checksum(tiny: bytes, path: Path) -> None:
    draw = random.Random(1)
    for place, byte in enumerate(tiny):
        for other in {byte ^ 1, byte ^ 32, byte ^ draw.randrange(1, 256)}:
            refusal(path, tiny[:place] + bytes([other]) + tiny[place + 1 :])


def test_truncation_and_trailing_bytes_are_told_by_their_sizes(tiny: bytes, path: Path) -> None:
    error = refusal(path, tiny[:-3])
    assert (error.expected, error.got) == (
        f"a file of {len(tiny)} bytes, as its header states",
        f"{len(tiny) - 3} bytes",
    )
    assert refusal(path, tiny + b"\0").got == f"{len(tiny) + 1} bytes"
    assert refusal(path, b"").got == "0"
    assert "bytes of header" in refusal(path, tiny[:50]).expected


def test_altered_data_names_the_tensor(tiny: bytes, path: Path) -> None:
    assert "tensor 'b'" in refusal(path, tiny[:-1] + b"\0").expected


def test_a_file_that_shrinks_while_it_is_read(tiny: bytes, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shrink(operation: str, raw: bytes) -> safetensors_header.Header:
        os.truncate(path, len(tiny) - 4)
        return safetensors_header.parse_header(operation, raw)

    monkeypatch.setattr(model_file, "parse_header", shrink)
    assert "shrinks" in refusal(path).got


def test_short_reads_are_continued(tiny: bytes, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(model_file.FileIO):
        def readinto(self, buffer: Any, /) -> int:
            return super().readinto(memoryview(buffer)[:3])

    def slowly(place: str, *_: object, **__: object) -> Slow:
        return Slow(place)

    monkeypatch.setattr(model_file, "open", slowly, raising=False)
    assert equal(read_model(path), TINY)


def test_some_hundred_altered_files(tmp_path: Path) -> None:
    report = model_fuzz.fuzz(300, 7, tmp_path)
    assert report.clean, report
    assert report.refused > 250
    assert report.original == report.unaltered
    forged = model_fuzz.fuzz(200, 7, tmp_path, forge=True)
    assert forged.clean, forged


def test_the_fuzzer_as_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["model_fuzz.py", "20", "3", str(tmp_path)])
    model_fuzz.main()
    report = json.loads(capsys.readouterr().out)
    assert report["refused"] + report["original"] == 20
    assert report["text"]
    if sys.platform == "linux":
        assert report["rise"] >= 0
        np.ones(100_000_000, "u1")
        assert (model_fuzz.highest_memory() or 0) > 100_000_000


def test_the_fuzzer_finds_a_reader_without_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (model_file, safetensors_header):
        monkeypatch.setattr(module, "check_digest", lambda *_, **__: None)
    assert model_fuzz.fuzz(300, 7, tmp_path).wrong


def test_the_fuzzer_finds_a_reader_that_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(_: str, file: model_file.FileIO, size: int) -> Any:
        header, _data = parts(file.read(size))
        return {}, json.loads(header)["__metadata__"]["format"]

    monkeypatch.setattr(model_file, "_read", careless)
    assert model_fuzz.fuzz(200, 7, tmp_path).crashes


def test_the_fuzzer_finds_a_reader_that_takes_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(operation: str, raw: bytes) -> Any:
        _ = bytearray(70_000_000)
        return safetensors_header.parse_header(operation, raw)

    monkeypatch.setattr(model_file, "parse_header", greedy)
    assert model_fuzz.fuzz(50, 7, tmp_path).greedy


# Hostile headers


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"dtype": "F16"}, "dtype among"),
        ({"dtype": "f4"}, "dtype among"),
        ({"dtype": 4}, "dtype among"),
        ({"dtype": ["F32"]}, "dtype among"),
        ({"shape": [2.0]}, "whole numbers"),
        ({"shape": [True, 2]}, "whole numbers"),
        ({"shape": [-2]}, "whole numbers"),
        ({"shape": [-1, -2]}, "whole numbers"),
        ({"shape": "2"}, "whole numbers"),
        ({"shape": None}, "whole numbers"),
        ({"shape": [[2]]}, "whole numbers"),
        ({"shape": [1] * 33 + [2]}, "at most 32"),
        ({"shape": [3]}, "bytes by its shape"),
        ({"shape": [2**62, 2**62]}, "bytes by its shape"),
        ({"shape": [2**63, 2]}, "whole numbers"),
        ({"shape": [2**61 + 2]}, "bytes by its shape"),
        ({"shape": [2**63 - 1] * 32}, "bytes by its shape"),
        ({"data_offsets": [0]}, "data_offsets that are"),
        ({"data_offsets": [0, 8, 9]}, "data_offsets that are"),
        ({"data_offsets": [0.0, 8.0]}, "data_offsets that are"),
        ({"data_offsets": [-8, 0]}, "data_offsets that are"),
        ({"data_offsets": [8, 0]}, "bytes by its shape"),
        ({"data_offsets": {"begin": 0}}, "data_offsets that are"),
        ({"more": 1}, "with dtype, shape and data_offsets"),
        ({"data_offsets": [1, 9]}, "follow one another"),
        ({"data_offsets": [2**62, 2**62 + 8]}, "follow one another"),
        ({"shape": [1], "data_offsets": [0, 4]}, "follow one another"),
        ({"shape": [3], "data_offsets": [0, 12]}, "follow one another"),
    ],
)
def test_a_false_claim_about_a_tensor_is_refused_whatever_the_digest(
    tiny: bytes, path: Path, said: dict[str, Any], expected: str
) -> None:
    assert expected in refusal(path, forged(tiny, w=said)).expected


def test_overlaps_and_gaps_are_told_apart(tiny: bytes, path: Path) -> None:
    assert "an overlap" in refusal(path, forged(tiny, b={"data_offsets": [7, 8]})).got
    assert "a gap" in refusal(path, forged(tiny, tiny[-9:] + b"\0", b={"data_offsets": [9, 10]})).got


def test_a_tensor_that_claims_more_than_the_file_has(tiny: bytes, path: Path) -> None:
    size = 2**40
    raw = forged(tiny, w={"shape": [size // 4], "data_offsets": [0, size]}, b={"data_offsets": [size, size + 1]})
    assert f"of {len(raw) + size - 8} bytes" in refusal(path, raw).expected


def test_an_empty_tensor_that_numpy_cannot_hold(path: Path) -> None:
    write_model(path, {"x": np.zeros((0, 2))}, {})
    header, data = parts(path.read_bytes())
    assert "ValueError" in refusal(path, signed(header.replace(b"[0,2]", b"[0,%d]" % 2**62), data)).got


def test_a_forged_bool_is_refused(tiny: bytes, path: Path) -> None:
    header, data = parts(tiny)
    data = data[:-1] + b"\2"
    strings = json.loads(header)["__metadata__"]
    digest = safetensors_header.Entry("b", "BOOL", (1,), 8, 9).digest(memoryview(b"\2"))
    raw = signed(header.replace(strings["sha256.b"].encode(), digest.encode()), data)
    assert "BOOL" in refusal(path, raw).expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda strings: strings.pop("sha256.w"), "one checksum for each"),
        (lambda strings: strings.update({"sha256.x": "0" * 64}), "one checksum for each"),
        (lambda strings: strings.update(more="x"), "one checksum for each"),
        (lambda strings: strings.pop("metadata"), "one checksum for each"),
        (lambda strings: strings.update(metadata="[]"), "a JSON object as metadata"),
        (lambda strings: strings.update(metadata="{"), "the metadata as JSON"),
        (lambda strings: strings.update(metadata='{"a":1,"a":2}'), "the metadata with each key once"),
        (lambda strings: strings.update(metadata='{"a":NaN}'), "the metadata with finite numbers"),
        (lambda strings: strings.update(metadata='{"a":"\\ud800"}'), "the metadata as JSON"),
        (lambda strings: strings.update(metadata='{"a":' + "[" * 50 + "]" * 50 + "}"), "nested at most 32"),
        (lambda strings: strings.update({"sha256.w": "0" * 64}), "over tensor 'w'"),
        (lambda strings: strings.update({"sha256.w": 7}), "a string as __metadata__['sha256.w']"),
        (lambda strings: strings.update(metadata={}), "a string as __metadata__['metadata']"),
    ],
)
def test_false_strings_are_refused_whatever_the_digest(tiny: bytes, path: Path, change: Any, expected: str) -> None:
    text, data = parts(tiny)
    header = json.loads(text)
    change(header["__metadata__"])
    assert expected in refusal(path, signed(dump(header), data)).expected


@pytest.mark.parametrize("digest", ["", "0" * 64, "A" * 64, "0" * 63 + '"', "x" * 1000, None, 7, ["0" * 64]])
def test_a_false_digest_of_the_header(tiny: bytes, path: Path, digest: Any) -> None:
    text, data = parts(tiny)
    header = json.loads(text)
    header["__metadata__"]["header_sha256"] = digest
    refusal(path, joined(dump(header), data))
    del header["__metadata__"]["header_sha256"]
    refusal(path, joined(dump(header), data))


def test_too_many_tensors(tiny: bytes, path: Path) -> None:
    header, data = parts(tiny)
    many = json.loads(header) | {f"{number}": 0 for number in range(MOST_TENSORS + 1)}
    assert f"at most {MOST_TENSORS} tensors" in refusal(path, signed(dump(many), data)).expected


MARKED = b'{"__metadata__":{"format":"chainrule.model","version":"1"},"a":'
HOSTILE = {
    "not an object": (b"[1,2]", "marker"),
    "a number": (b"7", "marker"),
    "empty": (b"", "JSON"),
    "strings that are none": (b'{"__metadata__":7}', "marker"),
    "format that is none": (b'{"__metadata__":{"format":["chainrule.model"]}}', "marker"),
    "duplicate keys": (MARKED + b'1,"b":2,"a":3}', "each key once"),
    "duplicate strings": (b'{"__metadata__":{"format":"x","format":"chainrule.model"}}', "each key once"),
    "not a number": (MARKED + b"NaN}", "finite numbers"),
    "infinity": (MARKED + b"-Infinity}", "finite numbers"),
    "a number beyond float64": (MARKED + b"1e999}", "finite numbers"),
    "a number with many digits": (MARKED + b"1" * 500_000 + b"}", "finite numbers"),
    "a fraction with many digits": (MARKED + b"0." + b"1" * 500_000 + b"}", "finite numbers"),
    "invalid utf-8": (MARKED + b'"\xff\xfe"}', "UTF-8"),
    "overlong utf-8": (MARKED + b'"\xc0\x80"}', "UTF-8"),
    "utf-8 of a surrogate": (MARKED + b'"\xed\xa0\x80"}', "UTF-8"),
    "a lone surrogate": (MARKED + b'"\\uD800"}', "UTF-8"),
    "utf-16": ('{"a":1}'.encode("utf-16"), "UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + MARKED + b"1}", "JSON"),
    "something after the object": (MARKED + b"1}{}", "JSON"),
    "deep lists": (MARKED + b"[" * 500_000 + b"]" * 500_000 + b"}", "nested"),
    "deep objects": (MARKED + b'{"a":' * 170_000 + b"0" + b"}" * 170_001, "nested"),
    "depth behind strings": (MARKED + b'"\\\\\\"[","\\\\":' + b"[" * 40 + b"]" * 40 + b"}", "nested"),
    "one list too deep": (MARKED + b"[" * 32 + b"]" * 32 + b"}", "nested"),
    "many lists": (MARKED + b"[" + b"[]," * 300_000 + b"0]}", "values"),
    "many objects": (MARKED + b"[" + b'{"":{}},' * 120_000 + b"0]}", "values"),
    "values to the bound": (MARKED + b"[" + b'{"":0},' * 32_000 + b"0]}", "SHA-256"),
    "deep values to the bound": (MARKED + b"[" + (b"[" * 30 + b"]" * 30 + b",") * 2_000 + b"0]}", "SHA-256"),
    "keys to the bound": (
        MARKED + b"{" + b",".join(b'"%s":{}' % chr(0x10000 + i).encode() for i in range(32_000)) + b"}}",
        "SHA-256",
    ),
    "wide text": (MARKED + '"\U0001d11e'.encode() + b"a" * (LONGEST_HEADER - 100) + b'"}', "SHA-256"),
    "only escapes": (MARKED + b'"' + b"\\n" * 520_000 + b'"}', "SHA-256"),
    "only quotes": (b'"' * LONGEST_HEADER, "JSON"),
    "only backslashes": (b"\\" * LONGEST_HEADER, "JSON"),
    "zeros": (bytes(LONGEST_HEADER), "JSON"),
}


@pytest.mark.parametrize(("header", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_is_refused_within_the_memory(path: Path, header: bytes, expected: str) -> None:
    path.write_bytes(joined(header, b""))
    tracemalloc.start()
    try:
        assert expected in refusal(path).expected
        assert tracemalloc.get_traced_memory()[1] < len(header) + model_fuzz.SLACK / 2
    finally:
        tracemalloc.stop()


def test_hostile_metadata_stays_within_the_memory(tiny: bytes, path: Path) -> None:
    """The metadata are parsed while the header, parsed, is still there: the most that a file can ask for."""
    text, data = parts(tiny)
    header = json.loads(text)
    keys = ",".join(f'"{chr(0x10000 + number)}":{{}}' for number in range(32_000))
    header["__metadata__"]["metadata"] = "{" + keys + ',"":"' + "a" * 300_000 + '"}'
    path.write_bytes(signed(dump(header), data))
    tracemalloc.start()
    try:
        assert len(read_model(path)[1]) == 32_001
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size + model_fuzz.SLACK / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [2**20 + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_huge_length_is_refused_before_anything_is_read(tiny: bytes, path: Path, length: int) -> None:
    assert str(length) in refusal(path, length.to_bytes(8, "little") + tiny[8:]).got
    with open(path, "wb") as file:  # a sparse file that has the size
        file.write(length.to_bytes(8, "little"))
        file.truncate(2**32)
    tracemalloc.start()
    try:
        refusal(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_reading_holds_the_data_once(path: Path) -> None:
    write_model(path, {"x": np.zeros((1024, 1024)), "y": np.ones((1024, 1024), "?")}, {})
    tracemalloc.start()
    try:
        read_model(path)
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size + 1_000_000
    finally:
        tracemalloc.stop()


def test_the_most_tensors_come_back(path: Path) -> None:
    tensors = {f"{number}": np.array(number, "u2") for number in range(MOST_TENSORS)}
    write_model(path, tensors, {"longest": 10**399})
    assert equal(read_model(path), (tensors, {"longest": 10**399}))


def test_json_of_ours_keeps_every_plain_value() -> None:
    assert strict_json("load", b"1." + b"5" * 398, "text") == float("1." + "5" * 398)
    text = '{"a":[1,-0.0,1.5e-300,true,null,"\\u0000\\ud7ff[{\\\\\\"","é𝄞"],"b":{}}'
    assert strict_json("load", text.encode(), "text") == json.loads(text)
    structure = json.dumps({"a": "[" * 100 + "," * 100_000, '"': '"{'})
    assert strict_json("load", structure.encode(), "text") == json.loads(structure)


def test_the_bound_on_values_is_exact() -> None:
    assert MOST_VALUES == 65536  # as the documentation of `write_model` says
    most = b"[" + b"1," * (MOST_VALUES - 1) + b"1]"
    assert len(strict_json("load", most, "text")) == MOST_VALUES
    with pytest.raises(ModelFileError, match=f"got {MOST_VALUES + 1} values"):
        strict_json("load", most[:-1] + b",1]", "text")


@pytest.mark.parametrize(
    "raised",
    [MemoryError("no room"), RecursionError("deep"), OverflowError("large"), OSError(5, "worn"), OSError("bare")],
)
def test_what_python_raises_inside_becomes_our_error(
    tiny: bytes, path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(model_file.np, "empty", fail)
    assert refusal(path).got == f"{type(raised).__name__} ({raised.args[-1]})"


# Places that are no files


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert "FileNotFoundError" in refusal(tmp_path / "none").got
    assert refusal(tmp_path).got == "a folder"
    assert "NotADirectoryError" in refusal(Path(__file__) / "model").got
    assert "ValueError" in refusal(tmp_path / "nul\0byte").got


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_pipes_sockets_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket") if len(str(tmp_path)) > 90 else str(tmp_path / "socket"))
    places = {tmp_path / "pipe": "a pipe", tmp_path / "socket": "a socket", Path("/dev/zero"): "a device"}
    found: dict[Path, str] = {}

    def visit() -> None:
        for place in places:
            found[place] = refusal(place).got
            with pytest.raises(ModelFileError, match="regular file"):
                write_model(place, *TINY)

    thread = threading.Thread(target=visit, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()
    assert found == places
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_that_takes_the_files_place_meanwhile(tiny: bytes, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.stat()
    path.unlink()
    os.mkfifo(path)
    monkeypatch.setattr(os, "stat", lambda *_, **__: before)
    with pytest.raises(ModelFileError, match="a pipe"):
        read_model(path)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system does not list open files")
def test_no_file_stays_open(tiny: bytes, path: Path) -> None:
    write_model(path, *TINY)
    read_model(path)
    refusal(path, tiny[:-1])
    handles = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    opened = [os.readlink(handle) for handle in handles if os.path.islink(handle)]
    assert not [place for place in opened if place.startswith(str(path.parent))]


@pytest.mark.parametrize("place", [None, 3, 1.5, ["model"]])
def test_a_path_that_is_none(place: Any) -> None:
    with pytest.raises(ArgumentError, match="a path"):
        read_model(place)
    with pytest.raises(ArgumentError, match="a path"):
        write_model(place, *TINY)


# What cannot be stored


@pytest.mark.parametrize(
    ("tensors", "error", "expected"),
    [
        ({"x": np.zeros(2, "f2")}, DtypeError, "tensor 'x'"),
        ({"x": np.zeros(2, "c8")}, DtypeError, "tensor 'x'"),
        ({"x": np.array([None])}, DtypeError, "tensor 'x'"),
        ({"x": np.array(["text"])}, DtypeError, "tensor 'x'"),
        ({"x": np.zeros(2, "M8[s]")}, DtypeError, "tensor 'x'"),
        ({"x": np.zeros(2, [("a", "f4")])}, DtypeError, "tensor 'x'"),
        ({"x": [1.0, 2.0]}, DtypeError, "tensor 'x'"),
        ({"x": np.float64(1)}, DtypeError, "tensor 'x'"),
        ({"x": np.ma.masked_array([1.0, 2.0], [True, False])}, DtypeError, "tensor 'x'"),
        ({"x": np.ones([1] * 33)}, ShapeError, "at most 32 axes"),
        ({"__metadata__": np.zeros(2)}, ArgumentError, "named by Unicode"),
        ({3: np.zeros(2)}, ArgumentError, "named by Unicode"),
        ({"\ud800": np.zeros(2)}, ArgumentError, "named by Unicode"),
        ([np.zeros(2)], ArgumentError, "a dictionary of arrays"),
        ({f"{number}": np.zeros(1) for number in range(MOST_TENSORS + 1)}, ArgumentError, "at most 4096 tensors"),
    ],
)
def test_tensors_that_cannot_be_stored(
    tmp_path: Path, tensors: Any, error: type[ChainruleError], expected: str
) -> None:
    with pytest.raises(error) as caught:
        write_model(tmp_path / "model", tensors, {})
    assert expected in caught.value.expected
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "metadata",
    [
        {"x": float("nan")},
        {"x": [1, float("-inf")]},
        {"x": (1, 2)},
        {1: "x"},
        {"x": {None: 1}},
        {1: "x", "1": "y"},
        {"a": 1, 2: 3},
        {"x": np.int64(1)},
        {"x": np.zeros(2)},
        {"x": b"bytes"},
        {"x": "\ud800"},
        {"\ud800": "x"},
        {"x": 10**500},
        {"x": [10**4000, 10**5000]},
        {"x": "a" * LONGEST_HEADER},
        {"x": [0] * MOST_VALUES},
        ["x"],
        None,
    ],
)
def test_metadata_that_would_not_come_back(tmp_path: Path, metadata: Any) -> None:
    with pytest.raises(ArgumentError) as caught:
        write_model(tmp_path / "model", {"x": np.zeros(1)}, metadata)
    assert len(caught.value.sentence) < 1000
    assert not list(tmp_path.iterdir())


def test_metadata_that_is_too_deep_or_contains_itself(tmp_path: Path) -> None:
    deep: Any = 0
    for _ in range(40):
        deep = [deep]
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    endless: Any = 0
    for _ in range(100_000):
        endless = [endless]
    for metadata in ({"x": deep}, ring, {"x": endless}):
        with pytest.raises(ArgumentError):
            write_model(tmp_path / "model", {}, metadata)


# A writer that fails


class Broken:
    """A call of the system that fails when it is called for the given time, and works otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException, time: int = 1) -> None:
        self.works, self.error, self.time = getattr(os, name), error, time
        monkeypatch.setattr(os, name, self)

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        self.time -= 1
        if self.time == 0:
            raise self.error
        return self.works(*arguments, **settings)


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(errno.EIO, "worn"), PermissionError(13, "no"), KeyboardInterrupt()])
@pytest.mark.parametrize("exists", [True, False])
def test_a_failing_writer_leaves_what_was_there(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: BaseException, exists: bool
) -> None:
    if exists:
        write_model(path, *TINY)
    before = {found: found.read_bytes() for found in path.parent.iterdir()}
    Broken(monkeypatch, call, error)
    with pytest.raises(ModelFileError if isinstance(error, OSError) else KeyboardInterrupt):
        write_model(path, {"other": np.zeros(100)}, {})
    assert {found: found.read_bytes() for found in path.parent.iterdir()} == before


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on the size of a file")
def test_a_full_disk_leaves_what_was_there(tiny: bytes, path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(ModelFileError, match="File too large"):
            write_model(path, {"x": np.ones(100_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == tiny
    assert list(path.parent.iterdir()) == [path]


def test_a_temporary_file_that_stays_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Broken(monkeypatch, "replace", OSError(errno.EIO, "worn"))
    Broken(monkeypatch, "unlink", OSError(errno.EACCES, "held"))
    with pytest.raises(ModelFileError) as caught:
        write_model(path, *TINY)
    (left,) = path.parent.iterdir()
    cause = caught.value.__context__
    assert cause is not None
    assert any(left.name in note for note in cause.__notes__)


def test_a_folder_that_cannot_be_flushed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        Broken(patch, "fsync", OSError(errno.EIO, "worn"), time=2)
        with pytest.raises(ModelFileError, match="the new file stands"):
            write_model(path, *TINY)
    assert equal(read_model(path), TINY)
    with monkeypatch.context() as patch:
        Broken(patch, "fsync", OSError(errno.EINVAL, "not here"), time=2)
        write_model(path, {}, {})
    assert read_model(path) == ({}, {})


def test_the_file_is_flushed_before_it_is_named_and_the_folder_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, replace = os.fsync, os.replace

    def note_flush(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"file of {os.fstat(handle).st_size}")
        flush(handle)

    def note_replace(source: Any, target: Any) -> None:
        assert Path(source).parent == Path(target).parent
        done.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(os, "replace", note_replace)
    write_model(path, *TINY)
    size = path.stat().st_size
    assert done == [f"file of {size}", "replace", "folder"] if hasattr(os, "O_DIRECTORY") else done[:2]
    if hasattr(os, "O_DIRECTORY"):
        monkeypatch.delattr(os, "O_DIRECTORY")  # as on Windows
        write_model(path, *TINY)
        assert done[3:] == [f"file of {size}", "replace"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "no" / "model", tmp_path / "folder", Path(__file__) / "model", tmp_path / "nul\0byte"):
        with pytest.raises(ModelFileError):
            write_model(place, *TINY)
    assert [found.name for found in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")
def test_permissions_and_links_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "model", tmp_path / "link"
    mask = os.umask(0o022)
    try:
        write_model(path, *TINY)
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        path.chmod(0o600)
        link.symlink_to(path)
        write_model(link, {}, {})
    finally:
        os.umask(mask)
    assert link.is_symlink()
    assert read_model(path) == ({}, {})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_name_as_long_as_can_be(tmp_path: Path) -> None:
    write_model(tmp_path / ("m" * 255), *TINY)
    assert [len(found.name) for found in tmp_path.iterdir()] == [255]
