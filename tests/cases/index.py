"""Indexing, assignment, and what looks numbers up."""

from __future__ import annotations

import numpy as np

from tests.cases import Case

_random = np.random.default_rng(13)


def _array(*shape: int) -> np.ndarray:
    return _random.normal(size=shape)


def _places(*shape: int, top: int = 3) -> np.ndarray:
    """Floats that are cast to an index: away from integers, where the cast jumps."""
    return _random.integers(-top, top, size=shape) + 0.25


def _index(places):
    return places.astype(int)


def _set(x, index, value):
    x = x.copy()
    x[index] = value
    return x


def _add(x, index, value):
    x = x.copy()
    x[index] += value
    return x


def _cumulate(x):
    out = np.zeros(4) + 0 * x[0]
    for k in range(4):
        out[k] = x[k] * (out[k - 1] if k else 1)
    return out


def _through_views(x):
    y = x * 1
    y[0][1:] *= 3
    row = y[1]
    row[0] = y[0, 0] ** 2
    return y


_FLAGS = np.array([[True, False, True], [False, True, True]])
_KNOTS = np.array([-1.0, 0.2, 0.5, 2.0])
_AT = np.array([-3.0, -0.5, 0.3, 0.31, 1.7, 4.0])
_SORTED = np.array([-1.0, 0.0, 0.0, 0.5, 2.0])


def _get(note, index, *shape, **options):
    return Case("numpy.ndarray.__getitem__", lambda x: x[index], (_array(*shape),), note, **options)


