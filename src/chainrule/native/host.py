"""The machine as the compiler sees it: its processor, the width of its vectors, the threads it lends.

Answers are remembered; the first comes from LLVM, which has to be loaded for it, or from the cache. Two environment
variables override what is found: `CHAINRULE_VECTOR_BYTES` (16, 32 or 64: the width that code is written for) and
`CHAINRULE_NUM_THREADS`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache

from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from chainrule.errors import ArgumentError
from chainrule.native.cache import cache_key, default_cache
from chainrule.record import record

_WIDTHS = (16, 32, 64)
# What code for 64-byte vectors leans on: masks of 8 and 16 bits, 64-bit products, the same at smaller widths. All
# processors of the last years that have 64-byte vectors have all four; what has only the first gets 32 bytes.
_AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")


@record
class Machine:
    """A processor in LLVM's words. `features` is the string that LLVM's target machine takes, sorted.

    >>> Machine("x86_64-unknown-linux-gnu", "haswell", "+avx,+avx2,+fma").vector_bytes
    32
    """

    triple: str
    cpu: str
    features: str

    def has(self, *features: str) -> bool:
        """Whether the processor has every one of these features, by LLVM's names.

        >>> Machine("x86_64-unknown-linux-gnu", "haswell", "+avx2,-avx512f").has("avx512f")
        False
        """
        return {f"+{feature}" for feature in features} <= set(self.features.split(","))

    @property
    def vector_bytes(self) -> int:
        """The width of a vector register for floats: 64 with AVX-512, 32 with AVX2, else 16 (SSE, NEON)."""
        if self.has(*_AVX512):
            return 64
        return 32 if self.has("avx2") else 16


def host_machine() -> Machine:
    """The machine that this process runs on."""
    return _facts()[0]


@lru_cache(maxsize=1)
def _facts() -> tuple[Machine, str]:
    """The machine, and the version of LLVM. It takes 25 ms to load LLVM and ask, so the answer is in the cache, for as
    long as the machine is up."""
    store, occasion = default_cache(), _occasion()
    if store is None or occasion is None:
        return _asked()
    key = cache_key("host", occasion, _STAMP)
    found = store.load(key)
    if found is None:
        machine, version = _asked()
        store.store(key, json.dumps([machine.triple, machine.cpu, machine.features, version]).encode())
        return machine, version
    *words, version = json.loads(found)
    return Machine(*words), version


def _asked() -> tuple[Machine, str]:
    """What LLVM says."""
    import llvmlite.binding as llvm

    machine = Machine(llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    return machine, str(llvm.llvm_version_info)


def _occasion() -> str | None:
    """A text that is another one wherever LLVM might answer otherwise: on another machine, after a start of the system,
    under an emulator that has other instructions (which NumPy has asked the processor for), with another LLVM. None
    where the system does not number its starts; Linux does."""
    import llvmlite  # which by itself loads nothing

    started = _read("/proc/sys/kernel/random/boot_id").strip()
    instructions = getattr(_multiarray_umath, "__cpu_features__", None)  # no promise of NumPy's
    if not started or instructions is None:
        return None
    library = os.stat(os.path.join(os.path.dirname(llvmlite.__file__), "binding"))
    has = sorted(name for name, is_there in instructions.items() if is_there)
    return " ".join([started, llvmlite.__version__, str(library.st_ino), str(library.st_mtime_ns), *has])


def vector_bytes() -> int:
    """The width of the vectors to write code with: the machine's, or what `CHAINRULE_VECTOR_BYTES` says.

    LLVM splits vectors that are wider than the machine's, so any of the widths gives right code everywhere.
    """
    asked = _whole_number("CHAINRULE_VECTOR_BYTES", "16, 32 or 64", lambda number: number in _WIDTHS)
    return host_machine().vector_bytes if asked is None else asked


def thread_count() -> int:
    """How many threads to use: `CHAINRULE_NUM_THREADS`, or as many processors as this process may keep busy.

    That is the processors it is bound to (affinity), and no more than its control group's quota of processor time:
    threads beyond the quota are stopped in turn, and those they are to meet at a barrier wait for them.
    """
    asked = _whole_number("CHAINRULE_NUM_THREADS", "a whole number from 1", lambda number: number >= 1)
    if asked is not None:
        return asked
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota()
    return bound if quota is None else max(1, min(bound, int(quota)))


def cgroup_quota(root: str | os.PathLike[str] = "/") -> float | None:
    """The processors' worth of time that Linux's control groups allow this process, None where there is no bound.

    The quota of a group bounds the groups in it, so the smallest on the way up counts. In a container the way may begin
    with folders that only the host sees; the container's own group is then mounted at the top, where the way ends.

    Sources: Linux, Documentation/admin-guide/cgroup-v2.rst (`cpu.max`) and Documentation/scheduler/sched-bwc.rst.
    """
    quotas = []
    for line in _read(os.path.join(root, "proc/self/cgroup")).splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and "cpu" not in controllers.split(","):
            continue
        mounts = [f"cgroup/{controllers}", "cgroup/cpu"] if controllers else ["cgroup", "cgroup/unified"]
        for mount in mounts:
            steps = path.strip("/").split("/")
            groups = ["/".join(steps[:count]) for count in range(len(steps), -1, -1)]
            quotas += [_group_quota(os.path.join(root, "sys/fs", mount, group)) for group in groups]
    return min((quota for quota in quotas if quota is not None), default=None)


def _group_quota(group: str) -> float | None:
    """The quota of one group, by the files of version 2 or of version 1."""
    words = _read(os.path.join(group, "cpu.max")).split() or [
        _read(os.path.join(group, "cpu.cfs_quota_us")).strip(),
        _read(os.path.join(group, "cpu.cfs_period_us")).strip(),
    ]
    if len(words) != 2 or not all(word.isdecimal() and int(word) for word in words):  # "max", "-1" and missing files
        return None
    return int(words[0]) / int(words[1])


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _whole_number(variable: str, expected: str, allowed: Callable[[int], bool]) -> int | None:
    """The number in an environment variable, None where it is not set."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not text.isdecimal() or not allowed(int(text)):
        raise ArgumentError(
            variable, expected=expected, got=repr(text), remedy="Correct the environment variable, or unset it."
        )
    return int(text)


