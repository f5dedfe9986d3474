"""What lowering rules are written with: loops over a shape, places in broadcast arrays, indices that stay inside."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule.loops import (
    COMBINES,
    For,
    Index,
    Kernel,
    aligned,
    buffer,
    constant,
    each,
    interpret,
    is_within,
    neutral,
    statements,
    store,
    substitute,
    verify,
    within,
)
from chainrule.loops.interpreter import compute

DTYPES = [np.dtype(one) for one in "? i1 u1 i2 u2 i4 u4 i8 u8 f4 f8".split()]
P, J = Index("i"), Index("j")


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 1), (2, 0, 3)])
def test_each_place_once(shape):
    x, out = buffer("x", shape, np.int64), buffer("out", shape, np.int64, "output")
    kernel = Kernel("f", (x, out), each(shape, lambda index: store(out, index, x[index] * 2)))
    given = np.arange(int(np.prod(shape))).reshape(shape)
    np.testing.assert_array_equal(interpret(verify(kernel), given)[0], given * 2)


def test_each_is_parallel_but_where_it_is_serial():
    out = buffer("out", (2, 3, 4), np.int64, "output")
    loops = [
        one
        for one in statements(each((2, 3, 4), lambda index: store(out, index, 0), serial=(1,)))
        if isinstance(one, For)
    ]
    assert [one.kind for one in loops] == ["parallel", "serial", "parallel"]
    assert [one.index.name for one in loops] == ["i0", "i1", "i2"]


def test_places_in_what_is_broadcast():
    index = (P, J, Index("k"))
    zero = constant(0, np.int64)
    for shape, expected in [
        ((), ()),
        ((4,), index[2:]),
        ((1,), (zero,)),
        ((5, 1), (J, zero)),
        ((3, 5, 4), index),
        ((1, 5, 1), (zero, J, zero)),
    ]:
        found = aligned(index, shape)
        assert len(found) == len(expected)
        assert all(one is other for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("length", [1, 5])
def test_indices_are_brought_inside(length):
    n, inside, held = (
        buffer("n", (9,), np.int64),
        buffer("p", (9,), np.int64, "output"),
        buffer("h", (9,), bool, "output"),
    )
    kernel = Kernel(
        "f",
        (n, inside, held),
        (
            *each((9,), lambda i: store(inside, i, within(n[i], length))),
            *each((9,), lambda i: store(held, i, is_within(n[i], length))),
        ),
    )
    given = np.array([-(2**62), -1, 0, 1, length - 1, length, 4, 5, 2**62])
    places, truths = interpret(kernel, given)
    np.testing.assert_array_equal(places, np.clip(given, 0, length - 1))
    np.testing.assert_array_equal(truths, (given >= 0) & (given < length))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("combine", COMBINES)
def test_a_neutral_number_changes_nothing(dtype, combine):
    if (combine in ("any", "all")) != (dtype.kind == "b") and combine not in ("maximum", "minimum"):
        pytest.skip("no such fold")
    start = dtype.type(neutral(combine, dtype))
    if dtype.kind == "b":
        values = [dtype.type(False), dtype.type(True)]
    elif dtype.kind == "f":
        values = [dtype.type(x) for x in (0.5, -3, np.inf, -np.inf, np.finfo(dtype).max, np.finfo(dtype).tiny)]
    else:
        values = [dtype.type(x) for x in (np.iinfo(dtype).min, 1, np.iinfo(dtype).max)]
    for value in values:
        assert compute(COMBINES[combine], start, value) == value
        assert compute(COMBINES[combine], value, start) == value


def test_parts_of_an_expression_are_replaced():
    x, y = buffer("x", (4,), np.float32), buffer("y", (4,), np.float32)
    expression = x[P] * 2 + x[J]
    assert substitute(expression, {x[P]: y[P]}) is y[P] * 2 + x[J]
    assert substitute(expression, {}) is expression
    n = buffer("n", (4,), np.int64)
    assert substitute(x[n[P]], {n[P]: J}) is x[J]
