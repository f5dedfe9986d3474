"""Indexing and assignment, taking by place, and interpolation."""

from __future__ import annotations

import numpy as np
import torch

from tests.oracle.pairs import alike, pair

_random = np.random.default_rng(8)


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


FLAGS = np.array([[True, False, True], [False, True, True]])
PLACES = np.array([[0, 2], [1, 1]])
KNOTS = np.array([-1.0, 0.2, 0.5, 2.0])
AT = np.array([-3.0, -0.5, 0.3, 0.31, 1.7, 4.0])
A = _array(2, 3)
SIGNS = np.array([0.5, -1.0, 2.0])


def places(x):
    return torch.tensor(x)


def assigned(x, index, value):
    """A copy of x, assigned to: here and in PyTorch."""
    x = x + 0
    x[index] = value
    return x


def added(x, index, value):
    x = x + 0
    x[index] += value
    return x


def scanned(x):
    """A running product by assignment, element after element."""
    out = x * 0
    for k in range(4):
        out[k] = x[k] * (out[k - 1] + 1 if k else 1)
    return out


def interpolate(x, knots, values):
    """Piecewise linear interpolation by PyTorch's searchsorted; constant beyond the ends."""
    k = torch.clamp(torch.searchsorted(knots.detach(), x.detach()), 1, len(knots) - 1)
    share = (x - knots[k - 1]) / (knots[k] - knots[k - 1])
    inner = values[k - 1] + share * (values[k] - values[k - 1])
    return torch.where(x < knots[0], values[0], torch.where(x > knots[-1], values[-1], inner))


PAIRS = [
    # --------------------------------------------------------------------------------------------------------- x[index]
    *(
        alike("getitem", lambda x, index=index: x[index], _array(*shape), note=note)
        for note, shape, index in [
            ("integer", (3, 2), -1),
            ("slice", (5, 2), slice(1, 4)),
            ("step", (5,), slice(None, None, 2)),
            ("dots", (2, 3, 2), (..., 0)),
            ("new axes", (3, 2), (None, slice(1, None), None, 1)),
            ("list", (3, 2), [2, 0, 2]),
            ("array", (3, 2), PLACES),
            ("pairs", (3, 2), ([0, 1, -1], [1, 0, 1])),
            ("broadcast", (3, 2), (np.array([[0], [2]]), np.array([1, 0, 1]))),
            ("middle", (3, 2, 4), (slice(1, None), [1, 0])),
            ("apart", (2, 3, 2), ([0, 1], slice(None), [1, 0])),
            ("mask", (2, 3), FLAGS),
            ("mask of columns", (2, 3), (slice(None), FLAGS[0])),
        ]
    ),
    pair("getitem", lambda x: x[::-2], lambda x: x.flip(0)[::2], _array(5), note="backwards"),
    alike("getitem", lambda x: x[x > 0] ** 2, SIGNS, note="traced mask"),
    # ------------------------------------------------------------------------------------------------- x[index] = value
    *(
        alike("setitem", lambda x, v, index=index: assigned(x, index, v), _array(*shape), _array(*value), note=note)
        for note, shape, index, value in [
            ("integer", (3, 2), 1, (2,)),
            ("column", (2, 3), (..., 1), ()),
            ("all", (2, 3), slice(None), (3,)),
            ("list", (3, 2), [2, 0], (2, 2)),
            ("pairs", (2, 3), ([0, 1], [1, 0]), (2,)),
            ("mask", (2, 3), FLAGS, (4,)),
        ]
    ),
    alike("setitem", lambda x, v: added(x, (slice(None), 1), v), _array(3, 2), _array(), note="add"),
    alike("setitem", lambda x: assigned(x, x < 0, 0.0), SIGNS, note="traced mask"),
    alike("setitem", scanned, _array(4), note="loop"),
    # ---------------------------------------------------------------------------------------------------------- taking
    pair("numpy.take", lambda x: np.take(x, PLACES), lambda x: torch.take(x, places(PLACES)), A),
    pair(
        "numpy.take",
        lambda x: np.take(x, [2, 0, 2], axis=1),
        lambda x: torch.index_select(x, 1, places([2, 0, 2])),
        A,
        note="axis",
    ),
    pair(
        "numpy.take_along_axis",
        lambda x: np.take_along_axis(x, PLACES, axis=1),
        lambda x: torch.take_along_dim(x, places(PLACES), 1),
        A,
    ),
    pair(
        "numpy.take_along_axis",
        lambda x: np.take_along_axis(x, np.argsort(x, axis=-1), -1),
        lambda x: torch.gather(x, -1, torch.argsort(x, -1)),
        A,
        note="sorted",
    ),
    pair("numpy.compress", lambda x: np.compress(FLAGS[0], x, axis=1), lambda x: x[:, FLAGS[0]], A),
    pair("compress", lambda x: x.compress([False, True], axis=0), lambda x: x[[False, True]], A),
    pair("numpy.extract", lambda x: np.extract(FLAGS, x), lambda x: torch.masked_select(x, torch.tensor(FLAGS)), A),
    pair(
        "numpy.ix_",
        lambda x: x[np.ix_(np.argsort(x[0])[:2], [1, 2, 1])],
        lambda x: x[torch.argsort(x[0])[:2, None], places([[1, 2, 1]])],
        _array(3, 3),
    ),
    pair(
        "numpy.tril_indices_from",
        lambda x: x[np.tril_indices_from(x, -1)],
        lambda x: x[tuple(torch.tril_indices(3, 3, -1))],
        _array(3, 3),
    ),
    pair(
        "numpy.triu_indices_from",
        lambda x: x[np.triu_indices_from(x)],
        lambda x: x[tuple(torch.triu_indices(3, 3))],
        _array(3, 3),
    ),
    pair(
        "numpy.bincount",
        lambda w: np.bincount([1, 3, 1], w, minlength=6),
        lambda w: torch.zeros(6, dtype=w.dtype).index_add(0, places([1, 3, 1]), w),
        _array(3),
    ),
    pair("numpy.interp", np.interp, interpolate, AT, KNOTS, _array(4)),
]