def fingerprint() -> str:
    """64 hexadecimal digits that change with whatever may change the code compiled from one graph.

    The processor and the vector width, the versions of llvmlite, LLVM and chainrule, and chainrule's own source files:
    an object cached by an older state of a checkout is never run by a newer one.
    """
    return _fingerprint(vector_bytes())


@lru_cache(maxsize=len(_WIDTHS))
def _fingerprint(width: int) -> str:
    import llvmlite

    machine, llvm_version = host_machine(), _facts()[1]
    version = sys.modules["chainrule"].__version__  # not imported: nothing imports the front door, yet it is there
    parts = [machine.triple, machine.cpu, machine.features, str(width), llvmlite.__version__]
    parts += [llvm_version, version, _STAMP]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def source_stamp(folder: str | os.PathLike[str]) -> str:
    """A digest of the names, sizes and times of change of the source files under a folder, empty if there is no folder
    (but an archive)."""
    try:
        return hashlib.sha256("\n".join(sorted(_sources(os.fspath(folder), ""))).encode()).hexdigest()
    except OSError:
        return ""


def _sources(folder: str, inside: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                with suppress(FileNotFoundError):  # an editor just put another in its place
                    status = entry.stat()
                    yield f"{inside}{entry.name} {status.st_size} {status.st_mtime_ns}"
            elif "." not in entry.name and entry.name != "__pycache__" and entry.is_dir():
                yield from _sources(entry.path, f"{inside}{entry.name}/")


# Taken when the source is read, and not when the first object is: it may be edited in between. With it, no state of
# chainrule reads what another one wrote in other words.
_STAMP = source_stamp(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
