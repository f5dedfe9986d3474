"""How errors pass through sums of products: in any order, of any number of terms.

For a sum of n terms computed in any order, |found - true| <= n u (|x_1| + ... + |x_n|) to first order (Higham, section
4.2); for sums of products the terms are the products (section 3.1). So the operation itself, run on absolute values,
gives the bound on what it rounds, and, being linear, what it makes of its operands' errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tests.fuzz.bounded import Bounded, bounded, eps, limit, tiny, whole

Function = Callable[..., Any]


def _finite(value: np.ndarray) -> np.ndarray:
    return np.abs(np.where(np.isfinite(value), value, 0).astype(float))


def sums(function: Function, operands: Sequence[Bounded], terms: int) -> Bounded:
    """An operation that adds products up, linear in each operand; each element has at most so many terms."""
    values = [one.value for one in operands]
    result = np.asarray(function(*values))
    opened = _opened(function, operands)
    if result.dtype.kind != "f":
        return bounded(result, np.where(opened, np.inf, 0.0))
    sizes = [_finite(value) for value in values]
    magnitude = np.asarray(function(*sizes), float)
    error = np.zeros(result.shape)
    if all(one.exact for one in operands) and whole(*(value[np.isfinite(value)] for value in values)):
        error = np.where(magnitude <= limit(result.dtype), 0.0, (terms + 2) * eps(result.dtype) * magnitude)
    else:
        room = [np.where(np.isfinite(one.error), one.error, 0) for one in operands]
        upper = np.asarray(function(*(size + more for size, more in zip(sizes, room, strict=True))), float)
        # The difference of the two would lose what is small against them, so each operand's share is taken by itself.
        error = (terms + 2) * (eps(result.dtype) * upper + tiny(result.dtype))
        for k, more in enumerate(room):
            others = [size + extra for size, extra in zip(sizes, room, strict=True)]
            others[k] = more
            error = error + np.asarray(function(*others), float)
    most = float(np.finfo(result.dtype).max)
    error = np.where((magnitude + error > most / 4) & (terms > 1) | opened, np.inf, error)
    return bounded(
        result, np.where((result == 0) & (magnitude == 0) & (terms > 0), np.maximum(error, tiny(result.dtype)), error)
    )


def _opened(function: Function, operands: Sequence[Bounded]) -> np.ndarray:
    """Which results have a term that cannot be compared."""
    ones = [np.ones(one.value.shape) for one in operands]
    opened = np.asarray(False)
    for k, one in enumerate(operands):
        marks = np.isinf(one.error)
        if one.value.dtype.kind == "f" and len(operands) > 1:  # infinity times what may be zero
            other = operands[1 - k]
            touching = (other.error > 0) & (np.abs(other.value) <= other.error)
            if touching.any() and np.isinf(one.value).any():
                parts = [touching.astype(float)] * 2
                parts[k] = np.isinf(one.value).astype(float)
                opened = opened | (np.asarray(function(*parts)) > 0)
        if marks.any():
            opened = opened | (
                np.asarray(function(*(marks.astype(float) if j == k else part for j, part in enumerate(ones)))) > 0
            )
    return opened


def products(function: Function, one: Bounded, terms: int) -> Bounded:
    """A product along an axis, or all its beginnings; factors of whichever order."""
    result = np.asarray(function(one.value))
    opened = np.asarray(function(np.where(np.isinf(one.error), np.inf, 1.0))) == np.inf
    if result.dtype.kind != "f":
        return bounded(result, np.where(opened, np.inf, 0.0))
    sizes = _finite(one.value)
    room = np.where(np.isfinite(one.error), one.error, 0)
    magnitude, upper = np.asarray(function(sizes)), np.asarray(function(sizes + room))
    largest, least = (
        np.asarray(function(np.maximum(sizes, 1))),
        np.asarray(function(np.where(sizes > 0, np.minimum(sizes, 1), 1))),
    )
    if one.exact and whole(one.value[np.isfinite(one.value)]):
        error = np.where(largest <= limit(result.dtype), 0.0, (terms + 2) * eps(result.dtype) * magnitude)
    else:
        error = (upper - magnitude) + (terms + 2) * (eps(result.dtype) * upper + tiny(result.dtype))
    info = np.finfo(result.dtype)
    astray = (largest > float(info.max) / 4) | ((least < float(info.tiny) * 4) & (result == result))
    crossing = np.asarray(function(np.where((one.error > 0) & (np.abs(one.value) <= one.error), np.inf, 1.0))) == np.inf
    astray = astray | (crossing & ~np.isfinite(result))
    return bounded(result, np.where(astray | opened, np.inf, error))


def recurrence(function: Function, a: Bounded, b: Bounded, axis: int) -> Bounded:
    """out_k = a_k out_(k-1) + b_k: a zero that is carried on stays zero."""
    result = np.asarray(function(a.value, b.value, axis=axis))
    out, factors, added = (np.moveaxis(x, axis, 0) for x in (result, a.value, b.value))
    a_error, b_error = (np.moveaxis(x.error, axis, 0) for x in (a, b))
    error = np.array(b_error)
    dtype = result.dtype
    sizes = np.abs(out.astype(float))
    for k in range(1, len(error)):
        factor = np.abs(factors[k].astype(float))
        still = (out[k - 1] == 0) & (error[k - 1] == 0)
        passed = factor * error[k - 1] + a_error[k] * (sizes[k - 1] + error[k - 1])
        passed = np.where(np.isnan(passed), np.inf, passed)
        rounded = (2 * eps(dtype)) * (factor * sizes[k - 1] + np.abs(added[k].astype(float)) + sizes[k]) + tiny(dtype)
        plain = still & (added[k] == 0)
        error[k] = np.where(still, b_error[k], passed + b_error[k] + np.where(plain, 0, rounded))
        error[k] = np.where(still, np.maximum(error[k], np.where(out[k] == 0, tiny(dtype), 0)), error[k])
        error[k] = np.where(np.isnan(error[k]), np.where(np.isfinite(out[k]), np.inf, 0), error[k])
        doubtful = ~np.isfinite(out[k]) & ((error[k - 1] > 0) | (a_error[k] > 0))
        error[k] = np.where(doubtful, np.inf, error[k])
    overflow = math.inf if result.size == 0 else float(np.finfo(dtype).max) / 4
    magnitude = np.moveaxis(np.asarray(function(_finite(a.value), _finite(b.value), axis=axis)), axis, 0)
    opened = np.logical_or.accumulate(np.isinf(error) | (magnitude > overflow), axis=0)
    error = np.where(opened, np.inf, error)
    return bounded(result, np.moveaxis(error, 0, axis))
