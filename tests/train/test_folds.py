"""The rows of folds."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.train.folds import rows_of_folds


def test_rows_alone_and_pairs():
    rows, held = rows_of_folds([np.array([0, 2], np.uint8), [1, 1]], 3, None)
    np.testing.assert_array_equal(rows, [[0, 2], [1, 1]])
    assert (rows.dtype, held) == (np.int64, None)
    rows, held = rows_of_folds([([0], [1, 2]), (np.array([1]), range(2))], 3, None)
    np.testing.assert_array_equal(held, [[1, 2], [0, 1]])


@pytest.mark.parametrize(
    ("folds", "validation", "words"),
    [
        ([[0], [3]], None, r"from 0 to 2; got \[3\] in fold 1"),
        ([[-1]], None, "in fold 0"),
        ([[]], None, "in fold 0"),
        ([[0.5]], None, "in fold 0"),
        ([np.array([True, False])], None, "flatnonzero"),
        ([[[0]]], None, "in fold 0"),
        ([[0], [1, 2]], None, "equally many rows; got 1, 2"),
        ([([0], [1]), [0]], None, "got 1 pairs of 2 and validation=None"),
        ([([0], [1])], 0.2, "validation=given"),
    ],
)
def test_folds_that_are_none(folds, validation, words):
    with pytest.raises(ArgumentError, match=words):
        rows_of_folds(folds, 3, validation)