CASES = [
    _get("integer", 1, 3, 2),
    _get("integer-backwards", -1, 3),
    _get("integers", (1, np.int64(-2)), 3, 2),
    _get("array-without-axes", np.array(2), 3, 2),
    _get("slice", slice(1, 3), 4, 2),
    _get("step", slice(None, None, 2), 5),
    _get("backwards", slice(None, None, -2), 5),
    _get("empty-slice", slice(3, 1), 4),
    _get("all", (), 2, 2),
    _get("dots", (..., 0), 2, 3, 2),
    _get("new-axes", (None, slice(1, None), None, 1), 3, 2),
    _get("list", [2, 0, 2], 3, 2),
    _get("empty-list", [], 3, 2),
    _get("array-of-two-axes", np.array([[0, -1], [1, 1]]), 3, 2),
    _get("pairs", ([0, 1, -1], [1, 0, 1]), 3, 2),
    _get("broadcast", (np.array([[0], [2]]), np.array([1, 0, 1])), 3, 2),
    _get("second-axis", (slice(None), [1, 1, 0]), 3, 2),
    _get("middle", (slice(1, None), [1, 0], slice(None, None, -1)), 3, 2, 4),
    _get("apart", ([0, 1], slice(None), [1, 0]), 2, 3, 2),
    _get("integer-and-array-apart", (0, slice(None), [1, 0, 1]), 2, 3, 2),
    _get("integer-and-array", (slice(None), 1, [1, 0, 1]), 2, 3, 2),
    _get("new-axis-and-array", ([1, 0], None, [0, 1]), 2, 3),
    _get("mask", _FLAGS, 2, 3),
    _get("mask-of-rows", _FLAGS[0], 3, 2),
    _get("mask-of-columns", (slice(None), _FLAGS[0]), 2, 3),
    _get("mask-and-array", (_FLAGS[0], [1, 0]), 3, 2),
    _get("mask-that-holds-nowhere", np.zeros(3, bool), 3, 2),
    _get("true", True, 2),
    Case(
        "numpy.ndarray.__getitem__", lambda x: x[x > 0], (np.array([0.5, -1.0, 2.0]),), "traced-mask", batchable=False
    ),
    Case("numpy.ndarray.__getitem__", lambda x, i: x[_index(i)], (_array(3, 2), _places(2, 2)), "traced-index"),
    Case("numpy.ndarray.__getitem__", lambda x, i: x[_index(i), 1], (_array(3, 2), np.array(2.25)), "traced-number"),
    Case(
        "numpy.ndarray.__getitem__",
        lambda x, i, j: x[:, _index(i), _index(j)],
        (_array(2, 3, 3), _places(2, 1), _places(4)),
        "traced-pairs",
    ),
    Case(
        "numpy.ndarray.__getitem__",
        lambda x, i, j: x[[_index(i), _index(j)]],
        (_array(3, 2), np.array(2.25), np.array(0.25)),
        "list-of-traced-numbers",
    ),
    Case("numpy.ndarray.__getitem__", lambda x: x[x.argmax()], (np.array([0.5, 3.0, 2.0]),), "computed-number"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, 1, v), (_array(3, 2), _array(2)), "integer"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, slice(None, None, -2), v), (_array(5), _array(3)), "slice"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, (..., 1), v), (_array(2, 3), _array()), "column"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, slice(None), v), (_array(2, 3), _array(3)), "all"),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, v: _set(x, slice(0, 2), v),
        (_array(3, 2), _array(1, 2, 2)),
        "leading-one",
    ),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, slice(1), [[v, 2 * v]]), (_array(3, 2), _array()), "list"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, [2, 0, 2], v), (_array(3, 2), _array(3, 2)), "last-stays"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, ([0, 1], [1, 0]), v), (_array(2, 3), _array(2)), "pairs"),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, v: _set(x, (slice(1, None), [1, 0]), v),
        (_array(3, 2), _array(2, 2)),
        "mixed",
    ),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, v: _set(x, ([0, 1], slice(1), [1, 0]), v),
        (_array(2, 3, 2), _array(1)),
        "apart",
    ),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, [], v), (_array(2, 3), _array(3)), "nowhere"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, _FLAGS, v), (_array(2, 3), _array()), "mask"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, _FLAGS[0], v), (_array(3, 2), _array(2)), "mask-of-rows"),
    Case("numpy.ndarray.__setitem__", lambda x, v: _set(x, _FLAGS, v), (_array(2, 3), _array(4)), "mask-of-values"),
    Case("numpy.ndarray.__setitem__", lambda x: _set(x, x < 0, 0), (np.array([0.5, -1.0, 2.0]),), "traced-mask"),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, i, v: _set(x, _index(i), v),
        (_array(3, 2), _places(4), _array(4, 2)),
        "traced-index",
    ),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, i: _set(x, _index(i), 0.5),
        (_array(3, 2), np.array(1.25)),
        "traced-number",
    ),
    Case("numpy.ndarray.__setitem__", lambda x, v: _add(x, [0, 2, 0], v), (_array(3), _array(3)), "add"),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x, v: _add(x, (slice(None), 1), v),
        (_array(3, 2), _array()),
        "add-to-column",
    ),
    Case(
        "numpy.ndarray.__setitem__",
        lambda x: _add(x, x > 0, x[x > 0]),
        (np.array([0.5, -1.0, 2.0]),),
        "add-to-mask",
        batchable=False,
    ),
    Case("numpy.ndarray.__setitem__", _cumulate, (_array(4),), "loop"),
    Case("numpy.ndarray.__setitem__", _through_views, (_array(2, 3),), "views"),
    Case("numpy.take", lambda x: np.take(x, [3, -1, 0]), (_array(2, 3),)),
    Case("numpy.take", lambda x: x.take([[0, 2], [1, 1]], axis=1), (_array(2, 3),), "axis"),
    Case("numpy.take", lambda x: np.take(x, 1, axis=-1), (_array(2, 3),), "number"),
    Case("numpy.take", lambda x, i: np.take(x, _index(i), axis=0), (_array(3, 2), _places(2, 2)), "traced"),
    Case("numpy.take", lambda x: np.take(x, [True, False]), (_array(3),), "booleans"),
    *(
        Case(
            "numpy.take",
            lambda x, i, m=m: np.take(x, _index(i), 1, mode=m),
            (_array(2, 3), np.array([7.25, -8.75, 1.25])),
            m,
        )
        for m in ("wrap", "clip")
    ),
    Case("numpy.take_along_axis", lambda x, i: np.take_along_axis(x, _index(i), axis=0), (_array(3, 2), _places(4, 2))),
    Case(
        "numpy.take_along_axis",
        lambda x, i: np.take_along_axis(x, _index(i)),
        (_array(2, 1, 3), _places(1, 2, 2)),
        "broadcast",
    ),
    Case(
        "numpy.take_along_axis", lambda x: np.take_along_axis(x, np.argsort(x, axis=-1), -1), (_array(2, 3),), "sorted"
    ),
    Case("numpy.take_along_axis", lambda x: np.take_along_axis(x, np.array([5, 0]), None), (_array(2, 3),), "flat"),
    Case("numpy.compress", lambda x: np.compress([True, False, True], x, axis=1), (_array(2, 3),)),
    Case("numpy.compress", lambda x: x.compress([False, True]), (_array(2, 3),), "method"),
    Case("numpy.extract", lambda x: np.extract(_FLAGS, x), (_array(2, 3),)),
    Case("numpy.extract", lambda x: np.extract(x > 0, x), (np.array([0.5, -1.0, 2.0]),), "traced", batchable=False),
    Case(
        "numpy.choose",
        lambda i, x, y: np.choose(_index(i), [x, y]),
        (np.array([[0.25, 1.25, 1.25]]), _array(2, 3), _array(3)),
    ),
    Case(
        "numpy.choose",
        lambda i, x: _index(i).choose([x, 1.5, 2.5], mode="wrap"),
        (np.array([-1.75, 4.25, 3.25]), _array(3)),
        "wrap",
    ),
    Case(
        "numpy.select",
        lambda x, y: np.select([x > 0, y > 0], [x**2, y], -1.0),
        (np.array([1.0, -2.0, -3.0]), np.array([1.0, 2.0, -1.0])),
    ),
    Case("numpy.select", lambda x: np.select([x > 9], [1]), (_array(3),), "integers", differentiable=False),
    Case("numpy.nonzero", np.nonzero, (np.array([[1.0, 0.0], [2.0, 3.0]]),), differentiable=False, batchable=False),
    Case(
        "numpy.nonzero",
        lambda x: (x > 0).nonzero(),
        (_array(2, 3, 2),),
        "method",
        differentiable=False,
        batchable=False,
    ),
    Case(
        "numpy.flatnonzero",
        np.flatnonzero,
        (np.array([[1.0, 0.0], [2.0, 3.0]]),),
        differentiable=False,
        batchable=False,
    ),
    Case("numpy.argwhere", np.argwhere, (np.array([[1.0, 0.0], [2.0, 3.0]]),), differentiable=False, batchable=False),
    Case("numpy.argwhere", np.argwhere, (np.array(2.0),), "number", differentiable=False, batchable=False),
    Case(
        "numpy.where", lambda x: np.where(x > 0), (_array(2, 3),), "one-argument", differentiable=False, batchable=False
    ),
    Case("numpy.ix_", lambda x, i: x[np.ix_(_index(i), [1, 3, 1])], (_array(3, 4), np.array([2.25, 0.25]))),
    Case(
        "numpy.ix_",
        lambda x, y: x[np.ix_(y > 0, [0, 1])],
        (_array(3, 2), np.array([1.0, -1.0, 2.0])),
        "mask",
        batchable=False,
    ),
    Case("numpy.tril_indices_from", lambda x: x[np.tril_indices_from(x, -1)], (_array(3, 3),)),
    Case("numpy.triu_indices_from", lambda x: x[np.triu_indices_from(x)], (_array(3, 3),)),
    Case(
        "numpy.searchsorted",
        lambda a, v: np.searchsorted(a, v),
        (_SORTED, np.array([0.0, -2.0, 3.0])),
        differentiable=False,
        reversible=False,
    ),
    Case(
        "numpy.searchsorted",
        lambda a: a.searchsorted([[0.0, 1.0]], side="right"),
        (_SORTED,),
        "right",
        differentiable=False,
    ),
    Case(
        "numpy.searchsorted", lambda v: np.searchsorted(_SORTED, v), (_array(2, 2),), "constant", differentiable=False
    ),
    Case(
        "numpy.searchsorted",
        lambda a: np.searchsorted(a, 0.1, sorter=np.argsort(a)),
        (_array(4),),
        "sorter",
        differentiable=False,
    ),
    Case(
        "numpy.digitize",
        lambda x: np.digitize(x, [-1.0, 0.0, 1.0]),
        (np.array([-2.0, 0.0, 0.5, 1.0]),),
        differentiable=False,
    ),
    Case(
        "numpy.digitize",
        lambda x: np.digitize(x, [1.0, 0.0, -1.0], right=True),
        (np.array([-2.0, 0.0, 1.0]),),
        "falling",
        differentiable=False,
    ),
    Case("numpy.digitize", np.digitize, (np.array([-2.0, 0.0, 1.0]), _KNOTS), "traced", differentiable=False),
    Case(
        "numpy.digitize",
        np.digitize,
        (np.array([-2.0, 0.0, 1.0]), _KNOTS[::-1].copy()),
        "traced-falling",
        differentiable=False,
    ),
    Case("numpy.digitize", lambda x: np.digitize(x, [0.5]), (_array(3),), "one-bin", differentiable=False),
    Case("numpy.interp", np.interp, (_AT, _KNOTS, _array(4)), reversible=False),
    Case("numpy.interp", lambda x, f: np.interp(x, _KNOTS, f, left=-7, right=9), (_AT, _array(4)), "ends"),
    Case(
        "numpy.interp",
        lambda x, xp, f: np.interp(x, xp, f, period=1.4),
        (_AT, _KNOTS, _array(4)),
        "period",
        reversible=False,
    ),
    Case("numpy.interp", lambda x, f: np.interp(x, [0.5], f), (np.array([0.0, 0.7]), _array(1)), "one-point"),
    Case("numpy.interp", lambda f: np.interp(0.3, _KNOTS, f), (_array(4),), "number"),
    Case("numpy.bincount", np.bincount, (np.array([1, 3, 1]),), differentiable=False, batchable=False),
    Case("numpy.bincount", lambda w: np.bincount([1, 3, 1], w, minlength=6), (_array(3),), "weights"),
    Case(
        "numpy.bincount",
        lambda i, w: np.bincount(_index(i), weights=w),
        (np.array([1.25, 3.25, 1.25]), _array(3)),
        "traced",
        batchable=False,
    ),
    Case("numpy.unique", np.unique, (np.array([3.0, 1.0, 2.0]),), batchable=False),
    Case(
        "numpy.unique",
        lambda x: tuple(np.unique(x, return_index=True, return_inverse=True, return_counts=True)),
        (np.array([[3.0, 1.0, 3.0], [2.0, 1.0, 3.0]]),),
        "all",
        differentiable=False,
        batchable=False,
    ),
]
