"""`check_grads`: declared derivatives against finite differences, both modes, to second order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, CheckError, DerivativeError
from chainrule.functions.arguments import as_arguments, name_of_function
from chainrule.functions.products import jvp, vjp
from chainrule.pytree import flatten, paths, unflatten
from chainrule.trace import is_number
from chainrule.types import ArrayType, is_floating


def check_grads(
    function: Callable[..., Any],
    args: Sequence[Any],
    order: int = 2,
    modes: Sequence[str] = ("forward", "reverse"),
    rtol: float = 1e-6,
    atol: float = 1e-6,
    seed: int = 0,
) -> None:
    """Check the derivatives of a function at a point against central differences, in random directions.

    Args:
        function: a smooth function of pytrees of arrays, in float64 (in float32 differences say little).
        args: the point: its positional arguments, all floating-point.
        order: 1 checks first derivatives, 2 also the derivatives of derivatives, in every order of the modes; 3 those
            of these.
        modes: "forward", "reverse" or both.
        rtol, atol: the tolerance of the comparison.
        seed: of the random directions.

    Raises:
        CheckError: a derivative disagrees; the message gives the mode and both numbers.
        ArgumentError: a mode or the order is unknown.
        DerivativeError: nothing at the point, or in the result, is floating-point.

    Directional differences with Richardson extrapolation (Press et al., Numerical Recipes, 3rd ed., section 5.7).

    >>> import numpy as np
    >>> check_grads(lambda x: np.sum(np.sin(x) * x), (np.array([0.3, 1.0]),))
    """
    for mode in modes or (modes,):
        if mode not in ("forward", "reverse"):
            raise ArgumentError(
                "check_grads", expected='modes "forward" and "reverse"', got=repr(mode), remedy="Choose from these two."
            )
    if order not in (1, 2, 3):
        raise ArgumentError("check_grads", expected="an order from 1 to 3", got=repr(order), remedy="Give 1, 2 or 3.")
    leaves, structure = flatten(as_arguments("check_grads", "args", args))
    leaves = [
        np.asarray(leaf, float) if not isinstance(leaf, np.ndarray) and is_number(leaf) else leaf for leaf in leaves
    ]
    if not leaves:
        raise DerivativeError(
            "check_grads", expected="a point to check at", got=f"args={args!r}", remedy="Give arguments with numbers."
        )
    for leaf, name in zip(leaves, paths(structure, "args"), strict=True):
        if not is_number(leaf) or not is_floating(np.result_type(leaf)):
            raise DerivativeError(
                "check_grads",
                expected=f"floating-point numbers as {name}",
                got=f"{ArrayType.of(leaf)}" if is_number(leaf) else f"{leaf!r}",
                remedy="Give a point of floats, and let the function close over the rest.",
            )

    def flat(*given: Any) -> list[Any]:
        """The floating results as a list."""
        results = flatten(function(*unflatten(structure, given)))[0]
        floating = [result for result in results if is_floating(np.result_type(result))]
        if floating:
            return floating
        raise DerivativeError(
            "check_grads",
            expected=f"a floating-point result of {name_of_function(function)}",
            got=", ".join(str(np.result_type(result)) for result in results) or "no result",
            remedy="Check a function with a derivative.",
        )

    _check(flat, leaves, order, tuple(modes), rtol, atol, np.random.default_rng(seed), name_of_function(function), ())


def _check(
    flat: Callable[..., list[Any]],
    leaves: list[Any],
    order: int,
    modes: tuple[str, ...],
    rtol: float,
    atol: float,
    random: Any,
    name: str,
    path: tuple[str, ...],
) -> None:
    tangents = [random.standard_normal(np.shape(leaf)).astype(leaf.dtype) for leaf in leaves]
    expected = _difference(flat, leaves, tangents)
    weights = [random.standard_normal(np.shape(part)) for part in expected]
    truth = float(sum(np.vdot(w, part) for w, part in zip(weights, expected, strict=True)))
    scale = max([1.0, *(float(np.max(np.abs(part), initial=0.0)) for part in expected)])
    for mode in modes:
        if mode == "forward":
            _, pushed = jvp(flat, leaves, tangents)
            found = float(sum(np.vdot(w, part) for w, part in zip(weights, pushed, strict=True)))
        else:
            value, pullback = vjp(flat, *leaves)
            pulled = pullback([np.asarray(w, np.result_type(part)) for w, part in zip(weights, value, strict=True)])
            found = float(sum(np.vdot(part, t) for part, t in zip(pulled, tangents, strict=True)))
        if not abs(found - truth) <= atol * scale + rtol * abs(truth):
            steps = " of ".join((*reversed(path), mode))
            raise CheckError(
                "check_grads",
                expected=f"{truth:.6g} by finite differences for the derivative ({steps} mode) of {name}",
                got=f"{found:.6g}",
                remedy="Look for a kink or a tie at this point; else the derivative of an operation in it is wrong.",
            )
        if order > 1:
            _check(
                _derivative(flat, mode, weights, tangents),
                leaves,
                order - 1,
                modes,
                rtol * 10,
                atol * 10,
                random,
                name,
                (*path, mode),
            )


def _derivative(
    flat: Callable[..., list[Any]], mode: str, weights: list[Any], tangents: list[Any]
) -> Callable[..., list[Any]]:
    """The first derivative in the given directions, as a function of the point."""
    if mode == "forward":
        return lambda *given: jvp(flat, given, tangents)[1]

    def reverse(*given: Any) -> list[Any]:
        value, pullback = vjp(flat, *given)
        return list(pullback([np.asarray(w, part.dtype) for w, part in zip(weights, value, strict=True)]))

    return reverse


def _difference(
    flat: Callable[..., list[Any]], leaves: list[Any], tangents: list[Any], step: float = 1e-3
) -> list[np.ndarray]:
    """The derivative along the tangents by central differences of two steps, extrapolated to an error of step^4."""

    def central(h: float) -> list[np.ndarray]:
        ends = [
            flat(*(leaf + sign * h * tangent for leaf, tangent in zip(leaves, tangents, strict=True)))
            for sign in (1, -1)
        ]
        return [(np.asarray(up) - np.asarray(down)) / (2 * h) for up, down in zip(*ends, strict=True)]

    return [(4 * fine - coarse) / 3 for fine, coarse in zip(central(step / 2), central(step), strict=True)]
