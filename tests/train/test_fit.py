"""Training runs: the steps are the optimiser's, the bits the seed's, and Python may decide inside the loss."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, ConcreteError, DerivativeError, DivergenceError, ShapeError
from chainrule.train import Progress, gradient

RULES = {
    "gradient descent": cr.optim.gradient_descent(0.1),
    "momentum": cr.optim.momentum(0.05),
    "nesterov": cr.optim.momentum(0.05, nesterov=True),
    "adam": cr.optim.adam(0.05),
    "schedule": cr.optim.adam(lambda count: 0.1 / (1 + count)),
}


def line(theta, x, y):
    return np.mean((x @ theta["w"] + theta["b"] - y) ** 2)


@pytest.fixture
def data():
    random = np.random.default_rng(0)
    x = random.standard_normal((23, 2))
    return x, x @ np.array([1.0, -2.0]) + 0.5


def start():
    return {"w": np.zeros(2), "b": np.zeros(())}


def by_hand(rule, data, steps):
    """The same run as a Python loop over the whole data."""
    params = start()
    state = rule.init(params)
    for _ in range(steps):
        params, state = rule.update(cr.grad(line)(params, *data), state, params)
    return params


@pytest.mark.parametrize("name", RULES)
def test_a_run_is_the_loop_of_its_steps(name, data):
    run = cr.fit(line, start(), data, optimizer=RULES[name], steps=7)
    expected = by_hand(RULES[name], data, 7)
    np.testing.assert_allclose(run.params["w"], expected["w"], rtol=1e-12)
    np.testing.assert_allclose(run.params["b"], expected["b"], rtol=1e-12)
    assert run.steps == 7
    assert run.status == "finished"


def test_every_row_is_seen_once_an_epoch_and_in_a_new_order():
    count = 10

    def loss(theta, k):
        return np.sum(theta * np.where(np.arange(count) == k[:, None], 1.0, 0.0).sum(axis=0))

    run = cr.fit(
        loss, np.zeros(count), (np.arange(count),), optimizer=cr.optim.gradient_descent(1.0), batch_size=4, epochs=3
    )
    np.testing.assert_array_equal(run.params, -3 * np.ones(count))
    assert (run.steps, run.epochs) == (9, 3)
    seen = []
    cr.fit(
        loss,
        np.zeros(count),
        (np.arange(count),),
        optimizer=cr.optim.gradient_descent(1.0),
        batch_size=5,
        epochs=2,
        progress=seen.append,
    )
    assert (seen[-1].step, seen[-1].total, seen[-1].epoch) == (4, 4, 2)
    orders = [
        cr.fit(
            loss, np.zeros(count), (np.arange(count),), optimizer=cr.optim.gradient_descent(1.0), batch_size=5, epochs=k
        ).state["order"]
        for k in (1, 2)
    ]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(count))
    assert list(orders[0]) != list(orders[1])


def test_the_seed_gives_the_bits(data):
    runs = [
        cr.fit(line, start(), data, optimizer=cr.optim.adam(0.1), batch_size=4, epochs=3, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert runs[0].params["w"].tobytes() == runs[1].params["w"].tobytes()
    assert runs[0].losses.tobytes() == runs[1].losses.tobytes()
    assert runs[0].losses.tobytes() != runs[2].losses.tobytes()


def test_without_shuffling_the_rows_come_in_order():
    def loss(theta, x):
        return theta * 0 + np.mean(x)

    run = cr.fit(
        loss,
        np.zeros(()),
        (np.arange(6.0),),
        optimizer=cr.optim.gradient_descent(1.0),
        batch_size=4,
        epochs=2,
        shuffle=False,
    )
    np.testing.assert_array_equal(run.losses, [1.5, 4.5, 1.5, 4.5])
    np.testing.assert_array_equal(run.history["loss"], [2.5, 2.5])
    np.testing.assert_array_equal(run.history["epoch"], [1, 2])


def test_steps_end_within_an_epoch(data):
    run = cr.fit(line, start(), data, optimizer=cr.optim.adam(0.1), batch_size=4, steps=8)
    assert (run.steps, run.epochs) == (8, 1)


def test_validation_and_patience(data):
    run = cr.fit(
        line, start(), data, optimizer=cr.optim.adam(0.5), batch_size=4, epochs=200, validation=0.3, patience=3
    )
    scores = run.history["validation_loss"]
    assert run.status == "stopped early"
    assert run.epochs == len(scores) == np.argmin(scores) + 1 + 3
    assert float(run.state["best"]["loss"]) == scores.min()
    np.testing.assert_array_equal(run.params["w"], run.state["best"]["params"]["w"])
    held = cr.fit(line, start(), data, optimizer=cr.optim.adam(0.1), epochs=5, validation=data)
    assert held.history["validation_loss"][-1] == pytest.approx(line(held.params, *data))


def test_python_decides_within_the_loss(data):
    def loss(theta, x, y):
        error = x @ theta["w"] + theta["b"] - y
        worst = np.max(np.abs(error))
        if worst > 1.5:
            return np.mean(np.abs(error))
        return np.mean(error**2)

    run = cr.fit(
        loss,
        start(),
        data,
        optimizer=cr.optim.gradient_descent(0.1),
        batch_size=8,
        epochs=20,
        shuffle=False,
        validation=data,
    )
    params, losses = start(), []
    for step in range(60):
        rows = slice(step % 3 * 8, step % 3 * 8 + 8)
        value, slope = cr.value_and_grad(loss)(params, data[0][rows], data[1][rows])
        losses.append(value)
        params = cr.tree_map(lambda p, g: p - 0.1 * g, params, slope)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-10)
    np.testing.assert_allclose(run.params["w"], params["w"], rtol=1e-10)
    assert run.history["validation_loss"][-1] == pytest.approx(loss(params, *data))


def test_decisions_without_end_are_refused(monkeypatch):
    monkeypatch.setattr(gradient, "MOST_VARIANTS", 8)

    def loss(theta, x, y):
        return np.mean((x @ theta["w"] * float(np.sum(x)) - y) ** 2) + theta["b"]

    rows = np.arange(40.0).reshape(20, 2)
    with pytest.raises(ConcreteError, match="at most 8 ways"):
        cr.fit(loss, start(), (rows, rows[:, 0]), optimizer=cr.optim.gradient_descent(1e-12), batch_size=1, epochs=10)


def test_divergence_keeps_the_last_finite_state(data):
    with pytest.raises(DivergenceError, match="a finite loss") as caught:
        cr.fit(line, start(), data, optimizer=cr.optim.gradient_descent(1e100), steps=50)
    run = caught.value.run
    assert 0 < run.steps < 50
    assert np.all(np.isfinite(run.params["w"]))
    assert np.all(np.isfinite(run.losses))


def test_interruption_returns_what_was_reached(data):
    def stop(progress: Progress):
        if progress.epoch >= 2:
            reached.append(progress)
            raise KeyboardInterrupt

    reached: list[Progress] = []
    run = cr.fit(line, start(), data, optimizer=cr.optim.adam(0.1), batch_size=8, epochs=10**6, progress=stop)
    assert (run.status, run.steps, run.epochs) == ("interrupted", reached[0].step, reached[0].epoch)
    assert run.losses[-1] == reached[0].loss
    assert "interrupted" in repr(run)


def test_the_arguments_are_left_as_they_were(data):
    params = start()
    copies = [array.copy() for array in data]
    cr.fit(line, params, data, optimizer=cr.optim.momentum(0.1), steps=3)
    np.testing.assert_array_equal(params["w"], [0, 0])
    for array, copy in zip(data, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"steps": None}, ArgumentError, "epochs=None and steps=None"),
        ({"epochs": 3}, ArgumentError, "epochs=3 and steps=2"),
        ({"steps": 0}, ArgumentError, "steps to be an integer"),
        ({"batch_size": 2.5}, ArgumentError, "2.5"),
        ({"patience": 3}, ArgumentError, "with validation"),
        ({"validation": 1.5}, ArgumentError, "1.5"),
        ({"validation": (np.ones((3, 3)), np.ones(3))}, ShapeError, "(2,), ()"),
        ({"data": (np.ones((3, 2)), np.ones(4))}, ShapeError, "(3, 2) and (4,)"),
        ({"data": ()}, ShapeError, "got ()"),
        ({"params": {"w": np.zeros(2, int), "b": 0.0}}, ArgumentError, "params['w']"),
        ({"params": {"w": "text", "b": 0.0}}, ArgumentError, "'text'"),
        ({"params": {}}, ArgumentError, "got dict()"),
        ({"loss": lambda p, x, y: p["w"]}, DerivativeError, "float64[2]"),
    ],
)
def test_bad_arguments(change, error, words, data):
    given = {"loss": line, "params": start(), "data": data, "optimizer": RULES["adam"], "steps": 2, **change}
    with pytest.raises(error) as caught:
        cr.fit(given.pop("loss"), given.pop("params"), given.pop("data"), **given)
    assert words in str(caught.value)


def test_fit_inside_a_traced_function_is_refused(data):
    from chainrule.errors import UnsupportedError

    def outer(scale):
        return cr.fit(lambda p, x, y: line(p, x, y) * scale, start(), data, optimizer=RULES["adam"], steps=1).params[
            "b"
        ]

    with pytest.raises(UnsupportedError, match="closes over the traced value"):
        cr.grad(outer)(1.0)


def affine(theta, x, y):
    return np.mean((theta[0] * x + theta[1] - y) ** 2)


@pytest.mark.parametrize("patience", [True, 0, 1.5, "3", np.float64(2)])
def test_patience_that_counts_nothing(patience):
    with pytest.raises(ArgumentError, match="patience of at least 1"):
        cr.fit(affine, np.zeros(2), (np.arange(9.0), np.arange(9.0)), optimizer=RULES["adam"], steps=2,
               validation=0.3, patience=patience)  # fmt: skip


def test_validation_losses_that_are_never_numbers_do_not_bring_back_the_start():
    x = np.linspace(-1, 1, 9)
    run = cr.fit(affine, np.zeros(2), (x, x), optimizer=RULES["adam"], epochs=5, validation=(x * np.nan, x), patience=3)
    assert run.status == "stopped early"
    assert np.any(run.params != 0)


def test_a_run_and_its_parameters_can_be_pickled():
    x = np.linspace(-1, 1, 9)
    run = cr.fit(affine, np.zeros(2), (x, x), optimizer=RULES["adam"], batch_size=2, epochs=2)
    again = pickle.loads(pickle.dumps(run))
    assert repr(again) == repr(run)
    np.testing.assert_array_equal(again.params, run.params)
