"""The warning about a function that is traced again and again: when it comes, once, and what it names."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import RetraceWarning
from chainrule.functions.retracing import MOST_TRACES


def warned(function, calls):
    """The warnings of some calls."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        for args, kwargs in calls:
            function(*args, **kwargs)
    return found


def positional(*values):
    return [((value,), {}) for value in values]


def test_the_argument_whose_shape_changes():
    def total(weights, batch):
        return np.sum(weights) * np.sum(batch["x"])

    calls = [((np.ones(2), {"x": np.ones(n), "y": 1.0}), {}) for n in range(2 * MOST_TRACES)]
    (warning,) = warned(cr.jit(total), calls)
    assert warning.category is RetraceWarning
    assert warning.filename == __file__
    text = str(warning.message)
    start = f"total was traced {MOST_TRACES} times. The argument batch['x'] keeps changing: float64[0], float64[1], "
    assert text.startswith(start)


def test_the_argument_whose_dtype_or_text_changes():
    dtypes = [np.float64, np.float32, np.int64, np.int32, np.int16, np.int8, np.uint8, np.uint16, np.uint32, np.bool_]
    (warning,) = warned(cr.jit(lambda x: x * 2), positional(*(np.ones(2, dtype) for dtype in dtypes)))
    assert "The argument x keeps changing: float64[2], float32[2], int64[2], ..." in str(warning.message)
    calls = [((1.0,), {"mode": f"mode {k}"}) for k in range(MOST_TRACES)]
    (warning,) = warned(cr.jit(lambda x, mode: x * 2), calls)
    assert "The argument mode keeps changing: 'mode 0', 'mode 1', 'mode 2', ..." in str(warning.message)


def test_a_loop_of_pythons():
    def count(x):
        while x > 1:
            x = x - 1
        return x

    (warning,) = warned(cr.jit(count), positional(*map(float, range(1, 2 * MOST_TRACES))))
    text = str(warning.message)
    assert "while x > 1:" in text
    assert "chainrule.while_loop" in text


def test_a_number_that_python_takes():
    (warning,) = warned(cr.jit(lambda x: x * float(x)), positional(*map(float, range(MOST_TRACES))))
    assert "A decision of Python's" in str(warning.message)


@pytest.mark.parametrize(
    "calls",
    [
        positional(*(np.ones(n) for n in range(MOST_TRACES - 1))) * 5,
        positional(*([1.0] * n for n in range(2 * MOST_TRACES))),  # containers: a function of many uses
        [((np.ones(n), np.ones(m)), {}) for n in range(4) for m in range(4)],
    ],
)
def test_what_is_not_warned_of(calls):
    assert not warned(cr.jit(lambda *args: cr.tree_map(lambda x: x * 2, args)), calls)


def test_few_decisions_for_many_types_are_not_warned_of():
    function = cr.jit(lambda x, y: x * 2 if y > 0 else x * 3)
    calls = [((np.ones(n), sign), {}) for n in range(5) for sign in (1.0, -1.0)]
    assert not warned(function, calls)


def test_a_decision_after_which_others_are_taken_or_not():
    """Where one trace ends at the place at which another goes on, there is still a line to name."""

    def halve(x):
        while x > 1:
            x = x / 2
        return x

    (warning,) = warned(cr.jit(halve), positional(*(2.0**k for k in range(MOST_TRACES))))
    assert "while x > 1:" in str(warning.message)
