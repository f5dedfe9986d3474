"""Every NumPy and SciPy function that reaches a traced value: value, derivatives and batching, case by case."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.errors import DtypeError
from chainrule.functions.batching import jit, vmap
from chainrule.functions.check import check_grads
from chainrule.pytree import flatten
from tests.cases import all_cases


def is_floating(case):
    """Whether any array of the case is floating, so that other dtypes can take its place."""
    return any(array.dtype.kind == "f" for array in case.arrays)


def by_floats(case, arrays, call):
    """The call as a function of its floating arrays alone, and those arrays: the rest is fixed."""
    moving = [k for k, array in enumerate(arrays) if array.dtype.kind == "f"]

    def function(*given):
        every = list(arrays)
        for k, value in zip(moving, given, strict=True):
            every[k] = value
        return call(*every)

    return function, tuple(arrays[k] for k in moving)


CASES = all_cases()
SMOOTH = [case for case in CASES if case.differentiable]
BATCHABLE = [case for case in CASES if case.batchable]
TYPED = [
    (case, dtype)
    for case in CASES
    for dtype in (np.float64, np.float32, np.int64)
    if dtype is np.float64 or is_floating(case)
]


def test_case_names_are_distinct():
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})


def same(found, expected, tolerance):
    """Equal structures, dtypes, shapes and values."""
    for one, other in zip(flatten(found)[0], flatten(expected)[0], strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("case", "dtype"), TYPED, ids=[f"{case.id}-{dtype.__name__}" for case, dtype in TYPED])
def test_value(case, dtype):
    arrays = [array.astype(dtype) if array.dtype.kind == "f" else array for array in case.arrays]
    with np.errstate(all="ignore"):
        try:
            expected = case.call(*arrays)
        except (TypeError, ValueError, ZeroDivisionError, np.linalg.LinAlgError):
            assert dtype is np.int64, "NumPy itself refuses this case"
            return
        if any(
            np.asarray(leaf).dtype
            not in (*map(np.dtype, ("bool", "f4", "f8", "i8", "i4", "u8", "i2", "i1", "u1", "u2", "u4")),)
            for leaf in flatten(expected)[0]
        ):
            with pytest.raises(DtypeError):
                jit(case.call)(*arrays)
            return
        same(jit(case.call)(*arrays), expected, 1e-5 if dtype is np.float32 else 1e-12)


@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case.id)
def test_derivatives_to_second_order(case):
    check_grads(*by_floats(case, case.arrays, case.call), order=2)


@pytest.mark.parametrize("case", BATCHABLE, ids=lambda case: case.id)
def test_vmap(case):
    stacks = [
        np.stack([array, array[::-1] if array.ndim and case.differentiable and case.reversible else array])
        for array in case.arrays
    ]
    many = vmap(case.call)(*stacks)
    for row in range(2):
        single = case.call(*(stack[row] for stack in stacks))
        for one, other in zip(flatten(many)[0], flatten(single)[0], strict=True):
            np.testing.assert_allclose(one[row], other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", [case for case in BATCHABLE if case.differentiable], ids=lambda case: case.id)
def test_derivatives_under_vmap(case):
    stacks = [np.stack([array, array]) for array in case.arrays]
    check_grads(*by_floats(case, stacks, vmap(case.call)), order=2)
