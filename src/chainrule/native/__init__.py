"""Machine code: the host, LLVM IR to functions in this process, and the cache of compiled objects.

The only package that imports llvmlite, and only at the first use: importing this package is cheap.
"""

from chainrule.native.cache import ObjectCache, default_cache
from chainrule.native.engine import Compiled, assembly, compile_ir, counts, optimized_ir
from chainrule.native.host import Machine, fingerprint, host_machine, thread_count, vector_bytes

__all__ = [
    "Compiled",
    "Machine",
    "ObjectCache",
    "assembly",
    "compile_ir",
    "counts",
    "default_cache",
    "fingerprint",
    "host_machine",
    "optimized_ir",
    "thread_count",
    "vector_bytes",
]
