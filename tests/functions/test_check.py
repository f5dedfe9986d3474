"""`check_grads` finds a wrong derivative in each mode and at each order, and says where."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import ArgumentError, CheckError, DerivativeError, StructureError
from chainrule.graph import OPERATIONS, Evaluated, Linear, Operation, Partials
from chainrule.ops import cast
from chainrule.trace import apply_function

X = np.array([0.3, 1.1])
PLANTED: dict[str, Operation] = {}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """The planted operations are registered in the tests of this file alone."""
    for name, operation in PLANTED.items():
        monkeypatch.setitem(OPERATIONS, name, operation)


def planted(name, derivative):
    """x^2 with a derivative of our choice, as a function."""
    operation = PLANTED[name] = Operation(
        name=name, infer=lambda kind: kind, reference=np.square, exact=np.square, derivative=derivative,
        batch=lambda operands, batched, size: operation(*operands), lowering=Evaluated(), latex="{0}",
        samples=lambda: (), rejects=lambda: (),
    )  # fmt: skip
    del OPERATIONS[name]
    return lambda x: np.sum(apply_function(operation, x))


RIGHT = planted("right square", Partials(lambda x, out: (2 * x,)))
WRONG = planted("wrong square", Partials(lambda x, out: (2.001 * x,)))
WRONG_AT_SECOND = planted("wrong slope", Partials(lambda x, out: (cast_away(x),)))
BACKWARDS = planted("wrong adjoint", Linear(lambda g, k, x: 3 * g * x))
NOT_A_NUMBER = planted("no number", Partials(lambda x, out: (x * np.nan,)))


def cast_away(x):
    """2x with a derivative of zero."""
    return cast(cast(x * 2**40, np.int64), np.float64) / 2**39


def test_right_derivatives_pass():
    cr.check_grads(RIGHT, (X,))
    cr.check_grads(lambda x: {"a": np.sin(x), "b": (x[0] * 3, np.argmax(x))}, (X,))
    cr.check_grads(lambda p, q: p["a"] * q, ({"a": 2.0}, np.float64(3)))


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_wrong_first_derivatives(mode):
    with pytest.raises(CheckError, match=rf"\({mode} mode\)"):
        cr.check_grads(WRONG, (X,), modes=(mode,), order=1)
    with pytest.raises(CheckError, match="got nan"):
        cr.check_grads(NOT_A_NUMBER, (X,), modes=(mode,), order=1)


@pytest.mark.parametrize("first", ["forward", "reverse"])
def test_wrong_second_derivatives(first):
    cr.check_grads(WRONG_AT_SECOND, (X,), modes=(first,), order=1)
    with pytest.raises(CheckError, match=f"{first} of {first} mode"):
        cr.check_grads(WRONG_AT_SECOND, (X,), modes=(first,), order=2)


def test_a_wrong_adjoint_in_reverse_mode_alone():
    with pytest.raises(CheckError, match="reverse mode"):
        cr.check_grads(BACKWARDS, (X,), modes=("reverse",), order=1)


def test_a_decision_between_the_ends_of_the_difference():
    with pytest.raises(CheckError, match="kink"):
        cr.check_grads(np.abs, (0.0,))


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"modes": ("sideways",)}, ArgumentError, "'sideways'"),
        ({"modes": ()}, ArgumentError, "modes"),
        ({"order": 0}, ArgumentError, "order"),
        ({"order": 1.5}, ArgumentError, "order"),
        ({"args": (3,)}, None, ""),
        ({"args": (np.arange(3),)}, DerivativeError, "int64[3]"),
        ({"args": ("a",)}, DerivativeError, "'a'"),
        ({"args": 1.0}, StructureError, "args as a tuple"),
        ({"args": ()}, DerivativeError, "a point to check at"),
    ],
)
def test_arguments(change, error, words):
    given = {"function": lambda *args: np.sum(args[0] ** 2), "args": (X,), **change}
    if error is None:
        cr.check_grads(**given)
        return
    with pytest.raises(error) as caught:
        cr.check_grads(**given)
    assert words in str(caught.value)


def test_a_function_with_nothing_to_check():
    with pytest.raises(DerivativeError, match="floating-point result"):
        cr.check_grads(np.argmax, (X,))
