"""The machine: its vectors, its threads, and the fingerprint that keys the cache."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import chainrule
from chainrule.errors import ArgumentError
from chainrule.native import host as module
from chainrule.native.host import (
    Machine,
    cgroup_quota,
    fingerprint,
    host_machine,
    source_stamp,
    thread_count,
    vector_bytes,
)

FULL = "+avx2,+avx512bw,+avx512dq,+avx512f,+avx512vl,+fma"


@pytest.fixture(autouse=True)
def _no_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHAINRULE_VECTOR_BYTES", raising=False)
    monkeypatch.delenv("CHAINRULE_NUM_THREADS", raising=False)


@pytest.mark.parametrize(
    ("features", "width"),
    [
        (FULL, 64),
        (FULL.replace("+avx512vl", "-avx512vl"), 32),  # as on a Xeon Phi
        ("+avx,+avx2,-avx512f", 32),
        ("+avx,-avx2", 16),
        ("+neon,+fp-armv8", 16),
        ("", 16),
    ],
)
def test_the_width_follows_from_the_features(features: str, width: int) -> None:
    assert Machine("triple", "cpu", features).vector_bytes == width


def test_a_feature_is_matched_whole() -> None:
    assert not Machine("triple", "cpu", "+avx2").has("avx")
    assert Machine("triple", "cpu", "+avx,+avx2").has("avx", "avx2")


def test_the_host_is_this_machine() -> None:
    names = {"AMD64": "x86_64", "arm64": "a"}  # macOS says arm64 where others say aarch64
    assert host_machine().triple.startswith(names.get(platform.machine(), platform.machine()))
    assert host_machine().cpu
    assert vector_bytes() == host_machine().vector_bytes


@pytest.mark.parametrize("width", [16, 32, 64])
def test_the_width_can_be_overridden(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", f" {width} ")
    assert vector_bytes() == width


@pytest.mark.parametrize("text", ["0", "8", "-16", "wide", "16.0", "128"])
def test_a_wrong_width_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", text)
    with pytest.raises(ArgumentError, match=f"CHAINRULE_VECTOR_BYTES: expected 16, 32 or 64; got '{text}'"):
        vector_bytes()


# --- Threads ----------------------------------------------------------------------------------------------------------


def test_the_number_of_threads_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", "7")
    assert thread_count() == 7


@pytest.mark.parametrize("text", ["0", "-1", "many", "2.5", "²"])
def test_a_wrong_number_of_threads_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAINRULE_NUM_THREADS", text)
    with pytest.raises(ArgumentError, match="a whole number from 1"):
        thread_count()


@pytest.mark.parametrize(("quota", "count"), [(None, 6), (8.0, 6), (6.0, 6), (2.5, 2), (0.5, 1)])
def test_threads_are_bound_by_affinity_and_quota(
    quota: float | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    monkeypatch.setattr(module, "cgroup_quota", lambda: quota)
    assert thread_count() == count


@pytest.mark.parametrize(("processors", "count"), [(4, 4), (None, 1)])
def test_without_affinity_all_processors_count(
    processors: int | None, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    monkeypatch.setattr(module, "cgroup_quota", lambda: None)
    assert thread_count() == count


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


V1 = "5:devices:/\n4:cpu,cpuacct:/a/b\n1:name=systemd:/\n"
V2 = "0::/a/b\n"
BOUNDS = [
    ({}, None),
    ({"proc/self/cgroup": V2}, None),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/cpu.max": "max 100000\n"}, None),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/cpu.max": "250000 100000\n"}, 2.5),
    # the smallest on the way up, and the mounted top where the way is the host's
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/cpu.max": "4 1", "sys/fs/cgroup/a/cpu.max": "3 1"}, 3.0),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/cpu.max": "2 1"}, 2.0),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/unified/a/cpu.max": "2 1"}, 2.0),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/cpu.max": "nonsense"}, None),
    ({"proc/self/cgroup": V2, "sys/fs/cgroup/a/b/cpu.max": "1 0"}, None),
    ({"proc/self/cgroup": "rubbish"}, None),
    (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
        },
        1.5,
    ),
    (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000",
        },
        3.0,
    ),
    (
        {
            "proc/self/cgroup": V1,
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
        },
        None,
    ),
]


@pytest.mark.parametrize(("files", "quota"), BOUNDS)
def test_the_quota_of_control_groups(files: dict[str, str], quota: float | None, tmp_path: Path) -> None:
    assert cgroup_quota(tree(tmp_path, files)) == quota


def test_llvm_is_asked_once_for_each_start_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask() -> tuple[Machine, str]:
        asked.append(1)
        return Machine("triple", "cpu", "+a,-b"), "(1, 2)"

    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_asked", ask)
    # The first start is told apart from the second; a system that numbers none is asked each time.
    counts = []
    for occasion in ("first", "first", "second", "first", None, None):
        monkeypatch.setattr(module, "_occasion", lambda occasion=occasion: occasion)
        module._facts.cache_clear()
        assert module._facts() == (Machine("triple", "cpu", "+a,-b"), "(1, 2)")
        counts.append(len(asked))
    monkeypatch.setattr(module, "_occasion", lambda: "first")
    for stamp in ("another state of chainrule", "another state of chainrule"):
        monkeypatch.setattr(module, "_STAMP", stamp)
        module._facts.cache_clear()
        module._facts()
        counts.append(len(asked))
    module._facts.cache_clear()
    assert counts == [1, 1, 2, 2, 3, 4, 5, 5]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not number their starts")
def test_an_occasion_names_the_start_of_the_system_and_what_the_processor_has() -> None:
    words = (module._occasion() or "").split()
    assert words[0] == Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    assert len(words) > 4


# --- The fingerprint --------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    # but for the stamp, which other work in the checkout may change during the test
    script = "from chainrule.native import host; host._STAMP = ''; print(host.fingerprint())"
    told = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 64


@pytest.mark.parametrize("what", ["width", "cpu", "version", "source"])
def test_the_fingerprint_changes_with_what_the_code_follows_from(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint()
    if what == "width":
        monkeypatch.setenv("CHAINRULE_VECTOR_BYTES", "16" if host_machine().vector_bytes != 16 else "32")
    elif what == "cpu":
        monkeypatch.setattr(
            module, "host_machine", lambda: Machine(host_machine().triple, "other", host_machine().features)
        )
    elif what == "version":
        monkeypatch.setattr(chainrule, "__version__", "0.0.0")
    else:
        monkeypatch.setattr(module, "_STAMP", "other")
    module._fingerprint.cache_clear()
    assert fingerprint() != before
    monkeypatch.undo()
    module._fingerprint.cache_clear()
    assert fingerprint() == before


def test_the_stamp_sees_every_source_file(tmp_path: Path) -> None:
    tree(tmp_path, {"a.py": "1", "deep/er/b.py": "2"})
    before = source_stamp(tmp_path)
    tree(tmp_path, {"__pycache__/a.py": "", "py.typed": "", "deep/notes.txt": ""})
    assert source_stamp(tmp_path) == before
    file = tmp_path / "deep/er/b.py"
    times = file.stat().st_mtime_ns
    file.write_text("22")
    os.utime(file, ns=(times, times))
    longer = source_stamp(tmp_path)
    os.utime(file, ns=(times, times + 10**9))
    changed = source_stamp(tmp_path)
    assert len({before, longer, changed}) == 3
    os.rename(tmp_path / "deep/er/b.py", tmp_path / "deep/b.py")
    assert source_stamp(tmp_path) not in (before, changed)


def test_the_stamp_of_what_is_no_folder_or_vanishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert source_stamp(tmp_path / "archive.zip" / "chainrule") == ""
    tree(tmp_path, {"a.py": "1", "b.py": "2"})
    whole = source_stamp(tmp_path)
    real = os.scandir

    class Vanished:
        name = "b.py"

        def stat(self) -> None:
            raise FileNotFoundError

    @contextmanager
    def scandir(folder: str) -> Iterator[list[object]]:
        with real(folder) as entries:
            yield [Vanished() if entry.name == "b.py" else entry for entry in entries]

    monkeypatch.setattr(os, "scandir", scandir)
    assert source_stamp(tmp_path) not in ("", whole)
