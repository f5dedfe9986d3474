"""chainrule's side of the comparison, against a network written out in NumPy. The peers are checked by each run."""

import numpy as np
import pytest
from bench.systems import CHAINRULE, make_system
from bench.tasks import LENET_PADDING, RELU, TASKS

from chainrule.train.slices import STRETCH


def reference(task, params, x, y):
    """The loss of a batch, in float64."""
    x, paddings = x.astype(np.float64), iter(LENET_PADDING)
    for number, (weight, bias) in enumerate(params):
        if weight.ndim == 4:
            around = next(paddings)
            x = np.pad(x, ((0, 0), (0, 0), (around, around), (around, around)))
            windows = np.lib.stride_tricks.sliding_window_view(x, weight.shape[2:], axis=(2, 3))
            x = np.einsum("ncijkl,ockl->noij", windows, weight, optimize=True) + bias[:, None, None]
            n, c, h, w = x.shape
            x = np.maximum(x, 0).reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))
        else:
            x = x.reshape(len(x), -1) @ weight + bias
            if number < len(params) - 1:
                x = np.maximum(x, 0) if task.activation == RELU else np.tanh(x)
    if not task.classes:
        return np.mean((x - y) ** 2) / 2
    scores = x - np.log(np.exp(x).sum(axis=1, keepdims=True))
    return -scores[np.arange(len(y)), y].mean()


@pytest.mark.parametrize("name", ["tiny", "small", "digits", "table", "lenet"])
def test_the_first_loss_is_that_of_the_rows_that_the_run_says_it_took(name):
    task = TASKS[name]
    order, losses = make_system(CHAINRULE, task).first(2)
    x, y = (array[order[0]] for array in task.data)
    assert losses[0] == pytest.approx(reference(task, task.parameters(), x, y), rel=1e-5)
    assert len(losses) == 2
    assert losses[0] != losses[1]


def test_other_rows_are_not_taken_for_those_of_the_run():
    """The planted fault: an order that is not the run's."""
    task = TASKS["tiny"]
    system = make_system(CHAINRULE, task)
    order, losses = system.first(3)
    assert np.array_equal(system.losses(order), losses)
    with pytest.raises(ValueError, match="order that it chose"):
        system.losses(order[::-1])


@pytest.mark.parametrize("name", ["tiny", "small", "mnist", "lenet", "wide"])
def test_whole_epochs_are_measured_and_no_trace(name):
    """A longer run may be traced otherwise than a short one, which takes longer; two that are compared never are."""
    system = make_system(CHAINRULE, TASKS[name])
    epoch = TASKS[name].per_epoch
    system._seconds = lambda steps: steps * 1e-3 + (0.03 if steps <= STRETCH else 0.04)
    for steps in (1, 2, 100, 200, 256, 257, 1000, 5000):
        count, seconds = system.measure(steps)
        assert count == max(1, round(steps / epoch)) * epoch
        assert seconds == pytest.approx(count * 1e-3)
