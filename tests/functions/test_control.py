"""scan, cond, while_loop and fori_loop as users write them: against Python's own loops and branches."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ConcreteError, DerivativeError, DtypeError, ShapeError, StructureError
from chainrule.graph import OPERATIONS

RANDOM = np.random.default_rng(0)
W, XS = RANDOM.normal(size=(2, 2)), RANDOM.normal(size=(5, 2))


def nodes(graph, name):
    return [node for node in graph.nodes if node.operation is OPERATIONS[name]]


def recurrent(w, xs):
    """A recurrent network, with a loss on its states and on what it puts out."""
    h, ys = cr.scan(lambda h, x: (np.tanh(w @ h + x), np.sum(h * x)), np.zeros(2), xs)
    return np.sum(h**2) + np.sum(ys**2)


def unrolled(w, xs):
    h, total = np.zeros(2), 0.0
    for x in xs:
        h, total = np.tanh(w @ h + x), total + np.sum(h * x) ** 2
    return np.sum(h**2) + total


# ------------------------------------------------------------------------------------------------------------- scan


def test_scan_runs_at_once_on_arrays():
    last, ys = cr.scan(lambda c, x: (c + x["a"] * x["b"], {"c": c}), 1.0, {"a": np.arange(3.0), "b": np.full(3, 2)})
    assert type(last) is np.float64
    assert last == 7.0
    assert ys["c"].tolist() == [1.0, 1.0, 3.0]
    assert ys["c"].flags.writeable


def test_scan_is_the_unrolled_loop():
    assert recurrent(W, XS) == pytest.approx(float(unrolled(W, XS)), rel=1e-14)
    for found, expected in zip(cr.grad(recurrent, (0, 1))(W, XS), cr.grad(unrolled, (0, 1))(W, XS), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_scan_to_second_order_in_every_order_of_modes():
    cr.check_grads(recurrent, (W, XS))


def test_scan_to_third_order():
    def seventh(x):
        return cr.scan(lambda c, _: (c * x, None), x, length=6)[0]

    assert cr.grad(cr.grad(cr.grad(seventh)))(2.0) == 7 * 6 * 5 * 2.0**4
    assert cr.jacfwd(cr.jacrev(cr.jacfwd(seventh)))(2.0) == 7 * 6 * 5 * 2.0**4


@pytest.mark.parametrize("in_axes", [(0, None), (None, 0), (0, 0)])
def test_scan_in_grad_in_vmap(in_axes):
    w, xs = (np.stack([a, 2 * a, -a]) if axis == 0 else a for a, axis in zip((W, XS), in_axes, strict=True))
    many = cr.vmap(cr.grad(recurrent, (0, 1)), in_axes)(w, xs)
    for k in range(3):
        single = cr.grad(unrolled, (0, 1))(
            *(a[k] if axis == 0 else a for a, axis in zip((w, xs), in_axes, strict=True))
        )
        for found, expected in zip(many, single, strict=True):
            np.testing.assert_allclose(found[k], expected, rtol=1e-12)


def test_vmap_in_scan_in_jit():
    step = cr.vmap(lambda h, x: h * x + 1, in_axes=(0, None))
    found = cr.jit(lambda h, xs: cr.scan(lambda h, x: (step(h, x), None), h, xs)[0])(
        np.arange(3.0), np.array([2.0, 3.0])
    )
    assert found.tolist() == [4.0, 10.0, 16.0]


def test_gradient_inside_a_scan():
    """Gradient descent as a scan, and the derivative of its result by the step size."""

    def descend(step):
        slope = cr.grad(lambda x: (x - 3) ** 2)
        return cr.scan(lambda x, _: (x - step * slope(x), x), 0.0, length=5)[0]

    assert descend(0.25) == 3 * (1 - 0.5**5)
    assert cr.grad(descend)(0.25) == pytest.approx(3 * 5 * 2 * 0.5**4, rel=1e-14)


def test_nested_scans():
    def nested(w, xs):
        inner = lambda h, x: cr.fori_loop(0, 3, lambda i, h: np.tanh(w @ h + x * i), h)  # noqa: E731
        return np.sum(cr.scan(lambda h, x: (inner(h, x), None), np.ones(2), xs)[0])

    cr.check_grads(nested, (W, XS))
    cr.check_grads(cr.vmap(nested, (None, 0)), (W, np.stack([XS, -XS])))


def test_a_scan_over_float32_stays_there():
    last, ys = cr.scan(lambda c, x: (c + x, c), 0.0, np.ones(3, np.float32))
    assert (last.dtype, ys.dtype) == (np.float32, np.float32)
    slope = cr.grad(lambda xs: cr.scan(lambda c, x: (c * x, None), 1.0, xs)[0])(np.full(3, 2, np.float32))
    assert slope.dtype == np.float32
    assert slope.tolist() == [4.0, 4.0, 4.0]


def test_python_numbers_in_a_carry_settle_one_after_the_other():
    (a, b, n), _ = cr.scan(lambda c, x: ((c[0] + x, c[1] + c[0], c[2] + 1), None), (0.0, 0, 0), np.ones(3, np.float32))
    assert [part.dtype.name for part in (a, b, n)] == ["float32", "float32", "int64"]
    assert (a, b, n) == (3.0, 3.0, 3)


def test_a_python_number_as_the_next_carry_takes_the_dtype_of_the_carry():
    last, _ = cr.scan(lambda c, x: (1, c + x), np.float32(0), np.ones(2, np.float32))
    assert last.dtype == np.float32


def test_a_traced_python_number_is_weak_in_a_carry_too():
    found = cr.jit(lambda start, xs: cr.scan(lambda c, x: (c + x, None), start, xs)[0])(0.0, np.ones(2, np.float32))
    assert found.dtype == np.float32


def test_a_float_does_not_become_an_integer():
    with pytest.raises(DtypeError, match=r"keeps the carry c of type float64\[\]; got int64\[\]"):
        cr.scan(lambda c, x: (x, c), 0.5, np.arange(3))


def test_what_is_the_same_in_every_step_is_computed_once():
    def loss(w, x):
        return cr.scan(lambda h, _: (h * np.sum(np.exp(w)) + np.sin(h), None), x, length=3)[0]

    graph = cr.trace(loss, W, 0.5)
    body = nodes(graph, "scan")[0].parameters["body"]
    assert not nodes(body, "exp")
    assert nodes(graph, "exp")
    assert nodes(body, "sin")
    cr.check_grads(loss, (W * 0.1, 0.5))


def test_closures_over_values_of_two_traces():
    def f(a):
        def g(b):
            return cr.scan(lambda c, _: (c * a + b, None), b, length=2)[0]

        return cr.grad(g)(a)

    assert f(3.0) == 13.0  # (b a + b) a + b, by b
    assert cr.grad(f)(3.0) == 7.0
    assert cr.vmap(f)(np.array([3.0, 2.0])).tolist() == [13.0, 7.0]


def test_python_may_decide_by_what_a_body_closes_over():
    @cr.jit
    def f(flag, x):
        return cr.scan(lambda c, _: (c * 2 if flag > 0 else c + 1, None), x, length=3)[0]

    assert f(1.0, 5.0) == 40.0
    assert f(-1.0, 5.0) == 8.0


def test_python_cannot_decide_by_what_a_body_is_given():
    for call in (
        lambda: cr.scan(lambda c, x: (c if x > 0 else -c, None), 1.0, np.ones(2)),
        lambda: cr.cond(True, lambda x: x if x > 0 else -x, lambda x: x, 1.0),
        lambda: cr.while_loop(lambda c: bool(c > 0), lambda c: c, 1.0),
        lambda: cr.fori_loop(0, 3, lambda i, c: c if i else -c, 1.0),
    ):
        with pytest.raises(ConcreteError) as caught:
            call()
        assert "Write chainrule.cond, chainrule.while_loop or np.where in place of" in str(caught.value)


def test_a_remembered_loop_sees_what_changed_around_it():
    factor = 2.0

    def step(c, x):
        return c * factor, x

    assert cr.scan(step, 1.0, np.zeros(3))[0] == 8.0
    factor = 3.0
    assert cr.scan(step, 1.0, np.zeros(3))[0] == 27.0
    assert cr.scan(step, 1.0, length=2)[0] == 9.0
    assert cr.scan(step, 1.0, length=1)[0] == 3.0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cr.scan(lambda c, x: c, 0.0, XS), StructureError, "<lambda> to return a pair (carry, y); got *"),
        (lambda: cr.scan(lambda c, x: (c, c, c), 0.0, XS), StructureError, "a pair (carry, y); got tuple(*, *, *)"),
        (lambda: cr.scan(lambda c, x: ([c], c), (0.0,), XS), StructureError, "tuple(*); got list(tuple(*))"),
        (
            lambda: cr.scan(lambda h, x: ({"a": h["a"][:1]}, None), {"a": np.zeros(2)}, XS),
            ShapeError,
            "keeps the carry h['a'] of type float64[2]; got float64[1]",
        ),
        (
            lambda: cr.scan(lambda c, x: (c + x, c), np.float32(0), np.zeros(3)),
            DtypeError,
            "keeps the carry c of type float32[]; got float64[]",
        ),
        (
            lambda: cr.scan(lambda c, x: (c, x), 0.0),
            ArgumentError,
            "xs or length, to know the number of steps; got xs without arrays and length=None",
        ),
        (lambda: cr.scan(lambda c, x: (c, x), 0.0, XS, length=4), ArgumentError, "length=5, as in xs; got length=4"),
        (lambda: cr.scan(lambda c, x: (c, x), 0.0, (XS, W)), ShapeError, "got 5 in xs[0], 2 in xs[1]"),
        (
            lambda: cr.scan(lambda c, x: (c, x), 0.0, [1.0, 2.0]),
            ShapeError,
            "an axis to go along in xs[0]; got float64[]",
        ),
        (lambda: cr.scan(lambda c, x: (c, x), "a", XS), StructureError, "arrays and numbers in init; got 'a' at init"),
        (
            lambda: cr.scan(lambda c, x: (c, "a"), 0.0, XS),
            StructureError,
            "arrays and numbers in result; got 'a' as result[1]",
        ),
        (lambda: cr.scan(lambda c, x: (c, x), 0.0, length=-1), ArgumentError, "at least 0 as length; got -1"),
        (lambda: cr.scan(lambda c, x: (c, x), 0.0, length=2.5), ArgumentError, "at least 0 as length; got 2.5"),
    ],
)
def test_scan_refuses(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert caught.value.operation == "scan"
    assert __file__ in str(caught.value)


# ------------------------------------------------------------------------------------------------------- fori_loop


def test_fori_loop_is_pythons():
    assert cr.fori_loop(2, 6, lambda i, c: c * 10 + i, 0) == 2345
    assert cr.fori_loop(np.int32(5), 3, lambda i, c: c + 1, 7) == 7
    assert cr.fori_loop(0, 3, lambda i, c: c * i, np.float32(1)).dtype == np.float32  # i is weak, as in range(3)
    cr.check_grads(lambda x: cr.fori_loop(1, 4, lambda i, c: np.sin(c * i) + x, x), (0.3,))


def test_fori_loop_with_traced_bounds():
    total = cr.jit(lambda start, stop: cr.fori_loop(start, stop, lambda i, c: c + i * 0.5, 0.0))
    assert total(2, 5) == 4.5
    assert total(0, 3) == 1.5
    power = lambda x, n: cr.fori_loop(0, n, lambda i, c: c * x, 1.0)  # noqa: E731
    assert cr.jacfwd(power)(2.0, 3) == 12.0
    assert cr.vmap(power)(np.array([2.0, 3.0]), np.array([3, 2])).tolist() == [8.0, 9.0]
    with pytest.raises(DerivativeError, match=r"int\(n\)"):
        cr.grad(power)(2.0, 3)


@pytest.mark.parametrize(
    ("start", "stop", "words"),
    [
        (0.5, 3, "start; got 0.5"),
        (0, XS, "stop; got float64[5, 2]"),
        (0, "a", "stop; got 'a'"),
        (True, 3, "start; got True"),
    ],
)
def test_fori_loop_refuses(start, stop, words):
    with pytest.raises(DtypeError) as caught:
        cr.fori_loop(start, stop, lambda i, c: c, 0)
    assert f"one integer as {words}" in str(caught.value)


# ------------------------------------------------------------------------------------------------------- while_loop


def newton(a, max_steps=None):
    """The square root of a, to convergence."""
    return cr.while_loop(lambda x: np.abs(x * x - a) > 1e-12 * a, lambda x: 0.5 * (x + a / x), a, max_steps)


def test_while_loop_to_convergence_with_its_derivative():
    assert newton(2.0) == pytest.approx(np.sqrt(2), rel=1e-14)
    assert cr.jvp(newton, (2.0,), (1.0,))[1] == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)
    assert cr.jacfwd(cr.jacfwd(newton))(2.0) == pytest.approx(-0.25 * 2**-1.5, rel=1e-8)
    assert cr.vmap(newton)(np.array([2.0, 9.0])) == pytest.approx(np.sqrt([2.0, 9.0]), rel=1e-14)


def test_while_loop_with_a_bound_in_reverse_mode():
    bounded = lambda a: newton(a, 20)  # noqa: E731
    assert cr.grad(bounded)(2.0) == pytest.approx(0.5 / np.sqrt(2), rel=1e-12)
    cr.check_grads(bounded, (2.0,))
    cr.check_grads(cr.vmap(bounded), (np.array([2.0, 100.0]),))


def test_while_loop_settles_python_numbers():
    (n, x) = cr.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] + np.float32(1)), (0, 0))
    assert (n.dtype, x.dtype) == (np.int64, np.float32)
    assert (n, x) == (3, 3.0)


def test_while_loop_by_a_number_and_by_what_it_closes_over():
    assert cr.while_loop(lambda c: c, lambda c: c - 1, 3) == 0
    assert cr.jit(lambda limit: cr.while_loop(lambda c: c < limit, lambda c: c + limit / 4, 0.0))(8.0) == 8.0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: cr.while_loop(lambda c: (c > 0,), lambda c: c, 3),
            StructureError,
            "a condition: one value; got tuple(*)",
        ),
        (
            lambda: cr.while_loop(lambda c: c > XS, lambda c: c, 3),
            ShapeError,
            "a condition of type bool[]; got bool[5, 2]",
        ),
        (lambda: cr.while_loop(lambda c: c > 0, lambda c: (c, c), 3), StructureError, "*; got tuple(*, *)"),
        (
            lambda: cr.while_loop(lambda c: c > 0, lambda c: np.stack([c, c]), 3),
            ShapeError,
            "keeps the carry c of type int64[]; got int64[2]",
        ),
        (
            lambda: cr.while_loop(lambda c: c > 0, lambda c: c, 3, max_steps=-1),
            ArgumentError,
            "at least 0 as max_steps; got -1",
        ),
        (lambda: cr.while_loop(lambda c: True, lambda c: c, None, max_steps="3"), ArgumentError, "got '3'"),
        (
            lambda: cr.grad(lambda x: cr.while_loop(lambda c: c > 0, lambda c: c - 1, x))(3.0),
            DerivativeError,
            "max_steps=None",
        ),
    ],
)
def test_while_loop_refuses(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert caught.value.operation == "while_loop"


# ------------------------------------------------------------------------------------------------------------- cond


def test_cond_is_pythons_if():
    assert cr.cond(True, np.sin, np.cos, 0.0) == 0.0
    assert cr.cond(0, lambda x, y: x, lambda x, y: y, 1, (2, 3)[1]) == 3
    assert cr.cond(XS.sum() > 1e9, lambda: {"a": 1}, lambda: {"a": 2}) == {"a": 2}


def test_cond_to_second_order():
    choose = lambda p, x: cr.cond(p > 0, lambda x: np.sin(x) * p, lambda x: p * x**2, x)  # noqa: E731
    for p in (0.3, -0.4):
        cr.check_grads(choose, (p, 1.3))
    cr.check_grads(cr.vmap(choose), (np.array([0.3, -0.4]), np.array([1.3, 2.0])))
    cr.check_grads(cr.vmap(choose, (None, 0)), (0.3, np.array([1.3, 2.0])))


def test_a_branch_that_is_not_taken_is_not_computed():
    """Its own work stays inside it, also what does not depend on its operands; a singular solve would raise."""

    @cr.jit
    def solve(a, b):
        return cr.cond(np.linalg.det(a) != 0, lambda: np.linalg.solve(a, b), lambda: b * 0)

    assert solve(np.zeros((2, 2)), np.ones(2)).tolist() == [0.0, 0.0]
    assert solve(np.eye(2), np.ones(2)).tolist() == [1.0, 1.0]


def test_what_was_computed_before_is_not_computed_in_the_branch_again():
    def f(p, x):
        y = np.exp(x)
        return cr.cond(p > 0, lambda: y * np.exp(2 * x), lambda: y)

    graph = cr.trace(f, 1.0, 2.0)
    assert len(nodes(graph, "exp")) == 1
    assert len(nodes(nodes(graph, "cond")[0].parameters["then"], "exp")) == 1


def test_python_numbers_take_the_dtype_of_the_other_branch():
    x = np.float32(2)
    assert cr.cond(False, lambda x: 1, lambda x: x, x).dtype == np.float32
    assert cr.cond(True, lambda x: x, lambda x: 0.5, x).dtype == np.float32
    assert cr.cond(True, lambda: 1, lambda: 0.5) == 1.0


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: cr.cond(XS > 0, np.sin, np.cos, 0.0), ShapeError, "a predicate of type bool[]; got bool[5, 2]"),
        (lambda: cr.cond((True,), np.sin, np.cos, 0.0), StructureError, "one truth value as predicate; got tuple(*)"),
        (lambda: cr.cond("yes", np.sin, np.cos, 0.0), StructureError, "got 'yes' at operands[0]"),
        (lambda: cr.cond(True, lambda x: x, lambda x: (x, x), 0.0), StructureError, "*; got tuple(*, *)"),
        (
            lambda: cr.cond(True, lambda x: x, lambda x: XS, 0.0),
            ShapeError,
            "result 0 of `otherwise`, as of `then`, of type float64[]; got float64[5, 2]",
        ),
        (lambda: cr.cond(True, lambda x: x, lambda x: np.int32(2), 0.0), DtypeError, "of type float64[]; got int32[]"),
    ],
)
def test_cond_refuses(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
    assert caught.value.operation == "cond"


# ------------------------------------------------------------------------------------------------------- long loops


def test_ten_thousand_steps():
    xs = np.full(10_000, 1e-4)
    total = lambda w, xs: cr.scan(lambda c, x: (c + w * x * np.cos(c), c), 0.0, xs)[0]  # noqa: E731
    value, (by_w, by_xs) = cr.value_and_grad(total, (0, 1))(1.0, xs)
    tangent = cr.jvp(lambda w: total(w, xs), (1.0,), (1.0,))
    assert tangent[0] == value
    assert tangent[1] == pytest.approx(float(by_w), rel=1e-10)
    assert by_xs.shape == xs.shape
    assert cr.while_loop(lambda n: n < 10_000, lambda n: n + 1, 0) == 10_000
    assert cr.grad(lambda x: cr.while_loop(lambda c: c < 2, lambda c: c * 1.001, x, max_steps=10_000))(
        1.0
    ) == pytest.approx(1.001**694)


def test_memory_is_linear_in_the_length():
    def peak(length):
        slope = cr.grad(lambda x: np.sum(cr.scan(lambda c, _: (np.sin(c * x), None), x, length=length)[0]))
        slope(np.ones(1000))
        tracemalloc.start()
        slope(np.ones(1000))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(400) < 2.5 * peak(200)
    assert peak(400) < 400 * 1000 * 8 * 1.5  # one carry a step, and little besides
