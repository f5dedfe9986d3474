"""Indexing: errors, guards on masks, and agreement with NumPy on random indices."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from chainrule.errors import ArgumentError, AxisError, ConcreteError, DtypeError, ShapeError
from chainrule.functions.batching import jit, vmap
from chainrule.functions.gradient import grad
from chainrule.graph import constant
from tests.ops.refuse import refused

x = np.arange(3.0)
x23 = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    ("call", "array", "error", "words"),
    [
        (lambda x: x[3], x, AxisError, "index: expected an index from -3 to 2 into axis 0 of shape (3,); got 3"),
        (lambda x: x[0, -4], x23, AxisError, "an index from -3 to 2 into axis 1 of shape (2, 3); got -4"),
        (lambda x: x[:0][0], x, AxisError, "no index into axis 0 of shape (0,); got 0"),
        (lambda x: x[[0, 7, 9]], x, AxisError, "into axis 0 of shape (3,); got 7"),
        (lambda x: x[np.array([[0], [-4]])], x, AxisError, "got -4"),
        (lambda x: x[x.astype(int) + 1], x, AxisError, "an index from -3 to 2 into axis 0 of shape (3,); got 3"),
        (lambda x: x[0, 0], x, AxisError, "at most 1 indices for an array of shape (3,); got 2"),
        (lambda x: x[..., 0, ...], x23, ArgumentError, "at most one '...'; got 2 of them"),
        (lambda x: x[1.0], x, DtypeError, "integers, slices, None, ..., or arrays of integers or booleans; got 1.0"),
        (lambda x: x["a"], x, DtypeError, "got 'a'"),
        (lambda x: x[np.array([0.5])], x, DtypeError, "got float64[1]"),
        (lambda x: x[x], x, DtypeError, "integers or booleans to index axis 0 of shape (3,); got float64[3]"),
        (lambda x: x[::0], x, ArgumentError, "its step not zero, for axis 0 of shape (3,); got slice(None, None, 0)"),
        (lambda x: x[:1.5], x, ArgumentError, "a slice of integers"),
        (
            lambda x: x[[True, False]],
            x,
            AxisError,
            "a mask of shape (3,) for axis 0 and those after it of shape (3,); got (2,)",
        ),
        (lambda x: x[:, np.ones((3, 1), bool)], x23[None], AxisError, "a mask of shape (2, 3) for axis 1"),
        (lambda x: x[[0, 1], [0, 1, 2]], x23, ShapeError, "index: expected shapes that broadcast; got (2,) and (3,)"),
    ],
)
def test_what_does_not_fit_is_refused(call, array, error, words):
    refused(call, array, error=error, words=words)


def test_an_index_out_of_bounds_is_an_index_error():
    with pytest.raises(IndexError):
        jit(lambda x: x[3])(x)


def test_a_mask_is_guarded_by_its_count_alone():
    traces = deque()  # a list would be watched: what a function closes over is part of its trace

    @jit
    def positive(x):
        traces.append(x)
        return x[x > 0] * 2

    for values, count in (([1, -1, 2], 1), ([-1, 1, 2], 1), ([-1, -1, -1], 2), ([1, 2, -5], 2)):
        values = np.array(values, float)
        np.testing.assert_array_equal(positive(values), values[values > 0] * 2)
        assert len(traces) == count


def test_a_guard_may_stand_on_what_a_mask_gave():
    @jit
    def twice(x):
        y = x[x > 0]
        return y[y < 2]

    for values in ([1.0, -1.0, 3.0], [1.0, 1.5, 1.9], [-1.0, -1.0, -1.0], [3.0, 1.0, 3.0]):
        values = np.array(values)
        kept = values[values > 0]
        np.testing.assert_array_equal(twice(values), kept[kept < 2])


def test_a_mask_that_differs_by_example_has_no_count():
    with pytest.raises(ConcreteError, match=r"np\.where\(mask, x, 0\)"):
        vmap(lambda x: x[x > 0])(x23)


def test_a_traced_truth_is_a_mask_without_axes():
    for flag in (True, False):
        found = jit(lambda x, flag: x[flag > 0])(x, np.array(float(flag)))
        np.testing.assert_array_equal(found, x[np.array(flag)])


def test_constants_of_a_graph_are_numbers():
    np.testing.assert_array_equal(jit(lambda x: x[constant(1)])(x), 1.0)
    np.testing.assert_array_equal(jit(lambda x: x[constant([2, 0])])(x), [2.0, 0.0])


def test_nested_lists_are_arrays():
    np.testing.assert_array_equal(jit(lambda x: x[[[0, 1], [2, 0]]])(x), x[[[0, 1], [2, 0]]])
    np.testing.assert_array_equal(jit(lambda x: x[[[]]])(x), x[[[]]])
    np.testing.assert_array_equal(jit(lambda x, i: x[[[i, 1], [2, i]]])(x, 0), x[[[0, 1], [2, 0]]])


def test_repeated_places_add_up_in_the_gradient():
    assert grad(lambda x: np.sum(x[[0, 0, 2]] * np.array([1.0, 10.0, 100.0])))(x).tolist() == [11, 0, 100]


def _random_index(random, shape):
    """An index for an array of this shape, of every form there is."""
    parts, axis, dots = [], 0, False
    common = tuple(random.integers(1, 3, size=random.integers(0, 3)))
    while axis < len(shape) and random.random() < 0.9:
        n = shape[axis]
        form = random.choice(
            ["new", "slice", "integer", "array", "mask", "dots", "truth"], p=[0.1, 0.3, 0.15, 0.2, 0.15, 0.07, 0.03]
        )
        if form == "new":
            parts.append(None)
        elif form == "slice":
            ends = [None if random.random() < 0.4 else int(random.integers(-n - 2, n + 3)) for _ in range(2)]
            parts.append(slice(*ends, random.choice([None, 1, -1, 2, -2])))
            axis += 1
        elif form == "integer":
            parts.append(random.choice([int, np.int64, np.array])(random.integers(-n, n)))
            axis += 1
        elif form == "array":
            own = tuple(1 if random.random() < 0.3 else n for n in common[random.integers(0, len(common) + 1) :])
            parts.append(random.integers(-n, n, size=own).astype(random.choice([np.int64, np.int32])))
            axis += 1
        elif form == "mask" and (covered := shape[axis : axis + random.integers(1, 3)]):
            parts.append(random.random(covered) < 0.5)
            axis += len(covered)
        elif form == "dots" and not dots:
            parts.append(...)
            dots = True
        elif form == "truth":
            parts.append(bool(random.random() < 0.7))
        if dots and random.random() < 0.3:
            break
    return tuple(parts)


def _with_arrays(index, arrays):
    """The index with its arrays replaced in order."""
    supply = iter(arrays)
    return tuple(next(supply) if isinstance(part, np.ndarray) else part for part in index)


@pytest.mark.parametrize("seed", range(300))
def test_any_index_means_what_it_means_to_numpy(seed):
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 4, size=random.integers(0, 5)))
    array = random.normal(size=shape)
    index = _random_index(random, shape)
    arrays = [part for part in index if isinstance(part, np.ndarray)] if seed % 2 else []  # traced, or constants

    def get(x, *arrays):
        return x[_with_arrays(index, arrays)] if arrays else x[index]

    def put(x, value, *arrays):
        x = x.copy()
        x[_with_arrays(index, arrays) if arrays else index] = value
        return x

    try:
        expected = get(array)
    except IndexError:
        with pytest.raises((AxisError, ShapeError)):
            jit(get)(array, *arrays)
        return
    np.testing.assert_array_equal(jit(get)(array, *arrays), expected)
    value = random.normal(size=np.shape(expected) if random.random() < 0.6 else ())
    np.testing.assert_array_equal(jit(put)(array, value, *arrays), put(array, value))
