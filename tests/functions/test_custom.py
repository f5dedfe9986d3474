"""checkpoint, custom_vjp and stop_gradient: what they change about derivatives, and what they leave alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, DerivativeError, DtypeError, ShapeError, StructureError
from chainrule.graph import OPERATIONS
from chainrule.native.build import build
from chainrule.simplify import simplify

RANDOM = np.random.default_rng(1)
W, XS = RANDOM.normal(size=(2, 2)), RANDOM.normal(size=(5, 2))


def nodes(graph, name):
    return [node for node in graph.nodes if node.operation is OPERATIONS[name]]


# --------------------------------------------------------------------------------------------------- stop_gradient


def test_stop_gradient_over_a_tree():
    tree = cr.stop_gradient({"a": np.ones(2), "b": (2, "text", None)})
    assert tree["a"].tolist() == [1.0, 1.0]
    assert tree["b"] == (2, "text", None)
    loss = lambda p: np.sum(p["a"] * cr.stop_gradient(p)["a"])  # noqa: E731
    assert cr.grad(loss)({"a": np.array([2.0, 3.0])})["a"].tolist() == [2.0, 3.0]
    assert cr.jvp(cr.stop_gradient, (2.0,), (1.0,)) == (2.0, 0.0)


# ------------------------------------------------------------------------------------------------------ checkpoint


def test_checkpoint_changes_no_number():
    layer = lambda w, x: (np.tanh(w @ x), np.sum(x))  # noqa: E731
    saved = cr.checkpoint(layer)
    assert [part.tolist() for part in cr.jit(saved)(W, XS[0])] == [part.tolist() for part in cr.jit(layer)(W, XS[0])]
    cr.check_grads(saved, (W, XS[0]))
    cr.check_grads(cr.vmap(saved, (None, 0)), (W, XS))
    assert cr.checkpoint(layer)(w=W, x=XS[0])[1] == XS[0].sum()


def test_checkpoint_in_a_scan():
    def loss(w, xs, wrap=cr.checkpoint):
        step = wrap(lambda h, x: np.tanh(w @ np.tanh(w @ h + x)))
        return np.sum(cr.scan(lambda h, x: (step(h, x), h), np.zeros(2), xs)[0] ** 2)

    plain = cr.grad(lambda w: loss(w, XS, lambda f: f))(W)
    np.testing.assert_allclose(cr.grad(lambda w: loss(w, XS))(W), plain, rtol=1e-13)
    cr.check_grads(lambda w, xs: loss(w, xs), (W, XS))
    cr.check_grads(cr.vmap(lambda w, xs: loss(w, xs), (None, 0)), (W, np.stack([XS, -XS])))


def deep(x, wrap):
    """Ten groups of eight layers."""
    for _ in range(10):
        x = wrap(lambda x: np.sin(np.sin(np.sin(np.sin(np.sin(np.sin(np.sin(np.sin(x)))))))))(x)
    return np.sum(x)


def test_checkpoint_keeps_nothing_of_the_inside(monkeypatch):
    monkeypatch.setenv("CHAINRULE_COMPILE", "off")

    def peak(wrap):
        slope = cr.grad(lambda x: deep(x, wrap))
        slope(np.ones(10_000))
        tracemalloc.start()
        slope(np.ones(10_000))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(cr.checkpoint) < 0.4 * peak(lambda f: f)


def test_checkpoint_keeps_nothing_of_the_inside_in_machine_code():
    def arena(wrap):
        return build(simplify(cr.trace(cr.grad(lambda x: deep(x, wrap)), np.ones(10_000)))).arena

    assert arena(cr.checkpoint) < 0.4 * arena(lambda f: f)


def test_checkpoint_closes_over_traced_values_and_decides():
    def f(x, y):
        z = np.exp(y)

        @cr.checkpoint
        def inside(x):
            return x * z if x > 0 else x * x + z

        return inside(x)

    assert [float(g) for g in cr.grad(f, (0, 1))(2.0, 0.0)] == [1.0, 2.0]
    assert [float(g) for g in cr.grad(f, (0, 1))(-2.0, 0.0)] == [-4.0, 1.0]
    slope = cr.jit(cr.grad(f))
    assert [float(slope(x, 0.0)) for x in (2.0, -2.0, 3.0)] == [1.0, -4.0, 1.0]


def test_checkpoint_of_what_it_closes_over_alone():
    assert cr.grad(lambda x: cr.checkpoint(lambda: np.exp(np.sin(x)))())(0.0) == 1.0


def test_what_a_wrapped_function_closes_over_is_watched():
    factor = 2.0
    scaled = cr.checkpoint(lambda x: x * factor)
    ruled = cr.custom_vjp(lambda x: x * factor).define(lambda x: (x, None), lambda _, g: (g,))
    both = cr.jit(lambda x: scaled(x) + ruled(x))
    assert (scaled(1.0), ruled(1.0), both(1.0)) == (2.0, 2.0, 4.0)
    factor = 3.0
    assert (scaled(1.0), ruled(1.0), both(1.0)) == (3.0, 3.0, 6.0)


def test_checkpoint_of_integers():
    assert cr.checkpoint(lambda n: n + 1)(3) == 4
    assert cr.grad(lambda x: x * cr.checkpoint(lambda x: np.sign(x).astype(int))(x))(2.0) == 1.0


# ------------------------------------------------------------------------------------------------------ custom_vjp


def product(**changes):
    """sin(x) y with a rule of its own, or with parts of it replaced."""

    @cr.custom_vjp
    def f(x, y):
        """A docstring."""
        return np.sin(x) * y

    forward = changes.get("forward", lambda x, y: (f(x, y), (x, y)))
    backward = changes.get("backward", lambda kept, g: (np.cos(kept[0]) * kept[1] * g, np.sin(kept[0]) * g))
    return f.define(forward, backward)


def test_a_rule_that_is_right_is_right_in_both_modes_to_second_order():
    f = product()
    assert f.__name__ == "f"
    assert f.__doc__ == "A docstring."
    assert f(0.5, y=2.0) == f(0.5, 2.0) == np.sin(0.5) * 2
    cr.check_grads(f, (0.3, 0.4))
    for axes in ((0, 0), (None, 0), (0, None)):
        x, y = (np.array([0.3, 0.7]) if axis == 0 else 0.4 for axis in axes)
        cr.check_grads(cr.vmap(f, axes), (x, y))
    assert cr.grad(cr.grad(cr.grad(f)))(0.3, 0.4) == pytest.approx(-np.cos(0.3) * 0.4, rel=1e-13)


def test_the_rule_is_what_derivatives_use():
    clip = cr.custom_vjp(np.round).define(lambda x: (np.round(x), None), lambda _, g: (2 * g,))
    assert cr.grad(lambda x: clip(x) * 3)(1.4) == 6.0
    assert cr.jvp(clip, (1.4,), (1.0,)) == (1.0, 2.0)
    assert cr.vmap(cr.grad(clip))(np.array([1.4, 2.6])).tolist() == [2.0, 2.0]
    assert cr.grad(lambda x: cr.scan(lambda c, _: (clip(c) * x, None), 1.0, length=2)[0])(1.0) == 3.0


def test_defvjp_is_define():
    f = cr.custom_vjp(lambda x: x * 1.0)
    f.defvjp(lambda x: (x, ()), lambda _, g: (g * 5,))
    assert cr.grad(f)(1.0) == 5.0


def test_the_value_is_computed_once():
    graph = cr.trace(cr.value_and_grad(product()), 0.3, 0.4)
    forward = [node.parameters["keep"] for node in nodes(graph, "custom_vjp")]
    assert sorted(forward) == [False, True]
    from chainrule.simplify.share_loops import share_loops

    assert [node.parameters["keep"] for node in nodes(share_loops(graph), "custom_vjp")] == [True]


def test_trees_integers_and_settings():
    @cr.custom_vjp
    def f(tree, n, how):
        return {"value": tree["a"] * tree["b"][0] * n, "count": n, "how": np.int64(len(how))}

    def backward(kept, g):
        assert g["count"] is None
        _, b, n = kept
        return {"a": b * n * g["value"], "b": None}, None, None

    f.define(lambda tree, n, how: (f(tree, n, how), (tree["a"], tree["b"][0], n)), backward)
    tree = {"a": 2.0, "b": [3.0]}
    assert cr.grad(lambda tree: f(tree, 4, "abc")["value"])(tree) == {"a": 12.0, "b": [0.0]}
    assert f(tree, 4, how="abc") == {"value": 24.0, "count": 4, "how": 3}


def test_a_cotangent_of_another_dtype_is_converted():
    f = cr.custom_vjp(lambda x: x * 2).define(lambda x: (x * 2, None), lambda _, g: (g.astype(np.float64),))
    assert cr.grad(f)(np.float32(1)).dtype == np.float32


def test_a_rule_that_decides_is_traced_for_each_decision():
    def forward(x):
        return np.abs(x), (1.0 if x > 0 else -1.0)

    size = cr.custom_vjp(np.abs).define(forward, lambda sign, g: (sign * g,))
    slope = cr.grad(lambda x: size(x) * 3)
    assert [float(slope(x)) for x in (2.0, -2.0, 5.0)] == [3.0, -3.0, 3.0]


def test_a_rule_with_a_gradient_in_it():
    """vjp guards against zero times infinity; seen through that guard the rule is linear, so forward mode works."""
    inner = lambda x: np.sin(x) * x  # noqa: E731
    f = cr.custom_vjp(inner).define(lambda x: (inner(x), x), lambda x, g: cr.vjp(inner, x)[1](g))
    cr.check_grads(f, (0.7,))
    two = cr.custom_vjp(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0)))
    two.define(lambda x: (two(x), x), lambda x, g: cr.vjp(two.function, x)[1](g))
    assert cr.grad(two)(np.array([0.0, 4.0])).tolist() == [0.0, 0.25]
    assert cr.jvp(two, (np.array([0.0, 4.0]),), (np.array([1.0, 1.0]),))[1] == 0.25


def test_a_rule_that_is_not_linear_has_no_forward_mode():
    f = product(backward=lambda kept, g: (np.clip(g, -1, 1), None))
    assert cr.grad(f)(1.0, 2.0) == 1.0
    with pytest.raises(DerivativeError, match="a backward that is linear in the cotangent"):
        cr.jvp(f, (1.0, 2.0), (1.0, 1.0))


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (cr.custom_vjp(np.add), ArgumentError, "a rule for reverse mode; got 'add' without one"),
        (product(forward=lambda x, y: x * y), StructureError, "to return a pair (result, residuals); got one value"),
        (
            product(forward=lambda x, y: ((x, y), None)),
            StructureError,
            "to return the function's result first: one value; got tuple(*, *)",
        ),
        (
            product(forward=lambda x, y: (np.stack([x, y]), None), backward=lambda _, g: (None, None)),
            ShapeError,
            "result 0 of forward, as of the function, of type float64[]; got float64[2]",
        ),
        (
            product(forward=lambda x, y: (1, None), backward=lambda _, g: (1, 1)),
            DtypeError,
            "of type float64[]; got int64[]",
        ),
        (
            product(backward=lambda kept, g: (g,)),
            StructureError,
            "a cotangent for each argument: tuple(*, *); got tuple(*)",
        ),
        (
            product(backward=lambda kept, g: g),
            StructureError,
            "a cotangent for each argument: tuple(*, *); got one value",
        ),
        (product(backward=lambda kept, g: ((g, g), g)), StructureError, "tuple(*, *); got tuple(tuple(*, *), *)"),
        (
            product(backward=lambda kept, g: (np.zeros(2), g)),
            ShapeError,
            "a cotangent of x of type float64[]; got float64[2]",
        ),
    ],
)
def test_custom_vjp_refuses(f, error, words):
    with pytest.raises(error) as caught:
        f(1.0, 2.0)
    assert words in str(caught.value)
    assert caught.value.operation == "custom_vjp"


def test_a_closure_over_a_traced_value_is_refused():
    def f(x):
        return cr.custom_vjp(lambda y: x * y).define(lambda y: (y, None), lambda _, g: (g,))(x)

    with pytest.raises(
        ArgumentError,
        match=r"the function to get every traced value as an argument; got a closure over x of type float64\[\]",
    ):
        cr.grad(f)(2.0)
