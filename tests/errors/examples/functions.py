"""Errors of `functions/`: derivatives, `vmap`, rules of one's own, the check of derivatives."""

import numpy as np

import chainrule as cr


@cr.custom_vjp
def square(x):
    return x * x


@cr.custom_vjp
def without_a_rule(x):
    return x * x


def squared_with(forward, backward):
    """The square with a rule of one's own."""
    return cr.grad(cr.custom_vjp(lambda x: x * x).define(forward, backward))(3.0)


@cr.custom_vjp
def wrong(x):
    return np.sin(x)


wrong.define(lambda x: (np.sin(x), x), lambda x, g: (g * np.sin(x),))


def closing_over(y):
    rule = cr.custom_vjp(lambda x: x * y)
    return rule.define(lambda x: (x * y, ()), lambda _, g: (g * y,))(2.0)


def forward_through_a_rule_that_is_not_linear():
    rule = cr.custom_vjp(lambda x: x * x).define(lambda x: (x * x, x), lambda x, g: (g * g * x,))
    return cr.jvp(rule, (3.0,), (1.0,))


def pullback_of_two(*cotangents):
    _, pullback = cr.vjp(lambda x: (x, 2 * x), 1.0)
    return pullback(*cotangents)


def pushforward_of_two(*tangents):
    _, pushforward = cr.linearize(lambda x, y: x * y, 1.0, np.ones(2))
    return pushforward(*tangents)


TWO, MANY = np.ones(2), np.ones((3, 2))

EXAMPLES = [
    ("grad of a vector", lambda: cr.grad(lambda x: 2 * x)(TWO)),
    ("a stage that there is not", lambda: cr.jit(lambda x: 2 * x).show(TWO, after="magic")),
    ("grad of a pair", lambda: cr.grad(lambda x: (x, x))(1.0)),
    ("grad of an integer result", lambda: cr.grad(lambda x: np.sum(x > 0))(TWO)),
    ("grad by an integer", lambda: cr.grad(lambda n: n * 1.5)(3)),
    ("grad by a part that is no number", lambda: cr.grad(lambda p: p["w"] * 1.5)({"w": 1.0, "kind": "relu"})),
    ("grad by an argument that is not there", lambda: cr.grad(lambda x: x * x, argnums=1)(3.0)),
    ("grad by an argument's name", lambda: cr.grad(lambda x: x * x, argnums="x")(3.0)),
    ("grad without an argument", lambda: cr.grad(lambda x=1.0: x * x)()),
    ("jacobian by an integer", lambda: cr.jacobian(lambda n: n * TWO)(3)),
    ("hvp of a vector", lambda: cr.hvp(lambda x: x * x, (TWO,), (TWO,))),
    ("jvp without arguments", lambda: cr.jvp(lambda: 1.0, (), ())),
    ("jvp of a point that is no tuple", lambda: cr.jvp(np.sin, 1.0, 1.0)),
    ("jvp with too few tangents", lambda: cr.jvp(lambda x, y: x * y, (1.0, 2.0), (1.0,))),
    ("jvp with a tangent of another shape", lambda: cr.jvp(np.sin, (TWO,), (np.ones(3),))),
    ("jvp with a tangent that is no number", lambda: cr.jvp(np.sin, (1.0,), ("one",))),
    ("vjp with two cotangents for a tuple", lambda: pullback_of_two(1.0, 2.0)),
    ("vjp with a cotangent of another structure", lambda: pullback_of_two([1.0, 2.0])),
    ("vjp with a cotangent of another shape", lambda: pullback_of_two((1.0, TWO))),
    ("linearize with a tangent too few", lambda: pushforward_of_two(1.0)),
    ("linearize with a tangent of another shape", lambda: pushforward_of_two(1.0, 1.0)),
    ("vmap of different numbers of examples", lambda: cr.vmap(np.dot)(MANY, np.ones((4, 2)))),
    ("vmap without an axis", lambda: cr.vmap(np.sin, in_axes=None)(TWO)),
    ("vmap of no arguments", lambda: cr.vmap(lambda: 1.0)()),
    ("vmap over an axis that is not there", lambda: cr.vmap(np.sin, in_axes=1)(TWO)),
    ("vmap over a number", lambda: cr.vmap(lambda x, y: x * y)(TWO, 3.0)),
    ("vmap with an axis too few", lambda: cr.vmap(lambda x, y: x * y, in_axes=(0,))(TWO, TWO)),
    ("vmap with axes of another structure", lambda: cr.vmap(lambda p: p["w"], in_axes=({"w": 0, "b": 0},))({"w": TWO})),
    ("vmap with an axis that is no integer", lambda: cr.vmap(np.sin, in_axes=0.0)(TWO)),
    ("vmap with other keys", lambda: cr.vmap(lambda p: p["w"], in_axes=({"b": 0},))({"w": TWO})),
    ("vmap with out_axes of another structure", lambda: cr.vmap(lambda x: (x, x), out_axes=(0, 0, 0))(TWO)),
    ("vmap without an axis for the result", lambda: cr.vmap(np.sin, out_axes=None)(TWO)),
    ("vmap with an out_axes that is not there", lambda: cr.vmap(np.sin, out_axes=2)(TWO)),
    ("custom_vjp without a rule", lambda: cr.grad(without_a_rule)(3.0)),
    ("a forward that gives no pair", lambda: squared_with(lambda x: x * x, lambda x, g: (g * x,))),
    ("a forward with another result", lambda: squared_with(lambda x: ((x, x), x), lambda x, g: (g * x,))),
    ("a forward with a result of another shape", lambda: squared_with(lambda x: (x * TWO, x), lambda x, g: (g * x,))),
    ("a backward that gives no tuple", lambda: squared_with(lambda x: (x * x, x), lambda x, g: 2 * g * x)),
    ("a backward with a cotangent too many", lambda: squared_with(lambda x: (x * x, x), lambda x, g: (g, g))),
    ("a backward of another shape", lambda: squared_with(lambda x: (x * x, x), lambda x, g: (g * x * TWO,))),
    ("a rule that closes over a traced value", lambda: cr.grad(closing_over)(3.0)),
    ("forward mode through a rule that is not linear", forward_through_a_rule_that_is_not_linear),
    ("a wrong derivative", lambda: cr.check_grads(wrong, (1.0,), modes=["reverse"])),
    ("a wrong second derivative", lambda: cr.check_grads(lambda x: np.abs(x) ** 1.5, (0.0,))),
    ("check_grads with an unknown mode", lambda: cr.check_grads(np.sin, (1.0,), modes=["backward"])),
    ("check_grads of an unknown order", lambda: cr.check_grads(np.sin, (1.0,), order=0)),
    ("check_grads at no point", lambda: cr.check_grads(lambda: 1.0, ())),
    ("check_grads of an integer result", lambda: cr.check_grads(np.argmax, (np.ones(2),))),
    ("check_grads at a point that is no tuple", lambda: cr.check_grads(np.sin, 1.0)),
    ("check_grads by an integer", lambda: cr.check_grads(lambda n: n * 1.5, (np.array(3),))),
]
