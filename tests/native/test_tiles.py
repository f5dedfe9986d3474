"""Vector code: every number of lanes, rows and vectors, whole and partial, along each axis and across it."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.lower import pack
from chainrule.native import folds, ir, mapping, tiles, transpose
from tests.lower.running import WIDTHS, check, compare, compare_threads, compiled, graph_of, numbers, reference

SIZES = (1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 65, 100)
FLOATS = (np.float32, np.float64)
EACH_SIZE = pytest.mark.parametrize("size", SIZES)
EACH_FLOAT = pytest.mark.parametrize("dtype", FLOATS)
EACH_WIDTH = pytest.mark.parametrize("width", WIDTHS)


@EACH_SIZE
@EACH_FLOAT
@EACH_WIDTH
def test_elements_of_every_length(size, dtype, width):
    """Whole vectors and what is left of one: along, backwards, across, gathered, and of what stays the same."""
    x, y = numbers(size, dtype=dtype), numbers(size, 3, dtype=dtype)

    def function(x, y):
        return x * 2 + 1, x[::-1] - x, y.T * x, y[:, ::-1] + 1, y[:, 1] * x, x[:, None] + y, x > 0, y[::2].T

    compare(function, x, y, width=width)


@EACH_SIZE
@EACH_FLOAT
@EACH_WIDTH
def test_folds_of_every_length(size, dtype, width):
    """Folds along the lanes and across them, with one axis and with two."""
    x, y, z = (numbers(*shape, dtype=dtype) for shape in ((size,), (size, 5), (3, size)))

    def function(x, y, z):
        return (
            np.sum(x), np.max(x), np.min(x * x), np.prod(1 + x / 64), x @ x, np.sum(y, 0), np.sum(y, 1), np.max(y, 0),
            np.min(y, 1), np.sum(y), np.sum(z, 1), np.max(z, 0), np.sum(z[:, ::-1] * x, 1),
            np.any(x > 1), np.all(z > -9, 1),
        )  # fmt: skip

    compare(function, x, y, z, width=width)


@EACH_SIZE
@EACH_WIDTH
def test_products_of_every_length(size, width):
    """Each of the three lengths of a product, for both operands as they are and transposed."""
    a, b, c = numbers(size, 6), numbers(6, 5, seed=1), numbers(6, size, seed=2)

    def function(a, b, c):
        return a @ b, b.T @ c, a.T @ a, c @ a, np.tanh(a @ c + a[:, 0]), np.maximum(a @ b, 0) * a[:, :5], c @ c.T

    compare(function, a, b, c, width=width)


@pytest.mark.parametrize("shape", [(33, 17, 65), (65, 100, 31), (8, 64, 64), (64, 8, 33), (1, 100, 100), (100, 100, 1)])
@EACH_FLOAT
@EACH_WIDTH
def test_products_of_tiles(shape, dtype, width):
    """Tiles of rows by vectors, whole and partial, in both directions, with what comes before and after the fold."""
    n, k, m = shape
    a, b, row, mask = numbers(n, k, dtype=dtype), numbers(k, m, dtype=dtype), numbers(m, dtype=dtype), numbers(n, m)

    def function(a, b, row, mask):
        return np.maximum(a @ b + row, 0), np.where(mask > 0, a @ b, 1), (b.T @ a.T), np.where(a > 0, a, 0) @ np.abs(b)

    compare(function, a, b, row, mask, width=width)


@pytest.mark.parametrize("shape", [(16, 16), (17, 33), (32, 7), (5, 64), (40, 40)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int16, np.int32, bool])
@EACH_WIDTH
def test_transposition(shape, dtype, width):
    """Square blocks in registers, and what is left around them."""
    x = numbers(*shape, dtype=dtype)
    cube = numbers(3, *shape, dtype=dtype)
    compare(lambda x, y: (x.T, y.transpose(0, 2, 1), y.transpose(2, 1, 0), x[::-1].T), x, cube, width=width)


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64, bool]
)
@pytest.mark.parametrize("size", [1, 17, 65])
def test_whole_numbers_of_every_width(dtype, size):
    """Folds start from the number that changes nothing in each dtype, and whole numbers wrap around as NumPy's."""
    x, y = numbers(size, dtype=dtype), numbers(size, 3, dtype=dtype)

    def function(x, y):
        return np.max(x), np.min(x), np.max(y, 0), np.min(y, 1), np.sum(x, dtype=x.dtype), x == x[0], y.T, x[::-1]

    compare(function, x, y)
    low = np.full_like(x, np.iinfo(dtype).min if np.dtype(dtype).kind != "b" else False)
    compare(lambda x: (np.max(x), np.min(x), np.sum(x)), low)
    compare(lambda x: (np.max(x), np.min(x), np.sum(x)), ~low)


