"""Convolution against its definition in loops, over every setting; its adjoints; NumPy's own; what is refused."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import pytest

import chainrule as cr
from chainrule.derive import reverse
from chainrule.errors import ArgumentError, ChainruleError, DtypeError, ShapeError
from chainrule.evaluate import evaluate_exactly
from chainrule.graph import Graph, Input, constant
from chainrule.ops.convolution import convolution
from chainrule.ops.convolve import convolve, convolve_transpose
from chainrule.trace.call import apply_function
from chainrule.types import ArrayType

run, run_transpose = partial(apply_function, convolve), partial(apply_function, convolve_transpose)


def whole(*shape: int, start: int = 0) -> np.ndarray:
    """Whole numbers as floats: sums of their products have no rounding."""
    return ((np.arange(np.prod(shape)) * 7 + start) % 11 - 5.0).reshape(shape)


def convolve_by_loops(x, w, stride, padding, dilation, groups):
    """The definition: (batch, channels, *space), (features, channels / groups, *kernel), pairs of padding."""
    space, kernel = x.shape[2:], w.shape[2:]
    places = [
        (n + before + after - step * (k - 1) - 1) // skip + 1
        for n, k, (before, after), step, skip in zip(space, kernel, padding, dilation, stride, strict=True)
    ]
    result = np.zeros((x.shape[0], w.shape[0], *places))
    for b, o, *t in np.ndindex(result.shape):
        group = o // (w.shape[0] // groups)
        for c, *k in np.ndindex(w.shape[1:]):
            source = [i * s + j * d - p[0] for i, j, s, d, p in zip(t, k, stride, dilation, padding, strict=True)]
            if all(0 <= i < n for i, n in zip(source, space, strict=True)):
                result[b, o, *t] += x[b, group * w.shape[1] + c, *source] * w[o, c, *k]
    return result


def transpose_by_loops(x, w, stride, padding, output_padding, dilation, groups):
    """The definition of PyTorch: every element lays its kernel down; (channels, features / groups, *kernel)."""
    space, kernel, share = x.shape[2:], w.shape[2:], w.shape[1]
    full = [
        (n - 1) * s + d * (k - 1) + 1 + e
        for n, k, s, d, e in zip(space, kernel, stride, dilation, output_padding, strict=True)
    ]
    result = np.zeros((x.shape[0], share * groups, *full))
    for b, c, *i in np.ndindex(x.shape):
        group = c // (x.shape[1] // groups)
        for o, *k in np.ndindex(w.shape[1:]):
            place = [n * s + j * d for n, j, s, d in zip(i, k, stride, dilation, strict=True)]
            result[b, group * share + o, *place] += x[b, c, *i] * w[c, o, *k]
    return result[(..., *(slice(p, n - p) for n, p in zip(full, padding, strict=True)))]


SETTINGS = [
    (stride, padding, dilation, groups)
    for stride, padding, dilation, groups in product([1, 2, 3], [(0, 0), (1, 2), (4, 0)], [1, 2], [1, 2])
]


@pytest.mark.parametrize(("stride", "padding", "dilation", "groups"), SETTINGS)
def test_convolve_is_its_definition(stride, padding, dilation, groups):
    x, w = whole(2, 4, 8), whole(6, 4 // groups, 3, start=3)
    expected = convolve_by_loops(x, w, (stride,), (padding,), (dilation,), groups)
    result = run(x, w, stride=stride, padding=(padding,), dilation=dilation, groups=groups)
    assert np.array_equal(result, expected)


def test_convolve_in_two_and_three_dimensions():
    x, w = whole(2, 2, 5, 6), whole(4, 1, 2, 3, start=3)
    settings = {"stride": (1, 2), "padding": ((1, 0), (2, 1)), "dilation": (2, 1)}
    assert np.array_equal(run(x, w, **settings, groups=2), convolve_by_loops(x, w, **settings, groups=2))
    x, w = whole(1, 2, 3, 4, 5), whole(3, 2, 2, 1, 3, start=3)
    settings = {"stride": (1, 2, 1), "padding": ((1, 1), (0, 0), (0, 2)), "dilation": (1, 1, 2)}
    assert np.array_equal(run(x, w, **settings), convolve_by_loops(x, w, **settings, groups=1))


@pytest.mark.parametrize(("kernel", "dilation"), [(1, 1), (2, 1), (3, 1), (4, 2), (5, 3)])
def test_same_padding_keeps_the_length_and_puts_the_odd_zero_last(kernel, dilation):
    x, w = whole(1, 1, 7), whole(1, 1, kernel, start=3)
    total = dilation * (kernel - 1)
    expected = convolve_by_loops(x, w, (1,), ((total // 2, total - total // 2),), (dilation,), 1)
    assert expected.shape == x.shape
    assert np.array_equal(run(x, w, padding="same", dilation=dilation), expected)


def test_valid_padding_is_none():
    x, w = whole(1, 2, 7), whole(1, 2, 3)
    assert np.array_equal(run(x, w, padding="valid"), run(x, w))


def test_batch_axes_may_be_none_or_many():
    x, w = whole(6, 4, 7), whole(2, 4, 3)
    expected = run(x, w)
    assert np.array_equal(run(x[0], w), expected[0])
    assert np.array_equal(run(x.reshape(2, 3, 4, 7), w), expected.reshape(2, 3, 2, 5))
    assert run(x[:0], w).shape == (0, 2, 5)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize(("padding", "more", "dilation"), [(0, 0, 1), (1, 0, 2), (0, 1, 2), (2, 0, 2)])
@pytest.mark.parametrize("groups", [1, 2])
def test_convolve_transpose_is_its_definition(stride, padding, more, dilation, groups):
    x, w = whole(2, 4, 5), whole(4, 3, 3, start=3)
    expected = transpose_by_loops(x, w, (stride,), (padding,), (more,), (dilation,), groups)
    result = run_transpose(x, w, stride=stride, padding=padding, output_padding=more, dilation=dilation, groups=groups)
    assert np.array_equal(result, expected)


def test_convolve_transpose_in_two_and_three_dimensions():
    x, w = whole(1, 2, 3, 4), whole(2, 2, 2, 3, start=3)
    settings = {"stride": (2, 1), "padding": (1, 2), "output_padding": (1, 0), "dilation": (1, 2)}
    assert np.array_equal(run_transpose(x, w, **settings), transpose_by_loops(x, w, **settings, groups=1))
    x, w = whole(1, 2, 2, 3, 2), whole(2, 1, 2, 1, 3, start=3)
    settings = {"stride": (2, 1, 3), "padding": (0, 0, 1), "output_padding": (0, 0, 2), "dilation": (1, 1, 1)}
    assert np.array_equal(run_transpose(x, w, **settings, groups=2), transpose_by_loops(x, w, **settings, groups=2))


def test_convolve_transpose_is_the_adjoint_of_convolve():
    x, w, g = whole(2, 4, 9), whole(6, 2, 3, start=3), whole(2, 6, 4, start=5)
    settings = {"stride": 2, "padding": 1, "dilation": 2, "groups": 2}
    slope = cr.grad(lambda x: np.sum(run(x, w, **settings) * g))(x)
    assert np.array_equal(slope, run_transpose(g, w, **settings))


def test_convolve_transpose_takes_pairs_of_padding():
    x, w = whole(1, 1, 5), whole(1, 1, 4)
    assert np.array_equal(run_transpose(x, w, padding=((1, 2),)), run_transpose(x, w)[..., 1:-2])


# ---------------------------------------------------------------------------------------------------- derivatives


def test_the_operation_cuts_off_what_negative_padding_says():
    parameters = {"stride": (1,), "dilation": (1,), "input_dilation": (2,)}
    x, w = whole(1, 1, 1, 5), np.ones((1, 1, 1, 1))
    for before, after in product(range(-9, 3), repeat=2):
        spread = np.zeros(9)
        spread[::2] = x.ravel()
        spread = spread[max(0, -before) : 9 - max(0, -after)]
        expected = np.pad(spread, (max(0, before), max(0, after))) if 9 + before + after > 0 else []
        for meaning in (convolution.reference, convolution.exact):
            result = meaning(x, w, padding=((before, after),), **parameters)
            assert result.ravel().tolist() == list(expected), (before, after)


def test_the_gradient_of_a_network_is_exact_over_fractions():
    x, w = Input(ArrayType((1, 1, 4, 4), np.dtype(float))), Input(ArrayType((1, 1, 3, 3), np.dtype(float)))
    y = np.sum(convolve(x, w, padding=1, stride=2) ** 2)
    third = np.vectorize(Fraction, otypes=[object])(whole(1, 1, 4, 4)) / 3
    kernel = np.vectorize(Fraction, otypes=[object])(whole(1, 1, 3, 3)) / 7
    slopes = reverse([y], [constant(1.0)], [x, w])
    exact = evaluate_exactly(Graph([x, w], slopes), third, kernel)
    floats = cr.grad(lambda x, w: np.sum(run(x, w, padding=1, stride=2) ** 2), argnums=(0, 1))(
        third.astype(float), kernel.astype(float)
    )
    for precise, rounded in zip(exact, floats, strict=True):
        assert all(isinstance(value, Fraction) for value in precise.ravel())
        assert np.allclose(precise.astype(float), rounded, rtol=1e-13, atol=1e-13)


def test_rows_without_elements_have_derivatives():
    x, w = np.zeros((2, 1, 0)), whole(1, 1, 2)
    slopes = cr.grad(lambda x, w: np.sum(run(x, w, padding=1)), argnums=(0, 1))(x, w)
    assert [slope.shape for slope in slopes] == [x.shape, w.shape]
    assert not slopes[1].any()


@pytest.mark.parametrize("batched", [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize("groups", [1, 2])
def test_vmap_of_grad_is_a_loop(batched, groups):
    x, w = whole(3, 2, 4, 6), whole(3, 4, 4 // groups, 2)
    slope = cr.grad(lambda x, w: np.sum(run(x, w, stride=2, padding=1, groups=groups) ** 3), argnums=(0, 1))
    arguments = [value if many else value[0] for value, many in zip((x, w), batched, strict=True)]
    together = cr.vmap(slope, tuple(0 if many else None for many in batched))(*arguments)
    for k in range(3):
        alone = slope(*(value[k] if many else value for value, many in zip(arguments, batched, strict=True)))
        assert all(np.array_equal(many[k], one) for many, one in zip(together, alone, strict=True))


# ---------------------------------------------------------------------------------------------------- NumPy's own


@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize(("m", "n"), [(5, 1), (5, 2), (5, 3), (5, 4), (5, 5), (1, 1), (1, 4), (2, 5), (3, 4)])
def test_numpy_modes_at_all_lengths(function, mode, m, n):
    a, v = whole(m), whole(n, start=4)
    assert np.array_equal(cr.jit(lambda a, v: function(a, v, mode))(a, v), function(a, v, mode))


@pytest.mark.parametrize("dtypes", [(bool, bool), (np.int8, np.int8), (np.uint8, np.int16), (np.int64, np.float32)])
def test_numpy_dtypes(dtypes):
    a, v = np.array([1, 0, 3, 1]).astype(dtypes[0]), np.array([1, 1, 0]).astype(dtypes[1])
    for function in (np.convolve, np.correlate):
        result, expected = cr.jit(lambda a, v: function(a, v, "full"))(a, v), function(a, v, "full")  # noqa: B023
        assert result.dtype == expected.dtype
        assert np.array_equal(result, expected)


# -------------------------------------------------------------------------------------------------------- refusals


def refusal(kind, call) -> ChainruleError:
    with pytest.raises(kind) as caught:
        call()
    return caught.value


def test_channels_and_groups_that_do_not_go_together():
    error = refusal(ShapeError, lambda: run(whole(1, 3, 7), whole(2, 4, 3)))
    assert (error.operation, error.got) == ("convolve", "x (1, 3, 7) with 3")
    assert error.expected == "x with 4 channels, as w (2, 4, 3) in 1 groups takes"
    error = refusal(ShapeError, lambda: run_transpose(whole(1, 3, 7), whole(4, 2, 3)))
    assert (error.operation, error.got) == ("convolve_transpose", "x (1, 3, 7) with 3")
    assert "4 channels, as w (4, 2, 3)" in error.expected


@pytest.mark.parametrize("groups", [0, -1, 3, 2.0])
def test_groups_that_do_not_divide(groups):
    error = refusal(ArgumentError, lambda: run(whole(1, 4, 7), whole(4, 2, 3), groups=groups))
    assert (error.expected, error.got) == ("groups as a divisor of the 4 features", repr(groups))
    error = refusal(ArgumentError, lambda: run_transpose(whole(1, 4, 7), whole(4, 2, 3), groups=groups))
    assert (error.expected, error.got) == ("groups as a divisor of the 4 channels", repr(groups))


@pytest.mark.parametrize(
    ("x", "w"), [((3, 7), (2, 3)), ((7,), (1, 1, 3)), ((1, 1, 2, 2, 2, 2), (1, 1, 1, 1, 1, 1)), ((1, 1, 5), (1, 1, 0))]
)
def test_ranks_that_are_none(x, w):
    for function in (run, run_transpose):
        error = refusal(ShapeError, lambda: function(np.zeros(x), np.zeros(w)))  # noqa: B023
        assert error.got == f"x {x} and w {w}"


def test_a_kernel_that_does_not_fit():
    error = refusal(ShapeError, lambda: run(whole(1, 1, 4), whole(1, 1, 3), dilation=3, padding=1))
    assert error.expected == "room for a kernel of (3,) with dilation (3,)"
    assert error.got == "(4,) with padding ((1, 1),)"
    error = refusal(ShapeError, lambda: run_transpose(whole(1, 1, 2), whole(1, 1, 3), padding=2))
    assert error.expected == "a result of at least one place"
    assert error.got == "(2,) under a kernel of (3,) with padding ((2, 2),)"


def test_settings_that_are_none():
    x, w = whole(1, 1, 5), whole(1, 1, 2)
    assert refusal(ArgumentError, lambda: run(x, w, stride=0)).got == "0"
    assert refusal(ArgumentError, lambda: run(x, w, padding="full")).got == "'full'"
    assert refusal(ArgumentError, lambda: run(x, w, padding="same", stride=2)).got == "stride (2,)"
    error = refusal(ArgumentError, lambda: run_transpose(x, w, stride=2, output_padding=2))
    assert error.expected == "output_padding less than the stride (2,) or the dilation (1,)"
    assert error.got == "(2,)"


def test_dtypes_are_promoted_or_refused():
    assert run(whole(1, 1, 4).astype(np.float32), whole(1, 1, 2).astype(np.int8)).dtype == np.float32
    assert refusal(DtypeError, lambda: run(whole(1, 1, 4), whole(1, 1, 2).astype(complex))).got == "complex128"


@pytest.mark.parametrize("shapes", [((2, 2), (2,)), ((3,), (0,)), ((0,), (3,)), ((3,), (1, 3))])
def test_numpy_sequences_that_are_none(shapes):
    for function in (np.convolve, np.correlate):
        error = refusal(ShapeError, lambda: cr.jit(function)(*map(np.zeros, shapes)))  # noqa: B023
        assert error.operation == function.__name__
        assert error.got == f"{shapes[0]} and {shapes[1]}"


def test_a_mode_that_is_none():
    error = refusal(ArgumentError, lambda: cr.jit(lambda x: np.convolve(x, x, "circular"))(np.ones(3)))
    assert error.got == "'circular'"
