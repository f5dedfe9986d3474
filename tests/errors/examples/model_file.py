"""Errors of `train/` about model files: what cannot be stored, and what a damaged or hostile file claims."""

import errno
import hashlib
import json
import os
from pathlib import Path
from unittest import mock

import numpy as np

from chainrule import nn
from chainrule.train import model_file
from chainrule.train.columns import CategoryColumn, NumericColumn
from chainrule.train.model_file import read_model, write_model
from chainrule.train.preprocess import ClassTarget, Preprocessor, QuantityTarget, target_from_json
from chainrule.train.safetensors_header import MOST_TENSORS, Entry, digest_field, parse_header
from chainrule.train.tabular import TableModel

TENSORS, METADATA = {"w": np.array([1.5, -2.0], "f4"), "b": np.array([True])}, {"target": "mpg"}
UNSIGNED = digest_field("0" * 64)


def written(tensors=TENSORS, metadata=METADATA):
    """Write a small model file and return its bytes."""
    write_model("model", tensors, metadata)
    return Path("model").read_bytes()


def read(raw):
    """Read these bytes as a model file."""
    Path("model").write_bytes(raw)
    read_model("model")


def with_header(header):
    """A file of this header, with its length."""
    return len(header).to_bytes(8, "little") + header


def forged(change):
    """The small model file after `change(header, its strings)`, with a digest that fits, as an attacker makes it."""
    raw = written()
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    old = header["__metadata__"]["header_sha256"]
    change(header, header["__metadata__"])
    blank = with_header(json.dumps(header, separators=(",", ":")).encode().replace(digest_field(old), UNSIGNED))
    signed = blank.replace(UNSIGNED, digest_field(hashlib.sha256(blank).hexdigest()))
    read(signed + raw[end:])


def claim(**said):
    """A false claim about the tensor w."""
    forged(lambda header, _: header["w"].update(said))


def string(**said):
    """A false string of the header."""
    forged(lambda _, strings: strings.update(said))


def forged_bool():
    digest = Entry("b", "BOOL", (1,), 8, 9).digest(memoryview(b"\2"))
    try:
        string(**{"sha256.b": digest})
    except model_file.ModelFileError:
        read(Path("model").read_bytes()[:-1] + b"\2")


def shrinking():
    written()

    def shrink(operation, raw):
        os.truncate("model", 250)
        return parse_header(operation, raw)

    with mock.patch.object(model_file, "parse_header", shrink):
        read_model("model")


def with_full_disk():
    with mock.patch.object(os, "fsync", side_effect=OSError(errno.ENOSPC, "No space left on device")):
        written()


def folder_that_cannot_be_flushed():
    with mock.patch.object(os, "fsync", side_effect=[None, OSError(errno.EIO, "Input/output error")]):
        written()


def pipe():
    os.mkfifo("pipe")
    read_model("pipe")


def endless():
    raw = written({"x": np.zeros((0, 2))})
    end = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:end])
    old = header["__metadata__"]["header_sha256"]
    header["x"]["shape"] = [0, 2**62]
    blank = with_header(json.dumps(header, separators=(",", ":")).encode().replace(digest_field(old), UNSIGNED))
    read(blank.replace(UNSIGNED, digest_field(hashlib.sha256(blank).hexdigest())))


NUMBERS = NumericColumn("weight", 3.0, 2.0, 0.5, False)
CLASSES = ClassTarget("species", ("a", "b"))
SEXES = CategoryColumn("sex", False, ("f", "m"), False)


def table_model():
    """A model of a table with the columns weight and sex, and three classes."""
    network = nn.multilayer_perceptron([3, 4, 3])
    return TableModel(Preprocessor((NUMBERS, SEXES), ()), network, ClassTarget("species", ("a", "b", "c")))


def load(**said):
    """Load the model after changes to its metadata."""
    table_model().save("model")
    tensors, metadata = read_model("model")
    write_model("model", tensors, metadata | said)
    TableModel.load("model")


def load_with_other_tensors():
    table_model().save("model")
    tensors, metadata = read_model("model")
    write_model("model", {**tensors, "parameter 0": np.zeros((9, 4), np.float32)}, metadata)
    TableModel.load("model")


def preprocessor(**said):
    """Read a preprocessor with false claims."""
    Preprocessor.from_json(Preprocessor((NUMBERS, SEXES), ()).to_json() | said)


def column(record=NUMBERS, **said):
    """Read a column with false claims."""
    preprocessor(columns=[record.to_json() | said])


def target(record=CLASSES, **said):
    """Read a target with false claims."""
    target_from_json(record.to_json() | said)


MARKED = b'{"__metadata__":{"format":"chainrule.model","version":"1"},"a":'

