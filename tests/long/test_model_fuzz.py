"""20,000 randomly altered model files: every one that loads is the original, none crashes, and memory stays bounded.

`CHAINRULE_MODEL_FUZZ` sets another number of files, `CHAINRULE_MODEL_FUZZ_SEED` other files.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import chainrule
from chainrule.errors import ModelFileError
from chainrule.train import model_file, safetensors_header
from chainrule.train.model_file import read_model, write_model

HELPERS = Path(__file__).parents[1] / "train"
sys.path.append(str(HELPERS))
model_fuzz = importlib.import_module("model_fuzz")

COUNT = int(os.environ.get("CHAINRULE_MODEL_FUZZ", "20000"))
SEED = int(os.environ.get("CHAINRULE_MODEL_FUZZ_SEED", "20000"))
SOURCE = os.pathsep.join(str(Path(folder).parent) for folder in chainrule.__path__)
ENVIRONMENT = os.environ | {"PYTHONPATH": SOURCE}


def test_altered_files_are_refused_or_the_original(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own, so that the system's count of its memory is the fuzzer's alone."""
    program = [sys.executable, str(HELPERS / "model_fuzz.py"), str(COUNT), str(SEED), str(tmp_path)]
    began = time.monotonic()
    done = subprocess.run(program, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    with capsys.disabled():
        rise = "" if report["rise"] is None else f"; the process's highest memory rose by {report['rise'] / 1e6:.1f} MB"
        print(f"\n{COUNT} altered files in {time.monotonic() - began:.0f} s: {report['text']}{rise}")
    assert not report["wrong"]
    assert not report["crashes"]
    assert not report["greedy"]
    assert report["refused"] + report["original"] == COUNT == sum(report["kinds"].values())
    assert report["refused"] > COUNT * 0.9
    assert report["original"] == report["unaltered"]  # stronger than asked: no other bytes load at all
    if report["rise"] is not None:
        assert report["rise"] < report["largest_file"] + model_fuzz.SLACK


def test_forged_files_neither_crash_nor_take_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Headers altered and signed anew reach the checks behind the digest."""
    report = model_fuzz.fuzz(COUNT // 4, SEED, tmp_path, forge=True)
    with capsys.disabled():
        print(f"\n{COUNT // 4} forged files, where 'the original' means any that loads: {report}")
    assert report.clean, report


def test_without_checksums_an_altered_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (model_file, safetensors_header):
        monkeypatch.setattr(module, "check_digest", lambda *_, **__: None)
    report = model_fuzz.fuzz(max(COUNT // 20, 300), SEED, tmp_path)
    assert report.wrong
    assert not report.crashes


def test_every_byte_of_a_tiny_file_with_every_value(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    write_model(path, {"w": np.array([1.5, -2.0], "f4")}, {"target": "mpg"})
    raw = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for place, byte in enumerate(raw):
            for other in range(256):
                file.seek(place)
                file.write(bytes([other]))
                if other != byte:
                    with pytest.raises(ModelFileError):
                        read_model(path)
            file.seek(place)
            file.write(bytes([byte]))
    assert read_model(path)[1] == {"target": "mpg"}


WRITER = """
import sys, numpy, itertools
from chainrule.train.model_file import write_model
for number in itertools.count():
    write_model(sys.argv[1], {"x": numpy.full(50_000, number % 7.0)}, {"number": number % 7})
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    for turn in range(12):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], env=ENVIRONMENT)
        try:
            deadline = time.monotonic() + 60
            while not path.exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(0.2 + 0.013 * turn)
        finally:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        tensors, metadata = read_model(path)
        assert np.all(tensors["x"] == metadata["number"])
