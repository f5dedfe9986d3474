"""The plan of an entry: what it expects of its arguments and does with them, as words that compiled code reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

WORD_BYTES = 8
# The words at the head of a plan. Those of the inputs follow, then the places of the outputs in the table.
INPUTS, OUTPUTS, FUNCTION, STATE, FLAGS, STATE_BYTES, HOLDS, YES, NO, HEAD = range(10)
# The words of one input: its type, its descriptor (0 for a number that is an object by itself), its number of axes (the
# offset of the number in the object) and the lengths of the axes.
TYPE, DESCRIPTOR, AXES, LENGTHS = range(4)
READABLE = 0x0001 | 0x0100  # NPY_ARRAY_C_CONTIGUOUS, NPY_ARRAY_ALIGNED


class Layout(NamedTuple):
    """Where the fields of an array stand: offsets in bytes from the object's address."""

    type: int
    data: int
    axes: int
    lengths: int
    descriptor: int
    flags: int


def header_bytes() -> int:
    """The bytes of the header of an object."""
    return object.__basicsize__


class Plan:
    """What an entry expects and does: the words that the compiled function reads.

    Args:
        inputs: for each input its type and, of an array, its shape and dtype.
        outputs: for each array that takes a result the number of its word in the table of the run.
        function: the address of the function that is run; 0 to fill the table only.
        state: of the state that is cleared before a run the offset, from the table on; in it the offset of the flags,
            which are zero after a run that counts; and its bytes.
        holds: the word of the table with the address of a truth value without which the run does not count; -1 if none.
    """

    def __init__(
        self,
        inputs: Sequence[tuple[type, tuple[int, ...], np.dtype]],
        outputs: Sequence[int],
        function: int,
        state: tuple[int, int, int],
        holds: int = -1,
    ) -> None:
        # Arrays have NumPy's own object for their dtype, which others only equal. All must live as long as the words,
        # which are their addresses.
        self.inputs = [(kind, shape, np.dtype(dtype.type)) for kind, shape, dtype in inputs]
        words = [len(inputs), len(outputs), function, *state, holds, id(True), id(False)]
        for kind, shape, dtype in self.inputs:
            words += [id(kind), id(dtype), len(shape), *shape] if kind is np.ndarray else [id(kind), 0, header_bytes()]
        self.words = np.array([*words, *outputs], np.int64)