EXAMPLES = [
    ("tensors that are no dictionary", lambda: written([np.zeros(3)])),
    ("a tensor whose name is a number", lambda: written({1: np.zeros(3)})),
    ("a tensor that is a list", lambda: written({"w": [1.0]})),
    ("a tensor of text", lambda: written({"w": np.array(["a"])})),
    ("a tensor of many axes", lambda: written({"w": np.zeros([1] * 33)})),
    ("metadata with a tuple", lambda: written(metadata={"sizes": (1, 2)})),
    ("metadata with an object", lambda: written(metadata={"sizes": {1}})),
    ("metadata with a lone surrogate", lambda: written(metadata={"x": "\ud800"})),
    ("metadata that are too deep", lambda: written(metadata={"x": json.loads("[" * 40 + "]" * 40)})),
    ("a path that is none", lambda: read_model(3)),
    ("a folder that is not there", lambda: write_model("no/model", TENSORS, METADATA)),
    ("a full disk", with_full_disk),
    ("a folder that cannot be flushed", folder_that_cannot_be_flushed),
    ("a file that is not there", lambda: read_model("model")),
    ("a folder", lambda: read_model(".")),
    ("a pipe", pipe),
    ("an empty file", lambda: read(b"")),
    ("a file of another program", lambda: read(b"\x89PNG\r\n\x1a\n" + bytes(100))),
    ("a file cut off in its header", lambda: read(written()[:50])),
    ("a file cut off in its data", lambda: read(written()[:-3])),
    ("a file that shrinks", shrinking),
    ("a byte altered in the header", lambda: read(written().replace(b'"mpg', b'"mpG').replace(b'\\"mpg', b'\\"mpG'))),
    ("a byte altered in the data", lambda: read(written()[:-1] + b"\0")),
    ("a tensor that NumPy cannot hold", endless),
    ("a truth value that is none", forged_bool),
    ("a safetensors file of another program", lambda: read(with_header(b'{"__metadata__":{"format":"pt"}}'))),
    ("a newer version", lambda: string(version="2")),
    ("a string that is none", lambda: string(more=7)),
    ("a checksum too few", lambda: forged(lambda _, strings: strings.pop("sha256.w"))),
    ("too many tensors", lambda: forged(lambda header, _: header.update({str(k): 0 for k in range(MOST_TENSORS + 1)}))),
    ("a tensor without a shape", lambda: forged(lambda header, _: header["w"].pop("shape"))),
    ("a tensor of another dtype", lambda: claim(dtype="F16")),
    ("a tensor of a negative length", lambda: claim(shape=[-2])),
    ("a tensor with three offsets", lambda: claim(data_offsets=[0, 8, 9])),
    ("a tensor of more elements than bytes", lambda: claim(shape=[3])),
    ("tensors that overlap", lambda: claim(shape=[3], data_offsets=[0, 12])),
    ("tensors with a gap", lambda: claim(data_offsets=[1, 9])),
    ("metadata that are a list", lambda: string(metadata="[]")),
    ("metadata that are no JSON", lambda: string(metadata="{")),
    ("metadata that are longer than a header", lambda: parse_header("read_model('model')", bytes(2**20 + 9))),
    ("a header of invalid UTF-8", lambda: read(with_header(MARKED + b'"\xff"}'))),
    ("a header with an escaped surrogate", lambda: read(with_header(MARKED + b'"\\ud800"}'))),
    ("a header with a key twice", lambda: read(with_header(MARKED + b'1,"a":2}'))),
    ("a header with NaN", lambda: read(with_header(MARKED + b"NaN}"))),
    ("a header that is too deep", lambda: read(with_header(MARKED + b"[" * 40 + b"]" * 40 + b"}"))),
    ("another kind of model", lambda: load(kind="image model")),
    ("a model without a part", lambda: (written(), TableModel.load("model"))),
    ("sizes that are none", lambda: load(sizes=[3])),
    ("sizes of another table", lambda: load(sizes=[5, 4, 3])),
    ("sizes that are no list", lambda: load(sizes="3-4-3")),
    ("tensors of another network", load_with_other_tensors),
    ("an activation that is none", lambda: load(activation="swish")),
    ("an activation that is a list", lambda: load(activation=["relu"])),
    ("a preprocessor of another format", lambda: preprocessor(format=2)),
    ("a preprocessor with a key too many", lambda: preprocessor(more=1)),
    ("columns that are no list", lambda: preprocessor(columns={})),
    ("no columns", lambda: preprocessor(columns=[])),
    ("a column of no kind", lambda: preprocessor(columns=[{"kind": "text"}])),
    ("a note that cannot be printed", lambda: preprocessor(notes=["\x1b[2J"])),
    ("a column whose name is a number", lambda: column(name=1)),
    ("a scale that is negative", lambda: column(scale=-1.0)),
    ("a mean that is text", lambda: column(mean="2")),
    ("a scale that is left out", lambda: column(scale=None)),
    ("a flag that is a number", lambda: column(marks_missing=1)),
    ("categories out of order", lambda: column(SEXES, categories=["m", "f"])),
    ("a truth value as a category", lambda: column(SEXES, boolean=True)),
    ("a task that is none", lambda: target(task="ranking")),
    ("classes of several types", lambda: target(classes=["a", 1])),
    ("a class that is a large integer", lambda: target(classes=[0, 2**64])),
    ("one class", lambda: target(classes=["a"])),
    ("a target with a scale of zero", lambda: target(QuantityTarget("mpg", 20.0, 5.0), scale=0)),
]
