"""The ways to declare a derivative. Each is stated once and serves forward and reverse mode.

The local derivative L of an operation is the Jacobian of its result by one operand. Forward mode needs t -> L t,
reverse mode g -> g L (Griewank and Walther, Evaluating Derivatives, 2nd ed., chapter 3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.record import record


@record
class Partials:
    """Elementwise: L is diagonal. `rule(*operands, result, **parameters)` gives its diagonal for each operand.

    An entry is a node, a number, or None where the result does not depend smoothly on the operand.
    """

    rule: Callable[..., Any]


@record
class Linear:
    """Linear in each of some operands: L is the operation itself, so only its adjoint is declared.

    `adjoint(cotangent, k, *operands, **parameters)` is the cotangent of operand k. `operands` numbers those that the
    operation is linear in; None means all of them. A product is linear in each factor by itself; a concatenation, which
    is `jointly` linear, in its operands taken together.
    """

    adjoint: Callable[..., Any]
    operands: tuple[int, ...] | None = None
    jointly: bool = False


@record
class Tangents:
    """Neither: `rule(tangent, k, result, *operands, **parameters)` is L_k times the tangent, in linear operations.

    Reverse mode transposes what the rule builds. `result` is a tuple where the operation has several results; so then
    is what the rule returns. `operands` numbers those with a derivative; None means all.
    """

    rule: Callable[..., Any]
    operands: tuple[int, ...] | None = None


@record
class Flat:
    """Piecewise constant, or not of a floating dtype: the derivative is zero wherever it exists."""


@record
class Structural:
    """An operation with graphs inside it, which the calculus itself must transform.

    `push(node, tangents)` gives the tangents of the results, `pull(node, cotangents, wanted)` the cotangents of the
    operands; None stands for zero. `wanted[k]` says whether the cotangent of operand k is used at all.
    `chainrule.graph.calculus` offers them `forward`, `reverse` and `batch` over graphs.
    """

    push: Callable[..., Any]
    pull: Callable[..., Any]


Derivative = Partials | Linear | Tangents | Flat | Structural | tuple["Derivative", ...]
"""An operation with one result that is linear in some operands and not in others declares a tuple, one part for
each."""
