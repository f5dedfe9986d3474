"""The memory of runs: where it begins, what stands in it, and what is said when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import AllocationError
from chainrule.native.state import BARRIER_BYTES, STATE_BYTES
from chainrule.native.workspace import Workspace, allocate, allocate_result


@pytest.mark.parametrize("shape", [(), (3,), (0, 5), (127,), (128,), (1000, 3)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.bool_])
def test_results(shape, dtype):
    for _ in range(5):
        array = allocate_result(shape, np.dtype(dtype))
        assert (array.shape, array.dtype) == (shape, dtype)
        assert array.flags.writeable
        assert array.flags.c_contiguous
        assert array.nbytes < 1024 or array.ctypes.data % 64 == 0


def test_the_parts_of_a_workspace_follow_one_another_and_are_apart():
    constants = [np.arange(3.0), np.array(2)]
    workspace = Workspace(5, constants, 1234, arena=1000, scratch=256)
    first, second, state, arena, callback, scratch = workspace.table[5:]
    assert (first, second, callback) == (*(array.ctypes.data for array in constants), 1234)
    assert workspace.address == workspace.memory.ctypes.data == workspace.table.ctypes.data
    assert state == workspace.address + workspace.state_at == workspace.state_address
    assert [place % BARRIER_BYTES for place in (workspace.address, state, arena, scratch)] == [0, 0, 0, 0]
    assert workspace.address + workspace.table.nbytes <= state
    assert state + STATE_BYTES <= arena
    assert arena + 1000 <= scratch
    assert scratch + 256 <= workspace.address + len(workspace.memory)
    assert np.shares_memory(workspace.state, workspace.memory)


def test_memory_that_is_not_there(monkeypatch):
    with pytest.raises(AllocationError, match="8,000,000,000,000,000,000,000 bytes"):
        allocate_result((10**21,), np.dtype(np.float64))
    real, sizes = np.empty, []

    def once(shape, dtype):
        """An array that is not aligned, and then no more."""
        sizes.append(shape)
        if len(sizes) > 1:
            raise MemoryError
        return real(4104, np.uint8)[1:4097].view(dtype)

    monkeypatch.setattr(np, "empty", once)
    with pytest.raises(AllocationError, match="memory for a thing; got none for 4,096 bytes"):
        allocate("a thing", (512,), np.dtype(np.float64))
