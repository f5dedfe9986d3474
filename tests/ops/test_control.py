"""The operations with graphs inside: exact derivatives, what they leave out, batching, and their text."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.derive import batch, reverse
from chainrule.errors import DerivativeError
from chainrule.graph import OPERATIONS, Graph, Input, Node, apply, parse_graph, print_graph, verify
from chainrule.ops.bodies import Enclosing, frontier
from chainrule.ops.call import checkpoint
from chainrule.ops.control import cond, while_loop
from chainrule.ops.loop import scan
from chainrule.types import ArrayType

ENCLOSING = [operation for operation in OPERATIONS.values() if isinstance(operation, Enclosing)]
SAMPLES = [(operation, sample) for operation in ENCLOSING for sample in operation.samples()]
NAMES = [f"{operation.name}-{k}" for k, (operation, _) in enumerate(SAMPLES)]


def number(name: str, value=1.0) -> Input:
    return Input(ArrayType.of(value), name)


def loops(graph: Graph, operation: Enclosing = scan) -> list[Node]:
    return [node for node in graph.nodes if node.operation is operation]


def exactly(function, *args):
    """The outputs of a function in fractions."""
    leaves = [np.asarray(argument, float) for argument in args]
    return [value.tolist() for value in cr.evaluate_exactly(cr.trace(function, *leaves), *args)]


def fractions(*values):
    return np.array([Fraction(value) for value in values], dtype=object)


# ---------------------------------------------------------------------------------------------------- derivatives


def test_gradient_of_a_scan_is_that_of_the_unrolled_loop_exactly():
    def looped(a, c, xs):
        last, ys = cr.scan(lambda c, x: (a * c * c + x, c * x), c, xs)
        return last * a + np.sum(ys * ys)

    def unrolled(a, c, xs):
        total = 0.0
        for x in xs:
            c, total = a * c * c + x, total + (c * x) ** 2
        return c * a + total

    args = Fraction(1, 3), Fraction(-2), fractions("1/2", 3, "-1/5", 2)
    gradient = exactly(cr.grad(looped, (0, 1, 2)), *args)
    assert gradient == exactly(cr.grad(unrolled, (0, 1, 2)), *args)
    hessian = exactly(lambda a, c, xs: cr.hessian(looped, (0, 1, 2))(a, c, xs), *args)
    assert hessian == exactly(lambda a, c, xs: cr.hessian(unrolled, (0, 1, 2))(a, c, xs), *args)


def test_a_scan_from_the_end():
    xs = np.array([1.0, 2.0, 3.0])
    last, ys = cr.scan(lambda c, x: (c * 2 + x, c), 0.0, xs, reverse=True)
    assert (last, ys.tolist()) == (((3.0 * 2) + 2) * 2 + 1, [8.0, 3.0, 0.0])
    slope = cr.grad(lambda xs: cr.scan(lambda c, x: (c * 2 + x, c), 0.0, xs, reverse=True)[0])(xs)
    assert slope.tolist() == [1.0, 2.0, 4.0]


def test_a_carry_that_moves_only_after_some_steps():
    """b takes its value from a, one step late: tangents and cotangents must find their way through both."""

    def late(x):
        (_, b), _ = cr.scan(lambda pair, _: ((pair[0] * x, pair[0]), None), (x, 1.0), length=3)
        return b

    assert exactly(cr.grad(late), Fraction(2)) == [Fraction(12)]
    assert exactly(lambda x: cr.jvp(late, (x,), (1.0,))[1], Fraction(2)) == [Fraction(12)]


def test_a_carry_that_forgets():
    def forgetful(x, y):
        return cr.scan(lambda c, y: (y * 3, c), x, y)

    x, y = np.float64(5), np.array([1.0, 2.0])
    assert [part.tolist() for part in cr.grad(lambda x, y: forgetful(x, y)[0], (0, 1))(x, y)] == [0.0, [0.0, 3.0]]
    assert [part.tolist() for part in cr.grad(lambda x, y: np.sum(forgetful(x, y)[1]), (0, 1))(x, y)] == [
        1.0,
        [3.0, 0.0],
    ]


def test_no_step_at_all():
    last, ys = cr.scan(lambda c, x: (c * x, np.stack([c, x])), 3.0, np.zeros(0))
    assert (last, ys.shape) == (3.0, (0, 2))
    slopes = cr.grad(lambda c, xs: cr.scan(lambda c, x: (c * x, x), c, xs)[0], (0, 1))(3.0, np.zeros(0))
    assert (slopes[0], slopes[1].shape) == (1.0, (0,))


def test_what_no_cotangent_reaches_is_left_out():
    a, b, c, x = (number(name) for name in "abcx")
    body = Graph([a, b, c, x], [a + c, b * x])
    operands = [number("A"), number("B"), number("C"), number("X", np.zeros(3))]
    node = scan(*operands, body=body, constants=2, carries=1, length=3, reverse=False, save=())
    last, _ = node.results
    by_a, by_b, by_c, by_x = reverse([last], [number("g")], operands)
    assert by_b is None
    assert by_x is None
    assert by_a is not None
    assert by_c is not None
    pulled = loops(Graph([], [by_a, by_c]))
    assert len(pulled) == 1, "the sum needs no carry, so the loop need not run again"
    assert pulled[0].parameters["carries"] == 2, "the cotangent of c, and the sum for a"


def test_only_the_carries_that_are_needed_are_saved():
    def loss(x):
        (squares, _), _ = cr.scan(lambda pair, _: ((pair[0] * pair[0] * x, pair[1] + x), None), (x, 0.0), length=4)
        return squares

    saved = [node.parameters["save"] for node in loops(cr.trace(cr.grad(loss), 2.0))]
    assert sorted(saved) == [(), (0,)]


def test_cotangents_that_nobody_wants_are_not_computed():
    graph = cr.trace(
        cr.grad(lambda w, xs: cr.scan(lambda c, x: (np.tanh(c * w + x), None), 0.0, xs)[0]), 0.5, np.ones(3)
    )
    backward = next(node for node in loops(graph) if node.parameters["reverse"])
    assert len(backward.type) == 2, "the cotangent of the carry and of w; none for xs"


def test_integers_carry_no_cotangent():
    def power(x):
        (_, y), _ = cr.scan(lambda pair, _: ((pair[0] + 1, pair[1] * x * pair[0]), None), (1, 1.0), length=3)
        return y

    assert exactly(cr.grad(power), Fraction(2)) == [Fraction(6 * 3 * 4)]


def test_both_branches_give_cotangents_for_the_same_operands():
    def choose(p, x, y):
        return cr.cond(p > 0, lambda: x * x, lambda: 3 * y)

    for p, expected in ((1.0, [4.0, 0.0]), (-1.0, [0.0, 3.0])):
        assert [float(g) for g in cr.grad(choose, (1, 2))(p, 2.0, 5.0)] == expected
        assert (
            float(cr.jvp(lambda x, y, p=p: choose(p, x, y), (2.0, 5.0), (10.0, 100.0))[1])
            == 10 * expected[0] + 100 * expected[1]
        )


def test_branches_without_any_derivative():
    assert cr.grad(lambda x: x + cr.cond(x > 0, lambda: np.sign(x), lambda: 0.0))(2.0) == 1.0
    assert cr.jvp(lambda x: cr.cond(x > 0, lambda: np.sign(x), lambda: 0.0), (2.0,), (1.0,))[1] == 0.0


def test_a_while_loop_without_a_bound_has_no_reverse_mode():
    x, y = number("x"), number("x")
    node = while_loop(number("a"), condition=Graph([x], [x > 1]), body=Graph([y], [y / 2]), constants=0, steps=None)
    with pytest.raises(DerivativeError, match=r"max_steps=None\. Give max_steps="):
        reverse(node.results, [number("g")], node.operands)


def test_a_bound_ends_the_loop_in_every_mode():
    def double(x):
        return cr.while_loop(lambda y: y < 1000, lambda y: y * 2, x, max_steps=3)

    assert double(1.0) == 8.0
    assert exactly(double, Fraction(1)) == [8]
    assert cr.grad(double)(1.0) == 8.0
    assert cr.jvp(double, (1.0,), (1.0,)) == (8.0, 8.0)
    assert cr.vmap(double)(np.array([1.0, 400.0, 2000.0])).tolist() == [8.0, 1600.0, 2000.0]
    assert cr.vmap(cr.grad(double))(np.array([1.0, 400.0, 2000.0])).tolist() == [8.0, 4.0, 1.0]
    assert cr.while_loop(lambda y: y < 10, lambda y: y + 1, 0, max_steps=0) == 0


# ------------------------------------------------------------------------------------------------------- batching


def test_a_counter_is_not_batched_with_its_neighbours():
    n, v = number("n", 1), number("v")
    body = Graph([n, v], [n + 1, v * 2])
    node = scan(number("N", 1), number("V"), body=body, constants=0, carries=2, length=3, reverse=False, save=())
    many = batch(
        node.results, node.operands, [node.operands[0], Input(ArrayType.of(np.zeros(5)), "V")], [False, True], 5
    )
    assert [part.type for part in loops(Graph([], many))[0].operands] == [ArrayType.of(1), ArrayType.of(np.zeros(5))]
    assert [str(part.type) for part in many] == ["int64[5]", "float64[5]"]


def test_a_predicate_that_is_the_same_for_all_stays_a_choice():
    x, y = number("x"), number("x")
    node = cond(Input(ArrayType.of(True), "p"), number("a"), then=Graph([x], [x * 2]), otherwise=Graph([y], [y]))
    predicate, operand = node.operands
    for flags, remains in (([False, True], 1), ([True, False], 0), ([True, True], 0)):
        inputs = [
            Input(ArrayType((3,) * flag, old.dtype), "many")
            for flag, old in zip(flags, (predicate, operand), strict=True)
        ]
        many = batch(node.results, node.operands, inputs, flags, 3)
        assert len(loops(Graph([], many), cond)) == remains
        assert many[0].shape == (3,)


def test_examples_end_at_their_own_step():
    def halve(x, limit):
        return cr.while_loop(lambda pair: pair[0] > limit, lambda pair: (pair[0] / 2, pair[1] + 1), (x, 0))

    x, limit = np.array([9.0, 1.0, 100.0]), np.array([2.0, 5.0, 0.5])
    both = cr.vmap(halve)(x, limit)
    by_limit = cr.vmap(halve, in_axes=(None, 0))(9.0, limit)
    for k in range(3):
        assert [part[k] for part in both] == list(halve(x[k], limit[k]))
        assert [part[k] for part in by_limit] == list(halve(9.0, limit[k]))


def test_a_condition_that_is_the_same_for_all_stays_one():
    def counted(x):
        return cr.while_loop(lambda pair: pair[0] < 3, lambda pair: (pair[0] + 1, pair[1] * x), (0, x))

    graph = cr.trace(cr.vmap(counted), np.array([2.0, 3.0]))
    assert [str(node.type) for node in loops(graph, while_loop)[0].operands][1:] == ["int64[]", "float64[2]"]
    assert [part.tolist() for part in cr.vmap(counted)(np.array([2.0, 3.0]))] == [[3, 3], [16.0, 81.0]]


# ----------------------------------------------------------------------------------------------------- the text, etc.


@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=NAMES)
def test_graphs_inside_are_printed_and_read_back(operation, sample):
    values = [np.asarray(operand) for operand in sample.operands]
    values = [value.astype(float) if value.dtype == object else value for value in values]
    inputs = [Input(ArrayType.of(value), f"x{k}") for k, value in enumerate(values)]
    graph = Graph(inputs, apply(operation, tuple(inputs), sample.parameters).results)
    again = parse_graph(print_graph(graph, whole=True))
    for one, other in zip(cr.evaluate(verify(graph), *values), cr.evaluate(verify(again), *values), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("operation", "sample"), SAMPLES, ids=NAMES)
def test_derivatives_are_well_formed_graphs(operation, sample):
    inputs = [
        Input(ArrayType.of(np.asarray(x, bool if x.dtype == bool else float if x.dtype == object else x.dtype)), "x")
        for x in map(np.asarray, sample.operands)
    ]
    results = apply(operation, tuple(inputs), sample.parameters).results
    floating = [node for node in results if node.dtype.kind == "f"]
    seeds = [Input(node.type, "g") for node in floating]
    once = [node for node in reverse(floating, seeds, inputs) if node is not None]
    verify(Graph([*inputs, *seeds], once))
    more = [Input(node.type, "h") for node in once]
    twice = [node for node in reverse(once, more, [*inputs, *seeds]) if node is not None]
    verify(Graph([*inputs, *seeds, *more], twice))


def test_a_checkpoint_keeps_its_recomputation_apart():
    """The first call and the call in the backward pass must not become one: that would keep what is inside."""
    graph = cr.trace(cr.grad(lambda x: cr.checkpoint(lambda x: np.sin(np.exp(x)))(x)), 0.5)
    assert not [node for node in graph.nodes if node.operation is OPERATIONS["exp"]]
    assert len(loops(graph, checkpoint)) == 1, "the value is not asked for, so only the backward call is there"


def test_the_frontier_takes_results_apart():
    """All results of an older node as one are no value; the single results are."""
    older = apply(*_pair(number("x")))
    mark = number("mark").serial
    own = number("own")
    taken = frontier([older.results[0] * own], [own], mark, hoist=False)
    assert [node.operation.name for node in taken] == ["project"]


def _pair(x):
    a = number("a")
    return checkpoint, (x,), {"body": Graph([a], [a + 1, a * 2])}