@pytest.mark.parametrize("dtype", FLOATS)
def test_extremes_of_what_no_number_is_beyond(dtype):
    """A fold of negative infinities is that, and a NaN is never lost, wherever it stands."""
    for size in (3, 17, 40):
        for place in (0, 1, size - 1):
            x = np.full(size, -np.inf, dtype)
            compare(lambda x: (np.max(x), np.min(-x), np.sum(x)), x)
            x[place] = np.nan
            compare(lambda x: (np.max(x), np.min(x), np.max(x[:, None] * np.ones(3, x.dtype), 0)), x)


AXES = [None, 0, 1, 2, 3, (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3), (0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3)]


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (3, 1, 5, 9), (2, 17, 1, 2), (1, 1, 33, 3)])
def test_folds_over_every_choice_of_axes(shape):
    x = numbers(*shape)
    for width in (16, 64):
        compare(lambda x: [f(x, axis) for axis in AXES for f in (np.sum, np.max)], x, width=width)
        compare(lambda x: [np.sum(x, axis, keepdims=True) * 2 - x for axis in AXES], x, width=width)


LABELS = [
    ("ij,jk->ik", (7, 5), (5, 9)), ("ji,jk->ik", (5, 7), (5, 9)), ("ij,kj->ik", (7, 5), (9, 5)),
    ("ij,jk->ki", (7, 5), (5, 9)),
    ("bij,bjk->bik", (2, 7, 5), (2, 5, 9)), ("bij,jk->bik", (2, 7, 5), (5, 9)),
    ("ij,ij->i", (7, 5), (7, 5)),
    ("ij,ij->", (7, 5), (7, 5)), ("i,j->ij", (7,), (9,)), ("ijk,jk->i", (4, 3, 5), (3, 5)),
    ("ijk,kj->i", (4, 3, 5), (5, 3)),
    ("abc,cd->adb", (3, 4, 5), (5, 6)), ("abc,acd->bd", (3, 4, 5), (3, 5, 6)), ("ab,ab->ab", (3, 20), (3, 20)),
    ("ab,b->ab", (3, 20), (20,)), ("abcd,cdef->abef", (2, 3, 4, 2), (4, 2, 3, 5)),
    ("abcd,bd->ac", (2, 3, 4, 5), (3, 5)),
    ("ij,jk->ik", (1, 1), (1, 1)), ("ij,jk->ik", (33, 1), (1, 17)), ("ij,kj->ik", (17, 33), (18, 33)),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "first", "second"), LABELS)
def test_contractions(labels, first, second):
    """Products over many patterns of labels, with factors and results computed on the way."""
    x, y = numbers(*first), numbers(*second, seed=1)
    for width in (16, 64):
        compare(lambda x, y: np.einsum(labels, x, y), x, y, width=width)
        compare(lambda x, y: np.tanh(np.einsum(labels, x * 2, np.abs(y)) + 1), x, y, width=width)
    compare_threads(lambda x, y: np.maximum(np.einsum(labels, x, y), 0), x, y, counts=(2, 3))


@pytest.mark.parametrize("shape", [(33, 17, 65), (65, 100, 31), (64, 64, 64), (40, 37, 100)])
@EACH_WIDTH
def test_products_with_panels(shape, width, monkeypatch):
    """What the rows of tiles share is copied first, for whole columns of tiles and partial ones."""
    for name in ("_NEAR_BYTES", "_FAR_BYTES", "_MANY_TILES"):
        monkeypatch.setattr(mapping, name, 0)
    n, k, m = shape
    a, b, c = numbers(n, k), numbers(k, m), numbers(k, m, seed=1)
    compare(lambda a, b: np.tanh(a @ b + 1), a, b, width=width)
    compare(lambda a, b, c: np.sum(a[:, :, None] * b * c, 1), a, b, c, width=width)
    compare(lambda a, b: np.einsum("ik,kj->ij", a.astype(np.float64), b), a, b, width=width)
    compare_threads(lambda a, b: np.maximum(a @ b, 0), a, b, width=width, counts=(1, 2, 3))
    x, w = numbers(2, 3, 9, n), numbers(20, 3, 3, 3)
    compare(lambda x, w: cr.nn.convolve(x, w), x, w, width=width)


