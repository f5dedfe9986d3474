"""The data of a run and its schedule: which rows, in which batches, for how many steps."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import ArgumentError, DtypeError, ShapeError
from chainrule.train.data import as_arrays, rows_held_back, schedule, validation_arrays


def test_arrays_from_what_users_have():
    assert [a.shape for a in as_arrays((np.ones((3, 2)), [1, 2, 3]))] == [(3, 2), (3,)]
    assert [a.shape for a in as_arrays(np.ones((3, 2)))] == [(3, 2)]


@pytest.mark.parametrize("data", [(), (np.ones(3), np.ones(4)), (np.ones(3), 1.0), 3.0, np.ones((0, 2))])
def test_arrays_of_unequal_length_are_refused(data):
    with pytest.raises(ShapeError, match="first axis"):
        as_arrays(data)


@pytest.mark.parametrize("data", [np.ones(3, complex), ["a", "b"], np.ma.array([1.0, 2.0]), {"a": 1}])
def test_what_is_no_array_of_numbers_is_refused(data):
    with pytest.raises(DtypeError):
        as_arrays((data,))


@pytest.mark.parametrize(("rows", "batch"), [(1, 1), (10, 3), (10, 5), (10, 10), (10, 99), (7, 6)])
def test_every_row_is_in_one_batch_of_an_epoch(rows, batch):
    plan = schedule(rows, batch, epochs=2, steps=None)
    sizes = plan.sizes(0, plan.per_epoch)
    assert sizes.sum() == rows
    assert sizes.max() == plan.batch == min(rows, batch)
    assert (sizes[-1], plan.total) == (plan.last, 2 * plan.per_epoch)
    np.testing.assert_array_equal(plan.sizes(1, plan.per_epoch), np.roll(sizes, -1))
    assert plan.whole == (batch >= rows)


def test_all_rows_in_a_step_by_default():
    plan = schedule(5, None, None, steps=np.int64(7))
    assert (plan.batch, plan.total, plan.whole) == (5, 7, True)


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"epochs": True}, {"steps": 1.5}, {"batch_size": -1, "steps": 1}])
def test_numbers_that_count_nothing(setting):
    with pytest.raises(ArgumentError, match="an integer of at least 1"):
        schedule(5, setting.get("batch_size"), setting.get("epochs"), setting.get("steps"))


@pytest.mark.parametrize("both", [(None, None), (1, 1)])
def test_either_epochs_or_steps(both):
    with pytest.raises(ArgumentError, match="either"):
        schedule(5, None, *both)


@pytest.mark.parametrize("fraction", [0.2, np.float32(0.2), np.float64(0.2)])
def test_a_fraction_is_held_back(fraction):
    assert validation_arrays((np.arange(10),), fraction) is None
    kept, held = rows_held_back(10, fraction, 0)
    assert (len(kept), len(held)) == (8, 2)
    np.testing.assert_array_equal(np.sort([*kept, *held]), np.arange(10))


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 0.01, 0.99, True, False, np.nan, 2])
def test_fractions_that_leave_a_side_empty(fraction):
    with pytest.raises(ArgumentError, match="at least one of 10 rows"):
        rows_held_back(10, fraction, 0)


def test_validation_data_of_ones_own():
    data = (np.ones((4, 2)), np.ones(4))
    assert validation_arrays(data, None) is None
    held = validation_arrays(data, (np.zeros((1, 2)), np.zeros(1)))
    assert held is not None
    assert held[0].shape == (1, 2)
    for other in ((np.zeros((1, 3)), np.zeros(1)), (np.zeros((1, 2)),)):
        with pytest.raises(ShapeError, match="validation arrays like the data"):
            validation_arrays(data, other)
