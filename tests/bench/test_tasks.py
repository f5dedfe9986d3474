"""What is trained is what the yardstick says, and the count of operations is right."""

import numpy as np
import pytest
from bench.tasks import TASKS, mnist_whole, square


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_an_epoch_visits_each_row_once_in_equal_batches(task):
    order = task.order(2 * task.per_epoch)
    assert task.rows == task.per_epoch * task.batch
    assert order.shape == (2 * task.per_epoch, task.batch)
    for epoch in np.split(order, 2):
        assert np.array_equal(np.sort(epoch, axis=None), np.arange(task.rows))
    assert not np.array_equal(*np.split(order, 2))


def test_the_data_have_the_shapes_and_dtypes_that_the_name_promises():
    (x, y), lenet = TASKS["lenet"].data, TASKS["lenet"]
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((1280, 1, 28, 28), np.float32, (1280,), np.int32)
    assert set(np.unique(y)) == set(range(10))
    assert [weight.shape for weight, _ in lenet.parameters()] == list(lenet.shapes)
    assert all(array.dtype == np.float32 for pair in lenet.parameters() for array in pair)
    assert mnist_whole().rows == 59904


def test_operations_count_what_a_loop_would_do():
    """Counted by hand: two layers a-b-c on n rows have 2nab + 2nbc forward, as many for weights, 2nbc for inputs."""
    assert TASKS["digits"].operations == 2 * 64 * (2 * (64 * 128 + 128 * 10) + 128 * 10)


def test_operations_of_lenet_count_each_place_of_a_convolution():
    first, second = 28 * 28 * 6 * 25, 10 * 10 * 16 * 6 * 25
    products = first + second + 400 * 120 + 120 * 84 + 84 * 10
    assert TASKS["lenet"].operations == 2 * 128 * (3 * products - first)


def test_descriptions_are_short():
    assert TASKS["small"].description == "1-64-64-1 tanh, 32, Adam"
    assert TASKS["lenet"].description == "LeNet-5 on 28×28 relu, 128, Adam"
    assert square(depth=1000, width=32).description == "1000 layers of 32 relu, 128, gradient descent"


def test_targets_read_as_sentences():
    assert str(TASKS["wide"].target) == "at most 1 × torch"
    assert str(TASKS["small"].target) == "at most 0.5 × the fastest of jax scan, jax ahead"