@pytest.mark.parametrize("shape", [(33, 17, 65), (8, 100, 128), (62, 20, 256), (9, 16, 33)])
@EACH_WIDTH
def test_columns_that_threads_share_out(shape, width, monkeypatch):
    """Each has whole tiles of its own, and the last what is left; rows that are left make two tiles with others."""
    for name in ("_NEAR_BYTES", "_FAR_BYTES", "_MANY_TILES", "_MANY_COLUMNS"):
        monkeypatch.setattr(mapping, name, 0)
    n, k, m = shape
    a, b = numbers(n, k), numbers(k, m)

    def function(a, b):
        return np.maximum(a @ b, 0) + np.sum(a @ b, 0), np.einsum("ik,jk->ij", a, b.T) + 1, np.sum(np.tanh(a @ b), 1)

    compare(function, a, b, width=width)
    compare_threads(function, a, b, width=width, counts=(1, 2, 3))


@pytest.mark.parametrize("shape", [(33, 17, 65), (9, 100, 31), (20, 64, 64), (12, 40, 7), (65, 16, 80)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
@EACH_WIDTH
def test_panels_that_are_turned(shape, dtype, width, monkeypatch):
    """Blocks of the lanes by as many steps, and what is left in both directions, with one axis of a fold or two."""
    for module in (pack, transpose):
        monkeypatch.setattr(module, "PANEL_READS", 8)
        monkeypatch.setattr(module, "PANEL_LENGTH", 4)
    n, k, m = shape
    a, b, c = numbers(n, k, dtype=dtype), numbers(m, k, dtype=dtype, seed=1), numbers(m, 3, k, dtype=dtype, seed=2)
    compare(lambda a, b: (a @ b.T, np.maximum(a @ b.T, 0) * 2), a, b, width=width)
    compare(lambda a, c: np.einsum("ik,jlk->ijl", a, c)[:, :, 1], a, c, width=width)
    compare(lambda c: np.einsum("ilk,jlk->ij", c[:, ::-1], c), c, width=width)
    compare(lambda a, b: np.einsum("ik,jk->ij", a.astype(np.float64), b), a, b, width=width)
    compare_threads(lambda a, b: a @ b.T, a, b, width=width, counts=(1, 3))


@pytest.mark.parametrize("size", [2, 16, 17, 40, 65])
def test_shares_of_every_kind_of_nest(size):
    """Axes that are shared out are the lanes', the rows' or neither's; grains are of 1, 8 and 64."""
    x, y = numbers(size, 33), numbers(33, size, seed=1)

    def function(x, y):
        sums = np.sum(x, 1), np.sum(x, 0), np.sum(y, 0)
        return x + 1, x @ y, y @ x, *sums, x.T + 1, np.tanh(y @ x + 1), x[:, 0] * 2, y.T + x

    compare_threads(function, x, y)
    compare_threads(function, x, y, counts=(3,), width=16)


def test_shares_of_a_long_axis():
    """1024 rows and more go by grains of 64."""
    x, w = numbers(1100, 3), numbers(3, 4)
    compare_threads(lambda x, w: (x @ w, np.exp(x), np.sum(x, 1), x[:, 0] + 1, np.sum(x, 0)), x, w, counts=(2, 4, 7))


# ------------------------------------------------------------------------------------------------------ planted faults


def test_a_lost_tail_is_seen(monkeypatch):
    graph, values = graph_of(lambda x: x * 2 + 1, numbers(37)), [numbers(37)]
    expected = reference(graph, values)
    check(expected, compiled(graph).run(values))
    monkeypatch.setattr(tiles.Tiler, "_rest", lambda self, axis: iter(()))
    with pytest.raises(AssertionError):
        check(expected, compiled(graph, width=32).run(values))


def test_a_wrong_combination_of_lanes_is_seen(monkeypatch):
    graph, values = graph_of(np.sum, numbers(37)), [numbers(37)]

    def first(self, value):
        return self.builder.extract_element(value, ir.Constant(ir.IntType(32), 0))

    monkeypatch.setattr(folds.Folds, "_across_lanes", first)
    with pytest.raises(AssertionError):
        check(reference(graph, values), compiled(graph).run(values))
