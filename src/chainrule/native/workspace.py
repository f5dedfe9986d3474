"""The memory of compiled runs: arrays for results, and the block that one run at a time works in.

All of it is asked for before anything is computed; where the machine does not give it, an error says how much it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from chainrule.errors import AllocationError
from chainrule.native.state import BARRIER_BYTES, STATE_BYTES

ALIGNMENT, ALIGN_FROM = 64, 1024
"""Results of so many bytes begin with a cache line, so that no vector crosses two."""
_WORD = 8


class Workspace:
    """A table of addresses, and after it the state, the arena, and what each thread works in.

    `memory` begins with the table, whose first words are the caller's to fill. `state` is to be zero before a run.
    """

    def __init__(self, callers: int, constants: Sequence[np.ndarray], callback: int, arena: int, scratch: int) -> None:
        words = callers + len(constants) + 4
        self.constants = constants  # the table holds their addresses
        self.state_at = rounded(words * _WORD)
        sizes = self.state_at, rounded(STATE_BYTES), rounded(arena), scratch
        self.memory = allocate("a run to work in", (sum(sizes),), np.dtype(np.uint8), BARRIER_BYTES)
        self.table = self.memory[: words * _WORD].view(np.int64)
        self.address = self.memory.ctypes.data
        state, arena_at, scratch_at = (self.address + sum(sizes[:k]) for k in (1, 2, 3))
        self.table[callers:] = [*(array.ctypes.data for array in constants), state, arena_at, callback, scratch_at]
        self.state = self.memory[self.state_at :][:STATE_BYTES]
        self.state_address = state
        self.scratch = scratch


def rounded(count: int) -> int:
    """A number of bytes, up to the next that barriers and vectors may begin at."""
    return -(-count // BARRIER_BYTES) * BARRIER_BYTES


def allocate(what: str, shape: tuple[int, ...], dtype: np.dtype, alignment: int = ALIGNMENT) -> np.ndarray:
    """A new array, whose numbers are anything; a large one is aligned.

    Raises:
        AllocationError: the machine does not give as much.
    """
    size = math.prod(shape) * dtype.itemsize
    try:
        if size < ALIGN_FROM and alignment == ALIGNMENT:
            return np.empty(shape, dtype)
        array = np.empty(shape, dtype)
        if not array.ctypes.data % alignment:
            return array
        memory = np.empty(size + alignment, np.uint8)
    except (MemoryError, ValueError, OverflowError):  # the last two: of more bytes than can be addressed
        raise AllocationError(
            "run",
            expected=f"memory for {what}",
            got=f"none for {size:,} bytes",
            remedy="Call the function on parts of the data, or in float32, or with less to keep: chainrule.checkpoint.",
        ) from None
    start = -memory.ctypes.data % alignment
    return memory[start : start + size].view(dtype).reshape(shape)


def allocate_result(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A new array for a result."""
    return allocate("a result", shape, dtype)
