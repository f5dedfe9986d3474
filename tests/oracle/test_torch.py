"""PyTorch as an independent oracle: value, gradient, forward derivative and second derivative of what both have."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import chainrule as cr
from chainrule import nn
from chainrule.graph import FUNCTIONS, name_of
from chainrule.pytree import flatten
from tests.cases import all_cases
from tests.oracle.pairs import all_pairs, pair

torch.set_num_threads(1)
# torch.func.jvp itself uses what PyTorch deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated:DeprecationWarning")
PAIRS = all_pairs()

SHAPES = "it tells of shapes and dtypes, not of values"
CONTAINER = "it holds layers, whose functions are compared"
NOT_IN_TORCH = {
    "numpy.heaviside": "PyTorch has its value without a derivative",
    "numpy.heaviside.outer": "PyTorch has its value without a derivative",
    "numpy.ndim": SHAPES,
    "numpy.shape": SHAPES,
    "numpy.size": SHAPES,
    "numpy.result_type": SHAPES,
    "chainrule.nn.ACTIVATIONS": CONTAINER,
    "chainrule.nn.Sequential": CONTAINER,
    "chainrule.nn.module": CONTAINER,
    "chainrule.nn.multilayer_perceptron": CONTAINER,
}


# ----------------------------------------------------------------------------------------------- both sides in one form


def outputs(function):
    """The function with its results as a tuple, whatever container it returns."""
    return lambda *xs: tuple(flatten(function(*xs))[0])


def drawn(like, seed):
    """Random numbers in the shapes of some arrays."""
    draw = np.random.default_rng(seed)
    return tuple(draw.normal(size=np.shape(array)) for array in like)


def inner(xs, ys):
    """The inner product of two tuples of arrays or tensors."""
    return sum((x * y).sum() for x, y in zip(xs, ys, strict=True))


def tensors(arrays, requires_grad=False):
    """The arrays for PyTorch."""
    return tuple(torch.tensor(array, requires_grad=requires_grad) for array in arrays)


def slopes(number, xs):
    """PyTorch's gradient of a number, itself differentiable; zeros where it depends on nothing."""
    if not number.requires_grad:
        return tuple(map(torch.zeros_like, xs))
    return torch.autograd.grad(number, xs, create_graph=True, materialize_grads=True)


def compare(found, expected, tolerance):
    """Equal shapes, dtypes and numbers; an absolute error is measured by the largest number of its array."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one), other.numpy(force=True)
        assert one.shape == other.shape
        assert one.dtype == other.dtype == np.float64
        scale = np.max(np.abs(other[np.isfinite(other)]), initial=1e-6)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)


# ------------------------------------------------------------------------------------------------ what is compared


def value(one):
    """The value, traced and evaluated."""
    compare(cr.jit(outputs(one.ours))(*one.arrays), outputs(one.theirs)(*tensors(one.arrays)), 1e-12)


def gradient(one):
    """The pullback of a random cotangent, by reverse mode."""
    values, pullback = cr.vjp(outputs(one.ours), *one.arrays)
    cotangents = drawn(values, 1)
    xs = tensors(one.arrays, requires_grad=True)
    compare(pullback(cotangents), slopes(inner(outputs(one.theirs)(*xs), tensors(cotangents)), xs), 1e-9)


def forward(one):
    """The derivative along a random tangent, by forward mode."""
    tangents = drawn(one.arrays, 2)
    _, expected = torch.func.jvp(outputs(one.theirs), tensors(one.arrays), tensors(tangents))
    compare(cr.jvp(outputs(one.ours), one.arrays, tangents)[1], expected, 1e-9)


def second(one):
    """The gradient of <v, gradient>: here by reverse over reverse, then by forward over reverse."""
    xs, directions = tensors(one.arrays, requires_grad=True), drawn(one.arrays, 3)
    values = outputs(one.theirs)(*xs)
    cotangents = drawn(values, 1)
    expected = slopes(inner(slopes(inner(values, tensors(cotangents)), xs), tensors(directions)), xs)

    def pulled(*arrays):
        return cr.vjp(outputs(one.ours), *arrays)[1](cotangents)

    along = cr.grad(lambda *arrays: inner(pulled(*arrays), directions), argnums=tuple(range(len(one.arrays))))
    compare(along(*one.arrays), expected, 1e-9)
    compare(cr.jvp(pulled, one.arrays, directions)[1], expected, 1e-9)


COMPARISONS = {"value": value, "gradient": gradient, "forward": forward, "second": second}


def comparison(quantity, one):
    """One quantity of one pair as a test; a known difference must still be there."""
    known = one.differs.get(quantity)
    marks = [pytest.mark.xfail(reason=known, raises=AssertionError, strict=True)] if known else []
    return pytest.param(COMPARISONS[quantity], one, id=f"{quantity}-{one.id}", marks=marks)


@pytest.mark.parametrize(("check", "one"), [comparison(quantity, one) for quantity in COMPARISONS for one in PAIRS])
def test_agrees_with_torch(check, one):
    check(one)


# --------------------------------------------------------------------------------------------- that nothing is left out


def to_compare():
    """Every function that may have a derivative: all there are, without those whose cases say that they have none."""
    registered = {name_of(function) for function in FUNCTIONS}
    smooth = {}
    for case in all_cases():
        smooth[case.name] = smooth.get(case.name, False) or case.differentiable
    ours = {f"chainrule.nn.{name}" for name in nn.__all__}
    return ours | {name for name in registered if smooth.get(name.removesuffix(".outer"), True)}


def test_every_differentiable_function_is_compared():
    undecided = to_compare() - {one.name for one in PAIRS} - set(NOT_IN_TORCH)
    assert not undecided, f"write pairs in tests/oracle/pairs, or say in NOT_IN_TORCH why not: {sorted(undecided)}"


def test_a_new_function_must_be_decided(monkeypatch):
    monkeypatch.setitem(FUNCTIONS, "numpy.planted", None)
    assert "numpy.planted" in to_compare()


def test_nothing_is_compared_that_is_not_there():
    known = {name_of(function) for function in FUNCTIONS} | to_compare()
    assert {one.name for one in PAIRS} | set(NOT_IN_TORCH) <= known
    assert not {one.name for one in PAIRS} & set(NOT_IN_TORCH)
    assert all(set(one.differs) <= set(COMPARISONS) for one in PAIRS)


def test_names_are_distinct():
    names = [one.id for one in PAIRS]
    assert len(set(names)) == len(names), sorted({name for name in names if names.count(name) > 1})


# ------------------------------------------------------------------------------------------------- that a fault is seen

POINTS = np.array([0.4, -1.3])
SOUND = pair("numpy.square", np.square, torch.square, POINTS)
FAULTS = [
    (value, lambda x: x**2 * (1 + 1e-11)),
    (value, lambda x: (x**2)[None]),
    (value, lambda x: (x**2).to(torch.float32)),
    (gradient, lambda x: x.detach() ** 2 + 2.00001 * x.detach() * (x - x.detach())),
    (forward, lambda x: x * x - (x - x.detach()) * 1e-6),
    (second, lambda x: x.detach() ** 2 + 2 * x.detach() * (x - x.detach())),
    (second, lambda x: x**2 + 1e-6 * (x - x.detach()) ** 2),
]


@pytest.mark.parametrize("check", COMPARISONS.values())
def test_a_sound_pair_passes(check):
    check(SOUND)


@pytest.mark.parametrize(("check", "wrong"), FAULTS)
def test_a_wrong_pair_is_caught(check, wrong):
    with pytest.raises(AssertionError):
        check(pair("numpy.square", np.square, wrong, POINTS))
